//! Puts a backup back. Everything is checked before the first byte is written; then each database changes at once, also under a
//! gateway that has it open.

use super::archive::unpack;
use super::databases::{check, copy, find};
use super::{BackupError, at};
use crate::config::StoreConfig;
use crate::kv::{self, SqliteKv};
use crate::store::{DataLock, FILE_NAME, KEY_FILE, LockError, SqliteStore, make_directory};
use std::path::Path;

/// What was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Databases.
    pub databases: usize,
    /// Databases that the backup does not have, which are empty now.
    pub emptied: usize,
    /// The gateway that runs on the data directory and must read it anew: its process id.
    pub gateway: Option<i32>,
}

/// Puts the backup in `file` into the data directory `data`, in place of what is there.
///
/// # Errors
/// [`BackupError`]. Nothing was changed, but for [`BackupError::Database`] while databases are written: then some are as they were and some
/// as in the backup, and doing it again does all of them.
pub fn restore(data: &Path, file: &Path, config: &StoreConfig) -> Result<Restored, BackupError> {
    make_directory(data)?;
    // Held to the end where there is no gateway: none starts on half of it.
    let (lock, gateway) = match DataLock::take(data) {
        Ok(lock) => (Some(lock), None),
        Err(LockError::Taken { holder, .. }) => (None, holder),
        Err(error) => return Err(error.into()),
    };
    let folder = tempfile::tempdir_in(data).map_err(at(data))?;
    let names = unpack(file, folder.path())?;
    for name in &names {
        check(name, &folder.path().join(name))?;
    }
    if !names.iter().any(|name| name == FILE_NAME) {
        let what = format!("it has no {FILE_NAME}");
        return Err(BackupError::NotABackup { path: file.to_owned(), what });
    }
    // The key that came along, unless this directory has one, or another place is named.
    let (ours, theirs) = (data.join(KEY_FILE), folder.path().join(KEY_FILE));
    let is_new = config.secret_key_file.is_none() && theirs.is_file() && !ours.is_file();
    let key = if is_new { config.key(folder.path())? } else { config.key(data)? };
    // They must open here, and are brought to this version's formats.
    drop(SqliteStore::open(folder.path(), key)?);
    if names.iter().any(|name| name == kv::FILE_NAME) {
        drop(SqliteKv::open(folder.path())?);
    }
    if is_new {
        std::fs::copy(&theirs, &ours).map_err(at(&ours))?;
    }

    let known = find(data)?;
    let own = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    for name in &names {
        let to = data.join(name);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(at(parent))?;
        }
        copy(name, &folder.path().join(name), &to)?;
    }
    let empty = folder.path().join("empty.db");
    let mut emptied = 0;
    let extra = known.iter().filter(|name| !names.contains(name) && !name.starts_with(own));
    for name in extra {
        copy(name, &empty_database(&empty)?, &data.join(name))?;
        emptied += 1;
    }
    drop(lock);
    Ok(Restored { databases: names.len(), emptied, gateway })
}

/// A database without anything in it.
fn empty_database(path: &Path) -> Result<std::path::PathBuf, BackupError> {
    let failed = |source| BackupError::Database { name: "(empty)".to_owned(), source };
    let connection = rusqlite::Connection::open(path).map_err(failed)?;
    // A file of no bytes would not do: its pages have a size only then.
    connection.execute_batch("VACUUM").map_err(failed)?;
    Ok(path.to_owned())
}
