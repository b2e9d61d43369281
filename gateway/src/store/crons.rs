//! When cron triggers ran last. What is not there never ran.

use super::{SqliteStore, StoreError, integer};
use rusqlite::{OptionalExtension as _, params};

/// When cron triggers ran last. A part of [`Store`].
pub trait Crons {
    /// When a trigger ran last, in milliseconds since 1970.
    ///
    /// # Errors
    /// Database errors.
    fn cron_ran(&self, tenant: &str, handler: &str, pattern: &str) -> Result<Option<u64>, StoreError>;

    /// Notes that a trigger of a handler that is there ran for the time `at_ms`.
    ///
    /// # Errors
    /// Database errors, an unknown handler among them.
    fn put_cron_run(
        &mut self,
        tenant: &str,
        handler: &str,
        pattern: &str,
        at_ms: u64,
    ) -> Result<(), StoreError>;
}

impl Crons for SqliteStore {
    fn cron_ran(&self, tenant: &str, handler: &str, pattern: &str) -> Result<Option<u64>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT last FROM cron_runs WHERE tenant = ?1 AND handler = ?2 AND pattern = ?3",
        )?;
        let last: Option<i64> =
            statement.query_row(params![tenant, handler, pattern], |row| row.get(0)).optional()?;
        Ok(last.map(|last| u64::try_from(last).unwrap_or(0)))
    }

    fn put_cron_run(
        &mut self,
        tenant: &str,
        handler: &str,
        pattern: &str,
        at_ms: u64,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO cron_runs (tenant, handler, pattern, last) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET last = ?4",
            )?
            .execute(params![tenant, handler, pattern, integer(at_ms)])?;
        Ok(())
    }
}
