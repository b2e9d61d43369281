//! KV and SQL as clients see them.

use super::*;

const KV: &str = "/_mesh/v1/kv";
const SQL: &str = "/_mesh/v1/sql";

async fn json_to(server: &Server, method: &str, path: &str, body: Value) -> Answer {
    server.send(method, path, &[], body.to_string()).await
}

#[tokio::test]
async fn a_namespace_and_its_entries() {
    let server = Server::new(ApiLimits::default()).await;
    let made = json_to(&server, "POST", KV, json!({"title": "sessions"})).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (made.status, &made.headers["location"]),
        (201, &HeaderValue::try_from(format!("{KV}/{id}")).unwrap())
    );
    assert_eq!(kind(&json_to(&server, "POST", KV, json!({"title": "sessions"})).await), "name-taken");
    assert_eq!(kind(&json_to(&server, "POST", KV, json!({"name": "x"})).await), "invalid-request");

    // A key with what paths have, in a namespace that only a binding names.
    let value = format!("{KV}/todo/values/a%2Fb%20%C3%BC?expiration=99999999999");
    let put = server.send("PUT", &value, &[("kv-metadata", "%7B%22a%22%3A%22%C3%BC%22%7D")], "\u{fc}").await;
    assert_eq!(put.status, 204);
    let got = server.send("GET", &value, &[], "").await;
    assert_eq!((got.status, &got.headers["kv-expiration"]), (200, &HeaderValue::from(99_999_999_999u64)));
    assert_eq!(got.headers["kv-metadata"], "%7B%22a%22%3A%22%C3%BC%22%7D");
    assert_eq!(got.headers["content-type"], "application/octet-stream");
    let keys = server.send("GET", &format!("{KV}/todo/keys?prefix=a%2F"), &[], "").await;
    let key = json!({"name": "a/b \u{fc}", "expiration": 99_999_999_999u64, "metadata": {"a": "\u{fc}"}});
    assert_eq!(keys.body, json!({"keys": [key]}));
    let all = server.send("GET", KV, &[], "").await;
    let mut both = vec![json!({"id": id, "title": "sessions"}), json!({"id": "todo", "title": "todo"})];
    both.sort_by_key(|it| it["id"].as_str().unwrap().to_owned());
    assert_eq!(all.body, json!({"namespaces": both}));

    assert_eq!(server.send("DELETE", &value, &[], "").await.status, 204);
    assert_eq!(kind(&server.send("GET", &value, &[], "").await), "not-found");
    assert_eq!(server.send("DELETE", &format!("{KV}/{id}"), &[], "").await.status, 204);
    assert_eq!(kind(&server.send("DELETE", &format!("{KV}/{id}"), &[], "").await), "not-found");
}

#[tokio::test]
async fn entries_are_written_and_removed_in_bulk() {
    let server = Server::new(ApiLimits::default()).await;
    let bulk = format!("{KV}/n/bulk");
    let entries = json!([
        {"key": "a", "value": "1"}, {"key": "b", "value": "AP8=", "base64": true, "metadata": [1]},
        {"key": "c", "value": "3", "expiration_ttl": 60},
    ]);
    assert_eq!(json_to(&server, "POST", &bulk, entries).await.body, json!({"written": 3}));
    let page = server.send("GET", &format!("{KV}/n/keys?limit=2"), &[], "").await.body;
    assert_eq!(page["keys"], json!([{"name": "a"}, {"name": "b", "metadata": [1]}]));
    let next = format!("{KV}/n/keys?cursor={}", page["cursor"].as_str().unwrap());
    assert_eq!(server.send("GET", &next, &[], "").await.body["keys"][0]["name"], "c");
    for wrong in [
        json!([{"key": "x", "value": "!", "base64": true}]),
        json!([{"key": "x", "value": "", "expiration_ttl": 5}]),
        json!([{"key": "x", "value": ""}, {"key": "", "value": ""}]),
        json!([{"key": "x", "value": "", "metadata": "m".repeat(1100)}]),
        json!({"key": "x", "value": ""}),
    ] {
        assert!(json_to(&server, "POST", &bulk, wrong.clone()).await.status >= 400, "{wrong}");
    }
    assert_eq!(json_to(&server, "POST", &format!("{bulk}/delete"), json!(["a", "c", "x"])).await.status, 204);
    let left = server.send("GET", &format!("{KV}/n/keys"), &[], "").await.body;
    assert_eq!(left, json!({"keys": [{"name": "b", "metadata": [1]}]}));
}

#[tokio::test]
async fn what_kv_refuses_has_its_problem() {
    let server = Server::new(ApiLimits::default()).await;
    let long = "k".repeat(513);
    for (method, path, body, problem) in [
        ("PUT", format!("{KV}/n/values/{long}"), String::new(), "invalid-request"),
        ("PUT", format!("{KV}/n/values/."), String::new(), "invalid-request"),
        ("PUT", format!("{KV}/n/values/k?expiration_ttl=1"), String::new(), "invalid-request"),
        ("PUT", format!("{KV}/n/values/k"), "x".repeat((25 << 20) + 1), "payload-too-large"),
        ("GET", format!("{KV}/n/keys?limit=1001"), String::new(), "invalid-request"),
        ("GET", format!("{KV}/n/keys?cursor=!"), String::new(), "invalid-request"),
        ("PATCH", format!("{KV}/n/keys"), String::new(), "method-not-allowed"),
        ("GET", "/_mesh/v1/tenants/nobody/kv".into(), String::new(), "tenant-not-found"),
        ("GET", "/_mesh/v1/tenants/nobody/kv/n/values/k".into(), String::new(), "tenant-not-found"),
    ] {
        assert_eq!(kind(&server.send(method, &path, &[], body).await), problem, "{method} {path}");
    }
    let meta = "m".repeat(1025);
    let put = server.send("PUT", &format!("{KV}/n/values/k"), &[("kv-metadata", &meta)], "").await;
    assert_eq!(kind(&put), "payload-too-large");
    let page = server.send("PUT", &format!("{KV}/n/values/k"), &[("origin", "http://x")], "").await;
    assert_eq!(kind(&page), "forbidden");
}

#[tokio::test]
async fn tenants_share_no_store() {
    let server = Server::new(ApiLimits::default()).await;
    server.put("/_mesh/v1/tenants/acme", "").await;
    server.put(&format!("{KV}/n/values/k"), "ours").await;
    const THEIRS: &str = "/_mesh/v1/tenants/acme";
    assert_eq!(kind(&server.send("GET", &format!("{THEIRS}/kv/n/values/k"), &[], "").await), "not-found");
    assert_eq!(server.send("GET", &format!("{THEIRS}/kv"), &[], "").await.body, json!({"namespaces": []}));
    let made = json_to(&server, "POST", SQL, json!({"name": "db"})).await.body;
    let path = format!("{THEIRS}/sql/{}", made["id"].as_str().unwrap());
    assert_eq!(kind(&server.send("GET", &path, &[], "").await), "not-found");
}

#[tokio::test]
async fn databases_answer_statements() {
    let server = Server::new(ApiLimits::default()).await;
    let query = format!("{SQL}/todo/query");
    let script = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'y')";
    let made = json_to(&server, "POST", &query, json!({"sql": script})).await;
    assert_eq!((made.status, made.body["results"].as_array().unwrap().len()), (200, 2));
    let asked = json!({"sql": "SELECT * FROM t WHERE a = ?", "params": [2]});
    let got = &json_to(&server, "POST", &query, asked).await.body["results"][0];
    assert_eq!((&got["columns"], &got["rows"]), (&json!(["a", "b"]), &json!([[2, "y"]])));
    assert!(got["duration_ms"].is_number());
    let wrong = json_to(&server, "POST", &query, json!({"sql": "DELETE FROM t; SELEKT 1"})).await;
    assert_eq!(kind(&wrong), "sql-error");
    assert!(wrong.body["detail"].as_str().unwrap().contains("SELEKT"));
    let rows = json_to(&server, "POST", &query, json!({"sql": "SELECT count(*) FROM t"})).await;
    assert_eq!(rows.body["results"][0]["rows"], json!([[2]]), "all or none");

    let list = server.send("GET", SQL, &[], "").await.body;
    assert_eq!(
        (&list["databases"][0]["id"], &list["databases"][0]["name"]),
        (&json!("todo"), &json!("todo"))
    );
    assert!(list["databases"][0]["size"].as_u64().unwrap() > 0);
    let todo = format!("{SQL}/todo");
    assert_eq!(server.send("GET", &todo, &[], "").await.body, list["databases"][0]);
    assert_eq!(server.send("DELETE", &todo, &[], "").await.status, 204);
    assert_eq!(kind(&server.send("GET", &todo, &[], "").await), "not-found");
}

#[tokio::test]
async fn a_tenant_whose_uploads_never_end_is_in_nobody_elses_way() {
    let server = Server::new(ApiLimits::default()).await;
    server.put("/_mesh/v1/tenants/acme", "").await;
    let acme = "/_mesh/v1/tenants/acme/kv/n/bulk";
    let length = [("content-length", "67108864")];
    let never = || Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let stuck = futures_util::future::join_all((0..8).map(|_| server.send("POST", acme, &length, never())));
    let others = async {
        // When acme has taken what it can.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        // As large as they come.
        let bulk = json!([{"key": "k", "value": "v"}]).to_string();
        let written = server.send("POST", "/_mesh/v1/kv/n/bulk", &length, bulk).await;
        assert_eq!((written.status, written.body), (200, json!({"written": 1})));
        assert_eq!(
            json_to(&server, "POST", "/_mesh/v1/sql/d/query", json!({"sql": "SELECT 1"})).await.status,
            200
        );
        // What it asked for itself waits.
        let own = server.send("GET", "/_mesh/v1/tenants/acme/kv/n/values/k", &[], "");
        assert!(tokio::time::timeout(Duration::from_millis(50), own).await.is_err());
    };
    tokio::select! {
        _ = stuck => panic!("they never end"),
        () = others => {}
    }
}

#[tokio::test]
async fn what_does_not_fit_into_the_quota_is_refused_and_changes_nothing() {
    let server = Server::new(ApiLimits::default()).await;
    const ACME: &str = "/_mesh/v1/tenants/acme";
    let grant = |bytes: u64| json!({"quota": {"stored_bytes": bytes}}).to_string();
    server.put(ACME, grant(100_000)).await;
    let put = async |key: &str, size: usize| {
        server.put(&format!("{ACME}/kv/n/values/{key}"), "v".repeat(size)).await
    };
    let query =
        async |sql: &str| json_to(&server, "POST", &format!("{ACME}/sql/d/query"), json!({"sql": sql})).await;
    let usage = async || server.send("GET", ACME, &[], "").await.body["usage"].clone();
    assert_eq!(put("a", 40_000).await.status, 204);
    assert_eq!(query("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(20000))").await.status, 200);
    let before = usage().await;
    let (kv, sql) = (before["kv_bytes"].as_u64().unwrap(), before["sql_bytes"].as_u64().unwrap());
    assert!((40_000..40_200).contains(&kv) && (24_000..40_000).contains(&sql), "{before}");
    assert_eq!(before["stored_bytes"], kv + sql);
    let refused = put("b", 50_000).await;
    assert_eq!(
        (refused.status, kind(&refused), &refused.body["quota"]),
        (409, "quota-exceeded", &json!("stored_bytes"))
    );
    let refused = query("INSERT INTO t VALUES (zeroblob(50000))").await;
    assert_eq!(
        (refused.status, kind(&refused), &refused.body["quota"]),
        (409, "quota-exceeded", &json!("stored_bytes"))
    );
    let bulk = json!([{"key": "a", "value": "new"}, {"key": "c", "value": "v".repeat(80_000)}]);
    assert_eq!(kind(&json_to(&server, "POST", &format!("{ACME}/kv/n/bulk"), bulk).await), "quota-exceeded");
    let large = format!("{CODE}//{}", "x".repeat(60_000));
    assert_eq!(kind(&server.put(&format!("{ACME}/handlers/a"), large).await), "quota-exceeded");
    assert_eq!(usage().await, before);
    // Code takes room from entries and databases, and gives it back.
    assert_eq!(
        server.put(&format!("{ACME}/handlers/a"), format!("{CODE}//{}", "x".repeat(30_000))).await.status,
        201
    );
    assert_eq!(kind(&put("b", 10_000).await), "quota-exceeded");
    assert_eq!(server.send("DELETE", &format!("{ACME}/handlers/a"), &[], "").await.status, 204);
    assert_eq!(put("b", 10_000).await.status, 204);
    // So does what is deleted.
    assert_eq!(server.send("DELETE", &format!("{ACME}/sql/d"), &[], "").await.status, 204);
    assert_eq!(server.send("DELETE", &format!("{ACME}/kv/n"), &[], "").await.status, 204);
    assert_eq!(usage().await["stored_bytes"], 0);
    // 0 is no bound.
    server.put(ACME, grant(0)).await;
    assert_eq!(put("b", 200_000).await.status, 204);
}
