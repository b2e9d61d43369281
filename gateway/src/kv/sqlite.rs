//! The store in a SQLite file of its own. Readers and the one writer do not wait for each other.

mod namespaces;
mod schema;

use super::{Entry, Key, KvFault, KvStore, Named, Namespace, Sought, checksum};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the database inside the data directory.
pub const FILE_NAME: &str = "kv.db";

/// Expired entries removed with each write.
const SWEEP: i64 = 64;

/// Expired entries removed at once when there is no room otherwise.
const SWEEP_FOR_ROOM: i64 = 1024;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module's page.
#[derive(Debug)]
pub struct SqliteKv {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl SqliteKv {
    /// Opens or makes the store in a directory that exists, and brings an older one to this format.
    ///
    /// # Errors
    /// [`KvFault::Newer`], and database errors.
    pub fn open(directory: &Path) -> Result<Self, KvFault> {
        let path = directory.join(FILE_NAME);
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // A damaged page is found where it is read, not where it is written on.
            connection.pragma_update(None, "cell_size_check", "ON")?;
            Ok(connection)
        };
        let mut writer = connect()?;
        schema::migrate(&mut writer)?;
        Ok(Self { reader: Mutex::new(connect()?), writer: Mutex::new(writer) })
    }

    /// Reads all entries of a store that nobody writes to, and compares them with their checksums. One of an older format has none.
    ///
    /// # Errors
    /// [`KvFault::Damaged`] for the first that is, and database errors.
    pub fn check(path: &Path) -> Result<(), KvFault> {
        let connection = Connection::open(path)?;
        if schema::format(&connection)? < schema::known() {
            return Ok(());
        }
        let mut statement = connection.prepare(
            "SELECT value, size, metadata, expires, checksum, tenant, namespace, key FROM entries",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let namespace = Namespace { tenant: row.get(5)?, id: row.get(6)? };
            checked(&namespace, &row.get::<_, String>(7)?, found(row)?)?;
        }
        Ok(())
    }

    /// See [`KvStore::put_all`]; `sums` are the checksums.
    fn try_put_all(
        &self,
        namespace: &Namespace,
        entries: &[(String, Entry)],
        sums: &[i64],
        most: Option<u64>,
        now: i64,
    ) -> Result<(), KvFault> {
        self.write(|transaction| {
            let before = most.map(|_| used(transaction, &namespace.tenant)).transpose()?;
            let mut put = transaction.prepare_cached(
                "INSERT INTO entries (tenant, namespace, key, expires, size, checksum, metadata, value)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (tenant, namespace, key)
                 DO UPDATE SET expires = ?4, size = ?5, checksum = ?6, metadata = ?7, value = ?8",
            )?;
            for ((key, entry), sum) in entries.iter().zip(sums) {
                put.execute(params![
                    namespace.tenant,
                    namespace.id,
                    key,
                    entry.expires,
                    length(entry),
                    sum,
                    entry.metadata,
                    entry.value
                ])?;
            }
            sweep(transaction, now, SWEEP)?;
            let (Some(most), Some(before)) = (most, before) else { return Ok(()) };
            let after = used(transaction, &namespace.tenant)?;
            if after > most && after > before { Err(KvFault::Full) } else { Ok(()) }
        })
    }

    /// Writes, all or nothing.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, KvFault>) -> Result<T, KvFault> {
        let mut writer = lock(&self.writer);
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl KvStore for SqliteKv {
    fn get(&self, namespace: &Namespace, key: &str, most: usize, now: i64) -> Result<Sought, KvFault> {
        let reader = lock(&self.reader);
        let mut statement = reader.prepare_cached(
            "SELECT CASE WHEN size <= ?5 THEN value END, size, metadata, expires, checksum FROM entries
             WHERE tenant = ?1 AND namespace = ?2 AND key = ?3 AND (expires IS NULL OR expires > ?4)",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let row =
            statement.query_row(params![namespace.tenant, namespace.id, key, now, most], found).optional()?;
        drop(statement);
        // Others may read while this is compared.
        drop(reader);
        row.map_or(Ok(Sought::Missing), |row| checked(namespace, key, row))
    }

    fn put_all(
        &self,
        namespace: &Namespace,
        entries: &[(String, Entry)],
        most: Option<u64>,
        now: i64,
    ) -> Result<(), KvFault> {
        // Before anybody waits for the writer.
        let sums: Vec<i64> = entries.iter().map(|(key, entry)| checksum::of(namespace, key, entry)).collect();
        loop {
            match self.try_put_all(namespace, entries, &sums, most, now) {
                // What expired takes nobody's room.
                Err(KvFault::Full)
                    if self.write(|transaction| Ok(sweep(transaction, now, SWEEP_FOR_ROOM)?))? > 0 => {}
                done => return done,
            }
        }
    }

    fn delete_all(&self, namespace: &Namespace, keys: &[String]) -> Result<(), KvFault> {
        self.write(|transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM entries WHERE tenant = ?1 AND namespace = ?2 AND key = ?3")?;
            for key in keys {
                delete.execute(params![namespace.tenant, namespace.id, key])?;
            }
            Ok(())
        })
    }

    fn list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: i64,
    ) -> Result<(Vec<Key>, bool), KvFault> {
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

    fn namespaces(&self, tenant: &str) -> Result<Vec<Named>, KvFault> {
        namespaces::all(&lock(&self.reader), tenant)
    }

    fn make_namespace(&self, namespace: &Namespace, title: &str, max: usize) -> Result<(), KvFault> {
        self.write(|transaction| namespaces::make(transaction, namespace, title, max))
    }

    fn rename_namespace(&self, namespace: &Namespace, title: &str, max: usize) -> Result<bool, KvFault> {
        self.write(|transaction| namespaces::rename(transaction, namespace, title, max))
    }

    fn delete_namespace(&self, namespace: &Namespace) -> Result<bool, KvFault> {
        let mut existed = namespaces::forget(&lock(&self.writer), namespace)?;
        loop {
            // Other writers go in between.
            let gone = namespaces::empty(&lock(&self.writer), namespace)?;
            existed |= gone > 0;
            if gone < namespaces::AT_ONCE {
                return Ok(existed);
            }
        }
    }

    fn used(&self, tenant: &str) -> Result<u64, KvFault> {
        Ok(used(&lock(&self.reader), tenant)?)
    }
}

/// An entry as it lies there: its value (NULL if it was too large), size, metadata, expiry and checksum.
type Found = (Option<Vec<u8>>, i64, Option<String>, Option<i64>, i64);

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn checked(namespace: &Namespace, key: &str, found: Found) -> Result<Sought, KvFault> {
    let (value, size, metadata, expires, sum) = found;
    let Some(value) = value else { return Ok(Sought::Larger(usize::try_from(size).unwrap_or(0))) };
    let entry = Entry { value, metadata, expires };
    if checksum::of(namespace, key, &entry) != sum {
        return Err(KvFault::Damaged { namespace: namespace.clone(), key: key.to_owned() });
    }
    Ok(Sought::Found(entry))
}

/// SQLite's integers are signed.
fn length(entry: &Entry) -> i64 {
    i64::try_from(entry.value.len()).unwrap_or(i64::MAX)
}

/// Removes up to `most` entries that expired; how many.
fn sweep(connection: &Connection, now: i64, most: i64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute([now, most])
}

/// Bytes of a tenant's entries. The tables' triggers keep count.
fn used(connection: &Connection, tenant: &str) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM usage WHERE tenant = ?1")?;
    let bytes: Option<i64> = statement.query_row([tenant], |row| row.get(0)).optional()?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0))
}

/// A panic elsewhere leaves a connection without a transaction: it rolled back when it was dropped.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
