//! Key-value namespaces of handlers: what a store of them owes ([`KvStore`]), whatever stands behind it, and the store in a SQLite
//! file. Knows neither HTTP nor handlers; [`operations`] is what their callers use.

mod checksum;
pub mod operations;
mod sqlite;

pub use sqlite::{FILE_NAME, SqliteKv};

use std::fmt::Debug;

/// Bytes that an entry counts beside its key, metadata, value and namespace's id: about what a store needs to keep it.
pub const ENTRY_OVERHEAD: u64 = 64;

/// Whose entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Tenant.
    pub tenant: String,
    /// Id within the tenant.
    pub id: String,
}

/// A value and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// JSON.
    pub metadata: Option<String>,
    /// When it goes, in seconds since 1970.
    pub expires: Option<i64>,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// JSON.
    pub metadata: Option<String>,
    /// When it goes, in seconds since 1970.
    pub expires: Option<i64>,
}

/// A namespace in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Id within the tenant.
    pub id: String,
    /// What people call it; the id where nobody gave it a title.
    pub title: String,
}

/// What [`KvStore::get`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// The entry.
    Found(Entry),
    /// Its value has more bytes than were asked for: so many.
    Larger(usize),
    /// It is not there, or expired.
    Missing,
}

/// What was asked for, each with what is there.
pub type Read = Vec<(String, Option<Entry>)>;

/// Why a store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum KvFault {
    /// An entry is not as it was written. Writing or removing it mends that.
    #[error(
        "the entry {key:?} in the namespace {:?} of tenant {:?} is not what was written: write it again or restore a backup",
        namespace.id, namespace.tenant
    )]
    Damaged {
        /// Where.
        namespace: Namespace,
        /// Which.
        key: String,
    },
    /// The tenant's entries would have more bytes than they may, and more than before.
    #[error("the tenant's entries would have more bytes than they may")]
    Full,
    /// Another namespace of the tenant has this title.
    #[error("the title is taken")]
    TitleTaken,
    /// The tenant has as many namespaces as it may.
    #[error("too many namespaces")]
    TooManyNamespaces,
    /// A later version of Tabmesh wrote the store.
    #[error("the KV store has format {found}, made by a newer tabmesh; this one knows formats up to {known}")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl From<rusqlite::Error> for KvFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What a store of entries owes whoever uses it, whatever stands behind: a file here, a cluster elsewhere.
///
/// - What a method acknowledged with `Ok` stays, also if the process is killed or the machine loses power the moment after.
/// - Whoever got that `Ok`, and whoever hears of it, reads what was written from then on. Writes of one key take effect one after the other.
/// - [`KvStore::put_all`] and [`KvStore::delete_all`] do all that they say or nothing, and no reader of one key ever sees a part of a value.
///   Reads of several keys need not be of one moment.
/// - An entry is never seen from the second on that it expires at. When its bytes are free again is the store's affair.
/// - Lists are in the order of the keys' bytes.
/// - An entry that is not what was written is [`KvFault::Damaged`], never other bytes.
/// - Clocks are the callers': `now` is in seconds since 1970.
/// - Methods may wait for a disk or a network: they are called where that is allowed.
///
/// Keys are never empty. Limits of keys, values and names are checked before a store is asked.
pub trait KvStore: Debug + Send + Sync {
    /// An entry, if its value has at most `most` bytes: what is to be held in memory is asked for before it comes.
    ///
    /// # Errors
    /// [`KvFault::Damaged`], [`KvFault::Failed`].
    fn get(&self, namespace: &Namespace, key: &str, most: usize, now: i64) -> Result<Sought, KvFault>;

    /// Writes entries, all or none; of two with one key the later stays. All the tenant's entries have at most `most` bytes then, or fewer than
    /// before.
    ///
    /// # Errors
    /// [`KvFault::Full`], [`KvFault::Failed`]; then nothing was written.
    fn put_all(
        &self,
        namespace: &Namespace,
        entries: &[(String, Entry)],
        most: Option<u64>,
        now: i64,
    ) -> Result<(), KvFault>;

    /// Removes entries, where they are, all or none.
    ///
    /// # Errors
    /// [`KvFault::Failed`]; then all are still there.
    fn delete_all(&self, namespace: &Namespace, keys: &[String]) -> Result<(), KvFault>;

    /// Up to `limit` keys that begin with `prefix`, sorted, behind the key `after`; and whether there are more.
    ///
    /// # Errors
    /// [`KvFault::Failed`].
    fn list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: i64,
    ) -> Result<(Vec<Key>, bool), KvFault>;

    /// A tenant's namespaces, sorted by id: those that were made with a title, and those that hold entries.
    ///
    /// # Errors
    /// [`KvFault::Failed`].
    fn namespaces(&self, tenant: &str) -> Result<Vec<Named>, KvFault>;

    /// Makes a namespace with a title; the tenant may have `max` of such.
    ///
    /// # Errors
    /// [`KvFault::TitleTaken`], [`KvFault::TooManyNamespaces`], [`KvFault::Failed`].
    fn make_namespace(&self, namespace: &Namespace, title: &str, max: usize) -> Result<(), KvFault>;

    /// Gives a namespace another title, or its first one where handlers use it without; `false` if there is none. The tenant may have `max` with
    /// a title.
    ///
    /// # Errors
    /// [`KvFault::TitleTaken`], [`KvFault::TooManyNamespaces`], [`KvFault::Failed`].
    fn rename_namespace(&self, namespace: &Namespace, title: &str, max: usize) -> Result<bool, KvFault>;

    /// Removes a namespace and all its entries; `false` if there was neither. Not at once: what a handler writes meanwhile may stay.
    ///
    /// # Errors
    /// [`KvFault::Failed`]; then a part of it may be gone.
    fn delete_namespace(&self, namespace: &Namespace) -> Result<bool, KvFault>;

    /// Bytes of a tenant's entries: keys, metadata, values, their namespaces' ids, and [`ENTRY_OVERHEAD`] for each. Those that expired count as
    /// long as they are kept.
    ///
    /// # Errors
    /// [`KvFault::Failed`].
    fn used(&self, tenant: &str) -> Result<u64, KvFault>;
}

#[cfg(test)]
mod tests;
