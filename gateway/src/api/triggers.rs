//! What leads to a handler beside its own host: cron triggers and routes. Of no version; a rollback leaves them as they are.

use super::{Address, Api, Shared, deployments, json, no_handler, no_tenant, store_problem};
use crate::api::Owner;
use crate::catalog::{Handler, Triggers};
use crate::cron;
use crate::problem::{Problem, ProblemType};
use crate::routes::{self, Pattern};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// What a request changes; what it does not name stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    crons: Option<Vec<String>>,
    routes: Option<Vec<routes::Wanted>>,
    preview_urls: Option<bool>,
}

/// The JSON of a handler's triggers.
#[derive(Serialize)]
struct View<'a> {
    crons: &'a [String],
    routes: Vec<String>,
    preview_urls: bool,
}

impl<'a> From<&'a Handler> for View<'a> {
    fn from(handler: &'a Handler) -> Self {
        let routes = handler.routes.iter().map(Pattern::to_string).collect();
        Self { crons: &handler.crons, routes, preview_urls: handler.previews }
    }
}

pub(super) async fn read(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let handler = api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    Ok(json(StatusCode::OK, &View::from(&*handler)))
}

pub(super) async fn put(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let Wanted { crons, routes, preview_urls } = deployments::read(request).await?;
    let handler = api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    let mut triggers = handler.triggers();
    if let Some(routes) = routes {
        triggers.routes = routes::read(routes, &api.limits.domain).map_err(invalid)?;
    }
    if let Some(crons) = crons {
        cron::check(&crons).map_err(invalid)?;
        triggers.crons = crons;
    }
    triggers.previews = preview_urls.unwrap_or(triggers.previews);
    let handler = api.put_triggers(&tenant, &name, triggers).await?;
    Ok(json(StatusCode::OK, &View::from(&*handler)))
}

/// All routes of a tenant.
pub(super) async fn routes(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let tenant = owner.map_err(|_| no_tenant())?.0.tenant;
    api.know(&tenant)?;
    let routes: Vec<_> = api
        .catalog
        .list(&tenant)
        .iter()
        .flat_map(|handler| {
            let route = |pattern| json!({ "pattern": Pattern::to_string(pattern), "handler": handler.target.handler });
            handler.routes.iter().map(route).collect::<Vec<_>>()
        })
        .collect();
    Ok(json(StatusCode::OK, &json!({ "routes": routes })))
}

fn invalid(reason: String) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(format!("{reason}."))
}

impl Api {
    /// Changes what leads to a handler.
    pub(crate) async fn put_triggers(
        &self,
        tenant: &str,
        name: &str,
        triggers: Triggers,
    ) -> Result<Arc<Handler>, Problem> {
        let put = self.catalog.put_triggers(tenant, name, triggers).await;
        put.map_err(|error| store_problem(&error))
    }
}
