//! Live tails: a session with filters is made, and its address is a secret that opens one WebSocket after another until it ends,
//! or the token that made it does; what is open ends then, too.

use super::answer::{Answer, Refusal, ok};
use super::{BASE, Script, Shared, no_such_path, own_host};
use crate::access::Hold;
use crate::api::stores;
use crate::api::tail::{MAX_MESSAGE, by_socket};
use crate::api::view::time;
use crate::problem::{Problem, ProblemType};
use crate::tail::Filter;
use axum::extract::rejection::PathRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How long a session lasts; as Cloudflare.
const LIFE: Duration = Duration::from_secs(6 * 60 * 60);

/// Sessions at once, over all tenants.
const MAX_SESSIONS: usize = 1000;

/// Largest request, in bytes.
const MAX_REQUEST: usize = 64 << 10;

/// Most filters of a session.
const MAX_FILTERS: usize = 16;

/// The subprotocol that Cloudflare's clients speak.
const PROTOCOL: &str = "trace-v1";

struct Session {
    tenant: String,
    handler: String,
    filter: Filter,
    hold: Hold,
}

/// All sessions, by their secret.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.hold.check().is_ok());
        sessions
    }
}

/// Which session of a script.
#[derive(Deserialize)]
pub(super) struct Place {
    account: String,
    script: String,
    tail: String,
}

/// What is wanted; nothing is everything.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    filters: Vec<Condition>,
}

/// One filter, in Cloudflare's words.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Condition {
    SamplingRate(f64),
    Outcome(Vec<String>),
    Method(Vec<String>),
    Header(Header),
    ClientIp(Vec<String>),
    Query(String),
    #[serde(rename = "scriptVersion")]
    ScriptVersion(String),
}

#[derive(Deserialize)]
struct Header {
    key: String,
    #[serde(default)]
    query: Option<String>,
}

fn filter(conditions: Vec<Condition>) -> Result<Filter, Refusal> {
    let refused = |why: String| Refusal::metadata(format!("{why}."));
    if conditions.len() > MAX_FILTERS {
        return Err(refused(format!("A tail has at most {MAX_FILTERS} filters")));
    }
    let mut filter = Filter::default();
    for condition in conditions {
        match condition {
            Condition::SamplingRate(rate) if rate > 0.0 && rate <= 1.0 => filter.sampling_rate = Some(rate),
            Condition::SamplingRate(_) => {
                return Err(refused("A sampling rate is above 0 and at most 1".into()));
            }
            Condition::Outcome(names) => {
                // Those that cannot be here are nobody's outcome.
                for name in names.iter().filter(|name| *name != "unknown") {
                    filter.outcome(name).map_err(|error| refused(error.to_string()))?;
                }
            }
            Condition::Method(methods) => {
                filter.methods.extend(methods.iter().map(|method| method.to_ascii_uppercase()));
            }
            Condition::Header(Header { key, query }) => filter.headers.push((key, query)),
            Condition::ClientIp(addresses) => {
                if addresses.iter().any(|address| address == "self") {
                    return Err(refused(
                        "Tabmesh cannot tell which caller is `self`: name the address".into(),
                    ));
                }
                filter.client_ips.extend(addresses);
            }
            Condition::Query(text) => filter.search = Some(text),
            Condition::ScriptVersion(id) => filter.versions.push(id.replace('-', "")),
        }
    }
    Ok(filter)
}

/// Makes a session.
pub(super) async fn make(
    State(cloudflare): Shared,
    path: Result<Path<Script>, PathRejection>,
    request: Request,
) -> Answer {
    let Script { account: tenant, script: handler } = cloudflare.script(path)?;
    cloudflare.handler(&tenant, &handler)?;
    let host = own_host(request.uri(), request.headers()).ok_or_else(no_such_path)?;
    let hold = request.extensions().get::<Hold>().cloned().unwrap_or_else(Hold::forever);
    let hold = hold.until(Instant::now() + LIFE);
    let Wanted { filters } = stores::json(request, MAX_REQUEST).await?;
    let filter = filter(filters)?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| Problem::new(ProblemType::Internal))?;
    let id = hex::encode(secret);
    let mut sessions = cloudflare.tails.lock();
    if sessions.len() >= MAX_SESSIONS {
        return Err(Problem::new(ProblemType::TooManyReaders).detail("Too many live tails are open.").into());
    }
    sessions.insert(id.clone(), Session { tenant, handler, filter, hold });
    let ends = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + LIFE;
    let ends = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
    let scheme = if cloudflare.api.limits.scheme == "https" { "wss" } else { "ws" };
    ok(json!({ "id": id, "url": format!("{scheme}://{host}{BASE}/tails/{id}"), "expires_at": time(ends) }))
}

/// Ends a session; who listens already listens on.
pub(super) async fn end(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let Path(Place { account, script, tail }) = path.map_err(|_| no_such_path())?;
    let mut sessions = cloudflare.tails.lock();
    if sessions.get(&tail).is_some_and(|session| session.tenant == account && session.handler == script) {
        sessions.remove(&tail);
    }
    ok(Value::Null)
}

/// Listens, where the session's secret is known.
pub(super) async fn listen(
    State(cloudflare): Shared,
    path: Result<Path<String>, PathRejection>,
    upgrade: WebSocketUpgrade,
) -> Answer {
    let Path(id) = path.map_err(|_| no_such_path())?;
    let (subscription, hold) = {
        let sessions = cloudflare.tails.lock();
        let session = sessions.get(&id).ok_or_else(|| {
            Problem::new(ProblemType::NotFound).detail("There is no such tail, or it ended.")
        })?;
        let subscription =
            cloudflare.tail.subscribe(&session.tenant, Some(&session.handler), session.filter.clone());
        (subscription, session.hold.clone())
    };
    let subscription =
        subscription.map_err(|error| Problem::new(ProblemType::TooManyReaders).detail(error.to_string()))?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).protocols([PROTOCOL]);
    // wrangler's first message is not masked, against RFC 6455; Cloudflare takes it.
    let upgrade = upgrade.accept_unmasked_frames(true);
    Ok(upgrade.on_upgrade(move |socket| by_socket(socket, subscription, hold)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read_as_wrangler_writes_them() {
        let of = |filters: Value| {
            let wanted: Wanted = serde_json::from_value(json!({ "filters": filters })).unwrap();
            filter(wanted.filters).map_err(|refusal| format!("{refusal:?}"))
        };
        let all = of(json!([
            { "sampling_rate": 0.5 }, { "outcome": ["exception", "exceededCpu", "exceededMemory", "unknown"] },
            { "method": ["get"] }, { "header": { "key": "X-A", "query": "b" } }, { "client_ip": ["192.0.2.1"] },
            { "query": "text" }, { "scriptVersion": "01234567-89ab-cdef-0123-456789abcdef" },
        ]))
        .unwrap();
        assert_eq!(all.sampling_rate, Some(0.5));
        assert_eq!((all.outcomes.len(), &*all.methods), (3, &["GET".to_owned()][..]));
        assert_eq!(all.headers, [("X-A".to_owned(), Some("b".to_owned()))]);
        assert_eq!(all.versions, ["0123456789abcdef0123456789abcdef"]);
        assert_eq!(all.search.as_deref(), Some("text"));
        assert!(of(json!([{ "client_ip": ["self"] }])).unwrap_err().contains("self"));
        assert!(of(json!([{ "sampling_rate": 0 }])).is_err());
    }
}
