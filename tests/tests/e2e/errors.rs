//! Handlers that fail, and requests that cannot be served: what the caller and the log get to know.

use crate::support::{HOLD, Held, expect_problem, problem};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Setup, mesh, raw, solo};

#[tokio::test]
async fn an_unknown_handler_is_a_404() {
    let gateway = mesh().await;
    expect_problem(gateway.get("/nobody-deployed-this/").await, 404, "handler-not-found").await;
    let by_host = client().get(gateway.host_url("nobody-deployed-this", "/")).send().await.unwrap();
    expect_problem(by_host, 404, "handler-not-found").await;
}

#[tokio::test]
async fn without_tabs_callers_get_a_503_and_when_to_come_back() {
    let gateway = Setup::new().args(&["--queue-deadline", "200"]).start().await;
    gateway.deploy("hello", "export default { fetch: () => new Response('hi') };").await;
    let response = gateway.get("/hello/").await;
    let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(after >= 1);
    expect_problem(response, 503, "no-tab").await;
    let ready = gateway.get("/_mesh/readyz").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(gateway.get("/_mesh/healthz").await.status(), 200);
}

#[tokio::test]
async fn when_all_are_busy_callers_wait_until_the_deadline_and_no_place_is_lost() {
    let setup = Setup::new().tabs(1).args(&["--tab-concurrency", "1", "--queue-deadline", "300"]);
    let gateway = setup.start().await;
    gateway.deploy("hold", HOLD).await;
    for round in 1..=3 {
        let held = Held::start(gateway.url("/hold/")).await;
        gateway.log().wait_nth(0, &["holding"], round).await;
        let response = gateway.get("/hold/").await;
        assert!(response.headers().contains_key("retry-after"));
        expect_problem(response, 503, "queue-timeout").await;
        // The place comes back however the request ends.
        if round == 1 {
            assert_eq!(held.finish().await.text().await.unwrap(), "held one two");
        } else {
            held.abandon();
        }
        assert_eq!(gateway.text("/hold/").await, "free");
    }
    assert_eq!(gateway.metric("tabmesh_active_requests").await, 0.0);
    assert_eq!(gateway.metric("tabmesh_queued_requests").await, 0.0);
}

#[tokio::test]
async fn who_waits_in_the_queue_is_served_when_a_place_is_free() {
    let gateway = Setup::new().tabs(1).args(&["--tab-concurrency", "1"]).start().await;
    gateway.deploy("hold", HOLD).await;
    let held = Held::start(gateway.url("/hold/")).await;
    gateway.log().wait(0, &["holding"]).await;
    let (waiting, held) = tokio::join!(gateway.text("/hold/"), async {
        tabmesh_tests::eventually("a request waits", || async {
            (gateway.metric("tabmesh_queued_requests").await == 1.0).then_some(())
        })
        .await;
        held.finish().await
    });
    assert_eq!(waiting, "free");
    assert_eq!(held.status(), 200);
}

#[tokio::test]
async fn a_throwing_handler_is_a_500_whose_reason_is_in_the_log_alone() {
    let gateway = mesh().await;
    let handlers = [
        (
            "throws",
            "export default { fetch() { throw new Error('kaboom in throws'); } };",
            "handler-exception",
        ),
        (
            "rejects",
            "export default { async fetch() { await 1; throw new TypeError('kaboom in rejects'); } };",
            "handler-exception",
        ),
        (
            "throws-text",
            "export default { fetch() { throw 'kaboom in throws-text'; } };",
            "handler-exception",
        ),
        ("no-load", "throw new Error('kaboom in no-load'); export default {};", "handler-failed-to-start"),
        ("no-form", "export default { kaboom: 1 };", "handler-failed-to-start"),
        (
            "event-throws",
            "export default async () => { throw new Error('kaboom in event-throws'); };",
            "handler-exception",
        ),
    ];
    for (name, source, slug) in handlers {
        gateway.deploy(name, source).await;
        let response = client().post(gateway.url(&format!("/{name}/"))).body("{}").send().await.unwrap();
        let header = response.headers().get("x-request-id").map(|id| id.to_str().unwrap().to_owned());
        let (status, document) = problem(response).await;
        assert_eq!(
            (status, document["type"].as_str()),
            (500, Some(&*format!("urn:tabmesh:problem:{slug}"))),
            "{name}"
        );
        let id = document["requestId"].as_str().unwrap();
        assert_eq!(header.as_deref(), Some(id), "{name}");
        let told = document.to_string();
        assert!(!told.contains("kaboom") && !told.contains("main.js"), "{name}: {told}");
        let reason = if name == "no-form" { "default export" } else { "kaboom" };
        let line = gateway.log().wait(gateway.mark(), &[id, name, reason]).await;
        assert!(matches!(name, "no-form" | "throws-text") || line.contains("main.js"), "no stack: {line}");
    }
}

#[tokio::test]
async fn no_response_is_a_500() {
    let gateway = mesh().await;
    for (name, value) in
        [("gives-nothing", "undefined"), ("gives-text", "'text'"), ("gives-object", "({ status: 200 })")]
    {
        gateway.deploy(name, format!("export default {{ fetch: () => {value} }};")).await;
        let id = expect_problem(gateway.get(&format!("/{name}/")).await, 500, "no-response").await;
        gateway.log().wait(gateway.mark(), &[&id, name]).await;
    }
}

#[tokio::test]
async fn an_exception_harms_no_other_request_in_the_isolate() {
    let gateway = solo().await;
    let source = "let count = 0; export default { fetch(request) {
        count++;
        if (new URL(request.url).pathname === '/throw') throw new Error('once');
        return new Response(String(count));
    } };";
    gateway.deploy("throws-once", source).await;
    assert_eq!(gateway.text("/throws-once/").await, "1");
    expect_problem(gateway.get("/throws-once/throw").await, 500, "handler-exception").await;
    assert_eq!(gateway.text("/throws-once/").await, "3", "the isolate was replaced");
}

#[tokio::test]
async fn hosts_and_requests_that_make_no_sense_are_refused() {
    let gateway = mesh().await;
    let port = gateway.address().port();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (format!("GET / HTTP/1.1\r\nHost: a.b.localhost:{port}\r\nConnection: close\r\n\r\n"), 404),
        (format!("GET / HTTP/1.1\r\nHost: a.b.c.localhost:{port}\r\nConnection: close\r\n\r\n"), 404),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /_mesh/nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(), 404),
        ("POST /_mesh/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".to_owned(), 405),
    ] {
        let response = raw::exchange(gateway.address(), request.as_bytes()).await;
        assert_eq!(response.status, status, "{request:?}: {}", response.text());
    }
}
