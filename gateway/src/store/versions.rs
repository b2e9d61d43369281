//! Versions of handlers and their deployments. A version never changes once it is written; a deployment says which versions
//! requests get, and the last one holds. Old ones of both go: those that are deployed now stay.

use super::{HandlerRow, SiteRow, SqliteStore, StoreError, files, integer, sweep, unsigned};
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params, params};

/// Versions of a handler that are kept. Those that can be rolled back to at Cloudflare, too.
pub const MAX_VERSIONS: u32 = 100;

/// Deployments of a handler that are kept.
pub const MAX_DEPLOYMENTS: u32 = 100;

/// A version as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// SHA-256 of its bundle in hex.
    pub hash: String,
    /// Counts the handler's versions, from 1.
    pub number: u32,
    /// Its limits as JSON.
    pub limits: String,
    /// Its modules' names, kinds and sizes as JSON.
    pub modules: String,
    /// Size of the bundle in bytes.
    pub size: u64,
    /// Whether it has static files.
    pub has_site: bool,
    /// When it was first uploaded; milliseconds since 1970.
    pub created_at_ms: u64,
    /// What its developer says of it, as JSON.
    pub notes: String,
}

/// A deployment as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Counts the handler's deployments, from 1.
    pub number: u32,
    /// Which versions get how much, as JSON.
    pub shares: String,
    /// Milliseconds since 1970.
    pub created_at_ms: u64,
    /// What its developer says of it, as JSON.
    pub notes: String,
}

/// A version to be written, with all that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Its handler as it shall be. Only where it is not yet there does `created_at_ms` count.
    pub handler: &'a HandlerRow,
    /// The version; its number is drawn here.
    pub version: &'a VersionRow,
    /// Its bundle.
    pub bundle: &'a [u8],
    /// The bundle's source maps.
    pub maps: Option<&'a [u8]>,
    /// Its static files.
    pub site: Option<SiteRow<'a>>,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether the handler is new.
    pub created: bool,
    /// The version as it is stored: the one that was there, if it was.
    pub version: VersionRow,
    /// Versions that had to go for it.
    pub gone: Vec<String>,
}

/// Versions of handlers, and deployments. A part of [`Store`].
pub trait Versions {
    /// Writes a version; with `deployment` (whose number is drawn here) also that, and the handler as the upload says; all or
    /// nothing. At most `max_handlers` in all.
    ///
    /// # Errors
    /// [`StoreError::Full`] for a new handler beyond the limit, [`StoreError::NoHandler`] for a version without deployment of a handler
    /// that is not there, and database errors (an unknown tenant among them).
    fn put(
        &mut self,
        upload: Upload<'_>,
        deployment: Option<&DeploymentRow>,
        max_handlers: usize,
    ) -> Result<Stored, StoreError>;

    /// Writes what is not of a version, of a handler that is there; with a deployment of versions that are there also that. Its
    /// number.
    ///
    /// # Errors
    /// [`StoreError::NoHandler`], and database errors.
    fn change(
        &mut self,
        handler: &HandlerRow,
        deployment: Option<&DeploymentRow>,
    ) -> Result<Option<u32>, StoreError>;

    /// A handler's versions, the newest first.
    ///
    /// # Errors
    /// Database errors.
    fn versions(&self, tenant: &str, handler: &str) -> Result<Vec<VersionRow>, StoreError>;

    /// One of them.
    ///
    /// # Errors
    /// Database errors.
    fn version(&self, tenant: &str, handler: &str, hash: &str) -> Result<Option<VersionRow>, StoreError>;

    /// A handler's deployments, the newest first.
    ///
    /// # Errors
    /// Database errors.
    fn deployments(&self, tenant: &str, handler: &str) -> Result<Vec<DeploymentRow>, StoreError>;

    /// The deployment that holds.
    ///
    /// # Errors
    /// Database errors.
    fn deployment(&self, tenant: &str, handler: &str) -> Result<Option<DeploymentRow>, StoreError>;

    /// Hashes of a handler's versions.
    ///
    /// # Errors
    /// Database errors.
    fn hashes(&self, tenant: &str, handler: &str) -> Result<Vec<String>, StoreError>;
}

impl Versions for SqliteStore {
    fn put(
        &mut self,
        upload: Upload<'_>,
        deployment: Option<&DeploymentRow>,
        max_handlers: usize,
    ) -> Result<Stored, StoreError> {
        let Upload { handler, version, bundle, maps, site } = upload;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_known = transaction
            .prepare_cached("SELECT 1 FROM handlers WHERE tenant = ?1 AND name = ?2")?
            .exists(params![handler.tenant, handler.name])?;
        if !is_known {
            if deployment.is_none() {
                return Err(StoreError::NoHandler);
            }
            let count: i64 = transaction.query_row("SELECT count(*) FROM handlers", [], |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= max_handlers {
                return Err(StoreError::Full { limit: max_handlers });
            }
        }
        transaction
            .prepare_cached(
                "INSERT INTO bundles (hash, bytes, unused_since) VALUES (?1, ?2, NULL)
                 ON CONFLICT (hash) DO UPDATE SET unused_since = NULL",
            )?
            .execute(params![version.hash, bundle])?;
        // The same code may come with another map, or with none.
        transaction.prepare_cached("DELETE FROM source_maps WHERE version = ?1")?.execute([&version.hash])?;
        if let Some(maps) = maps {
            transaction
                .prepare_cached("INSERT INTO source_maps (version, maps) VALUES (?1, ?2)")?
                .execute(params![version.hash, maps])?;
        }
        if let Some(site) = site {
            files::put(&transaction, &version.hash, site)?;
        }
        if deployment.is_some() {
            put_handler(&transaction, handler)?;
        }
        let version = put_version(&transaction, handler, version)?;
        if let Some(deployment) = deployment {
            put_deployment(&transaction, &handler.tenant, &handler.name, deployment)?;
        }
        let gone = prune(&transaction, &handler.tenant, &handler.name)?;
        sweep(&transaction, &gone, handler.updated_at_ms)?;
        transaction.commit()?;
        Ok(Stored { created: !is_known, version, gone })
    }

    fn change(
        &mut self,
        handler: &HandlerRow,
        deployment: Option<&DeploymentRow>,
    ) -> Result<Option<u32>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_known = transaction
            .prepare_cached("SELECT 1 FROM handlers WHERE tenant = ?1 AND name = ?2")?
            .exists(params![handler.tenant, handler.name])?;
        if !is_known {
            return Err(StoreError::NoHandler);
        }
        put_handler(&transaction, handler)?;
        let number = deployment
            .map(|deployment| put_deployment(&transaction, &handler.tenant, &handler.name, deployment))
            .transpose()?;
        transaction.commit()?;
        Ok(number)
    }

    fn versions(&self, tenant: &str, handler: &str) -> Result<Vec<VersionRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!("{VERSIONS} ORDER BY number DESC"))?;
        let rows = statement.query_map([tenant, handler], version_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn version(&self, tenant: &str, handler: &str, hash: &str) -> Result<Option<VersionRow>, StoreError> {
        Ok(version(&self.connection, tenant, handler, hash)?)
    }

    fn deployments(&self, tenant: &str, handler: &str) -> Result<Vec<DeploymentRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, shares, created_at, notes FROM deployments
             WHERE tenant = ?1 AND handler = ?2 ORDER BY number DESC",
        )?;
        let rows = statement.query_map([tenant, handler], deployment_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn deployment(&self, tenant: &str, handler: &str) -> Result<Option<DeploymentRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, shares, created_at, notes FROM deployments
             WHERE tenant = ?1 AND handler = ?2 ORDER BY number DESC LIMIT 1",
        )?;
        Ok(statement.query_row([tenant, handler], deployment_row).optional()?)
    }

    fn hashes(&self, tenant: &str, handler: &str) -> Result<Vec<String>, StoreError> {
        Ok(hashes(&self.connection, tenant, handler)?)
    }
}

const VERSIONS: &str = "SELECT hash, number, limits, modules, size, has_site, created_at, notes FROM versions
                        WHERE tenant = ?1 AND handler = ?2";

fn version_row(row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    Ok(VersionRow {
        hash: row.get(0)?,
        number: row.get(1)?,
        limits: row.get(2)?,
        modules: row.get(3)?,
        size: unsigned(row, 4)?,
        has_site: row.get(5)?,
        created_at_ms: unsigned(row, 6)?,
        notes: row.get(7)?,
    })
}

fn deployment_row(row: &Row<'_>) -> rusqlite::Result<DeploymentRow> {
    Ok(DeploymentRow {
        number: row.get(0)?,
        shares: row.get(1)?,
        created_at_ms: unsigned(row, 2)?,
        notes: row.get(3)?,
    })
}

fn version(
    connection: &Connection,
    tenant: &str,
    handler: &str,
    hash: &str,
) -> rusqlite::Result<Option<VersionRow>> {
    let mut statement = connection.prepare_cached(&format!("{VERSIONS} AND hash = ?3"))?;
    statement.query_row([tenant, handler, hash], version_row).optional()
}

/// Hashes of a handler's versions.
pub(super) fn hashes(connection: &Connection, tenant: &str, handler: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT hash FROM versions WHERE tenant = ?1 AND handler = ?2")?;
    statement.query_map([tenant, handler], |row| row.get(0))?.collect()
}

fn put_handler(connection: &Connection, handler: &HandlerRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO handlers (tenant, name, version, crons, routes, previews, created_at, updated_at)
             VALUES (:tenant, :name, :version, :crons, :routes, :previews, :created_at, :updated_at)
             ON CONFLICT (tenant, name) DO UPDATE SET version = :version, crons = :crons, routes = :routes,
                 previews = :previews, updated_at = :updated_at",
        )?
        .execute(named_params! {
            ":tenant": handler.tenant,
            ":name": handler.name,
            ":version": handler.version,
            ":crons": handler.crons,
            ":routes": handler.routes,
            ":previews": handler.previews,
            ":created_at": integer(handler.created_at_ms),
            ":updated_at": integer(handler.updated_at_ms),
        })?;
    Ok(())
}

/// Writes it unless it is there; gives it as it is there.
fn put_version(
    connection: &Connection,
    handler: &HandlerRow,
    new: &VersionRow,
) -> rusqlite::Result<VersionRow> {
    let (tenant, name) = (&handler.tenant, &handler.name);
    if let Some(known) = version(connection, tenant, name, &new.hash)? {
        return Ok(known);
    }
    let number: u32 = connection
        .prepare_cached(
            "SELECT coalesce(max(number), 0) + 1 FROM versions WHERE tenant = ?1 AND handler = ?2",
        )?
        .query_row([tenant, name], |row| row.get(0))?;
    connection
        .prepare_cached(
            "INSERT INTO versions (tenant, handler, hash, number, limits, modules, size, has_site, created_at, notes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            tenant,
            name,
            new.hash,
            number,
            new.limits,
            new.modules,
            integer(new.size),
            new.has_site,
            integer(new.created_at_ms),
            new.notes,
        ])?;
    Ok(VersionRow { number, ..new.clone() })
}

fn put_deployment(
    connection: &Connection,
    tenant: &str,
    handler: &str,
    new: &DeploymentRow,
) -> rusqlite::Result<u32> {
    let number: u32 = connection
        .prepare_cached(
            "INSERT INTO deployments (tenant, handler, number, shares, created_at, notes)
             SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3, ?4, ?5 FROM deployments WHERE tenant = ?1 AND handler = ?2
             RETURNING number",
        )?
        .query_row(params![tenant, handler, new.shares, integer(new.created_at_ms), new.notes], |row| row.get(0))?;
    connection
        .prepare_cached("DELETE FROM deployments WHERE tenant = ?1 AND handler = ?2 AND number <= ?3")?
        .execute(params![tenant, handler, i64::from(number) - i64::from(MAX_DEPLOYMENTS)])?;
    Ok(number)
}

/// Drops a handler's oldest versions beyond [`MAX_VERSIONS`] that are not deployed; which those were.
fn prune(connection: &Connection, tenant: &str, handler: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM versions WHERE tenant = ?1 AND handler = ?2
         AND number <= (SELECT max(number) FROM versions WHERE tenant = ?1 AND handler = ?2) - ?3
         AND hash NOT IN (
             SELECT share.value ->> 'version' FROM json_each((
                 SELECT shares FROM deployments WHERE tenant = ?1 AND handler = ?2 ORDER BY number DESC LIMIT 1
             )) AS share)
         RETURNING hash",
    )?;
    statement.query_map(params![tenant, handler, MAX_VERSIONS], |row| row.get(0))?.collect()
}
