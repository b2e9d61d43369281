//! What a compiled deployment is in the store: bytes and their hashes. Pure.

use super::handler::describe;
use super::versions::{Notes, json};
use super::{Handler, Limits, ModuleInfo};
use crate::deploy::{self, Compiled};
use crate::store::{SiteRow, StoreError, VersionRow};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

/// Makes sure that bytes are what their hash says: disks lie, rarely.
pub(super) fn check(hash: &str, bytes: &[u8]) -> Result<(), StoreError> {
    if hex::encode(Sha256::digest(bytes)) == hash {
        return Ok(());
    }
    Err(StoreError::Damaged { hash: hash.to_owned() })
}

/// A deployment, sealed: nothing of it changes any more.
pub(super) struct Sealed {
    /// SHA-256 of `bytes` in hex.
    pub(super) version: String,
    /// The bundle.
    pub(super) bytes: Bytes,
    pub(super) maps: Option<Vec<u8>>,
    pub(super) modules: Vec<ModuleInfo>,
    pub(super) manifest: Option<Vec<u8>>,
    files: Vec<(String, Bytes)>,
}

impl Sealed {
    /// The version names all that makes requests fare as they do: the code, what is in `env`, static files and limits.
    pub(super) fn new(compiled: Compiled, limits: Limits) -> Self {
        const ALWAYS: &str = "names, paths, hashes and numbers always become JSON";
        let Compiled { mut bundle, maps, site } = compiled;
        let manifest =
            (!site.manifest.files.is_empty()).then(|| serde_json::to_vec(&site.manifest).expect(ALWAYS));
        bundle.site = manifest.as_ref().map(|json| hex::encode(Sha256::digest(json)));
        bundle.limits = (limits != Limits::default()).then_some(limits);
        let (version, bytes) = deploy::seal(&bundle);
        Self {
            version,
            bytes,
            maps: (!maps.is_empty()).then(|| serde_json::to_vec(&maps).expect(ALWAYS)),
            modules: describe(&bundle),
            manifest,
            files: site.files.into_iter().collect(),
        }
    }

    pub(super) fn site(&self) -> Option<SiteRow<'_>> {
        let files = &self.files;
        self.manifest.as_deref().map(|manifest| SiteRow { manifest, files })
    }

    /// The version as it is written; the store draws its number.
    pub(super) fn row(&self, handler: &Handler, notes: &Notes) -> VersionRow {
        VersionRow {
            hash: self.version.clone(),
            number: 0,
            limits: json(&handler.limits),
            modules: json(&self.modules),
            size: handler.size,
            has_site: handler.has_site,
            created_at_ms: handler.updated_at_ms,
            notes: json(notes),
        }
    }
}
