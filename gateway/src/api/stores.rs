//! The routes of the stores that handlers and developers share: `/_mesh/v1/kv` and `/_mesh/v1/sql`, of each tenant.

use super::{TENANTS_PATH, kv, no_tenant, sql};
use crate::catalog::Catalog;
use crate::kv::Kv;
use crate::kv::operations::Operations;
use crate::mesh::memory::Memory;
use crate::problem::{Problem, ProblemType};
use crate::sql::Databases;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::routing::{MethodRouter, get, post};
use http::{HeaderValue, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Longest time for a body to arrive: 25 MiB at 4 Mbit/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The stores as the API reaches them. All its requests share the room of `kv` for what is on its way.
pub(crate) struct Stores {
    catalog: Arc<Catalog>,
    pub(crate) kv: Operations,
    pub(crate) databases: Arc<Databases>,
}

pub(super) type Shared = axum::extract::State<Arc<Stores>>;

/// The routes, with 405 for other methods.
pub(crate) fn router(stores: Arc<Stores>) -> Router {
    let mut router = Router::new();
    for owner in ["/_mesh/v1".to_owned(), format!("{TENANTS_PATH}/{{tenant}}")] {
        let (kv, sql) = (format!("{owner}/kv"), format!("{owner}/sql"));
        router = router
            .route(&kv, known(get(kv::namespaces).post(kv::make)))
            .route(&format!("{kv}/{{namespace}}"), known(axum::routing::delete(kv::remove)))
            .route(&format!("{kv}/{{namespace}}/keys"), known(get(kv::keys)))
            .route(
                &format!("{kv}/{{namespace}}/values/{{key}}"),
                known(get(kv::get).put(kv::put).delete(kv::delete)),
            )
            .route(&format!("{kv}/{{namespace}}/bulk"), known(post(kv::put_all)))
            .route(&format!("{kv}/{{namespace}}/bulk/delete"), known(post(kv::delete_all)))
            .route(&sql, known(get(sql::list).post(sql::make)))
            .route(&format!("{sql}/{{database}}"), known(get(sql::read).delete(sql::remove)))
            .route(&format!("{sql}/{{database}}/query"), known(post(sql::query)));
    }
    router.with_state(stores)
}

fn known(methods: MethodRouter<Arc<Stores>>) -> MethodRouter<Arc<Stores>> {
    methods.fallback(async || Problem::new(ProblemType::MethodNotAllowed))
}

impl Stores {
    pub(crate) fn new(catalog: Arc<Catalog>, kv: Arc<Kv>, databases: Arc<Databases>) -> Arc<Self> {
        Arc::new(Self { catalog, kv: Operations::new(kv, Memory::default()), databases })
    }

    /// Refuses a tenant that does not exist.
    pub(super) fn know(&self, tenant: &str) -> Result<(), Problem> {
        self.catalog.tenant(tenant).map(|_| ()).ok_or_else(no_tenant)
    }
}

/// The parts of a path.
pub(super) fn place<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(place)| place).map_err(|_| invalid("The path is not valid UTF-8."))
}

/// Waits for a body, but not for ever.
pub(crate) async fn in_time<T>(reading: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(UPLOAD_TIMEOUT, reading).await.map_err(|_| {
        let seconds = UPLOAD_TIMEOUT.as_secs();
        Problem::new(ProblemType::RequestTimeout)
            .detail(format!("The body did not arrive within {seconds} s."))
            .header(header::CONNECTION, HeaderValue::from_static("close"))
    })
}

/// A body of at most `limit` bytes.
pub(crate) async fn read(request: Request<Body>, limit: usize) -> Result<Bytes, Problem> {
    let body = in_time(Limited::new(request.into_body(), limit).collect()).await?;
    body.map(http_body_util::Collected::to_bytes).map_err(|_| {
        Problem::new(ProblemType::PayloadTooLarge)
            .detail(format!("The body has more than {limit} bytes, or broke off."))
    })
}

/// The same, of JSON.
pub(crate) async fn json<T: DeserializeOwned>(request: Request<Body>, limit: usize) -> Result<T, Problem> {
    let body = read(request, limit).await?;
    serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is not as it should be: {error}.")))
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(ProblemType::InvalidRequest).detail(detail)
}
