//! Backups: every database of a data directory in one file, made and put back while a gateway runs on it.
//!
//! All databases are as of one moment ([`moment`]), unless there are too many of them or one is never free: then each is as of a moment of its
//! own, and the backup says so. Nothing here knows what the databases hold, but for the stores' formats and checksums. Blocking.

mod archive;
mod databases;
mod moment;
mod restore;

pub use archive::{Created, create};
pub use restore::{Restored, restore};

use std::path::PathBuf;

/// Why there is no backup, or nothing was put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file or a folder cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is nothing to back up.
    #[error("{} is no data directory: it has no {}", .0.display(), crate::store::FILE_NAME)]
    NoStore(PathBuf),
    /// A database cannot be read or written.
    #[error("the database {name}: {source}")]
    Database {
        /// Its path inside the data directory.
        name: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// SQLite finds a database damaged.
    #[error("the database {name} is damaged: {what}")]
    Damaged {
        /// Its path inside the data directory.
        name: String,
        /// What SQLite found first.
        what: String,
    },
    /// The file is no backup, or not as it was written.
    #[error("{} cannot be put back: {what}", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The store in it does not open here.
    #[error("the backup's store does not open: {0}")]
    Store(#[from] crate::store::StoreError),
    /// An entry of the KV store is damaged, or the store does not open here.
    #[error(transparent)]
    Kv(#[from] crate::kv::KvFault),
    /// The key is missing or malformed.
    #[error(transparent)]
    Key(#[from] crate::store::KeyError),
    /// The lock cannot be looked at.
    #[error(transparent)]
    Lock(#[from] crate::store::LockError),
}

fn at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> BackupError {
    move |source| BackupError::File { path: path.to_owned(), source }
}

fn failed(name: &str) -> impl FnOnce(rusqlite::Error) -> BackupError {
    move |source| BackupError::Database { name: name.to_owned(), source }
}

#[cfg(test)]
mod tests;
