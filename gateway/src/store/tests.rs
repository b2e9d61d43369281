//! The store on a real disk.

use super::*;

fn row(name: &str, version: &str, at: u64) -> HandlerRow {
    HandlerRow {
        tenant: DEFAULT_TENANT.into(),
        name: name.into(),
        version: version.into(),
        limits: "{}".into(),
        crons: "[]".into(),
        routes: "[]".into(),
        has_site: false,
        modules: "[]".into(),
        size: 3,
        created_at_ms: at,
        updated_at_ms: at,
    }
}

#[test]
fn what_was_put_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b");
    let mut store = Store::open(&path).unwrap();
    assert!(store.put(&row("b", "v1", 1), b"one", None, None, 10).unwrap());
    assert!(store.put(&row("a", "v1", 2), b"one", None, None, 10).unwrap());
    assert!(!store.put(&row("b", "v2", 3), b"two", None, None, 10).unwrap());
    // Killed, not closed: the log stays as it is.
    std::mem::forget(store);
    let mut store = Store::open(&path).unwrap();
    let b = HandlerRow { created_at_ms: 1, ..row("b", "v2", 3) };
    assert_eq!(store.handlers().unwrap(), [row("a", "v1", 2), b]);
    assert_eq!(store.bundle("v2").unwrap().as_deref(), Some(&b"two"[..]));
    assert!(store.delete(DEFAULT_TENANT, "b", 4).unwrap());
    assert!(!store.delete(DEFAULT_TENANT, "b", 5).unwrap());
    drop(store);
    assert_eq!(Store::open(&path).unwrap().handlers().unwrap(), [row("a", "v1", 2)]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn settings_are_as_promised() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let text: String = store.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(text, "wal");
    for (pragma, value) in [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 5000),
        ("user_version", i64::from(schema::known())),
    ] {
        let found: i64 = store.connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        assert_eq!(found, value, "{pragma}");
    }
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(directory.path()).unwrap());
    let file = directory.path().join(FILE_NAME);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("made by a newer tabmesh"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_store_or_no_directory_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE_NAME), vec![b'x'; 8192]).unwrap();
    assert!(matches!(Store::open(directory.path()), Err(StoreError::Database(_))));
    let file = directory.path().join(FILE_NAME);
    assert!(matches!(Store::open(&file), Err(StoreError::Directory { .. })));
}

#[test]
fn unknown_tenants_and_too_many_handlers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let stranger = HandlerRow { tenant: "stranger".into(), ..row("a", "v1", 1) };
    assert!(matches!(store.put(&stranger, b"", None, None, 10), Err(StoreError::Database(_))));
    assert_eq!(store.bundle("v1").unwrap(), None);
    assert!(store.put(&row("a", "v1", 1), b"", None, None, 1).unwrap());
    assert!(!store.put(&row("a", "v2", 1), b"", None, None, 1).unwrap());
    assert!(matches!(store.put(&row("b", "v1", 1), b"", None, None, 1), Err(StoreError::Full { limit: 1 })));
}

#[test]
fn tenants_are_kept_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), [DEFAULT_TENANT]);
    assert!(store.put_tenant("acme", 2).unwrap());
    assert!(!store.put_tenant("acme", 2).unwrap());
    assert!(matches!(store.put_tenant("other", 2), Err(StoreError::TooManyTenants { limit: 2 })));
    let theirs = HandlerRow { tenant: "acme".into(), ..row("a", "v1", 1) };
    assert!(store.put(&theirs, b"one", None, None, 10).unwrap());
    assert!(store.put(&row("a", "v1", 1), b"one", None, None, 10).unwrap(), "names are each tenant's own");
    std::mem::forget(store);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), ["acme", DEFAULT_TENANT]);
    assert_eq!(store.handlers().unwrap(), [theirs, row("a", "v1", 1)]);
}

#[test]
fn unused_bundles_go_after_their_grace() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    store.put(&row("a", "v1", 1000), b"one", None, None, 10).unwrap();
    store.put(&row("b", "v1", 1000), b"one", None, None, 10).unwrap();
    store.put(&row("a", "v2", 2000), b"two", None, None, 10).unwrap();
    let later = 2000 + 10 * BUNDLE_GRACE_MS;
    store.put(&row("c", "v3", later), b"three", None, None, 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_some(), "b still has it");
    store.delete(DEFAULT_TENANT, "b", later).unwrap();
    store.put(&row("c", "v4", later + BUNDLE_GRACE_MS), b"four", None, None, 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_some(), "still in its grace");
    // Used again in time: it stays.
    store.put(&row("d", "v3", later + BUNDLE_GRACE_MS), b"three", None, None, 10).unwrap();
    store.put(&row("c", "v5", later + 9 * BUNDLE_GRACE_MS), b"five", None, None, 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_none());
    assert!(store.bundle("v3").unwrap().is_some());
}
