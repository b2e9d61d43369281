//! `…/tail`: the live tail of a handler or a whole tenant, as server-sent events, or over a WebSocket where one is asked for. It
//! ends with the token that opened it, and says so.

use super::{API_PATH, Address, Owner, TENANTS_PATH, known, no_handler, no_tenant};
use crate::access::{Ended, Hold};
use crate::catalog::Catalog;
use crate::problem::{Problem, ProblemType};
use crate::tail::{Filter, Subscription, Tail};
use axum::extract::rejection::PathRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, Path, RawQuery, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, header};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Pause after which a reader that heard nothing gets a sign of life: so a dead one is noticed, and proxies keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Longest message that a reader may send, in bytes: it has nothing to say.
pub(crate) const MAX_MESSAGE: usize = 4096;

/// How long a reader may take for one event before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Name of the event that says why nothing follows.
pub(crate) const END_EVENT: &str = "end";

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

struct Listening {
    catalog: Arc<Catalog>,
    tail: Arc<Tail>,
}

/// The routes with what documents them, with 405 for other methods.
pub(super) fn router(catalog: Arc<Catalog>, tail: Arc<Tail>) -> OpenApiRouter {
    let mut router = OpenApiRouter::new();
    for base in [API_PATH.to_owned(), format!("{TENANTS_PATH}/{{tenant}}")] {
        router = router.routes(known(&base, routes!(handler))).routes(known(&base, routes!(tenant)));
    }
    router.with_state(Arc::new(Listening { catalog, tail }))
}

/// What a tail is asked; [`Filter`] reads it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query to the document")]
struct Query {
    /// How it ended: `ok`, `error`, `exception`, ...; several with commas.
    outcome: Option<String>,
    /// `GET`; several with commas.
    method: Option<String>,
    /// `404`, `5xx`; several with commas.
    status: Option<String>,
    /// In the URL, a console line or an exception.
    search: Option<String>,
    /// First digits of the version's hash; several with commas.
    version: Option<String>,
    /// Above 0, up to 1.
    sampling_rate: Option<f64>,
}

/// Tells what a handler's requests do, as it happens, until the reader goes or its token ends; over a WebSocket where an
/// upgrade is asked for.
#[utoipa::path(get, path = "/handlers/{name}/tail", tag = "tail", operation_id = "handler",
    params(("name" = String, Path), Query), responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn handler(
    State(api): State<Arc<Listening>>,
    address: Result<Path<Address>, PathRejection>,
    Extension(hold): Extension<Hold>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.catalog.tenant(&tenant).ok_or_else(no_tenant)?;
    api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    listen(&api, &tenant, Some(&name), query, upgrade, hold)
}

/// The same of all handlers of the tenant.
#[utoipa::path(get, path = "/tail", tag = "tail", operation_id = "tenant", params(Query),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
async fn tenant(
    State(api): State<Arc<Listening>>,
    owner: Result<Path<Owner>, PathRejection>,
    Extension(hold): Extension<Hold>,
    RawQuery(query): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let tenant = owner.map_err(|_| no_tenant())?.0.tenant;
    api.catalog.tenant(&tenant).ok_or_else(no_tenant)?;
    listen(&api, &tenant, None, query, upgrade, hold)
}

fn listen(
    api: &Listening,
    tenant: &str,
    handler: Option<&str>,
    query: Option<String>,
    upgrade: Upgrade,
    hold: Hold,
) -> Result<Response, Problem> {
    let filter = Filter::of_query(&query.unwrap_or_default())
        .map_err(|error| Problem::new(ProblemType::InvalidRequest).detail(error.to_string()))?;
    let subscription = api.tail.subscribe(tenant, handler, filter);
    let subscription =
        subscription.map_err(|error| Problem::new(ProblemType::TooManyReaders).detail(error.to_string()))?;
    Ok(match upgrade {
        Ok(upgrade) => {
            let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
            upgrade.on_upgrade(move |socket| by_socket(socket, subscription, hold))
        }
        Err(_) => by_events(subscription, hold),
    })
}

fn by_events(subscription: Subscription, hold: Hold) -> Response {
    // The first thing is a comment, so that the reader knows that it listens.
    let hello = Event::default().comment("listening");
    let first = futures_util::stream::once(async { Ok::<_, Infallible>(hello) });
    let events = futures_util::stream::unfold(Some((subscription, hold)), async |listening| {
        let (mut subscription, hold) = listening?;
        tokio::select! {
            biased;
            why = hold.ended() => Some((Ok(last(why)), None)),
            told = subscription.next() => {
                Some((Ok(Event::default().data(told?.json().to_string())), Some((subscription, hold))))
            }
        }
    });
    let stream = futures_util::StreamExt::chain(first, events);
    const HEADERS: [(HeaderName, HeaderValue); 2] = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx and others would hold events back.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (HEADERS, Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

/// The last event: why nothing follows.
fn last(why: Ended) -> Event {
    Event::default()
        .event(END_EVENT)
        .data(json!({ "reason": why.name(), "detail": why.sentence() }).to_string())
}

/// Tells a WebSocket, until the reader goes or `hold` ends; then it is closed with a code and a reason.
pub(crate) async fn by_socket(mut socket: WebSocket, mut subscription: Subscription, hold: Hold) {
    let mut alive = tokio::time::interval(KEEP_ALIVE);
    let mut ended = std::pin::pin!(hold.ended());
    loop {
        let message = tokio::select! {
            biased;
            why = &mut ended => close(code(why), why.sentence()),
            told = subscription.next() => match told {
                Some(told) => Message::text(told.json().to_string()),
                None => close(close_code::AWAY, "the gateway is shutting down"),
            },
            _ = alive.tick() => Message::Ping(bytes::Bytes::new()),
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let is_last = matches!(message, Message::Close(_));
        match tokio::time::timeout(PATIENCE, socket.send(message)).await {
            Ok(Ok(())) if !is_last => {}
            _ => return,
        }
    }
}

/// Close codes: as the API's statuses, in the range for applications.
fn code(why: Ended) -> u16 {
    match why {
        Ended::Revoked | Ended::Expired => 4401,
        Ended::Narrowed => 4403,
        Ended::Over => close_code::NORMAL,
    }
}

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
