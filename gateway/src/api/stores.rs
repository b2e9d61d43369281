//! The routes of the stores that handlers and developers share: `/_mesh/v1/kv` and `/_mesh/v1/sql`, of each tenant.

use super::{API_PATH, TENANTS_PATH, known, kv, no_tenant, sql};
use crate::catalog::Catalog;
use crate::kv::operations::Operations;
use crate::mesh::memory::Memory;
use crate::mesh::shares::Shares;
use crate::problem::{Problem, ProblemType};
use crate::storage::Storage;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, Request};
use http::{HeaderValue, header};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest time for a body to arrive: 25 MiB at 4 Mbit/s.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// What requests to the API may hold in memory of values and results on their way, over all tenants; in bytes. A tenant's share is told in
/// [`crate::mesh::shares`].
const ON_THE_WAY: usize = 256 << 20;

/// The stores as the API reaches them.
pub(crate) struct Stores {
    catalog: Arc<Catalog>,
    pub(crate) storage: Arc<Storage>,
    shares: Arc<Shares>,
}

pub(super) type Shared = axum::extract::State<Arc<Stores>>;

/// The routes with what documents them, with 405 for other methods.
pub(super) fn router(stores: Arc<Stores>) -> OpenApiRouter {
    let mut router = OpenApiRouter::new();
    for base in [API_PATH.to_owned(), format!("{TENANTS_PATH}/{{tenant}}")] {
        let base = base.as_str();
        router = router
            .routes(known(base, routes!(kv::namespaces, kv::make)))
            .routes(known(base, routes!(kv::remove)))
            .routes(known(base, routes!(kv::keys)))
            .routes(known(base, routes!(kv::get, kv::put, kv::delete)))
            .routes(known(base, routes!(kv::put_all)))
            .routes(known(base, routes!(kv::delete_all)))
            .routes(known(base, routes!(sql::list, sql::make)))
            .routes(known(base, routes!(sql::read, sql::remove)))
            .routes(known(base, routes!(sql::query)));
    }
    router
        // Bodies are read with limits of their own.
        .layer(DefaultBodyLimit::disable())
        .with_state(stores)
}

impl Stores {
    pub(crate) fn new(catalog: Arc<Catalog>, storage: Arc<Storage>) -> Arc<Self> {
        Arc::new(Self { catalog, storage, shares: Shares::new(ON_THE_WAY) })
    }

    /// What can be done with a tenant's namespaces.
    pub(crate) fn kv(&self, tenant: &str) -> Operations {
        self.storage.kv(self.memory(tenant))
    }

    /// What a tenant's requests may hold.
    pub(crate) fn memory(&self, tenant: &str) -> Memory {
        Memory::of_tenant(&self.shares, tenant)
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
