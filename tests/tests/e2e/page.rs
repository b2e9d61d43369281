//! The worker page, as a contributor sees and uses it.

use crate::support::{HOLD, Held, expect_problem};
use tabmesh_tests::gateway::workspace;
use tabmesh_tests::{Browser, Setup, eventually};

#[tokio::test]
async fn the_page_shows_its_state_counts_and_pauses() {
    let gateway = Setup::new().args(&["--queue-deadline", "400"]).start().await;
    gateway.deploy("hold", HOLD).await;
    let html = gateway.text("/_mesh/worker").await;
    assert!(html.contains("data-state=\"asking\""), "{html}");

    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
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
    assert_eq!(browser.text("#sandbox").await, "Own origin and process for each tenant");
    assert_eq!(browser.text("#isolates").await, "1");
    assert!(browser.text("#memory-now").await.ends_with(" MB"));
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
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
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
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    browser.wait_for_state(&["error"]).await;
    let explained = browser.text("#explain").await;
    assert!(!explained.is_empty());
    expect_problem(gateway.get("/hold/").await, 503, "no-tab").await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1&token=open%20sesame")).await;
    browser.wait_for_state(&["ready"]).await;
    assert_eq!(gateway.text("/hold/").await, "free");
}

#[tokio::test]
async fn a_reloaded_page_joins_again() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = Browser::start().await;
    for round in 1..=3 {
        browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
        browser.wait_for_state(&["ready"]).await;
        assert_eq!(gateway.text("/hold/").await, "free");
        gateway.wait_for_tabs(1).await;
        assert_eq!(gateway.metric("tabmesh_joins_total").await, f64::from(round));
    }
}

#[tokio::test]
async fn the_machines_surroundings_hold_the_tab_back_and_it_says_why() {
    let gateway = Setup::new().args(&["--queue-deadline", "200"]).start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker?charging=1&unmetered=1")).await;
    browser
        .run(
            "window.battery = Object.assign(new EventTarget(), { charging: false });
             navigator.getBattery = async () => battery;",
        )
        .await;
    browser.click("#start").await;
    browser.wait_for_state(&["paused"]).await;
    eventually("the reason is shown", || async {
        (browser.text("#explain").await == "Waiting for the machine to charge.").then_some(())
    })
    .await;
    assert_eq!(
        (browser.text("#state").await, browser.text("#toggle").await),
        ("On hold".into(), "Pause".into())
    );
    assert_eq!(gateway.get("/hold/").await.status(), 503);

    browser.run("battery.charging = true; battery.dispatchEvent(new Event('chargingchange'))").await;
    browser.wait_for_state(&["ready"]).await;
    gateway.wait_for_tabs(1).await;
    assert_eq!(gateway.text("/hold/").await, "free");

    browser
        .run(
            "Object.defineProperty(navigator.connection, 'saveData', { value: true });
             navigator.connection.dispatchEvent(new Event('change'));",
        )
        .await;
    browser.wait_for_state(&["paused", "draining"]).await;
    gateway.wait_for_tabs(0).await;
    assert!(browser.text("#explain").await.contains("metered"));
    // Who no longer minds serves again.
    browser.click("#controls summary").await;
    browser.click("#set-notMetered").await;
    browser.wait_for_state(&["ready"]).await;
    gateway.wait_for_tabs(1).await;
    // Pausing stays the person's own, whatever the surroundings.
    browser.click("#toggle").await;
    browser.wait_for_state(&["paused"]).await;
    assert_eq!(
        (browser.text("#state").await, browser.text("#toggle").await),
        ("Paused".into(), "Resume".into())
    );
}

#[tokio::test]
async fn the_processor_figure_follows_what_handlers_use() {
    let gateway = Setup::new().start().await;
    let spin = "export default { fetch(request) {
        const until = performance.now() + 400;
        while (performance.now() < until);
        return new Response('spun');
    } };";
    gateway.deploy("spin", spin).await;
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    browser.wait_for_state(&["ready"]).await;
    let shown = || async {
        let text = browser.text("#cpu-now").await;
        text.strip_suffix(" %").unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(gateway.text("/spin/").await, "spun");
    eventually("work is shown", || async { (shown().await > 0).then_some(()) }).await;
    assert!(shown().await <= 100);
    eventually("rest is shown", || async { (shown().await == 0).then_some(()) }).await;
}
