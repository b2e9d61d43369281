//! The audit log, to be read.

use super::view::time;
use super::{Shared, json, store_problem};
use crate::problem::{Problem, ProblemType};
use crate::store::AuditRow;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Entries of one answer, unless asked for, and at most.
const LIMIT: (u32, u32) = (100, 1000);

/// Which part of the log.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Entries of one answer, at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Only entries before the one with this id.
    before: Option<u64>,
}

/// The JSON of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditLog)]
struct Log {
    /// The latest first.
    entries: Vec<Entry>,
}

/// The JSON of a change.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct Entry {
    id: u64,
    at: String,
    /// The token's id.
    who: String,
    /// The token's name then.
    name: String,
    action: String,
    method: String,
    path: String,
    /// Null for a change of the whole gateway.
    tenant: Option<String>,
    /// The answer's status. Null if there was none: the caller went away, or the gateway ended. It may have been done.
    status: Option<u16>,
    address: Option<String>,
}

impl From<AuditRow> for Entry {
    fn from(row: AuditRow) -> Self {
        let AuditRow { id, at_ms, who, name, action, method, path, tenant, status, address } = row;
        Self { id, at: time(at_ms), who, name, action, method, path, tenant, status, address }
    }
}

/// Who changed what, the latest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(Part), responses((status = 200, body = Log)))]
pub(super) async fn list(
    State(api): Shared,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Part { limit, before }) = part.map_err(|_| {
        Problem::new(ProblemType::InvalidRequest)
            .detail("The query takes `limit` and `before`, both numbers.")
    })?;
    let limit = limit.unwrap_or(LIMIT.0);
    if !(1..=LIMIT.1).contains(&limit) {
        return Err(Problem::new(ProblemType::InvalidRequest)
            .detail(format!("`limit` is a number from 1 to {}.", LIMIT.1)));
    }
    let rows = api.access.audit.read(before.unwrap_or(u64::MAX), limit).await;
    let entries = rows.map_err(|error| store_problem(&error))?.into_iter().map(Entry::from).collect();
    Ok(json(StatusCode::OK, &Log { entries }))
}
