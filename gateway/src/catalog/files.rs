//! Static files of versions, from memory or the store.

use super::{Catalog, blocking, sealed};
use crate::store::StoreError;
use bytes::Bytes;
use std::sync::{Arc, PoisonError};

impl Catalog {
    /// The manifest of a version's static files, as JSON, if it has any.
    ///
    /// # Errors
    /// Database errors.
    pub async fn manifest(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (inner, version) = (Arc::clone(&self.inner), version.to_owned());
        blocking(move || inner.store().manifest(&version)).await
    }

    /// The bytes of a static file.
    ///
    /// # Errors
    /// Database errors.
    pub async fn file(&self, hash: &str) -> Result<Option<Bytes>, StoreError> {
        if let Some(bytes) = self.inner.files.lock().unwrap_or_else(PoisonError::into_inner).get(hash) {
            return Ok(Some(bytes));
        }
        let (inner, hash) = (Arc::clone(&self.inner), hash.to_owned());
        blocking(move || {
            let Some(bytes) = inner.store().file(&hash)?.map(Bytes::from) else { return Ok(None) };
            sealed::check(&hash, &bytes)?;
            inner.files.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, bytes.clone());
            Ok(Some(bytes))
        })
        .await
    }
}
