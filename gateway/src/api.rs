//! The deploy API under `/_mesh/v1` and the code that tabs fetch.
//!
//! Knows HTTP and JSON only: what a deployment is, [`crate::deploy`] decides, and [`crate::catalog`] keeps it. Every
//! error is a [`Problem`]. Nothing here may be used by a web page of another origin: handlers run on sibling origins,
//! and a contributor's or developer's browser can reach this address.

mod audit;
mod body;
mod code;
pub(crate) mod deployments;
mod diff;
pub(crate) mod guard;
pub(crate) mod kv;
pub mod openapi;
mod purge;
mod quota;
pub(crate) mod secrets;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod stores;
pub(crate) mod tail;
mod tenants;
mod tokens;
mod triggers;
pub(crate) mod upload;
pub(crate) mod versions;
pub(crate) mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Deserialize;
use serde::Serialize;
use tabmesh_protocol::{Limits, Target};
use tokio::sync::Semaphore;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::access::{Access, Principal};
use crate::cache::Cache;
use crate::catalog::{Catalog, Handler, Settings};
use crate::config::{HttpConfig, LimitConfig};
use crate::deploy::{self, CompileLimits};
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemType};
use crate::routes::Pattern;
use crate::stacks;
use crate::storage::Storage;
use crate::store::{DEFAULT_TENANT, StoreError};
use crate::tail::Tail;
use status::Gateway;
use stores::Stores;
use view::View;

/// Where the API is.
pub const API_PATH: &str = "/_mesh/v1";

/// Path of the default tenant's handlers; one is at `/{name}` under it.
pub const HANDLERS_PATH: &str = "/_mesh/v1/handlers";

/// Path of the tenants; one is at `/{tenant}` under it, and its handlers at `/{tenant}/handlers`.
pub const TENANTS_PATH: &str = "/_mesh/v1/tenants";

/// Path under which bundles are found by hash.
pub const CODE_PATH: &str = "/_mesh/code";

/// Parsers at work at once. One takes a core, and up to 800 MB for 10 MiB of the densest code.
const MAX_COMPILES: usize = 1;

/// What the API allows, and where handlers are found.
#[derive(Clone, Debug)]
pub struct ApiLimits {
    /// Size of a deployment.
    pub compile: CompileLimits,
    /// The highest value of each limit that a deployment may ask for.
    pub caps: Limits,
    /// Deployments under way at once; each may hold `compile.source_bytes` about three times.
    pub max_uploads: usize,
    /// Longest time for an upload to arrive.
    pub upload_timeout: Duration,
    /// Domain under which each handler has a host: `hello.localhost`.
    pub domain: String,
    /// `http`, or `https` where callers come by TLS.
    pub scheme: &'static str,
}

impl Default for ApiLimits {
    /// 10 MiB in 1000 modules, the flags' defaults as caps, 8 at once, 60 s, `localhost`.
    fn default() -> Self {
        ApiLimits {
            compile: CompileLimits::default(),
            caps: LimitConfig::default().caps(HttpConfig::MAX_BODY),
            max_uploads: 8,
            upload_timeout: Duration::from_secs(60),
            domain: "localhost".into(),
            scheme: "http",
        }
    }
}

pub(crate) struct Api {
    pub(crate) catalog: Arc<Catalog>,
    metrics: Arc<Metrics>,
    cache: Arc<Cache>,
    access: Arc<Access>,
    storage: Arc<Storage>,
    pub(crate) limits: ApiLimits,
    uploads: Semaphore,
    /// Deployments whose tenant has a quota come one by one.
    quotas: Semaphore,
    compiles: Arc<Semaphore>,
}

type Shared = State<Arc<Api>>;
type Name = Result<Path<String>, PathRejection>;

/// Whose handlers a path means. Without a tenant in it, the default one's.
#[derive(Deserialize)]
struct Owner {
    #[serde(default = "default_tenant")]
    tenant: String,
}

/// Which handler a path means.
#[derive(Deserialize)]
struct Address {
    #[serde(default = "default_tenant")]
    tenant: String,
    name: String,
}

fn default_tenant() -> String {
    DEFAULT_TENANT.to_owned()
}

/// All routes under [`API_PATH`] with their document, and [`CODE_PATH`]. No route of the API is mounted elsewhere.
pub(crate) fn whole(api: Arc<Api>, stores: Arc<Stores>, tail: Arc<Tail>, gateway: Gateway) -> Router {
    let tails = tail::router(Arc::clone(&api.catalog), tail);
    let whole = router(api).merge(stores::router(stores)).merge(tails).merge(status::router(gateway));
    let (routes, document) = whole.split_for_parts();
    routes.merge(openapi::router(document))
}

/// The routes of handlers, tenants and tokens, and [`CODE_PATH`], with what documents them, and 405 for other methods; without a fallback
/// for other paths.
fn router(api: Arc<Api>) -> OpenApiRouter {
    let mut router = OpenApiRouter::new()
        .routes(known(API_PATH, routes!(tenants::list)))
        .routes(known(API_PATH, routes!(tenants::read, tenants::put)))
        .routes(known(API_PATH, routes!(audit::list)))
        .route(&format!("{CODE_PATH}/{{hash}}"), not_others(axum::routing::get(code::code)));
    // What tenants have: the default one also without its name.
    for base in [API_PATH.to_owned(), format!("{TENANTS_PATH}/{{tenant}}")] {
        let base = base.as_str();
        router = router
            .routes(known(base, routes!(list)))
            .routes(known(base, routes!(read, put, delete)))
            .routes(known(base, routes!(purge::purge)))
            .routes(known(base, routes!(secrets::list)))
            .routes(known(base, routes!(secrets::put, secrets::delete)))
            .routes(known(base, routes!(versions::list, versions::post)))
            .routes(known(base, routes!(versions::read)))
            .routes(known(base, routes!(versions::diff)))
            .routes(known(base, routes!(deployments::list, deployments::post)))
            .routes(known(base, routes!(deployments::rollback)))
            .routes(known(base, routes!(triggers::read, triggers::put)))
            .routes(known(base, routes!(triggers::routes)))
            .routes(known(base, routes!(tokens::list, tokens::create)))
            .routes(known(base, routes!(tokens::revoke)));
    }
    router
        // Bodies are read by `upload`, with its own limits.
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

/// Routes, documented under `base`; other methods get a problem.
///
/// Not [`OpenApiRouter::nest`], which takes the base off the paths that routes see.
pub(crate) fn known<S: Clone + Send + Sync + 'static>(
    base: &str,
    (schemas, mut paths, methods): UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let found = std::mem::take(&mut paths.paths).into_iter();
    paths.paths = found.map(|(path, item)| (format!("{base}{path}"), item)).collect();
    (schemas, paths, not_others(methods))
}

/// Other methods get a problem; axum adds `Allow`.
fn not_others<S: Clone + Send + Sync + 'static>(
    methods: axum::routing::MethodRouter<S>,
) -> axum::routing::MethodRouter<S> {
    methods.fallback(async || Problem::new(ProblemType::MethodNotAllowed))
}

/// The JSON of a tenant's handlers.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Handlers)]
struct List<'a> {
    handlers: Vec<View<'a>>,
}

/// Lists the tenant's handlers.
#[utoipa::path(get, path = "/handlers", tag = "handlers", responses((status = 200, body = List<'_>)))]
async fn list(
    State(api): Shared,
    owner: Result<Path<Owner>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tenant = owner.map_err(|_| no_tenant())?.0.tenant;
    api.know(&tenant)?;
    let handlers = api.catalog.list(&tenant);
    let own = guard::authority(&uri, &headers);
    let handlers: Vec<View<'_>> = handlers.iter().map(|handler| api.view(handler, own.as_ref())).collect();
    Ok(json(StatusCode::OK, &List { handlers }))
}

/// Shows a handler.
#[utoipa::path(get, path = "/handlers/{name}", tag = "handlers", params(("name" = String, Path)),
    responses((status = 200, body = View<'_>)))]
async fn read(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.know(&tenant)?;
    let handler = api.catalog.lookup(&tenant, &name).ok_or_else(no_handler)?;
    let own = guard::authority(&uri, &headers);
    Ok(json(StatusCode::OK, &api.view(&handler, own.as_ref())))
}

/// Deploys a handler: one module as the body, or several files and `metadata` as a form.
#[utoipa::path(put, path = "/handlers/{name}", tag = "handlers", params(("name" = String, Path)),
    request_body(content((String = "application/javascript"), (upload::Document = "multipart/form-data"))),
    responses((status = 200, description = "A new version", body = View<'_>), (status = 201, description = "A new handler", body = View<'_>)))]
async fn put(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Path(Address { tenant, name }) =
        address.map_err(|_| Problem::new(ProblemType::InvalidHandlerName))?;
    deploy::check_handler_name(&name)
        .map_err(|reason| Problem::new(ProblemType::InvalidHandlerName).detail(reason))?;
    api.know(&tenant)?;
    let own = guard::authority(request.uri(), request.headers());
    let Received { compiled, settings, secrets } = api.receive(&tenant, request).await?;
    let put = api.deploy(&tenant, &name, compiled, settings, secrets).await?;
    stacks::forget(&put.handler.target.version);
    tracing::info!(%tenant, handler = %name, version = %put.handler.target.version, created = put.created, "deployed");
    let view = api.view(&put.handler, own.as_ref()).created(put.created);
    if !put.created {
        return Ok(json(StatusCode::OK, &view));
    }
    Ok(created(&view, &place(&tenant, &name)))
}

/// The path of a handler.
fn place(tenant: &str, name: &str) -> String {
    match tenant {
        DEFAULT_TENANT => format!("{HANDLERS_PATH}/{name}"),
        tenant => format!("{TENANTS_PATH}/{tenant}/handlers/{name}"),
    }
}

/// Takes a handler away.
#[utoipa::path(delete, path = "/handlers/{name}", tag = "handlers", params(("name" = String, Path)), responses((status = 204)))]
async fn delete(
    State(api): Shared,
    address: Result<Path<Address>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(Address { tenant, name }) = address.map_err(|_| no_handler())?;
    api.know(&tenant)?;
    api.delete(&tenant, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An upload, compiled.
pub(crate) struct Received {
    pub(crate) compiled: deploy::Compiled,
    pub(crate) settings: Settings,
    pub(crate) secrets: Vec<(String, String)>,
}

impl Api {
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        metrics: Arc<Metrics>,
        cache: Arc<Cache>,
        access: Arc<Access>,
        storage: Arc<Storage>,
        limits: ApiLimits,
    ) -> Arc<Self> {
        let uploads = Semaphore::new(limits.max_uploads);
        let compiles = Arc::new(Semaphore::new(MAX_COMPILES));
        let quotas = Semaphore::new(1);
        Arc::new(Self { catalog, metrics, cache, access, storage, limits, uploads, quotas, compiles })
    }

    /// Reads a form, or a module alone, for a tenant, and compiles it.
    async fn receive(&self, tenant: &str, request: Request) -> Result<Received, Problem> {
        self.receive_as(tenant, request, Ok).await
    }

    /// The same of a form that `translate` first makes one of ours.
    pub(crate) async fn receive_as<E: From<Problem>>(
        &self,
        tenant: &str,
        request: Request,
        translate: impl FnOnce(upload::Form) -> Result<upload::Form, E>,
    ) -> Result<Received, E> {
        let principal = request.extensions().get::<Principal>().cloned();
        let author = Principal::named(&request);
        let _upload = self
            .uploads
            .try_acquire()
            .map_err(|_| Problem::new(ProblemType::TooManyUploads).retry_after(1))?;
        let upload = match upload::read(request, &self.limits).await? {
            upload::Sent::Module(module) => upload::alone(module),
            upload::Sent::Form(form) => upload::judge(translate(form)?, &self.limits)?,
        };
        self.check_routes(principal.as_ref(), tenant, &upload.settings.triggers.routes)?;
        let mut compiled = self.compile(upload.files, upload.options).await?;
        (compiled.bundle.env, compiled.bundle.egress) = (upload.bindings.env, upload.egress);
        compiled.site = upload.site;
        let mut settings = upload.settings;
        settings.notes.author = author;
        Ok(Received { compiled, settings, secrets: upload.bindings.secrets })
    }

    /// Takes a handler away.
    pub(crate) async fn delete(&self, tenant: &str, name: &str) -> Result<(), Problem> {
        if !self.catalog.delete(tenant, name).await.map_err(|error| store_problem(&error))? {
            return Err(no_handler());
        }
        tracing::info!(%tenant, handler = %name, "deleted");
        Ok(())
    }

    async fn compile(
        &self,
        files: Vec<deploy::SourceFile>,
        options: deploy::Options,
    ) -> Result<deploy::Compiled, Problem> {
        // Closed never; were it, the deployment would be refused rather than run beside others.
        let turn = Arc::clone(&self.compiles).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::new(ProblemType::Internal))?;
        let limits = self.limits.compile;
        let compiled = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request: one that went away does not make room for another.
            let _turn = turn;
            deploy::compile_within(files, options, limits)
        });
        let result = compiled.await.map_err(|_| Problem::new(ProblemType::Internal))?;
        result.map_err(|error| {
            tracing::debug!(%error, "deployment refused");
            error.into()
        })
    }

    fn view<'a>(&self, handler: &'a Handler, own: Option<&Authority>) -> View<'a> {
        View::new(handler, &self.limits, own)
    }

    /// Refuses routes of hosts that the tenant was not granted.
    pub(crate) fn check_routes(
        &self,
        principal: Option<&Principal>,
        tenant: &str,
        routes: &[Pattern],
    ) -> Result<(), Problem> {
        self.access.check_routes(principal, tenant, routes).map_err(|route| {
            Problem::new(ProblemType::HostNotGranted).detail(format!(
                "The host of the route {route} was not granted to the tenant: PUT {TENANTS_PATH}/{tenant} with `hosts` does it."
            ))
        })
    }

    /// Refuses a tenant that does not exist.
    pub(crate) fn know(&self, tenant: &str) -> Result<(), Problem> {
        self.catalog.tenant(tenant).map(|_| ()).ok_or_else(no_tenant)
    }
}

pub(crate) fn no_handler() -> Problem {
    Problem::new(ProblemType::HandlerNotFound).detail("No handler of this name is deployed here.")
}

pub(crate) fn no_tenant() -> Problem {
    Problem::new(ProblemType::TenantNotFound)
        .detail(format!("There is no tenant of this name; PUT {TENANTS_PATH}/{{name}} makes one."))
}

fn store_problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Full { limit } => Problem::new(ProblemType::TooManyHandlers)
            .detail(format!("This gateway holds at most {limit} handlers; delete one first.")),
        StoreError::NoHandler => no_handler(),
        StoreError::NoVersion { version } => Problem::new(ProblemType::VersionNotFound)
            .detail(format!("The handler has no version {version}.")),
        StoreError::RouteTaken { pattern, owner } => {
            let Target { tenant, handler, .. } = &**owner;
            let whose =
                if tenant == DEFAULT_TENANT { String::new() } else { format!(" of tenant `{tenant}`") };
            Problem::new(ProblemType::RouteConflict)
                .detail(format!("The route {pattern} leads to the handler `{handler}`{whose} already."))
        }
        StoreError::TooManyTenants { limit } => Problem::new(ProblemType::TooManyTenants)
            .detail(format!("This gateway has at most {limit} tenants.")),
        _ => {
            tracing::error!(%error, "the store failed");
            Problem::new(ProblemType::Internal)
        }
    }
}

/// 201 with the new resource and where it is. Names are letters, digits and hyphens by now.
fn created(view: &impl Serialize, location: &str) -> Response {
    let mut response = json(StatusCode::CREATED, view);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    const HEADERS: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
    (status, HEADERS, axum::Json(value)).into_response()
}

#[cfg(test)]
mod tests;
