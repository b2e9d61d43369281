//! A native peer on a tab's side of the wire: it joins by real signalling and holds a real data channel, and says nothing
//! on it. What is said is its owner's business: [`hostile`](crate::hostile) breaks the rules,
//! [`swarm`](crate::swarm) keeps them.

use anyhow::{Context, Result, anyhow, bail};
use bytes::{Bytes, BytesMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tabmesh_protocol::signal::{
    Candidate, ClientMessage, Relay, Role as SignalRole, SIGNAL_PATH, ServerMessage,
};
use tabmesh_signaling::{Join, Link, client};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionIceEvent, RTCSessionDescription, SettingEngineBuilder,
};

/// Attempt number in signalling.
const ATTEMPT: u32 = 1;

/// Unsent bytes after which a send waits. Without a bound a flood overflows the receiver's UDP socket, and the second-long
/// pauses of retransmission look like silence.
const SEND_BUFFER: usize = 64 * 1024;

/// Time between two ICE checks, and their number: as the gateway's. The crate's 200 ms would be most of a join.
const ICE_CHECKS: (Duration, u16) = (Duration::from_millis(10), 300);

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

/// An open data channel to a gateway. Close it with [`Channel::close`].
pub struct Channel {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    /// Leaving it would look like a closed tab.
    _signal: Link,
}

impl Channel {
    /// Joins the gateway at `address` through its own signalling.
    ///
    /// # Errors
    /// What kept the channel from opening.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let join = Join { role: SignalRole::Tab, pool: "default".into(), token: None };
        let mut signal = client::connect(&format!("ws://{address}{SIGNAL_PATH}"), join).await?;
        let gateway = match signal.rx.recv().await {
            Some(ServerMessage::Joined { peers, .. }) => {
                peers.into_iter().next().context("no gateway in the pool")?.id
            }
            other => bail!("instead of being joined: {other:?}"),
        };
        let (found, candidates) = mpsc::unbounded_channel();
        let connection = connection(found).await?;
        let init = RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel("tabmesh", Some(init)).await?;
        negotiate(&connection, &channel, &mut signal, gateway, candidates).await?;
        Ok(Self { connection, channel, _signal: signal })
    }

    /// Sends a message as it is; false once the channel is closed.
    pub async fn send(&self, message: &[u8]) -> bool {
        self.channel.send(BytesMut::from(message)).await.is_ok()
    }

    /// The next message, `None` once the channel is closed.
    pub async fn next(&self) -> Option<Bytes> {
        loop {
            match self.channel.poll().await {
                Some(DataChannelEvent::OnMessage(message)) => return Some(message.data.freeze()),
                Some(DataChannelEvent::OnClose | DataChannelEvent::OnClosing) | None => return None,
                Some(_) => {}
            }
        }
    }

    /// Goes.
    pub async fn close(self) {
        let _ = self.connection.close().await;
    }
}

async fn connection(found: mpsc::UnboundedSender<Candidate>) -> Result<Arc<dyn PeerConnection>> {
    let settings = SettingEngineBuilder::new()
        .with_include_loopback_candidate(true)
        .with_ice_connection_attempts(Some(ICE_CHECKS.0), Some(ICE_CHECKS.1))
        // One socket less for each; nobody here has such a name.
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_setting_engine(settings)
        .with_handler(Arc::new(Candidates(found)))
        .with_data_channel_send_buffer_limit(SEND_BUFFER)
        .with_udp_addrs(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
        .build()
        .await?;
    Ok(Arc::new(connection))
}

/// Offers, and trickles candidates both ways until the channel is open.
async fn negotiate(
    connection: &Arc<dyn PeerConnection>,
    channel: &Arc<dyn DataChannel>,
    signal: &mut Link,
    gateway: String,
    mut candidates: mpsc::UnboundedReceiver<Candidate>,
) -> Result<()> {
    let offer = connection.create_offer(None).await?;
    let sdp = offer.sdp.clone();
    connection.set_local_description(offer).await?;
    let say = |relay| ClientMessage::Relay { to: gateway.clone(), session: ATTEMPT, relay };
    let gone = |_| anyhow!("the signalling link ended");
    signal.tx.send(say(Relay::Offer { sdp })).await.map_err(gone)?;
    let mut early = Vec::new();
    let mut answered = false;
    loop {
        tokio::select! {
            event = channel.poll() => match event {
                Some(DataChannelEvent::OnOpen) => return Ok(()),
                other => bail!("instead of opening: {other:?}"),
            },
            Some(candidate) = candidates.recv() => {
                signal.tx.send(say(Relay::Candidate { candidate })).await.map_err(gone)?;
            }
            message = signal.rx.recv() => match message.context("the signalling link ended")? {
                ServerMessage::Relay { relay: Relay::Answer { sdp }, .. } => {
                    connection.set_remote_description(RTCSessionDescription::answer(sdp)?).await?;
                    answered = true;
                    for candidate in early.drain(..) {
                        connection.add_ice_candidate(candidate).await?;
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
                        connection.add_ice_candidate(init).await?;
                    } else {
                        early.push(init);
                    }
                }
                other => bail!("instead of an answer: {other:?}"),
            },
        }
    }
}
