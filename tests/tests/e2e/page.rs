//! The worker page, as a contributor sees and uses it.

use crate::support::{HOLD, Held, expect_problem};
use tabmesh_tests::gateway::workspace;
use tabmesh_tests::{Browser, Setup, eventually};

#[tokio::test]
async fn the_page_shows_its_state_counts_and_pauses() {
    let gateway = Setup::new().args(&["--queue-deadline", "400"]).start().await;
    gateway.deploy("hold", HOLD).await;
    let html = gateway.text("/_mesh/worker").await;
    assert!(html.contains("data-state=\"joining\""), "{html}");

    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker")).await;
    browser.wait_for_state(&["ready"]).await;
    assert_eq!(browser.text("#state").await, "Ready");
    gateway.wait_for_tabs(1).await;

    for _ in 0..3 {
        assert_eq!(gateway.text("/hold/").await, "free");
    }
    let served = |count: &'static str| {
        let browser = &browser;
        async move {
            eventually(&format!("{count} requests are shown as served"), || async {
                (browser.text("#served").await == count).then_some(())
            })
            .await;
        }
    };
    served("3").await;

    let held = Held::start(gateway.url("/hold/")).await;
    gateway.log().wait(0, &["holding"]).await;
    eventually("the running request is shown", || async {
        (browser.text("#active").await == "1").then_some(())
    })
    .await;
    browser.wait_for_state(&["serving"]).await;
    let pictures = workspace().join("target/e2e");
    std::fs::create_dir_all(&pictures).unwrap();
    browser.screenshot(&pictures.join("worker-serving.png")).await;

    // Pause: what runs finishes, nothing new comes.
    browser.click("#toggle").await;
    browser.wait_for_state(&["draining"]).await;
    gateway.wait_for_tabs(0).await;
    let refused = gateway.get("/hold/").await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(refused.status(), 503);
    assert_eq!(held.finish().await.text().await.unwrap(), "held one two");
    browser.wait_for_state(&["paused"]).await;
    served("4").await;
    assert_eq!(browser.text("#toggle").await, "Resume");
    assert_eq!(gateway.get("/hold/").await.status(), 503);
    browser.screenshot(&pictures.join("worker-paused.png")).await;

    // Another tab serves meanwhile.
    let first = browser.window().await;
    browser.new_window().await;
    browser.open(&gateway.url("/_mesh/worker")).await;
    gateway.wait_for_tabs(1).await;
    for _ in 0..5 {
        assert_eq!(gateway.text("/hold/").await, "free");
    }
    served("5").await;
    browser.close_window().await;
    browser.switch_to(&first).await;
    assert_eq!(browser.text("#served").await, "4");

    // Resume: it serves again.
    browser.click("#toggle").await;
    browser.wait_for_state(&["ready"]).await;
    gateway.wait_for_tabs(1).await;
    assert_eq!(gateway.text("/hold/").await, "free");
    served("5").await;
}

#[tokio::test]
async fn a_page_that_needs_a_token_does_not_join_without_it() {
    let gateway =
        Setup::new().args(&["--pool-token", "open sesame", "--queue-deadline", "200"]).start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker")).await;
    browser.wait_for_state(&["error"]).await;
    let explained = browser.text("#explain").await;
    assert!(!explained.is_empty());
    expect_problem(gateway.get("/hold/").await, 503, "no-tab").await;
    browser.open(&gateway.url("/_mesh/worker?token=open%20sesame")).await;
    browser.wait_for_state(&["ready"]).await;
    assert_eq!(gateway.text("/hold/").await, "free");
}

#[tokio::test]
async fn a_reloaded_page_joins_again() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = Browser::start().await;
    for round in 1..=3 {
        browser.open(&gateway.url("/_mesh/worker")).await;
        browser.wait_for_state(&["ready"]).await;
        assert_eq!(gateway.text("/hold/").await, "free");
        gateway.wait_for_tabs(1).await;
        assert_eq!(gateway.metric("tabmesh_joins_total").await, f64::from(round));
    }
}
