//! Tenants: whose handlers there are. They are made and shown; nothing takes one away yet.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;

use super::{Owner, Shared, TENANTS_PATH, created, guard, json, no_tenant, store_problem};
use crate::deploy;
use crate::problem::{Problem, ProblemType};

/// The JSON of one tenant.
#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    /// Only in the answer to a PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    /// How many handlers it has.
    handlers: usize,
}

pub(super) async fn list(State(api): Shared) -> Response {
    let tenants = api.catalog.tenants();
    let views: Vec<View<'_>> =
        tenants.iter().map(|(name, handlers)| View { name, created: None, handlers: *handlers }).collect();
    json(StatusCode::OK, &serde_json::json!({ "tenants": views }))
}

pub(super) async fn read(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let name = owner.map_err(|_| no_tenant())?.0.tenant;
    let handlers = api.catalog.tenant(&name).ok_or_else(no_tenant)?;
    Ok(json(StatusCode::OK, &View { name: &name, created: None, handlers }))
}

/// Makes a tenant, or finds it made. There is nothing to say about one yet: a body is not read.
pub(super) async fn put(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    guard::check(&request)?;
    let name = owner.map_err(|_| Problem::new(ProblemType::InvalidTenantName))?.0.tenant;
    deploy::check_tenant_name(&name)
        .map_err(|reason| Problem::new(ProblemType::InvalidTenantName).detail(reason))?;
    let new = api.catalog.put_tenant(&name).await.map_err(|error| store_problem(&error))?;
    let view = View { name: &name, created: Some(new), handlers: api.catalog.tenant(&name).unwrap_or(0) };
    if !new {
        return Ok(json(StatusCode::OK, &view));
    }
    tracing::info!(tenant = %name, "tenant made");
    Ok(created(&view, &format!("{TENANTS_PATH}/{name}")))
}
