//! Secrets of handlers, in memory as in the store. Handlers get placeholders, which nobody can guess who does not hold this
//! store's key.

use super::{Catalog, Inner, blocking};
use crate::store::{SecretRow, StoreError};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

/// Most secrets of one handler.
pub const MAX_SECRETS: usize = 100;

/// Longest secret, in bytes; as Workers.
pub const MAX_SECRET: usize = 5 << 10;

/// (tenant, handler) -> name -> value.
type Values = HashMap<(String, String), BTreeMap<String, String>>;

pub(super) struct Secrets {
    /// What placeholders are made with.
    key: RwLock<Vec<u8>>,
    values: RwLock<Values>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

fn sort(rows: Vec<SecretRow>) -> Values {
    let mut values = Values::new();
    for SecretRow { tenant, handler, name, value } in rows {
        values.entry((tenant, handler)).or_default().insert(name, value);
    }
    values
}

impl Secrets {
    pub(super) fn new(key: Vec<u8>, rows: Vec<SecretRow>) -> Self {
        Self { key: RwLock::new(key), values: RwLock::new(sort(rows)) }
    }

    /// Takes these in place of all.
    pub(super) fn reload(&self, key: Vec<u8>, rows: Vec<SecretRow>) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
        *self.values.write().unwrap_or_else(PoisonError::into_inner) = sort(rows);
    }

    fn change<T>(
        &self,
        tenant: &str,
        handler: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> T {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        change(values.entry((tenant.to_owned(), handler.to_owned())).or_default())
    }

    pub(super) fn forget(&self, tenant: &str, handler: &str) {
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        values.remove(&(tenant.to_owned(), handler.to_owned()));
    }
}

impl Catalog {
    /// The secrets of a handler, by name.
    #[must_use]
    pub fn secrets(&self, tenant: &str, handler: &str) -> BTreeMap<String, String> {
        let values = self.inner.secrets.values.read().unwrap_or_else(PoisonError::into_inner);
        values.get(&(tenant.to_owned(), handler.to_owned())).cloned().unwrap_or_default()
    }

    /// What a handler gets in place of a secret: the same each time.
    #[must_use]
    pub fn placeholder(&self, tenant: &str, handler: &str, name: &str) -> String {
        let mut digest = Sha256::new();
        let key = self.inner.secrets.key.read().unwrap_or_else(PoisonError::into_inner);
        for part in [&**key, tenant.as_bytes(), b"/", handler.as_bytes(), b"/", name.as_bytes()] {
            digest.update(part);
        }
        format!("tabmesh-secret-{}", hex::encode(&digest.finalize()[..16]))
    }

    /// Writes a secret of a deployed handler. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors.
    pub async fn put_secret(&self, row: SecretRow) -> Result<(), StoreError> {
        let inner: Arc<Inner> = Arc::clone(&self.inner);
        blocking(move || {
            let mut store = inner.store();
            store.put_secret(&row)?;
            let SecretRow { tenant, handler, name, value } = row;
            inner.secrets.change(&tenant, &handler, |values| values.insert(name, value));
            drop(store);
            Ok(())
        })
        .await
    }

    /// Removes a secret; `false` if there was none. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors.
    pub async fn delete_secret(&self, tenant: &str, handler: &str, name: &str) -> Result<bool, StoreError> {
        let inner: Arc<Inner> = Arc::clone(&self.inner);
        let (tenant, handler, name) = (tenant.to_owned(), handler.to_owned(), name.to_owned());
        blocking(move || {
            let mut store = inner.store();
            let gone = store.delete_secret(&tenant, &handler, &name)?;
            inner.secrets.change(&tenant, &handler, |values| values.remove(&name));
            drop(store);
            Ok(gone)
        })
        .await
    }
}
