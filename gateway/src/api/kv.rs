//! KV namespaces for developers and tools: the same entries, limits and sentences as the handlers' bindings have.

use super::quota::no_room;
use super::stores::{self, Shared, Stores, in_time, place};
use super::{created, default_tenant, json};
use crate::host::kv::{EXPIRATION, METADATA, announced, listed, metadata, metadata_field, parameter};
use crate::kv::operations::{KvError, expiration, now};
use crate::kv::{Entry, Named, Namespace};
use crate::mesh::memory::Held;
use crate::problem::{Problem, ProblemType};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Largest request that writes or removes many entries, in bytes.
const MAX_BULK: usize = 64 << 20;

/// Largest request that makes a namespace, in bytes.
const MAX_REQUEST: usize = 16 << 10;

/// Whose namespaces.
#[derive(Deserialize)]
pub(super) struct Owner {
    #[serde(default = "default_tenant")]
    tenant: String,
}

/// Which namespace.
#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default = "default_tenant")]
    tenant: String,
    namespace: String,
}

/// Which entry.
#[derive(Deserialize)]
pub(super) struct Spot {
    #[serde(default = "default_tenant")]
    tenant: String,
    namespace: String,
    key: String,
}

/// A namespace as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Namespace)]
struct View {
    id: String,
    title: String,
}

impl From<Named> for View {
    fn from(Named { id, title }: Named) -> Self {
        Self { id, title }
    }
}

/// What makes a namespace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewNamespace)]
struct Wanted {
    title: String,
}

/// An entry of a bulk write, as Cloudflare's API has it, too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEntry)]
struct Write {
    key: String,
    value: String,
    #[serde(default)]
    base64: bool,
    #[serde(default)]
    expiration: Option<i64>,
    #[serde(default)]
    expiration_ttl: Option<i64>,
    #[serde(default)]
    metadata: Option<Value>,
}

impl Write {
    /// The entry, its bytes decoded.
    fn entry(self, now: i64) -> Result<(String, Entry), KvError> {
        let of = |why: &dyn std::fmt::Display| {
            KvError::Invalid(format!("the entry `{}`: {why}", self.key.escape_debug()))
        };
        let (ttl, at) = (self.expiration_ttl, self.expiration);
        let text = |number: Option<i64>| number.map(|number| number.to_string());
        let expires =
            expiration(text(ttl).as_deref(), text(at).as_deref(), now).map_err(|error| of(&error))?;
        let value = match self.base64 {
            true => STANDARD.decode(&self.value).map_err(|_| of(&"its value is not base64"))?,
            false => self.value.into_bytes(),
        };
        let metadata = self.metadata.filter(|value| !value.is_null()).map(|value| value.to_string());
        Ok((self.key, Entry { value, metadata, expires }))
    }
}

impl From<KvError> for Problem {
    fn from(error: KvError) -> Self {
        let kind = match error {
            KvError::Invalid(_) | KvError::KeyTooLong(_) => ProblemType::InvalidRequest,
            KvError::TooLarge(_) => ProblemType::PayloadTooLarge,
            KvError::NotFound => ProblemType::NotFound,
            KvError::TitleTaken => ProblemType::NameTaken,
            KvError::TooManyNamespaces => ProblemType::TooManyStores,
            KvError::QuotaExceeded => return no_room(error.to_string()),
            KvError::Damaged => ProblemType::DamagedValue,
            KvError::Internal => return Problem::new(ProblemType::Internal),
        };
        Problem::new(kind).detail(error.to_string())
    }
}

/// The JSON of namespaces.
#[derive(Serialize, ToSchema)]
struct Namespaces {
    namespaces: Vec<View>,
}

/// Lists the tenant's namespaces.
#[utoipa::path(get, path = "/kv", tag = "kv", responses((status = 200, body = Namespaces)))]
pub(super) async fn namespaces(
    State(stores): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let Owner { tenant } = place(owner)?;
    stores.know(&tenant)?;
    let namespaces = stores.kv(&tenant).namespaces(&tenant).await?.into_iter().map(View::from).collect();
    Ok(json(StatusCode::OK, &Namespaces { namespaces }))
}

/// Makes a namespace.
#[utoipa::path(post, path = "/kv", tag = "kv", request_body = Wanted, responses((status = 201, body = View)))]
pub(super) async fn make(
    State(stores): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    uri: Uri,
    request: Request,
) -> Result<Response, Problem> {
    let Owner { tenant } = place(owner)?;
    stores.know(&tenant)?;
    let Wanted { title } = stores::json(request, MAX_REQUEST).await?;
    let made = stores.kv(&tenant).make_namespace(&tenant, title).await?;
    tracing::info!(%tenant, namespace = %made.id, "KV namespace made");
    let location = format!("{}/{}", uri.path(), made.id);
    Ok(created(&View::from(made), &location))
}

/// Deletes a namespace and its entries.
#[utoipa::path(delete, path = "/kv/{namespace}", tag = "kv", params(("namespace" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Place { tenant, namespace: id } = place(path)?;
    stores.know(&tenant)?;
    tracing::info!(%tenant, namespace = %id, "KV namespace deleted");
    stores.kv(&tenant).delete_namespace(Namespace { tenant, id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists keys, in the order of their bytes.
#[utoipa::path(get, path = "/kv/{namespace}/keys", tag = "kv",
    params(("namespace" = String, Path), ("prefix" = Option<String>, Query), ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Object)))]
pub(super) async fn keys(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let Place { tenant, namespace: id } = place(path)?;
    stores.know(&tenant)?;
    let (limit, cursor) = (parameter(&uri, "limit"), parameter(&uri, "cursor"));
    let namespace = Namespace { tenant, id };
    let page = stores
        .kv(&namespace.tenant)
        .list(&namespace, parameter(&uri, "prefix"), limit.as_deref(), cursor.as_deref())
        .await?;
    let mut answer = json!({ "keys": page.keys.iter().map(listed).collect::<Vec<_>>() });
    if let Some(cursor) = page.cursor {
        answer["cursor"] = cursor.into();
    }
    Ok(json(StatusCode::OK, &answer))
}

/// The value of a key; metadata and expiration are in the fields `KV-Metadata` and `KV-Expiration`.
#[utoipa::path(get, path = "/kv/{namespace}/values/{key}", tag = "kv", params(("namespace" = String, Path), ("key" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>)))]
pub(super) async fn get(
    State(stores): Shared,
    path: Result<Path<Spot>, PathRejection>,
) -> Result<Response, Problem> {
    let Spot { tenant, namespace: id, key } = place(path)?;
    stores.know(&tenant)?;
    let found = stores.kv(&tenant).get(&Namespace { tenant, id }, key).await?;
    let metadata = found.metadata.as_deref().and_then(metadata_field);
    let expires = found.expires.map(HeaderValue::from);
    // What is stored is nobody's page: this host is the gateway's.
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let mut response = (fields, found.body()).into_response();
    let own = metadata.map(|value| (METADATA, value)).into_iter().chain(expires.map(|at| (EXPIRATION, at)));
    response.headers_mut().extend(own);
    Ok(response)
}

/// Writes an entry; the body is its value.
#[utoipa::path(put, path = "/kv/{namespace}/values/{key}", tag = "kv",
    params(("namespace" = String, Path), ("key" = String, Path), ("expiration" = Option<i64>, Query), ("expiration_ttl" = Option<i64>, Query)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 204)))]
pub(super) async fn put(
    State(stores): Shared,
    path: Result<Path<Spot>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Spot { tenant, namespace: id, key } = place(path)?;
    stores.know(&tenant)?;
    let (parts, body) = request.into_parts();
    let (ttl, at) = (parameter(&parts.uri, "expiration_ttl"), parameter(&parts.uri, "expiration"));
    let expires = expiration(ttl.as_deref(), at.as_deref(), now())?;
    let kv = stores.kv(&tenant);
    let value = in_time(kv.receive(body, announced(&parts.headers))).await??;
    kv.put(&Namespace { tenant, id }, key, value, metadata(&parts.headers), expires).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes an entry.
#[utoipa::path(delete, path = "/kv/{namespace}/values/{key}", tag = "kv", params(("namespace" = String, Path), ("key" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(stores): Shared,
    path: Result<Path<Spot>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Spot { tenant, namespace: id, key } = place(path)?;
    stores.know(&tenant)?;
    stores.kv(&tenant).delete_all(&Namespace { tenant, id }, vec![key]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many entries were written.
#[derive(Serialize, ToSchema)]
struct Written {
    written: usize,
}

/// Writes entries, all or none.
#[utoipa::path(post, path = "/kv/{namespace}/bulk", tag = "kv", params(("namespace" = String, Path)), request_body = Vec<Write>,
    responses((status = 200, body = Written)))]
pub(super) async fn put_all(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Place { tenant, namespace: id } = place(path)?;
    stores.know(&tenant)?;
    let (entries, _held) = writes(&stores, &tenant, request).await?;
    let written = entries.len();
    stores.kv(&tenant).put_all(&Namespace { tenant, id }, entries).await?;
    Ok(json(StatusCode::OK, &Written { written }))
}

/// Removes the entries of these keys.
#[utoipa::path(post, path = "/kv/{namespace}/bulk/delete", tag = "kv", params(("namespace" = String, Path)), request_body = Vec<String>,
    responses((status = 204)))]
pub(super) async fn delete_all(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let Place { tenant, namespace: id } = place(path)?;
    stores.know(&tenant)?;
    let (keys, _held) = names(&stores, &tenant, request).await?;
    stores.kv(&tenant).delete_all(&Namespace { tenant, id }, keys).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The entries of a bulk write, and the room that they take.
pub(crate) async fn writes(
    stores: &Stores,
    tenant: &str,
    request: Request,
) -> Result<(Vec<(String, Entry)>, Held), Problem> {
    // The text and what it becomes.
    let held = stores.kv(tenant).room(2 * MAX_BULK.min(length(&request))).await?;
    let entries: Vec<Write> = stores::json(request, MAX_BULK).await?;
    let now = now();
    let entries = entries.into_iter().map(|write| write.entry(now)).collect::<Result<Vec<_>, _>>()?;
    Ok((entries, held))
}

/// The keys of a bulk removal, and the room that they take.
pub(crate) async fn names(
    stores: &Stores,
    tenant: &str,
    request: Request,
) -> Result<(Vec<String>, Held), Problem> {
    let held = stores.kv(tenant).room(2 * MAX_BULK.min(length(&request))).await?;
    Ok((stores::json(request, MAX_BULK).await?, held))
}

/// Bytes that a body may have, by what it says.
fn length(request: &Request) -> usize {
    announced(request.headers()).and_then(|length| usize::try_from(length).ok()).unwrap_or(MAX_BULK)
}
