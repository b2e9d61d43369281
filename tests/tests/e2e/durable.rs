//! What was acknowledged is there: after kills at any moment, in backups, after upgrades.

use reqwest::{Client, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;
use tabmesh_tests::gateway::{Gateway, binary, client, environment, workspace};
use tabmesh_tests::{Setup, eventually};
use tokio::process::Command;

/// How often the gateway is killed.
const KILLS: u64 = 200;

/// Tenants are bounded; a write that makes one is one more kind of write, not more of them.
const MAX_TENANTS: u64 = 900;

/// What one writer was promised: every number up to this was acknowledged, the next may have been written.
#[derive(Default)]
struct Acknowledged(AtomicU64);

/// One kind of write, and how to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Value,
    Row,
    Version,
    Tenant,
}

const KINDS: [Kind; 4] = [Kind::Value, Kind::Row, Kind::Version, Kind::Tenant];

impl Kind {
    /// Writes `number`; only an answer that says so is an acknowledgement.
    async fn write(self, client: &Client, base: &str, number: u64) -> Option<Response> {
        let request = match self {
            Kind::Value => client.put(format!("{base}/kv/durable/values/key")).body(number.to_string()),
            Kind::Row => client
                .post(format!("{base}/sql/durable/query"))
                .json(&json!({ "sql": "INSERT INTO numbers VALUES (?1)", "params": [number] })),
            Kind::Version => client
                .put(format!("{base}/handlers/durable"))
                .body(format!("export default () => {number}; // {}", "x".repeat(20_000))),
            Kind::Tenant => client.put(format!("{base}/tenants/t{}", number.min(MAX_TENANTS))),
        };
        request.send().await.ok().filter(|answer| answer.status().is_success())
    }

    /// The last number that is there.
    async fn last(self, client: &Client, base: &str) -> u64 {
        let get = async |path: &str| client.get(format!("{base}{path}")).send().await.unwrap();
        match self {
            Kind::Value => get("/kv/durable/values/key").await.text().await.unwrap().parse().unwrap_or(0),
            Kind::Row => {
                let query = json!({ "sql": "SELECT count(*), coalesce(max(n), 0) FROM numbers" });
                let request = client.post(format!("{base}/sql/durable/query")).json(&query);
                let answer: Value = request.send().await.unwrap().json().await.unwrap();
                let row = &answer["results"][0]["rows"][0];
                assert_eq!(row[0], row[1], "none is missing, none is there twice: {answer}");
                row[1].as_u64().unwrap_or(0)
            }
            Kind::Version => {
                let view: Value = get("/handlers/durable").await.json().await.unwrap();
                // Numbers of versions count them, as the writer does.
                view["number"].as_u64().unwrap_or(0)
            }
            Kind::Tenant => {
                let list: Value = get("/tenants").await.json().await.unwrap();
                let names: BTreeSet<u64> = list["tenants"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|tenant| tenant["name"].as_str()?.strip_prefix('t')?.parse().ok())
                    .collect();
                let last = names.last().copied().unwrap_or(0);
                assert_eq!(names.len() as u64, last, "none is missing");
                last
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_over_two_hundred_kills() {
    let mut gateway = Setup::new().start().await;
    let base = gateway.url("/_mesh/v1");
    let made = client().post(format!("{base}/sql")).json(&json!({ "name": "durable" })).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    let table = json!({ "sql": "CREATE TABLE numbers (n INTEGER NOT NULL)" });
    let made = client().post(format!("{base}/sql/durable/query")).json(&table).send().await.unwrap();
    assert!(made.status().is_success(), "{}", made.text().await.unwrap());
    let acknowledged: Arc<[Acknowledged; 4]> = Arc::default();
    let mut written = 0;
    for round in 0..KILLS {
        let before: u64 = acknowledged.iter().map(|it| it.0.load(SeqCst)).sum();
        let writers: Vec<_> = KINDS
            .into_iter()
            .enumerate()
            .map(|(index, kind)| {
                let (acknowledged, base) = (Arc::clone(&acknowledged), base.clone());
                tokio::spawn(async move {
                    let client = client();
                    let last = &acknowledged[index].0;
                    while kind.write(&client, &base, last.load(SeqCst) + 1).await.is_some() {
                        last.fetch_add(1, SeqCst);
                        if kind == Kind::Tenant && last.load(SeqCst) >= MAX_TENANTS {
                            break;
                        }
                    }
                })
            })
            .collect();
        // At another moment of a write each time.
        tokio::time::sleep(Duration::from_micros(15_000 + round * 7_919 % 60_000)).await;
        gateway.kill().await;
        for writer in writers {
            writer.await.unwrap();
        }
        gateway = gateway.restart().await;
        written += acknowledged.iter().map(|it| it.0.load(SeqCst)).sum::<u64>() - before;
        for (kind, promised) in KINDS.into_iter().zip(acknowledged.iter()) {
            let promised = promised.0.load(SeqCst);
            let last = kind.last(&client(), &base).await;
            // The one after it may have been written and not answered.
            assert!(
                (promised..=promised + 1).contains(&last),
                "round {round}, {kind:?}: {promised} promised, {last} there"
            );
        }
        // Go on from what is there.
        for (kind, promised) in KINDS.into_iter().zip(acknowledged.iter()) {
            promised.0.store(kind.last(&client(), &base).await, SeqCst);
        }
    }
    eprintln!("{written} acknowledged writes over {KILLS} kills");
    assert!(written > KILLS, "hardly anything was written: {written}");
    // SQLite finds nothing wrong in any of the files.
    let file = gateway.home().join("after.tar");
    succeeded(&tabmesh(&gateway, &["backup", file.to_str().unwrap()]).await);
}

async fn tabmesh(gateway: &Gateway, args: &[&str]) -> Output {
    let data = gateway.home().join("data");
    let mut command = Command::new(binary("tabmesh"));
    command.args(args).arg("--data").arg(data).envs(environment(gateway.home()));
    command.output().await.unwrap()
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_backup_is_made_and_put_back_while_the_gateway_runs() {
    let gateway = Setup::new().tabs(1).start().await;
    let file = gateway.home().join("backup.tar");
    let file = file.to_str().unwrap();
    let value = gateway.url("/_mesh/v1/kv/n/values/k");
    let keeps = "export default { fetch: async (r, env) => new Response(`one ${await env.KV.get('k')}`) }";
    let metadata = json!({ "bindings": [{ "type": "kv_namespace", "name": "KV", "namespace_id": "n" }] });
    gateway.deploy_files("kept", &[("main.js", keeps)], metadata.clone()).await;
    client().put(&value).body("before").send().await.unwrap();
    assert_eq!(gateway.text("/kept/").await, "one before");
    succeeded(&tabmesh(&gateway, &["backup", file]).await);

    gateway.deploy_files("kept", &[("main.js", &keeps.replace("one", "two"))], metadata).await;
    gateway.deploy("later", "export default () => 1").await;
    client().put(&value).body("after").send().await.unwrap();
    assert_eq!(gateway.text("/kept/").await, "two after");
    let restored = tabmesh(&gateway, &["restore", file, "--json"]).await;
    succeeded(&restored);
    let said: Value = serde_json::from_slice(&restored.stdout).unwrap();
    assert_eq!((&said["reloaded"], &said["emptied"]), (&json!(true), &json!(0)), "{said}");
    eventually("what was backed up serves again", || async {
        let response = gateway.get("/kept/").await;
        (response.text().await.ok()? == "one before").then_some(())
    })
    .await;
    assert_eq!(gateway.get("/later/").await.status(), 404);
    // It goes on from there.
    assert_eq!(
        gateway.deploy("later", "export default { fetch: () => new Response('2') }").await["created"],
        true
    );
    assert_eq!(gateway.text("/later/").await, "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writers_never_has_the_later_without_the_earlier() {
    let gateway = Setup::new().start().await;
    let base = gateway.url("/_mesh/v1");
    let table = json!({ "sql": "CREATE TABLE numbers (n INTEGER NOT NULL)" });
    client().post(format!("{base}/sql/durable/query")).json(&table).send().await.unwrap();
    let is_done = Arc::new(AtomicU64::new(0));
    let writer = {
        let (base, is_done) = (base.clone(), Arc::clone(&is_done));
        // Each number into the one store, and when that is acknowledged into the other.
        tokio::spawn(async move {
            let (client, mut number) = (client(), 0);
            while is_done.load(SeqCst) == 0 {
                number += 1;
                assert!(Kind::Value.write(&client, &base, number).await.is_some());
                assert!(Kind::Row.write(&client, &base, number).await.is_some());
            }
            number
        })
    };
    let mut files = vec![];
    for number in 0..5 {
        let file = gateway.home().join(format!("{number}.tar"));
        let made =
            tabmesh(&gateway, &["backup", file.to_str().unwrap(), "--with-secret-key", "--json"]).await;
        succeeded(&made);
        let said: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!(said["one_moment"], true, "{said}");
        files.push(file);
    }
    is_done.store(1, SeqCst);
    let written = writer.await.unwrap();
    let mut seen = vec![];
    for file in files {
        let restored = tabmesh(&gateway, &["restore", file.to_str().unwrap()]).await;
        succeeded(&restored);
        let (first, last) =
            (Kind::Value.last(&client(), &base).await, Kind::Row.last(&client(), &base).await);
        assert!(last <= first && first <= last + 1, "{first} and only then {last}");
        seen.push(last);
    }
    assert!(seen.is_sorted() && seen[0] < written, "{seen:?} of {written}");
}

#[tokio::test]
async fn a_second_gateway_does_not_start_on_the_same_data() {
    let gateway = Setup::new().start().await;
    let second = tabmesh(&gateway, &["serve", "--listen", "127.0.0.1:0"]).await;
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("uses the data directory"), "{said}");
    assert!(said.contains(&gateway.pid().as_raw_nonzero().to_string()), "{said}");
}

#[tokio::test]
async fn data_of_an_earlier_version_serves_on() {
    let gateway = Setup::new().data(workspace().join("tests/fixtures/format-3")).tabs(1).start().await;
    let before = json!({ "kv": "from before", "row": "row from before", "text": "var", "secret": true });
    let answer: Value = gateway.get("/kept/").await.json().await.unwrap();
    assert_eq!(answer, before);
    let routed = client().get(gateway.url("/")).header("host", "kept.example").send().await.unwrap();
    assert_eq!(routed.json::<Value>().await.unwrap(), before);
    assert_eq!(gateway.text("/kept/file.txt").await, "hello file");
    let acme = client().get(gateway.host_url("hello.acme", "/")).send().await.unwrap();
    assert_eq!(acme.status(), 200);
    let get = async |path: &str| -> Value { gateway.get(path).await.json().await.unwrap() };
    let view = get("/_mesh/v1/handlers/kept").await;
    assert_eq!(
        (&view["number"], &view["limits"]["cpu_ms"], &view["crons"][0]),
        (&json!(1), &json!(1234), &json!("0 0 1 1 *"))
    );
    assert_eq!(get("/_mesh/v1/handlers/kept/secrets").await, json!({ "secrets": ["SECRET"] }));
    let data = gateway.home().join("data");
    for file in ["tabmesh.db", "tabmesh.db-wal"] {
        let bytes = std::fs::read(data.join(file)).unwrap_or_default();
        assert!(
            !bytes.windows(16).any(|window| window == b"plaintext-of-old"),
            "{file} has the secret in the clear"
        );
    }
    let old = std::fs::read(workspace().join("tests/fixtures/format-3/tabmesh.db")).unwrap();
    assert!(old.windows(16).any(|window| window == b"plaintext-of-old"), "there was something to find");
    // What was deployed by the older version is a version to go back to.
    gateway.deploy("kept", "export default { fetch: () => new Response('new') }").await;
    assert_eq!(gateway.text("/kept/").await, "new");
    let back = client().post(gateway.url("/_mesh/v1/handlers/kept/rollback")).send().await.unwrap();
    assert_eq!(back.status(), 201);
    assert_eq!(get("/kept/").await, before);
}
