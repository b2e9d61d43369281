//! What a wrangler file binds: variables, KV, services, assets, cron triggers; all through `tabmesh deploy`.

use crate::app::{App, json, push, text};
use serde_json::{Value, json};
use tabmesh_tests::{Setup, eventually};

#[tokio::test]
async fn bindings_of_a_wrangler_file_are_there() {
    let _greeter = App::deploy("greeter").await;
    let app = App::deploy("bound").await;
    assert_eq!(text(&app.get("/vars").await), "hello from the wrangler file");
    for count in [1, 2] {
        assert_eq!(json(&app.ask("POST", "/count/visits").send().await), json!({ "count": count }));
    }
    assert_eq!(app.json("/count/visits").await["value"], "2");
    assert_eq!(app.json("/count/visits").await["metadata"], json!({ "last": "now" }));
    assert_eq!(text(&app.get("/later/background").await), "soon");
    eventually("what waitUntil wrote is there", || async {
        (app.json("/count/background").await["value"] == "done").then_some(())
    })
    .await;
    assert!(text(&app.get("/file").await).starts_with("User-agent"));
    assert!(text(&app.get("/robots.txt").await).starts_with("User-agent"));
}

#[tokio::test]
async fn a_cron_trigger_of_a_wrangler_file_runs() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let output = push(&gateway, "bound", &[]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    gateway.kill().await;
    // It ran an hour ago, says the store: so a run was missed.
    let store = rusqlite::Connection::open(gateway.home().join("data/tabmesh.db")).unwrap();
    let ago = "(CAST(strftime('%s') AS INTEGER) - 3600) * 1000";
    let insert = format!("INSERT INTO cron_runs VALUES ('default', 'bound', '* * * * *', {ago})");
    store.execute(&insert, []).unwrap();
    drop(store);
    let gateway = gateway.restart().await;
    gateway.wait_for_tabs(1).await;
    eventually("the cron trigger ran", || async {
        let value: Value = serde_json::from_str(&gateway.text("/bound/runs").await).ok()?;
        (value["runs"].as_u64()? > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_compressed_answer_of_another_worker_is_read_and_passed_on_compressed_at_most_once() {
    let _greeter = App::deploy("greeter").await;
    let app = App::deploy("bound").await;
    assert_eq!(text(&app.get("/greet/Ada/read").await), "Hello, Ada! Hello, A");
    for how in ["passed", "made"] {
        let answer = app.get(&format!("/greet/Ada/{how}")).await;
        assert_eq!(answer.field("x-from"), Some("greeter"), "{how}");
        assert_eq!(answer.field("content-encoding"), None, "{how}");
        assert_eq!(text(&answer), "Hello, Ada! ".repeat(200), "{how}");
    }
}
