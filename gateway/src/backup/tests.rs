//! Backups of real databases.

use super::*;
use crate::config::StoreConfig;
use crate::kv::{Entry, Kv, Namespace};
use crate::store::{DataLock, Handlers as _, KEY_FILE, SecretKey, Secrets as _, SqliteStore};
use rusqlite::Connection;
use std::path::Path;

fn entry(value: &str) -> Entry {
    Entry { value: value.into(), metadata: None, expires: None }
}

fn namespace() -> Namespace {
    Namespace { tenant: "default".into(), id: "n".into() }
}

fn put(kv: &Kv, value: &str) {
    kv.put_all(&namespace(), &[("k".into(), entry(value))], 0).unwrap();
}

/// A data directory with a store, a KV store and a handler's database.
fn fill(data: &Path) -> Kv {
    let key = SecretKey::load(&data.join(KEY_FILE), true).unwrap();
    let mut store = SqliteStore::open(data, key).unwrap();
    store.put_tenant("acme", 10).unwrap();
    let kv = Kv::open(data).unwrap();
    put(&kv, "before");
    std::fs::create_dir_all(data.join("sql/default")).unwrap();
    let sql = Connection::open(data.join("sql/default/a.db")).unwrap();
    sql.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES ('before')")
        .unwrap();
    kv
}

fn text(data: &Path) -> Option<String> {
    let sql = Connection::open(data.join("sql/default/a.db")).unwrap();
    sql.query_row("SELECT group_concat(x) FROM t", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_backup_is_put_back_under_whoever_has_the_databases_open() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup.tar"));
    std::fs::create_dir(&data).unwrap();
    let kv = fill(&data);
    // What is being written while it is made is in it or not, never half.
    let writer = Connection::open(data.join("sql/default/a.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES ('open')").unwrap();
    assert_eq!(create(&data, &file, false).unwrap(), 3);
    writer.execute_batch("COMMIT").unwrap();

    let lock = DataLock::take(&data).unwrap();
    put(&kv, "after");
    let extra = Connection::open(data.join("sql/default/b.db")).unwrap();
    extra.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    let restored = restore(&data, &file, &StoreConfig::default()).unwrap();
    let me = i32::try_from(std::process::id()).unwrap();
    assert_eq!(restored, Restored { databases: 3, emptied: 1, gateway: Some(me) });
    assert_eq!(kv.get(&namespace(), "k", 0).unwrap(), Some(entry("before")));
    assert_eq!(text(&data).as_deref(), Some("before"));
    let tables: i64 = extra.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0, "it came after the backup");
    // They go on working.
    put(&kv, "later");
    writer.execute_batch("INSERT INTO t VALUES ('later')").unwrap();
    assert_eq!(text(&data).as_deref(), Some("before,later"));
    drop(lock);
    assert_eq!(restore(&data, &file, &StoreConfig::default()).unwrap().gateway, None);
    assert!(std::fs::read_dir(&data).unwrap().all(|file| file.unwrap().file_name() != "backup.tar"));
}

#[test]
fn a_new_machine_needs_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup.tar"));
    std::fs::create_dir(&data).unwrap();
    drop(fill(&data));
    let connection = Connection::open(data.join(crate::store::FILE_NAME)).unwrap();
    connection
        .execute_batch(
            "INSERT INTO bundles (hash, bytes) VALUES ('v', x'');
             INSERT INTO handlers (tenant, name, version, created_at, updated_at) VALUES ('default', 'a', 'v', 0, 0);",
        )
        .unwrap();
    let key = SecretKey::load(&data.join(KEY_FILE), false).unwrap();
    let secret = crate::store::SecretRow {
        tenant: "default".into(),
        handler: "a".into(),
        name: "S".into(),
        value: "plaintext".into(),
    };
    SqliteStore::open(&data, key).unwrap().put_secret(&secret).unwrap();
    create(&data, &file, false).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(9).any(|window| window == b"plaintext"));
    let elsewhere = folder.path().join("elsewhere");
    let error = restore(&elsewhere, &file, &StoreConfig::default()).unwrap_err();
    assert!(error.to_string().contains("sealed with another key"), "{error}");
    let named = StoreConfig { secret_key_file: Some(data.join(KEY_FILE)) };
    restore(&elsewhere, &file, &named).unwrap();

    create(&data, &file, true).unwrap();
    let third = folder.path().join("third");
    restore(&third, &file, &StoreConfig::default()).unwrap();
    let key = SecretKey::load(&third.join(KEY_FILE), false).unwrap();
    assert_eq!(SqliteStore::open(&third, key).unwrap().secrets().unwrap(), [secret]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&file).unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_no_backup_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup.tar"));
    assert!(matches!(create(&data, &file, false), Err(BackupError::NoStore(_))));
    std::fs::create_dir(&data).unwrap();
    let kv = fill(&data);
    create(&data, &file, false).unwrap();
    put(&kv, "after");
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[600] ^= 1;
    let mut evil = tar::Builder::new(vec![]);
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.as_gnu_mut().unwrap().name[..8].copy_from_slice(b"../e.txt");
    header.set_cksum();
    evil.append(&header, &[][..]).unwrap();
    for bytes in [
        whole[..whole.len() / 2].to_vec(),
        changed,
        b"no backup".to_vec(),
        vec![],
        evil.into_inner().unwrap(),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        let error = restore(&data, &file, &StoreConfig::default()).unwrap_err();
        assert!(matches!(error, BackupError::NotABackup { .. }), "{error}");
    }
    assert_eq!(kv.get(&namespace(), "k", 0).unwrap(), Some(entry("after")));
    assert!(!folder.path().join("e.txt").exists());
}
