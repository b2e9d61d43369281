//! What leads to a handler beside its own host: cron triggers and routes. Of no version; a rollback leaves them as they are.

use super::{Address, Api, Shared, deployments, json, no_handler, no_tenant, store_problem};
use crate::access::Principal;
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
use std::sync::Arc;
use utoipa::ToSchema;

/// What a request changes; what it does not name stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTriggers)]
struct Wanted {
    crons: Option<Vec<String>>,
    /// Patterns (`shop.example.com/*`), or objects with a `pattern`.
    #[schema(value_type = Option<Vec<Object>>)]
    routes: Option<Vec<routes::Wanted>>,
    preview_urls: Option<bool>,
}

/// The JSON of a handler's triggers.
#[derive(Serialize, ToSchema)]
#[schema(as = Triggers)]
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

/// Shows what leads to a handler.
#[utoipa::path(get, path = "/handlers/{name}/triggers", tag = "triggers", params(("name" = String, Path)),
    responses((status = 200, body = View<'_>)))]
pub(super) async fn read(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let handler = api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    Ok(json(StatusCode::OK, &View::from(&*handler)))
}

/// Changes what leads to a handler; what is not named stays.
#[utoipa::path(put, path = "/handlers/{name}/triggers", tag = "triggers", params(("name" = String, Path)),
    request_body = Wanted, responses((status = 200, body = View<'_>)))]
pub(super) async fn put(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    let principal = request.extensions().get::<Principal>().cloned();
    let Wanted { crons, routes, preview_urls } = deployments::read(request).await?;
    let routes = routes.map(|routes| routes::read(routes, &api.limits.domain)).transpose();
    let routes = routes.map_err(|reason| invalid(&reason))?;
    cron::check(crons.as_deref().unwrap_or_default()).map_err(|reason| invalid(&reason))?;
    api.check_routes(principal.as_ref(), &tenant, routes.as_deref().unwrap_or_default())?;
    let change = move |triggers: &mut Triggers| {
        triggers.crons = crons.unwrap_or_else(|| std::mem::take(&mut triggers.crons));
        triggers.routes = routes.unwrap_or_else(|| std::mem::take(&mut triggers.routes));
        triggers.previews = preview_urls.unwrap_or(triggers.previews);
    };
    let handler = api.change_triggers(&tenant, &name, change).await?;
    Ok(json(StatusCode::OK, &View::from(&*handler)))
}

/// The JSON of a tenant's routes.
#[derive(Serialize, ToSchema)]
struct Routes {
    routes: Vec<Route>,
}

/// The JSON of a route.
#[derive(Serialize, ToSchema)]
struct Route {
    pattern: String,
    handler: String,
}

/// All routes of a tenant.
#[utoipa::path(get, path = "/routes", tag = "triggers", responses((status = 200, body = Routes)))]
pub(super) async fn routes(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
) -> Result<Response, Problem> {
    let tenant = owner.map_err(|_| no_tenant())?.0.tenant;
    api.know(&tenant)?;
    let routes = api
        .catalog
        .list(&tenant)
        .iter()
        .flat_map(|handler| {
            let route = |pattern: &Pattern| Route {
                pattern: pattern.to_string(),
                handler: handler.target.handler.clone(),
            };
            handler.routes.iter().map(route).collect::<Vec<_>>()
        })
        .collect();
    Ok(json(StatusCode::OK, &Routes { routes }))
}

fn invalid(reason: &str) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(format!("{reason}."))
}

impl Api {
    /// Changes what leads to a handler; whether it may have new routes is judged before.
    pub(crate) async fn change_triggers(
        &self,
        tenant: &str,
        name: &str,
        change: impl FnOnce(&mut Triggers) + Send + 'static,
    ) -> Result<Arc<Handler>, Problem> {
        let changed = self.catalog.change_triggers(tenant, name, change).await;
        changed.map_err(|error| store_problem(&error))
    }
}
