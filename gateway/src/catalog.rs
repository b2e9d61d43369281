//! The handlers as requests see them: in memory, always what the store acknowledged last.
//!
//! `choose` is on the way of every request: it takes a read lock, compares two strings, and never waits for the disk.
//! Writes go to the store first and become visible only then, in the store's order, under one lock: when `put` has
//! returned, no lookup gives an older version, and what a lookup gave was durable.

mod cache;
mod crons;
mod entry;
mod files;
mod handler;
pub mod key;
mod sealed;
mod secrets;
pub mod versions;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Uri;
use tabmesh_protocol::Target;

use crate::deploy::Compiled;
use crate::routes::{Found, Routes};
use crate::store::{SecretKey, SqliteStore, Store, StoreError, Upload};
use cache::CodeCache;
use entry::Entry;
pub use entry::POINTS;
pub use handler::{Handler, ModuleInfo, Settings, Triggers};
use moka::sync::Cache as Bounded;
use sealed::Sealed;
use secrets::Secrets;
pub use secrets::{MAX_SECRET, MAX_SECRETS};
pub use tabmesh_protocol::Limits;
use versions::{Change, Deployment, Version};

/// Most bytes of bundles kept in memory. Tabs keep code themselves: this serves joins and fresh deployments.
const CODE_CACHE_BYTES: usize = 64 << 20;

/// Most handlers a gateway holds, over all tenants: bounds its memory to some 10 MB and its start to well under 1 s.
pub const MAX_HANDLERS: usize = 10_000;

/// Most tenants: what a gateway's operator looks after by hand, and a bound on what a flood of requests can make.
pub const MAX_TENANTS: usize = 1000;

/// Versions that are not deployed and kept in memory because somebody looks at them.
const MAX_PREVIEWS: u64 = 1000;

/// tenant -> name -> handler: two maps, so that a lookup needs no key of its own. Every tenant has its entry, also
/// without handlers.
type Handlers = HashMap<String, HashMap<String, Entry>>;

/// The view; cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Held over a write to the store and to `handlers`, so that both see the same order.
    store: Mutex<Box<dyn Store>>,
    handlers: RwLock<Handlers>,
    /// What leads to them besides their names.
    routes: RwLock<Routes>,
    code: Mutex<CodeCache>,
    /// (tenant, handler, beginning of the hash) -> version.
    previews: Bounded<(String, String, String), Arc<Handler>>,
    secrets: Secrets,
    /// Static files.
    files: Mutex<CodeCache>,
    /// Bytes of a tenant's versions and static files, where somebody asked since they changed.
    stored: Mutex<HashMap<String, u64>>,
}

/// What a `put` did.
#[derive(Clone, Debug)]
pub struct Put {
    /// The handler as it is now; where nothing was deployed, as it would be with this version.
    pub handler: Arc<Handler>,
    /// The version.
    pub version: Version,
    /// Whether there was no handler of this name before.
    pub created: bool,
}

impl Catalog {
    /// Opens the store in `directory`, whose secrets are sealed with this key, and reads all handlers.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open(directory: impl Into<PathBuf>, key: SecretKey) -> Result<Self, StoreError> {
        let directory = directory.into();
        blocking(move || Self::read(&directory, key)).await
    }

    /// Reads all anew, after somebody else wrote the store: a backup was put back.
    ///
    /// # Errors
    /// Database errors; then all is as it was.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let store = inner.store();
            let (handlers, routes) = read(&**store)?;
            inner.secrets.reload(store.placeholder_key()?, store.secrets()?);
            *inner.code() = CodeCache::new(CODE_CACHE_BYTES);
            inner.previews.invalidate_all();
            inner.stored().clear();
            *inner.routes_mut() = routes;
            *inner.handlers.write().unwrap_or_else(PoisonError::into_inner) = handlers;
            drop(store);
            Ok(())
        })
        .await
    }

    fn read(directory: &Path, key: SecretKey) -> Result<Self, StoreError> {
        let store: Box<dyn Store> = Box::new(SqliteStore::open(directory, key)?);
        let (handlers, routes) = read(&*store)?;
        let secrets = Secrets::new(store.placeholder_key()?, store.secrets()?);
        Ok(Catalog {
            inner: Arc::new(Inner {
                secrets,
                files: Mutex::new(CodeCache::new(CODE_CACHE_BYTES)),
                store: Mutex::new(store),
                handlers: RwLock::new(handlers),
                routes: RwLock::new(routes),
                code: Mutex::new(CodeCache::new(CODE_CACHE_BYTES)),
                previews: Bounded::new(MAX_PREVIEWS),
                stored: Mutex::default(),
            }),
        })
    }

    /// The handler of this name, if it is deployed: the version that most requests get.
    #[must_use]
    pub fn lookup(&self, tenant: &str, name: &str) -> Option<Arc<Handler>> {
        self.inner.handler(tenant, name)
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
        let mut list: Vec<_> = handlers
            .get(tenant)
            .map(|names| names.values().map(|it| Arc::clone(&it.handler)).collect())
            .unwrap_or_default();
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
            sealed::check(&hash, &bytes)?;
            inner.code().insert(hash, bytes.clone());
            Ok(Some(bytes))
        })
        .await
    }

    /// Bytes of a tenant's versions and their static files. Waits for the disk only when they changed since it was asked last.
    ///
    /// # Errors
    /// Database errors.
    pub async fn stored(&self, tenant: &str) -> Result<u64, StoreError> {
        if let Some(bytes) = self.inner.stored().get(tenant) {
            return Ok(*bytes);
        }
        let (inner, tenant) = (Arc::clone(&self.inner), tenant.to_owned());
        blocking(move || {
            // Held until it is noted: whoever changes them has the lock, too.
            let store = inner.store();
            let bytes = store.stored(&tenant)?;
            inner.stored().insert(tenant, bytes);
            drop(store);
            Ok(bytes)
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

    /// Makes a version of a handler and deploys it to all requests. Goes on to its end even if the future is dropped.
    ///
    /// # Errors
    /// [`StoreError::Full`] beyond [`MAX_HANDLERS`], [`StoreError::RouteTaken`], and database errors (an unknown tenant among them); then
    /// the handler is as it was.
    pub async fn put(
        &self,
        tenant: &str,
        name: &str,
        compiled: Compiled,
        settings: impl Into<Settings>,
    ) -> Result<Put, StoreError> {
        self.store(tenant, name, compiled, settings.into(), true).await
    }

    /// Makes a version of a handler that is there, and deploys nothing. What the settings say beside the limits does not count.
    ///
    /// # Errors
    /// [`StoreError::NoHandler`], and database errors.
    pub async fn upload(
        &self,
        tenant: &str,
        name: &str,
        compiled: Compiled,
        settings: Settings,
    ) -> Result<Put, StoreError> {
        self.store(tenant, name, compiled, settings, false).await
    }

    async fn store(
        &self,
        tenant: &str,
        name: &str,
        compiled: Compiled,
        settings: Settings,
        is_deployed: bool,
    ) -> Result<Put, StoreError> {
        let Settings { limits, triggers, notes } = settings;
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        blocking(move || {
            let sealed = Sealed::new(compiled, limits);
            let target = Arc::new(Target { tenant, handler: name, version: sealed.version.clone() });
            let mut store = inner.store();
            let previous = inner.handler(&target.tenant, &target.handler);
            // Never back: a clock that was set back must not make a later version look older.
            let now = now_ms().max(previous.as_ref().map_or(0, |handler| handler.updated_at_ms));
            let triggers = match &previous {
                Some(previous) if !is_deployed => previous.triggers(),
                _ => triggers,
            };
            if let Some((pattern, owner)) = inner.routes().conflict(&target, &triggers.routes) {
                return Err(StoreError::RouteTaken { pattern: pattern.to_string(), owner });
            }
            let Triggers { crons, routes, previews } = triggers;
            let handler = Handler {
                target: Arc::clone(&target),
                number: 0,
                limits,
                crons,
                routes,
                has_site: sealed.manifest.is_some(),
                previews,
                created_at_ms: previous.as_ref().map_or(now, |handler| handler.created_at_ms),
                updated_at_ms: now,
                size: sealed.bytes.len() as u64,
                modules: sealed.modules.clone(),
                zone: Arc::default(),
                seen: Arc::default(),
            };
            let row = handler.to_row();
            let change = is_deployed.then(|| Change::whole(&target.version, notes.clone()));
            let deployment = change.map(|change| change.to_row(now));
            let upload = Upload {
                handler: &row,
                version: &sealed.row(&handler, &notes),
                bundle: &sealed.bytes,
                maps: sealed.maps.as_deref(),
                site: sealed.site(),
            };
            let stored = store.put(upload, deployment.as_ref(), MAX_HANDLERS)?;
            inner.stored().remove(&target.tenant);
            let handler = Arc::new(Handler { number: stored.version.number, ..handler });
            inner.code().insert(target.version.clone(), sealed.bytes);
            let known: Arc<[u32]> = store
                .hashes(&target.tenant, &target.handler)?
                .iter()
                .filter_map(|hash| entry::prefix(hash))
                .collect();
            let shown = match is_deployed {
                true => Entry::new(vec![(POINTS, Arc::clone(&handler))], known),
                false => {
                    let handlers = inner.handlers();
                    let entry = handlers.get(&target.tenant).and_then(|names| names.get(&target.handler));
                    entry.map(|entry| Entry { known, ..entry.clone() })
                }
            };
            if let Some(entry) = shown {
                inner.show(&target.tenant, &target.handler, entry);
            }
            // The map first, the store's lock last: writers come in the store's order.
            drop(store);
            Ok(Put { handler, version: stored.version.into(), created: stored.created })
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
            inner.stored().remove(&tenant);
            let mut handlers = inner.handlers.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = handlers.get_mut(&tenant).and_then(|names| names.remove(&name)) {
                inner.routes_mut().remove(&entry.handler.target);
            }
            inner.forget_previews(&tenant, &name);
            inner.secrets.forget(&tenant, &name);
            drop(handlers);
            drop(store);
            Ok(existed)
        })
        .await
    }
}

/// All handlers, and what leads to them.
fn read(store: &dyn Store) -> Result<(Handlers, Routes), StoreError> {
    let mut handlers: Handlers =
        store.tenants()?.into_iter().map(|tenant| (tenant, HashMap::new())).collect();
    for row in store.handlers()? {
        let (tenant, name) = (row.tenant.clone(), row.name.clone());
        let Some(deployment) = store.deployment(&tenant, &name)? else { continue };
        let deployment = Deployment::from(deployment);
        let shares =
            versions::deployed(&deployment.shares, &row, |hash| store.version(&tenant, &name, hash))?;
        let known = store.hashes(&tenant, &name)?.iter().filter_map(|hash| entry::prefix(hash)).collect();
        if let Some(entry) = Entry::new(shares, known) {
            handlers.entry(tenant).or_default().insert(name, entry);
        }
    }
    let mut routes = Routes::default();
    for entry in handlers.values().flat_map(HashMap::values) {
        routes.put(&entry.handler.target, &entry.handler.routes);
    }
    Ok((handlers, routes))
}

/// A panic under these locks leaves nothing half done: the store rolls back, a map's insert is whole. So poison is
/// ignored rather than spread.
impl Inner {
    fn store(&self) -> MutexGuard<'_, Box<dyn Store>> {
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

    fn stored(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests;
