//! A native peer that joins as a tab does and then breaks the rules. No product code on its side but the wire's own
//! vocabulary.

use crate::within;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_protocol::frame::Frame;
use tabmesh_protocol::signal::{
    Candidate, ClientMessage, Relay, Role as SignalRole, SIGNAL_PATH, ServerMessage,
};
use tabmesh_protocol::{Config, Event, ResponseHead, Role, Session};
use tabmesh_signaling::{Join, Link, client};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionIceEvent, RTCSessionDescription, SettingEngineBuilder,
};

/// Attempt number in signalling.
const ATTEMPT: u32 = 1;

/// How often an honest part of the game looks at its clock.
const TICK: Duration = Duration::from_millis(50);

/// Unsent bytes after which a send waits. Without a bound a flood overflows the receiver's UDP socket, and the second-long
/// pauses of retransmission look like silence.
const SEND_BUFFER: usize = 64 * 1024;

struct Candidates(mpsc::UnboundedSender<Candidate>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Candidates {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(init) = event.candidate.to_json() {
            let _ = self.0.send(Candidate {
                candidate: init.candidate,
                sdp_mid: init.sdp_mid,
                sdp_mline_index: init.sdp_mline_index,
                username_fragment: init.username_fragment,
            });
        }
    }
}

/// A joined peer with an open data channel, on which nothing was said yet.
pub struct FakeTab {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    /// Leaving it would look like a closed tab.
    _signal: Link,
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
        let join = Join { role: SignalRole::Tab, pool: "default".into(), token: None };
        let mut signal = client::connect(&format!("ws://{address}{SIGNAL_PATH}"), join).await.unwrap();
        let Some(ServerMessage::Joined { peers, .. }) = signal.rx.recv().await else { panic!("not joined") };
        let gateway = peers.first().expect("the gateway is in its own pool").id.clone();

        let (found, mut candidates) = mpsc::unbounded_channel();
        let settings = SettingEngineBuilder::new().with_include_loopback_candidate(true).build();
        let connection = PeerConnectionBuilder::new()
            .with_setting_engine(settings)
            .with_handler(Arc::new(Candidates(found)))
            .with_data_channel_send_buffer_limit(SEND_BUFFER)
            .with_udp_addrs(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
            .build()
            .await
            .unwrap();
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let init = RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel("tabmesh", Some(init)).await.unwrap();
        let offer = connection.create_offer(None).await.unwrap();
        let sdp = offer.sdp.clone();
        connection.set_local_description(offer).await.unwrap();
        let say = |relay| ClientMessage::Relay { to: gateway.clone(), session: ATTEMPT, relay };
        signal.tx.send(say(Relay::Offer { sdp })).await.unwrap();

        let mut early = Vec::new();
        let mut answered = false;
        loop {
            tokio::select! {
                event = channel.poll() => match event {
                    Some(DataChannelEvent::OnOpen) => break,
                    other => panic!("instead of opening: {other:?}"),
                },
                Some(candidate) = candidates.recv() => {
                    signal.tx.send(say(Relay::Candidate { candidate })).await.unwrap();
                }
                message = signal.rx.recv() => match message.expect("the signalling link lives") {
                    ServerMessage::Relay { relay: Relay::Answer { sdp }, .. } => {
                        let answer = RTCSessionDescription::answer(sdp).unwrap();
                        connection.set_remote_description(answer).await.unwrap();
                        answered = true;
                        for candidate in early.drain(..) {
                            connection.add_ice_candidate(candidate).await.unwrap();
                        }
                    }
                    ServerMessage::Relay { relay: Relay::Candidate { candidate }, .. } => {
                        let init = RTCIceCandidateInit {
                            candidate: candidate.candidate,
                            sdp_mid: candidate.sdp_mid,
                            sdp_mline_index: candidate.sdp_mline_index,
                            username_fragment: candidate.username_fragment,
                            ..RTCIceCandidateInit::default()
                        };
                        if answered {
                            connection.add_ice_candidate(init).await.unwrap();
                        } else {
                            early.push(init);
                        }
                    }
                    other => panic!("instead of an answer: {other:?}"),
                },
            }
        }
        let session = Session::new(Role::Tab, config, Duration::ZERO);
        let mut tab = Self { connection, channel, _signal: signal, session, epoch: Instant::now() };
        // The gateway's hello shows that its end is open, too: what comes before, the `rtc` crate may lose.
        let hello = tab.next_message().await.expect("the gateway speaks first");
        tab.session.handle_message(Duration::ZERO, hello).unwrap();
        tab
    }

    /// Sends a message as it is.
    pub async fn send(&self, message: &[u8]) {
        // The gateway may have closed already.
        let _ = self.channel.send(BytesMut::from(message)).await;
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
                    received = self.next_message() => received,
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
                if let Ok(message) = tokio::time::timeout(TICK, self.next_message()).await {
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

    async fn next_message(&self) -> Option<Bytes> {
        loop {
            match self.channel.poll().await {
                Some(DataChannelEvent::OnMessage(message)) => return Some(message.data.freeze()),
                Some(DataChannelEvent::OnClose | DataChannelEvent::OnClosing) | None => return None,
                Some(_) => {}
            }
        }
    }

    /// Waits until the gateway has closed the channel.
    pub async fn closed(&self) {
        within("the gateway closes a hostile tab's channel", async {
            while self.next_message().await.is_some() {}
        })
        .await;
    }

    /// Goes.
    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}
