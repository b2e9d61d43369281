//! A KV namespace as the isolate's `KVNamespace` asks for it: small HTTP requests whose errors are the sentences that Workers
//! have. Form: `GET|PUT|DELETE http://kv/value?key=…`, `GET http://kv/keys?prefix=…&limit=…&cursor=…`,
//! `POST http://kv/values` with `{"keys": […]}`.

use crate::kv::operations::{self, KvError, MAX_KEY, MAX_READ, Operations, parsed};
use crate::kv::{Key, Namespace};
use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// JSON, percent-encoded: fields are ASCII, JSON need not be.
pub(crate) const METADATA: HeaderName = HeaderName::from_static("kv-metadata");
pub(crate) const EXPIRATION: HeaderName = HeaderName::from_static("kv-expiration");
const TTL: HeaderName = HeaderName::from_static("kv-expiration-ttl");

/// Answers a request to a namespace.
///
/// # Errors
/// A sentence for the handler.
pub async fn serve(
    kv: &Operations,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, String> {
    let method = request.method().clone();
    let done = match (request.uri().path(), &method) {
        ("/value", &Method::GET) => get(kv, namespace, request.uri()).await,
        ("/value", &Method::PUT) => put(kv, namespace, request).await,
        ("/value", &Method::DELETE) => delete(kv, namespace, request.uri()).await,
        ("/keys", &Method::GET) => list(kv, namespace, request.uri()).await,
        ("/values", &Method::POST) => bulk(kv, namespace, request).await,
        _ => Err(KvError::NotFound),
    };
    Ok(done.unwrap_or_else(|error| {
        let status = status(&error);
        let mut response =
            Response::new(Body::from(format!("KV {method} failed: {} {error}", status.as_u16())));
        *response.status_mut() = status;
        response
    }))
}

fn status(error: &KvError) -> StatusCode {
    match error {
        KvError::Invalid(_) => StatusCode::BAD_REQUEST,
        KvError::KeyTooLong(_) => StatusCode::URI_TOO_LONG,
        KvError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        KvError::NotFound => StatusCode::NOT_FOUND,
        // As for one value that is too large: to the handler it is.
        KvError::QuotaExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        KvError::TitleTaken | KvError::TooManyNamespaces => StatusCode::CONFLICT,
        KvError::Damaged | KvError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A parameter of the query.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or("");
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn key_of(uri: &Uri) -> String {
    parameter(uri, "key").unwrap_or_default()
}

/// A field as text.
pub(crate) fn field<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Bytes that a body says to have.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    field(headers, &header::CONTENT_LENGTH)?.parse().ok()
}

/// What the field [`METADATA`] says.
pub(crate) fn metadata(headers: &HeaderMap) -> Option<String> {
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    headers.get(METADATA).map(|value| decode(value.to_str().unwrap_or("")))
}

/// The field [`METADATA`].
pub(crate) fn metadata_field(json: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(utf8_percent_encode(json, NON_ALPHANUMERIC).to_string()).ok()
}

async fn get(kv: &Operations, namespace: Namespace, uri: &Uri) -> Result<Response<Body>, KvError> {
    let found = kv.get(&namespace, key_of(uri)).await?;
    let metadata = found.metadata.as_deref().and_then(metadata_field);
    let mut response = Response::new(found.body());
    response.headers_mut().extend(metadata.map(|value| (METADATA, value)));
    Ok(response)
}

async fn put(
    kv: &Operations,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, KvError> {
    let (parts, body) = request.into_parts();
    let (ttl, at) = (field(&parts.headers, &TTL), field(&parts.headers, &EXPIRATION));
    let expires = operations::expiration(ttl, at, operations::now())?;
    let value = kv.receive(body, announced(&parts.headers)).await?;
    kv.put(&namespace, key_of(&parts.uri), value, metadata(&parts.headers), expires).await?;
    Ok(Response::new(Body::empty()))
}

async fn delete(kv: &Operations, namespace: Namespace, uri: &Uri) -> Result<Response<Body>, KvError> {
    kv.delete_all(&namespace, vec![key_of(uri)]).await?;
    Ok(Response::new(Body::empty()))
}

async fn list(kv: &Operations, namespace: Namespace, uri: &Uri) -> Result<Response<Body>, KvError> {
    let (limit, cursor) = (parameter(uri, "limit"), parameter(uri, "cursor"));
    let page = kv.list(&namespace, parameter(uri, "prefix"), limit.as_deref(), cursor.as_deref()).await?;
    let keys: Vec<Value> = page.keys.iter().map(listed).collect();
    let mut answer = json!({ "keys": keys, "list_complete": page.cursor.is_none() });
    if let Some(cursor) = page.cursor {
        answer["cursor"] = cursor.into();
    }
    Ok(Response::new(Body::from(answer.to_string())))
}

/// A key as lists show it.
pub(crate) fn listed(key: &Key) -> Value {
    let mut entry = json!({ "name": key.name });
    if let Some(at) = key.expires {
        entry["expiration"] = at.into();
    }
    if let Some(metadata) = parsed(key.metadata.as_deref()) {
        entry["metadata"] = metadata;
    }
    entry
}

#[derive(Deserialize)]
struct Bulk {
    keys: Vec<String>,
}

/// Several values at once, as text: `{key: {value, metadata} or null}`.
async fn bulk(
    kv: &Operations,
    namespace: Namespace,
    request: Request<Body>,
) -> Result<Response<Body>, KvError> {
    let body = Limited::new(request.into_body(), MAX_READ * (MAX_KEY * 6 + 8)).collect().await;
    let body = body.map_err(|_| KvError::Invalid("The keys cannot be read.".into()))?.to_bytes();
    let Bulk { keys } = serde_json::from_slice(&body)
        .map_err(|_| KvError::Invalid("The keys must be an array of strings.".into()))?;
    let (found, _held) = kv.get_all(&namespace, keys).await?;
    let mut answer = Map::new();
    for (key, entry) in found {
        let value = entry.map(|entry| {
            let text = String::from_utf8_lossy(&entry.value);
            json!({ "value": text, "metadata": parsed(entry.metadata.as_deref()) })
        });
        answer.insert(key, value.unwrap_or(Value::Null));
    }
    Ok(Response::new(Body::from(Value::Object(answer).to_string())))
}
