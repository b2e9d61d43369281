//! One moment of many databases, under whoever writes to them: all their write locks are taken, a snapshot of each begins, and the locks are
//! given back. Whoever writes meanwhile waits for some milliseconds, as for any other writer, and need not know.
//!
//! So a backup never has a write without another that was acknowledged before it began, in whichever database that is.

use super::databases::find;
use super::{BackupError, failed};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::process::{Resource, getrlimit};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a moment is tried for: handlers' statements hold a database for 10 s at most.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);

/// How long all writers are kept waiting at a time.
const HOLD: Duration = Duration::from_millis(500);

/// In between, they go on.
const PAUSE: Duration = Duration::from_millis(200);

/// Databases that are caught together, at most: each is open twice until it is copied.
const MOST: usize = 1000;

/// Files that one of them keeps open.
const FILES: usize = 6;

/// Open snapshots, by path inside the data directory. What they see does not change any more.
pub(super) type Snapshots = BTreeMap<String, Connection>;

/// A snapshot of each database in `data`, all as of one moment; `None` if there are too many, or none came within `patience`.
pub(super) fn catch(data: &Path, patience: Duration) -> Result<Option<Snapshots>, BackupError> {
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    let most = files.map_or(MOST, |files| MOST.min(files.saturating_sub(64) / FILES));
    let until = Instant::now() + patience;
    loop {
        let names = find(data)?;
        if names.len() > most {
            return Ok(None);
        }
        if let Some(caught) = attempt(data, &names)? {
            return Ok(Some(caught));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
}

fn attempt(data: &Path, names: &[String]) -> Result<Option<Snapshots>, BackupError> {
    let mut gates = vec![];
    let mut snapshots = Snapshots::new();
    // Opened before anybody has to wait.
    for name in names {
        gates.push((name, open(data, name)?));
        snapshots.insert(name.clone(), open(data, name)?);
    }
    let until = Instant::now() + HOLD;
    for (name, gate) in &gates {
        match gate.execute_batch("BEGIN IMMEDIATE") {
            Ok(()) if Instant::now() < until => {}
            Ok(()) => return Ok(None),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => return Ok(None),
            Err(error) => return Err(failed(name)(error)),
        }
    }
    // One that came meanwhile may have been written to before the others were caught.
    if find(data)? != names {
        return Ok(None);
    }
    for (name, snapshot) in &snapshots {
        snapshot.execute_batch("BEGIN").and_then(|()| look(snapshot)).map_err(failed(name))?;
    }
    // The gates roll back as they close: nothing was written.
    drop(gates);
    Ok(Some(snapshots))
}

fn open(data: &Path, name: &str) -> Result<Connection, BackupError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(data.join(name), flags)?;
        // Often, so that a gap between two busy writers is not missed; SQLite's own way waits longer each time.
        connection.busy_handler(Some(|tries| {
            std::thread::sleep(Duration::from_micros(200));
            tries < 2000
        }))?;
        look(&connection)?;
        Ok(connection)
    };
    open().map_err(failed(name))
}

/// Reads, so that the file is open, or the snapshot begun.
fn look(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map(|_| ())
}
