//! The catalog over a real store.

use super::*;
use crate::deploy::{CompileLimits, Options, SourceFile, compile_within};
use crate::store::DEFAULT_TENANT;
use tabmesh_protocol::bundle::Bundle;

fn compiled(name: &str, source: String) -> Compiled {
    let files = vec![SourceFile { name: name.into(), bytes: source.into() }];
    compile_within(files, Options::default(), CompileLimits::default()).unwrap()
}

fn bundle(answer: &str) -> Compiled {
    compiled("main.js", format!("export default async () => {answer}"))
}

#[tokio::test]
async fn a_put_is_seen_at_once_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).await.unwrap();
    assert!(catalog.lookup(DEFAULT_TENANT, "a").is_none());
    let limits = Limits { wall_ms: 5, ..Limits::default() };
    let first = catalog.put(DEFAULT_TENANT, "a", bundle("1"), limits).await.unwrap();
    assert!(first.created);
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap(), first.handler);
    let second = catalog.put(DEFAULT_TENANT, "a", bundle("2"), limits).await.unwrap();
    assert!(!second.created && second.handler.target != first.handler.target);
    assert_eq!(second.handler.created_at_ms, first.handler.created_at_ms);
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap(), second.handler);
    assert!(
        catalog.code(&first.handler.target.version).await.unwrap().is_some(),
        "requests under way may need it"
    );
    std::mem::forget(catalog);

    let catalog = Catalog::open(directory.path()).await.unwrap();
    let handler = catalog.lookup(DEFAULT_TENANT, "a").unwrap();
    assert_eq!(handler, second.handler);
    let code = catalog.code(&handler.target.version).await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Bundle>(&code).unwrap(), bundle("2").bundle);
    assert_eq!(code.len() as u64, handler.size);
    assert!(catalog.code("0").await.unwrap().is_none());
    assert_eq!(catalog.count(), 1);
    assert!(catalog.delete(DEFAULT_TENANT, "a").await.unwrap());
    assert!(!catalog.delete(DEFAULT_TENANT, "a").await.unwrap());
    assert!(catalog.lookup(DEFAULT_TENANT, "a").is_none());
}

#[tokio::test]
async fn a_failed_put_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).await.unwrap();
    assert!(catalog.put("stranger", "a", bundle("1"), Limits::default()).await.is_err());
    assert!(catalog.lookup("stranger", "a").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_lookup_is_stale_while_many_write() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Arc::new(Catalog::open(directory.path()).await.unwrap());
    let writers = (0..4).map(|writer| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move {
            for i in 0..20 {
                let name = format!("own-{writer}");
                let put = catalog
                    .put(DEFAULT_TENANT, &name, bundle(&i.to_string()), Limits::default())
                    .await
                    .unwrap();
                assert_eq!(catalog.lookup(DEFAULT_TENANT, &name).unwrap().target, put.handler.target);
                let shared = bundle(&format!("{}", writer * 100 + i));
                catalog.put(DEFAULT_TENANT, "shared", shared, Limits::default()).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let list = catalog.list(DEFAULT_TENANT);
    assert_eq!(list.len(), 5);
    assert!(list.windows(2).all(|pair| pair[0].target.handler < pair[1].target.handler));
    // Memory and disk agree on who was last.
    let reopened = Catalog::open(directory.path()).await.unwrap();
    assert_eq!(reopened.lookup(DEFAULT_TENANT, "shared"), catalog.lookup(DEFAULT_TENANT, "shared"));
}

#[tokio::test]
async fn tenants_have_their_own_handlers() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).await.unwrap();
    assert!(catalog.put("acme", "a", bundle("1"), Limits::default()).await.is_err(), "an unknown tenant");
    assert!(catalog.tenant("acme").is_none() && catalog.lookup("acme", "a").is_none());
    assert!(catalog.put_tenant("acme").await.unwrap());
    assert!(!catalog.put_tenant("acme").await.unwrap());
    let ours = catalog.put(DEFAULT_TENANT, "a", bundle("1"), Limits::default()).await.unwrap().handler;
    let theirs = catalog.put("acme", "a", bundle("1"), Limits::default()).await.unwrap().handler;
    assert_eq!(ours.target.version, theirs.target.version, "code is shared in the store, and nowhere else");
    assert_eq!(catalog.lookup("acme", "a").unwrap().target.tenant, "acme");
    assert!(catalog.delete(DEFAULT_TENANT, "a").await.unwrap());
    assert!(catalog.lookup("acme", "a").is_some() && catalog.lookup(DEFAULT_TENANT, "a").is_none());
    let catalog = Catalog::open(directory.path()).await.unwrap();
    assert_eq!(catalog.tenants(), [("acme".to_owned(), 1), (DEFAULT_TENANT.to_owned(), 0)]);
}

#[test]
fn rows_of_older_versions_read() {
    let row = |limits: &str| HandlerRow {
        tenant: DEFAULT_TENANT.into(),
        name: "a".into(),
        version: "v".into(),
        limits: limits.into(),
        crons: "[]".into(),
        routes: "[]".into(),
        has_site: false,
        modules: "[]".into(),
        size: 0,
        created_at_ms: 0,
        updated_at_ms: 0,
    };
    let limits = |text| Handler::from_row(row(text)).limits;
    assert_eq!(limits(r#"{"wall_ms":1234}"#), Limits { wall_ms: 1234, ..Limits::default() });
    assert_eq!(limits("{}"), Limits::default());
}

#[tokio::test]
async fn source_maps_are_kept_with_their_version() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(directory.path()).await.unwrap();
    let typed =
        |before: &str| compiled("main.ts", format!("{before}export default async (): Promise<number> => 1"));
    let first = catalog.put(DEFAULT_TENANT, "a", typed(""), Limits::default()).await.unwrap().handler;
    let version = &first.target.version;
    let maps = catalog.maps(version).await.unwrap().unwrap();
    assert!(String::from_utf8(maps.clone()).unwrap().contains("main.ts"));
    // Types move the lines of the source, and leave the code as it is.
    let moved =
        catalog.put(DEFAULT_TENANT, "a", typed("type A = 1;\n"), Limits::default()).await.unwrap().handler;
    assert_eq!(&moved.target.version, version);
    assert_ne!(catalog.maps(version).await.unwrap().unwrap(), maps);
    let plain = catalog.put(DEFAULT_TENANT, "a", bundle("1"), Limits::default()).await.unwrap().handler;
    assert_eq!(catalog.maps(&plain.target.version).await.unwrap(), None);
}
