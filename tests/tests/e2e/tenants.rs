//! Tenants: hosts, names and isolates of their own, and tabs that serve some of them only.

use crate::support::expect_problem;
use serde_json::Value;
use tabmesh_tests::gateway::client;
use tabmesh_tests::hostile::FakeTab;
use tabmesh_tests::{Gateway, Setup, within};

/// Counts the requests that its isolate has seen.
const COUNTS: &str = "let count = 0; export default { fetch: (r) => new Response(`${++count} ${r.url}`) };";

async fn call(gateway: &Gateway, host: &str) -> String {
    let response = client().get(gateway.host_url(host, "/x?y")).send().await.unwrap();
    assert_eq!(response.status(), 200, "{host}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn tenants_have_hosts_and_isolates_of_their_own_for_the_same_code() {
    let gateway = Setup::new().tabs(1).start().await;
    let missing = client().put(gateway.url("/_mesh/v1/tenants/acme/handlers/counts")).body(COUNTS);
    expect_problem(missing.send().await.unwrap(), 404, "tenant-not-found").await;
    let ours = gateway.deploy("counts", COUNTS).await;
    let mut versions = vec![ours["version"].clone()];
    for tenant in ["acme", "counts"] {
        gateway.make_tenant(tenant).await;
        let view = gateway.deploy_for(tenant, "counts", COUNTS).await;
        assert_eq!(view["urls"]["host"], gateway.host_url(&format!("counts.{tenant}"), "/"));
        assert_eq!(view["urls"].get("path"), None, "by path there are the default tenant's alone");
        versions.push(view["version"].clone());
    }
    assert!(versions.iter().all(|version| *version == versions[0]), "{versions:?}");
    for round in 1..=2 {
        for host in ["counts", "counts.acme", "counts.counts"] {
            let expected = format!("{round} {}", gateway.host_url(host, "/x?y"));
            assert_eq!(call(&gateway, host).await, expected, "an isolate of another tenant");
        }
    }
    assert!(gateway.text("/counts/").await.starts_with("3 "), "by path it is the default tenant's");

    let list: Value =
        client().get(gateway.url("/_mesh/v1/tenants")).send().await.unwrap().json().await.unwrap();
    let names: Vec<_> =
        list["tenants"].as_array().unwrap().iter().map(|tenant| tenant["name"].clone()).collect();
    assert_eq!(names, ["acme", "counts", "default"]);
    for host in ["counts.nobody", "counts.default", "other.acme", "a.counts.acme"] {
        let response = client().get(gateway.host_url(host, "/")).send().await.unwrap();
        expect_problem(response, 404, "handler-not-found").await;
    }
    let deleted =
        client().delete(gateway.url("/_mesh/v1/tenants/acme/handlers/counts")).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    let gone = client().get(gateway.host_url("counts.acme", "/")).send().await.unwrap();
    expect_problem(gone, 404, "handler-not-found").await;
    call(&gateway, "counts").await;
}

#[tokio::test]
async fn tenants_and_their_handlers_survive_a_kill() {
    let mut gateway = Setup::new().tabs(1).start().await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "counts", COUNTS).await;
    gateway.kill().await;
    let gateway = gateway.restart().await;
    assert!(call(&gateway, "counts.acme").await.starts_with("1 "));
}

#[tokio::test]
async fn a_tab_that_names_tenants_gets_no_others_requests() {
    let gateway = Setup::new().args(&["--queue-deadline", "300"]).start().await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "faked", COUNTS).await;
    gateway.deploy("faked", COUNTS).await;
    let mut tab = FakeTab::join_for(gateway.address(), 8, &["acme"]).await;
    tab.hello().await;
    gateway.wait_for_tabs(1).await;
    let refused = gateway.get("/faked/").await;
    expect_problem(refused, 503, "no-tab").await;
    let call = tokio::spawn(client().get(gateway.host_url("faked.acme", "/")).send());
    let stream = tab.request().await;
    tab.respond(stream).await;
    tab.finish(stream, b"from the one that serves acme").await;
    let response = within("an answer of the fake tab", call).await.unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "from the one that serves acme");
    tab.close().await;
}
