//! The front door: which part of the gateway a request is for.
//!
//! Three kinds of host meet here and share nothing: the tenants' sandbox origins (static isolate files and nothing
//! else), handlers' own hosts, and the main host with the gateway's own paths under `/_mesh/` and handlers by path.

mod guest;
mod log;
mod route;
mod status;

use crate::access::rates::Standing;
use crate::access::{self, Access, CallerAddress};
use crate::api::status::Gateway;
use crate::api::stores::Stores;
use crate::api::{self, Api, ApiLimits};
use crate::assets::{Assets, ScriptError, Site};
use crate::catalog::{Catalog, Handler, key};
use crate::cloudflare;
use crate::config::HttpConfig;
use crate::invoke::{Abouts, Caller, Invoker, REQUEST_ID};
use crate::mesh::pool::Pool;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use crate::sandbox::SandboxDomain;
use crate::server::Arrival;
use crate::site::{Asked, Sites};
use crate::storage::Storage;
use crate::store::DEFAULT_TENANT;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use log::Line;
use route::{Route, RouteError};
use std::sync::Arc;
use std::time::Instant;
use tabmesh_protocol::Limits;
use tabmesh_signaling::Hub;
use tower::ServiceExt;
use tracing::Level;

/// Digits of a version's hash in the host where it answers alone: `<digits>-<handler>.<domain>`.
pub const PREVIEW: usize = 8;

/// Where tabs and this gateway find each other.
pub enum Meeting {
    /// At the gateway's own rendezvous.
    Here(Arc<Hub>),
    /// At a shared server's address.
    At(String),
}

/// What stands behind the door.
pub struct Behind {
    /// Who may do what.
    pub access: Arc<Access>,
    /// Which handlers there are.
    pub catalog: Arc<Catalog>,
    /// Runs them.
    pub invoker: Arc<Invoker>,
    /// Serves their static files.
    pub sites: Arc<Sites>,
    /// What tenants store.
    pub storage: Arc<Storage>,
    /// The tabs, for the status pages.
    pub pool: Arc<Pool>,
    /// The name under which they join.
    pub pool_name: String,
}

/// The front door. See the module's page.
pub struct Front {
    domain: String,
    /// Whose hosts are sandboxes, besides `sandbox-*`.
    sandbox_domain: Option<SandboxDomain>,
    access: Arc<Access>,
    catalog: Arc<Catalog>,
    invoker: Arc<Invoker>,
    sites: Arc<Sites>,
    abouts: Abouts,
    /// Every request is logged.
    access_log: bool,
    /// `/_mesh/…` on the main host.
    own: Router,
    /// Everything on a sandbox host.
    sandbox: Router,
}

impl Front {
    /// Puts the parts together; callers come by `scheme`.
    ///
    /// # Errors
    /// When the embedded files are broken: see [`Assets::new`].
    pub fn new(
        http: &HttpConfig,
        caps: Limits,
        behind: Behind,
        metrics: Arc<Metrics>,
        rendezvous: Meeting,
        scheme: &'static str,
        access_log: bool,
    ) -> Result<Self, ScriptError> {
        let Behind { access, catalog, invoker, sites, storage, pool, pool_name } = behind;
        let site = Site {
            domain: http.domain.clone(),
            sandbox: http.sandbox_domain.clone(),
            signal: match &rendezvous {
                Meeting::Here(_) => None,
                Meeting::At(url) => Some(url.clone()),
            },
        };
        let assets = Assets::new(site)?;
        let limits = ApiLimits { domain: http.domain.clone(), scheme, caps, ..ApiLimits::default() };
        let cache = Arc::clone(invoker.cache());
        let stores = Stores::new(Arc::clone(&catalog), Arc::clone(&storage));
        let api =
            Api::new(Arc::clone(&catalog), Arc::clone(&metrics), cache, Arc::clone(&access), storage, limits);
        let status = Gateway {
            catalog: Arc::clone(&catalog),
            pool: Arc::clone(&pool),
            metrics: Arc::clone(&metrics),
            pool_name,
            since: Instant::now(),
        };
        let tail = Arc::clone(invoker.tail());
        let v1 = api::whole(Arc::clone(&api), Arc::clone(&stores), Arc::clone(&tail), status);
        let own = Router::new()
            .merge(assets.worker_router())
            .merge(status::router(pool, metrics))
            .merge(v1)
            .merge(cloudflare::router(api, stores, tail))
            .merge(match rendezvous {
                Meeting::Here(hub) => tabmesh_signaling::router(hub),
                Meeting::At(_) => Router::new(),
            })
            .fallback(async || Problem::new(ProblemType::NotFound));
        // The outermost layer: nothing of the gateway's own is reached but through it.
        let own = access::protect(own, Arc::clone(&access));
        Ok(Self {
            domain: http.domain.clone(),
            sandbox_domain: http.sandbox_domain.clone(),
            access,
            catalog,
            invoker,
            sites,
            abouts: Abouts::new(&http.colo, http.location_headers),
            access_log,
            own,
            sandbox: assets.isolate_router(),
        })
    }

    /// Answers one request that came like this, and logs that where it is wanted.
    pub async fn answer(&self, arrival: &Arrival, request: Request<Body>) -> Response<Body> {
        if !self.access_log && !tracing::enabled!(target: "tabmesh::access", Level::DEBUG) {
            return self.respond(arrival, request).await;
        }
        let line = Line::new(&arrival.ip, &request);
        let response = self.respond(arrival, request).await;
        line.log(&response, self.access_log);
        response
    }

    async fn respond(&self, arrival: &Arrival, mut request: Request<Body>) -> Response<Body> {
        let ip = &arrival.ip;
        let (route, authority) = match self.route(&request) {
            Ok(routed) => routed,
            Err(error) => return refusal(&error).into_response(),
        };
        match route {
            Route::Own => {
                request.extensions_mut().insert(CallerAddress::of(ip));
                infallible(self.own.clone().oneshot(request).await)
            }
            Route::Sandbox => infallible(self.sandbox.clone().oneshot(request).await),
            Route::Home => status::home(arrival.scheme(), authority),
            Route::Handler { tenant, name, prefix, path_and_query } => {
                let rates = &self.access.rates;
                if let Some(Err(limited)) = rates.caller(|| CallerAddress::of(ip)).map(Standing::check) {
                    return limited.into_response();
                }
                let Some(handler) =
                    self.version(&tenant, &name, prefix.is_none(), ip, request.headers()).await
                else {
                    let whose = match &*tenant {
                        DEFAULT_TENANT => String::new(),
                        tenant => format!(" of tenant `{tenant}`"),
                    };
                    let detail = format!("No handler named `{name}`{whose} is deployed here.");
                    return Problem::new(ProblemType::HandlerNotFound).detail(detail).into_response();
                };
                if let Some(Err(limited)) = rates.tenant(&handler.target.tenant).map(Standing::check) {
                    return limited.into_response();
                }
                let is_guest = prefix.is_some();
                let file = match handler.has_site {
                    true => {
                        let asked = Asked {
                            host: route::host(authority),
                            path: &path_and_query,
                            prefix: prefix.unwrap_or_default(),
                            method: request.method(),
                            headers: request.headers(),
                        };
                        self.sites.before(&handler.target.version, &asked).await
                    }
                    false => None,
                };
                let about = self.abouts.of(request.version());
                let caller = Caller::new(arrival, authority, &path_and_query, prefix).about(about);
                let request_id = Arc::clone(caller.request_id());
                let mut response = match file {
                    Some(file) => file,
                    None => self.invoker.invoke(&handler, caller, request).await,
                };
                // A handler may have ids of its own.
                if let header::Entry::Vacant(place) = response.headers_mut().entry(REQUEST_ID)
                    && let Ok(id) = HeaderValue::from_str(&request_id)
                {
                    place.insert(id);
                }
                if is_guest {
                    guest::confine(response.headers_mut());
                }
                response
            }
        }
    }

    /// The version of a handler that a request gets; by a host of its own also one that nobody else gets.
    async fn version(
        &self,
        tenant: &str,
        name: &str,
        is_host: bool,
        ip: &HeaderValue,
        headers: &HeaderMap,
    ) -> Option<Arc<Handler>> {
        if let Some(wanted) = key::wanted(name, headers)
            && let Some(handler) = self.catalog.choose_version(tenant, name, &wanted)
        {
            return Some(handler);
        }
        let key = || key::of_request(name, headers, ip.as_bytes());
        if let Some(handler) = self.catalog.choose(tenant, name, key) {
            return Some(handler);
        }
        // A handler may have a name like that, and goes first.
        let (version, name) =
            name.split_once('-').filter(|(version, _)| is_host && version.len() == PREVIEW)?;
        self.catalog.preview(tenant, name, version).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the store failed");
            None
        })
    }

    fn route<'a>(&self, request: &'a Request<Body>) -> Result<(Route<'a>, &'a str), RouteError> {
        let authority = route::authority(request)?;
        // Before everything else: under that domain no handler and nothing of the gateway's may answer.
        if self.sandbox_domain.as_ref().is_some_and(|domain| domain.covers(authority)) {
            return Ok((Route::Sandbox, authority));
        }
        if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > HttpConfig::MAX_URI) {
            return Err(RouteError::UriTooLong);
        }
        let routed = |host: &str| self.catalog.find(host, request.uri());
        Ok((route::route(request.uri(), authority, &self.domain, routed)?, authority))
    }
}

fn refusal(error: &RouteError) -> Problem {
    match error {
        RouteError::Host => {
            Problem::new(ProblemType::InvalidRequest).detail("The request names no valid host.")
        }
        RouteError::UriTooLong => Problem::new(ProblemType::UriTooLong)
            .detail(format!("The request target is longer than {} bytes.", HttpConfig::MAX_URI)),
        RouteError::NoRoute => {
            Problem::new(ProblemType::HandlerNotFound).detail("No route of this host leads to a handler for this path.")
        }
        RouteError::NoSuchHost => Problem::new(ProblemType::HandlerNotFound)
            .detail("A handler's host is <handler>.<domain>, or <handler>.<tenant>.<domain> beyond the default tenant."),
    }
}

fn infallible<T>(result: Result<T, std::convert::Infallible>) -> T {
    match result {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
