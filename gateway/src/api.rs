//! The deploy API under `/_mesh/v1` and the code that tabs fetch.
//!
//! Knows HTTP and JSON only: what a deployment is, [`crate::deploy`] decides, and [`crate::catalog`] keeps it. Every
//! error is a [`Problem`]. Nothing here may be used by a web page of another origin: handlers run on sibling origins,
//! and a contributor's or developer's browser can reach this address.

mod code;
mod guard;
mod upload;
mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde::Serialize;
use tabmesh_protocol::bundle::Bundle;
use tokio::sync::Semaphore;

use crate::catalog::{Catalog, Handler};
use crate::deploy::{self, CompileLimits};
use crate::problem::{Problem, ProblemType};
use crate::store::{DEFAULT_TENANT, StoreError};
use view::View;

/// Path of the collection; a handler is at `/{name}` under it.
pub const HANDLERS_PATH: &str = "/_mesh/v1/handlers";

/// Path under which bundles are found by hash.
pub const CODE_PATH: &str = "/_mesh/code";

/// Parsers at work at once. One takes a core, and up to 800 MB for 10 MiB of the densest code.
const MAX_COMPILES: usize = 1;

/// What the API allows, and where handlers are found.
#[derive(Clone, Debug)]
pub struct ApiLimits {
    /// Size of a deployment.
    pub compile: CompileLimits,
    /// Highest `limits.wall_ms` a deployment may ask for, in milliseconds.
    pub max_wall_ms: u32,
    /// Deployments under way at once; each may hold `compile.source_bytes` about three times.
    pub max_uploads: usize,
    /// Longest time for an upload to arrive.
    pub upload_timeout: Duration,
    /// Domain under which each handler has a host: `hello.localhost`.
    pub domain: String,
}

impl Default for ApiLimits {
    /// 10 MiB in 1000 modules, 5 minutes, 8 at once, 60 s, `localhost`.
    fn default() -> Self {
        ApiLimits {
            compile: CompileLimits::default(),
            max_wall_ms: 5 * 60 * 1000,
            max_uploads: 8,
            upload_timeout: Duration::from_secs(60),
            domain: "localhost".into(),
        }
    }
}

struct Api {
    catalog: Arc<Catalog>,
    limits: ApiLimits,
    uploads: Semaphore,
    compiles: Arc<Semaphore>,
}

type Shared = State<Arc<Api>>;
type Name = Result<Path<String>, PathRejection>;

/// The routes [`HANDLERS_PATH`] and [`CODE_PATH`], with 405 for other methods; without a fallback for other paths.
pub fn router(catalog: Arc<Catalog>, limits: ApiLimits) -> Router {
    let uploads = Semaphore::new(limits.max_uploads);
    let api = Arc::new(Api { catalog, limits, uploads, compiles: Arc::new(Semaphore::new(MAX_COMPILES)) });
    Router::new()
        .route(HANDLERS_PATH, known(get(list)))
        .route(&format!("{HANDLERS_PATH}/{{name}}"), known(get(read).put(put).delete(delete)))
        .route(&format!("{CODE_PATH}/{{hash}}"), known(get(code::code)))
        // Bodies are read by `upload`, with its own limits.
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

/// Other methods get a problem; axum adds `Allow`.
fn known(methods: MethodRouter<Arc<Api>>) -> MethodRouter<Arc<Api>> {
    methods.fallback(async || Problem::new(ProblemType::MethodNotAllowed))
}

async fn list(State(api): Shared, uri: Uri, headers: HeaderMap) -> Response {
    let handlers = api.catalog.list(DEFAULT_TENANT);
    let own = guard::authority(&uri, &headers);
    let handlers: Vec<View<'_>> = handlers.iter().map(|handler| api.view(handler, own.as_ref())).collect();
    json(StatusCode::OK, &serde_json::json!({ "handlers": handlers }))
}

async fn read(State(api): Shared, name: Name, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let name = name.map_err(|_| no_handler())?.0;
    let handler = api.catalog.lookup(DEFAULT_TENANT, &name).ok_or_else(no_handler)?;
    let own = guard::authority(&uri, &headers);
    Ok(json(StatusCode::OK, &api.view(&handler, own.as_ref())))
}

async fn put(State(api): Shared, name: Name, request: Request) -> Result<Response, Problem> {
    guard::check(&request)?;
    let Path(name) = name.map_err(|_| Problem::new(ProblemType::InvalidHandlerName))?;
    deploy::check_handler_name(&name)
        .map_err(|reason| Problem::new(ProblemType::InvalidHandlerName).detail(reason))?;
    let _upload =
        api.uploads.try_acquire().map_err(|_| Problem::new(ProblemType::TooManyUploads).retry_after(1))?;
    let own = guard::authority(request.uri(), request.headers());
    let upload = upload::read(request, &api.limits).await?;
    let bundle = api.compile(upload.files, upload.main).await?;
    let put = api
        .catalog
        .put(DEFAULT_TENANT, &name, bundle, upload.limits)
        .await
        .map_err(|error| store_problem(&error))?;
    tracing::info!(handler = %name, version = %put.handler.version, created = put.created, "deployed");
    let view = api.view(&put.handler, own.as_ref()).created(put.created);
    if !put.created {
        return Ok(json(StatusCode::OK, &view));
    }
    let mut response = json(StatusCode::CREATED, &view);
    if let Ok(location) = HeaderValue::try_from(format!("{HANDLERS_PATH}/{name}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn delete(State(api): Shared, name: Name, request: Request) -> Result<StatusCode, Problem> {
    guard::check(&request)?;
    let name = name.map_err(|_| no_handler())?.0;
    let existed = api.catalog.delete(DEFAULT_TENANT, &name).await.map_err(|error| store_problem(&error))?;
    if !existed {
        return Err(no_handler());
    }
    tracing::info!(handler = %name, "deleted");
    Ok(StatusCode::NO_CONTENT)
}

impl Api {
    async fn compile(&self, files: Vec<deploy::SourceFile>, main: Option<String>) -> Result<Bundle, Problem> {
        // Closed never; were it, the deployment would be refused rather than run beside others.
        let turn = Arc::clone(&self.compiles).acquire_owned().await;
        let turn = turn.map_err(|_| Problem::new(ProblemType::Internal))?;
        let limits = self.limits.compile;
        let compiled = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the request: one that went away does not make room for another.
            let _turn = turn;
            deploy::compile_within(files, main.as_deref(), limits)
        });
        let result = compiled.await.map_err(|_| Problem::new(ProblemType::Internal))?;
        result.map_err(|error| {
            tracing::debug!(%error, "deployment refused");
            error.into()
        })
    }

    fn view<'a>(&self, handler: &'a Handler, own: Option<&Authority>) -> View<'a> {
        View::new(handler, &self.limits.domain, own)
    }
}

fn no_handler() -> Problem {
    Problem::new(ProblemType::HandlerNotFound).detail("No handler of this name is deployed here.")
}

fn store_problem(error: &StoreError) -> Problem {
    if let StoreError::Full { limit } = error {
        return Problem::new(ProblemType::TooManyHandlers)
            .detail(format!("This gateway holds at most {limit} handlers; delete one first."));
    }
    tracing::error!(%error, "the store failed");
    Problem::new(ProblemType::Internal)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    const HEADERS: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
    (status, HEADERS, axum::Json(value)).into_response()
}

#[cfg(test)]
mod tests;
