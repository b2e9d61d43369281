//! Tabs that go away in the middle of a request.

use crate::support::{HOLD, Held, expect_problem};
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Browser, Gateway, Setup, processes, within};

/// `/wait` answers once `/release` was asked for in the same isolate.
const WAIT: &str = r"
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    export default {
      async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === '/release') { release(); return new Response('done'); }
        console.log(`waiting ${request.method}`);
        await released;
        return new Response('released');
      },
    };
";

/// A tab that was cut off is noticed within two seconds; twice that where all tests share two cores. Without our own signs of
/// life it would take ICE more than five. A closed one is noticed at once.
const NOTICED: Duration = Duration::from_secs(4);

async fn worker_window(gateway: &Gateway) -> Browser {
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    gateway.wait_for_tabs(1).await;
    browser
}

#[tokio::test]
async fn a_closed_tabs_get_is_retried_on_another_and_its_post_is_a_502() {
    let gateway = Setup::new().start().await;
    gateway.deploy("wait", WAIT).await;
    let browser = worker_window(&gateway).await;
    let first = browser.window().await;
    let get = tokio::spawn(client().get(gateway.url("/wait/")).send());
    gateway.log().wait(0, &["waiting GET"]).await;
    let post = tokio::spawn(client().post(gateway.url("/wait/")).body("x").send());
    gateway.log().wait(0, &["waiting POST"]).await;

    browser.new_window().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    gateway.wait_for_tabs(2).await;
    browser.switch_to(&first).await;
    let closed = Instant::now();
    browser.close_window().await;

    let post = within("the answer to a POST whose tab was closed", post).await.unwrap().unwrap();
    expect_problem(post, 502, "tab-lost").await;
    gateway.log().wait_nth(0, &["waiting GET"], 2).await;
    assert!(closed.elapsed() < NOTICED, "noticed after {:?}", closed.elapsed());
    assert_eq!(gateway.text("/wait/release").await, "done");
    let get = within("the retried GET", get).await.unwrap().unwrap();
    assert_eq!((get.status().as_u16(), get.text().await.unwrap().as_str()), (200, "released"));
    assert_eq!(gateway.log().matching(0, &["waiting POST"]).len(), 1, "a POST was repeated");
    assert_eq!(gateway.metric("tabmesh_retries_total").await, 1.0);
    assert_eq!(gateway.metric("tabmesh_active_requests").await, 0.0);
}

#[tokio::test]
async fn a_killed_renderer_is_noticed_soon() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = worker_window(&gateway).await;
    let held = Held::start(gateway.url("/hold/")).await;
    gateway.log().wait(0, &["holding"]).await;
    let killed = Instant::now();
    browser.kill_renderers();
    expect_problem(held.answer().await, 502, "tab-lost").await;
    assert!(killed.elapsed() < NOTICED, "noticed after {:?}", killed.elapsed());
    gateway.wait_for_tabs(0).await;
}

#[tokio::test]
async fn a_tab_that_falls_silent_is_noticed_soon() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = worker_window(&gateway).await;
    let held = Held::start(gateway.url("/hold/")).await;
    gateway.log().wait(0, &["holding"]).await;
    browser.freeze();
    let frozen = Instant::now();
    expect_problem(held.answer().await, 502, "tab-lost").await;
    assert!(frozen.elapsed() < NOTICED, "noticed after {:?}", frozen.elapsed());
}

#[tokio::test]
async fn a_response_cut_off_in_the_middle_breaks_the_connection() {
    let gateway = Setup::new().start().await;
    let endless = "export default { fetch: () => new Response(new ReadableStream({
        async pull(controller) { await scheduler.wait(5); controller.enqueue(new Uint8Array(100)); },
    })) };";
    gateway.deploy("endless", endless).await;
    let browser = worker_window(&gateway).await;
    let mut response = gateway.get("/endless/").await;
    crate::support::next_piece(&mut response).await.unwrap();
    browser.kill_renderers();
    let rest = within("the end of a body whose tab died", async {
        loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    });
    assert!(rest.await.is_err(), "a cut-off body looked complete");
}

#[tokio::test]
async fn a_headless_tab_that_crashes_is_replaced_and_no_get_is_lost() {
    let gateway = Setup::new().tabs(2).start().await;
    gateway
        .deploy(
            "steady",
            "export default { async fetch() { await scheduler.wait(5); return new Response('ok') } };",
        )
        .await;
    let renderers = processes::renderers(gateway.pid());
    assert!(renderers.len() >= 2, "{renderers:?}");
    let client = client();
    let calling = async {
        // Until both tabs are back, and some more.
        let mut calls = 0;
        while gateway.metric("tabmesh_joins_total").await < 3.0 || calls < 200 {
            let response = client.get(gateway.url("/steady/")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            calls += 1;
        }
    };
    let killing = async {
        gateway.text("/steady/").await;
        // The renderers of one of the two browsers: those that share the first one's parent.
        let one = processes::siblings(renderers[0], &renderers);
        assert!(one.len() < renderers.len(), "{renderers:?}");
        processes::kill_now(&one);
    };
    within("steady calls over a crash", async { tokio::join!(calling, killing) }).await;
    gateway.wait_for_tabs(2).await;
}
