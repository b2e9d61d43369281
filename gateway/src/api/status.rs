//! `GET /_mesh/v1/status`: what there is and does now, for operators.

use super::{API_PATH, known};
use crate::catalog::Catalog;
use crate::mesh::pool::Pool;
use crate::mesh::tab::Tab;
use crate::metrics::Metrics;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the status tells of.
pub(crate) struct Gateway {
    /// How many tenants and handlers there are.
    pub(crate) catalog: Arc<Catalog>,
    /// The tabs.
    pub(crate) pool: Arc<Pool>,
    /// What was counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The name under which tabs join.
    pub(crate) pool_name: String,
    /// When the gateway started.
    pub(crate) since: Instant,
}

/// The route with what documents it, with 405 for other methods.
pub(super) fn router(gateway: Gateway) -> OpenApiRouter {
    OpenApiRouter::new().routes(known(API_PATH, routes!(read))).with_state(Arc::new(gateway))
}

#[derive(Serialize, ToSchema)]
struct Status {
    version: &'static str,
    uptime_s: u64,
    tabs: Vec<TabStatus>,
    tabs_joined: usize,
    /// Those that take requests now.
    tabs_ready: usize,
    tenants: usize,
    handlers: usize,
    requests: Requests,
}

/// A tab that is joined.
#[derive(Serialize, ToSchema)]
struct TabStatus {
    id: u64,
    pool: String,
    /// How it is carried.
    lane: &'static str,
    ready: bool,
    /// That were sent to it.
    requests: u64,
    /// As it says.
    isolates: u64,
    rtt_ms: Option<f64>,
    /// When it joined (RFC 3339).
    since: String,
}

#[derive(Serialize, ToSchema)]
struct Requests {
    active: i64,
    queued: i64,
    /// How many ended how, since the gateway started.
    outcomes: BTreeMap<&'static str, u64>,
}

/// Tells of the gateway's tabs and requests.
#[utoipa::path(get, path = "/status", tag = "status", operation_id = "read", responses((status = 200, body = Status)))]
async fn read(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let Gateway { catalog, pool, metrics, pool_name, since } = &*gateway;
    let (tabs_joined, tabs_ready) = pool.count();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: since.elapsed().as_secs(),
        tabs: pool.tabs().iter().map(|tab| tab_status(tab, pool_name)).collect(),
        tabs_joined,
        tabs_ready,
        tenants: catalog.tenants().len(),
        handlers: catalog.count(),
        requests: Requests {
            active: metrics.active.get(),
            queued: metrics.queued.get(),
            outcomes: metrics.handlers.outcomes(),
        },
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(status))
}

fn tab_status(tab: &Tab, pool: &str) -> TabStatus {
    TabStatus {
        id: tab.id,
        pool: pool.to_owned(),
        lane: tab.lane.name(),
        ready: tab.is_ready(),
        requests: tab.carried.requests(),
        isolates: tab.carried.isolates(),
        rtt_ms: tab.carried.round_trip().map(|time| time.as_secs_f64() * 1000.0),
        since: humantime::format_rfc3339_millis(tab.since).to_string(),
    }
}
