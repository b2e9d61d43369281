//! `…/tail`: the live tail of a handler or a whole tenant, as server-sent events, or over a WebSocket where one is asked for.

use super::{Owner, TENANTS_PATH, no_handler, no_tenant};
use crate::catalog::Catalog;
use crate::problem::{Problem, ProblemType};
use crate::tail::{Filter, Subscription, Tail};
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, HeaderValue, header};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Pause after which a reader that heard nothing gets a sign of life: so a dead one is noticed, and proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Longest message that a reader may send, in bytes: it has nothing to say.
pub(crate) const MAX_MESSAGE: usize = 4096;

/// How long a reader may take for one event before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

struct Listening {
    catalog: Arc<Catalog>,
    tail: Arc<Tail>,
}

/// The routes, with 405 for other methods.
pub fn router(catalog: Arc<Catalog>, tail: Arc<Tail>) -> Router {
    let handlers = format!("{}/{{name}}/tail", super::HANDLERS_PATH);
    let of_tenant = format!("{TENANTS_PATH}/{{tenant}}");
    let known = |methods: axum::routing::MethodRouter<Arc<Listening>>| {
        methods.fallback(async || Problem::new(ProblemType::MethodNotAllowed))
    };
    Router::new()
        .route(&handlers, known(get(handler)))
        .route("/_mesh/v1/tail", known(get(tenant)))
        .route(&format!("{of_tenant}/handlers/{{name}}/tail"), known(get(handler)))
        .route(&format!("{of_tenant}/tail"), known(get(tenant)))
        .with_state(Arc::new(Listening { catalog, tail }))
}

/// Which handler a path means.
#[derive(Deserialize)]
struct Address {
    #[serde(default = "super::default_tenant")]
    tenant: String,
    name: String,
}

/// `GET handlers/{name}/tail`.
async fn handler(
    State(api): State<Arc<Listening>>,
    address: Result<Path<Address>, PathRejection>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.catalog.tenant(&tenant).ok_or_else(no_tenant)?;
    api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    listen(&api, &tenant, Some(&name), query, upgrade)
}

/// `GET tail`: all handlers of the tenant.
async fn tenant(
    State(api): State<Arc<Listening>>,
    owner: Result<Path<Owner>, PathRejection>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let tenant = owner.map_err(|_| no_tenant())?.0.tenant;
    api.catalog.tenant(&tenant).ok_or_else(no_tenant)?;
    listen(&api, &tenant, None, query, upgrade)
}

fn listen(
    api: &Listening,
    tenant: &str,
    handler: Option<&str>,
    query: Option<String>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let filter = Filter::of_query(&query.unwrap_or_default())
        .map_err(|error| Problem::new(ProblemType::InvalidRequest).detail(error.to_string()))?;
    let subscription = api.tail.subscribe(tenant, handler, filter);
    let subscription =
        subscription.map_err(|error| Problem::new(ProblemType::TooManyReaders).detail(error.to_string()))?;
    Ok(match upgrade {
        Ok(upgrade) => {
            let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
            upgrade.on_upgrade(move |socket| by_socket(socket, subscription))
        }
        Err(_) => by_events(subscription),
    })
}

fn by_events(subscription: Subscription) -> Response {
    // The first thing is a comment, so that the reader knows that it listens.
    let hello = Event::default().comment("listening");
    let first = futures_util::stream::once(async { Ok::<_, Infallible>(hello) });
    let events = futures_util::stream::unfold(subscription, async |mut subscription| {
        let told = subscription.next().await?;
        Some((Ok(Event::default().data(told.json().to_string())), subscription))
    });
    let stream = futures_util::StreamExt::chain(first, events);
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx and others would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (HEADERS, Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

pub(crate) async fn by_socket(mut socket: WebSocket, mut subscription: Subscription) {
    let mut alive = tokio::time::interval(KEEP_ALIVE);
    loop {
        let message = tokio::select! {
            told = subscription.next() => match told {
                Some(told) => Message::text(told.json().to_string()),
                None => return,
            },
            _ = alive.tick() => Message::Ping(bytes::Bytes::new()),
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        match tokio::time::timeout(PATIENCE, socket.send(message)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}
