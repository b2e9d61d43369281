//! The tables, and how a store of an older version becomes one of this.
//!
//! A migration that was released never changes: a later one follows it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Migration `n` brings format `n` to format `n + 1`. The format is SQLite's `user_version`; a new file has 0.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE tenants (
        name TEXT PRIMARY KEY NOT NULL
    ) STRICT;
    INSERT INTO tenants (name) VALUES ('default');

    CREATE TABLE bundles (
        hash         TEXT PRIMARY KEY NOT NULL, -- SHA-256 of bytes, hex
        bytes        BLOB NOT NULL,             -- JSON
        unused_since INTEGER                    -- ms since 1970; NULL while a handler has this version
    ) STRICT;
    CREATE INDEX bundles_unused ON bundles (unused_since) WHERE unused_since IS NOT NULL;

    CREATE TABLE handlers (
        tenant     TEXT NOT NULL REFERENCES tenants (name),
        name       TEXT NOT NULL,
        version    TEXT NOT NULL REFERENCES bundles (hash),
        limits     TEXT NOT NULL,               -- JSON
        modules    TEXT NOT NULL,               -- JSON
        size       INTEGER NOT NULL,            -- bytes of the bundle
        created_at INTEGER NOT NULL,            -- ms since 1970
        updated_at INTEGER NOT NULL,            -- ms since 1970
        PRIMARY KEY (tenant, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX handlers_version ON handlers (version);
",
    "
    CREATE TABLE source_maps (
        version TEXT PRIMARY KEY NOT NULL REFERENCES bundles (hash) ON DELETE CASCADE,
        maps    BLOB NOT NULL                   -- JSON
    ) STRICT;

    CREATE TABLE secrets (
        tenant  TEXT NOT NULL,
        handler TEXT NOT NULL,
        name    TEXT NOT NULL,
        value   TEXT NOT NULL,
        PRIMARY KEY (tenant, handler, name),
        FOREIGN KEY (tenant, handler) REFERENCES handlers (tenant, name) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    -- What placeholders of secrets are made with, so that nobody else can make one.
    CREATE TABLE placeholder_key (bytes BLOB NOT NULL) STRICT;
    INSERT INTO placeholder_key VALUES (randomblob(32));

    CREATE TABLE files (
        hash  TEXT PRIMARY KEY NOT NULL,        -- SHA-256 of bytes, hex
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE sites (
        version  TEXT PRIMARY KEY NOT NULL REFERENCES bundles (hash) ON DELETE CASCADE,
        manifest BLOB NOT NULL                  -- JSON
    ) STRICT;
    CREATE TABLE site_files (
        version TEXT NOT NULL REFERENCES bundles (hash) ON DELETE CASCADE,
        hash    TEXT NOT NULL REFERENCES files (hash),
        PRIMARY KEY (version, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX site_files_hash ON site_files (hash);

    ALTER TABLE handlers ADD COLUMN has_site INTEGER NOT NULL DEFAULT 0; -- its version has static files
    ALTER TABLE handlers ADD COLUMN crons TEXT NOT NULL DEFAULT '[]'; -- JSON
    CREATE TABLE cron_runs (
        tenant  TEXT NOT NULL,
        handler TEXT NOT NULL,
        pattern TEXT NOT NULL,
        last    INTEGER NOT NULL,               -- ms since 1970
        PRIMARY KEY (tenant, handler, pattern),
        FOREIGN KEY (tenant, handler) REFERENCES handlers (tenant, name) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE handlers ADD COLUMN routes TEXT NOT NULL DEFAULT '[]'; -- JSON
",
    "
    CREATE TABLE versions (
        tenant     TEXT NOT NULL,
        handler    TEXT NOT NULL,
        hash       TEXT NOT NULL REFERENCES bundles (hash),
        number     INTEGER NOT NULL,            -- 1 is the handler's first
        limits     TEXT NOT NULL,               -- JSON
        modules    TEXT NOT NULL,               -- JSON
        size       INTEGER NOT NULL,            -- bytes of the bundle
        has_site   INTEGER NOT NULL,
        created_at INTEGER NOT NULL,            -- ms since 1970
        notes      TEXT NOT NULL,               -- JSON
        PRIMARY KEY (tenant, handler, hash),
        UNIQUE (tenant, handler, number),
        FOREIGN KEY (tenant, handler) REFERENCES handlers (tenant, name) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX versions_hash ON versions (hash);
    INSERT INTO versions
        SELECT tenant, name, version, 1, limits, modules, size, has_site, updated_at, '{}' FROM handlers;

    -- The one with the highest number holds.
    CREATE TABLE deployments (
        tenant     TEXT NOT NULL,
        handler    TEXT NOT NULL,
        number     INTEGER NOT NULL,
        shares     TEXT NOT NULL,               -- JSON
        created_at INTEGER NOT NULL,            -- ms since 1970
        notes      TEXT NOT NULL,               -- JSON
        PRIMARY KEY (tenant, handler, number),
        FOREIGN KEY (tenant, handler) REFERENCES handlers (tenant, name) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    INSERT INTO deployments
        SELECT tenant, name, 1, json_array(json_object('version', version, 'points', 10000)), updated_at, '{}'
        FROM handlers;

    -- `version` stays, as the one that most requests get: what a foreign key names cannot be dropped.
    ALTER TABLE handlers DROP COLUMN limits;
    ALTER TABLE handlers DROP COLUMN modules;
    ALTER TABLE handlers DROP COLUMN size;
    ALTER TABLE handlers DROP COLUMN has_site;
    ALTER TABLE handlers ADD COLUMN previews INTEGER NOT NULL DEFAULT 1; -- its versions have URLs of their own
",
    "
    -- `value` is what formats before had in the clear; it is empty once it is sealed, which opening the store does.
    ALTER TABLE secrets ADD COLUMN sealed BLOB;
    -- Tells whether a key is the one that secrets are sealed with.
    CREATE TABLE secret_key_check (sealed BLOB NOT NULL) STRICT;
",
    "
    CREATE TABLE tokens (
        id           TEXT PRIMARY KEY NOT NULL,
        hash         BLOB NOT NULL UNIQUE,      -- SHA-256 of the text, which is nowhere
        kind         TEXT NOT NULL,             -- access, admin or join
        name         TEXT NOT NULL,
        tenant       TEXT REFERENCES tenants (name) ON DELETE CASCADE, -- NULL: all
        actions      TEXT NOT NULL,             -- JSON
        pool         TEXT,                      -- of a join token
        prefix       TEXT NOT NULL,             -- of the text, for people
        created_at   INTEGER NOT NULL,          -- ms since 1970
        expires_at   INTEGER,                   -- ms since 1970
        last_used_at INTEGER                    -- ms since 1970
    ) STRICT;
    -- Hosts and quotas that the operator granted.
    CREATE TABLE tenant_grants (
        tenant   TEXT PRIMARY KEY NOT NULL REFERENCES tenants (name) ON DELETE CASCADE,
        settings TEXT NOT NULL                  -- JSON
    ) STRICT;
    -- Who changed what. Not tied to tenants or tokens: it outlives them.
    CREATE TABLE audit (
        id      INTEGER PRIMARY KEY AUTOINCREMENT,
        at      INTEGER NOT NULL,               -- ms since 1970
        who     TEXT NOT NULL,
        name    TEXT NOT NULL,
        action  TEXT NOT NULL,
        method  TEXT NOT NULL,
        path    TEXT NOT NULL,
        tenant  TEXT,
        status  INTEGER,                        -- NULL: not answered
        address TEXT
    ) STRICT;
    CREATE INDEX audit_tenant ON audit (tenant, id);
    CREATE INDEX audit_at ON audit (at);
",
    // The KV store beside this one has checksums from here on. Earlier versions, which do not look at its format, refuse this one's.
    "",
];

/// The format this version writes.
pub(super) fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Refuses a store of a later format. Returns its format.
pub(super) fn check_version(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known() {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: known() });
    }
    Ok(found)
}

/// Brings the store to the known format, each migration whole or not at all.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    loop {
        // Immediate: of two processes that open an old store at once, the second waits and finds it migrated.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = check_version(&transaction, path)?;
        let Some(migration) = MIGRATIONS.get(found as usize) else { return Ok(()) };
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}

/// Makes an empty store of an older format.
#[cfg(test)]
pub(super) fn make_format(connection: &Connection, format: u32) -> rusqlite::Result<()> {
    for migration in &MIGRATIONS[..format as usize] {
        connection.execute_batch(migration)?;
    }
    connection.pragma_update(None, "user_version", format)
}
