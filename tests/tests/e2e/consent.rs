//! Nothing happens before the contributor says so, and then no more than they allow.

use crate::support::HOLD;
use serde_json::{Value, json};
use std::time::Duration;
use tabmesh_tests::{Browser, Gateway, Setup, eventually};

/// Longer than a page that starts by itself takes to join.
const IDLE: Duration = Duration::from_millis(1500);

/// Makes the page's messages to the runtime readable for the test.
const WATCH: &str = "
    window.posted = [];
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (message, ...rest) {
      if (message.settings) posted.push(message);
      return post.call(this, message, ...rest);
    };
";

/// Writes into a field as a person does, and leaves it.
async fn write(browser: &Browser, field: &str, text: &str) {
    browser
        .run(&format!(
            "const field = document.querySelector('#set-{field}'); field.value = {text:?};
             field.dispatchEvent(new Event('change'));"
        ))
        .await;
}

/// The settings that the runtime was told last.
async fn told(browser: &Browser) -> Value {
    browser.run("return posted.at(-1)?.settings ?? null").await
}

/// The number that a field shows.
async fn shown(browser: &Browser, field: &str) -> String {
    let value = browser.run(&format!("return document.querySelector('#set-{field}').value")).await;
    value.as_str().unwrap_or_default().to_owned()
}

async fn assert_idle(browser: &Browser, gateway: &Gateway) {
    tokio::time::sleep(IDLE).await;
    assert_eq!(browser.state().await, "asking");
    let frames = browser.run("return document.querySelectorAll('iframe').length").await;
    assert_eq!(frames, 0, "a frame before consent");
    let loaded = browser
        .run("return performance.getEntriesByType('resource').map((entry) => entry.name).join(' ')")
        .await;
    let loaded = loaded.as_str().unwrap();
    assert!(loaded.contains("/worker.js") && !loaded.contains("runtime"), "{loaded}");
    let joined = gateway.get("/_mesh/readyz").await.json::<Value>().await.unwrap();
    assert_eq!(joined["tabs"]["joined"], 0);
    assert_eq!(gateway.metric("tabmesh_joins_total").await, 0.0);
}

#[tokio::test]
async fn no_link_and_no_script_makes_a_persons_tab_work() {
    let gateway = Setup::new().start().await;
    let browser = Browser::start_like_a_persons().await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    assert_eq!(browser.run("return navigator.webdriver").await, false);
    browser.run("document.querySelector('#start').click()").await;
    assert_idle(&browser, &gateway).await;
    let question = browser.text("#consent").await;
    for part in ["functions of strangers", "sandbox", "cores", "GB of memory", "network", "other tabs"] {
        assert!(question.contains(part), "{part:?} in {question}");
    }
    // A note left by another page of this origin, without a reload.
    browser.run("sessionStorage.setItem('tabmesh.consent', Date.now())").await;
    browser.open(&gateway.url("/_mesh/worker?autostart=1")).await;
    assert_idle(&browser, &gateway).await;
}

#[tokio::test]
async fn a_press_of_start_starts_and_the_next_visit_asks_again() {
    let gateway = Setup::new().start().await;
    gateway.deploy("hold", HOLD).await;
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker")).await;
    assert_eq!(browser.run("return navigator.webdriver").await, true);
    assert_idle(&browser, &gateway).await;
    browser.click("#start").await;
    browser.wait_for_state(&["ready"]).await;
    assert_eq!(gateway.text("/hold/").await, "free");
    assert_eq!(browser.run("return document.activeElement.id").await, "toggle");
    browser.run("location.reload()").await;
    gateway.wait_for_tabs(0).await;
    browser.wait_for_state(&["asking"]).await;
}

#[tokio::test]
async fn settings_are_clamped_told_at_once_and_remembered() {
    let gateway = Setup::new().start().await;
    let browser = Browser::start().await;
    browser
        .open(&gateway.url("/_mesh/worker?cpu=70&memory=nonsense&charging=1&tenants=acme,%20default"))
        .await;
    browser.run(WATCH).await;
    assert!(browser.text("#note-memory").await.contains("Not a number"));
    let consent = browser.text("#consent").await;
    assert!(consent.contains("at 70 %") && consent.contains("acme, default"), "{consent}");
    browser.click("#start").await;
    browser.wait_for_state(&["ready"]).await;
    let first = told(&browser).await;
    assert_eq!(first["cpuShare"], 0.7);
    assert_eq!(first["tenants"], json!(["acme", "default"]));
    assert_eq!(
        (&first["concurrency"], &first["isolates"], &first["cpuMs"]),
        (&64.into(), &16.into(), &5000.into())
    );
    assert_eq!((&first["onlyCharging"], &first["notMetered"]), (&true.into(), &false.into()));

    for (field, key, text, taken, note) in [
        ("memory", "memoryMb", "17", 256, "It is 256 MB now."),
        ("isolates", "isolates", "9999", 64, "It is 64 now."),
        ("concurrency", "concurrency", "8", 8, "1 to 512."),
        ("cpuMs", "cpuMs", "-3", 10, "It is 10 ms now."),
        ("cpuMs", "cpuMs", "1e3", 1000, "10 to 300,000 ms."),
        ("cores", "cores", "", 0, "Not a number"),
    ] {
        write(&browser, field, text).await;
        let said = browser.text(&format!("#note-{field}")).await;
        assert!(said.contains(note), "{field}: {said}");
        if taken > 0 {
            assert_eq!(told(&browser).await[key], taken, "{field}");
            assert_eq!(shown(&browser, field).await, taken.to_string());
        }
    }
    // Who the tab serves is told to gateways when it joins.
    assert_eq!(browser.run("return document.querySelector('#set-tenants').disabled").await, true);

    browser.open(&gateway.url("/_mesh/worker")).await;
    browser.wait_for_state(&["asking"]).await;
    assert_eq!(shown(&browser, "concurrency").await, "8");
    assert_eq!(shown(&browser, "memory").await, "256");
    assert_eq!(shown(&browser, "isolates").await, "16", "more than usual is not remembered");
    assert_eq!(shown(&browser, "cpu").await, "100", "what a link said is not remembered");
    assert_eq!(browser.run("return document.querySelector('#set-onlyCharging').checked").await, false);
    browser.click("#controls summary").await;
    browser.click("#reset").await;
    assert_eq!(shown(&browser, "concurrency").await, "64");
    assert_eq!(browser.run("return localStorage.length").await, 0);
}

#[tokio::test]
async fn hostile_storage_lowers_at_most_and_a_wrong_name_starts_nothing() {
    let gateway = Setup::new().start().await;
    let browser = Browser::start().await;
    browser.open(&gateway.url("/_mesh/worker")).await;
    let usual = (shown(&browser, "memory").await, shown(&browser, "concurrency").await);
    for stored in [
        r#"{"memory":65536,"concurrency":512,"cpuMs":300000,"isolates":64,"pool":"evil","cpu":1e9}"#,
        r#"{"memory":"512","concurrency":-1,"cpuMs":null,"isolates":{},"tenants":"NO","onlyCharging":"yes"}"#,
        r#"{"__proto__":{"memory":1},"tenants":["a"],"rules":{},"values":1}"#,
        "[[[",
        "null",
        "7",
        "",
    ] {
        browser.run(&format!("localStorage.setItem('tabmesh.worker.settings', {stored:?})")).await;
        browser.open(&gateway.url("/_mesh/worker")).await;
        eventually("the page is ready to be started", || async {
            (browser.run("return document.querySelector('#start').disabled").await == false).then_some(())
        })
        .await;
        assert_eq!(
            (shown(&browser, "memory").await, shown(&browser, "concurrency").await),
            usual,
            "{stored}"
        );
        assert_eq!(shown(&browser, "cpuMs").await, "5000", "{stored}");
        assert_eq!(shown(&browser, "pool").await, "default", "{stored}");
        assert_eq!(shown(&browser, "tenants").await, "", "{stored}");
        assert_eq!(browser.run("return document.querySelector('#set-onlyCharging').checked").await, false);
    }
    for query in ["tenants=UPPER", "tenants=a,b!", "pool=no%20pool", "pool="] {
        browser.open(&gateway.url(&format!("/_mesh/worker?autostart=1&{query}"))).await;
        assert_idle(&browser, &gateway).await;
        assert_eq!(browser.run("return document.querySelector('#consent-problem').hidden").await, false);
    }
}

#[tokio::test]
async fn a_page_whose_gateway_was_upgraded_loads_itself_anew_once() {
    let gateway = Setup::new().args(&["--pool-token", "open sesame"]).start().await;
    let browser = Browser::start_like_a_persons().await;
    browser.open(&gateway.url("/_mesh/worker?token=wrong")).await;
    // The gateway serves other files now, or so the page hears.
    browser
        .run(
            "window.old = true; window.fetch = async () =>
              new Response('<html data-isolate=\"00\"><script src=\"/_mesh/assets/11/worker.js\">');",
        )
        .await;
    browser.click("#start").await;
    eventually("the page is loaded anew and still has its consent", || async {
        (browser.run("return window.old === undefined && document.documentElement.dataset.state").await
            == "error")
            .then_some(())
    })
    .await;
    // Nothing is newer than what the page has now.
    tokio::time::sleep(IDLE).await;
    assert_eq!(browser.state().await, "error");
    // A person's own reload asks.
    browser.run("location.reload()").await;
    browser.wait_for_state(&["asking"]).await;
}

#[tokio::test]
async fn headless_tabs_use_what_they_are_told_to() {
    let args = [
        "--pool-token",
        "open sesame & more",
        "--tab-cpu",
        "50",
        "--tab-memory",
        "512",
        "--tab-isolates",
        "2",
    ];
    let gateway = Setup::new().tabs(1).args(&args).args(&["--tenants", "default,acme"]).start().await;
    gateway.deploy("hold", HOLD).await;
    assert_eq!(gateway.text("/hold/").await, "free");
    let home = gateway.home().display().to_string();
    let lines = tabmesh_tests::processes::that_mention(&home);
    let wanted =
        "autostart=1&pool=default&cpu=50&memory=512&isolates=2&cpu-ms=30000&tenants=default%2Cacme&token=";
    assert!(lines.iter().any(|line| format!("{line:?}").contains(wanted)), "{lines:#?}");
}
