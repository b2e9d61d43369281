//! One WebRTC peer: an offer in, an open data channel out. The only module that names the `webrtc` crate, so that
//! another carrier stays a local change. Knows nothing of sessions or requests.
//!
//! The crate awaits our callbacks on its driver, so they only forward.

mod quiet;
mod runtime;

use super::tab::Transport;
use crate::config::{IceTransport, PeerConfig};
use bytes::{Bytes, BytesMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tabmesh_protocol::config::MAX_MESSAGE;
use tabmesh_protocol::signal::{Candidate, IceServer};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::error::Error;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateInit, RTCIceServer, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    RTCSessionDescription, SettingEngine, SettingEngineBuilder,
};

/// Label of the one pre-negotiated channel; both ends create it with stream id 0.
const CHANNEL: &str = "tabmesh";

/// Events that may wait for the owner of a peer: candidates and state changes, a handful a connection.
const EVENTS: usize = 64;

/// What a peer tells its owner beside messages.
#[derive(Debug)]
pub enum PeerEvent {
    /// A local candidate, to be trickled to the tab.
    Candidate(Candidate),
    /// ICE lost contact; it may come back.
    Unsure,
    /// The connection is over.
    Gone,
}

/// A peer connection. Close it with [`Peer::close`]; a drop alone leaves its driver running.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
}

/// What arrives on the channel.
#[derive(Debug)]
pub enum ChannelEvent {
    /// It may be sent on.
    Open,
    /// A message.
    Message(Bytes),
    /// It is over.
    Closed,
}

struct Callbacks(mpsc::Sender<PeerEvent>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(init) = event.candidate.to_json() {
            let candidate = Candidate {
                candidate: init.candidate,
                sdp_mid: init.sdp_mid,
                sdp_mline_index: init.sdp_mline_index,
                username_fragment: init.username_fragment,
            };
            // A full queue loses a candidate of many, not the connection.
            let _ = self.0.try_send(PeerEvent::Candidate(candidate));
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let event = match state {
            RTCPeerConnectionState::Disconnected => PeerEvent::Unsure,
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => PeerEvent::Gone,
            _ => return,
        };
        let _ = self.0.try_send(event);
    }
}

impl Peer {
    /// Makes a peer and the events that come with it. Must run on the runtime that shall drive it. `number` counts peers: where
    /// ports are limited, it says which is tried first.
    ///
    /// # Errors
    /// When no port is free or the crate refuses the settings.
    pub async fn new(
        config: &PeerConfig,
        listen: IpAddr,
        number: u64,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), Error> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let callbacks = Arc::new(Callbacks(events_in));
        let connection = bind(config, listen, number, callbacks).await?;
        let init = RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel(CHANNEL, Some(init)).await?;
        Ok((Self { connection, channel }, events))
    }

    /// Takes an offer (the first, or an ICE restart) and gives the answer.
    ///
    /// # Errors
    /// When the offer is not acceptable.
    pub async fn answer(&self, offer: String) -> Result<String, Error> {
        self.connection.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
        let answer = self.connection.create_answer(None).await?;
        let sdp = answer.sdp.clone();
        self.connection.set_local_description(answer).await?;
        Ok(sdp)
    }

    /// Adds a candidate of the tab. One that does not parse (a browser's mDNS name, say) is not an error: the tab's
    /// own checks reach us.
    pub async fn add_candidate(&self, candidate: Candidate) {
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_mline_index,
            username_fragment: candidate.username_fragment,
            ..RTCIceCandidateInit::default()
        };
        if let Err(error) = self.connection.add_ice_candidate(init).await {
            tracing::debug!(%error, "candidate not taken");
        }
    }

    /// The next thing that the channel does.
    pub async fn next(&self) -> ChannelEvent {
        loop {
            match self.channel.poll().await {
                Some(DataChannelEvent::OnOpen) => return ChannelEvent::Open,
                Some(DataChannelEvent::OnMessage(message)) => {
                    return ChannelEvent::Message(message.data.freeze());
                }
                Some(DataChannelEvent::OnClose | DataChannelEvent::OnClosing) | None => {
                    return ChannelEvent::Closed;
                }
                Some(_) => {}
            }
        }
    }

    /// Ends the connection.
    pub async fn close(&self) {
        let _ = self.channel.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "peer did not close cleanly");
        }
    }
}

#[async_trait::async_trait]
impl Transport for Peer {
    fn message_size(&self) -> usize {
        PeerConfig::MESSAGE
    }

    async fn send(&self, message: Vec<u8>) -> bool {
        // From a vector we own alone: no copy.
        self.channel.send(BytesMut::from(Bytes::from(message))).await.is_ok()
    }
}

/// STUN and TURN servers as browsers and peers take them.
///
/// # Errors
/// A sentence that names what is wrong with which URL.
pub fn ice_servers(config: &PeerConfig) -> Result<Vec<IceServer>, String> {
    let stun = config.stun.iter().map(|url| {
        url.starts_with("stun:")
            .then(|| IceServer { urls: vec![url.clone()], ..IceServer::default() })
            .ok_or_else(|| format!("--stun `{url}` does not start with stun:"))
    });
    let turn = config.turn.iter().map(|url| {
        let parts = url.split_once(':').and_then(|(scheme, rest)| {
            let (credentials, host) = rest.rsplit_once('@')?;
            let (username, credential) = credentials.split_once(':')?;
            matches!(scheme, "turn" | "turns").then(|| IceServer {
                urls: vec![format!("{scheme}:{host}")],
                username: Some(username.to_owned()),
                credential: Some(credential.to_owned()),
            })
        });
        parts.ok_or_else(|| "--turn takes turn:user:password@host:port".to_owned())
    });
    stun.chain(turn).collect()
}

async fn bind(
    config: &PeerConfig,
    listen: IpAddr,
    number: u64,
    callbacks: Arc<Callbacks>,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let addrs = if config.ice_addr.is_empty() { vec![listen] } else { config.ice_addr.clone() };
    let mut failed = None;
    for port in ports(config.ice_ports.unwrap_or((0, 0)), number) {
        let addrs: Vec<SocketAddr> = addrs.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        match build(config, addrs, Arc::clone(&callbacks)).await {
            Ok(connection) => return Ok(connection),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| std::io::Error::other("no ICE port given").into()))
}

/// All ports of a range, each peer's search beginning behind the one before: if all began at the first port, the last of
/// a thousand peers would be built a thousand times.
fn ports((first, last): (u16, u16), number: u64) -> impl Iterator<Item = u16> {
    let all = first..=last;
    let skip = usize::try_from(number % all.len().max(1) as u64).unwrap_or(0);
    let count = all.len();
    all.cycle().skip(skip).take(count)
}

async fn build(
    config: &PeerConfig,
    addrs: Vec<SocketAddr>,
    callbacks: Arc<Callbacks>,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let (udp, tcp) = match config.ice_transport {
        IceTransport::Udp => (addrs, vec![]),
        IceTransport::Tcp => (vec![], addrs),
        IceTransport::Both => (addrs.clone(), addrs),
    };
    let mtu_safe = udp.iter().chain(&tcp).all(|addr| addr.ip().is_loopback());
    // `main` checked the servers before it started to serve.
    let ice_servers = ice_servers(config).unwrap_or_default().into_iter().map(|server| RTCIceServer {
        urls: server.urls,
        username: server.username.unwrap_or_default(),
        credential: server.credential.unwrap_or_default(),
    });
    let udp_alone = tcp.is_empty();
    let runtime = runtime::runtime(udp_alone).ok_or_else(|| std::io::Error::other("no async runtime"))?;
    let connection = PeerConnectionBuilder::new()
        .with_runtime(runtime)
        .with_configuration(
            RTCConfigurationBuilder::default().with_ice_servers(ice_servers.collect()).build(),
        )
        .with_setting_engine(settings(config.ice_transport, mtu_safe))
        .with_handler(callbacks)
        .with_data_channel_send_buffer_limit(PeerConfig::SEND_BUFFER)
        .with_udp_addrs(udp)
        .with_tcp_addrs(tcp)
        .build()
        .await?;
    Ok(Arc::new(connection))
}

fn settings(transport: IceTransport, local: bool) -> SettingEngine {
    let (disconnected, failed, keepalive) = PeerConfig::ICE_TIMEOUTS;
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(disconnected), Some(failed), Some(keepalive))
        .with_ice_connection_attempts(Some(PeerConfig::ICE_CHECK_INTERVAL), Some(PeerConfig::ICE_CHECKS))
        // Browsers hide their addresses behind mDNS names; their own checks reach us, so we need not resolve any.
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(true);
    let settings = match transport {
        IceTransport::Tcp => settings.with_sctp_mtu(PeerConfig::MTU_TCP),
        _ if local => settings.with_sctp_mtu(PeerConfig::MTU_LOCAL_UDP),
        _ => settings,
    };
    settings.build()
}

// The wire's largest message must fit what SCTP announces by default (64 KiB).
const _: () = assert!(MAX_MESSAGE <= 65536);

#[cfg(test)]
mod tests {
    use super::ports;

    #[test]
    fn each_peers_search_begins_at_another_port_and_sees_all() {
        let search = |number| ports((7, 9), number).collect::<Vec<_>>();
        assert_eq!([search(0), search(1), search(5)], [[7, 8, 9], [8, 9, 7], [9, 7, 8]]);
        assert_eq!(ports((0, 0), 3).collect::<Vec<_>>(), [0]);
        assert_eq!(ports((u16::MAX, u16::MAX), u64::MAX).collect::<Vec<_>>(), [u16::MAX]);
    }
}
