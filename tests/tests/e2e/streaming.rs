//! Bodies: large ones with the right bytes, slow ones piece by piece, many at once, and broken ones.

use crate::support::{PATTERN_JS, chunked, next_piece, pattern, wait_for_json};
use futures_util::future::join_all;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write as _;
use tabmesh_tests::examples::source;
use tabmesh_tests::gateway::client;
use tabmesh_tests::{mesh, raw, solo, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const LARGE: usize = 16 << 20;

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// `/?size=N` streams N bytes of the pattern; `&length` declares them first.
fn down() -> String {
    format!(
        r"{PATTERN_JS}
        export default {{
          fetch(request) {{
            const query = new URL(request.url).searchParams;
            const size = Number(query.get('size'));
            let at = 0;
            const body = new ReadableStream({{
              pull(controller) {{
                const piece = pattern(at, Math.min(100_000, size - at));
                at += piece.length;
                controller.enqueue(piece);
                if (at === size) controller.close();
              }},
            }});
            const headers = query.has('length') ? {{ 'content-length': query.get('length') || String(size) }} : {{}};
            return new Response(body, {{ headers }});
          }},
        }};"
    )
}

#[tokio::test]
async fn sixteen_mebibytes_down() {
    let gateway = mesh().await;
    gateway.deploy("down", down()).await;
    let response = gateway.get(&format!("/down/?size={LARGE}")).await;
    assert_eq!(response.content_length(), None);
    let body = response.bytes().await.unwrap();
    assert_eq!((body.len(), sha256(&body)), (LARGE, sha256(&pattern(LARGE))));

    let response = gateway.get(&format!("/down/?size={LARGE}&length")).await;
    assert_eq!(response.content_length(), Some(LARGE as u64));
    let body = response.bytes().await.unwrap();
    assert_eq!((body.len(), sha256(&body)), (LARGE, sha256(&pattern(LARGE))));
}

#[tokio::test]
async fn sixteen_mebibytes_up() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          async fetch(request) {
            const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', await request.arrayBuffer()));
            return new Response([...hash].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
          },
        };
    ";
    gateway.deploy("up", handler).await;
    let bytes = pattern(LARGE);
    let expected = sha256(&bytes);
    let announced = client().post(gateway.url("/up/")).body(bytes.clone()).send().await.unwrap();
    assert_eq!(announced.text().await.unwrap(), expected);
    let streamed = client().post(gateway.url("/up/")).body(chunked(&bytes, 60_000)).send().await.unwrap();
    assert_eq!(streamed.text().await.unwrap(), expected);
}

#[tokio::test]
async fn sixteen_mebibytes_up_and_down_at_once() {
    let gateway = mesh().await;
    gateway.deploy("through", source("echo")).await;
    let bytes = pattern(LARGE);
    let request = client().post(gateway.url("/through/?raw")).body(chunked(&bytes, 60_000));
    let body = request.send().await.unwrap().bytes().await.unwrap();
    assert_eq!((body.len(), sha256(&body)), (LARGE, sha256(&bytes)));
}

#[tokio::test]
async fn two_hundred_at_once_over_two_tabs() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          async fetch(request) {
            const { pathname } = new URL(request.url);
            console.log('crowd');
            await scheduler.wait(100);
            return new Response(`${pathname} ${await request.text()}`);
          },
        };
    ";
    gateway.deploy("crowd", handler).await;
    let client = client();
    let calls = (0..200).map(|i| {
        let request = client.post(gateway.url(&format!("/crowd/{i}"))).body(format!("body {i}").repeat(50));
        async move { (i, request.send().await.unwrap()) }
    });
    for (i, response) in join_all(calls).await {
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.unwrap(), format!("/{i} {}", format!("body {i}").repeat(50)));
    }
    gateway.log().wait_nth(gateway.mark(), &["handler=\"crowd\"", "text=\"crowd\""], 200).await;
    let lines = gateway.log().matching(gateway.mark(), &["handler=\"crowd\""]);
    let mut tabs: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split(" tab=").nth(1)?.split(' ').next().map(str::to_owned))
        .collect();
    tabs.sort_unstable();
    let ids: HashSet<_> = tabs.iter().collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let first = tabs.iter().filter(|tab| **tab == tabs[0]).count();
    assert!((60..=140).contains(&first), "{first} of 200 went to one of two tabs");
}

#[tokio::test]
async fn pieces_arrive_when_they_are_sent() {
    let gateway = solo().await;
    // It sends its last event only after another request has let it: no clock decides what this shows.
    let handler = r"
        let release;
        const released = new Promise((resolve) => { release = resolve; });
        const bytes = (text) => new TextEncoder().encode(text);
        export default {
          fetch(request) {
            if (new URL(request.url).pathname === '/release') {
              release();
              return new Response('released');
            }
            const body = new ReadableStream({
              async start(controller) {
                controller.enqueue(bytes('data: first\n\n'));
                await released;
                controller.enqueue(bytes('data: last\n\n'));
                controller.close();
              },
            });
            return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
          },
        };
    ";
    gateway.deploy("pieces", handler).await;
    let mut response = gateway.get("/pieces/").await;
    assert_eq!(next_piece(&mut response).await.unwrap(), "data: first\n\n");
    assert_eq!(gateway.text("/pieces/release").await, "released");
    assert_eq!(next_piece(&mut response).await.unwrap(), "data: last\n\n");
    assert_eq!(next_piece(&mut response).await, None);
}

#[tokio::test]
async fn an_upload_is_answered_piece_by_piece() {
    let gateway = mesh().await;
    gateway.deploy("duplex", source("echo")).await;
    let (pieces, stream) = tokio::sync::mpsc::channel::<&'static str>(1);
    let stream = futures_util::stream::unfold(stream, |mut stream| async {
        stream.recv().await.map(|piece| (Ok::<_, std::convert::Infallible>(piece), stream))
    });
    pieces.send("first").await.unwrap();
    let request = client().post(gateway.url("/duplex/?raw")).body(reqwest::Body::wrap_stream(stream));
    let mut response = within("the head while the upload goes on", request.send()).await.unwrap();
    assert_eq!(next_piece(&mut response).await.unwrap(), "first");
    pieces.send("second").await.unwrap();
    assert_eq!(next_piece(&mut response).await.unwrap(), "second");
    drop(pieces);
    assert_eq!(next_piece(&mut response).await, None);
}

#[tokio::test]
async fn a_body_that_is_not_read_does_not_hinder_the_answer() {
    let gateway = mesh().await;
    gateway.deploy("deaf", "export default { fetch: () => new Response('did not read') };").await;
    let request = client().post(gateway.url("/deaf/")).body(vec![1; 4 << 20]).send();
    let response = within("an answer to an upload that nobody reads", request).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "did not read");
    // The tab's credit was not used up by it.
    for _ in 0..10 {
        assert_eq!(gateway.text("/deaf/").await, "did not read");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_upload_arrives_and_so_does_the_next() {
    let gateway = mesh().await;
    gateway.deploy("early", "export default { fetch: () => new Response('early', { status: 401 }) };").await;
    for (path, status) in [("/early/", 401), ("/nobody-is-there/", 404), ("/_mesh/v1/nothing", 404)] {
        let host = gateway.address();
        let mut stream = raw::connect(host).await;
        let upload = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LARGE}\r\n\r\n");
        let next = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        // As simple clients do: nothing is read until all is written.
        within("an upload that nobody wants", async {
            stream.write_all(upload.as_bytes()).await.unwrap();
            stream.write_all(&vec![b'x'; LARGE]).await.unwrap();
            stream.write_all(next.as_bytes()).await.unwrap();
        })
        .await;
        let both = raw::read_to_end(&mut stream).await;
        assert_eq!(both.status, status, "{path}");
        assert!(both.text().contains(&format!("HTTP/1.1 {status} ")), "{path}: {}", both.text());
    }
}

#[tokio::test]
async fn a_caller_who_asks_first_is_told_to_go_on_or_the_answer() {
    let gateway = mesh().await;
    gateway.deploy("asked", source("echo")).await;
    let host = gateway.address();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
    };
    let mut stream = raw::connect(host).await;
    stream.write_all(head("/asked/?raw").as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    within("100 Continue", stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let answer = raw::read_to_end(&mut stream).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("body"), "{}", answer.text());

    let mut stream = raw::connect(host).await;
    stream.write_all(head("/nobody-is-there/").as_bytes()).await.unwrap();
    assert_eq!(raw::read_to_end(&mut stream).await.status, 404, "the body is not asked for");
}

#[tokio::test]
async fn a_slow_reader_does_not_block_others_in_the_tab() {
    let gateway = solo().await;
    gateway.deploy("slowly", down()).await;
    gateway.deploy("quick", "export default { fetch: () => new Response('quick') };").await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = raw::connect(gateway.address()).await;
        let request = format!(
            "GET /slowly/?size={LARGE}&length HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            gateway.address()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        within("the head for a slow reader", stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        slow.push(stream);
    }
    for _ in 0..30 {
        assert_eq!(gateway.text("/quick/").await, "quick");
    }
    let small = gateway.get("/slowly/?size=3000000").await.bytes().await.unwrap();
    assert_eq!(small, pattern(3_000_000));
    // And in the end the slow ones get everything, too.
    let expected = sha256(&pattern(LARGE));
    for mut stream in slow {
        let mut rest = Vec::new();
        within("the rest for a slow reader", stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(sha256(&rest[rest.len() - LARGE..]), expected);
    }
}

#[tokio::test]
async fn small_requests_are_served_while_large_bodies_stream() {
    let gateway = solo().await;
    gateway.deploy("bulk", down()).await;
    gateway.deploy("small", "export default { fetch: () => new Response('small') };").await;
    let bulk = async {
        let response = gateway.get(&format!("/bulk/?size={}", 4 * LARGE)).await;
        assert_eq!(response.bytes().await.unwrap().len(), 4 * LARGE);
        tokio::time::Instant::now()
    };
    let small = async {
        for _ in 0..20 {
            assert_eq!(gateway.text("/small/").await, "small");
        }
        tokio::time::Instant::now()
    };
    let (bulk, small) = tokio::join!(bulk, small);
    assert!(small < bulk, "20 small requests waited for 64 MiB");
}

#[tokio::test]
async fn a_wrong_length_breaks_the_connection_and_is_not_silent() {
    let gateway = mesh().await;
    gateway.deploy("lengths", down()).await;
    for (size, declared) in [(10, 100), (100_000, 200_000), (100, 10), (400_000, 1000), (10, 11)] {
        let response =
            client().get(gateway.url(&format!("/lengths/?size={size}&length={declared}"))).send().await;
        let read = match response {
            Ok(response) if response.status() == 200 => response.bytes().await,
            Ok(response) => panic!("{}", response.status()),
            Err(error) => Err(error),
        };
        assert!(read.is_err(), "{declared} declared, {size} sent: {:?}", read.map(|bytes| bytes.len()));
    }
    assert_eq!(gateway.get("/lengths/?size=10&length").await.bytes().await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_body_that_fails_breaks_the_connection() {
    let gateway = mesh().await;
    let handler = r"
        export default {
          fetch() {
            let sent = false;
            return new Response(new ReadableStream({
              pull(controller) {
                if (sent) throw new Error('the stream broke');
                sent = true;
                controller.enqueue(new TextEncoder().encode('part'));
              },
            }));
          },
        };
    ";
    gateway.deploy("breaks", handler).await;
    // What came before may or may not reach the caller; that it was not all must.
    let whole = match client().get(gateway.url("/breaks/")).send().await {
        Ok(response) => response.bytes().await,
        Err(error) => Err(error),
    };
    assert!(whole.is_err(), "{whole:?}");
    gateway.log().wait(gateway.mark(), &["handler=\"breaks\"", "the stream broke"]).await;
}

/// Counts what waits, what was aborted and what was cancelled.
const WATCHED: &str = r"
    const state = { waiting: 0, aborted: 0, cancelled: 0, failed: 0 };
    export default {
      async fetch(request) {
        const { pathname } = new URL(request.url);
        if (pathname === '/state') return Response.json(state);
        state.waiting++;
        request.signal.addEventListener('abort', () => { state.aborted++; });
        if (pathname === '/upload') {
          try { await request.text(); } catch { state.failed++; }
          return new Response('read');
        }
        if (pathname === '/stream') {
          return new Response(new ReadableStream({
            async pull(controller) { await scheduler.wait(5); controller.enqueue(new Uint8Array(1000)); },
            cancel() { state.cancelled++; },
          }));
        }
        await new Promise(() => {});
      },
    };
";

#[tokio::test]
async fn a_caller_who_goes_away_aborts_the_handler() {
    let gateway = solo().await;
    gateway.deploy("watched", WATCHED).await;
    let state = gateway.url("/watched/state");

    // Before the response.
    let call = tokio::spawn(client().get(gateway.url("/watched/wait")).send());
    wait_for_json(&state, "/waiting", 1).await;
    call.abort();
    wait_for_json(&state, "/aborted", 1).await;

    // While it streams.
    let mut response = gateway.get("/watched/stream").await;
    next_piece(&mut response).await.unwrap();
    drop(response);
    wait_for_json(&state, "/aborted", 2).await;
    wait_for_json(&state, "/cancelled", 1).await;

    // In the middle of an upload.
    let mut stream = raw::connect(gateway.address()).await;
    let head = format!(
        "POST /watched/upload HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\npart",
        gateway.address()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    wait_for_json(&state, "/waiting", 3).await;
    drop(stream);
    wait_for_json(&state, "/aborted", 3).await;
    wait_for_json(&state, "/failed", 1).await;
}

#[tokio::test]
async fn a_caller_who_resets_an_http_2_stream_aborts_the_handler() {
    let gateway = solo().await;
    gateway.deploy("watched-h2", WATCHED).await;
    let client = tabmesh_tests::gateway::client_builder().http2_prior_knowledge().build().unwrap();
    let state = gateway.url("/watched-h2/state");
    let call = tokio::spawn(client.get(gateway.url("/watched-h2/wait")).send());
    wait_for_json(&state, "/waiting", 1).await;
    call.abort();
    wait_for_json(&state, "/aborted", 1).await;
    assert_eq!(client.get(state).send().await.unwrap().status(), 200);
}
