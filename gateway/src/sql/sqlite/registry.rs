//! Which databases there are. Their files are named by hashes, so somebody must remember the ids: those that were made under
//! a name, and those that appeared because a handler named them.

use super::super::Named;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Name of the file inside the data directory.
const FILE_NAME: &str = "sql.db";

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS databases (
        tenant     TEXT NOT NULL,
        id         TEXT NOT NULL,
        name       TEXT,             -- NULL where a handler's binding was the first to name it
        created_at INTEGER NOT NULL, -- ms since 1970
        PRIMARY KEY (tenant, id),
        UNIQUE (tenant, name)
    ) STRICT, WITHOUT ROWID;
";

/// Why no database was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotMade {
    /// Another of the tenant has this name.
    NameTaken,
    /// The tenant has as many as it may.
    TooMany,
}

/// The book of them. Blocking.
#[derive(Debug)]
pub(super) struct Registry(Mutex<Connection>);

impl Registry {
    pub(super) fn open(directory: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(directory.join(FILE_NAME))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    /// A panic elsewhere leaves the connection without a transaction: it rolled back when it was dropped.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a database that is about to be used.
    pub(super) fn note(&self, tenant: &str, id: &str) -> rusqlite::Result<()> {
        self.lock()
            .prepare_cached(
                "INSERT INTO databases (tenant, id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute(params![tenant, id, now_ms()])
            .map(|_| ())
    }

    /// Makes one with a name; a tenant may have `max` of such.
    pub(super) fn make(
        &self,
        tenant: &str,
        id: &str,
        name: &str,
        max: usize,
    ) -> rusqlite::Result<Result<Named, NotMade>> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (taken, count): (bool, i64) = transaction.query_row(
            "SELECT coalesce(max(name = ?2), 0), count(*) FROM databases WHERE tenant = ?1 AND name IS NOT NULL",
            params![tenant, name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if taken {
            return Ok(Err(NotMade::NameTaken));
        }
        if usize::try_from(count).unwrap_or(usize::MAX) >= max {
            return Ok(Err(NotMade::TooMany));
        }
        let created_at = now_ms();
        transaction.execute(
            "INSERT INTO databases (tenant, id, name, created_at) VALUES (?1, ?2, ?3, ?4)",
            params![tenant, id, name, created_at],
        )?;
        transaction.commit()?;
        let created_at_ms = u64::try_from(created_at).unwrap_or(0);
        Ok(Ok(Named { id: id.to_owned(), name: name.to_owned(), created_at_ms }))
    }

    /// Forgets one; `false` if it was not known.
    pub(super) fn forget(&self, tenant: &str, id: &str) -> rusqlite::Result<bool> {
        let gone =
            self.lock().execute("DELETE FROM databases WHERE tenant = ?1 AND id = ?2", [tenant, id])?;
        Ok(gone > 0)
    }

    /// A tenant's, sorted by name.
    pub(super) fn list(&self, tenant: &str) -> rusqlite::Result<Vec<Named>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY 2, 1"))?;
        statement.query_map([tenant], named)?.collect()
    }

    /// One of them.
    pub(super) fn find(&self, tenant: &str, id: &str) -> rusqlite::Result<Option<Named>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("{SELECT} AND id = ?2"))?;
        statement.query_row([tenant, id], named).optional()
    }
}

const SELECT: &str = "SELECT id, coalesce(name, id), created_at FROM databases WHERE tenant = ?1";

fn named(row: &rusqlite::Row<'_>) -> rusqlite::Result<Named> {
    let created_at: i64 = row.get(2)?;
    Ok(Named { id: row.get(0)?, name: row.get(1)?, created_at_ms: u64::try_from(created_at).unwrap_or(0) })
}

/// SQLite's integers are signed.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
