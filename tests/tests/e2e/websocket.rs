//! WebSockets between a caller and a handler.

use futures_util::{SinkExt as _, StreamExt as _};
use std::time::Duration;
use tabmesh_tests::{Gateway, Setup, eventually, processes, solo, within};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};
use tokio_tungstenite::tungstenite::{Error, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const ECHO: &str = r"
    export default {
      async fetch(request) {
        if (request.headers.get('upgrade') !== 'websocket') return new Response('not a socket', { status: 426 });
        const { pathname } = new URL(request.url);
        if (pathname.endsWith('/no')) return new Response('no', { status: 403 });
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        if (pathname.endsWith('/greet')) server.send('welcome');
        server.addEventListener('message', ({ data }) => {
          if (data === 'close') return server.close(4001, 'as asked');
          if (data === 'flood') { for (let i = 0; i < 1000; i++) server.send('x'.repeat(1000)); return; }
          if (typeof data === 'string') server.send(`echo ${data}`);
          else server.send(data);
        });
        server.addEventListener('close', ({ code, reason, wasClean }) => console.log('socket closed', code, reason, wasClean));
        return new Response(null, { status: 101, webSocket: client, headers: { 'x-mine': '1', 'sec-websocket-protocol': 'chat' } });
      },
    };
";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(gateway: &Gateway, path: &str) -> Result<(Socket, http::Response<Option<Vec<u8>>>), Error> {
    let mut request = gateway.url(path).replace("http://", "ws://").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "chat".parse().unwrap());
    connect_async(request).await
}

async fn next(socket: &mut Socket) -> Message {
    within("a message", socket.next()).await.unwrap().unwrap()
}

#[tokio::test]
async fn messages_of_both_kinds_pass_both_ways() {
    let gateway = solo().await;
    gateway.deploy("echo-socket", ECHO).await;
    let (mut socket, response) = connect(&gateway, "/echo-socket/greet").await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-mine"]), (101, &"1".parse().unwrap()));
    assert_eq!(next(&mut socket).await, Message::text("welcome"));
    for text in ["hällo", ""] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text(format!("echo {text}")));
    }
    for size in [0, 5, 70_000, 3 << 20] {
        let message = Message::binary(vec![7; size]);
        socket.send(message.clone()).await.unwrap();
        assert!(next(&mut socket).await == message, "{size}");
    }
    socket.send(Message::Ping(vec![1].into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::Pong(vec![1].into()));
    socket.send(Message::text("flood")).await.unwrap();
    for _ in 0..1000 {
        assert_eq!(next(&mut socket).await.len(), 1000);
    }
}

#[tokio::test]
async fn either_side_closes_with_its_code_and_reason() {
    let gateway = solo().await;
    gateway.deploy("close-socket", ECHO).await;
    let mark = gateway.mark();
    let (mut socket, _) = connect(&gateway, "/close-socket/").await.unwrap();
    socket.send(Message::text("close")).await.unwrap();
    let Message::Close(Some(frame)) = next(&mut socket).await else { panic!("no close") };
    assert_eq!((u16::from(frame.code), &*frame.reason), (4001, "as asked"));
    assert!(within("the end", socket.next()).await.is_none());
    gateway.log().wait(mark, &["socket closed 4001 as asked true"]).await;

    let (mut socket, _) = connect(&gateway, "/close-socket/").await.unwrap();
    let frame = CloseFrame { code: CloseCode::Library(4002), reason: "mine".into() };
    socket.close(Some(frame)).await.unwrap();
    gateway.log().wait(mark, &["socket closed 4002 mine true"]).await;

    let (socket, _) = connect(&gateway, "/close-socket/").await.unwrap();
    drop(socket);
    gateway.log().wait(mark, &["socket closed 1006", "false"]).await;
    eventually("no request is left", || async {
        (gateway.metric("tabmesh_active_requests").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_handler_may_decline_and_others_are_not_asked() {
    let gateway = solo().await;
    gateway.deploy("choosy-socket", ECHO).await;
    let Err(Error::Http(refused)) = connect(&gateway, "/choosy-socket/no").await else { panic!("accepted") };
    assert_eq!(refused.status(), 403);
    assert_eq!(gateway.get("/choosy-socket/").await.status(), 426);
    let forged =
        tabmesh_tests::gateway::client().get(gateway.url("/choosy-socket/")).header("upgrade", "websocket");
    assert_eq!(forged.send().await.unwrap().status(), 426);
    gateway
        .deploy("unasked", "export default { fetch: () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }) };")
        .await;
    assert_eq!(gateway.get("/unasked/").await.status(), 500);
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_socket_alone() {
    let gateway = solo().await;
    gateway.deploy("large-socket", ECHO).await;
    let (mut bystander, _) = connect(&gateway, "/large-socket/").await.unwrap();
    let (mut socket, _) = connect(&gateway, "/large-socket/").await.unwrap();
    let _ = socket.send(Message::binary(vec![0; (4 << 20) + 1])).await;
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    within("its end", ended).await;
    bystander.send(Message::text("still")).await.unwrap();
    assert_eq!(next(&mut bystander).await, Message::text("echo still"));
}

#[tokio::test]
async fn sockets_end_when_their_tab_dies() {
    let gateway = Setup::new().tabs(1).start().await;
    gateway.deploy("doomed-socket", ECHO).await;
    let (mut socket, _) = connect(&gateway, "/doomed-socket/").await.unwrap();
    processes::kill_now(&processes::renderers(gateway.pid()));
    let end = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("it ends");
    assert!(!matches!(end, Some(Ok(Message::Text(_)))), "{end:?}");
}
