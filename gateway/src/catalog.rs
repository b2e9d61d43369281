//! The handlers as requests see them: in memory, always what the store acknowledged last.
//!
//! `lookup` is on the way of every request: it takes a read lock, compares two strings, and never waits for the disk.
//! Writes go to the store first and become visible only then, in the store's order, under one lock: when `put` has
//! returned, no lookup gives an older version, and what a lookup gave was durable.

mod cache;
mod crons;
mod files;
mod handler;
mod secrets;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Uri;
use sha2::{Digest as _, Sha256};
use tabmesh_protocol::Target;

use crate::deploy::{self, Compiled};
use crate::routes::{Found, Pattern, Routes};
use crate::store::{HandlerRow, SiteRow, Store, StoreError};
use cache::CodeCache;
pub use handler::{Handler, ModuleInfo, Settings};
use secrets::Secrets;
pub use secrets::{MAX_SECRET, MAX_SECRETS};
pub use tabmesh_protocol::Limits;

/// Most bytes of bundles kept in memory. Tabs keep code themselves: this serves joins and fresh deployments.
const CODE_CACHE_BYTES: usize = 64 << 20;

/// Most handlers a gateway holds, over all tenants: bounds its memory to some 10 MB and its start to well under 1 s.
pub const MAX_HANDLERS: usize = 10_000;

/// Most tenants: what a gateway's operator looks after by hand, and a bound on what a flood of requests can make.
pub const MAX_TENANTS: usize = 1000;

/// tenant -> name -> handler: two maps, so that a lookup needs no key of its own. Every tenant has its entry, also
/// without handlers.
type Handlers = HashMap<String, HashMap<String, Arc<Handler>>>;

/// The view; cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Held over a write to the store and to `handlers`, so that both see the same order.
    store: Mutex<Store>,
    handlers: RwLock<Handlers>,
    /// What leads to them besides their names.
    routes: RwLock<Routes>,
    code: Mutex<CodeCache>,
    secrets: Secrets,
    /// Static files.
    files: Mutex<CodeCache>,
}

/// What a `put` did.
#[derive(Clone, Debug)]
pub struct Put {
    /// The handler as it is now.
    pub handler: Arc<Handler>,
    /// Whether there was none of this name before.
    pub created: bool,
}

impl Catalog {
    /// Opens the store in `directory` and reads all handlers.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open(directory: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let directory = directory.into();
        blocking(move || Self::read(&directory)).await
    }

    fn read(directory: &Path) -> Result<Self, StoreError> {
        let store = Store::open(directory)?;
        let mut handlers: Handlers =
            store.tenants()?.into_iter().map(|tenant| (tenant, HashMap::new())).collect();
        for row in store.handlers()? {
            let handler = Arc::new(Handler::from_row(row));
            let Target { tenant, handler: name, .. } = &*handler.target;
            handlers.entry(tenant.clone()).or_default().insert(name.clone(), Arc::clone(&handler));
        }
        let mut routes = Routes::default();
        for handler in handlers.values().flat_map(HashMap::values) {
            routes.put(&handler.target, &handler.routes);
        }
        let secrets = Secrets::new(store.placeholder_key()?, store.secrets()?);
        Ok(Catalog {
            inner: Arc::new(Inner {
                secrets,
                files: Mutex::new(CodeCache::new(CODE_CACHE_BYTES)),
                store: Mutex::new(store),
                handlers: RwLock::new(handlers),
                routes: RwLock::new(routes),
                code: Mutex::new(CodeCache::new(CODE_CACHE_BYTES)),
            }),
        })
    }

    /// The handler of this name, if it is deployed.
    #[must_use]
    pub fn lookup(&self, tenant: &str, name: &str) -> Option<Arc<Handler>> {
        self.inner.handlers().get(tenant)?.get(name).cloned()
    }

    /// Where requests for `uri` at `host` (without a port) go; `None` for a host that no route names.
    #[must_use]
    pub fn find(&self, host: &str, uri: &Uri) -> Option<Found> {
        self.inner.routes().find(host, uri)
    }

    /// All handlers of a tenant, sorted by name.
    #[must_use]
    pub fn list(&self, tenant: &str) -> Vec<Arc<Handler>> {
        let handlers = self.inner.handlers();
        let mut list: Vec<_> =
            handlers.get(tenant).map(|names| names.values().cloned().collect()).unwrap_or_default();
        drop(handlers);
        list.sort_by(|a, b| a.target.handler.cmp(&b.target.handler));
        list
    }

    /// All tenants and how many handlers each has, sorted by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<(String, usize)> {
        let mut list: Vec<_> =
            self.inner.handlers().iter().map(|(tenant, names)| (tenant.clone(), names.len())).collect();
        list.sort();
        list
    }

    /// How many handlers a tenant has; `None` for one that does not exist.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<usize> {
        self.inner.handlers().get(name).map(HashMap::len)
    }

    /// How many handlers there are, over all tenants.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inner.handlers().values().map(HashMap::len).sum()
    }

    /// The bundle with this hash, as JSON, if it is known and no older than the store keeps it.
    ///
    /// # Errors
    /// Database errors.
    pub async fn code(&self, hash: &str) -> Result<Option<Bytes>, StoreError> {
        if let Some(bytes) = self.inner.code().get(hash) {
            return Ok(Some(bytes));
        }
        let (inner, hash) = (Arc::clone(&self.inner), hash.to_owned());
        blocking(move || {
            let Some(bytes) = inner.store().bundle(&hash)?.map(Bytes::from) else { return Ok(None) };
            inner.code().insert(hash, bytes.clone());
            Ok(Some(bytes))
        })
        .await
    }

    /// The source maps of a version as they are stored, if it has any.
    ///
    /// # Errors
    /// Database errors.
    pub async fn maps(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (inner, version) = (Arc::clone(&self.inner), version.to_owned());
        blocking(move || inner.store().maps(&version)).await
    }

    /// Deploys a bundle under a name. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// [`StoreError::Full`] beyond [`MAX_HANDLERS`], and database errors (an unknown tenant among them); then the
    /// handler is as it was.
    pub async fn put(
        &self,
        tenant: &str,
        name: &str,
        compiled: Compiled,
        settings: impl Into<Settings>,
    ) -> Result<Put, StoreError> {
        let Settings { limits, crons, routes } = settings.into();
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        blocking(move || {
            let Compiled { mut bundle, maps, site } = compiled;
            let manifest = (!site.manifest.files.is_empty())
                .then(|| serde_json::to_vec(&site.manifest).expect("paths and hashes always become JSON"));
            bundle.site = manifest.as_ref().map(|json| hex::encode(Sha256::digest(json)));
            let files: Vec<(String, Bytes)> = site.files.into_iter().collect();
            let site = manifest.as_deref().map(|manifest| SiteRow { manifest, files: &files });
            let (version, bytes) = deploy::seal(&bundle);
            let maps = (!maps.is_empty())
                .then(|| serde_json::to_vec(&maps).expect("names, numbers and strings always become JSON"));
            let target = Arc::new(Target { tenant, handler: name, version });
            let mut handler = Handler {
                target: Arc::clone(&target),
                limits,
                crons,
                routes,
                has_site: site.is_some(),
                created_at_ms: 0,
                updated_at_ms: 0,
                size: bytes.len() as u64,
                modules: handler::describe(&bundle),
                zone: Arc::default(),
                seen: Arc::default(),
            };
            let mut store = inner.store();
            if let Some((pattern, owner)) = inner.routes().conflict(&target, &handler.routes) {
                return Err(StoreError::RouteTaken { pattern: pattern.to_string(), owner });
            }
            let previous =
                inner.handlers().get(&target.tenant).and_then(|names| names.get(&target.handler)).cloned();
            // Never back: a clock that was set back must not make a later version look older.
            handler.updated_at_ms =
                now_ms().max(previous.as_ref().map_or(0, |handler| handler.updated_at_ms));
            handler.created_at_ms = previous.map_or(handler.updated_at_ms, |handler| handler.created_at_ms);
            let created = store.put(&handler.to_row(), &bytes, maps.as_deref(), site, MAX_HANDLERS)?;
            let handler = Arc::new(handler);
            inner.code().insert(target.version.clone(), bytes);
            inner.routes_mut().put(&target, &handler.routes);
            let mut handlers = inner.handlers.write().unwrap_or_else(PoisonError::into_inner);
            handlers
                .entry(target.tenant.clone())
                .or_default()
                .insert(target.handler.clone(), Arc::clone(&handler));
            // The map first, the store's lock last: writers come in the store's order.
            drop(handlers);
            drop(store);
            Ok(Put { handler, created })
        })
        .await
    }

    /// Makes a tenant; `false` if it was there. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// [`StoreError::TooManyTenants`] beyond [`MAX_TENANTS`], and database errors.
    pub async fn put_tenant(&self, name: &str) -> Result<bool, StoreError> {
        let (inner, name) = (Arc::clone(&self.inner), name.to_owned());
        blocking(move || {
            let mut store = inner.store();
            let created = store.put_tenant(&name, MAX_TENANTS)?;
            inner.handlers.write().unwrap_or_else(PoisonError::into_inner).entry(name).or_default();
            drop(store);
            Ok(created)
        })
        .await
    }

    /// Takes a handler away; `false` if there was none. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// Database errors; then the handler is still there.
    pub async fn delete(&self, tenant: &str, name: &str) -> Result<bool, StoreError> {
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        blocking(move || {
            let mut store = inner.store();
            let existed = store.delete(&tenant, &name, now_ms())?;
            let mut handlers = inner.handlers.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(handler) = handlers.get_mut(&tenant).and_then(|names| names.remove(&name)) {
                inner.routes_mut().remove(&handler.target);
            }
            inner.secrets.forget(&tenant, &name);
            drop(handlers);
            drop(store);
            Ok(existed)
        })
        .await
    }
}

/// A panic under these locks leaves nothing half done: the store rolls back, a map's insert is whole. So poison is
/// ignored rather than spread.
impl Inner {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handlers(&self) -> RwLockReadGuard<'_, Handlers> {
        self.handlers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes_mut(&self) -> RwLockWriteGuard<'_, Routes> {
        self.routes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn code(&self) -> MutexGuard<'_, CodeCache> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closing))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Any row of the store becomes a handler: what cannot be read gets its default rather than stop the gateway.
impl Handler {
    fn from_row(row: HandlerRow) -> Self {
        Handler {
            limits: serde_json::from_str(&row.limits).unwrap_or_default(),
            crons: serde_json::from_str(&row.crons).unwrap_or_default(),
            routes: serde_json::from_str::<Vec<String>>(&row.routes)
                .unwrap_or_default()
                .iter()
                .filter_map(|pattern| pattern.parse().ok())
                .collect(),
            has_site: row.has_site,
            modules: serde_json::from_str(&row.modules).unwrap_or_default(),
            target: Target { tenant: row.tenant, handler: row.name, version: row.version }.into(),
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
            size: row.size,
            zone: Arc::default(),
            seen: Arc::default(),
        }
    }

    fn to_row(&self) -> HandlerRow {
        let json = "numbers and strings always become JSON";
        let Target { tenant, handler, version } = &*self.target;
        HandlerRow {
            tenant: tenant.clone(),
            name: handler.clone(),
            version: version.clone(),
            limits: serde_json::to_string(&self.limits).expect(json),
            crons: serde_json::to_string(&self.crons).expect(json),
            routes: serde_json::to_string(&self.routes.iter().map(Pattern::to_string).collect::<Vec<_>>())
                .expect(json),
            has_site: self.has_site,
            modules: serde_json::to_string(&self.modules).expect(json),
            size: self.size,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}

#[cfg(test)]
mod tests;
