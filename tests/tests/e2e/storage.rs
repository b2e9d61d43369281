//! What tenants store: never wrong, never more than they may, as handlers and tools meet it.

use crate::support::expect_problem;
use serde_json::{Value, json};
use tabmesh_tests::Setup;
use tabmesh_tests::gateway::client;

/// Does what the query says and tells what came of it.
const HANDLER: &str = r"
    const told = async (work) => { try { return await work(); } catch (error) { return `${error.name}: ${error.message}`; } };
    export default { async fetch(request, { KV, DB }) {
      const q = new URL(request.url).searchParams;
      const size = Number(q.get('size'));
      const done = await told(async () => {
        switch (q.get('do')) {
          case 'get': return await KV.get(q.get('key'));
          case 'both': return [...(await KV.get(['good', q.get('key')])).keys()].join();
          case 'put': await KV.put(q.get('key'), 'v'.repeat(size)); return 'put';
          case 'insert': await DB.prepare('INSERT INTO t VALUES (zeroblob(?))').bind(size).run(); return 'inserted';
          case 'batch': await DB.batch([DB.prepare('INSERT INTO t VALUES (1)'), DB.prepare('INSERT INTO t VALUES (zeroblob(?))').bind(size)]); return 'inserted';
          case 'count': return await DB.prepare('SELECT count(*) AS n FROM t').first('n');
          default: await DB.exec('CREATE TABLE t (a)'); return 'made';
        }
      });
      return new Response(`${done}`);
    } };
";

fn bindings() -> Value {
    json!({ "bindings": [
        { "type": "kv_namespace", "name": "KV", "namespace_id": "n" },
        { "type": "d1", "name": "DB", "id": "d" },
    ] })
}

#[tokio::test]
async fn a_damaged_value_reaches_nobody() {
    let mut gateway = Setup::new().tabs(1).start().await;
    gateway.deploy_files("reader", &[("main.js", HANDLER)], bindings()).await;
    let value =
        |gateway: &tabmesh_tests::Gateway, key: &str| gateway.url(&format!("/_mesh/v1/kv/n/values/{key}"));
    let text = "the value as it was written ".repeat(2000);
    for key in ["good", "bad"] {
        client().put(value(&gateway, key)).body(text.clone()).send().await.unwrap();
    }
    assert_eq!(gateway.text("/reader/?do=get&key=bad").await, text);
    // One bit of it, on the disk.
    gateway.kill().await;
    let store = rusqlite::Connection::open(gateway.home().join("data/kv.db")).unwrap();
    let flip = "UPDATE entries SET value = CAST(replace(CAST(value AS TEXT), 'written the', 'writteo the') AS BLOB) WHERE key = 'bad'";
    assert_eq!(store.execute(flip, []).unwrap(), 1);
    drop(store);
    let gateway = gateway.restart().await;
    let mark = gateway.log().count();
    let sentence =
        "Error: KV GET failed: 500 The stored value is damaged: write it again, or restore a backup.";
    assert_eq!(gateway.text("/reader/?do=get&key=bad").await, sentence);
    assert_eq!(gateway.text("/reader/?do=get&key=good").await, text);
    let many = gateway.text("/reader/?do=both&key=bad").await;
    assert!(many.contains("500 The stored value is damaged"), "{many}");
    let answer = client().get(value(&gateway, "bad")).send().await.unwrap();
    expect_problem(answer, 500, "damaged-value").await;
    let path = "/_mesh/client/v4/accounts/default/storage/kv/namespaces/n/values/bad";
    let answer: Value = gateway.get(path).await.json().await.unwrap();
    assert_eq!(answer["success"], false);
    gateway.log().wait(mark, &["an entry of the KV store is damaged", "namespace=n", "key=bad"]).await;
    assert!(gateway.log().matching(mark, &["writteo"]).is_empty(), "the log has the value");
    assert_eq!(gateway.metric("tabmesh_kv_damaged_entries_total").await, 4.0);
    client().put(value(&gateway, "bad")).body("new").send().await.unwrap();
    assert_eq!(gateway.text("/reader/?do=get&key=bad").await, "new");
}

#[tokio::test]
async fn what_handlers_store_is_within_their_tenants_quota() {
    let gateway = Setup::new().tabs(1).args(&["--tenant-bytes", "200000"]).start().await;
    gateway.deploy_files("writer", &[("main.js", HANDLER)], bindings()).await;
    let ask = async |gateway: &tabmesh_tests::Gateway, query: &str| {
        gateway.text(&format!("/writer/?{query}")).await
    };
    let usage = async |gateway: &tabmesh_tests::Gateway| -> Value {
        let view: Value = gateway.get("/_mesh/v1/tenants/default").await.json().await.unwrap();
        view["usage"].clone()
    };
    assert_eq!(ask(&gateway, "do=make").await, "made");
    assert_eq!(ask(&gateway, "do=put&key=a&size=50000").await, "put");
    assert_eq!(ask(&gateway, "do=insert&size=50000").await, "inserted");
    let before = usage(&gateway).await;
    let (code, kv, sql) = (&before["code_bytes"], &before["kv_bytes"], &before["sql_bytes"]);
    assert!(
        code.as_u64() > Some(1000) && kv.as_u64() > Some(50_000) && sql.as_u64() > Some(50_000),
        "{before}"
    );
    let full = "Error: KV PUT failed: 413 The tenant's storage quota would be exceeded.";
    assert_eq!(ask(&gateway, "do=put&key=b&size=100000").await, full);
    assert_eq!(ask(&gateway, "do=get&key=b").await, "null");
    for work in ["insert", "batch"] {
        let refused = ask(&gateway, &format!("do={work}&size=100000")).await;
        assert_eq!(refused, "Error: D1_ERROR: the tenant's storage quota would be exceeded: SQLITE_FULL");
    }
    assert_eq!(ask(&gateway, "do=count").await, "1");
    assert_eq!(usage(&gateway).await, before);
    // wrangler is told the same.
    let account = "/_mesh/client/v4/accounts/default";
    let put = client().put(gateway.url(&format!("{account}/storage/kv/namespaces/n/values/b")));
    let answer = put.body("v".repeat(100_000)).send().await.unwrap();
    assert_eq!(answer.status(), 409);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["errors"][0]["message"], "The tenant's storage quota would be exceeded.", "{answer}");
    let query = client().post(gateway.url(&format!("{account}/d1/database/d/query")));
    let answer =
        query.json(&json!({ "sql": "INSERT INTO t VALUES (zeroblob(100000))" })).send().await.unwrap();
    assert_eq!(answer.status(), 409);
    // It counts the same after a restart, from the first request on.
    let mut gateway = gateway;
    gateway.kill().await;
    let gateway = gateway.restart().await;
    assert_eq!(ask(&gateway, "do=put&key=b&size=100000").await, full);
    assert_eq!(usage(&gateway).await, before);
    assert_eq!(ask(&gateway, "do=put&key=a&size=1").await, "put");
    assert_eq!(ask(&gateway, "do=put&key=b&size=90000").await, "put");
}
