//! All that tenants store: the stores of handlers side by side, what each tenant has in them, and how much it may.
//!
//! Code and static files are the catalog's, entries the KV store's, databases the SQL store's. Each keeps its own count, and refuses by itself
//! what goes beyond the bound that it is given here; so writes to different ones at the same moment may each fit alone.

use crate::access::Access;
use crate::catalog::Catalog;
use crate::kv::operations::Operations;
use crate::kv::{KvFault, KvStore};
use crate::mesh::memory::Memory;
use crate::sql::{Answer, DatabaseId, Imported, SqlError, SqlStore, Work};
use crate::store::StoreError;
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Why nobody knows what a tenant stores.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The store of code.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of entries.
    #[error(transparent)]
    Kv(#[from] KvFault),
    /// The store of databases.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The task that asked was ended (the process is shutting down).
    #[error("the stores are closing")]
    Closing,
}

/// What a tenant stores, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Usage {
    /// All of it: what the quota `stored_bytes` bounds.
    pub stored_bytes: u64,
    /// Code of versions, and their static files.
    pub code_bytes: u64,
    /// Entries of KV namespaces.
    pub kv_bytes: u64,
    /// SQL databases.
    pub sql_bytes: u64,
}

/// The stores; cheap to share behind an `Arc`.
pub struct Storage {
    /// Entries of KV namespaces.
    pub kv: Arc<dyn KvStore>,
    /// SQL databases. What may write goes through [`Storage::run`] and [`Storage::import`].
    pub databases: Arc<dyn SqlStore>,
    catalog: Arc<Catalog>,
    access: Arc<Access>,
    damaged: Counter,
}

impl Storage {
    /// Puts them together; `damaged` counts entries that were found damaged.
    #[must_use]
    pub fn new(
        kv: Arc<dyn KvStore>,
        databases: Arc<dyn SqlStore>,
        catalog: Arc<Catalog>,
        access: Arc<Access>,
        damaged: Counter,
    ) -> Arc<Self> {
        Arc::new(Self { kv, databases, catalog, access, damaged })
    }

    /// What can be done with KV namespaces, with values in `memory` while they come and go.
    #[must_use]
    pub fn kv(self: &Arc<Self>, memory: Memory) -> Operations {
        Operations::new(Arc::clone(self), memory)
    }

    /// Does work on a database, within its tenant's quota.
    ///
    /// # Errors
    /// [`SqlError`]; then nothing was written.
    pub async fn run(&self, id: DatabaseId, work: Work) -> Result<Vec<Answer>, SqlError> {
        let most = self.most_of_sql(&id.tenant).await?;
        self.databases.run(id, work, most).await
    }

    /// Runs a file of statements on a database, within its tenant's quota.
    ///
    /// # Errors
    /// [`SqlError`]; then nothing was written.
    pub async fn import(&self, id: DatabaseId, sql: String) -> Result<Imported, SqlError> {
        let most = self.most_of_sql(&id.tenant).await?;
        self.databases.import(id, sql, most).await
    }

    /// Bytes that all of a tenant's entries may have now; `None` for no bound.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn most_of_kv(&self, tenant: &str) -> Result<Option<u64>, UsageError> {
        let Some(bound) = self.bound(tenant) else { return Ok(None) };
        let others = self.code(tenant).await? + self.databases.used(tenant).await?;
        Ok(Some(bound.saturating_sub(others)))
    }

    /// The same of its databases.
    async fn most_of_sql(&self, tenant: &str) -> Result<Option<u64>, SqlError> {
        let Some(bound) = self.bound(tenant) else { return Ok(None) };
        let others = async { Ok::<_, UsageError>(self.code(tenant).await? + self.entries(tenant).await?) };
        let others = others.await.map_err(|error| {
            tracing::error!(%error, %tenant, "what a tenant stores cannot be counted");
            SqlError::Unavailable
        })?;
        Ok(Some(bound.saturating_sub(others)))
    }

    /// What a tenant stores.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn usage(&self, tenant: &str) -> Result<Usage, UsageError> {
        let (code_bytes, kv_bytes) = (self.code(tenant).await?, self.entries(tenant).await?);
        let sql_bytes = self.databases.used(tenant).await?;
        Ok(Usage { stored_bytes: code_bytes + kv_bytes + sql_bytes, code_bytes, kv_bytes, sql_bytes })
    }

    /// Notes that an entry was found damaged.
    pub fn count_damaged(&self) {
        self.damaged.inc();
    }

    /// Bytes that a tenant may store; `None` for as many as there is room for.
    fn bound(&self, tenant: &str) -> Option<u64> {
        self.access.quota(tenant).stored_bytes.filter(|bytes| *bytes > 0)
    }

    async fn code(&self, tenant: &str) -> Result<u64, UsageError> {
        Ok(self.catalog.stored(tenant).await?)
    }

    async fn entries(&self, tenant: &str) -> Result<u64, UsageError> {
        let (kv, tenant) = (Arc::clone(&self.kv), tenant.to_owned());
        let used = tokio::task::spawn_blocking(move || kv.used(&tenant)).await;
        Ok(used.map_err(|_| UsageError::Closing)??)
    }
}
