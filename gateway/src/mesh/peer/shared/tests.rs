//! The carrier against a peer of the `webrtc` crate, over real sockets.

use super::super::settings::{CHANNEL, channel};
use super::super::{ChannelEvent, Peer, PeerEvent, Peers};
use crate::config::{IceTransport, PeerConfig};
use crate::mesh::tab::Transport as _;
use bytes::{Bytes, BytesMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tabmesh_protocol::signal::Candidate;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
    RTCPeerConnectionIceEvent, RTCSessionDescription,
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn peers() -> Peers {
    let config = PeerConfig {
        ice_addr: vec![],
        ice_ports: None,
        ice_transport: IceTransport::Udp,
        stun: vec![],
        turn: vec![],
    };
    Peers::new(config, HERE)
}

struct Candidates(mpsc::UnboundedSender<Candidate>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Candidates {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let init = event.candidate.to_json().expect("a candidate");
        let candidate = Candidate {
            candidate: init.candidate,
            sdp_mid: init.sdp_mid,
            sdp_mline_index: init.sdp_mline_index,
            username_fragment: init.username_fragment,
        };
        let _ = self.0.send(candidate);
    }
}

/// The other end.
struct Tab {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    candidates: mpsc::UnboundedReceiver<Candidate>,
}

impl Tab {
    async fn new() -> Self {
        let (found, candidates) = mpsc::unbounded_channel();
        let settings = super::settings(IceTransport::Udp, true).build();
        let connection = PeerConnectionBuilder::new()
            .with_setting_engine(settings)
            .with_handler(Arc::new(Candidates(found)))
            .with_udp_addrs(vec![SocketAddr::new(HERE, 0)])
            .build()
            .await
            .expect("a connection");
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let channel = connection.create_data_channel(CHANNEL, Some(channel())).await.expect("a channel");
        Self { connection, channel, candidates }
    }

    /// Offers, with or without telling its address; gives ours.
    async fn join(&mut self, peer: &Peer, events: &mut mpsc::Receiver<PeerEvent>, told: bool) -> SocketAddr {
        let offer = self.connection.create_offer(None).await.expect("an offer");
        self.connection.set_local_description(offer.clone()).await.expect("applied");
        let answer = peer.answer(offer.sdp).await.expect("an answer");
        let description = RTCSessionDescription::answer(answer).expect("an answer");
        self.connection.set_remote_description(description).await.expect("applied");
        let Some(PeerEvent::Candidate(candidate)) = soon(events.recv()).await else { panic!("no candidate") };
        let words: Vec<&str> = candidate.candidate.split(' ').collect();
        let ours = SocketAddr::new(words[4].parse().expect("an address"), words[5].parse().expect("a port"));
        let init = RTCIceCandidateInit {
            candidate: candidate.candidate,
            sdp_mid: candidate.sdp_mid,
            sdp_mline_index: candidate.sdp_mline_index,
            ..RTCIceCandidateInit::default()
        };
        self.connection.add_ice_candidate(init).await.expect("added");
        if told {
            peer.add_candidate(self.candidates.recv().await.expect("a candidate")).await;
        }
        assert!(matches!(soon(peer.next()).await, ChannelEvent::Open));
        soon(async { while !matches!(self.channel.poll().await, Some(DataChannelEvent::OnOpen)) {} }).await;
        ours
    }

    async fn next(&self) -> Option<BytesMut> {
        loop {
            match self.channel.poll().await {
                Some(DataChannelEvent::OnMessage(message)) => return Some(message.data),
                Some(DataChannelEvent::OnClose | DataChannelEvent::OnClosing) | None => return None,
                Some(_) => {}
            }
        }
    }
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("in time")
}

#[tokio::test]
async fn tabs_share_a_port_and_messages_go_both_ways() {
    let peers = peers();
    let mut ends = Vec::new();
    for number in 0..3u8 {
        let (peer, mut events) = peers.make(number.into()).await.expect("a peer");
        let mut tab = Tab::new().await;
        let ours = tab.join(&peer, &mut events, number != 1).await;
        ends.push((peer, events, tab, ours, number));
    }
    assert!(ends.iter().all(|(.., ours, _)| *ours == ends[0].3));
    for (peer, _, tab, _, number) in &ends {
        for size in [1, 200, 5_000, 60_000] {
            assert!(soon(peer.send(vec![*number; size])).await);
            assert_eq!(soon(tab.next()).await.expect("a message"), vec![*number; size]);
            tab.channel.send(BytesMut::from(&vec![*number; size][..])).await.expect("sent");
            match soon(peer.next()).await {
                ChannelEvent::Message(message) => assert_eq!(message, vec![*number; size]),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_sink_gets_what_waited_and_what_comes_in_order() {
    let (peers, mut tab) = (peers(), Tab::new().await);
    let (peer, mut events) = peers.make(0).await.expect("a peer");
    tab.join(&peer, &mut events, true).await;
    let send = async |from: u16| {
        for number in from..from + 500 {
            tab.channel.send(BytesMut::from(&number.to_be_bytes()[..])).await.expect("sent");
        }
    };
    send(0).await;
    let got = Arc::new(Mutex::new(Vec::<Bytes>::new()));
    let into = Arc::clone(&got);
    let receiving = peer.receive(move |message| into.lock().expect("no panic").push(message));
    let sending = async {
        send(500).await;
        while got.lock().expect("no panic").len() < 1000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tab.connection.close().await.expect("closed");
    };
    soon(async { tokio::join!(receiving, sending) }).await;
    let got: Vec<u16> =
        got.lock().expect("no panic").iter().map(|m| u16::from_be_bytes([m[0], m[1]])).collect();
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
    assert!(!peer.send(vec![0]).await);
}

#[tokio::test]
async fn a_send_waits_while_the_other_end_takes_nothing() {
    let (peers, mut tab) = (peers(), Tab::new().await);
    let (peer, mut events) = peers.make(0).await.expect("a peer");
    tab.join(&peer, &mut events, true).await;
    // What fits the other end's window, and then no more.
    let mut sent = 0u32;
    while tokio::time::timeout(Duration::from_secs(1), peer.send(vec![0; PeerConfig::MESSAGE])).await.is_ok()
    {
        sent += 1;
        assert!(sent < 10_000, "nothing holds it back");
    }
    for _ in 0..sent {
        soon(tab.next()).await.expect("a message");
    }
    assert!(soon(peer.send(vec![1])).await);
}

#[tokio::test]
async fn strangers_datagrams_do_not_matter() {
    let (peers, mut tab) = (peers(), Tab::new().await);
    let (peer, mut events) = peers.make(0).await.expect("a peer");
    let ours = tab.join(&peer, &mut events, true).await;
    let stranger = UdpSocket::bind((HERE, 0)).expect("a socket");
    let mut seed = 1u32;
    for round in 0..2_000u32 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let mut datagram: Vec<u8> = (0..seed % 300).map(|at| (seed >> (at % 24)) as u8).collect();
        if let Some(first) = datagram.first_mut() {
            *first = [0, 1, 20, 22, 23, 128][round as usize % 6];
        }
        stranger.send_to(&datagram, ours).expect("sent");
    }
    assert!(soon(peer.send(b"still".to_vec())).await);
    assert_eq!(soon(tab.next()).await.expect("a message"), b"still"[..]);
    assert!(events.try_recv().is_err());
}

#[tokio::test]
async fn closing_is_seen_at_the_other_end_and_leaves_no_route() {
    let peers = peers();
    let (peer, mut events) = peers.make(0).await.expect("a peer");
    let mut tab = Tab::new().await;
    tab.join(&peer, &mut events, true).await;
    tab.connection.close().await.expect("closed");
    soon(async { while !matches!(events.recv().await, Some(PeerEvent::Gone)) {} }).await;
    assert!(matches!(soon(peer.next()).await, ChannelEvent::Closed));

    let (other, mut events) = peers.make(1).await.expect("a peer");
    let mut tab = Tab::new().await;
    tab.join(&other, &mut events, true).await;
    peer.close().await;
    drop(other);
    assert!(soon(tab.next()).await.is_none());
    let shared = peers.shared.as_ref().expect("shared").0.lock().expect("no panic");
    assert!(shared.ports.values().all(|(port, _)| port.is_empty()));
}
