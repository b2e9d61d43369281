//! A native peer that joins as a tab does and then breaks the rules. No product code on its side but the wire's own
//! vocabulary.

use crate::channel::Channel;
use crate::within;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tabmesh_protocol::frame::Frame;
use tabmesh_protocol::{Config, Event, ResponseHead, Role, Session};

/// How often an honest part of the game looks at its clock.
const TICK: Duration = Duration::from_millis(50);

/// A joined peer with an open data channel, on which nothing was said yet.
pub struct FakeTab {
    channel: Channel,
    session: Session,
    epoch: Instant,
}

impl FakeTab {
    /// Joins the gateway at `address`. It allows `max_streams` requests at once once it says hello.
    pub async fn join(address: SocketAddr, max_streams: u32) -> Self {
        Self::join_for(address, max_streams, &[]).await
    }

    /// The same for these tenants only.
    pub async fn join_for(address: SocketAddr, max_streams: u32, tenants: &[&str]) -> Self {
        let config = Config {
            max_incoming_streams: max_streams,
            agent: "fake tab".into(),
            tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
            ..Config::default()
        };
        within("a fake tab's data channel", Self::connect(address, config)).await
    }

    async fn connect(address: SocketAddr, config: Config) -> Self {
        let channel = Channel::open(address).await.unwrap();
        let session = Session::new(Role::Tab, config, Duration::ZERO);
        let mut tab = Self { channel, session, epoch: Instant::now() };
        // The gateway's hello shows that its end is open, too: what comes before, the `rtc` crate may lose.
        let hello = tab.channel.next().await.expect("the gateway speaks first");
        tab.session.handle_message(Duration::ZERO, hello).unwrap();
        tab
    }

    /// Sends a message as it is.
    pub async fn send(&self, message: &[u8]) {
        // The gateway may have closed already.
        let _ = self.channel.send(message).await;
    }

    /// Sends frames in one message.
    pub async fn send_frames(&self, frames: &[Frame]) {
        let mut message = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut message));
        self.send(&message).await;
    }

    /// Sends a message again and again, whatever credit there is, until the gateway has closed the channel. All else is
    /// by the rules: pings are answered, so that silence is not what it is closed for.
    pub async fn flood(&mut self, message: &[u8]) {
        let flooding = async {
            loop {
                let received = tokio::select! {
                    received = self.channel.next() => received,
                    // Cancelled when something comes: then it is sent or not, as luck will have it.
                    () = self.send(message) => continue,
                };
                let Some(received) = received else { return };
                // What is said about a flooded stream need not make sense to an honest session.
                let _ = self.session.handle_message(self.epoch.elapsed(), received);
                self.transmit().await;
            }
        };
        within("the gateway closes a flooding tab's channel", flooding).await;
    }

    /// Says hello, and nothing else.
    pub async fn hello(&mut self) {
        self.transmit().await;
    }

    async fn transmit(&mut self) {
        while let Some(message) = self.session.poll_transmit() {
            self.send(&message).await;
        }
    }

    /// Plays by the rules until a request comes; gives its stream.
    pub async fn request(&mut self) -> u64 {
        let playing = async {
            loop {
                self.transmit().await;
                while let Some(event) = self.session.poll_event() {
                    if let Event::Request { id, .. } = event {
                        return id;
                    }
                }
                if let Ok(message) = tokio::time::timeout(TICK, self.channel.next()).await {
                    let message = message.expect("the gateway keeps an honest tab");
                    self.session.handle_message(self.epoch.elapsed(), message).unwrap();
                }
                self.session.handle_timeout(self.epoch.elapsed()).unwrap();
            }
        };
        within("a request for the fake tab", playing).await
    }

    /// Answers 200; a body follows.
    pub async fn respond(&mut self, stream: u64) {
        let head = ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() };
        self.session.respond(stream, &head, false).unwrap();
        self.transmit().await;
    }

    /// Ends the body with these bytes.
    pub async fn finish(&mut self, stream: u64, bytes: &'static [u8]) {
        self.session.send(stream, Bytes::from_static(bytes), true).unwrap();
        self.transmit().await;
    }

    /// Waits until the gateway has closed the channel.
    pub async fn closed(&self) {
        within("the gateway closes a hostile tab's channel", async {
            while self.channel.next().await.is_some() {}
        })
        .await;
    }

    /// Goes.
    pub async fn close(self) {
        self.channel.close().await;
    }
}
