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
