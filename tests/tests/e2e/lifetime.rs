//! The gateway's own end and return.

use crate::support::{HOLD, Held};
use serde_json::Value;
use std::time::{Duration, Instant};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Browser, Setup, eventually};

/// The promise: open tabs are back this long after the gateway is.
const BACK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn after_a_sigkill_the_handlers_are_there_and_open_tabs_rejoin() {
    let mut gateway = Setup::new().start().await;
    for i in 0..20 {
        gateway
            .deploy(&format!("kept-{i}"), format!("export default {{ fetch: () => new Response('{i}') }};"))
            .await;
    }
    gateway.deploy_limited("limited", HOLD, 1234).await;
    client().delete(gateway.handler_url("kept-19")).send().await.unwrap();
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    gateway.wait_for_tabs(1).await;
    let first = browser.window().await;
    let second = browser.new_window().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    gateway.wait_for_tabs(2).await;
    assert_eq!(gateway.text("/kept-3/").await, "3");
    let before: Value = gateway.get("/_mesh/v1/handlers").await.json().await.unwrap();

    for _ in 0..2 {
        // The last word before the end is kept, too.
        gateway.deploy("last", "export default { fetch: () => new Response('last') };").await;
        gateway.kill().await;
        for window in [&first, &second] {
            browser.switch_to(window).await;
            browser.wait_for_state(&["reconnecting", "joining"]).await;
        }
        gateway = gateway.restart().await;
        let listening = Instant::now();
        gateway.wait_for_tabs(2).await;
        let back = listening.elapsed();
        println!("both tabs were back after {back:?}");
        assert!(back < BACK, "both tabs were back only after {back:?}");
        for i in 0..19 {
            assert_eq!(gateway.text(&format!("/kept-{i}/")).await, i.to_string());
        }
        assert_eq!(gateway.get("/kept-19/").await.status(), 404);
        assert_eq!(gateway.text("/last/").await, "last");
        browser.wait_for_state(&["ready", "serving"]).await;
    }
    client().delete(gateway.handler_url("last")).send().await.unwrap();
    let after: Value = gateway.get("/_mesh/v1/handlers").await.json().await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn sigterm_lets_requests_finish_and_leaves_nothing_behind() {
    let mut gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("hold", HOLD).await;
    let held = Held::start(gateway.url("/hold/")).await;
    gateway.log().wait(0, &["holding"]).await;
    let home = gateway.home().display().to_string();
    assert!(
        tabmesh_tests::processes::that_mention(&home).len() > 2,
        "the browser is not found by its folder"
    );

    gateway.child().signal(rustix::process::Signal::TERM);
    gateway.log().wait(0, &["shutting down"]).await;
    // Nobody new gets in.
    eventually("new callers are refused", || async {
        match client().get(gateway.url("/hold/")).send().await {
            Ok(response) => (response.status() == 503).then_some(()),
            Err(_) => Some(()),
        }
    })
    .await;
    let response = held.finish().await;
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "held one two"));
    let finished = Instant::now();
    assert_eq!(gateway.child().exited().await, 0);
    assert!(
        finished.elapsed() < Duration::from_secs(9),
        "it waited for the drain time: {:?}",
        finished.elapsed()
    );
    eventually("no process of the gateway is left", || async {
        tabmesh_tests::processes::that_mention(&home).is_empty().then_some(())
    })
    .await;
    let left: Vec<_> =
        std::fs::read_dir(gateway.home().join("tmp")).unwrap().flatten().map(|it| it.file_name()).collect();
    assert!(left.is_empty(), "left in the temporary folder: {left:?}");
}

#[tokio::test]
async fn sigkill_takes_the_headless_tabs_along() {
    let mut gateway = Setup::new().tabs(1).start().await;
    let home = gateway.home().display().to_string();
    gateway.kill().await;
    eventually("no browser outlives a killed gateway", || async {
        tabmesh_tests::processes::that_mention(&home).is_empty().then_some(())
    })
    .await;
}
