//! Cron triggers.

use serde_json::json;
use tabmesh_tests::{Setup, eventually};

const TICKER: &str = r"
    export default {
      async scheduled(controller, env, ctx) {
        const runs = JSON.parse(await env.KV.get('runs') ?? '[]');
        runs.push([controller.cron, controller.scheduledTime % 60000, typeof controller.noRetry]);
        ctx.waitUntil(env.KV.put('runs', JSON.stringify(runs)));
      },
      fetch: async (_, env) => new Response(await env.KV.get('runs') ?? '[]'),
    };
";

#[tokio::test]
async fn what_was_missed_while_the_gateway_was_down_runs_once() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let metadata = json!({
        "main_module": "main.js", "crons": ["0 * * * *", "0 0 1 1 *"],
        "bindings": [{ "type": "kv_namespace", "name": "KV", "namespace_id": "runs" }],
    });
    gateway.deploy_files("ticker", &[("main.js", TICKER)], metadata).await;
    assert_eq!(gateway.text("/ticker/").await, "[]");
    gateway.kill().await;
    // Three hours pass.
    let database = gateway.home().join("data/tabmesh.db");
    let store = rusqlite::Connection::open(database).unwrap();
    let now = "(CAST(strftime('%s') AS INTEGER) - 3 * 3600) * 1000";
    store
        .execute(&format!("INSERT INTO cron_runs VALUES ('default', 'ticker', '0 * * * *', {now})"), [])
        .unwrap();
    store
        .execute(&format!("INSERT INTO cron_runs VALUES ('default', 'ticker', '0 0 1 1 *', {now})"), [])
        .unwrap();
    drop(store);
    for _ in 0..2 {
        gateway = gateway.restart().await;
        gateway.wait_for_tabs(1).await;
        eventually("the missed run", || async {
            (gateway.text("/ticker/").await == r#"[["0 * * * *",0,"function"]]"#).then_some(())
        })
        .await;
        gateway.kill().await;
    }
}

#[tokio::test]
async fn what_is_no_pattern_is_refused() {
    let gateway = tabmesh_tests::mesh().await;
    let form = reqwest::multipart::Form::new()
        .text("metadata", json!({ "crons": ["every minute"] }).to_string())
        .part("f", reqwest::multipart::Part::text(TICKER).file_name("main.js"));
    let response =
        tabmesh_tests::gateway::client().put(gateway.handler_url("t")).multipart(form).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("no cron pattern"));
}
