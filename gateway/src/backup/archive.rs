//! The file of a backup: a tar with the databases and, last, a manifest with their hashes.

use super::databases::{check, copy, copy_open, find, is_database};
use super::moment::{PATIENCE, catch};
use super::{BackupError, at};
use crate::store::{FILE_NAME, KEY_FILE};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tar::{Archive, Builder, EntryType, Header};

/// The manifest's name in the file.
const MANIFEST: &str = "manifest.json";

/// Format of the file.
const FORMAT: u32 = 1;

/// Databases in one file, at most: as many as a gateway can have, twice.
const MAX_FILES: usize = 4_000_000;

/// Largest manifest, in bytes.
const MAX_MANIFEST: u64 = 1 << 30;

/// What a backup says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// Version of Tabmesh.
    made_by: String,
    /// RFC 3339.
    made_at: String,
    /// Path to SHA-256 in hex.
    files: BTreeMap<String, String>,
}

/// What a backup has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Created {
    /// Databases.
    pub databases: usize,
    /// Whether all of them are as of one moment.
    pub one_moment: bool,
}

/// Writes a backup of the data directory `data` to `file`, for its owner alone, and with the secrets' key if that is asked for and
/// lies there.
///
/// # Errors
/// [`BackupError`]; then there is no file.
pub fn create(data: &Path, file: &Path, with_key: bool) -> Result<Created, BackupError> {
    create_within(data, file, with_key, PATIENCE)
}

/// The same, where a moment of all databases is tried for so long.
pub(super) fn create_within(
    data: &Path,
    file: &Path,
    with_key: bool,
    patience: Duration,
) -> Result<Created, BackupError> {
    if !data.join(FILE_NAME).is_file() {
        return Err(BackupError::NoStore(data.to_owned()));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the file: a rename puts it in place, whole or not at all. Only its owner can read it.
    let target = tempfile::NamedTempFile::new_in(folder).map_err(at(folder))?;
    let copies = tempfile::tempdir_in(folder).map_err(at(folder))?;
    let mut files = BTreeMap::new();
    let mut archive = Builder::new(BufWriter::new(target.as_file()));
    let snapshots = catch(data, patience)?;
    let one_moment = snapshots.is_some();
    let mut snapshots = snapshots.unwrap_or_default();
    let names = if one_moment { snapshots.keys().cloned().collect() } else { find(data)? };
    for name in &names {
        let copied = copies.path().join("copy.db");
        match snapshots.remove(name) {
            Some(snapshot) => copy_open(name, &snapshot, &copied)?,
            None => copy(name, &data.join(name), &copied)?,
        }
        check(name, &copied)?;
        files.insert(name.clone(), add(&mut archive, name, &copied)?);
        std::fs::remove_file(&copied).map_err(at(&copied))?;
    }
    let key = data.join(KEY_FILE);
    if with_key && key.is_file() {
        files.insert(KEY_FILE.to_owned(), add(&mut archive, KEY_FILE, &key)?);
    }
    let manifest = Manifest {
        format: FORMAT,
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        files,
    };
    let json = serde_json::to_vec_pretty(&manifest).expect("names and hashes always become JSON");
    let mut head = header(json.len() as u64);
    archive.append_data(&mut head, MANIFEST, &json[..]).map_err(at(file))?;
    let mut out = archive.into_inner().map_err(at(file))?;
    out.flush().map_err(at(file))?;
    drop(out);
    target.as_file().sync_all().map_err(at(file))?;
    target.persist(file).map_err(|error| at(file)(error.error))?;
    Ok(Created { databases: names.len(), one_moment })
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    header
}

/// Adds a file under a name; its hash.
fn add(archive: &mut Builder<impl std::io::Write>, name: &str, path: &Path) -> Result<String, BackupError> {
    let file = File::open(path).map_err(at(path))?;
    let size = file.metadata().map_err(at(path))?.len();
    let mut hashed = Hashed { inner: BufReader::new(file), digest: Sha256::new() };
    archive.append_data(&mut header(size), name, &mut hashed).map_err(at(path))?;
    Ok(hex::encode(hashed.digest.finalize()))
}

/// What is read through it is hashed.
struct Hashed<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

/// Unpacks a backup into an empty folder: every file that it names, as it was written, and nothing else. The databases' paths.
pub(super) fn unpack(file: &Path, folder: &Path) -> Result<Vec<String>, BackupError> {
    let wrong = |what: String| BackupError::NotABackup { path: file.to_owned(), what };
    let broken = |error: std::io::Error| wrong(format!("it cannot be read as a backup ({error})"));
    let mut archive = Archive::new(BufReader::new(File::open(file).map_err(at(file))?));
    let mut hashes = BTreeMap::new();
    let mut manifest: Option<Manifest> = None;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        if name == MANIFEST {
            let mut json = String::new();
            (&mut entry).take(MAX_MANIFEST).read_to_string(&mut json).map_err(broken)?;
            let read =
                serde_json::from_str(&json).map_err(|error| wrong(format!("its manifest: {error}")))?;
            manifest = Some(read);
            continue;
        }
        if !(is_database(&name) || name == KEY_FILE) || hashes.len() >= MAX_FILES {
            return Err(wrong(format!("it has `{}`, which is no database", name.escape_debug())));
        }
        let path = folder.join(&name);
        hashes.insert(name, write(&mut entry, &path)?);
    }
    let manifest = manifest.ok_or_else(|| wrong("it has no manifest: it is cut off, or no backup".into()))?;
    if manifest.format != FORMAT {
        return Err(wrong(format!(
            "its format is {}, made by tabmesh {}",
            manifest.format, manifest.made_by
        )));
    }
    if let Some(name) =
        manifest.files.keys().chain(hashes.keys()).find(|name| manifest.files.get(*name) != hashes.get(*name))
    {
        return Err(wrong(format!("{name} is not what was written")));
    }
    Ok(hashes.into_keys().filter(|name| is_database(name)).collect())
}

fn write(entry: &mut impl Read, path: &PathBuf) -> Result<String, BackupError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let mut hashed = Hashed { inner: entry, digest: Sha256::new() };
    let mut file = File::create_new(path).map_err(at(path))?;
    std::io::copy(&mut hashed, &mut file).map_err(at(path))?;
    Ok(hex::encode(hashed.digest.finalize()))
}
