//! What a socket client can do wrong: each fault is told by its code and ends with its close frame.
#![allow(missing_docs)]

mod common;

use std::time::Duration;

use common::{Server, answer, hear, join, joined, offer, relay, with_token, within};
use futures_util::StreamExt;
use tabmesh_protocol::signal::{
    ClientMessage, MAX_SIGNAL_MESSAGE, Relay, Role, ServerMessage, SignalErrorCode,
};
use tabmesh_signaling::{Allowance, HubConfig, Queues, SIGNAL_PATH, Timing};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

async fn server() -> Server {
    Server::start(HubConfig::default()).await
}

#[tokio::test]
async fn malformed() {
    let server = server().await;
    let deep = "[".repeat(5_000);
    for text in
        ["", "{", "null", r#"{"type":"jump"}"#, r#"{"type":"join"}"#, r#"{"type":"relay","to":1}"#, &deep]
    {
        let mut client = server.client().await;
        client.send(Message::text(text)).await;
        client.closed(SignalErrorCode::Malformed).await;
    }
    let (mut tab, _, _) = server.tab("main").await;
    tab.send(Message::binary(r#"{"type":"join"}"#)).await;
    tab.closed(SignalErrorCode::Malformed).await;

    let mut client = server.client().await;
    let not_utf8 = Frame::message(vec![0xff, 0xfe], OpCode::Data(Data::Text), true);
    client.send(Message::Frame(not_utf8)).await;
    client.closed(SignalErrorCode::Malformed).await;
    assert_eq!(server.hub.metrics().errors(SignalErrorCode::Malformed), 9);
}

#[tokio::test]
async fn too_large() {
    let server = server().await;
    for len in [MAX_SIGNAL_MESSAGE + 1, 1 << 20] {
        let (mut tab, _, _) = server.tab("main").await;
        tab.send(Message::text("x".repeat(len))).await;
        tab.closed(SignalErrorCode::TooLarge).await;
    }
    // In pieces that are each small enough.
    let (mut tab, _, _) = server.tab("main").await;
    for (opcode, last) in [(Data::Text, false), (Data::Continue, true)] {
        let piece = vec![b'x'; MAX_SIGNAL_MESSAGE / 2 + 1];
        tab.send(Message::Frame(Frame::message(piece, OpCode::Data(opcode), last))).await;
    }
    tab.closed(SignalErrorCode::TooLarge).await;
}

#[tokio::test]
async fn the_largest_message_passes() {
    let server = server().await;
    let mut gateway = server.hub.attach_local(Role::Gateway, "main");
    let (id, _) = joined(&mut gateway).await;
    let (mut tab, _, _) = server.tab("main").await;
    hear(&mut gateway).await;
    let empty = serde_json::to_string(&relay(&id, offer(""))).unwrap().len();
    let sdp = "x".repeat(MAX_SIGNAL_MESSAGE - empty);
    tab.say(&relay(&id, offer(&sdp))).await;
    assert!(matches!(hear(&mut gateway).await, ServerMessage::Relay { relay, .. } if relay == offer(&sdp)));
}

#[tokio::test]
async fn out_of_order() {
    let server = server().await;
    let mut early = server.client().await;
    early.say(&relay("x", offer(""))).await;
    early.closed(SignalErrorCode::OutOfOrder).await;

    let (mut twice, _, _) = server.tab("main").await;
    twice.say(&join(Role::Tab, "main", None)).await;
    twice.closed(SignalErrorCode::OutOfOrder).await;

    let (mut tab, _, _) = server.tab("main").await;
    tab.say(&relay("x", answer(""))).await;
    tab.closed(SignalErrorCode::OutOfOrder).await;
}

#[tokio::test]
async fn refused_joins() {
    let open = server().await;
    let closed = Server::start(with_token()).await;
    let forbidden = SignalErrorCode::Forbidden;
    let version = ClientMessage::Join { version: 99, role: Role::Tab, pool: "a".into(), token: None };
    for (server, message, code) in [
        (&open, join(Role::Gateway, "a", None), forbidden),
        (&open, join(Role::Gateway, "a", Some("")), forbidden),
        (&open, join(Role::Gateway, "a", Some(common::TOKEN)), forbidden),
        (&closed, join(Role::Gateway, "a", None), forbidden),
        (&closed, join(Role::Gateway, "a", Some("guess")), forbidden),
        (&open, join(Role::Tab, "No Pool", None), SignalErrorCode::BadPool),
        (&open, version, SignalErrorCode::Version),
    ] {
        let mut client = server.client().await;
        client.say(&message).await;
        client.closed(code).await;
    }
}

#[tokio::test]
async fn flooding() {
    let mut config = HubConfig::default();
    config.policy.limits.tab = Allowance { burst: 5, per_second: 0 };
    let server = Server::start(config).await;
    let (mut tab, _, _) = server.tab("main").await;
    for _ in 0..4 {
        tab.say(&relay("nobody", offer(""))).await;
        assert!(matches!(tab.hear().await, ServerMessage::Error { code: SignalErrorCode::UnknownPeer, .. }));
    }
    tab.say(&relay("nobody", offer(""))).await;
    tab.closed(SignalErrorCode::Flooding).await;

    let (mut pinging, _, _) = server.tab("main").await;
    for _ in 0..5 {
        pinging.send(Message::Ping(Vec::new().into())).await;
    }
    pinging.closed(SignalErrorCode::Flooding).await;
}

#[tokio::test]
async fn full() {
    let mut config = HubConfig::default();
    config.policy.limits.max_pool_tabs = 1;
    config.policy.limits.max_connections = 2;
    let server = Server::start(config).await;
    let (mut first, _, _) = server.tab("main").await;
    let mut second = server.client().await;
    second.say(&join(Role::Tab, "main", None)).await;
    second.closed(SignalErrorCode::Full).await;
    let _other = server.tab("other").await;
    server.client().await.closed(SignalErrorCode::Full).await;
    // Room again as soon as one left.
    first.0.close(None).await.unwrap();
    while within(first.0.next()).await.is_some() {}
    server.tab("main").await;
}

#[tokio::test]
async fn a_slow_reader_is_closed() {
    let config = HubConfig { queues: Queues { tab: 200_000, ..Queues::default() }, ..HubConfig::default() };
    let server = Server::start(config).await;
    let mut gateway = server.hub.attach_local(Role::Gateway, "main");
    joined(&mut gateway).await;
    let (mut tab, id, _) = server.tab("main").await;
    hear(&mut gateway).await;
    // The tab reads nothing: the kernel's buffers fill, then the queue.
    let heavy = "x".repeat(60_000);
    let told = within(async {
        loop {
            tokio::select! {
                biased;
                told = gateway.rx.recv() => break told,
                sent = gateway.tx.send(relay(&id, answer(&heavy))) => sent.unwrap(),
            }
        }
    })
    .await;
    assert_eq!(told, Some(ServerMessage::PeerLeft { id }));
    assert_eq!(server.hub.metrics().errors(SignalErrorCode::TooSlow), 1);
    // Once it reads again it finds what was sent before, then the code (or the end, if it took too long).
    let mut last = None;
    while let Some(Ok(message)) = within(tab.0.next()).await {
        last = Some(message);
    }
    if let Some(Message::Close(Some(frame))) = last {
        assert_eq!(u16::from(frame.code), SignalErrorCode::TooSlow.close_code());
    }
    within(server.hub.drained()).await;
}

#[tokio::test]
async fn a_dead_socket_vanishes() {
    let timing = Timing {
        ping_every: Duration::from_millis(50),
        silence: Duration::from_millis(1000),
        ..Timing::default()
    };
    let server = Server::start(HubConfig { timing, ..HubConfig::default() }).await;
    let mut gateway = server.hub.attach_local(Role::Gateway, "main");
    joined(&mut gateway).await;
    // Its socket stays open, but nobody is there to answer pings.
    let (mut dead, id, _) = server.tab("main").await;
    assert!(matches!(hear(&mut gateway).await, ServerMessage::PeerJoined { .. }));
    assert_eq!(hear(&mut gateway).await, ServerMessage::PeerLeft { id });
    dead.closed(SignalErrorCode::TooSlow).await;

    // One that answers pings stays, though it has nothing to say.
    let (mut alive, id, _) = server.tab("main").await;
    hear(&mut gateway).await;
    let mut pings = 0;
    while pings < 30 {
        // 30 pings are 1.5 s: longer than the silence allowed.
        match within(alive.0.next()).await {
            Some(Ok(Message::Ping(_))) => pings += 1,
            other => panic!("{other:?}"),
        }
    }
    gateway.tx.send(relay(&id, Relay::Bye { reason: "still there".into() })).await.unwrap();
    assert!(matches!(alive.hear().await, ServerMessage::Relay { .. }));
}

#[tokio::test]
async fn who_does_not_join_must_go() {
    let timing = Timing { join_within: Duration::from_millis(50), ..Timing::default() };
    let server = Server::start(HubConfig { timing, ..HubConfig::default() }).await;
    let mut client = server.client().await;
    // Pings are no excuse.
    client.send(Message::Ping(Vec::new().into())).await;
    client.closed(SignalErrorCode::TooSlow).await;
}

#[tokio::test]
async fn foreign_pages_are_kept_out() {
    let server = server().await;
    let open = |origin: String| {
        let mut request = server.url().into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        connect_async(request)
    };
    for origin in ["http://evil.example", "http://shop.localhost:1", "null"] {
        match within(open(origin.into())).await {
            Err(tungstenite::Error::Http(response)) => assert_eq!(response.status(), 403),
            other => panic!("{other:?}"),
        }
    }
    within(open(format!("http://{}", server.address))).await.unwrap();
    assert!(server.url().ends_with(SIGNAL_PATH));
}
