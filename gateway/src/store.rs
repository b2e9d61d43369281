//! What must survive a restart: tenants, handlers, their versions and which of them are deployed, in one SQLite file.
//!
//! Blocking: call it from a thread that may wait for the disk. What a method acknowledged with `Ok` is on the disk, also
//! if the process is killed or the machine loses power the moment after. Nothing here knows HTTP, caches or parsing.

mod audit;
mod crons;
mod files;
mod lock;
mod schema;
mod seal;
mod secrets;
mod tokens;
mod versions;

pub use audit::{AuditLog, AuditRow};
pub use crons::Crons;
pub use files::{SiteRow, Sites};
pub use lock::{DataLock, LockError};
pub use seal::{KEY_FILE, KeyError, SecretKey};
pub use secrets::{SecretRow, Secrets};
pub use versions::{DeploymentRow, MAX_DEPLOYMENTS, MAX_VERSIONS, Stored, Upload, VersionRow, Versions};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
pub use tokens::{TokenRow, Tokens};

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use tabmesh_protocol::Target;

/// The tenant of a gateway that is used by one.
pub const DEFAULT_TENANT: &str = "default";

/// Name of the database inside the data directory.
pub const FILE_NAME: &str = "tabmesh.db";

/// How long a bundle that no handler uses any more is kept, in milliseconds: requests that began on it may still need
/// it in a tab.
pub const BUNDLE_GRACE_MS: u64 = 60 * 60 * 1000;

/// How long to wait for another process that holds the database (a backup, `sqlite3` on the command line).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory could not be made or read.
    #[error("cannot use the data directory {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A later version of Tabmesh wrote this store.
    #[error(
        "the store {} has format {found}, made by a newer tabmesh; this one knows formats up to {known}: \
         install that version again or use another data directory", path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// As many handlers as allowed exist.
    #[error("the limit of {limit} handlers is reached")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// Another handler has this route.
    #[error("the route {pattern} is another handler's")]
    RouteTaken {
        /// The route.
        pattern: String,
        /// Whose it is.
        owner: Arc<Target>,
    },
    /// There is no handler of this name.
    #[error("no such handler")]
    NoHandler,
    /// The handler has no such version (any more).
    #[error("no version {version}")]
    NoVersion {
        /// What was asked for.
        version: String,
    },
    /// As many tenants as allowed exist.
    #[error("the limit of {limit} tenants is reached")]
    TooManyTenants {
        /// The limit.
        limit: usize,
    },
    /// The secrets are sealed with another key.
    #[error(
        "the store's secrets are sealed with another key than this one: give that key, or delete the secrets with the version that has it"
    )]
    WrongKey,
    /// What is stored under a hash has another.
    #[error("what is stored as {hash} is not that: the disk or the file is damaged; restore a backup")]
    Damaged {
        /// The hash.
        hash: String,
    },
    /// The database failed or holds what it should not.
    #[error("the store failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The task that does the disk work was ended (the process is shutting down).
    #[error("the store is closing")]
    Closing,
}

/// What is stored of a handler beside its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerRow {
    /// Whose it is.
    pub tenant: String,
    /// Its name, unique within the tenant.
    pub name: String,
    /// SHA-256 in hex of the bundle that most requests get.
    pub version: String,
    /// Its cron triggers as JSON.
    pub crons: String,
    /// Its routes as JSON.
    pub routes: String,
    /// Whether its versions have URLs of their own.
    pub previews: bool,
    /// When it was first put; milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was last changed; milliseconds since 1970.
    pub updated_at_ms: u64,
}

/// What a store owes whoever uses it, whatever stands behind: a file here, a cluster elsewhere.
///
/// - What a method acknowledged with `Ok` stays, also if the process is killed or the machine loses power the moment after.
/// - A method does all that it says or nothing; it fails rather than do half.
/// - Whoever holds the store sees its own changes at once, in the order in which it made them. Of several that hold one store each, the later
///   change of one thing wins; the numbers of versions and deployments are drawn by the store, so no two get the same.
/// - Methods may wait for a disk or a network: they are called where that is allowed.
///
/// Rows are plain data and most methods name one key, a tenant or a handler, so that a store of documents can keep them; what must change together
/// comes in one call ([`Versions::put`], [`Versions::change`]).
pub trait Store:
    Handlers + Versions + Sites + Secrets + Crons + Tokens + AuditLog + std::fmt::Debug + Send
{
}

impl Store for SqliteStore {}

/// The store in one SQLite file, open.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    key: SecretKey,
}

impl SqliteStore {
    /// Opens the store in a directory; makes both if they are not there (the directory only for its owner).
    ///
    /// # Errors
    /// [`StoreError::Directory`], [`StoreError::Newer`] for a store that a newer version made, [`StoreError::WrongKey`], and database errors.
    pub fn open(directory: &Path, key: SecretKey) -> Result<Self, StoreError> {
        make_directory(directory)?;
        let path = directory.join(FILE_NAME);
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Before anything is written: a newer store stays as it is.
        schema::check_version(&connection, &path)?;
        // Readers and the writer do not wait for each other, and a commit is one append.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // In WAL mode the usual NORMAL leaves the last commits in the system's cache: they survive SIGKILL but not a
        // power cut. A PUT that was answered must, and deploys are rare enough for an fsync each.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        // A damaged page is found where it is read, not where it is written on.
        connection.pragma_update(None, "cell_size_check", "ON")?;
        // What is deleted is gone from the file too: it may be code, or what was once a secret.
        connection.pragma_update(None, "secure_delete", "ON")?;
        schema::migrate(&mut connection, &path)?;
        secrets::unlock(&mut connection, &key)?;
        Ok(Self { connection, key })
    }
}

/// Tenants, handlers and the code of versions. A part of [`Store`].
pub trait Handlers {
    /// Names of all tenants, sorted.
    ///
    /// # Errors
    /// Database errors.
    fn tenants(&self) -> Result<Vec<String>, StoreError>;

    /// Makes a tenant; `false` if it was there. At most `max_tenants` in all.
    ///
    /// # Errors
    /// [`StoreError::TooManyTenants`] for a new one beyond the limit (nothing is written), and database errors.
    fn put_tenant(&mut self, name: &str, max_tenants: usize) -> Result<bool, StoreError>;

    /// All handlers of all tenants, sorted by tenant and name.
    ///
    /// # Errors
    /// Database errors.
    fn handlers(&self) -> Result<Vec<HandlerRow>, StoreError>;

    /// Removes a handler; `false` if there was none.
    ///
    /// # Errors
    /// Database errors.
    fn delete(&mut self, tenant: &str, name: &str, now_ms: u64) -> Result<bool, StoreError>;

    /// The source maps of a bundle, if it came with any.
    ///
    /// # Errors
    /// Database errors.
    fn maps(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The bytes of a bundle, if it is there.
    ///
    /// # Errors
    /// Database errors.
    fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;
}

impl Handlers for SqliteStore {
    fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT name FROM tenants ORDER BY name")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_tenant(&mut self, name: &str, max_tenants: usize) -> Result<bool, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let created = transaction
            .prepare_cached("INSERT INTO tenants (name) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([name])?;
        let count: i64 = transaction.query_row("SELECT count(*) FROM tenants", [], |row| row.get(0))?;
        if created > 0 && usize::try_from(count).unwrap_or(usize::MAX) > max_tenants {
            return Err(StoreError::TooManyTenants { limit: max_tenants });
        }
        transaction.commit()?;
        Ok(created > 0)
    }

    fn handlers(&self) -> Result<Vec<HandlerRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("{SELECT} ORDER BY tenant, name"))?;
        let rows = statement.query_map([], handler_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn delete(&mut self, tenant: &str, name: &str, now_ms: u64) -> Result<bool, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let versions = versions::hashes(&transaction, tenant, name)?;
        let gone = transaction
            .prepare_cached("DELETE FROM handlers WHERE tenant = ?1 AND name = ?2")?
            .execute(params![tenant, name])?;
        sweep(&transaction, &versions, now_ms)?;
        transaction.commit()?;
        Ok(gone > 0)
    }

    fn maps(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT maps FROM source_maps WHERE version = ?1")?;
        Ok(statement.query_row([version], |row| row.get(0)).optional()?)
    }

    fn bundle(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT bytes FROM bundles WHERE hash = ?1")?;
        Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
    }
}

const SELECT: &str =
    "SELECT tenant, name, version, crons, routes, previews, created_at, updated_at FROM handlers";

fn handler_row(row: &Row<'_>) -> rusqlite::Result<HandlerRow> {
    Ok(HandlerRow {
        tenant: row.get(0)?,
        name: row.get(1)?,
        version: row.get(2)?,
        crons: row.get(3)?,
        routes: row.get(4)?,
        previews: row.get(5)?,
        created_at_ms: unsigned(row, 6)?,
        updated_at_ms: unsigned(row, 7)?,
    })
}

/// SQLite's integers are signed.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The other way round.
fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|value| u64::try_from(value).unwrap_or(0))
}

/// Notes that these bundles may have lost their last version, and drops those that have had none for [`BUNDLE_GRACE_MS`].
fn sweep(connection: &Connection, hashes: &[String], now_ms: u64) -> rusqlite::Result<()> {
    for hash in hashes {
        connection
            .prepare_cached(
                "UPDATE bundles SET unused_since = ?2
                 WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM versions WHERE hash = ?1)",
            )?
            .execute(params![hash, integer(now_ms)])?;
    }
    connection
        .prepare_cached("DELETE FROM bundles WHERE unused_since < ?1")?
        .execute([integer(now_ms.saturating_sub(BUNDLE_GRACE_MS))])?;
    files::sweep(connection)
}

/// Makes the data directory, where it is not there, for its owner alone.
///
/// # Errors
/// [`StoreError::Directory`].
pub fn make_directory(path: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // Handlers' code is their developers' business; other users of the machine have no part in it.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StoreError::Directory { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
