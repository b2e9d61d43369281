//! The tables, and how a store of an older version becomes one of this.
//!
//! A migration that was released never changes: a later one follows it.

use super::super::{Entry, KvFault, Namespace, checksum};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Migration `n` brings format `n` to format `n + 1`. The format is SQLite's `user_version`.
const MIGRATIONS: &[fn(&Transaction<'_>) -> rusqlite::Result<()>] = &[first, add_checksums];

/// Stores of this format have no number yet: 0, like a new file.
fn first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "
        CREATE TABLE IF NOT EXISTS entries (
            tenant    TEXT NOT NULL,
            namespace TEXT NOT NULL,
            key       TEXT NOT NULL,
            expires   INTEGER,
            metadata  TEXT,
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
        ",
    )
}

/// A new table, with what is small in front of the value: it is looked at without reading that.
fn add_checksums(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "
        CREATE TABLE entries_2 (
            tenant    TEXT NOT NULL,
            namespace TEXT NOT NULL,
            key       TEXT NOT NULL,    -- compared as bytes, so listed in the order of UTF-8
            expires   INTEGER,          -- s since 1970
            size      INTEGER NOT NULL, -- bytes of the value
            checksum  INTEGER NOT NULL, -- of all the others
            metadata  TEXT,             -- JSON
            value     BLOB NOT NULL,
            UNIQUE (tenant, namespace, key)
        ) STRICT;
        -- What each tenant's entries count.
        CREATE TABLE usage (
            tenant TEXT PRIMARY KEY NOT NULL,
            bytes  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        ",
    )?;
    let mut old =
        transaction.prepare("SELECT tenant, namespace, key, expires, metadata, value FROM entries")?;
    let mut new = transaction.prepare(
        "INSERT INTO entries_2 (tenant, namespace, key, expires, size, checksum, metadata, value)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut rows = old.query([])?;
    while let Some(row) = rows.next()? {
        let namespace = Namespace { tenant: row.get(0)?, id: row.get(1)? };
        let key: String = row.get(2)?;
        let entry = Entry { expires: row.get(3)?, metadata: row.get(4)?, value: row.get(5)? };
        let sum = checksum::of(&namespace, &key, &entry);
        new.execute(params![
            namespace.tenant,
            namespace.id,
            key,
            entry.expires,
            super::length(&entry),
            sum,
            entry.metadata,
            entry.value
        ])?;
    }
    drop(rows);
    drop((old, new));
    transaction.execute_batch(
        "
        DROP TABLE entries;
        ALTER TABLE entries_2 RENAME TO entries;
        CREATE INDEX entries_expiring ON entries (expires) WHERE expires IS NOT NULL;
        INSERT INTO usage
            SELECT tenant, sum(64 + octet_length(namespace) + octet_length(key) + coalesce(octet_length(metadata), 0) + size)
            FROM entries GROUP BY tenant;
        CREATE TRIGGER entries_inserted AFTER INSERT ON entries BEGIN
            INSERT INTO usage (tenant, bytes) VALUES (NEW.tenant,
                64 + octet_length(NEW.namespace) + octet_length(NEW.key) + coalesce(octet_length(NEW.metadata), 0) + NEW.size)
            ON CONFLICT (tenant) DO UPDATE SET bytes = bytes + excluded.bytes;
        END;
        CREATE TRIGGER entries_updated AFTER UPDATE ON entries BEGIN
            UPDATE usage SET bytes = bytes + NEW.size - OLD.size
                + coalesce(octet_length(NEW.metadata), 0) - coalesce(octet_length(OLD.metadata), 0)
            WHERE tenant = NEW.tenant;
        END;
        CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
            UPDATE usage SET bytes = bytes - (
                64 + octet_length(OLD.namespace) + octet_length(OLD.key) + coalesce(octet_length(OLD.metadata), 0) + OLD.size)
            WHERE tenant = OLD.tenant;
        END;
        ",
    )
}

/// The format this version writes.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// The format of a store.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a store to the known format, each migration whole or not at all.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), KvFault> {
    loop {
        // Immediate: of two processes that open an old store at once, the second waits and finds it migrated.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = format(&transaction)?;
        if found > known() {
            return Err(KvFault::Newer { found, known: known() });
        }
        let Some(migration) = MIGRATIONS.get(found as usize) else { return Ok(()) };
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}

/// Makes an empty store of the first format.
#[cfg(test)]
pub(super) fn first_for_tests(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    first(transaction)
}
