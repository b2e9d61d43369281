//! Limits: of time, of bodies, of heads.

use crate::support::{chunked, expect_problem};
use serde_json::json;
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Setup, mesh, raw, solo};

/// Counts its requests, so that a fresh isolate shows; `/wait` and `/spin` never answer.
const SLOW: &str = r"
    let count = 0;
    export default {
      async fetch(request) {
        count++;
        const { pathname } = new URL(request.url);
        if (pathname === '/wait') await new Promise(() => {});
        if (pathname === '/spin') for (;;) ;
        return new Response(String(count));
      },
    };
";

async fn over_the_time_limit(name: &str, path: &str) {
    let gateway = solo().await;
    gateway.deploy_limited(name, SLOW, 600).await;
    assert_eq!(gateway.text(&format!("/{name}/")).await, "1");
    assert_eq!(gateway.text(&format!("/{name}/")).await, "2");
    for _ in 0..2 {
        let response = gateway.get(&format!("/{name}{path}")).await;
        expect_problem(response, 504, "handler-timeout").await;
        assert_eq!(gateway.text(&format!("/{name}/")).await, "1", "not a fresh isolate");
    }
}

#[tokio::test]
async fn a_handler_that_waits_over_its_limit_is_a_504_and_its_isolate_is_ended() {
    over_the_time_limit("waits-long", "/wait").await;
}

#[tokio::test]
async fn a_handler_that_spins_over_its_limit_is_a_504_and_its_isolate_is_ended() {
    over_the_time_limit("spins", "/spin").await;
}

#[tokio::test]
async fn a_spinning_handler_does_not_slow_others_down() {
    let gateway = solo().await;
    gateway.deploy_limited("spinner", SLOW, 1500).await;
    gateway.deploy("bystander", "export default { fetch: () => new Response('fine') };").await;
    assert_eq!(gateway.text("/bystander/").await, "fine");
    let spin = gateway.get("/spinner/spin");
    let others = async {
        for _ in 0..50 {
            assert_eq!(gateway.text("/bystander/").await, "fine");
        }
        tokio::time::Instant::now()
    };
    let (spin, done) = tokio::join!(async { (spin.await.status(), tokio::time::Instant::now()) }, others);
    assert_eq!(spin.0, 504);
    assert!(done < spin.1, "50 requests took longer than the spinning one was let live");
}

#[tokio::test]
async fn a_stream_may_last_longer_than_the_limit_for_the_head() {
    let gateway = mesh().await;
    let source = r"
        export default {
          fetch() {
            let left = 6;
            return new Response(new ReadableStream({
              async pull(controller) {
                await scheduler.wait(150);
                controller.enqueue(new TextEncoder().encode(`${left}`));
                if (--left === 0) controller.close();
              },
            }));
          },
        };
    ";
    gateway.deploy_limited("long-stream", source, 400).await;
    assert_eq!(gateway.text("/long-stream/").await, "654321");
}

#[tokio::test]
async fn limits_are_shown_and_checked() {
    let gateway = mesh().await;
    let view =
        gateway.deploy_files("limited", &[("main.js", SLOW)], json!({ "limits": { "wall_ms": 1234 } })).await;
    assert_eq!(view["limits"]["wall_ms"], 1234);
    let view = gateway.deploy("unlimited", SLOW).await;
    assert_eq!(view["limits"]["wall_ms"], 30_000);
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_announced_or_not() {
    let gateway = Setup::new().tabs(1).args(&["--max-body", "100000"]).start().await;
    let source =
        "export default { async fetch(r) { return new Response(String((await r.text()).length)); } };";
    gateway.deploy("length", source).await;
    let post = |body: reqwest::Body| client().post(gateway.url("/length/")).body(body).send();
    let largest = post(vec![b'a'; 100_000].into()).await.unwrap();
    assert_eq!(largest.text().await.unwrap(), "100000");
    let largest = post(chunked(&vec![b'a'; 100_000], 7_000)).await.unwrap();
    assert_eq!(largest.text().await.unwrap(), "100000");
    expect_problem(post(vec![b'a'; 100_001].into()).await.unwrap(), 413, "payload-too-large").await;
    expect_problem(post(chunked(&vec![b'a'; 100_001], 7_000)).await.unwrap(), 413, "payload-too-large").await;

    // Announced: refused before a byte of it was sent.
    let head =
        format!("POST /length/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 100001\r\n\r\n", gateway.address());
    let mut stream = raw::connect(gateway.address()).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    // The tab is well.
    assert_eq!(post("abc".into()).await.unwrap().text().await.unwrap(), "3");
}

#[tokio::test]
async fn heads_and_urls_over_the_limit_are_431_and_414() {
    let gateway = mesh().await;
    gateway.deploy("heads", "export default { fetch: (r) => new Response(String(r.url.length)) };").await;
    let fields = |bytes: usize| {
        let url = gateway.url("/heads/");
        let value = "v".repeat(1000);
        (0..bytes / 1000)
            .fold(client().get(url), |request, i| request.header(format!("x-{i}"), &value))
            .send()
    };
    assert_eq!(fields(25_000).await.unwrap().status(), 200);
    expect_problem(fields(40_000).await.unwrap(), 431, "headers-too-large").await;
    // Beyond what is read at all there is no explanation, but the status.
    let giant = format!("GET /heads/ HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "v".repeat(300_000));
    assert_eq!(raw::exchange(gateway.address(), giant.as_bytes()).await.status, 431);

    assert_eq!(gateway.get(&format!("/heads/{}", "p".repeat(10_000))).await.status(), 200);
    expect_problem(gateway.get(&format!("/heads/{}", "p".repeat(20_000))).await, 414, "uri-too-long").await;
    assert_eq!(gateway.get("/heads/").await.status(), 200);
}
