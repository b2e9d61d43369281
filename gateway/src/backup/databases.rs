//! The databases of a data directory, one by one: found, copied, checked.

use super::{BackupError, at, failed};
use crate::kv::{self, SqliteKv};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::path::{Component, Path};
use std::time::Duration;

/// How deep databases lie: `sql/<tenant>/<name>.db`.
const DEPTH: usize = 3;

/// How long a database that somebody writes to is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Paths of a directory's databases within it, sorted.
pub(super) fn find(directory: &Path) -> Result<Vec<String>, BackupError> {
    let mut found = vec![];
    look(directory, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn look(directory: &Path, inside: &str, found: &mut Vec<String>) -> Result<(), BackupError> {
    let folder = directory.join(inside);
    for entry in std::fs::read_dir(&folder).map_err(at(&folder))? {
        let entry = entry.map_err(at(&folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        // Not through links: what they lead to is not of the directory.
        let kind = entry.file_type().map_err(at(&folder))?;
        if kind.is_dir() && path.matches('/').count() + 1 < DEPTH {
            look(directory, &path, found)?;
        } else if kind.is_file() && is_database(&path) {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a path within a backup may be that of a database: nothing else is ever written.
pub(super) fn is_database(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(name) if !name.is_empty());
    path.ends_with(".db")
        && path.split('/').count() <= DEPTH
        && Path::new(path).components().all(plain)
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte))
}

/// Copies a database, page by page, over another, which may be in use like itself. What readers see changes at once.
pub(super) fn copy(name: &str, from: &Path, to: &Path) -> Result<(), BackupError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(from, flags)?;
        source.busy_timeout(BUSY_TIMEOUT)?;
        Ok(source)
    };
    copy_open(name, &open().map_err(failed(name))?, to)
}

/// The same of one that is open: what it sees.
pub(super) fn copy_open(name: &str, source: &Connection, to: &Path) -> Result<(), BackupError> {
    let copy = || -> rusqlite::Result<()> {
        let mut target = Connection::open(to)?;
        target.busy_timeout(BUSY_TIMEOUT)?;
        let backup = Backup::new(source, &mut target)?;
        // All pages in one step: one moment of the source.
        loop {
            match backup.step(-1)? {
                StepResult::Done => return Ok(()),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    };
    copy().map_err(failed(name))
}

/// Asks SQLite whether a database that nobody writes to is whole, and compares entries with their checksums.
pub(super) fn check(name: &str, path: &Path) -> Result<(), BackupError> {
    let connection = Connection::open(path).map_err(failed(name))?;
    let said: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed(name))?;
    if said != "ok" {
        return Err(BackupError::Damaged { name: name.to_owned(), what: said });
    }
    if name == kv::FILE_NAME {
        SqliteKv::check(path)?;
    }
    Ok(())
}
