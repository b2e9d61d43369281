//! Limits: of time, of bodies, of heads.

use crate::support::{chunked, expect_problem, problem};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tabmesh_tests::gateway::client;
use tabmesh_tests::{Gateway, Setup, eventually, mesh, raw, solo};

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

async fn deploy(gateway: &Gateway, name: &str, source: &str, limits: Value) -> Value {
    gateway.deploy_files(name, &[("main.js", source)], json!({ "limits": limits })).await
}

async fn breaches(gateway: &Gateway, limit: &str) -> f64 {
    gateway.metric(&format!("tabmesh_limit_breaches_total{{limit=\"{limit}\"}}")).await
}

#[tokio::test]
async fn limits_are_shown_and_checked() {
    let gateway = mesh().await;
    let limits = json!({
        "wall_ms": 1234, "cpu_ms": 1, "memory_mb": 2, "request_bytes": 3, "response_bytes": 4, "concurrency": 5,
        "subrequests": 6, "log_bytes": 7,
    });
    assert_eq!(deploy(&gateway, "limited", SLOW, limits.clone()).await["limits"], limits);
    let view = gateway.deploy("unlimited", SLOW).await;
    assert_eq!((&view["limits"]["wall_ms"], &view["limits"]["cpu_ms"]), (&json!(30_000), &json!(2_000)));

    let setup = Setup::new().args(&["--max-cpu-ms", "50", "--max-memory-mb", "10", "--max-response", "1000"]);
    let gateway = setup.start().await;
    for (name, value, cap) in
        [("cpu_ms", 51, "50"), ("memory_mb", 11, "10"), ("response_bytes", 1001, "1000")]
    {
        let metadata = Part::text(json!({ "limits": { name: value } }).to_string());
        let form = Form::new().part("metadata", metadata).part("f", Part::text(SLOW).file_name("main.js"));
        let response = client().put(gateway.handler_url("over")).multipart(form).send().await.unwrap();
        let (status, document) = problem(response).await;
        assert_eq!((status, &document["type"]), (400, &json!("urn:tabmesh:problem:invalid-request")));
        let detail = document["detail"].as_str().unwrap();
        assert!(
            detail.contains(name) && detail.contains(&value.to_string()) && detail.contains(cap),
            "{detail}"
        );
    }
    assert_eq!(gateway.deploy("under", SLOW).await["limits"]["cpu_ms"], 50);
}

#[tokio::test]
async fn a_handlers_own_limit_for_request_bodies_is_kept() {
    let gateway = Setup::new().tabs(1).start().await;
    let source =
        "export default { async fetch(r) { return new Response(String((await r.text()).length)); } };";
    deploy(&gateway, "short", source, json!({ "request_bytes": 1000 })).await;
    let post = |body: reqwest::Body| client().post(gateway.url("/short/")).body(body).send();
    assert_eq!(post(vec![b'a'; 1000].into()).await.unwrap().text().await.unwrap(), "1000");
    assert_eq!(post(chunked(&[b'a'; 1000], 300)).await.unwrap().text().await.unwrap(), "1000");
    for body in [vec![b'a'; 1001].into(), chunked(&[b'a'; 1001], 300)] {
        let (status, document) = problem(post(body).await.unwrap()).await;
        assert_eq!(status, 413);
        assert!(document["detail"].as_str().unwrap().contains("`request_bytes` of 1000 bytes"), "{document}");
    }
    assert_eq!(breaches(&gateway, "request-bytes").await, 2.0);
    gateway.log().wait(0, &["limit exceeded", "short", "request-bytes"]).await;
}

/// Answers with as many bytes as its path says: `/fixed/N` with a length, `/stream/N` in pieces and without.
const LONG: &str = r"
    export default {
      fetch(request) {
        const [, kind, count] = new URL(request.url).pathname.split('/');
        let left = Number(count);
        if (kind === 'fixed') return new Response('x'.repeat(left));
        return new Response(new ReadableStream({
          async pull(controller) {
            const size = Math.min(left, 10000);
            controller.enqueue(new Uint8Array(size));
            left -= size;
            if (left === 0) controller.close();
            else await scheduler.wait(1);
          },
        }));
      },
    };
";

#[tokio::test]
async fn a_response_over_its_limit_is_a_502_or_breaks_off() {
    let gateway = Setup::new().tabs(1).start().await;
    deploy(&gateway, "long", LONG, json!({ "response_bytes": 200_000 })).await;
    for path in ["/long/fixed/200000", "/long/stream/200000"] {
        assert_eq!(gateway.text(path).await.len(), 200_000, "{path}");
    }
    assert_eq!(breaches(&gateway, "response-bytes").await, 0.0);
    for (count, path) in
        [(1.0, "/long/fixed/200001"), (2.0, "/long/stream/200001"), (3.0, "/long/stream/50000000")]
    {
        let response = gateway.get(path).await;
        if response.status() == 200 {
            assert!(path.contains("stream") && response.bytes().await.is_err(), "{path} looked complete");
        } else {
            expect_problem(response, 502, "response-too-large").await;
        }
        eventually("the breach is counted", || async {
            (breaches(&gateway, "response-bytes").await == count).then_some(())
        })
        .await;
    }
    gateway.log().wait(0, &["limit exceeded", "long", "response-bytes"]).await;
    assert_eq!(gateway.text("/long/fixed/5").await, "xxxxx");
    eventually("nothing is active", || async {
        (gateway.metric("tabmesh_active_requests").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_console_lines_is_cut_with_one_word_about_it() {
    let gateway = Setup::new().tabs(1).start().await;
    let source = r"
        export default {
          async fetch() {
            for (let i = 0; i < 500; i++) console.log(`line ${i}`);
            await scheduler.wait(50);
            console.error('late line');
            return new Response('ok');
          },
        };
    ";
    deploy(&gateway, "chatty", source, json!({ "log_bytes": 2000 })).await;
    for round in 1..=2 {
        let mark = gateway.log().count();
        assert_eq!(gateway.text("/chatty/").await, "ok");
        gateway.log().wait(mark, &["chatty", "beyond the limit of 2000 bytes"]).await;
        // Each line counts its text and 16 bytes.
        let said = gateway.log().matching(mark, &["tabmesh::handler", "text=\"line"]).len();
        assert!((80..95).contains(&said), "{said} lines in round {round}");
        let cut = gateway.log().matching(mark, &["beyond the limit of 2000 bytes"]).len();
        assert_eq!(cut, 1, "in round {round}");
    }
    assert!(gateway.log().matching(0, &["late line"]).is_empty());
    deploy(&gateway, "mute", source, json!({ "log_bytes": 0 })).await;
    assert_eq!(gateway.text("/mute/").await, "ok");
    assert!(gateway.log().matching(0, &["mute", "text=\"line"]).is_empty());
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
