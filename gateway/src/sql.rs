//! SQL databases of handlers: what a store of them owes ([`SqlStore`]), whatever stands behind it, and the store of SQLite files. The
//! language is SQLite's, and so are the sentences of refusals: handlers were written for them. Knows no HTTP.

mod sqlite;
mod value;

pub use sqlite::SqliteDatabases;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
pub use value::{Datum, Param};

/// Databases with a name that one tenant may have.
pub const MAX_DATABASES: usize = 1000;

/// Largest text of an export, in bytes.
pub const MAX_EXPORT: usize = 32 << 20;

/// Largest answer, in bytes of its values.
const MAX_RESULT: usize = 32 << 20;

/// Longest id or name of a database, in bytes.
const MAX_NAME: usize = 512;

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

/// A database in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Id within the tenant.
    pub id: String,
    /// What people call it; the id where nobody gave it a name.
    pub name: String,
    /// When it appeared; milliseconds since 1970.
    pub created_at_ms: u64,
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

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// Statements.
    pub statements: u64,
    /// Their rows, times and changes together, without what they gave.
    pub all: Answer,
    /// Rows that they gave.
    pub rows: u64,
}

/// What is to be written down.
#[derive(Clone, Debug, Default)]
pub struct Export {
    /// Only these tables; all where none is named.
    pub tables: Vec<String>,
    /// Not how tables look.
    pub no_schema: bool,
    /// Not what is in them.
    pub no_data: bool,
}

/// Why there is no answer. The texts are SQLite's, and meant for the handler.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A statement was refused.
    #[error("{0}")]
    Statement(String),
    /// Too much came out.
    #[error("the result has more than {MAX_RESULT} bytes: ask for fewer rows")]
    TooLarge,
    /// Too much would come out as SQL.
    #[error("the database has more than {} MiB as SQL: export its tables one by one, or copy it with `tabmesh backup`", MAX_EXPORT >> 20)]
    ExportTooLarge,
    /// The tenant's databases would have more bytes than they may, and more than before.
    #[error("the tenant's storage quota would be exceeded: SQLITE_FULL")]
    Full,
    /// The database cannot be used.
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

/// What a store of databases owes whoever uses it, whatever stands behind: files here, a cluster elsewhere.
///
/// - What a method acknowledged with `Ok` stays, also if the process is killed or the machine loses power the moment after.
/// - A database does one [`Work`] after the other, each whole or not at all, and each sees all that was acknowledged before it.
/// - Statements reach nothing outside of their database, and none runs for ever or answers without end.
/// - A database is there from its first work on; nobody has to make it. Ids are free text.
///
/// Methods wait for their turn and for the disk or network without keeping a thread of their caller's.
#[async_trait]
pub trait SqlStore: Debug + Send + Sync {
    /// Does work on a database, in turn with others. All the tenant's databases have at most `most` bytes then, or no more than before.
    ///
    /// # Errors
    /// [`SqlError`]; then nothing was written.
    async fn run(&self, id: DatabaseId, work: Work, most: Option<u64>) -> Result<Vec<Answer>, SqlError>;

    /// Runs a file of statements, all or none, with the same bound; what they give is counted alone.
    ///
    /// # Errors
    /// [`SqlError`]; then nothing was written.
    async fn import(&self, id: DatabaseId, sql: String, most: Option<u64>) -> Result<Imported, SqlError>;

    /// Writes a database down as statements that make it again, as it is at one moment.
    ///
    /// # Errors
    /// [`SqlError::ExportTooLarge`], and what else can be.
    async fn export(&self, id: DatabaseId, what: Export) -> Result<String, SqlError>;

    /// A tenant's databases and the bytes of each, sorted by name.
    ///
    /// # Errors
    /// [`SqlError::Unavailable`].
    async fn list(&self, tenant: &str) -> Result<Vec<(Named, u64)>, SqlError>;

    /// One of them.
    ///
    /// # Errors
    /// [`SqlError::NotFound`].
    async fn find(&self, id: &DatabaseId) -> Result<(Named, u64), SqlError>;

    /// Makes a database of this name, with an id that nobody can guess.
    ///
    /// # Errors
    /// [`SqlError::NameTaken`], [`SqlError::TooMany`].
    async fn make(&self, tenant: &str, name: String) -> Result<Named, SqlError>;

    /// Removes a database with all that it holds, when whoever works on it is done.
    ///
    /// # Errors
    /// [`SqlError::NotFound`].
    async fn delete(&self, id: DatabaseId) -> Result<(), SqlError>;

    /// Bytes of a tenant's databases.
    ///
    /// # Errors
    /// [`SqlError::Unavailable`].
    async fn used(&self, tenant: &str) -> Result<u64, SqlError>;

    /// Somebody else wrote what is stored (a backup was put back): what is remembered of it does not hold any more.
    fn reload(&self);
}
