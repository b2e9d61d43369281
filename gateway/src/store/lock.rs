//! One gateway a data directory: what it has in memory would be wrong beside another's. The system lets go of the lock when the
//! process ends, however that happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file in the data directory. It holds the process id of whoever has the lock.
const FILE: &str = "lock";

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A gateway runs on this directory.
    #[error("a gateway (process {}) uses the data directory {} already", holder.map_or("?".to_owned(), |id| id.to_string()), directory.display())]
    Taken {
        /// The directory.
        directory: PathBuf,
        /// Its process id.
        holder: Option<i32>,
    },
    /// The file cannot be used.
    #[error("cannot lock the data directory {}: {source}", directory.display())]
    File {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Held while it lives.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "dropping it lets go")] File);

impl DataLock {
    /// Takes the lock of a directory that exists.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::File { directory: directory.to_owned(), source };
        let path = directory.join(FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Its id is a help, no more.
                let _ = file.read_to_string(&mut text);
                return Err(LockError::Taken {
                    directory: directory.to_owned(),
                    holder: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_gateway() {
        let directory = tempfile::tempdir().unwrap();
        let lock = DataLock::take(directory.path()).unwrap();
        let error = DataLock::take(directory.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
        drop(lock);
        assert!(DataLock::take(directory.path()).is_ok());
        assert!(matches!(DataLock::take(&directory.path().join("none")), Err(LockError::File { .. })));
    }
}
