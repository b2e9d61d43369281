//! Versions of handlers, and deployments: which of them requests get.

use super::entry::{Entry, POINTS, prefix};
use super::{Catalog, Handler, Inner, Triggers, blocking, now_ms};
use crate::routes::Pattern;
use crate::store::{DeploymentRow, HandlerRow, StoreError, VersionRow};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};
use tabmesh_protocol::{Limits, Target};

/// Longest text of each note, in bytes; Cloudflare's tags have 100 at most, messages 1,000.
pub const MAX_NOTE: usize = 1000;

/// What a developer says of a version or a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Notes {
    /// A sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Who did it, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
}

/// A version, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// SHA-256 of its bundle in hex.
    pub hash: String,
    /// Counts the handler's versions, from 1.
    pub number: u32,
    /// What its requests may use.
    pub limits: Limits,
    /// Its modules, the entry point last.
    pub modules: Vec<super::ModuleInfo>,
    /// Size of the bundle in bytes.
    pub size: u64,
    /// Whether it has static files.
    pub has_site: bool,
    /// When it was first uploaded; milliseconds since 1970.
    pub created_at_ms: u64,
    /// What its developer says of it.
    pub notes: Notes,
}

/// What a version gets of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The version's hash.
    pub version: String,
    /// Hundredths of a percent.
    pub points: u16,
}

/// Which versions requests get, from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Counts the handler's deployments, from 1.
    pub number: u32,
    /// They add up to [`POINTS`].
    pub shares: Vec<Share>,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// What its developer says of it.
    pub notes: Notes,
}

/// What a change came to.
pub(super) struct Change {
    pub(super) shares: Vec<Share>,
    pub(super) notes: Notes,
}

impl Change {
    /// All requests get this version.
    pub(super) fn whole(version: &str, notes: Notes) -> Self {
        Self { shares: vec![Share { version: version.to_owned(), points: POINTS }], notes }
    }

    pub(super) fn to_row(&self, now: u64) -> DeploymentRow {
        DeploymentRow { number: 0, shares: json(&self.shares), created_at_ms: now, notes: json(&self.notes) }
    }
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers and strings always become JSON")
}

impl Catalog {
    /// A handler's versions, the newest first; none where there is no handler.
    ///
    /// # Errors
    /// Database errors.
    pub async fn versions(&self, tenant: &str, name: &str) -> Result<Vec<Version>, StoreError> {
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        let rows = blocking(move || inner.store().versions(&tenant, &name)).await?;
        Ok(rows.into_iter().map(Version::from).collect())
    }

    /// A handler's deployments, the newest first; none where there is no handler.
    ///
    /// # Errors
    /// Database errors.
    pub async fn deployments(&self, tenant: &str, name: &str) -> Result<Vec<Deployment>, StoreError> {
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        let rows = blocking(move || inner.store().deployments(&tenant, &name)).await?;
        Ok(rows.into_iter().map(Deployment::from).collect())
    }

    /// Deploys versions that are there; their points add up to [`POINTS`]. Seen by the next request when this returns. Goes on to its
    /// end even if the future is dropped.
    ///
    /// # Errors
    /// [`StoreError::NoHandler`], [`StoreError::NoVersion`], and database errors; then all is as it was.
    pub async fn deploy(
        &self,
        tenant: &str,
        name: &str,
        shares: Vec<Share>,
        notes: Notes,
    ) -> Result<Deployment, StoreError> {
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        blocking(move || {
            let mut store = inner.store();
            let before = inner.handler(&tenant, &name).ok_or(StoreError::NoHandler)?;
            let now = now_ms().max(before.updated_at_ms);
            let mut row = before.to_row();
            row.updated_at_ms = now;
            let change = Change { shares, notes };
            let handlers = deployed(&change.shares, &row, |hash| store.version(&tenant, &name, hash))?;
            let known =
                inner.handlers().get(&tenant).and_then(|names| names.get(&name)).map(|it| it.known.clone());
            let entry = Entry::new(handlers, known.unwrap_or_default()).ok_or(StoreError::NoHandler)?;
            row.version.clone_from(&entry.handler.target.version);
            let number = store.change(&row, Some(&change.to_row(now)))?;
            inner.show(&tenant, &name, entry);
            drop(store);
            let Change { shares, notes } = change;
            Ok(Deployment { number: number.unwrap_or(0), shares, created_at_ms: now, notes })
        })
        .await
    }

    /// Changes what leads to a handler: `change` is given what does now, and no other change comes between. Goes on to its
    /// end even if the future is dropped.
    ///
    /// # Errors
    /// [`StoreError::NoHandler`], [`StoreError::RouteTaken`], and database errors; then all is as it was.
    pub async fn change_triggers(
        &self,
        tenant: &str,
        name: &str,
        change: impl FnOnce(&mut Triggers) + Send + 'static,
    ) -> Result<Arc<Handler>, StoreError> {
        let (inner, tenant, name) = (Arc::clone(&self.inner), tenant.to_owned(), name.to_owned());
        blocking(move || {
            let mut store = inner.store();
            let mut entry = inner.handlers().get(&tenant).and_then(|names| names.get(&name)).cloned();
            let entry = entry.as_mut().ok_or(StoreError::NoHandler)?;
            let mut triggers = entry.handler.triggers();
            change(&mut triggers);
            if let Some((pattern, owner)) = inner.routes().conflict(&entry.handler.target, &triggers.routes) {
                return Err(StoreError::RouteTaken { pattern: pattern.to_string(), owner });
            }
            let now = now_ms().max(entry.handler.updated_at_ms);
            let changed = |handler: &Arc<Handler>| {
                let Triggers { crons, routes, previews } = triggers.clone();
                Arc::new(Handler { crons, routes, previews, updated_at_ms: now, ..(**handler).clone() })
            };
            entry.handler = changed(&entry.handler);
            for (_, handler) in &mut entry.shares {
                *handler = changed(handler);
            }
            store.change(&entry.handler.to_row(), None)?;
            inner.show(&tenant, &name, entry.clone());
            drop(store);
            Ok(Arc::clone(&entry.handler))
        })
        .await
    }

    /// The version that whoever has this key gets: the same each time, as long as the deployment holds.
    #[must_use]
    pub fn choose(&self, tenant: &str, name: &str, key: impl FnOnce() -> u64) -> Option<Arc<Handler>> {
        Some(Arc::clone(self.inner.handlers().get(tenant)?.get(name)?.pick(key)))
    }

    /// The version that a hash or its beginning names, if requests may get it.
    #[must_use]
    pub fn choose_version(&self, tenant: &str, name: &str, version: &str) -> Option<Arc<Handler>> {
        let handlers = self.inner.handlers();
        let mut deployed = handlers.get(tenant)?.get(name)?.deployed();
        deployed.find(|handler| handler.target.version.starts_with(version)).cloned()
    }

    /// The points of a version of which requests get some.
    #[must_use]
    pub fn share(&self, tenant: &str, name: &str, version: &str) -> Option<u16> {
        self.inner.handlers().get(tenant)?.get(name)?.share(version)
    }

    /// All versions that requests get.
    #[must_use]
    pub fn deployed(&self, tenant: &str, name: &str) -> Vec<Arc<Handler>> {
        let handlers = self.inner.handlers();
        let entry = handlers.get(tenant).and_then(|names| names.get(name));
        entry.map(|entry| entry.deployed().cloned().collect()).unwrap_or_default()
    }

    /// A version by the beginning of its hash (8 digits or more), deployed or not, where the handler shows them.
    ///
    /// # Errors
    /// Database errors.
    pub async fn preview(
        &self,
        tenant: &str,
        name: &str,
        start: &str,
    ) -> Result<Option<Arc<Handler>>, StoreError> {
        let Some(wanted) = prefix(start) else { return Ok(None) };
        let handler = {
            let handlers = self.inner.handlers();
            let Some(entry) = handlers.get(tenant).and_then(|names| names.get(name)) else { return Ok(None) };
            if !entry.handler.previews || !entry.known.contains(&wanted) {
                return Ok(None);
            }
            if let Some(deployed) = entry.deployed().find(|it| it.target.version.starts_with(start)) {
                return Ok(Some(Arc::clone(deployed)));
            }
            Arc::clone(&entry.handler)
        };
        let key = (tenant.to_owned(), name.to_owned(), start.to_owned());
        if let Some(found) = self.inner.previews.get(&key) {
            return Ok(Some(found));
        }
        let (inner, start) = (Arc::clone(&self.inner), start.to_owned());
        blocking(move || {
            let store = inner.store();
            let versions = store.versions(&key.0, &key.1)?;
            let Some(version) = versions.into_iter().find(|it| it.hash.starts_with(&start)) else {
                return Ok(None);
            };
            let found = Arc::new(Handler::new(&handler.to_row(), version));
            // Under the store's lock: whatever takes the version away comes later, and takes it from here.
            inner.previews.insert(key, Arc::clone(&found));
            drop(store);
            Ok(Some(found))
        })
        .await
    }
}

impl Inner {
    /// The primary version of a handler.
    pub(super) fn handler(&self, tenant: &str, name: &str) -> Option<Arc<Handler>> {
        self.handlers().get(tenant)?.get(name).map(|entry| Arc::clone(&entry.handler))
    }

    /// Lets requests see it.
    pub(super) fn show(&self, tenant: &str, name: &str, entry: Entry) {
        self.routes_mut().put(&entry.handler.target, &entry.handler.routes);
        self.forget_previews(tenant, name);
        let mut handlers = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        handlers.entry(tenant.to_owned()).or_default().insert(name.to_owned(), entry);
    }

    pub(super) fn forget_previews(&self, tenant: &str, name: &str) {
        // A walk over a thousand at most.
        for (key, _) in &self.previews {
            if key.0 == tenant && key.1 == name {
                self.previews.invalidate(&*key);
            }
        }
    }
}

/// The versions of a deployment, with their points.
pub(super) fn deployed(
    shares: &[Share],
    row: &HandlerRow,
    version: impl Fn(&str) -> Result<Option<VersionRow>, StoreError>,
) -> Result<Vec<(u16, Arc<Handler>)>, StoreError> {
    let found = |share: &Share| {
        let missing = || StoreError::NoVersion { version: share.version.clone() };
        let version = version(&share.version)?.ok_or_else(missing)?;
        Ok((share.points, Arc::new(Handler::new(row, version))))
    };
    shares.iter().map(found).collect()
}

impl From<VersionRow> for Version {
    fn from(row: VersionRow) -> Self {
        Self {
            limits: serde_json::from_str(&row.limits).unwrap_or_default(),
            modules: serde_json::from_str(&row.modules).unwrap_or_default(),
            notes: serde_json::from_str(&row.notes).unwrap_or_default(),
            hash: row.hash,
            number: row.number,
            size: row.size,
            has_site: row.has_site,
            created_at_ms: row.created_at_ms,
        }
    }
}

impl From<DeploymentRow> for Deployment {
    fn from(row: DeploymentRow) -> Self {
        Self {
            number: row.number,
            shares: serde_json::from_str(&row.shares).unwrap_or_default(),
            created_at_ms: row.created_at_ms,
            notes: serde_json::from_str(&row.notes).unwrap_or_default(),
        }
    }
}

/// Any row of the store becomes a handler: what cannot be read gets its default rather than stop the gateway.
impl Handler {
    pub(super) fn new(row: &HandlerRow, version: VersionRow) -> Self {
        let Version { hash, number, limits, modules, size, has_site, .. } = version.into();
        Handler {
            number,
            limits,
            crons: serde_json::from_str(&row.crons).unwrap_or_default(),
            routes: serde_json::from_str::<Vec<String>>(&row.routes)
                .unwrap_or_default()
                .iter()
                .filter_map(|pattern| pattern.parse().ok())
                .collect(),
            has_site,
            previews: row.previews,
            modules,
            target: Target { tenant: row.tenant.clone(), handler: row.name.clone(), version: hash }.into(),
            created_at_ms: row.created_at_ms,
            updated_at_ms: row.updated_at_ms,
            size,
            zone: Arc::default(),
            seen: Arc::default(),
        }
    }

    pub(super) fn to_row(&self) -> HandlerRow {
        let Target { tenant, handler, version } = &*self.target;
        HandlerRow {
            tenant: tenant.clone(),
            name: handler.clone(),
            version: version.clone(),
            crons: json(&self.crons),
            routes: json(&self.routes.iter().map(Pattern::to_string).collect::<Vec<_>>()),
            previews: self.previews,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
        }
    }
}
