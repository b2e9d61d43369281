//! A KV namespace as the isolate's `KVNamespace` asks for it: small HTTP requests whose errors are the sentences that Workers
//! have. Form: `GET|PUT|DELETE http://kv/value?key=…`, `GET http://kv/keys?prefix=…&limit=…&cursor=…`,
//! `POST http://kv/values` with `{"keys": […]}`.

use crate::kv::{Entry, Key, Kv, Namespace};
use crate::mesh::memory::{Held, Memory};
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Limits of Workers KV, in bytes and seconds.
const MAX_KEY: usize = 512;
const MAX_VALUE: usize = 25 << 20;
const MAX_METADATA: usize = 1024;
const MIN_TTL: i64 = 60;
const MAX_LIST: usize = 1000;
const MAX_BULK: usize = 100;

const METADATA: HeaderName = HeaderName::from_static("kv-metadata");
const EXPIRATION: HeaderName = HeaderName::from_static("kv-expiration");
const TTL: HeaderName = HeaderName::from_static("kv-expiration-ttl");

/// What goes wrong: the status and sentence that Workers would give.
type Refused = (StatusCode, String);

/// Answers a request to a namespace.
///
/// # Errors
/// A sentence for the handler.
pub async fn serve(
    kv: &Arc<Kv>,
    memory: &Memory,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, String> {
    let method = request.method().clone();
    let done = match (request.uri().path(), &method) {
        ("/value", &Method::GET) => get(kv, memory, namespace, request.uri()).await,
        ("/value", &Method::PUT) => put(kv, memory, namespace, request).await,
        ("/value", &Method::DELETE) => delete(kv, namespace, request.uri()).await,
        ("/keys", &Method::GET) => list(kv, namespace, request.uri()).await,
        ("/values", &Method::POST) => bulk(kv, memory, namespace, request).await,
        _ => Err((StatusCode::NOT_FOUND, "no such operation".to_owned())),
    };
    Ok(done.unwrap_or_else(|(status, why)| {
        let mut response =
            Response::new(Body::from(format!("KV {method} failed: {} {why}", status.as_u16())));
        *response.status_mut() = status;
        response
    }))
}

fn bad(why: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, why.into())
}

/// A parameter of the query.
fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or("");
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn key_of(uri: &Uri) -> Result<String, Refused> {
    checked_key(parameter(uri, "key").unwrap_or_default())
}

fn checked_key(key: String) -> Result<String, Refused> {
    match key.as_str() {
        "" => Err(bad("Key name cannot be empty.")),
        "." | ".." => Err(bad(format!("\"{key}\" is not allowed as a key name."))),
        _ if key.len() > MAX_KEY => Err((
            StatusCode::URI_TOO_LONG,
            format!("UTF-8 encoded length of {} exceeds key length limit of {MAX_KEY}.", key.len()),
        )),
        _ => Ok(key),
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Waits until this tab's calls may hold so many bytes more.
async fn room(memory: &Memory, bytes: usize) -> Result<Held, Refused> {
    memory.take(bytes).await.map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error))
}

/// Bytes that a body says to have; as many as it may where it does not say.
fn announced(headers: &HeaderMap) -> usize {
    let length =
        headers.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.map_or(MAX_VALUE, |length: usize| length.min(MAX_VALUE))
}

/// Does work that waits for the disk elsewhere.
async fn blocking<T: Send + 'static>(
    kv: &Arc<Kv>,
    work: impl FnOnce(&Kv) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Refused> {
    let kv = Arc::clone(kv);
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "the KV store failed");
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal error.".to_owned())
    };
    match tokio::task::spawn_blocking(move || work(&kv)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(failed(&error)),
        Err(error) => Err(failed(&error)),
    }
}

async fn get(
    kv: &Arc<Kv>,
    memory: &Memory,
    namespace: Namespace,
    uri: &Uri,
) -> Result<Response<Body>, Refused> {
    let key = key_of(uri)?;
    let none = || (StatusCode::NOT_FOUND, "Not Found".to_owned());
    let (whose, which) = (namespace.clone(), key.clone());
    let size = blocking(kv, move |kv| kv.size(&whose, &which, now())).await?.ok_or_else(none)?;
    let held = room(memory, size).await?;
    let entry = blocking(kv, move |kv| kv.get(&namespace, &key, now())).await?.ok_or_else(none)?;
    let mut response = Response::new(held.body(entry.value.into()));
    if let Some(metadata) = entry.metadata {
        // Fields are ASCII; JSON need not be.
        let text = utf8_percent_encode(&metadata, NON_ALPHANUMERIC).to_string();
        response.headers_mut().extend(HeaderValue::try_from(text).ok().map(|value| (METADATA, value)));
    }
    Ok(response)
}

async fn put(
    kv: &Arc<Kv>,
    memory: &Memory,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, Refused> {
    let key = key_of(request.uri())?;
    let (parts, body) = request.into_parts();
    let expires = expiration(&parts.headers, now())?;
    let metadata = match parts.headers.get(METADATA) {
        Some(value) => Some(checked_metadata(value)?),
        None => None,
    };
    let bytes = announced(&parts.headers);
    let _held = room(memory, bytes).await?;
    let value = Limited::new(
        body,
        if parts.headers.contains_key(http::header::CONTENT_LENGTH) { bytes } else { MAX_VALUE },
    )
    .collect()
    .await
    .map_err(|_| {
        (StatusCode::PAYLOAD_TOO_LARGE, format!("Value length exceeds limit of {MAX_VALUE}, or broke off."))
    })?;
    let entry = Entry { value: value.to_bytes().into(), metadata, expires };
    blocking(kv, move |kv| kv.put(&namespace, &key, &entry, now())).await?;
    Ok(Response::new(Body::empty()))
}

async fn delete(kv: &Arc<Kv>, namespace: Namespace, uri: &Uri) -> Result<Response<Body>, Refused> {
    let key = key_of(uri)?;
    blocking(kv, move |kv| kv.delete(&namespace, &key)).await?;
    Ok(Response::new(Body::empty()))
}

fn checked_metadata(value: &HeaderValue) -> Result<String, Refused> {
    let text = percent_decode_str(value.to_str().unwrap_or("")).decode_utf8_lossy().into_owned();
    if text.len() > MAX_METADATA {
        let why = format!("Metadata length of {} exceeds limit of {MAX_METADATA}.", text.len());
        return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(_) => Err(bad("Metadata must be JSON.")),
    }
}

/// When an entry goes, by either field: a moment, or from now.
fn expiration(headers: &HeaderMap, now: i64) -> Result<Option<i64>, Refused> {
    let number = |name: &HeaderName| -> Result<Option<i64>, Refused> {
        let Some(text) = headers.get(name).and_then(|value| value.to_str().ok()) else { return Ok(None) };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => {
                Err(bad(format!("Invalid {} of {text}. Please specify integer greater than 0.", words(name))))
            }
        }
    };
    if let Some(ttl) = number(&TTL)? {
        if ttl < MIN_TTL {
            let why = format!("Invalid expiration_ttl of {ttl}. Expiration TTL must be at least {MIN_TTL}.");
            return Err(bad(why));
        }
        return Ok(Some(now.saturating_add(ttl)));
    }
    match number(&EXPIRATION)? {
        Some(at) if at <= now => Err(bad(format!(
            "Invalid expiration of {at}. Please specify integer greater than the current number of seconds since the UNIX epoch."
        ))),
        Some(at) if at < now.saturating_add(MIN_TTL) => Err(bad(format!(
            "Invalid expiration of {at}. Expiration times must be at least {MIN_TTL} seconds in the future."
        ))),
        at => Ok(at),
    }
}

fn words(name: &HeaderName) -> &'static str {
    if *name == TTL { "expiration_ttl" } else { "expiration" }
}

async fn list(kv: &Arc<Kv>, namespace: Namespace, uri: &Uri) -> Result<Response<Body>, Refused> {
    let limit = match parameter(uri, "limit") {
        None => MAX_LIST,
        Some(text) => match text.parse::<usize>() {
            Ok(limit @ 1..=MAX_LIST) => limit,
            Ok(0) | Err(_) => {
                return Err(bad(format!(
                    "Invalid key_count_limit of {text}. Please specify an integer greater than 0."
                )));
            }
            Ok(_) => {
                let why = format!(
                    "Invalid key_count_limit of {text}. Please specify an integer less than {MAX_LIST}."
                );
                return Err(bad(why));
            }
        },
    };
    let prefix = parameter(uri, "prefix").unwrap_or_default();
    let cursor = parameter(uri, "cursor").filter(|cursor| !cursor.is_empty());
    let after = match cursor {
        None => None,
        Some(cursor) => {
            let bytes = URL_SAFE_NO_PAD.decode(&cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(bytes.ok_or_else(|| bad("Invalid cursor."))?)
        }
    };
    let (keys, more) =
        blocking(kv, move |kv| kv.list(&namespace, &prefix, after.as_deref(), limit, now())).await?;
    let mut answer = json!({ "keys": keys.iter().map(listed).collect::<Vec<_>>(), "list_complete": !more });
    if let (true, Some(last)) = (more, keys.last()) {
        answer["cursor"] = URL_SAFE_NO_PAD.encode(&last.name).into();
    }
    Ok(Response::new(Body::from(answer.to_string())))
}

fn listed(key: &Key) -> Value {
    let mut entry = json!({ "name": key.name });
    if let Some(at) = key.expires {
        entry["expiration"] = at.into();
    }
    if let Some(metadata) = parsed(key.metadata.as_deref()) {
        entry["metadata"] = metadata;
    }
    entry
}

fn parsed(metadata: Option<&str>) -> Option<Value> {
    metadata.and_then(|text| serde_json::from_str(text).ok())
}

#[derive(Deserialize)]
struct Bulk {
    keys: Vec<String>,
}

/// Several values at once, as text: `{key: {value, metadata} or null}`.
async fn bulk(
    kv: &Arc<Kv>,
    memory: &Memory,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, Refused> {
    let body = Limited::new(request.into_body(), MAX_BULK * (MAX_KEY * 6 + 8)).collect().await;
    let body = body.map_err(|_| bad("The keys cannot be read."))?.to_bytes();
    let Bulk { keys } =
        serde_json::from_slice(&body).map_err(|_| bad("The keys must be an array of strings."))?;
    if keys.is_empty() || keys.len() > MAX_BULK {
        return Err(bad(format!("You can request a maximum of {MAX_BULK} keys, and at least one.")));
    }
    let keys = keys.into_iter().map(checked_key).collect::<Result<Vec<_>, _>>()?;
    let found = blocking(kv, move |kv| {
        let mut found = Map::new();
        let mut bytes = 0usize;
        for key in keys {
            let entry = kv.get(&namespace, &key, now())?;
            bytes += entry.as_ref().map_or(0, |entry| entry.value.len());
            if bytes > MAX_VALUE {
                return Ok(None);
            }
            let value = entry.map(|entry| {
                let text = String::from_utf8_lossy(&entry.value);
                json!({ "value": text, "metadata": parsed(entry.metadata.as_deref()) })
            });
            found.insert(key, value.unwrap_or(Value::Null));
        }
        Ok(Some(found))
    });
    // What comes is known when it is there: at most one value's worth.
    let _held = room(memory, MAX_VALUE).await?;
    match found.await? {
        Some(found) => Ok(Response::new(Body::from(Value::Object(found).to_string()))),
        None => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("Total size of request exceeds the limit of {MAX_VALUE} bytes."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations_are_as_workers_have_them() {
        let of = |name: HeaderName, value: &str| {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())]);
            expiration(&headers, 1000).map_err(|(_, why)| why)
        };
        assert_eq!(of(TTL, "60"), Ok(Some(1060)));
        assert!(of(TTL, "59").unwrap_err().contains("at least 60"));
        assert!(of(TTL, "x").unwrap_err().contains("Invalid expiration_ttl of x"));
        assert_eq!(of(EXPIRATION, "1060"), Ok(Some(1060)));
        assert!(of(EXPIRATION, "1059").unwrap_err().contains("in the future"));
        assert!(of(EXPIRATION, "1000").unwrap_err().contains("since the UNIX epoch"));
        assert_eq!(expiration(&HeaderMap::new(), 0), Ok(None));
    }
}
