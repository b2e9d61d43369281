//! A rendezvous on a loopback port and plain WebSocket clients for it.
#![allow(dead_code, missing_docs, clippy::unwrap_used)] // each test binary uses its own part

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tabmesh_protocol::signal::{
    ClientMessage, Peer, Relay, Role, SIGNAL_VERSION, ServerMessage, SignalErrorCode,
};
use tabmesh_signaling::{Hub, HubConfig, Link, Policy, SIGNAL_PATH, router};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// Nothing in these tests takes this long unless it hangs.
const HANG: Duration = Duration::from_secs(20);

pub const TOKEN: &str = "gateway secret";

pub async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(HANG, what).await.expect("hangs")
}

/// A hub that gives the gateway role to holders of [`TOKEN`].
pub fn with_token() -> HubConfig {
    HubConfig {
        policy: Policy { gateway_token: Some(TOKEN.into()), ..Policy::default() },
        ..HubConfig::default()
    }
}

pub struct Server {
    pub hub: Arc<Hub>,
    pub address: SocketAddr,
}

impl Server {
    pub async fn start(config: HubConfig) -> Self {
        let hub = Hub::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, router(hub.clone())).into_future());
        Self { hub, address }
    }

    pub fn url(&self) -> String {
        format!("ws://{}{SIGNAL_PATH}", self.address)
    }

    pub async fn client(&self) -> Client {
        Client(within(connect_async(self.url())).await.unwrap().0)
    }

    /// A tab that joined `pool`; its id and who it met.
    pub async fn tab(&self, pool: &str) -> (Client, String, Vec<Peer>) {
        let mut client = self.client().await;
        client.say(&join(Role::Tab, pool, None)).await;
        let ServerMessage::Joined { id, peers, .. } = client.hear().await else { panic!("not joined") };
        (client, id, peers)
    }
}

pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn send(&mut self, message: Message) {
        within(self.0.send(message)).await.unwrap();
    }

    pub async fn say(&mut self, message: &ClientMessage) {
        self.send(Message::text(serde_json::to_string(message).unwrap())).await;
    }

    /// Next frame that is not a ping.
    pub async fn frame(&mut self) -> Option<Message> {
        loop {
            match within(self.0.next()).await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other.map(|frame| frame.unwrap()),
            }
        }
    }

    pub async fn hear(&mut self) -> ServerMessage {
        match self.frame().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("no message but {other:?}"),
        }
    }

    /// Expects `Error { code }`, the close frame of that code, and the end.
    pub async fn closed(&mut self, code: SignalErrorCode) {
        match self.hear().await {
            ServerMessage::Error { code: told, message } => assert_eq!(told, code, "{message}"),
            other => panic!("no error but {other:?}"),
        }
        match self.frame().await {
            Some(Message::Close(Some(frame))) => {
                assert_eq!(u16::from(frame.code), code.close_code());
                assert_eq!(frame.reason.as_str(), code.as_str());
            }
            other => panic!("no close but {other:?}"),
        }
    }
}

pub fn join(role: Role, pool: &str, token: Option<&str>) -> ClientMessage {
    ClientMessage::Join { version: SIGNAL_VERSION, role, pool: pool.into(), token: token.map(Into::into) }
}

pub fn relay(to: &str, relay: Relay) -> ClientMessage {
    ClientMessage::Relay { to: to.into(), session: 3, relay }
}

pub fn offer(sdp: &str) -> Relay {
    Relay::Offer { sdp: sdp.into() }
}

pub fn answer(sdp: &str) -> Relay {
    Relay::Answer { sdp: sdp.into() }
}

pub async fn hear(link: &mut Link) -> ServerMessage {
    within(link.rx.recv()).await.expect("the link ended")
}

/// A link that has joined: its id and who it met.
pub async fn joined(link: &mut Link) -> (String, Vec<Peer>) {
    match hear(link).await {
        ServerMessage::Joined { id, peers, .. } => (id, peers),
        other => panic!("not joined: {other:?}"),
    }
}
