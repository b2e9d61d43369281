//! SQL databases of handlers: a SQLite file each, opened when it is asked for. Blocking inside; [`Databases::run`] does the
//! waiting. An acknowledged write survives SIGKILL and power loss. Knows no HTTP.

mod guard;
mod registry;
mod transfer;
mod value;

use guard::{Guard, MAX_SQL};
pub use registry::{FILE_NAME, MAX_DATABASES, Named};
use registry::{NotMade, Registry};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, Statement, params_from_iter};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore};
pub use transfer::{Export, Imported, MAX_EXPORT};
pub use value::{Datum, Param};

/// Databases that are open at once; the one that was used least lately is closed for another.
const MAX_OPEN: usize = 64;

/// Databases that work at the same time.
const MAX_BUSY: usize = 16;

/// Size of a page in bytes: SQLite's default, which nobody here can change.
const PAGE: u64 = 4096;

/// Largest answer, in bytes of its values.
const MAX_RESULT: usize = 32 << 20;

/// Longest id or name of a database, in bytes.
const MAX_NAME: usize = 512;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DatabaseId {
    /// Tenant.
    pub tenant: String,
    /// Id within the tenant.
    pub id: String,
}

/// A statement and its parameters.
#[derive(Clone, Debug, Deserialize)]
pub struct Query {
    /// One statement.
    pub sql: String,
    /// In order.
    #[serde(default)]
    pub params: Vec<Param>,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Work {
    /// Statements, all or none.
    Batch(Vec<Query>),
    /// Any number of statements without parameters, all or none.
    Script(String),
}

/// What a statement gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// Names.
    pub columns: Vec<String>,
    /// Values, a list a row.
    pub rows: Vec<Vec<Datum>>,
    /// Time that it took, in milliseconds.
    pub duration: f64,
    /// Rows changed.
    pub changes: u64,
    /// Of the last insert on this connection.
    pub last_row_id: i64,
    /// Size of the database in bytes.
    pub size_after: u64,
}

/// Why there is no answer. The texts are SQLite's, and meant for the handler.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// SQLite says.
    #[error("{0}")]
    Sqlite(String),
    /// Too much came out.
    #[error("the result has more than {MAX_RESULT} bytes: ask for fewer rows")]
    TooLarge,
    /// Too much would come out as SQL.
    #[error("the database has more than {} MiB as SQL: export its tables one by one, or copy it with `tabmesh backup`", MAX_EXPORT >> 20)]
    ExportTooLarge,
    /// The file cannot be used.
    #[error("the database cannot be opened")]
    Unavailable,
    /// There is no such database.
    #[error("there is no such database")]
    NotFound,
    /// The name cannot be one.
    #[error("a database's name has 1 to {MAX_NAME} bytes of text")]
    InvalidName,
    /// Another database has the name.
    #[error("a database with this name exists already")]
    NameTaken,
    /// The tenant has too many of them.
    #[error("a tenant has at most {MAX_DATABASES} databases with a name")]
    TooMany,
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(code, message) => {
                let text = match code.code {
                    rusqlite::ErrorCode::OperationInterrupted => "the statement ran for too long".to_owned(),
                    rusqlite::ErrorCode::AuthorizationForStatementDenied => "not authorized".to_owned(),
                    _ => message.unwrap_or_else(|| code.to_string()),
                };
                Self::Sqlite(format!("{text}: {}", name_of(code.code)))
            }
            rusqlite::Error::SqlInputError { msg, offset, .. } => {
                Self::Sqlite(format!("{msg} at offset {offset}: SQLITE_ERROR"))
            }
            rusqlite::Error::InvalidParameterCount(given, wanted) => Self::Sqlite(format!(
                "Wrong number of parameter bindings for SQL query: {given} given, {wanted} wanted"
            )),
            rusqlite::Error::MultipleStatement => {
                Self::Sqlite("A prepared SQL statement must contain only one statement".to_owned())
            }
            other => Self::Sqlite(other.to_string()),
        }
    }
}

fn name_of(code: rusqlite::ErrorCode) -> &'static str {
    use rusqlite::ErrorCode as Code;
    match code {
        Code::ConstraintViolation => "SQLITE_CONSTRAINT",
        Code::AuthorizationForStatementDenied => "SQLITE_AUTH",
        Code::TooBig => "SQLITE_TOOBIG",
        Code::DiskFull => "SQLITE_FULL",
        Code::TypeMismatch => "SQLITE_MISMATCH",
        Code::OperationInterrupted => "SQLITE_INTERRUPT",
        Code::DatabaseCorrupt => "SQLITE_CORRUPT",
        _ => "SQLITE_ERROR",
    }
}

/// One open database.
#[derive(Debug)]
struct Database {
    connection: Connection,
    guard: Guard,
}

type Shared = Arc<Mutex<Option<Database>>>;

/// All of them.
#[derive(Debug)]
pub struct Databases {
    directory: PathBuf,
    registry: Arc<Registry>,
    open: std::sync::Mutex<HashMap<DatabaseId, (Instant, Shared)>>,
    busy: Semaphore,
}

impl Databases {
    /// The databases of a data directory that exists; files appear when they are first used.
    ///
    /// # Errors
    /// When the book of databases cannot be opened.
    pub fn open(data: &Path) -> rusqlite::Result<Self> {
        Ok(Self {
            directory: data.join("sql"),
            registry: Arc::new(Registry::open(data)?),
            open: std::sync::Mutex::default(),
            busy: Semaphore::new(MAX_BUSY),
        })
    }

    /// Does work on a database, in turn with others.
    ///
    /// # Errors
    /// [`SqlError`]; then nothing was written.
    pub async fn run(&self, id: DatabaseId, work: Work) -> Result<Vec<Answer>, SqlError> {
        self.with(id, move |database| database.run(work)).await
    }

    /// Does something with a database, in turn with others, where waiting for it is no harm.
    async fn with<T: Send + 'static>(
        &self,
        id: DatabaseId,
        work: impl FnOnce(&mut Database) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        let shared = self.shared(&id);
        let mut database = shared.lock_owned().await;
        let _turn = self.busy.acquire().await.map_err(|_| SqlError::Unavailable)?;
        let (path, registry) = (self.path(&id), Arc::clone(&self.registry));
        let done = tokio::task::spawn_blocking(move || {
            let database = match &mut *database {
                Some(open) => open,
                closed => {
                    check_name(&id.id)?;
                    // Before the file: one that is there is known.
                    noted(registry.note(&id.tenant, &id.id))?;
                    closed.insert(Database::open(&path)?)
                }
            };
            work(database)
        });
        done.await.unwrap_or(Err(SqlError::Unavailable))
    }

    /// A tenant's databases and the bytes of each, sorted by name.
    ///
    /// # Errors
    /// [`SqlError::Unavailable`].
    pub async fn list(&self, tenant: &str) -> Result<Vec<(Named, u64)>, SqlError> {
        let whose = tenant.to_owned();
        let all = self.book(move |registry| registry.list(&whose)).await?;
        Ok(all.into_iter().map(|named| self.sized(tenant, named)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// [`SqlError::NotFound`].
    pub async fn find(&self, id: &DatabaseId) -> Result<(Named, u64), SqlError> {
        let wanted = id.clone();
        let named = self.book(move |registry| registry.find(&wanted.tenant, &wanted.id)).await?;
        named.map(|named| self.sized(&id.tenant, named)).ok_or(SqlError::NotFound)
    }

    /// Makes a database of this name, with an id that nobody can guess.
    ///
    /// # Errors
    /// [`SqlError::NameTaken`], [`SqlError::TooMany`].
    pub async fn make(&self, tenant: &str, name: String) -> Result<Named, SqlError> {
        check_name(&name)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| SqlError::Unavailable)?;
        let (tenant, id) = (tenant.to_owned(), uuid(id));
        let made = self.book(move |registry| registry.make(&tenant, &id, &name, MAX_DATABASES)).await?;
        made.map_err(|why| match why {
            NotMade::NameTaken => SqlError::NameTaken,
            NotMade::TooMany => SqlError::TooMany,
        })
    }

    /// Removes a database with all that it holds, when whoever works on it is done.
    ///
    /// # Errors
    /// [`SqlError::NotFound`].
    pub async fn delete(&self, id: DatabaseId) -> Result<(), SqlError> {
        let mut database = self.shared(&id).lock_owned().await;
        let path = self.path(&id);
        self.book(move |registry| {
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
            existed |= registry.forget(&id.tenant, &id.id)?;
            Ok(if existed { Ok(()) } else { Err(SqlError::NotFound) })
        })
        .await?
    }

    /// Looks into the book, where waiting for the disk is no harm.
    async fn book<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, SqlError> {
        let registry = Arc::clone(&self.registry);
        let done = tokio::task::spawn_blocking(move || noted(work(&registry)));
        done.await.unwrap_or(Err(SqlError::Unavailable))
    }

    fn sized(&self, tenant: &str, named: Named) -> (Named, u64) {
        let path = self.path(&DatabaseId { tenant: tenant.to_owned(), id: named.id.clone() });
        // What was written last may still stand beside it.
        let size =
            [&path, &beside(&path, "-wal")].map(|file| std::fs::metadata(file).map_or(0, |file| file.len()));
        let size = size.iter().sum();
        (named, size)
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

    /// Ids are free text, so a file is named by a hash.
    fn path(&self, id: &DatabaseId) -> PathBuf {
        let name = hex::encode(&Sha256::digest(id.id.as_bytes())[..16]);
        self.directory.join(&id.tenant).join(format!("{name}.db"))
    }
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

/// Refuses a statement of a script that is too long to be one alone.
fn check_length(script: &str, statement: &Statement<'_>) -> Result<(), SqlError> {
    let most = usize::try_from(MAX_SQL).unwrap_or(usize::MAX);
    // Without parameters this is its text; most scripts are shorter than a statement may be.
    if script.len() > most && statement.expanded_sql().is_none_or(|sql| sql.len() > most) {
        return Err(SqlError::Sqlite("statement too long: SQLITE_TOOBIG".to_owned()));
    }
    Ok(())
}

/// Random bytes as a UUID of version 4.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Database {
    fn open(path: &Path) -> Result<Self, SqlError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(path = %path.display(), %error, "a database cannot be opened");
            SqlError::Unavailable
        };
        path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| unavailable(&error))?;
        let open = || -> rusqlite::Result<Self> {
            let mut connection = Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            let guard = Guard::install(&mut connection)?;
            Ok(Self { connection, guard })
        };
        open().map_err(|error| unavailable(&error))
    }

    fn run(&mut self, work: Work) -> Result<Vec<Answer>, SqlError> {
        self.guard.begin();
        match work {
            Work::Batch(queries) if queries.len() == 1 => self.perform(Work::Batch(queries)),
            work => self.all_or_none(|database| database.perform(work)),
        }
    }

    /// Does something in a transaction.
    fn all_or_none<T>(&self, work: impl FnOnce(&Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.transaction("BEGIN IMMEDIATE")?;
        let done = work(self);
        // Some errors have rolled back already.
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.transaction(end);
        if done.is_ok() && ended.is_err() {
            let _ = self.transaction("ROLLBACK");
            ended?;
        }
        done
    }

    fn transaction(&self, sql: &str) -> rusqlite::Result<()> {
        self.guard.own(|| self.connection.execute_batch(sql))
    }

    fn perform(&self, work: Work) -> Result<Vec<Answer>, SqlError> {
        let mut room = MAX_RESULT;
        match work {
            Work::Batch(queries) => queries
                .into_iter()
                .map(|Query { sql, params }| {
                    let params = params.into_iter().map(|Param(cell)| cell).collect();
                    let mut statement = self.connection.prepare_cached(&sql)?;
                    self.answer(&mut statement, params, &mut room)
                })
                .collect(),
            Work::Script(sql) => {
                let mut answers = Vec::new();
                self.each(&sql, |statement| {
                    check_length(&sql, statement)?;
                    answers.push(self.answer(statement, vec![], &mut room)?);
                    Ok(())
                })?;
                Ok(answers)
            }
        }
    }

    /// In bytes.
    fn size(&self) -> u64 {
        let pages: i64 = self
            .guard
            .own(|| self.connection.pragma_query_value(None, "page_count", |row| row.get(0)))
            .unwrap_or(0);
        u64::try_from(pages).unwrap_or(0) * PAGE
    }

    fn answer(
        &self,
        statement: &mut Statement<'_>,
        params: Vec<Cell>,
        room: &mut usize,
    ) -> Result<Answer, SqlError> {
        let started = Instant::now();
        let before = self.connection.total_changes();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = Vec::new();
        let mut cursor = statement.query(params_from_iter(params))?;
        while let Some(row) = cursor.next()? {
            let mut values = Vec::with_capacity(columns.len());
            for at in 0..columns.len() {
                let value = Datum::of(row.get_ref(at)?);
                *room = room.checked_sub(value.size()).ok_or(SqlError::TooLarge)?;
                values.push(value);
            }
            rows.push(values);
        }
        drop(cursor);
        Ok(Answer {
            columns,
            rows,
            duration: started.elapsed().as_secs_f64() * 1000.0,
            changes: self.connection.total_changes().saturating_sub(before),
            last_row_id: self.connection.last_insert_rowid(),
            size_after: self.size(),
        })
    }
}

#[cfg(test)]
mod tests;
