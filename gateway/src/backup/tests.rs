//! Backups of real databases.

use super::archive::create_within;
use super::moment::{PATIENCE, catch};
use super::*;
use crate::config::StoreConfig;
use crate::kv::{Entry, KvStore as _, Namespace, Sought, SqliteKv};
use crate::store::{DataLock, Handlers as _, KEY_FILE, SecretKey, Secrets as _, SqliteStore};
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn entry(value: &str) -> Entry {
    Entry { value: value.into(), metadata: None, expires: None }
}

fn namespace() -> Namespace {
    Namespace { tenant: "default".into(), id: "n".into() }
}

fn put(kv: &SqliteKv, value: &str) {
    kv.put_all(&namespace(), &[("k".into(), entry(value))], None, 0).unwrap();
}

/// A data directory with a store, a KV store and a handler's database.
fn fill(data: &Path) -> SqliteKv {
    let key = SecretKey::load(&data.join(KEY_FILE), true).unwrap();
    let mut store = SqliteStore::open(data, key).unwrap();
    store.put_tenant("acme", 10).unwrap();
    let kv = SqliteKv::open(data).unwrap();
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
    let created = create_within(&data, &file, false, Duration::ZERO).unwrap();
    assert_eq!(created, Created { databases: 3, one_moment: false });
    writer.execute_batch("COMMIT").unwrap();

    let lock = DataLock::take(&data).unwrap();
    put(&kv, "after");
    let extra = Connection::open(data.join("sql/default/b.db")).unwrap();
    extra.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    let restored = restore(&data, &file, &StoreConfig::default()).unwrap();
    let me = i32::try_from(std::process::id()).unwrap();
    assert_eq!(restored, Restored { databases: 3, emptied: 1, gateway: Some(me) });
    assert_eq!(kv.get(&namespace(), "k", 99, 0).unwrap(), Sought::Found(entry("before")));
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
    assert_eq!(kv.get(&namespace(), "k", 99, 0).unwrap(), Sought::Found(entry("after")));
    assert!(!folder.path().join("e.txt").exists());
}

#[test]
fn a_moment_never_has_the_later_without_the_earlier() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path();
    let kv = fill(data);
    let sql = || {
        let connection = Connection::open(data.join("sql/default/a.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    };
    sql().execute_batch("CREATE TABLE n (n)").unwrap();
    // Many in between, so that there is time for a write.
    std::fs::create_dir_all(data.join("sql/between")).unwrap();
    for number in 0..100 {
        let between = Connection::open(data.join(format!("sql/between/{number}.db"))).unwrap();
        between.execute_batch("PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL; CREATE TABLE t (x)").unwrap();
    }
    let is_done = AtomicBool::new(false);
    let mut caught = vec![];
    std::thread::scope(|scope| {
        // Each number goes into one store, and only then into the next.
        scope.spawn(|| {
            let last = sql();
            for number in 1_i64.. {
                put(&kv, &number.to_string());
                last.execute("INSERT INTO n VALUES (?1)", [number]).unwrap();
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..20 {
            caught.push(catch(data, PATIENCE));
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let seen = caught.into_iter().map(|caught| {
        let caught = caught.unwrap().unwrap();
        let number =
            |name: &str, sql: &str| -> i64 { caught[name].query_row(sql, [], |row| row.get(0)).unwrap() };
        let first = number("kv.db", "SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM entries");
        (first, number("sql/default/a.db", "SELECT coalesce(max(n), 0) FROM n"))
    });
    let seen: Vec<_> = seen.collect();
    assert!(seen.iter().all(|(first, last)| (*last..=last + 1).contains(first)), "{seen:?}");
    assert!(seen[0] < seen[19], "nothing was written meanwhile");
}

#[test]
fn a_damaged_entry_is_no_backup_and_an_older_store_becomes_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("backup.tar"));
    std::fs::create_dir(&data).unwrap();
    let kv = fill(&data);
    let raw = Connection::open(data.join(crate::kv::FILE_NAME)).unwrap();
    raw.execute("UPDATE entries SET value = x'00'", []).unwrap();
    let error = create(&data, &file, false).unwrap_err();
    assert!(matches!(error, BackupError::Kv(crate::kv::KvFault::Damaged { .. })), "{error}");
    assert!(!file.exists());
    put(&kv, "again");
    assert!(create(&data, &file, false).unwrap().one_moment);

    let old = folder.path().join("old");
    std::fs::create_dir(&old).unwrap();
    drop(fill(&old));
    std::fs::remove_file(old.join(crate::kv::FILE_NAME)).unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/format-3/kv.db");
    std::fs::copy(fixture, old.join(crate::kv::FILE_NAME)).unwrap();
    create(&old, &file, false).unwrap();
    restore(&data, &file, &StoreConfig { secret_key_file: Some(old.join(KEY_FILE)) }).unwrap();
    // Under a store that was open, which goes on.
    assert!(kv.used("default").unwrap() > 0);
    put(&kv, "later");
    SqliteKv::check(&data.join(crate::kv::FILE_NAME)).unwrap();
}
