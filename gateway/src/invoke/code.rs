//! Code ahead of a request: a small bundle that the tab has not been sent travels on the same channel, right before the
//! first request that needs it. All else (a large bundle, one that the tab gave up for others) the tab fetches over HTTP:
//! a wrong guess here costs that fetch and nothing more.

use crate::catalog::{Catalog, Handler};
use crate::mesh::pool::Lease;
use bytes::Bytes;
use tabmesh_protocol::config::MAX_PUSHED_CODE;

/// Where handlers' code is kept.
#[async_trait::async_trait]
pub trait CodeStore: Send + Sync {
    /// The bundle of this version, as JSON, if it can be had.
    async fn bundle(&self, version: &str) -> Option<Bytes>;
}

#[async_trait::async_trait]
impl CodeStore for Catalog {
    async fn bundle(&self, version: &str) -> Option<Bytes> {
        // A store that fails says so when the tab asks.
        self.code(version).await.ok().flatten()
    }
}

/// What to send ahead of a request on this lease. It is waited for where it must be read from the disk (after the gateway
/// was started again): the tab's own request for it would wait as long, and come later.
pub(super) async fn ahead(store: &dyn CodeStore, handler: &Handler, lease: &Lease) -> Option<Bytes> {
    if !lease.is_first() || handler.size > MAX_PUSHED_CODE as u64 {
        return None;
    }
    store.bundle(&handler.target.version).await
}
