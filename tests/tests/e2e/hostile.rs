//! A tab that breaks the rules loses its connection; nobody else notices.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use tabmesh_protocol::config::PROTOCOL_VERSION;
use tabmesh_protocol::frame::Frame;
use tabmesh_tests::gateway::client;
use tabmesh_tests::hostile::FakeTab;
use tabmesh_tests::{Gateway, Setup, eventually, within};

const VIOLATIONS: &str = "tabmesh_protocol_violations_total";

async fn wait_for_violations(gateway: &Gateway, count: f64) {
    eventually(&format!("{count} violations counted"), || async {
        (gateway.metric(VIOLATIONS).await == count).then_some(())
    })
    .await;
}

/// Messages that no tab sends; whether the hello comes first.
fn attacks() -> Vec<(&'static str, bool, Vec<Vec<u8>>)> {
    let encoded = |frames: &[Frame]| {
        let mut message = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        vec![message]
    };
    let data = |stream| Frame::Data { stream, fin: false, payload: Bytes::from_static(b"x") };
    let head = |stream| Frame::Head { stream, fin: true, payload: Bytes::from_static(b"\0\0") };
    let hello =
        |version, payload: &'static [u8]| Frame::Hello { version, payload: Bytes::from_static(payload) };
    vec![
        ("garbage instead of a hello", false, vec![(0..=255).collect()]),
        ("a frame before the hello", false, encoded(&[Frame::Ping { nonce: 1 }])),
        ("another version", false, encoded(&[hello(PROTOCOL_VERSION + 1, b"{}")])),
        ("a hello that is no JSON", false, encoded(&[hello(PROTOCOL_VERSION, b"[[[[")])),
        ("a second hello", true, encoded(&[hello(PROTOCOL_VERSION, b"{}")])),
        ("an unknown frame", true, vec![vec![0xee, 0, 0]]),
        ("a frame longer than the message", true, vec![vec![0x04, 1, 0x7f, 0xff]]),
        ("body on a stream that was never opened", true, encoded(&[data(1)])),
        ("an answer to nothing", true, encoded(&[head(99)])),
        ("a request towards the gateway", true, encoded(&[head(2)])),
        ("credit for a stream that never was", true, encoded(&[Frame::Credit { stream: 77, bytes: 1 }])),
        (
            "credit without end",
            true,
            encoded(&[
                Frame::Credit { stream: 0, bytes: (1 << 62) - 1 },
                Frame::Credit { stream: 0, bytes: (1 << 62) - 1 },
                Frame::Credit { stream: 0, bytes: (1 << 62) - 1 },
                Frame::Credit { stream: 0, bytes: (1 << 62) - 1 },
                Frame::Credit { stream: 0, bytes: (1 << 62) - 1 },
            ]),
        ),
        (
            "code from a tab",
            true,
            encoded(&[Frame::Code { hash: "0".repeat(64), bundle: Bytes::from_static(b"{}") }]),
        ),
        ("a log level that is none", true, vec![vec![0x0c, 0, 1, 9]]),
    ]
}

#[tokio::test]
async fn hostile_frames_close_their_connection_and_no_other_request_notices() {
    let gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("normal", "export default { fetch: () => new Response('normal') };").await;
    assert_eq!(gateway.text("/normal/").await, "normal");
    let over = AtomicBool::new(false);
    let normal = async {
        let client = client();
        let mut calls = 0;
        while !over.load(Ordering::Relaxed) {
            let response = client.get(gateway.url("/normal/")).send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.text().await.unwrap(), "normal");
            calls += 1;
        }
        calls
    };
    let hostile = async {
        for (count, (what, says_hello, messages)) in attacks().into_iter().enumerate() {
            println!("{what}");
            // It takes no requests, so that the normal ones are the real tab's.
            let mut tab = FakeTab::join(gateway.address(), 0).await;
            if says_hello {
                tab.hello().await;
            }
            for message in messages {
                tab.send(&message).await;
            }
            tab.closed().await;
            wait_for_violations(&gateway, (count + 1) as f64).await;
            tab.close().await;
        }
        over.store(true, Ordering::Relaxed);
    };
    let (calls, ()) = tokio::join!(normal, hostile);
    assert!(calls > 10, "{calls}");
    gateway.wait_for_tabs(1).await;
    assert_eq!(gateway.metric("tabmesh_retries_total").await, 0.0);
}

#[tokio::test]
async fn more_body_than_was_granted_breaks_the_connection() {
    let gateway = Setup::new().start().await;
    gateway.deploy("faked", "export default { fetch: () => new Response('') };").await;
    let mut tab = FakeTab::join(gateway.address(), 8).await;
    tab.hello().await;
    let call = tokio::spawn(client().post(gateway.url("/faked/")).body("x").send());
    let stream = tab.request().await;
    tab.respond(stream).await;
    let mut response = within("the fake tab's head", call).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    // The caller reads nothing: once the sockets between are full, credit stays out, and at the latest the
    // connection's window of 32 MiB is exceeded.
    let mut message = Vec::new();
    Frame::Data { stream, fin: false, payload: Bytes::from(vec![1; 48 * 1024]) }.encode(&mut message);
    tab.flood(&message).await;
    wait_for_violations(&gateway, 1.0).await;
    let broke = within("the end of a hostile body", async {
        loop {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    });
    assert!(broke.await, "the hostile body looked complete");
    tab.close().await;
}

#[tokio::test]
async fn an_answer_that_is_no_http_fails_that_request_alone() {
    let gateway = Setup::new().start().await;
    gateway.deploy("faked", "export default { fetch: () => new Response('') };").await;
    let mut tab = FakeTab::join(gateway.address(), 8).await;
    tab.hello().await;
    let call = tokio::spawn(client().post(gateway.url("/faked/")).body("x").send());
    let stream = tab.request().await;
    tab.send_frames(&[Frame::Head { stream, fin: true, payload: Bytes::from_static(b"\x00\x00\x00") }]).await;
    let response = within("the answer to a bad head", call).await.unwrap().unwrap();
    assert_eq!(response.status(), 502);
    wait_for_violations(&gateway, 1.0).await;
    tab.closed().await;
    tab.close().await;
    assert_eq!(gateway.get("/_mesh/healthz").await.status(), 200);
}
