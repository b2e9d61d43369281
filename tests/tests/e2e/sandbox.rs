//! Where tenants' code runs: an origin of their own where the page's address has room for one, none at all elsewhere, and
//! what happens when its process dies.

use crate::isolation::reaches_nothing;
use crate::script::is_evaluated;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Browser, Gateway, Setup, processes, within};

const HELLO: &str = "export default { fetch: () => new Response('hello') };";

/// Keeps a core busy for longer than it takes to find and kill its process, and says when it begins.
const SPIN: &str = "export default { async fetch(request) {
    console.log('spinning');
    await scheduler.wait(20);
    const end = performance.now() + Number(await request.text());
    while (performance.now() < end);
    return new Response('spun');
} };";

/// Fills the heap as fast as it can.
const BOMB: &str = "const hold = []; export default { async fetch() {
    for (;;) { for (let i = 0; i < 20; i++) hold.push(new Array(1e6).fill(i)); await scheduler.wait(1); }
} };";

/// A killed process is noticed, told and answered within a second or two; this is for machines with too much to do.
const NOTICED: Duration = Duration::from_secs(4);

async fn open_worker(gateway: &Gateway, query: &str) -> Browser {
    let browser = Browser::start().await;
    browser.open(&gateway.url(&format!("/_mesh/worker?autostart=1{query}"))).await;
    gateway.wait_for_tabs(1).await;
    browser
}

/// Address and sandbox tokens of every frame of the page.
async fn frames(browser: &Browser) -> Vec<(String, String)> {
    let found = browser
        .run("return [...document.querySelectorAll('iframe')].map((frame) => [frame.src, frame.getAttribute('sandbox')])")
        .await;
    serde_json::from_value(found).unwrap()
}

fn assert_opaque(frames: &[(String, String)], count: usize) {
    assert_eq!(frames.len(), count, "{frames:?}");
    for (src, sandbox) in frames {
        assert!(src.ends_with("/opaque.html") && sandbox == "allow-scripts", "{frames:?}");
    }
}

#[tokio::test]
async fn an_opaque_sandbox_serves_and_reaches_nothing() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hello", HELLO).await;
    let browser = open_worker(&gateway, "&isolation=opaque").await;
    assert_eq!(gateway.text("/hello/").await, "hello");
    is_evaluated(&gateway).await;
    reaches_nothing(&gateway).await;
    let wasm = "export default { async fetch() {
        const module = await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
        const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(1));
        return new Response(`${module instanceof WebAssembly.Module} ${hash.byteLength}`);
    } };";
    gateway.deploy("powers", wasm).await;
    assert_eq!(gateway.text("/powers/").await, "true 32");
    assert_opaque(&frames(&browser).await, 1);
}

#[tokio::test]
async fn with_a_sandbox_domain_each_tenant_has_its_own_origin_there() {
    let gateway = Setup::new().args(&["--sandbox-domain", "sandbox.localhost"]).start().await;
    gateway.deploy("hello", HELLO).await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "hello", HELLO).await;
    let browser = open_worker(&gateway, "").await;
    assert_eq!(gateway.text("/hello/").await, "hello");
    let acme = client().get(gateway.host_url("hello.acme", "/")).send().await.unwrap();
    assert_eq!((acme.status().as_u16(), acme.text().await.unwrap().as_str()), (200, "hello"));

    let port = gateway.address().port();
    for tenant in ["default", "acme"] {
        let origin = format!("http://{tenant}.sandbox.localhost:{port}/");
        let there = frames(&browser).await.into_iter().any(|(src, _)| src.starts_with(&origin));
        assert!(there, "no frame at {origin}");
    }
    reaches_nothing(&gateway).await;

    // Nothing but the isolate's files answers under that domain, at any depth.
    for host in ["default.sandbox", "hello.default.sandbox", "sandbox"] {
        for path in ["/", "/hello/", "/_mesh/worker", "/_mesh/v1/handlers", "/_mesh/healthz"] {
            let answer = client().get(gateway.host_url(host, path)).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn without_dns_for_the_sandbox_domain_requests_wait_for_an_opaque_sandbox() {
    let args = ["--domain", "mesh.localhost", "--sandbox-domain", "sandbox.invalid"];
    let gateway = Setup::new().args(&args).start().await;
    gateway.deploy("hello", HELLO).await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "hello", HELLO).await;
    let browser = Browser::start().await;
    // Not a loopback name to the page, although it is one.
    let page = format!("http://mesh.localhost:{}/_mesh/worker?autostart=1", gateway.address().port());
    browser.open(&page).await;
    gateway.wait_for_tabs(1).await;
    assert_eq!(gateway.text("/hello/").await, "hello");
    assert_opaque(&frames(&browser).await, 1);
    let host = format!("http://hello.acme.mesh.localhost:{}/", gateway.address().port());
    assert_eq!(client().get(host).send().await.unwrap().text().await.unwrap(), "hello");
    assert_opaque(&frames(&browser).await, 2);
    assert_eq!(gateway.metric("tabmesh_joins_total").await, 1.0);
}

/// Kills the process of one tenant's sandbox while a request runs in it.
async fn kill_one_tenants_process(query: &str) {
    let gateway = Setup::new().start().await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "hello", HELLO).await;
    gateway.deploy_files("spin", &[("main.js", SPIN)], json!({ "limits": { "cpu_ms": 30_000 } })).await;
    let browser = open_worker(&gateway, query).await;
    let hello = async || {
        let response = client().get(gateway.host_url("hello.acme", "/")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
    };
    hello().await;

    let spin = |ms: &'static str| client().post(gateway.url("/spin/")).body(ms).send();
    // Longer than it takes to find and kill it on any machine.
    let spinning = tokio::spawn(spin("20000"));
    gateway.log().wait(0, &["spinning"]).await;
    let busy = processes::busiest(&processes::renderers(browser.pid()), Duration::from_millis(300)).await;
    processes::kill_now(&[busy]);
    let killed = Instant::now();
    let spun = within("an answer from a killed process", spinning).await.unwrap().unwrap();
    assert!(spun.status().is_server_error(), "{}", spun.status());
    assert!(killed.elapsed() < NOTICED, "noticed after {:?}", killed.elapsed());

    // The page and its runtime go on; the sandbox is made anew.
    hello().await;
    assert_eq!(spin("1").await.unwrap().text().await.unwrap(), "spun");
    assert_eq!(gateway.metric("tabmesh_joins_total").await, 1.0);
    assert_eq!(frames(&browser).await.len(), 2);
}

#[tokio::test]
async fn a_killed_sandbox_process_is_replaced() {
    kill_one_tenants_process("").await;
}

#[tokio::test]
async fn a_killed_process_of_opaque_sandboxes_is_replaced() {
    kill_one_tenants_process("&isolation=opaque").await;
}

#[tokio::test]
async fn a_heap_bomb_in_a_headless_tab_ends_its_own_process_only() {
    let gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("hello", HELLO).await;
    gateway.make_tenant("acme").await;
    gateway.deploy_for("acme", "bomb", BOMB).await;
    gateway.deploy_for("acme", "hello", HELLO).await;
    assert_eq!(gateway.text("/hello/").await, "hello");
    let bomb = tokio::spawn(client().post(gateway.host_url("bomb.acme", "/")).send());
    let mut bomb = std::pin::pin!(within("the end of a heap bomb", bomb));
    let bombed = loop {
        tokio::select! {
            ended = &mut bomb => break ended.unwrap().unwrap(),
            hello = gateway.text("/hello/") => assert_eq!(hello, "hello"),
        }
    };
    assert_eq!(bombed.status(), 503);
    let problem: Value = bombed.json().await.unwrap();
    let kind = problem["type"].as_str().unwrap_or_default();
    // On a busy machine the CPU limit may come first.
    assert!(kind.ends_with(":memory-limit") || kind.ends_with(":cpu-limit"), "{problem}");
    let acme = client().get(gateway.host_url("hello.acme", "/")).send().await.unwrap();
    assert_eq!(acme.text().await.unwrap(), "hello");
    assert_eq!(gateway.metric("tabmesh_joins_total").await, 1.0);
}
