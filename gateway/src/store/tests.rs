//! The store on a real disk.

use super::*;

fn open(directory: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(directory, key(7))
}

fn key(byte: u8) -> SecretKey {
    SecretKey::parse(&hex::encode([byte; 32])).unwrap()
}

fn row(name: &str, version: &str, at: u64) -> HandlerRow {
    HandlerRow {
        tenant: DEFAULT_TENANT.into(),
        name: name.into(),
        version: version.into(),
        crons: "[]".into(),
        routes: "[]".into(),
        previews: true,
        created_at_ms: at,
        updated_at_ms: at,
    }
}

fn version(hash: &str, at: u64) -> VersionRow {
    VersionRow {
        hash: hash.into(),
        number: 0,
        limits: "{}".into(),
        modules: "[]".into(),
        size: 3,
        has_site: false,
        created_at_ms: at,
        notes: "{}".into(),
    }
}

fn deployment(shares: &[(&str, u16)], at: u64) -> DeploymentRow {
    let shares: Vec<_> = shares
        .iter()
        .map(|(version, points)| format!(r#"{{"version":"{version}","points":{points}}}"#))
        .collect();
    let shares = format!("[{}]", shares.join(","));
    DeploymentRow { number: 0, shares, created_at_ms: at, notes: "{}".into() }
}

/// Makes a version and deploys it.
fn put(store: &mut SqliteStore, handler: &HandlerRow, bundle: &[u8], max: usize) -> Result<bool, StoreError> {
    let version = version(&handler.version, handler.updated_at_ms);
    let upload = Upload { handler, version: &version, bundle, maps: None, site: None };
    let deployment = deployment(&[(&handler.version, 10_000)], handler.updated_at_ms);
    store.put(upload, Some(&deployment), max).map(|stored| stored.created)
}

/// Makes a version alone.
fn upload(store: &mut SqliteStore, name: &str, hash: &str, at: u64) -> Stored {
    let handler = row(name, hash, at);
    let upload =
        Upload { handler: &handler, version: &version(hash, at), bundle: b"", maps: None, site: None };
    store.put(upload, None, 10).unwrap()
}

#[test]
fn what_was_put_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b");
    let mut store = open(&path).unwrap();
    assert!(put(&mut store, &row("b", "v1", 1), b"one", 10).unwrap());
    assert!(put(&mut store, &row("a", "v1", 2), b"one", 10).unwrap());
    assert!(!put(&mut store, &row("b", "v2", 3), b"two", 10).unwrap());
    // Killed, not closed: the log stays as it is.
    std::mem::forget(store);
    let mut store = open(&path).unwrap();
    let b = HandlerRow { created_at_ms: 1, ..row("b", "v2", 3) };
    assert_eq!(store.handlers().unwrap(), [row("a", "v1", 2), b]);
    assert_eq!(store.bundle("v2").unwrap().as_deref(), Some(&b"two"[..]));
    assert!(store.delete(DEFAULT_TENANT, "b", 4).unwrap());
    assert!(!store.delete(DEFAULT_TENANT, "b", 5).unwrap());
    drop(store);
    assert_eq!(open(&path).unwrap().handlers().unwrap(), [row("a", "v1", 2)]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[test]
fn settings_are_as_promised() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).unwrap();
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
    drop(open(directory.path()).unwrap());
    let file = directory.path().join(FILE_NAME);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("made by a newer tabmesh"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_store_or_no_directory_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE_NAME), vec![b'x'; 8192]).unwrap();
    assert!(matches!(open(directory.path()), Err(StoreError::Database(_))));
    let file = directory.path().join(FILE_NAME);
    assert!(matches!(open(&file), Err(StoreError::Directory { .. })));
}

#[test]
fn unknown_tenants_and_too_many_handlers_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    let stranger = HandlerRow { tenant: "stranger".into(), ..row("a", "v1", 1) };
    assert!(matches!(put(&mut store, &stranger, b"", 10), Err(StoreError::Database(_))));
    assert_eq!(store.bundle("v1").unwrap(), None);
    assert!(put(&mut store, &row("a", "v1", 1), b"", 1).unwrap());
    assert!(!put(&mut store, &row("a", "v2", 1), b"", 1).unwrap());
    assert!(matches!(put(&mut store, &row("b", "v1", 1), b"", 1), Err(StoreError::Full { limit: 1 })));
}

#[test]
fn tenants_are_kept_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), [DEFAULT_TENANT]);
    assert!(store.put_tenant("acme", 2).unwrap());
    assert!(!store.put_tenant("acme", 2).unwrap());
    assert!(matches!(store.put_tenant("other", 2), Err(StoreError::TooManyTenants { limit: 2 })));
    let theirs = HandlerRow { tenant: "acme".into(), ..row("a", "v1", 1) };
    assert!(put(&mut store, &theirs, b"one", 10).unwrap());
    assert!(put(&mut store, &row("a", "v1", 1), b"one", 10).unwrap(), "names are each tenant's own");
    std::mem::forget(store);
    let store = open(directory.path()).unwrap();
    assert_eq!(store.tenants().unwrap(), ["acme", DEFAULT_TENANT]);
    assert_eq!(store.handlers().unwrap(), [theirs, row("a", "v1", 1)]);
}

#[test]
fn bundles_without_a_version_go_after_their_grace() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    put(&mut store, &row("a", "v1", 1000), b"one", 10).unwrap();
    put(&mut store, &row("b", "v1", 1000), b"one", 10).unwrap();
    put(&mut store, &row("a", "v2", 2000), b"two", 10).unwrap();
    let later = 2000 + 10 * BUNDLE_GRACE_MS;
    store.delete(DEFAULT_TENANT, "a", later).unwrap();
    put(&mut store, &row("c", "v3", later + 2 * BUNDLE_GRACE_MS), b"three", 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_some(), "b still has it");
    assert!(store.bundle("v2").unwrap().is_none(), "its grace is over");
    let later = later + 2 * BUNDLE_GRACE_MS;
    store.delete(DEFAULT_TENANT, "b", later).unwrap();
    put(&mut store, &row("c", "v4", later + BUNDLE_GRACE_MS), b"four", 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_some(), "still in its grace");
    // Used again in time: it stays.
    put(&mut store, &row("d", "v1", later + BUNDLE_GRACE_MS), b"one", 10).unwrap();
    put(&mut store, &row("c", "v5", later + 9 * BUNDLE_GRACE_MS), b"five", 10).unwrap();
    assert!(store.bundle("v1").unwrap().is_some());
    assert!(store.bundle("v3").unwrap().is_some(), "a version that is not deployed is kept");
}

#[test]
fn versions_are_numbered_once_and_never_change() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    let nobody = row("a", "v1", 1);
    let alone = Upload { handler: &nobody, version: &version("v1", 1), bundle: b"", maps: None, site: None };
    assert!(matches!(store.put(alone, None, 10), Err(StoreError::NoHandler)));
    put(&mut store, &row("a", "v1", 1), b"", 10).unwrap();
    assert_eq!(upload(&mut store, "a", "v2", 2).version.number, 2);
    let again = upload(&mut store, "a", "v1", 3);
    assert_eq!((again.version.number, again.version.created_at_ms, again.created), (1, 1, false));
    assert_eq!(upload(&mut store, "a", "v3", 4).version.number, 3);
    let numbers = |store: &SqliteStore| -> Vec<(String, u32)> {
        store.versions(DEFAULT_TENANT, "a").unwrap().into_iter().map(|it| (it.hash, it.number)).collect()
    };
    assert_eq!(numbers(&store), [("v3".into(), 3), ("v2".into(), 2), ("v1".into(), 1)]);
    assert_eq!(store.handlers().unwrap()[0].version, "v1", "nothing else was deployed");
    let shares = deployment(&[("v2", 4_000), ("v3", 6_000)], 5);
    assert_eq!(store.change(&row("a", "v3", 5), Some(&shares)).unwrap(), Some(2));
    assert_eq!(store.deployment(DEFAULT_TENANT, "a").unwrap().unwrap().shares, shares.shares);
    assert_eq!(store.deployments(DEFAULT_TENANT, "a").unwrap().len(), 2);
    assert!(matches!(store.change(&row("b", "v3", 5), None), Err(StoreError::NoHandler)));
    store.delete(DEFAULT_TENANT, "a", 6).unwrap();
    assert!(numbers(&store).is_empty() && store.deployments(DEFAULT_TENANT, "a").unwrap().is_empty());
}

#[test]
fn old_versions_and_deployments_go_but_not_what_is_deployed() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    put(&mut store, &row("a", "v1", 1), b"", 10).unwrap();
    upload(&mut store, "a", "v2", 1);
    let mut gone = vec![];
    for number in 3..=MAX_VERSIONS + 3 {
        gone.extend(upload(&mut store, "a", &format!("v{number}"), 1).gone);
    }
    assert_eq!(gone, ["v2", "v3"], "v1 is deployed");
    assert_eq!(store.versions(DEFAULT_TENANT, "a").unwrap().len() as u32, MAX_VERSIONS + 1);
    for number in 0..=MAX_DEPLOYMENTS {
        let shares = deployment(&[(&format!("v{}", 4 + number % 2), 10_000)], 1);
        store.change(&row("a", "v4", 1), Some(&shares)).unwrap();
    }
    let kept = store.deployments(DEFAULT_TENANT, "a").unwrap();
    assert_eq!((kept.len() as u32, kept[0].number), (MAX_DEPLOYMENTS, MAX_DEPLOYMENTS + 2));
    assert_eq!(upload(&mut store, "a", "last", 1).gone, ["v1"], "it is deployed no more");
}

#[test]
fn a_store_of_the_format_before_has_its_handlers_as_first_versions() {
    let directory = tempfile::tempdir().unwrap();
    let connection = Connection::open(directory.path().join(FILE_NAME)).unwrap();
    schema::make_format(&connection, 3).unwrap();
    connection
        .execute_batch(
            "INSERT INTO bundles (hash, bytes) VALUES ('v1', x'6f6e65');
             INSERT INTO handlers (tenant, name, version, limits, modules, size, created_at, updated_at, has_site, crons, routes)
                 VALUES ('default', 'a', 'v1', '{\"wall_ms\":5}', '[]', 3, 1, 2, 0, '[\"* * * * *\"]', '[\"a.example/*\"]');
             INSERT INTO secrets VALUES ('default', 'a', 'S', 'plaintext');",
        )
        .unwrap();
    drop(connection);
    let store = open(directory.path()).unwrap();
    let handler = store.handlers().unwrap().remove(0);
    assert_eq!((handler.created_at_ms, handler.updated_at_ms, handler.previews), (1, 2, true));
    assert_eq!((handler.crons.as_str(), handler.routes.as_str()), ("[\"* * * * *\"]", "[\"a.example/*\"]"));
    let versions = store.versions(DEFAULT_TENANT, "a").unwrap();
    let before = VersionRow { number: 1, limits: "{\"wall_ms\":5}".into(), ..version("v1", 2) };
    assert_eq!(versions, [before]);
    let deployed = store.deployment(DEFAULT_TENANT, "a").unwrap().unwrap();
    assert_eq!(deployed, DeploymentRow { number: 1, ..deployment(&[("v1", 10_000)], 2) });
    let secret = store.secrets().unwrap().remove(0);
    assert_eq!(
        (secret.name.as_str(), secret.value.as_str()),
        ("S", "plaintext"),
        "nothing went with the columns"
    );
    drop(store);
    assert_nowhere(directory.path(), "plaintext");
}

/// No file has this text in it.
fn assert_nowhere(directory: &Path, text: &str) {
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{} has `{text}`", path.display());
    }
}

#[test]
fn secrets_lie_sealed_and_open_with_their_key_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path()).unwrap();
    put(&mut store, &row("a", "v1", 1), b"", 10).unwrap();
    let secret = |name: &str, value: &str| SecretRow {
        tenant: DEFAULT_TENANT.into(),
        handler: "a".into(),
        name: name.into(),
        value: value.into(),
    };
    store.put_secret(&secret("A", "first-plaintext")).unwrap();
    store.put_secret(&secret("A", "second-plaintext")).unwrap();
    store.put_secret(&secret("B", "")).unwrap();
    assert_nowhere(directory.path(), "plaintext");
    drop(store);
    assert_nowhere(directory.path(), "plaintext");
    assert!(matches!(SqliteStore::open(directory.path(), key(8)), Err(StoreError::WrongKey)));
    let mut store = open(directory.path()).unwrap();
    assert_eq!(store.secrets().unwrap(), [secret("A", "second-plaintext"), secret("B", "")]);
    // One that is put into another's place does not open.
    store
        .connection
        .execute("UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE name = 'A')", [])
        .unwrap();
    assert!(matches!(store.secrets(), Err(StoreError::WrongKey)));
    assert!(store.delete_secret(DEFAULT_TENANT, "a", "A").unwrap());
    assert!(store.delete_secret(DEFAULT_TENANT, "a", "B").unwrap());
    drop(store);
    assert!(SqliteStore::open(directory.path(), key(8)).is_ok(), "nothing is sealed with the old one");
}
