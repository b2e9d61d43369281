//! D1 databases.

use super::answer::{Answer, Refusal, ok, paged};
use super::{Account, Shared, no_such_path};
use crate::api::view::time;
use crate::api::{sql as own, stores};
use crate::host::kv::parameter;
use crate::sql::{Answer as Gave, DatabaseId, Named, SqlError};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use http::Uri;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Largest request that makes a database, in bytes.
const MAX_REQUEST: usize = 16 << 10;

/// Which database.
#[derive(Deserialize)]
pub(super) struct Place {
    account: String,
    database: String,
}

/// What makes a database.
#[derive(Deserialize)]
struct Wanted {
    name: String,
}

fn described(Named { id, name, created_at_ms }: Named, size: u64) -> Value {
    json!({
        "uuid": id, "name": name, "created_at": time(created_at_ms), "version": "production", "file_size": size,
    })
}

impl super::Cloudflare {
    /// The database that a path names by id, or by name.
    pub(super) async fn database(
        &self,
        path: Result<Path<Place>, PathRejection>,
    ) -> Result<(DatabaseId, Named, u64), Refusal> {
        let Path(Place { account: tenant, database }) = path.map_err(|_| no_such_path())?;
        self.api.know(&tenant)?;
        let all = self.stores.storage.databases.list(&tenant).await?;
        let wanted = |(named, _): &(Named, u64)| named.id == database || named.name == database;
        let (named, size) = all.into_iter().find(wanted).ok_or(SqlError::NotFound)?;
        Ok((DatabaseId { tenant, id: named.id.clone() }, named, size))
    }
}

pub(super) async fn list(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    uri: Uri,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    let mut all = cloudflare.stores.storage.databases.list(&tenant).await?;
    let name = parameter(&uri, "name");
    // What handlers have without a binding is nothing that a binding could name.
    all.retain(|(named, _)| {
        !named.id.starts_with(':') && name.as_ref().is_none_or(|name| named.name == *name)
    });
    paged(all.into_iter().map(|(named, size)| described(named, size)).collect(), uri.query())
}

pub(super) async fn make(
    State(cloudflare): Shared,
    path: Result<Path<Account>, PathRejection>,
    request: Request,
) -> Answer {
    let tenant = cloudflare.account(path)?;
    let Wanted { name } = stores::json(request, MAX_REQUEST).await?;
    let made = cloudflare.stores.storage.databases.make(&tenant, name).await?;
    tracing::info!(%tenant, database = %made.id, "SQL database made");
    ok(described(made, 0))
}

pub(super) async fn read(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let (_, named, size) = cloudflare.database(path).await?;
    ok(described(named, size))
}

pub(super) async fn remove(State(cloudflare): Shared, path: Result<Path<Place>, PathRejection>) -> Answer {
    let (id, ..) = cloudflare.database(path).await?;
    tracing::info!(tenant = %id.tenant, database = %id.id, "SQL database deleted");
    cloudflare.stores.storage.databases.delete(id).await?;
    ok(Value::Null)
}

/// Statements: a binding's id is enough, as for handlers.
pub(super) async fn query(
    State(cloudflare): Shared,
    path: Result<Path<Place>, PathRejection>,
    request: Request,
) -> Answer {
    let Path(Place { account: tenant, database: id }) = path.map_err(|_| no_such_path())?;
    cloudflare.api.know(&tenant)?;
    let id = DatabaseId { tenant: tenant.clone(), id };
    let answers = own::run(&cloudflare.stores, id, request).await;
    let results: Vec<Value> = answers?.into_iter().map(result).collect();
    let body = json!({ "success": true, "errors": [], "messages": [], "result": results });
    Ok(own::held_json(&cloudflare.stores, &tenant, &body).await?)
}

/// Rows as objects.
fn result(gave: Gave) -> Value {
    let Gave { columns, rows, duration, changes, last_row_id, size_after } = gave;
    let read = rows.len();
    let row = |row: Vec<crate::sql::Datum>| {
        let values = row.into_iter().map(|value| serde_json::to_value(value).unwrap_or_default());
        Value::Object(columns.iter().cloned().zip(values).collect::<Map<_, _>>())
    };
    let rows: Vec<Value> = rows.into_iter().map(row).collect();
    json!({
        "results": rows, "success": true,
        "meta": {
            "duration": duration, "changes": changes, "last_row_id": last_row_id, "changed_db": changes > 0,
            "size_after": size_after, "rows_read": read, "rows_written": changes, "served_by": "tabmesh",
        },
    })
}
