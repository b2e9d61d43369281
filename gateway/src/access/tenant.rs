//! What the operator granted each tenant: in memory, always what the store acknowledged last.

use super::hosts::HostPattern;
use super::{SharedStore, blocking, lock};
use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use utoipa::ToSchema;

/// Most hosts of one tenant's grant.
pub const MAX_HOSTS: usize = 100;

/// What a tenant may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Hosts that its developers may route: `shop.example`, `*.example` (its subdomains), `*example` (these and
    /// itself), `*` (all). Counts where tokens are asked for.
    #[schema(value_type = Vec<String>, max_items = 100)]
    pub hosts: Vec<HostPattern>,
    /// How much it may have.
    pub quota: Quota,
}

/// Bounds of one tenant. What is not said is as the gateway's flags have it; 0 is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Handlers at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handlers: Option<u32>,
    /// Bytes of code, static files, KV entries and databases that are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Requests to its handlers in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
}

fn read(store: &dyn Store) -> Result<HashMap<String, Arc<Settings>>, StoreError> {
    // What cannot be read grants nothing.
    let settings = |json: &str| Arc::new(serde_json::from_str(json).unwrap_or_default());
    Ok(store.grants()?.into_iter().map(|(tenant, json)| (tenant, settings(&json))).collect())
}

/// See the module's page.
#[derive(Debug)]
pub struct Tenants {
    store: SharedStore,
    settings: Arc<RwLock<HashMap<String, Arc<Settings>>>>,
}

impl Tenants {
    /// Reads them. Blocking.
    ///
    /// # Errors
    /// Database errors.
    pub(super) fn open(store: SharedStore) -> Result<Self, StoreError> {
        let settings = Arc::new(RwLock::new(read(&**lock(&store))?));
        Ok(Self { settings, store })
    }

    /// Reads them anew. Blocking.
    ///
    /// # Errors
    /// Database errors; then all is as it was.
    pub(super) fn reload(&self) -> Result<(), StoreError> {
        let store = lock(&self.store);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = read(&**store)?;
        drop(store);
        Ok(())
    }

    /// What a tenant was granted; nothing, if nobody said.
    #[must_use]
    pub fn get(&self, tenant: &str) -> Arc<Settings> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings.get(tenant).cloned().unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<(String, Arc<Settings>)> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings.iter().map(|(tenant, settings)| (tenant.clone(), Arc::clone(settings))).collect()
    }

    /// Grants a tenant that exists this, and nothing else. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors; then all is as it was.
    pub async fn put(&self, tenant: &str, new: Settings) -> Result<(), StoreError> {
        let (store, settings, tenant) =
            (Arc::clone(&self.store), Arc::clone(&self.settings), tenant.to_owned());
        blocking(move || {
            let json = serde_json::to_string(&new).expect("names and numbers always become JSON");
            let mut store = lock(&store);
            store.put_grants(&tenant, &json)?;
            settings.write().unwrap_or_else(PoisonError::into_inner).insert(tenant, Arc::new(new));
            drop(store);
            Ok(())
        })
        .await
    }
}
