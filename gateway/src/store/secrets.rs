//! Secrets of handlers, sealed ([`super::seal`]). They go with their handler.

use super::{SecretKey, SqliteStore, StoreError};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

/// What is sealed to know the key again.
const CHECK: (&str, &str) = ("check", "tabmesh");

/// A secret.
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

/// Where a secret is sealed to. Names of tenants and handlers have no slash.
fn place(tenant: &str, handler: &str, name: &str) -> String {
    format!("secret/{tenant}/{handler}/{name}")
}

/// Makes sure that the store's secrets open with this key, and seals what an older version left open. A store without secrets takes
/// any key.
pub(super) fn unlock(connection: &mut Connection, key: &SecretKey) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let check: Option<Vec<u8>> =
        transaction.query_row("SELECT sealed FROM secret_key_check", [], |row| row.get(0)).optional()?;
    let is_known = check.is_some_and(|sealed| key.open(CHECK.0, &sealed).as_deref() == Some(CHECK.1));
    let sealed: i64 =
        transaction
            .query_row("SELECT count(*) FROM secrets WHERE sealed IS NOT NULL", [], |row| row.get(0))?;
    if !is_known {
        if sealed > 0 {
            return Err(StoreError::WrongKey);
        }
        transaction.execute("DELETE FROM secret_key_check", [])?;
        transaction
            .execute("INSERT INTO secret_key_check (sealed) VALUES (?1)", [key.seal(CHECK.0, CHECK.1)])?;
    }
    let open: Vec<SecretRow> = {
        let mut statement =
            transaction.prepare("SELECT tenant, handler, name, value FROM secrets WHERE sealed IS NULL")?;
        let rows = statement.query_map([], |row| {
            Ok(SecretRow { tenant: row.get(0)?, handler: row.get(1)?, name: row.get(2)?, value: row.get(3)? })
        })?;
        rows.collect::<Result<_, _>>()?
    };
    for row in &open {
        write(&transaction, key, row)?;
    }
    transaction.commit()?;
    if !open.is_empty() {
        // What was written over is gone from the file, and from its log, not only from the table.
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(())
}

fn write(connection: &Connection, key: &SecretKey, row: &SecretRow) -> rusqlite::Result<()> {
    let SecretRow { tenant, handler, name, value } = row;
    let sealed = key.seal(&place(tenant, handler, name), value);
    connection
        .prepare_cached(
            "INSERT INTO secrets (tenant, handler, name, value, sealed) VALUES (?1, ?2, ?3, '', ?4)
             ON CONFLICT DO UPDATE SET value = '', sealed = ?4",
        )?
        .execute(params![tenant, handler, name, sealed])?;
    Ok(())
}

/// Secrets of handlers; what is stored is sealed. A part of [`Store`].
pub trait Secrets {
    /// All secrets.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] where one does not open, and database errors.
    fn secrets(&self) -> Result<Vec<SecretRow>, StoreError>;

    /// Writes a secret of a handler that is there.
    ///
    /// # Errors
    /// Database errors, an unknown handler among them.
    fn put_secret(&mut self, row: &SecretRow) -> Result<(), StoreError>;

    /// Removes a secret; `false` if there was none.
    ///
    /// # Errors
    /// Database errors.
    fn delete_secret(&mut self, tenant: &str, handler: &str, name: &str) -> Result<bool, StoreError>;

    /// What placeholders are made with: this store's own random bytes.
    ///
    /// # Errors
    /// Database errors.
    fn placeholder_key(&self) -> Result<Vec<u8>, StoreError>;
}

impl Secrets for SqliteStore {
    fn secrets(&self) -> Result<Vec<SecretRow>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT tenant, handler, name, sealed FROM secrets")?;
        let rows = statement.query_map([], |row| {
            let (tenant, handler, name): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let sealed: Vec<u8> = row.get(3)?;
            let value = self.key.open(&place(&tenant, &handler, &name), &sealed);
            Ok(value.map(|value| SecretRow { tenant, handler, name, value }))
        })?;
        rows.map(|row| row?.ok_or(StoreError::WrongKey)).collect()
    }

    fn put_secret(&mut self, row: &SecretRow) -> Result<(), StoreError> {
        Ok(write(&self.connection, &self.key, row)?)
    }

    fn delete_secret(&mut self, tenant: &str, handler: &str, name: &str) -> Result<bool, StoreError> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM secrets WHERE tenant = ?1 AND handler = ?2 AND name = ?3")?
            .execute(params![tenant, handler, name])?;
        Ok(gone > 0)
    }

    fn placeholder_key(&self) -> Result<Vec<u8>, StoreError> {
        Ok(self.connection.query_row("SELECT bytes FROM placeholder_key", [], |row| row.get(0))?)
    }
}
