//! SQL databases as SQLite files, opened when they are asked for.

mod database;
mod guard;
mod ledger;
mod registry;
mod transfer;

use super::{Answer, DatabaseId, Export, Imported, MAX_DATABASES, MAX_NAME, Named, SqlError, SqlStore, Work};
use async_trait::async_trait;
use database::Database;
use ledger::{Account, Ledger};
use registry::{NotMade, Registry};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use tokio::sync::{Mutex, Semaphore};

/// Databases that are open at once; the one that was used least lately is closed for another.
const MAX_OPEN: usize = 64;

/// Databases that work at the same time.
const MAX_BUSY: usize = 16;

type Shared = Arc<Mutex<Option<Database>>>;

/// See the module's page.
#[derive(Debug)]
pub struct SqliteDatabases {
    directory: PathBuf,
    registry: Arc<Registry>,
    ledger: Arc<Ledger>,
    open: std::sync::Mutex<HashMap<DatabaseId, (Instant, Shared)>>,
    busy: Arc<Semaphore>,
}

impl SqliteDatabases {
    /// The databases of a data directory that exists; files appear when they are first used.
    ///
    /// # Errors
    /// When the book of databases cannot be opened.
    pub fn open(data: &Path) -> rusqlite::Result<Self> {
        let directory = data.join("sql");
        Ok(Self {
            registry: Arc::new(Registry::open(data)?),
            ledger: Arc::new(Ledger::new(directory.clone())),
            directory,
            open: std::sync::Mutex::default(),
            busy: Arc::new(Semaphore::new(MAX_BUSY)),
        })
    }

    /// Looks into the books, where waiting for the disk is no harm.
    async fn books<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry, &Ledger) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqlError> {
        let (registry, ledger) = (Arc::clone(&self.registry), Arc::clone(&self.ledger));
        let done = tokio::task::spawn_blocking(move || noted(work(&registry, &ledger)));
        done.await.unwrap_or(Err(SqlError::Unavailable))
    }

    /// Does something with a database, in turn with others, where waiting for it is no harm.
    async fn with<T: Send + 'static>(
        &self,
        id: DatabaseId,
        most: Option<u64>,
        work: impl FnOnce(&mut Database, &Account<'_>) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        let mut database = self.shared(&id).lock_owned().await;
        let turn = Arc::clone(&self.busy).acquire_owned().await.map_err(|_| SqlError::Unavailable)?;
        let (registry, ledger) = (Arc::clone(&self.registry), Arc::clone(&self.ledger));
        let path = path(&self.directory, &id);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work, not by whoever waits for it.
            let _turn = turn;
            let database = match &mut *database {
                Some(open) => open,
                closed => {
                    check_name(&id.id)?;
                    // Before the file: one that is there is known.
                    noted(registry.note(&id.tenant, &id.id))?;
                    let open = Database::open(&path)?;
                    // A page or two that are there before anything is written are nobody's growth.
                    let _ = ledger.settle(&id.tenant, &path, open.size(), None);
                    closed.insert(open)
                }
            };
            work(database, &Account { ledger: &ledger, tenant: &id.tenant, file: &path, most })
        });
        done.await.unwrap_or(Err(SqlError::Unavailable))
    }

    fn shared(&self, id: &DatabaseId) -> Shared {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((used, shared)) = open.get_mut(id) {
            *used = Instant::now();
            return Arc::clone(shared);
        }
        if open.len() >= MAX_OPEN {
            // One that works stays open until it is done: whoever works holds it.
            let oldest = open.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
            oldest.and_then(|id| open.remove(&id));
        }
        let shared = Shared::default();
        open.insert(id.clone(), (Instant::now(), Arc::clone(&shared)));
        shared
    }
}

#[async_trait]
impl SqlStore for SqliteDatabases {
    async fn run(&self, id: DatabaseId, work: Work, most: Option<u64>) -> Result<Vec<Answer>, SqlError> {
        self.with(id, most, move |database, account| database.run(work, account)).await
    }

    async fn import(&self, id: DatabaseId, sql: String, most: Option<u64>) -> Result<Imported, SqlError> {
        self.with(id, most, move |database, account| database.import(&sql, account)).await
    }

    async fn export(&self, id: DatabaseId, what: Export) -> Result<String, SqlError> {
        self.with(id, None, move |database, account| database.export(&what, account)).await
    }

    async fn list(&self, tenant: &str) -> Result<Vec<(Named, u64)>, SqlError> {
        let (directory, tenant) = (self.directory.clone(), tenant.to_owned());
        self.books(move |registry, ledger| {
            let all = registry.list(&tenant)?;
            Ok(all.into_iter().map(|named| sized(ledger, &directory, &tenant, named)).collect())
        })
        .await
    }

    async fn find(&self, id: &DatabaseId) -> Result<(Named, u64), SqlError> {
        let (directory, id) = (self.directory.clone(), id.clone());
        let found = self.books(move |registry, ledger| {
            let named = registry.find(&id.tenant, &id.id)?;
            Ok(named.map(|named| sized(ledger, &directory, &id.tenant, named)))
        });
        found.await?.ok_or(SqlError::NotFound)
    }

    async fn make(&self, tenant: &str, name: String) -> Result<Named, SqlError> {
        check_name(&name)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| SqlError::Unavailable)?;
        let (tenant, id) = (tenant.to_owned(), uuid(id));
        let made = self.books(move |registry, _| registry.make(&tenant, &id, &name, MAX_DATABASES)).await?;
        made.map_err(|why| match why {
            NotMade::NameTaken => SqlError::NameTaken,
            NotMade::TooMany => SqlError::TooMany,
        })
    }

    async fn delete(&self, id: DatabaseId) -> Result<(), SqlError> {
        let mut database = self.shared(&id).lock_owned().await;
        let path = path(&self.directory, &id);
        self.books(move |registry, ledger| {
            *database = None;
            let mut existed = false;
            // The database first: without it the others are nothing. And all before the book: what it does not know is not there.
            for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
                match std::fs::remove_file(&file) {
                    Ok(()) => existed = true,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => {
                        tracing::error!(path = %file.display(), %error, "a file of a database cannot be deleted");
                        return Ok(Err(SqlError::Unavailable));
                    }
                }
            }
            ledger.remove(&id.tenant, &path);
            existed |= registry.forget(&id.tenant, &id.id)?;
            Ok(if existed { Ok(()) } else { Err(SqlError::NotFound) })
        })
        .await?
    }

    async fn used(&self, tenant: &str) -> Result<u64, SqlError> {
        let tenant = tenant.to_owned();
        self.books(move |_, ledger| Ok(ledger.total(&tenant))).await
    }

    fn reload(&self) {
        self.ledger.clear();
    }
}

fn sized(ledger: &Ledger, directory: &Path, tenant: &str, named: Named) -> (Named, u64) {
    let id = DatabaseId { tenant: tenant.to_owned(), id: named.id.clone() };
    let bytes = ledger.size(tenant, &path(directory, &id));
    (named, bytes)
}

/// Ids are free text, so a file is named by a hash.
fn path(directory: &Path, id: &DatabaseId) -> PathBuf {
    let name = hex::encode(&Sha256::digest(id.id.as_bytes())[..16]);
    directory.join(&id.tenant).join(format!("{name}.db"))
}

/// A file that SQLite keeps beside a database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn noted<T>(done: rusqlite::Result<T>) -> Result<T, SqlError> {
    done.map_err(|error| {
        tracing::error!(%error, "the book of databases failed");
        SqlError::Unavailable
    })
}

fn check_name(name: &str) -> Result<(), SqlError> {
    let wrong = name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control);
    if wrong { Err(SqlError::InvalidName) } else { Ok(()) }
}

/// Random bytes as a UUID of version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests;
