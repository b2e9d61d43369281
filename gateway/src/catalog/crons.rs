//! Cron triggers: which handlers have some, and when each ran last.

use super::{Catalog, Handler, blocking};
use crate::store::StoreError;
use std::sync::Arc;
use tabmesh_protocol::Target;

impl Catalog {
    /// The handlers that have cron triggers.
    #[must_use]
    pub fn scheduled(&self) -> Vec<Arc<Handler>> {
        let handlers = self.inner.handlers();
        let all = handlers.values().flat_map(|names| names.values());
        all.map(|entry| &entry.handler).filter(|handler| !handler.crons.is_empty()).cloned().collect()
    }

    /// When a handler's trigger ran last, in milliseconds since 1970.
    ///
    /// # Errors
    /// Database errors.
    pub async fn cron_ran(&self, target: Arc<Target>, pattern: String) -> Result<Option<u64>, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.store().cron_ran(&target.tenant, &target.handler, &pattern)).await
    }

    /// Notes that it ran for the time `at_ms`.
    ///
    /// # Errors
    /// Database errors; also where the handler is gone.
    pub async fn note_cron(
        &self,
        target: Arc<Target>,
        pattern: String,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.store().put_cron_run(&target.tenant, &target.handler, &pattern, at_ms)).await
    }
}
