//! Tokens, by the SHA-256 of their text: the text itself is nowhere. And what each tenant was granted.

use super::{SqliteStore, StoreError, integer};
use rusqlite::{Row, TransactionBehavior, named_params, params};

/// A token as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// What it is called by.
    pub id: String,
    /// SHA-256 of its text.
    pub hash: [u8; 32],
    /// What it is for: `access`, `admin` or `join`.
    pub kind: String,
    /// What its maker called it.
    pub name: String,
    /// The tenant it is for; `None` for all.
    pub tenant: Option<String>,
    /// What it allows, as JSON.
    pub actions: String,
    /// The pool that it lets tabs join.
    pub pool: Option<String>,
    /// The first characters of its text.
    pub prefix: String,
    /// When it was made; milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it ends; milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// When it was last used, to the minute or so; milliseconds since 1970.
    pub last_used_ms: Option<u64>,
}

/// Without the hash, which is nobody's business either.
impl std::fmt::Debug for TokenRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenRow({} {})", self.kind, self.id)
    }
}

/// Tokens by their hashes, and what tenants were granted. A part of [`Store`].
pub trait Tokens {
    /// All tokens.
    ///
    /// # Errors
    /// Database errors.
    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;

    /// Writes a token, in place of one with its id. Those that ended before `ended_before_ms` go.
    ///
    /// # Errors
    /// Database errors, an unknown tenant among them.
    fn put_token(&mut self, row: &TokenRow, ended_before_ms: u64) -> Result<(), StoreError>;

    /// Removes a token; `false` if there was none.
    ///
    /// # Errors
    /// Database errors.
    fn delete_token(&mut self, id: &str) -> Result<bool, StoreError>;

    /// Notes when tokens (by id) were last used, all at once.
    ///
    /// # Errors
    /// Database errors.
    fn use_tokens(&mut self, used: &[(String, u64)]) -> Result<(), StoreError>;

    /// Bytes of a tenant's versions and of their static files, each counted once.
    ///
    /// # Errors
    /// Database errors.
    fn stored(&self, tenant: &str) -> Result<u64, StoreError>;

    /// What tenants were granted, as JSON, by name.
    ///
    /// # Errors
    /// Database errors.
    fn grants(&self) -> Result<Vec<(String, String)>, StoreError>;

    /// Writes what a tenant is granted.
    ///
    /// # Errors
    /// Database errors, an unknown tenant among them.
    fn put_grants(&mut self, tenant: &str, settings: &str) -> Result<(), StoreError>;
}

impl Tokens for SqliteStore {
    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, hash, kind, name, tenant, actions, pool, prefix, created_at, expires_at, last_used_at
             FROM tokens ORDER BY created_at, id",
        )?;
        let rows = statement.query_map([], token_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_token(&mut self, row: &TokenRow, ended_before_ms: u64) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction
            .prepare_cached("DELETE FROM tokens WHERE id = ?1 OR expires_at < ?2")?
            .execute(params![row.id, integer(ended_before_ms)])?;
        transaction
            .prepare_cached(
                "INSERT INTO tokens (id, hash, kind, name, tenant, actions, pool, prefix, created_at, expires_at, last_used_at)
                 VALUES (:id, :hash, :kind, :name, :tenant, :actions, :pool, :prefix, :created_at, :expires_at, :last_used_at)",
            )?
            .execute(named_params! {
                ":id": row.id,
                ":hash": row.hash,
                ":kind": row.kind,
                ":name": row.name,
                ":tenant": row.tenant,
                ":actions": row.actions,
                ":pool": row.pool,
                ":prefix": row.prefix,
                ":created_at": integer(row.created_at_ms),
                ":expires_at": row.expires_at_ms.map(integer),
                ":last_used_at": row.last_used_ms.map(integer),
            })?;
        transaction.commit()?;
        Ok(())
    }

    fn delete_token(&mut self, id: &str) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached("DELETE FROM tokens WHERE id = ?1")?.execute([id])? > 0)
    }

    fn use_tokens(&mut self, used: &[(String, u64)]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (id, at) in used {
            transaction
                .prepare_cached("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1")?
                .execute(params![id, integer(*at)])?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn stored(&self, tenant: &str) -> Result<u64, StoreError> {
        let bytes: i64 = self
            .connection
            .prepare_cached(
                "SELECT (SELECT COALESCE(sum(size), 0) FROM versions WHERE tenant = ?1)
                      + (SELECT COALESCE(sum(length(bytes)), 0) FROM files WHERE hash IN (
                            SELECT site_files.hash FROM site_files
                            JOIN versions ON versions.hash = site_files.version AND versions.tenant = ?1))",
            )?
            .query_row([tenant], |row| row.get(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    fn grants(&self) -> Result<Vec<(String, String)>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT tenant, settings FROM tenant_grants")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_grants(&mut self, tenant: &str, settings: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO tenant_grants (tenant, settings) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET settings = ?2",
            )?
            .execute([tenant, settings])?;
        Ok(())
    }
}

fn token_row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(TokenRow {
        id: row.get(0)?,
        hash: row.get(1)?,
        kind: row.get(2)?,
        name: row.get(3)?,
        tenant: row.get(4)?,
        actions: row.get(5)?,
        pool: row.get(6)?,
        prefix: row.get(7)?,
        created_at_ms: unsigned(row.get(8)?),
        expires_at_ms: row.get::<_, Option<i64>>(9)?.map(unsigned),
        last_used_ms: row.get::<_, Option<i64>>(10)?.map(unsigned),
    })
}
