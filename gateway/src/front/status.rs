//! Health, readiness, status, metrics and the home page.

use crate::catalog::Catalog;
use crate::mesh::pool::Pool;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use http::{Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// Media type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/_mesh/v1/status` tells of.
struct Gateway {
    catalog: Arc<Catalog>,
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    pool_name: String,
    since: Instant,
}

/// `/_mesh/healthz`: the process answers. `/_mesh/readyz`: a tab can take a request now. `/_mesh/metrics`. `/_mesh/v1/status`: what
/// there is and does, for operators.
pub(super) fn router(
    catalog: Arc<Catalog>,
    pool: Arc<Pool>,
    metrics: Arc<Metrics>,
    pool_name: String,
) -> Router {
    let since = Instant::now();
    let gateway =
        Gateway { catalog, pool: Arc::clone(&pool), metrics: Arc::clone(&metrics), pool_name, since };
    let metrics = get(move || {
        let metrics = Arc::clone(&metrics);
        async move { ([(header::CONTENT_TYPE, OPENMETRICS)], metrics.render()) }
    });
    Router::new()
        .route(
            "/_mesh/v1/status",
            get(status)
                .fallback(async || Problem::new(ProblemType::MethodNotAllowed))
                .with_state(Arc::new(gateway)),
        )
        .route("/_mesh/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/_mesh/readyz", get(ready).with_state(pool))
        .route("/_mesh/metrics", metrics)
}

async fn ready(State(pool): State<Arc<Pool>>) -> impl IntoResponse {
    let (joined, ready) = pool.count();
    let status = if ready > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready > 0, "tabs": { "joined": joined, "ready": ready } })))
}

async fn status(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    let Gateway { catalog, pool, metrics, pool_name, since } = &*gateway;
    let (tabs, (joined, ready)) = (pool.tabs(), pool.count());
    let tabs: Vec<_> = tabs
        .iter()
        .map(|tab| {
            json!({
                "id": tab.id,
                "pool": pool_name,
                "lane": tab.lane.name(),
                "ready": tab.is_ready(),
                "requests": tab.carried.requests(),
                "isolates": tab.carried.isolates(),
                "rtt_ms": tab.carried.round_trip().map(|time| time.as_secs_f64() * 1000.0),
                "since": humantime::format_rfc3339_millis(tab.since).to_string(),
            })
        })
        .collect();
    let answer = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": since.elapsed().as_secs(),
        "tabs": tabs,
        "tabs_joined": joined,
        "tabs_ready": ready,
        "tenants": catalog.tenants().len(),
        "handlers": catalog.count(),
        "requests": {
            "active": metrics.active.get(),
            "queued": metrics.queued.get(),
            "outcomes": metrics.handlers.outcomes(),
        },
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(answer))
}

/// What somebody sees who opens the gateway's address.
pub(super) fn home(scheme: &str, authority: &str) -> Response<Body> {
    format!(
        "Tabmesh gateway\n\n\
         Deploy a handler:  curl -T hello.js {scheme}://{authority}/_mesh/v1/handlers/hello\n\
         Call it:           curl {scheme}://{authority}/hello/\n\
         Give capacity:     open {scheme}://{authority}/_mesh/worker in a browser\n"
    )
    .into_response()
}
