//! How many bytes each tenant's databases have: counted from the files when a tenant is first asked about, kept up by whoever writes.
//! Blocking.

use super::super::SqlError;
use super::database::PAGE;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whoever would grow may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Bytes of files, by tenant. A tenant's files are in a folder of its name.
#[derive(Debug)]
pub(super) struct Ledger {
    directory: PathBuf,
    tenants: Mutex<HashMap<String, HashMap<PathBuf, u64>>>,
}

impl Ledger {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, tenants: Mutex::default() }
    }

    /// Bytes of all the tenant's databases.
    pub(super) fn total(&self, tenant: &str) -> u64 {
        self.with(tenant, |files| files.values().sum())
    }

    /// Bytes of one.
    pub(super) fn size(&self, tenant: &str, file: &Path) -> u64 {
        self.with(tenant, |files| files.get(file).copied().unwrap_or(0))
    }

    /// Bytes that a database may have where all of the tenant's may have `most`.
    pub(super) fn room(&self, tenant: &str, file: &Path, most: u64) -> u64 {
        self.with(tenant, |files| {
            let others: u64 = files.iter().filter(|(name, _)| *name != file).map(|(_, bytes)| bytes).sum();
            most.saturating_sub(others)
        })
    }

    /// Notes that a database has, or will have, so many bytes, unless it grows and all would have more than `most`.
    pub(super) fn settle(
        &self,
        tenant: &str,
        file: &Path,
        bytes: u64,
        most: Option<u64>,
    ) -> Result<(), Full> {
        self.with(tenant, |files| {
            let before = files.get(file).copied().unwrap_or(0);
            let all: u64 = files.values().sum();
            if bytes > before && most.is_some_and(|most| all - before + bytes > most) {
                return Err(Full);
            }
            if bytes != before {
                files.insert(file.to_owned(), bytes);
            }
            Ok(())
        })
    }

    /// A database is gone.
    pub(super) fn remove(&self, tenant: &str, file: &Path) {
        self.with(tenant, |files| {
            files.remove(file);
        });
    }

    /// All are counted anew when they are next asked about.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn with<T>(&self, tenant: &str, work: impl FnOnce(&mut HashMap<PathBuf, u64>) -> T) -> T {
        let mut tenants = self.lock();
        match tenants.get_mut(tenant) {
            Some(files) => work(files),
            None => work(tenants.entry(tenant.to_owned()).or_insert(count(&self.directory.join(tenant)))),
        }
    }

    /// A panic under it leaves a count that is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<PathBuf, u64>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One database's part in it, and what bounds its work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) tenant: &'a str,
    pub(super) file: &'a Path,
    /// Bytes that all the tenant's databases may have.
    pub(super) most: Option<u64>,
}

impl Account<'_> {
    /// Bytes that the database may have.
    pub(super) fn room(&self) -> Option<u64> {
        self.most.map(|most| self.ledger.room(self.tenant, self.file, most))
    }

    /// It is about to have so many.
    pub(super) fn settle(&self, bytes: u64) -> Result<(), SqlError> {
        self.ledger.settle(self.tenant, self.file, bytes, self.most).map_err(|Full| SqlError::Full)
    }

    /// It has so many.
    pub(super) fn note(&self, bytes: u64) {
        // Without a bound nothing is refused.
        let _ = self.ledger.settle(self.tenant, self.file, bytes, None);
    }
}

/// The databases in a folder. What cannot be read is not counted: nobody is refused anything for it.
fn count(folder: &Path) -> HashMap<PathBuf, u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return HashMap::new() };
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let databases = files.filter(|path| path.extension().is_some_and(|extension| extension == "db"));
    databases.map(|path| (measure(&path).unwrap_or(0), path)).map(|(bytes, path)| (path, bytes)).collect()
}

/// Bytes of a database, with what is still in its log. Most have none and need not be opened.
fn measure(path: &Path) -> rusqlite::Result<u64> {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    if length(&super::beside(path, "-wal")) == 0 {
        return Ok(length(path));
    }
    let pages: i64 = Connection::open(path)?.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(u64::try_from(pages).unwrap_or(0) * PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_not_in_the_file_yet_counts() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(directory.path().to_owned());
        assert_eq!(ledger.total("t"), 0);
        let folder = directory.path().join("t");
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("a.db");
        let open = Connection::open(&file).unwrap();
        open.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))",
        )
        .unwrap();
        let in_file = std::fs::metadata(&file).unwrap().len();
        assert_eq!(ledger.total("t"), 0, "nobody told it");
        ledger.clear();
        assert!(ledger.total("t") > 100_000 && in_file < 10_000);
        drop(open);
        let before = ledger.size("t", &file);
        ledger.clear();
        assert_eq!((ledger.size("t", &file), ledger.total("u")), (before, 0));
    }

    #[test]
    fn who_grows_beyond_what_all_may_have_is_refused() {
        let ledger = Ledger::new("/nowhere".into());
        let (a, b) = (Path::new("a"), Path::new("b"));
        assert_eq!(ledger.settle("t", a, 60, Some(100)), Ok(()));
        assert_eq!(ledger.settle("t", b, 41, Some(100)), Err(Full));
        assert_eq!(ledger.room("t", b, 100), 40);
        assert_eq!(ledger.settle("t", b, 40, Some(100)), Ok(()));
        assert_eq!(ledger.settle("t", b, 40, Some(10)), Ok(()), "it does not grow");
        assert_eq!(ledger.settle("t", a, 50, Some(10)), Ok(()), "it shrinks");
        assert_eq!(ledger.settle("u", a, 100, Some(100)), Ok(()), "another tenant's");
        assert_eq!(ledger.total("t"), 90);
        ledger.remove("t", a);
        assert_eq!(ledger.total("t"), 40);
    }
}
