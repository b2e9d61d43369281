//! The front door: which part of the gateway a request is for.
//!
//! Three kinds of host meet here and share nothing: the tenants' sandbox origins (static isolate files and nothing
//! else), handlers' own hosts, and the main host with the gateway's own paths under `/_mesh/` and handlers by path.

mod route;
mod status;

use crate::api::{self, ApiLimits};
use crate::assets;
use crate::catalog::Catalog;
use crate::config::HttpConfig;
use crate::invoke::{Caller, Invoker};
use crate::mesh::pool::Pool;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response};
use route::{Route, RouteError};
use std::net::SocketAddr;
use std::sync::Arc;
use tabmesh_signaling::Hub;
use tower::ServiceExt;

/// Tenant of every handler until there are others.
const TENANT: &str = "default";

/// Where tabs and this gateway find each other.
pub enum Meeting {
    /// At the gateway's own rendezvous.
    Here(Arc<Hub>),
    /// At a shared server's address.
    At(String),
}

/// The front door. See the module's page.
pub struct Front {
    domain: String,
    catalog: Arc<Catalog>,
    invoker: Invoker,
    /// `/_mesh/…` on the main host.
    own: Router,
    /// Everything on a sandbox host.
    sandbox: Router,
}

impl Front {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        http: &HttpConfig,
        catalog: Arc<Catalog>,
        invoker: Invoker,
        pool: Arc<Pool>,
        metrics: Arc<Metrics>,
        rendezvous: Meeting,
    ) -> Self {
        let own = Router::new()
            .merge(status::router(pool, metrics))
            .merge(api::router(
                Arc::clone(&catalog),
                ApiLimits { domain: http.domain.clone(), ..ApiLimits::default() },
            ))
            .merge(match rendezvous {
                Meeting::Here(hub) => assets::worker_router(None).merge(tabmesh_signaling::router(hub)),
                Meeting::At(url) => assets::worker_router(Some(&url)),
            })
            .fallback(async || Problem::new(ProblemType::NotFound));
        Self { domain: http.domain.clone(), catalog, invoker, own, sandbox: assets::isolate_router() }
    }

    /// Answers one request of the peer at `address`.
    pub async fn answer(&self, address: SocketAddr, request: Request<Body>) -> Response<Body> {
        let (route, authority) = match self.route(&request) {
            Ok(routed) => routed,
            Err(error) => return refusal(&error).into_response(),
        };
        match route {
            Route::Own => infallible(self.own.clone().oneshot(request).await),
            Route::Sandbox => infallible(self.sandbox.clone().oneshot(request).await),
            Route::Home => status::home(&authority),
            Route::Handler { name, prefix, path_and_query } => {
                let Some(handler) = self.catalog.lookup(TENANT, &name) else {
                    let detail = format!("No handler named `{name}` is deployed here.");
                    return Problem::new(ProblemType::HandlerNotFound).detail(detail).into_response();
                };
                let caller = Caller { address, authority, path_and_query, prefix };
                self.invoker.invoke(&handler, &caller, request).await
            }
        }
    }

    fn route<'a>(&self, request: &'a Request<Body>) -> Result<(Route<'a>, String), RouteError> {
        let authority = route::authority(request)?;
        if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > HttpConfig::MAX_URI) {
            return Err(RouteError::UriTooLong);
        }
        Ok((route::route(request.uri(), authority, &self.domain)?, authority.to_owned()))
    }
}

fn refusal(error: &RouteError) -> Problem {
    match error {
        RouteError::Host => {
            Problem::new(ProblemType::InvalidRequest).detail("The request names no valid host.")
        }
        RouteError::UriTooLong => Problem::new(ProblemType::UriTooLong)
            .detail(format!("The request target is longer than {} bytes.", HttpConfig::MAX_URI)),
        RouteError::NoSuchHost => Problem::new(ProblemType::HandlerNotFound)
            .detail("A handler's host is its name, one label, before the gateway's domain."),
    }
}

fn infallible<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
