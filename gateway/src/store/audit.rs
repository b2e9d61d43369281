//! Who changed what: the audit log, bounded by age and by number for each tenant, so that one's changes do not push
//! out another's.

use super::{SqliteStore, StoreError, integer};
use rusqlite::{Row, named_params, params};

/// A change as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; later ones have higher ones.
    pub id: u64,
    /// When it began; milliseconds since 1970.
    pub at_ms: u64,
    /// The token's id.
    pub who: String,
    /// The token's name then.
    pub name: String,
    /// What kind of change.
    pub action: String,
    /// HTTP's method.
    pub method: String,
    /// The path that was asked for, without its query.
    pub path: String,
    /// Whose part of the gateway; `None` for the whole.
    pub tenant: Option<String>,
    /// The answer's status; `None` while there is none, or if there never was one.
    pub status: Option<u16>,
    /// From where.
    pub address: Option<String>,
}

/// Who changed what. A part of [`Store`].
pub trait AuditLog {
    /// Writes a change that is about to be made (its `id` does not count) and gives its number. Every so often those
    /// before `ended_before_ms` go, and the tenant's oldest beyond `keep`.
    ///
    /// # Errors
    /// Database errors.
    fn begin_audit(&mut self, row: &AuditRow, keep: u32, ended_before_ms: u64) -> Result<u64, StoreError>;

    /// Notes how a change was answered.
    ///
    /// # Errors
    /// Database errors.
    fn finish_audit(&mut self, id: u64, status: u16) -> Result<(), StoreError>;

    /// At most `limit` changes with numbers below `before`, the latest first.
    ///
    /// # Errors
    /// Database errors.
    fn audit(&self, before: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError>;
}

impl AuditLog for SqliteStore {
    fn begin_audit(&mut self, row: &AuditRow, keep: u32, ended_before_ms: u64) -> Result<u64, StoreError> {
        /// Changes between two looks for old ones.
        const EVERY: u64 = 64;
        let transaction = self.connection.transaction()?;
        transaction
            .prepare_cached(
                "INSERT INTO audit (at, who, name, action, method, path, tenant, status, address)
                 VALUES (:at, :who, :name, :action, :method, :path, :tenant, :status, :address)",
            )?
            .execute(named_params! {
                ":at": integer(row.at_ms),
                ":who": row.who,
                ":name": row.name,
                ":action": row.action,
                ":method": row.method,
                ":path": row.path,
                ":tenant": row.tenant,
                ":status": row.status,
                ":address": row.address,
            })?;
        let id = u64::try_from(transaction.last_insert_rowid()).unwrap_or(0);
        if id.is_multiple_of(EVERY) {
            transaction
                .prepare_cached("DELETE FROM audit WHERE at < ?1")?
                .execute([integer(ended_before_ms)])?;
            transaction
                .prepare_cached(
                    "DELETE FROM audit WHERE tenant IS ?1 AND id <=
                         (SELECT id FROM audit WHERE tenant IS ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![row.tenant, keep])?;
        }
        transaction.commit()?;
        Ok(id)
    }

    fn finish_audit(&mut self, id: u64, status: u16) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE audit SET status = ?2 WHERE id = ?1")?
            .execute(params![integer(id), status])?;
        Ok(())
    }

    fn audit(&self, before: u64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, at, who, name, action, method, path, tenant, status, address FROM audit
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![integer(before), limit], audit_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let unsigned = |index| row.get::<_, i64>(index).map(|value| u64::try_from(value).unwrap_or(0));
    Ok(AuditRow {
        id: unsigned(0)?,
        at_ms: unsigned(1)?,
        who: row.get(2)?,
        name: row.get(3)?,
        action: row.get(4)?,
        method: row.get(5)?,
        path: row.get(6)?,
        tenant: row.get(7)?,
        status: row.get(8)?,
        address: row.get(9)?,
    })
}
