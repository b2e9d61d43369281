//! The catalog over a real store.

use super::versions::{Notes, Share};
use super::*;
use crate::deploy::{CompileLimits, Options, SourceFile, compile_within};
use crate::store::{DEFAULT_TENANT, HandlerRow, SecretKey, VersionRow};
use tabmesh_protocol::bundle::Bundle;

async fn open(directory: &Path) -> Catalog {
    Catalog::open(directory, SecretKey::parse(&"07".repeat(32)).unwrap()).await.unwrap()
}

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
    let catalog = open(directory.path()).await;
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

    let catalog = open(directory.path()).await;
    let handler = catalog.lookup(DEFAULT_TENANT, "a").unwrap();
    assert_eq!(handler, second.handler);
    let code = catalog.code(&handler.target.version).await.unwrap().unwrap();
    let sealed = Bundle { limits: Some(limits), ..bundle("2").bundle };
    assert_eq!(serde_json::from_slice::<Bundle>(&code).unwrap(), sealed);
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
    let catalog = open(directory.path()).await;
    assert!(catalog.put("stranger", "a", bundle("1"), Limits::default()).await.is_err());
    assert!(catalog.lookup("stranger", "a").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_lookup_is_stale_while_many_write() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = Arc::new(open(directory.path()).await);
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
    let reopened = open(directory.path()).await;
    assert_eq!(reopened.lookup(DEFAULT_TENANT, "shared"), catalog.lookup(DEFAULT_TENANT, "shared"));
}

#[tokio::test]
async fn tenants_have_their_own_handlers() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(directory.path()).await;
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
    let catalog = open(directory.path()).await;
    assert_eq!(catalog.tenants(), [("acme".to_owned(), 1), (DEFAULT_TENANT.to_owned(), 0)]);
}

/// A version without code.
pub(super) fn handler(number: u32) -> Handler {
    let row = HandlerRow {
        tenant: DEFAULT_TENANT.into(),
        name: "a".into(),
        version: String::new(),
        crons: "[]".into(),
        routes: "[]".into(),
        previews: true,
        created_at_ms: 0,
        updated_at_ms: 0,
    };
    Handler::new(&row, version_row(number, "{}"))
}

fn version_row(number: u32, limits: &str) -> VersionRow {
    VersionRow {
        hash: format!("{number:08x}"),
        number,
        limits: limits.into(),
        modules: "[]".into(),
        size: 0,
        has_site: false,
        created_at_ms: 0,
        notes: "{}".into(),
    }
}

#[test]
fn rows_of_older_versions_read() {
    let limits = |text| Version::from(version_row(1, text)).limits;
    assert_eq!(limits(r#"{"wall_ms":1234}"#), Limits { wall_ms: 1234, ..Limits::default() });
    assert_eq!(limits("{}"), Limits::default());
}

#[tokio::test]
async fn versions_are_deployed_in_shares_and_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(directory.path()).await;
    let one = catalog.put(DEFAULT_TENANT, "a", bundle("1"), Limits::default()).await.unwrap();
    assert!(catalog.upload(DEFAULT_TENANT, "b", bundle("1"), Settings::default()).await.is_err());
    let settings =
        Settings { notes: Notes { tag: Some("two".into()), ..Notes::default() }, ..Settings::default() };
    let two = catalog.upload(DEFAULT_TENANT, "a", bundle("2"), settings).await.unwrap();
    assert_eq!((two.version.number, two.created), (2, false));
    let limited = Limits { cpu_ms: 7, ..Limits::default() };
    let three = catalog.upload(DEFAULT_TENANT, "a", bundle("2"), limited.into()).await.unwrap();
    assert_eq!(three.version.number, 3, "limits are of the version");
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap(), one.handler, "nothing else is deployed");

    let hash = |put: &Put| put.version.hash.clone();
    let shares =
        vec![Share { version: hash(&one), points: 2_500 }, Share { version: hash(&three), points: 7_500 }];
    catalog.deploy(DEFAULT_TENANT, "a", shares.clone(), Notes::default()).await.unwrap();
    let numbers = |catalog: &Catalog| -> Vec<u32> {
        let number = |key| catalog.choose(DEFAULT_TENANT, "a", || key).unwrap().number;
        [0, 7_499, 7_500, 9_999, 10_000].map(number).into()
    };
    assert_eq!(numbers(&catalog), [3, 3, 1, 1, 3]);
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap().limits, limited);
    assert_eq!(catalog.share(DEFAULT_TENANT, "a", &hash(&one)), Some(2_500));
    assert_eq!(catalog.share(DEFAULT_TENANT, "a", &hash(&two)), None);
    assert_eq!(catalog.choose_version(DEFAULT_TENANT, "a", &hash(&one)[..9]).unwrap().number, 1);
    assert!(catalog.choose_version(DEFAULT_TENANT, "a", &hash(&two)).is_none(), "not deployed");

    // Whatever is deployed, each version can be looked at.
    let preview = async |catalog: &Catalog, put: &Put| {
        let found = catalog.preview(DEFAULT_TENANT, "a", &hash(put)[..8]).await.unwrap();
        found.map(|handler| handler.target.version.clone())
    };
    for put in [&one, &two, &three, &two] {
        assert_eq!(preview(&catalog, put).await, Some(hash(put)));
    }
    assert!(catalog.preview(DEFAULT_TENANT, "a", "00000000").await.unwrap().is_none());
    let triggers = Triggers { previews: false, crons: vec!["* * * * *".into()], ..Triggers::default() };
    // At once, as wrangler does: neither takes back what the other changed.
    let (previews, crons) = tokio::join!(
        catalog.change_triggers(DEFAULT_TENANT, "a", |triggers| triggers.previews = false),
        catalog.change_triggers(DEFAULT_TENANT, "a", |triggers| triggers.crons = vec!["* * * * *".into()])
    );
    assert!(previews.is_ok() && crons.is_ok());
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap().triggers(), triggers);
    assert_eq!(preview(&catalog, &two).await, None);

    let gone = vec![Share { version: "0".repeat(64), points: POINTS }];
    let refused = catalog.deploy(DEFAULT_TENANT, "a", gone, Notes::default()).await;
    assert!(matches!(refused, Err(StoreError::NoVersion { .. })));
    std::mem::forget(catalog);

    let catalog = open(directory.path()).await;
    assert_eq!(numbers(&catalog), [3, 3, 1, 1, 3]);
    assert_eq!(catalog.lookup(DEFAULT_TENANT, "a").unwrap().triggers(), triggers);
    assert_eq!(catalog.scheduled().len(), 1, "a cron trigger is the handler's, not each version's");
    let deployments = catalog.deployments(DEFAULT_TENANT, "a").await.unwrap();
    assert_eq!(deployments.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(deployments[0].shares, shares);
    catalog.deploy(DEFAULT_TENANT, "a", deployments[1].shares.clone(), Notes::default()).await.unwrap();
    assert_eq!(numbers(&catalog), [1; 5]);
    let versions = catalog.versions(DEFAULT_TENANT, "a").await.unwrap();
    assert_eq!(versions.iter().map(|it| it.number).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(versions[1].notes.tag.as_deref(), Some("two"));
}

#[tokio::test]
async fn source_maps_are_kept_with_their_version() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(directory.path()).await;
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

#[tokio::test]
async fn what_is_damaged_is_not_served() {
    let directory = tempfile::tempdir().unwrap();
    let catalog = open(directory.path()).await;
    let version =
        catalog.put(DEFAULT_TENANT, "a", bundle("1"), Limits::default()).await.unwrap().version.hash;
    drop(catalog);
    let file = directory.path().join(crate::store::FILE_NAME);
    let connection = rusqlite::Connection::open(file).unwrap();
    assert_eq!(connection.execute("UPDATE bundles SET bytes = x'00'", []).unwrap(), 1);
    let error = open(directory.path()).await.code(&version).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
