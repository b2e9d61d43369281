//! One WebRTC peer: an offer in, an open data channel out. The only module that names the WebRTC crates, so that
//! another carrier stays a local change. Knows nothing of sessions or requests.
//!
//! Two carriers stand behind the same face: [`shared`], one UDP port for all tabs of a thread, on the sans-I/O crate `rtc`; and
//! [`own`], sockets for each tab, where TCP, STUN or TURN is asked for.

mod own;
mod settings;
mod shared;

use super::tab::Transport;
use crate::config::{IceTransport, PeerConfig};
use crate::metrics::Lane;
use bytes::Bytes;
use rtc::peer_connection::state::RTCPeerConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use std::net::IpAddr;
use tabmesh_protocol::config::MAX_MESSAGE;
use tabmesh_protocol::signal::{Candidate, IceServer};
use tokio::sync::mpsc;

pub use rtc::shared::error::Error;

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

impl PeerEvent {
    fn candidate(init: RTCIceCandidateInit) -> Self {
        Self::Candidate(Candidate {
            candidate: init.candidate,
            sdp_mid: init.sdp_mid,
            sdp_mline_index: init.sdp_mline_index,
            username_fragment: init.username_fragment,
        })
    }

    fn of(state: RTCPeerConnectionState) -> Option<Self> {
        match state {
            RTCPeerConnectionState::Disconnected => Some(Self::Unsure),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => Some(Self::Gone),
            _ => None,
        }
    }
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

/// Makes peers, and holds what they share.
pub struct Peers {
    config: PeerConfig,
    addrs: Vec<IpAddr>,
    /// `None` where each peer has sockets of its own.
    shared: Option<shared::Ports>,
}

/// A peer connection. End it with [`Peer::close`].
pub struct Peer(Carrier);

enum Carrier {
    Shared(shared::Peer),
    Own(own::Peer),
}

impl Peers {
    /// Peers with this configuration; they offer the address `listen` where it names none.
    #[must_use]
    pub fn new(config: PeerConfig, listen: IpAddr) -> Self {
        let addrs = if config.ice_addr.is_empty() { vec![listen] } else { config.ice_addr.clone() };
        let plain =
            config.ice_transport == IceTransport::Udp && config.stun.is_empty() && config.turn.is_empty();
        let shared = plain.then(shared::Ports::default);
        Self { config, addrs, shared }
    }

    /// How all of them are carried.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match (&self.shared, self.config.ice_transport) {
            (Some(_), _) => Lane::Own,
            (None, IceTransport::Udp) => Lane::Udp,
            (None, IceTransport::Tcp) => Lane::Tcp,
            (None, IceTransport::Both) => Lane::Both,
        }
    }

    /// Makes a peer and the events that come with it. Must run on the runtime that shall drive it. `number` counts peers: where
    /// ports are limited and each peer takes one, it says which is tried first.
    ///
    /// # Errors
    /// When no port is free or the crate refuses the settings.
    pub async fn make(&self, number: u64) -> Result<(Peer, mpsc::Receiver<PeerEvent>), Error> {
        Ok(match &self.shared {
            Some(ports) => {
                let (peer, events) = shared::Peer::new(ports, &self.addrs, self.config.ice_ports)?;
                (Peer(Carrier::Shared(peer)), events)
            }
            None => {
                let (peer, events) = own::Peer::new(&self.config, &self.addrs, number).await?;
                (Peer(Carrier::Own(peer)), events)
            }
        })
    }
}

impl Peer {
    /// Takes an offer (the first, or an ICE restart) and gives the answer.
    ///
    /// # Errors
    /// When the offer is not acceptable.
    pub async fn answer(&self, offer: String) -> Result<String, Error> {
        match &self.0 {
            Carrier::Shared(peer) => peer.answer(offer),
            Carrier::Own(peer) => peer.answer(offer).await,
        }
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
        let added = match &self.0 {
            Carrier::Shared(peer) => peer.add_candidate(init),
            Carrier::Own(peer) => peer.add_candidate(init).await,
        };
        if let Err(error) = added {
            tracing::debug!(%error, "candidate not taken");
        }
    }

    /// The next thing that the channel does.
    pub async fn next(&self) -> ChannelEvent {
        match &self.0 {
            Carrier::Shared(peer) => peer.next().await,
            Carrier::Own(peer) => peer.next().await,
        }
    }

    /// Hands every message to `into` as it comes, until the channel is over. `into` may be called on the thread that reads the
    /// socket, for other tabs wait while it runs.
    pub async fn receive(&self, into: impl Fn(Bytes) + Send + Sync + 'static) {
        match &self.0 {
            Carrier::Shared(peer) => peer.receive(std::sync::Arc::new(into)).await,
            Carrier::Own(peer) => loop {
                match peer.next().await {
                    ChannelEvent::Message(message) => into(message),
                    ChannelEvent::Open => {}
                    ChannelEvent::Closed => return,
                }
            },
        }
    }

    /// Ends the connection.
    pub async fn close(&self) {
        match &self.0 {
            Carrier::Shared(peer) => peer.close(),
            Carrier::Own(peer) => peer.close().await,
        }
    }
}

#[async_trait::async_trait]
impl Transport for Peer {
    fn message_size(&self) -> usize {
        PeerConfig::MESSAGE
    }

    async fn send(&self, message: Vec<u8>) -> bool {
        match &self.0 {
            Carrier::Shared(peer) => peer.send(message).await,
            Carrier::Own(peer) => peer.send(message).await,
        }
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

/// All ports of a range, each peer's search beginning behind the one before: if all began at the first port, the last of
/// a thousand peers would be built a thousand times.
fn ports((first, last): (u16, u16), number: u64) -> impl Iterator<Item = u16> {
    let all = first..=last;
    let skip = usize::try_from(number % all.len().max(1) as u64).unwrap_or(0);
    let count = all.len();
    all.cycle().skip(skip).take(count)
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
