//! The carrier with sockets of its own for each tab, run by the `webrtc` crate's driver: for ICE-TCP, STUN and TURN, which
//! the [shared](super::shared) one does not know.
//!
//! The crate awaits our callbacks on its driver, so they only forward.

mod quiet;
mod runtime;

pub(super) use quiet::{AFTER, EVERY, GRID};

use super::settings::{CHANNEL, channel, settings};
use super::{ChannelEvent, EVENTS, PeerEvent, ice_servers, ports};
use crate::config::{IceTransport, PeerConfig};
use bytes::{Bytes, BytesMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::error::Error;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateInit, RTCIceServer, RTCPeerConnectionIceEvent, RTCPeerConnectionState,
    RTCSessionDescription,
};

/// See [`super::Peer`].
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
}

struct Callbacks(mpsc::Sender<PeerEvent>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(init) = event.candidate.to_json() {
            // A full queue loses a candidate of many, not the connection.
            let _ = self.0.try_send(PeerEvent::candidate(init));
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if let Some(event) = PeerEvent::of(state) {
            let _ = self.0.try_send(event);
        }
    }
}

impl Peer {
    pub(super) async fn new(
        config: &PeerConfig,
        addrs: &[IpAddr],
        number: u64,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), Error> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let connection = bind(config, addrs, number, Arc::new(Callbacks(events_in))).await?;
        let channel = connection.create_data_channel(CHANNEL, Some(channel())).await?;
        Ok((Self { connection, channel }, events))
    }

    pub(super) async fn answer(&self, offer: String) -> Result<String, Error> {
        self.connection.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
        let answer = self.connection.create_answer(None).await?;
        let sdp = answer.sdp.clone();
        self.connection.set_local_description(answer).await?;
        Ok(sdp)
    }

    pub(super) async fn add_candidate(&self, candidate: RTCIceCandidateInit) -> Result<(), Error> {
        self.connection.add_ice_candidate(candidate).await
    }

    pub(super) async fn next(&self) -> ChannelEvent {
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

    pub(super) async fn send(&self, message: Vec<u8>) -> bool {
        // From a vector we own alone: no copy.
        self.channel.send(BytesMut::from(Bytes::from(message))).await.is_ok()
    }

    pub(super) async fn close(&self) {
        let _ = self.channel.close().await;
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "peer did not close cleanly");
        }
    }
}

async fn bind(
    config: &PeerConfig,
    addrs: &[IpAddr],
    number: u64,
    callbacks: Arc<Callbacks>,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let mut failed = None;
    for port in ports(config.ice_ports.unwrap_or((0, 0)), number) {
        let addrs = addrs.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        match build(config, addrs, Arc::clone(&callbacks)).await {
            Ok(connection) => return Ok(connection),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| std::io::Error::other("no ICE port given").into()))
}

async fn build(
    config: &PeerConfig,
    addrs: Vec<SocketAddr>,
    callbacks: Arc<Callbacks>,
) -> Result<Arc<dyn PeerConnection>, Error> {
    let local = addrs.iter().all(|addr| addr.ip().is_loopback());
    let (udp, tcp) = match config.ice_transport {
        IceTransport::Udp => (addrs, vec![]),
        IceTransport::Tcp => (vec![], addrs),
        IceTransport::Both => (addrs.clone(), addrs),
    };
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
        .with_setting_engine(settings(config.ice_transport, local).build())
        .with_handler(callbacks)
        .with_data_channel_send_buffer_limit(PeerConfig::SEND_BUFFER)
        .with_udp_addrs(udp)
        .with_tcp_addrs(tcp)
        .build()
        .await?;
    Ok(Arc::new(connection))
}
