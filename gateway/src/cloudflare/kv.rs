//! KV namespaces and their entries.

use super::answer::{Answer, Refusal, cursored, ok, paged};
use super::{Account, Shared, form, no_such_path};
use crate::api::{kv as own, stores};
use crate::host::kv::{announced, listed, parameter};
use crate::kv::operations::{KvError, MAX_VALUE, expiration, now, parsed};
use crate::kv::{Named, Namespace};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::IntoResponse as _;
use http::{HeaderValue, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Largest request that is not of values, in bytes.
const MAX_REQUEST: usize = 1 << 20;

/// Largest form of a value and its metadata, in bytes.
const MAX_FORM: usize = MAX_VALUE + (64 << 10);

/// Which namespace.
#[derive(Deserialize)]
pub(super) struct Place {
    account: String,
    namespace: String,
}

/// Which entry.
#[derive(Deserialize)]
pub(super) struct Spot {
    account: String,
    namespace: String,
    key: String,
}

/// What makes a namespace, or is its new title.
#[derive(Deserialize)]
struct Wanted {
    title: String,
}

/// Keys to be read.
#[derive(Deserialize)]
struct Keys {
    keys: Vec<String>,
    #[serde(default, rename = "withMetadata")]
    with_metadata: bool,
}

fn described(Named { id, title }: Named) -> Value {
    json!({ "id": id, "title": title, "supports_url_encoding": true })
}

impl super::Cloudflare {
    fn namespace(&self, path: Result<Path<Place>, PathRejection>) -> Result<Namespace, Refusal> {
        let Path(Place { account: tenant, namespace: id }) = path.map_err(|_| no_such_path())?;
        self.api.know(&tenant)?;
        Ok(Namespace { tenant, id })
    }

    fn entry(&self, path: Result<Path<Spot>, PathRejection>) -> Result<(Namespace, String), Refusal> {
        let Path(Spot { account: tenant, namespace: id, key }) = path.map_err(|_| no_such_path())?;
        self.api.know(&tenant)?;
        Ok((Namespace { tenant, id }, key))
    }
}

pub(super) async fn namespaces(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    uri: Uri,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    let mut all = cloudflare.stores.kv(&tenant).namespaces(&tenant).await?;
    // What handlers have without a binding is nothing that a binding could name.
    all.retain(|named| !named.id.starts_with(':'));
    all.sort_by(|a, b| a.title.cmp(&b.title));
    paged(all.into_iter().map(described).collect(), uri.query())
}

pub(super) async fn make(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    request: Request,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    let Wanted { title } = stores::json(request, MAX_REQUEST).await?;
    let made = cloudflare.stores.kv(&tenant).make_namespace(&tenant, title).await?;
    tracing::info!(%tenant, namespace = %made.id, "KV namespace made");
    ok(described(made))
}

/// Gives a namespace another title.
pub(super) async fn rename(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    let Wanted { title } = stores::json(request, MAX_REQUEST).await?;
    let named = cloudflare.stores.kv(&namespace.tenant).rename_namespace(namespace, title).await?;
    ok(described(named))
}

pub(super) async fn remove(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    tracing::info!(tenant = %namespace.tenant, namespace = %namespace.id, "KV namespace deleted");
    cloudflare.stores.kv(&namespace.tenant).delete_namespace(namespace).await?;
    ok(Value::Null)
}

pub(super) async fn keys(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    uri: Uri,
) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    let (limit, cursor) = (parameter(&uri, "limit"), parameter(&uri, "cursor"));
    let prefix = parameter(&uri, "prefix");
    let page = cloudflare
        .stores
        .kv(&namespace.tenant)
        .list(&namespace, prefix, limit.as_deref(), cursor.as_deref())
        .await?;
    cursored(&page.keys.iter().map(listed).collect::<Vec<_>>(), page.cursor)
}

pub(super) async fn get(State(cloudflare): Shared, path: Result<Path<Spot>, PathRejection>) -> Answer {
    let (namespace, key) = cloudflare.entry(path)?;
    let found = cloudflare.stores.kv(&namespace.tenant).get(&namespace, key).await?;
    // What is stored is nobody's page: this host is the gateway's.
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, found.body()).into_response())
}

/// Writes an entry: its value alone, or a form of value and metadata.
pub(super) async fn put(
    State(cloudflare): Shared,
    path: Result<Path<Spot>, PathRejection>,
    uri: Uri,
    request: Request,
) -> Answer {
    let (namespace, key) = cloudflare.entry(path)?;
    let kv = cloudflare.stores.kv(&namespace.tenant);
    let (ttl, at) = (parameter(&uri, "expiration_ttl"), parameter(&uri, "expiration"));
    let expires = expiration(ttl.as_deref(), at.as_deref(), now())?;
    if !form::is_form(&request) {
        let length = announced(request.headers());
        let value = stores::in_time(kv.receive(request.into_body(), length)).await??;
        kv.put(&namespace, key, value, None, expires).await?;
        return ok(Value::Null);
    }
    let _held = kv.room(MAX_FORM).await?;
    let (mut value, mut metadata) = (None, None);
    for (name, bytes) in form::read(request, MAX_FORM).await? {
        match &*name {
            "value" => value = Some(bytes),
            "metadata" => metadata = Some(String::from_utf8_lossy(&bytes).into_owned()),
            _ => {}
        }
    }
    let value = value.ok_or_else(|| KvError::Invalid("The form has no part named value.".into()))?;
    let entry = crate::kv::Entry { value: value.into(), metadata, expires };
    kv.put_all(&namespace, vec![(key, entry)]).await?;
    ok(Value::Null)
}

pub(super) async fn delete(State(cloudflare): Shared, path: Result<Path<Spot>, PathRejection>) -> Answer {
    let (namespace, key) = cloudflare.entry(path)?;
    cloudflare.stores.kv(&namespace.tenant).delete_all(&namespace, vec![key]).await?;
    ok(Value::Null)
}

pub(super) async fn put_all(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    let (entries, _held) = own::writes(&cloudflare.stores, &namespace.tenant, request).await?;
    let count = entries.len();
    cloudflare.stores.kv(&namespace.tenant).put_all(&namespace, entries).await?;
    ok(json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
}

pub(super) async fn delete_all(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    let (keys, _held) = own::names(&cloudflare.stores, &namespace.tenant, request).await?;
    let count = keys.len();
    cloudflare.stores.kv(&namespace.tenant).delete_all(&namespace, keys).await?;
    ok(json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
}

pub(super) async fn get_all(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Answer {
    let namespace = cloudflare.namespace(path)?;
    let Keys { keys, with_metadata } = stores::json(request, MAX_REQUEST).await?;
    let (found, _held) = cloudflare.stores.kv(&namespace.tenant).get_all(&namespace, keys).await?;
    let mut values = Map::new();
    for (key, entry) in found {
        let value = entry.map(|entry| {
            let text = Value::from(String::from_utf8_lossy(&entry.value));
            match with_metadata {
                true => json!({ "value": text, "metadata": parsed(entry.metadata.as_deref()) }),
                false => text,
            }
        });
        values.insert(key, value.unwrap_or(Value::Null));
    }
    ok(json!({ "values": values }))
}
