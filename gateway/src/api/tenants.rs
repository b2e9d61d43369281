//! Tenants: whose handlers there are, and what the operator grants them. They are made and shown; nothing takes one
//! away yet.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use super::{Api, Owner, Shared, TENANTS_PATH, body, created, json, no_tenant, store_problem};
use crate::access::{MAX_HOSTS, Quota, Settings};
use crate::deploy;
use crate::problem::{Problem, ProblemType};
use crate::storage::Usage;

/// The JSON of one tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
struct View {
    name: String,
    /// Only in the answer to a PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
    /// How many handlers it has.
    handlers: usize,
    /// Hosts that its developers may route.
    hosts: Vec<String>,
    quota: Quota,
    /// What it stores. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

/// The JSON of all tenants.
#[derive(Serialize, ToSchema)]
struct Tenants {
    tenants: Vec<View>,
}

impl Api {
    fn tenant(&self, name: String, handlers: usize) -> View {
        let settings: Arc<Settings> = self.access.tenants.get(&name);
        let hosts = settings.hosts.iter().map(ToString::to_string).collect();
        View { name, created: None, handlers, hosts, quota: settings.quota, usage: None }
    }
}

/// Lists the tenants.
#[utoipa::path(get, path = "/tenants", tag = "tenants", responses((status = 200, body = Tenants)))]
pub(super) async fn list(State(api): Shared) -> Response {
    let tenants = api.catalog.tenants();
    let tenants = tenants.into_iter().map(|(name, handlers)| api.tenant(name, handlers)).collect();
    json(StatusCode::OK, &Tenants { tenants })
}

/// Shows a tenant.
#[utoipa::path(get, path = "/tenants/{tenant}", tag = "tenants", params(("tenant" = String, Path)),
    responses((status = 200, body = View)))]
pub(super) async fn read(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let name = owner.map_err(|_| no_tenant())?.0.tenant;
    let handlers = api.catalog.tenant(&name).ok_or_else(no_tenant)?;
    let usage = Some(api.usage(&name).await?);
    Ok(json(StatusCode::OK, &View { usage, ..api.tenant(name, handlers) }))
}

/// Makes a tenant, or finds it made. With a body its hosts and quota are as the body says; without one they stay.
#[utoipa::path(put, path = "/tenants/{tenant}", tag = "tenants", params(("tenant" = String, Path)),
    request_body = Option<Settings>,
    responses((status = 200, description = "It was there", body = View), (status = 201, description = "A new one", body = View)))]
pub(super) async fn put(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let name = owner.map_err(|_| Problem::new(ProblemType::InvalidTenantName))?.0.tenant;
    deploy::check_tenant_name(&name)
        .map_err(|reason| Problem::new(ProblemType::InvalidTenantName).detail(reason))?;
    let settings: Option<Settings> = body::read(request).await?;
    if settings.as_ref().is_some_and(|settings| settings.hosts.len() > MAX_HOSTS) {
        return Err(Problem::new(ProblemType::InvalidRequest)
            .detail(format!("A tenant has at most {MAX_HOSTS} hosts.")));
    }
    let new = api.catalog.put_tenant(&name).await.map_err(|error| store_problem(&error))?;
    if let Some(settings) = settings {
        api.access.grant(&name, settings).await.map_err(|error| store_problem(&error))?;
    }
    let handlers = api.catalog.tenant(&name).unwrap_or(0);
    let view = View { created: Some(new), ..api.tenant(name.clone(), handlers) };
    if !new {
        return Ok(json(StatusCode::OK, &view));
    }
    tracing::info!(tenant = %name, "tenant made");
    Ok(created(&view, &format!("{TENANTS_PATH}/{name}")))
}
