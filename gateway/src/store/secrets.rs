//! Secrets of handlers. They go with their handler.

use super::{Store, StoreError};
use rusqlite::params;

/// A secret as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Whose handler's.
    pub tenant: String,
    /// Which handler's.
    pub handler: String,
    /// Its name in `env`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Without the value: rows get into logs by accident.
impl std::fmt::Debug for SecretRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretRow({}/{}/{})", self.tenant, self.handler, self.name)
    }
}

impl Store {
    /// All secrets.
    ///
    /// # Errors
    /// Database errors.
    pub fn secrets(&self) -> Result<Vec<SecretRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT tenant, handler, name, value FROM secrets")?;
        let rows = statement.query_map([], |row| {
            Ok(SecretRow { tenant: row.get(0)?, handler: row.get(1)?, name: row.get(2)?, value: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes a secret of a handler that is there.
    ///
    /// # Errors
    /// Database errors, an unknown handler among them.
    pub fn put_secret(&mut self, row: &SecretRow) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO secrets (tenant, handler, name, value) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET value = ?4",
            )?
            .execute(params![row.tenant, row.handler, row.name, row.value])?;
        Ok(())
    }

    /// Removes a secret; `false` if there was none.
    ///
    /// # Errors
    /// Database errors.
    pub fn delete_secret(&mut self, tenant: &str, handler: &str, name: &str) -> Result<bool, StoreError> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM secrets WHERE tenant = ?1 AND handler = ?2 AND name = ?3")?
            .execute(params![tenant, handler, name])?;
        Ok(gone > 0)
    }

    /// What placeholders are made with: this store's own random bytes.
    ///
    /// # Errors
    /// Database errors.
    pub fn placeholder_key(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.connection.query_row("SELECT bytes FROM placeholder_key", [], |row| row.get(0))?)
    }
}
