//! SQL databases for developers and tools: the same files and limits as the handlers' bindings have.

use super::quota::no_room;
use super::stores::{self, Shared, Stores, place};
use super::view::time;
use super::{created, default_tenant, json};
use crate::problem::{Problem, ProblemType};
use crate::sql::{Answer, DatabaseId, Datum, Named, Param, Query, SqlError, Work};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest request, in bytes: a value of 2 MB as an array takes 8.
const MAX_REQUEST: usize = 12 << 20;

/// Largest request that makes a database, in bytes.
const MAX_NEW: usize = 16 << 10;

/// Whose databases.
#[derive(Deserialize)]
pub(super) struct Owner {
    #[serde(default = "default_tenant")]
    tenant: String,
}

/// Which database.
#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default = "default_tenant")]
    tenant: String,
    database: String,
}

/// A database as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Database)]
struct View {
    id: String,
    name: String,
    created_at: String,
    /// In bytes.
    size: u64,
}

impl View {
    fn new(Named { id, name, created_at_ms }: Named, size: u64) -> Self {
        Self { id, name, created_at: time(created_at_ms), size }
    }
}

/// What makes a database.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDatabase)]
struct Wanted {
    name: String,
}

/// What to do: one statement if there are parameters, else any number, all or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Statements {
    sql: String,
    #[serde(default)]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    params: Option<Vec<Param>>,
}

impl From<Statements> for Work {
    fn from(Statements { sql, params }: Statements) -> Self {
        match params {
            Some(params) if !params.is_empty() => Self::Batch(vec![Query { sql, params }]),
            _ => Self::Script(sql),
        }
    }
}

/// What one statement gave.
#[derive(Serialize, ToSchema)]
#[schema(as = Result)]
struct Gave {
    columns: Vec<String>,
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    rows: Vec<Vec<Datum>>,
    changes: u64,
    last_row_id: i64,
    duration_ms: f64,
}

impl From<Answer> for Gave {
    fn from(answer: Answer) -> Self {
        let Answer { columns, rows, changes, last_row_id, duration, .. } = answer;
        Self { columns, rows, changes, last_row_id, duration_ms: duration }
    }
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        let kind = match error {
            SqlError::Full => return no_room(error.to_string()),
            SqlError::Statement(_) => ProblemType::SqlError,
            SqlError::TooLarge | SqlError::ExportTooLarge => ProblemType::PayloadTooLarge,
            SqlError::NotFound => ProblemType::NotFound,
            SqlError::InvalidName => ProblemType::InvalidRequest,
            SqlError::NameTaken => ProblemType::NameTaken,
            SqlError::TooMany => ProblemType::TooManyStores,
            SqlError::Unavailable => ProblemType::Internal,
        };
        Problem::new(kind).detail(error.to_string())
    }
}

/// The JSON of databases.
#[derive(Serialize, ToSchema)]
struct Databases {
    databases: Vec<View>,
}

/// Lists the tenant's databases.
#[utoipa::path(get, path = "/sql", tag = "sql", responses((status = 200, body = Databases)))]
pub(super) async fn list(
    State(stores): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let Owner { tenant } = place(owner)?;
    stores.know(&tenant)?;
    let all = stores.storage.databases.list(&tenant).await?;
    let databases = all.into_iter().map(|(named, size)| View::new(named, size)).collect();
    Ok(json(StatusCode::OK, &Databases { databases }))
}

/// Makes a database.
#[utoipa::path(post, path = "/sql", tag = "sql", request_body = Wanted, responses((status = 201, body = View)))]
pub(super) async fn make(
    State(stores): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    uri: Uri,
    request: Request,
) -> Result<Response, Problem> {
    let Owner { tenant } = place(owner)?;
    stores.know(&tenant)?;
    let Wanted { name } = stores::json(request, MAX_NEW).await?;
    let made = stores.storage.databases.make(&tenant, name).await?;
    tracing::info!(%tenant, database = %made.id, "SQL database made");
    let location = format!("{}/{}", uri.path(), made.id);
    Ok(created(&View::new(made, 0), &location))
}

/// Shows a database.
#[utoipa::path(get, path = "/sql/{database}", tag = "sql", params(("database" = String, Path)), responses((status = 200, body = View)))]
pub(super) async fn read(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
) -> Result<Response, Problem> {
    let Place { tenant, database: id } = place(path)?;
    stores.know(&tenant)?;
    let (named, size) = stores.storage.databases.find(&DatabaseId { tenant, id }).await?;
    Ok(json(StatusCode::OK, &View::new(named, size)))
}

/// Deletes a database.
#[utoipa::path(delete, path = "/sql/{database}", tag = "sql", params(("database" = String, Path)), responses((status = 204)))]
pub(super) async fn remove(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Place { tenant, database: id } = place(path)?;
    stores.know(&tenant)?;
    tracing::info!(%tenant, database = %id, "SQL database deleted");
    stores.storage.databases.delete(DatabaseId { tenant, id }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The JSON of what statements gave.
#[derive(Serialize, ToSchema)]
struct Results {
    results: Vec<Gave>,
}

/// Runs one statement with parameters, or any number without, all or none.
#[utoipa::path(post, path = "/sql/{database}/query", tag = "sql", params(("database" = String, Path)), request_body = Statements,
    responses((status = 200, body = Results)))]
pub(super) async fn query(
    State(stores): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Place { tenant, database: id } = place(path)?;
    stores.know(&tenant)?;
    let answers = run(&stores, DatabaseId { tenant: tenant.clone(), id }, request).await?;
    let results = answers.into_iter().map(Gave::from).collect();
    held_json(&stores, &tenant, &Results { results }).await
}

/// Does what a request asks for.
pub(crate) async fn run(stores: &Stores, id: DatabaseId, request: Request) -> Result<Vec<Answer>, Problem> {
    // The text and what it becomes.
    let _held = stores.kv(&id.tenant).room(2 * MAX_REQUEST).await?;
    let wanted: Statements = stores::json(request, MAX_REQUEST).await?;
    Ok(stores.storage.run(id, wanted.into()).await?)
}

/// JSON that may be long, and counts until it was sent.
pub(crate) async fn held_json(
    stores: &Stores,
    tenant: &str,
    value: &impl Serialize,
) -> Result<Response, Problem> {
    let text = serde_json::to_vec(value).map_err(|_| Problem::new(ProblemType::Internal))?;
    let held = stores.kv(tenant).room(text.len()).await?;
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((fields, held.body(text.into())).into_response())
}
