//! Key-value namespaces in a SQLite file of their own. Blocking: call it from a thread that may wait for the disk. An
//! acknowledged write survives SIGKILL and power loss. Knows neither HTTP nor handlers.

mod namespaces;
pub mod operations;

pub use namespaces::Named;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the database inside the data directory.
pub const FILE_NAME: &str = "kv.db";

/// Expired entries removed with each write.
const SWEEP: usize = 64;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        tenant    TEXT NOT NULL,
        namespace TEXT NOT NULL,
        key       TEXT NOT NULL,   -- compared as bytes, so listed in the order of UTF-8
        expires   INTEGER,         -- s since 1970
        metadata  TEXT,            -- JSON
        value     BLOB NOT NULL,
        UNIQUE (tenant, namespace, key)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS entries_expiring ON entries (expires) WHERE expires IS NOT NULL;
    -- Those that were made before they were used; others are where their entries are.
    CREATE TABLE IF NOT EXISTS namespaces (
        tenant TEXT NOT NULL,
        id     TEXT NOT NULL,
        title  TEXT NOT NULL,
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, title)
    ) STRICT, WITHOUT ROWID;
";

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

/// What was asked for, each with what is there.
pub type Read = Vec<(String, Option<Entry>)>;

/// The store. Readers and the one writer do not wait for each other.
#[derive(Debug)]
pub struct Kv {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl Kv {
    /// Opens or makes the store in a directory that exists.
    ///
    /// # Errors
    /// Database errors.
    pub fn open(directory: &Path) -> rusqlite::Result<Self> {
        let path = directory.join(FILE_NAME);
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let writer = connect()?;
        writer.execute_batch(SCHEMA)?;
        Ok(Self { reader: Mutex::new(connect()?), writer: Mutex::new(writer) })
    }

    /// An entry, if it is there and not expired.
    ///
    /// # Errors
    /// Database errors.
    pub fn get(&self, namespace: &Namespace, key: &str, now: i64) -> rusqlite::Result<Option<Entry>> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT value, metadata, expires FROM entries
             WHERE tenant = ?1 AND namespace = ?2 AND key = ?3 AND (expires IS NULL OR expires > ?4)",
        )?;
        statement
            .query_row(params![namespace.tenant, namespace.id, key, now], |row| {
                Ok(Entry { value: row.get(0)?, metadata: row.get(1)?, expires: row.get(2)? })
            })
            .optional()
    }

    /// Bytes of an entry's value, if it is there and not expired.
    ///
    /// # Errors
    /// Database errors.
    pub fn size(&self, namespace: &Namespace, key: &str, now: i64) -> rusqlite::Result<Option<usize>> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT length(value) FROM entries
             WHERE tenant = ?1 AND namespace = ?2 AND key = ?3 AND (expires IS NULL OR expires > ?4)",
        )?;
        let bytes: Option<i64> = statement
            .query_row(params![namespace.tenant, namespace.id, key, now], |row| row.get(0))
            .optional()?;
        Ok(bytes.and_then(|bytes| usize::try_from(bytes).ok()))
    }

    /// Entries, `None` for each that is not there or expired; `None` if their values have more than `room` bytes together.
    ///
    /// # Errors
    /// Database errors.
    pub fn get_all(
        &self,
        namespace: &Namespace,
        keys: Vec<String>,
        mut room: usize,
        now: i64,
    ) -> rusqlite::Result<Option<Read>> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let entry = self.get(namespace, &key, now)?;
            match room.checked_sub(entry.as_ref().map_or(0, |entry| entry.value.len())) {
                Some(left) => room = left,
                None => return Ok(None),
            }
            found.push((key, entry));
        }
        Ok(Some(found))
    }

    /// Writes entries, all or none; of two with one key the later stays.
    ///
    /// # Errors
    /// Database errors; then nothing was written.
    pub fn put_all(
        &self,
        namespace: &Namespace,
        entries: &[(String, Entry)],
        now: i64,
    ) -> rusqlite::Result<()> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut put = transaction.prepare_cached(
            "INSERT INTO entries (tenant, namespace, key, value, metadata, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant, namespace, key) DO UPDATE SET value = ?4, metadata = ?5, expires = ?6",
        )?;
        for (key, entry) in entries {
            put.execute(params![
                namespace.tenant,
                namespace.id,
                key,
                entry.value,
                entry.metadata,
                entry.expires
            ])?;
        }
        drop(put);
        transaction
            .prepare_cached(
                "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ?1 LIMIT ?2)",
            )?
            .execute(params![now, i64::try_from(SWEEP).unwrap_or(i64::MAX)])?;
        transaction.commit()
    }

    /// Removes entries, where they are, all or none.
    ///
    /// # Errors
    /// Database errors; then all are still there.
    pub fn delete_all(&self, namespace: &Namespace, keys: &[String]) -> rusqlite::Result<()> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut delete = transaction
            .prepare_cached("DELETE FROM entries WHERE tenant = ?1 AND namespace = ?2 AND key = ?3")?;
        for key in keys {
            delete.execute(params![namespace.tenant, namespace.id, key])?;
        }
        drop(delete);
        transaction.commit()
    }

    /// Up to `limit` keys that begin with `prefix`, sorted, behind the key `after`; and whether there are more.
    ///
    /// # Errors
    /// Database errors.
    pub fn list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: i64,
    ) -> rusqlite::Result<(Vec<Key>, bool)> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT key, metadata, expires FROM entries
             WHERE tenant = ?1 AND namespace = ?2 AND key >= ?3 AND key > ?4 AND (expires IS NULL OR expires > ?5)
             ORDER BY key",
        )?;
        // No key is empty, so nothing is left out where there is no cursor.
        let rows = statement
            .query_map(params![namespace.tenant, namespace.id, prefix, after.unwrap_or(""), now], |row| {
                Ok(Key { name: row.get(0)?, metadata: row.get(1)?, expires: row.get(2)? })
            })?;
        let mut keys = Vec::new();
        for key in rows {
            let key = key?;
            if !key.name.starts_with(prefix) {
                break;
            }
            if keys.len() == limit {
                return Ok((keys, true));
            }
            keys.push(key);
        }
        Ok((keys, false))
    }
}

/// A panic elsewhere leaves a connection without a transaction: it rolled back when it was dropped.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
