//! Static files of versions. They go with the last version that has them.

use super::{SqliteStore, StoreError};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The static files of a version.
#[derive(Clone, Copy, Debug)]
pub struct SiteRow<'a> {
    /// JSON.
    pub manifest: &'a [u8],
    /// Hash and bytes of each file.
    pub files: &'a [(String, bytes::Bytes)],
}

/// Writes the files of a version whose bundle is written already.
pub(super) fn put(connection: &Connection, version: &str, site: SiteRow<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO sites (version, manifest) VALUES (?1, ?2)")?
        .execute(params![version, site.manifest])?;
    for (hash, bytes) in site.files {
        connection
            .prepare_cached("INSERT OR IGNORE INTO files (hash, bytes) VALUES (?1, ?2)")?
            .execute(params![hash, &bytes[..]])?;
        connection
            .prepare_cached("INSERT OR IGNORE INTO site_files (version, hash) VALUES (?1, ?2)")?
            .execute(params![version, hash])?;
    }
    Ok(())
}

/// Drops files that no version has any more.
pub(super) fn sweep(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "DELETE FROM files WHERE NOT EXISTS (SELECT 1 FROM site_files WHERE hash = files.hash)",
        )?
        .execute([])?;
    Ok(())
}

/// Static files of versions. A part of [`Store`].
pub trait Sites {
    /// The manifest of a version's static files, as JSON, if it has any.
    ///
    /// # Errors
    /// Database errors.
    fn manifest(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// The bytes of a static file.
    ///
    /// # Errors
    /// Database errors.
    fn file(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;
}

impl Sites for SqliteStore {
    fn manifest(&self, version: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement =
            self.connection.prepare_cached("SELECT manifest FROM sites WHERE version = ?1")?;
        Ok(statement.query_row([version], |row| row.get(0)).optional()?)
    }

    fn file(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT bytes FROM files WHERE hash = ?1")?;
        Ok(statement.query_row([hash], |row| row.get(0)).optional()?)
    }
}
