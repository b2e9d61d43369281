//! Key-value namespaces in a SQLite file of their own. Blocking: call it from a thread that may wait for the disk. An
//! acknowledged write survives SIGKILL and power loss. Knows neither HTTP nor handlers.

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

    /// Writes an entry.
    ///
    /// # Errors
    /// Database errors; then nothing was written.
    pub fn put(&self, namespace: &Namespace, key: &str, entry: &Entry, now: i64) -> rusqlite::Result<()> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached(
                "INSERT INTO entries (tenant, namespace, key, value, metadata, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (tenant, namespace, key) DO UPDATE SET value = ?4, metadata = ?5, expires = ?6",
            )?
            .execute(params![namespace.tenant, namespace.id, key, entry.value, entry.metadata, entry.expires])?;
        transaction
            .prepare_cached(
                "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ?1 LIMIT ?2)",
            )?
            .execute(params![now, i64::try_from(SWEEP).unwrap_or(i64::MAX)])?;
        transaction.commit()
    }

    /// Removes an entry, where there is one.
    ///
    /// # Errors
    /// Database errors.
    pub fn delete(&self, namespace: &Namespace, key: &str) -> rusqlite::Result<()> {
        lock(&self.writer)
            .prepare_cached("DELETE FROM entries WHERE tenant = ?1 AND namespace = ?2 AND key = ?3")?
            .execute(params![namespace.tenant, namespace.id, key])
            .map(|_| ())
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
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Kv, Namespace) {
        let directory = tempfile::tempdir().unwrap();
        let kv = Kv::open(directory.path()).unwrap();
        (directory, kv, Namespace { tenant: "t".into(), id: "n".into() })
    }

    fn entry(value: &str, expires: Option<i64>) -> Entry {
        Entry { value: value.into(), metadata: None, expires }
    }

    #[test]
    fn an_entry_lives_in_its_namespace_until_it_expires() {
        let (directory, kv, ours) = open();
        kv.put(&ours, "k", &entry("1", None), 0).unwrap();
        kv.put(&ours, "k", &entry("2", Some(100)), 0).unwrap();
        assert_eq!(kv.get(&ours, "k", 99).unwrap(), Some(entry("2", Some(100))));
        assert_eq!(kv.get(&ours, "k", 100).unwrap(), None);
        for other in
            [Namespace { tenant: "u".into(), ..ours.clone() }, Namespace { id: "m".into(), ..ours.clone() }]
        {
            assert_eq!(kv.get(&other, "k", 0).unwrap(), None);
        }
        drop(kv);
        let kv = Kv::open(directory.path()).unwrap();
        assert!(kv.get(&ours, "k", 0).unwrap().is_some());
        kv.put(&ours, "other", &entry("", None), 100).unwrap();
        assert!(kv.get(&ours, "k", 0).unwrap().is_none(), "swept by a later write");
        kv.delete(&ours, "other").unwrap();
        assert!(kv.get(&ours, "other", 0).unwrap().is_none());
    }

    #[test]
    fn lists_are_sorted_and_cut() {
        let (_directory, kv, ours) = open();
        for key in ["b", "a1", "a2", "a3", "ä", "a%"] {
            kv.put(&ours, key, &entry("", None), 0).unwrap();
        }
        kv.put(&ours, "a0", &entry("", Some(5)), 0).unwrap();
        let names =
            |(keys, more): (Vec<Key>, bool)| (keys.into_iter().map(|key| key.name).collect::<Vec<_>>(), more);
        let list = |prefix, after, limit| names(kv.list(&ours, prefix, after, limit, 10).unwrap());
        assert_eq!(
            list("", None, 10),
            (vec!["a%".into(), "a1".into(), "a2".into(), "a3".into(), "b".into(), "ä".into()], false)
        );
        assert_eq!(list("a", None, 2), (vec!["a%".into(), "a1".into()], true));
        assert_eq!(list("a", Some("a1"), 2), (vec!["a2".into(), "a3".into()], false));
        assert_eq!(list("z", None, 2), (vec![], false));
    }
}
