//! One peer connection of the `rtc` crate and what waits on either side of it. Does no I/O and reads no clock. A panic of the
//! crate, which strangers' datagrams reach, ends this link and nothing else.

use super::super::own::{AFTER, EVERY, GRID};
use super::super::settings::{CHANNEL, channel};
use super::super::{ChannelEvent, PeerEvent};
use super::routes::Known;
use super::stun;
use crate::config::PeerConfig;
use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::certificate::RTCCertificate;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::setting_engine::SettingEngine;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::RTCIceConnectionState;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Messages that wait for a reader; then the tab's window closes. Nobody reads before the channel is said to be open.
const INBOX: usize = 64;

/// Messages in one turn after which the core is asked whether it held some back: it does from 256 on.
const MUCH: usize = 128;

/// Protocols' clocks tick in milliseconds: what is due again at once waits for the next.
const TICK: Duration = Duration::from_millis(1);

/// The shortest time that a connection with a path wants: SCTP's delay of an acknowledgement, and ICE's rounds.
const SHORTEST: Duration = Duration::from_millis(200);

/// Takes messages as they come.
pub(super) type Sink = Arc<dyn Fn(Bytes) + Send + Sync>;

/// See the module's page.
pub(super) struct Link {
    /// `None` once it is over.
    core: Option<Box<RTCPeerConnection>>,
    channel: RTCDataChannelId,
    events: mpsc::Sender<PeerEvent>,
    inbox: VecDeque<ChannelEvent>,
    sink: Option<Sink>,
    /// Who waits for the channel to do something, and for room to send.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// ICE has a path; and when something but STUN passed last, and the clock was last shown.
    connected: bool,
    spoken: Option<Instant>,
    ticked: Instant,
    /// A moment that all links share.
    epoch: Instant,
    /// What the driver keeps for it: its place among the routes, the time it stands in the timers for, the last turn in which
    /// it got something.
    pub(super) known: Known,
    pub(super) armed: Option<Instant>,
    pub(super) touched: u64,
}

/// What became of a message.
pub(super) enum Sent {
    Yes,
    /// Not now. The waker is woken when it may be tried again.
    Full(BytesMut),
    Over,
}

impl Link {
    pub(super) fn new(
        settings: SettingEngine,
        certificate: RTCCertificate,
        epoch: Instant,
        now: Instant,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), Error> {
        let configuration = RTCConfigurationBuilder::new().with_certificates(vec![certificate]).build();
        let mut core = RTCPeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_setting_engine(settings)
            .build(now)?;
        let channel = core.create_data_channel(CHANNEL, Some(channel()))?.id();
        let (events_in, events) = mpsc::channel(super::super::EVENTS);
        let link = Self {
            core: Some(Box::new(core)),
            channel,
            events: events_in,
            inbox: VecDeque::new(),
            sink: None,
            reader: None,
            writer: None,
            connected: false,
            spoken: None,
            ticked: now,
            epoch,
            known: Known::default(),
            armed: None,
            touched: 0,
        };
        Ok((link, events))
    }

    /// Takes an offer and gives the answer; `candidates`, which are ours, follow as events.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        offer: String,
        candidates: &[String],
    ) -> Result<String, Error> {
        let answer = self.run(|core| {
            core.set_remote_description(now, RTCSessionDescription::offer(offer)?)?;
            let answer = core.create_answer(None)?;
            let sdp = answer.sdp.clone();
            core.set_local_description(now, answer)?;
            // The last, which is empty, says that there are no more.
            for candidate in candidates.iter().map(String::as_str).chain([""]) {
                let candidate = candidate.to_owned();
                core.add_local_candidate(RTCIceCandidateInit {
                    candidate,
                    ..RTCIceCandidateInit::default()
                })?;
            }
            Ok(sdp)
        });
        self.happen();
        answer.unwrap_or(Err(Error::ErrConnectionClosed))
    }

    pub(super) fn add_candidate(&mut self, candidate: RTCIceCandidateInit) -> Result<(), Error> {
        self.run(|core| core.add_remote_candidate(candidate)).unwrap_or(Err(Error::ErrConnectionClosed))
    }

    /// A datagram came.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        local_addr: SocketAddr,
        peer_addr: SocketAddr,
        datagram: BytesMut,
    ) {
        self.passed(now, &datagram);
        let transport =
            TransportContext { local_addr, peer_addr, transport_protocol: TransportProtocol::UDP, ecn: None };
        let read = self.run(|core| core.handle_read(TaggedBytesMut { now, transport, message: datagram }));
        if let Some(Err(error)) = read {
            tracing::debug!(%error, "datagram not taken");
        }
    }

    /// The time has come that was asked for.
    pub(super) fn tick(&mut self, now: Instant) {
        self.ticked = now;
        if let Some(Err(error)) = self.run(|core| core.handle_timeout(now)) {
            tracing::debug!(%error, "connection failed");
            self.end();
        }
    }

    /// Whether what passed may make it want the clock before the time that it is armed for. Saves the
    /// question, which goes through all of the stack.
    pub(super) fn may_want_sooner(&self, now: Instant) -> bool {
        !(self.connected && self.armed.is_some_and(|armed| armed <= now + SHORTEST))
    }

    /// When it wants the clock. A connection on which nothing is said wakes rarely: see [`super::super::own`]'s quiet ones.
    pub(super) fn wants(&mut self, now: Instant) -> Option<Instant> {
        let at = self.run(|core| core.poll_timeout())??;
        if self.connected && self.spoken.is_some_and(|spoken| now > spoken + AFTER) {
            // With others.
            let next = (self.ticked + EVERY).saturating_duration_since(self.epoch).as_nanos();
            let past = u64::try_from(next % GRID.as_nanos()).unwrap_or(0);
            return Some(at.max(self.ticked + EVERY - Duration::from_nanos(past)));
        }
        Some(at.max(self.ticked + TICK))
    }

    /// Sends a message if there is room.
    pub(super) fn send(&mut self, now: Instant, message: BytesMut, waker: &Waker) -> Sent {
        let channel = self.channel;
        let sent = self.run(|core| {
            let Some(mut channel) = core.data_channel(channel) else { return Sent::Over };
            if channel.outstanding_bytes() >= PeerConfig::SEND_BUFFER {
                return Sent::Full(message);
            }
            match channel.send(now, message) {
                Ok(()) => Sent::Yes,
                Err(_) => Sent::Over,
            }
        });
        if let Some(Sent::Full(_)) = sent {
            self.writer = Some(waker.clone());
        }
        sent.unwrap_or(Sent::Over)
    }

    /// Takes what happened since; messages go to `messages` if there is a sink, and wait for a reader if not.
    pub(super) fn drain(&mut self, messages: &mut Vec<(Sink, Bytes)>) {
        self.happen();
        let mut taken = 0;
        while self.sink.is_some() || self.inbox.len() < INBOX {
            // What the core held back because much was waiting is only found by the longer way.
            let read = if taken < MUCH { RTCPeerConnection::poll_data_read } else { Protocol::poll_read };
            let Some(Some(message)) = self.run(read) else { break };
            taken += 1;
            let RTCMessage::DataChannelMessage(_, message) = message.message else { continue };
            let message = message.data.freeze();
            match &self.sink {
                Some(sink) => messages.push((Arc::clone(sink), message)),
                None => self.tell(ChannelEvent::Message(message)),
            }
        }
        let channel = self.channel;
        if self.writer.is_some() {
            let outstanding =
                self.run(|core| core.data_channel(channel).map_or(0, |channel| channel.outstanding_bytes()));
            if outstanding.unwrap_or(0) < PeerConfig::SEND_BUFFER {
                self.writer.take().into_iter().for_each(Waker::wake);
            }
        }
    }

    /// The next datagram to send.
    pub(super) fn transmit(&mut self, now: Instant) -> Option<TaggedBytesMut> {
        let datagram = self.run(|core| core.poll_write())??;
        self.passed(now, &datagram.message);
        Some(datagram)
    }

    /// The next thing that the channel did, or the waker waits for it.
    pub(super) fn next(&mut self, waker: &Waker) -> Option<ChannelEvent> {
        if self.inbox.is_empty() {
            // What the core held back.
            while let Some(Some(message)) = self.run(Protocol::poll_read) {
                if let RTCMessage::DataChannelMessage(_, message) = message.message {
                    self.inbox.push_back(ChannelEvent::Message(message.data.freeze()));
                    break;
                }
            }
        }
        let next = self.inbox.pop_front().or_else(|| self.core.is_none().then_some(ChannelEvent::Closed));
        if next.is_none() {
            self.reader = Some(waker.clone());
        }
        next
    }

    /// From now on messages go there; those that waited go first.
    pub(super) fn redirect(&mut self, sink: Sink) {
        while let Some(event) = self.next(Waker::noop()) {
            match event {
                ChannelEvent::Message(message) => sink(message),
                ChannelEvent::Open => {}
                ChannelEvent::Closed => return self.end(),
            }
        }
        self.sink = Some(sink);
    }

    pub(super) fn is_over(&self) -> bool {
        self.core.is_none()
    }

    /// Whether it is over; the waker waits for it.
    pub(super) fn poll_over(&mut self, waker: &Waker) -> bool {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(waker)) {
            self.reader = Some(waker.clone());
        }
        self.is_over()
    }

    /// Says goodbye; what is still to be sent waits in [`Link::transmit`].
    pub(super) fn close(&mut self) {
        if let Some(Err(error)) = self.run(Protocol::close) {
            tracing::debug!(%error, "peer did not close cleanly");
        }
    }

    /// It is over, and whoever waits hears of it.
    pub(super) fn end(&mut self) {
        if let Some(core) = self.core.take() {
            // A core that panicked may do so again.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(core)));
        }
        let _ = self.events.try_send(PeerEvent::Gone);
        self.sink = None;
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn happen(&mut self) {
        while let Some(Some(event)) = self.run(|core| core.poll_event()) {
            self.happened(event);
        }
    }

    fn happened(&mut self, event: RTCPeerConnectionEvent) {
        match event {
            RTCPeerConnectionEvent::OnIceCandidateEvent(found) => {
                if let Ok(init) = found.candidate.to_json() {
                    // A full queue loses a candidate of many, not the connection.
                    let _ = self.events.try_send(PeerEvent::candidate(init));
                }
            }
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => {
                if let Some(event) = PeerEvent::of(state) {
                    let _ = self.events.try_send(event);
                }
            }
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(state) => {
                self.connected =
                    matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed);
            }
            RTCPeerConnectionEvent::OnDataChannel(event) => match event {
                RTCDataChannelEvent::OnOpen(id) if id == self.channel => self.tell(ChannelEvent::Open),
                RTCDataChannelEvent::OnOpen(_) => {
                    tracing::debug!("a tab opened a channel of its own");
                    self.end();
                }
                RTCDataChannelEvent::OnClosing(id) | RTCDataChannelEvent::OnClose(id)
                    if id == self.channel =>
                {
                    self.tell(ChannelEvent::Closed);
                    if self.sink.is_some() {
                        self.end();
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn tell(&mut self, event: ChannelEvent) {
        self.inbox.push_back(event);
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn passed(&mut self, now: Instant, datagram: &[u8]) {
        if !stun::is_stun(datagram) {
            self.spoken = Some(now);
        }
    }

    /// Uses the core; `None` if the link is over, now or before.
    fn run<R>(&mut self, work: impl FnOnce(&mut RTCPeerConnection) -> R) -> Option<R> {
        let core = self.core.as_deref_mut()?;
        let done = catch_unwind(AssertUnwindSafe(|| work(core)));
        if done.is_err() {
            tracing::error!("the WebRTC stack panicked; the connection ends");
            self.end();
        }
        done.ok()
    }
}
