//! The session: many HTTP exchanges over one ordered, reliable, message-based transport.
//!
//! A [`Session`] is one end. Its owner feeds it what arrives ([`Session::handle_message`]), the time
//! ([`Session::handle_timeout`]) and what the application wants, and takes what it gives: events
//! ([`Session::poll_event`]), messages to send ([`Session::poll_transmit`], when the transport has room) and the time
//! of its next deadline ([`Session::poll_timeout`]).
//!
//! Invariants:
//! - Small frames are coalesced: one call of `poll_transmit` fills one message with whatever waits.
//! - Streams take turns by [`DATA_QUANTUM`], so no body blocks another.
//! - Everything that the peer can make us hold is bounded: streams by [`Config::max_incoming_streams`], bodies by
//!   windows, answers by [`MAX_QUEUED_CONTROL`].
//! - The tab speaks second: it sends nothing before the gateway's hello has come. A gateway's WebRTC stack may drop
//!   what arrives before its own end of the channel is open.
//! - After a [`Violation`] the session is dead; its owner closes the transport.

mod flow;
mod receive;
mod stream;
#[cfg(test)]
mod tests;
mod types;

pub use types::{Event, Hello, Load, Now, Role, SendError, StreamId};

use crate::bundle::is_hash;
use crate::config::{
    Config, DATA_QUANTUM, MAX_MESSAGE, MAX_PUSHED_CODE, MAX_QUEUED_CONTROL, PROTOCOL_VERSION,
};
use crate::error::{ResetCode, Violation};
use crate::frame::{Cost, Frame, MAX_OVERHEAD, put_body, put_code};
use crate::head::{CallHead, RequestHead, ResponseHead};
use bytes::Bytes;
use flow::Window;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use stream::Stream;

/// One end of a connection. See the module's page.
#[derive(Debug)]
pub struct Session {
    role: Role,
    config: Config,
    peer: Option<Hello>,
    peer_draining: bool,
    streams: HashMap<StreamId, Stream>,
    opened_by_us: u32,
    opened_by_peer: u32,
    next_id: StreamId,
    highest_peer_id: StreamId,
    /// Encoded control frames, code and heads, in order; they overtake bodies.
    control: VecDeque<Vec<u8>>,
    /// Streams with body bytes and credit, in turn.
    ready: VecDeque<StreamId>,
    /// Body bytes that the peer lets us send over all streams.
    send_credit: u64,
    receive: Window,
    /// Bytes by which streams' windows may still grow: what [`Config::connection_window`] holds beyond the first
    /// windows of all streams. So readers that stop reading can never use up the connection's credit for others.
    growth: u64,
    events: VecDeque<Event>,
    load: Load,
    last_heard: Now,
    last_ping: Now,
    ping_sent: Option<Now>,
    ping_nonce: u64,
    probing: bool,
}

impl Session {
    /// A new end; its hello waits to be sent at once.
    #[must_use]
    pub fn new(role: Role, config: Config, now: Now) -> Self {
        let mut session = Self {
            role,
            peer: None,
            peer_draining: false,
            streams: HashMap::new(),
            opened_by_us: 0,
            opened_by_peer: 0,
            next_id: if role == Role::Gateway { 1 } else { 2 },
            highest_peer_id: 0,
            control: VecDeque::new(),
            ready: VecDeque::new(),
            send_credit: 0,
            receive: Window::new(config.connection_window, config.connection_window),
            growth: config.growth_budget(),
            events: VecDeque::new(),
            load: Load::default(),
            last_heard: now,
            last_ping: now,
            ping_sent: None,
            ping_nonce: 0,
            probing: false,
            config,
        };
        session.say_hello();
        session
    }

    fn say_hello(&mut self) {
        let hello = Hello {
            agent: self.config.agent.clone(),
            max_streams: self.config.max_incoming_streams,
            stream_window: self.config.stream_window,
            connection_window: self.config.connection_window,
            draining: false,
            tenants: self.config.tenants.clone(),
            costs: true,
        };
        let payload = serde_json::to_vec(&hello).unwrap_or_default();
        self.control(&Frame::Hello { version: PROTOCOL_VERSION, payload: payload.into() });
    }

    // ---- what the application does ----

    /// Opens a stream from a gateway with a request head; `fin` when no body follows.
    ///
    /// # Errors
    /// [`SendError::NotAccepting`] or [`SendError::Head`]; nothing was sent.
    pub fn open(&mut self, head: &RequestHead, fin: bool) -> Result<StreamId, SendError> {
        if !self.accepting() {
            return Err(SendError::NotAccepting);
        }
        let payload = head.encode()?;
        Ok(self.open_stream(&payload, fin))
    }

    /// Opens a stream from a tab, for a call of a handler; `fin` when no body follows. A gateway that drains takes them still:
    /// the requests that it waits for may need them.
    ///
    /// # Errors
    /// [`SendError::NotAccepting`] when the gateway allows no more streams, or [`SendError::Head`]; nothing was sent.
    pub fn call(&mut self, head: &CallHead, fin: bool) -> Result<StreamId, SendError> {
        if self.opened_by_us >= self.outgoing_limit() {
            return Err(SendError::NotAccepting);
        }
        let payload = head.encode()?;
        Ok(self.open_stream(&payload, fin))
    }

    fn open_stream(&mut self, payload: &[u8], fin: bool) -> StreamId {
        let id = self.next_id;
        self.next_id += 2;
        self.opened_by_us += 1;
        let window = self.peer.as_ref().map_or(0, |peer| peer.stream_window);
        let mut stream = Stream::new(&self.config, window);
        stream.send_head(fin);
        self.streams.insert(id, stream);
        self.control_head(id, fin, payload);
        id
    }

    /// Sends a bundle that the next request needs, ahead of it. False where that is not to be: it is larger than
    /// [`MAX_PUSHED_CODE`], or would make those behind it wait for more than one message. Then the tab asks for it by
    /// itself. Only for gateways.
    pub fn push_code(&mut self, hash: &str, bundle: &[u8]) -> bool {
        let waiting: usize = self.control.iter().map(Vec::len).sum();
        let size = MAX_OVERHEAD + hash.len() + bundle.len();
        if self.role != Role::Gateway
            || !is_hash(hash)
            || bundle.len() > MAX_PUSHED_CODE
            || waiting + size > MAX_MESSAGE
        {
            return false;
        }
        let mut bytes = Vec::with_capacity(size);
        put_code(&mut bytes, hash, bundle);
        self.control.push_back(bytes);
        true
    }

    /// Answers a request; `fin` when no body follows.
    ///
    /// # Errors
    /// [`SendError::Closed`] or [`SendError::Head`]; nothing was sent.
    pub fn respond(&mut self, id: StreamId, head: &ResponseHead, fin: bool) -> Result<(), SendError> {
        if self.is_ours(id) {
            return Err(SendError::Closed);
        }
        let stream =
            self.streams.get_mut(&id).filter(|stream| stream.may_send_head()).ok_or(SendError::Closed)?;
        let payload = head.encode()?;
        stream.send_head(fin);
        self.control_head(id, fin, &payload);
        self.reap(id);
        Ok(())
    }

    /// Queues body bytes. More than [`Session::room`] is accepted (one piece may overshoot), but a well-behaved
    /// owner then waits for [`Event::Writable`].
    ///
    /// # Errors
    /// [`SendError::Closed`]: the peer reset or stopped the stream, or `fin` was sent before.
    pub fn send(&mut self, id: StreamId, data: Bytes, fin: bool) -> Result<(), SendError> {
        let stream =
            self.streams.get_mut(&id).filter(|stream| stream.may_send_body()).ok_or(SendError::Closed)?;
        stream.queue(data, fin);
        self.schedule(id);
        Ok(())
    }

    /// Body bytes that may be queued on the stream now; 0 also where it is closed. When that is less than half of
    /// [`Config::send_buffer`], [`Event::Writable`] follows once half is free: an owner that found too little never
    /// waits in vain.
    pub fn room(&mut self, id: StreamId) -> usize {
        let limit = self.config.send_buffer;
        self.streams.get_mut(&id).map_or(0, |stream| stream.room(limit))
    }

    /// Whether [`Session::send`] would be accepted: the stream is there and its sending half is open.
    #[must_use]
    pub fn takes_body(&self, id: StreamId) -> bool {
        self.streams.get(&id).is_some_and(Stream::may_send_body)
    }

    /// Body bytes from [`Event::Data`] were used up: the peer may send as many again.
    pub fn consumed(&mut self, now: Now, id: StreamId, bytes: usize) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (bytes, grant) = stream.consumed(now, &self.config, &mut self.growth, bytes);
        if let Some(grant) = grant {
            self.control(&Frame::Credit { stream: id, bytes: grant });
        }
        self.release(now, bytes);
    }

    /// Ends both halves of a stream now; it is gone afterwards.
    pub fn reset(&mut self, now: Now, id: StreamId, code: ResetCode, reason: &str) {
        if self.remove(now, id) {
            self.control(&Frame::Reset { stream: id, code, reason: reason.to_owned() });
        }
    }

    /// Tells the peer to send no more body on this stream; our own half goes on.
    pub fn stop(&mut self, now: Now, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if let Some(unread) = stream.stop_receiving() {
            self.control(&Frame::Stop { stream: id });
            self.release(now, unread);
        }
        self.reap(id);
    }

    /// Tells the peer whether we take new streams.
    pub fn set_draining(&mut self, draining: bool) {
        self.control(&Frame::Drain { draining });
    }

    /// Sends a line of a handler's console.
    pub fn log(&mut self, stream: Option<StreamId>, level: u8, text: &str) {
        self.control(&Frame::Log { stream: stream.unwrap_or(0), level: level.min(3), text: text.to_owned() });
    }

    /// Tells what a request used, if the gateway wants to know. The stream may be over. Only for tabs.
    pub fn cost(&mut self, stream: StreamId, cost: Cost) {
        if self.peer.as_ref().is_some_and(|peer| peer.costs) {
            self.control(&Frame::Cost { stream, cost });
        }
    }

    /// What our pongs say from now on.
    pub fn set_load(&mut self, load: Load) {
        self.load = load;
    }

    /// Something outside hints that the peer is gone (its signalling socket ended): it must answer a ping within
    /// [`Config::probe_silence`] or counts as silent.
    pub fn probe(&mut self, now: Now) {
        self.probing = true;
        // A ping that waits for its answer is proof enough: another would only give the peer more time.
        if self.ping_sent.is_none() {
            self.ping(now);
        }
    }

    // ---- what the application may ask ----

    /// Whether [`Session::open`] would be accepted.
    #[must_use]
    pub fn accepting(&self) -> bool {
        !self.peer_draining && self.opened_by_us < self.outgoing_limit()
    }

    /// Streams open now, of both sides.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether anything waits for [`Session::poll_transmit`].
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.may_speak() && (!self.control.is_empty() || (self.send_credit > 0 && !self.ready.is_empty()))
    }

    /// Control frames that wait to be sent; an owner with unbounded sources of its own (logs) holds back above some.
    #[must_use]
    pub fn queued_control(&self) -> usize {
        self.control.len()
    }

    // ---- what the transport and the clock do ----

    /// Takes one message from the transport.
    ///
    /// # Errors
    /// A [`Violation`]: close the transport; events up to here may still be polled.
    pub fn handle_message(&mut self, now: Now, mut message: Bytes) -> Result<(), Violation> {
        if message.len() > MAX_MESSAGE {
            return Err(Violation::MessageTooLarge(message.len()));
        }
        self.last_heard = now;
        while !message.is_empty() {
            let frame = Frame::decode(&mut message)?;
            self.handle_frame(now, frame)?;
        }
        if self.control.len() > MAX_QUEUED_CONTROL { Err(Violation::ControlFlood) } else { Ok(()) }
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] wants to be called next, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Now {
        let (ping, silence) = self.liveness();
        match self.ping_sent {
            Some(sent) => sent.max(self.last_heard) + silence,
            None => self.last_ping + ping,
        }
    }

    /// Sends pings when due.
    ///
    /// # Errors
    /// [`Violation::Silent`] when nothing was heard for too long.
    pub fn handle_timeout(&mut self, now: Now) -> Result<(), Violation> {
        // Silence alone proves nothing: the peer is suspect once it left a ping unanswered. So after a long pause of
        // our own (a suspended machine) a ping goes first.
        let due = now >= self.poll_timeout();
        match self.ping_sent {
            Some(_) if due => return Err(Violation::Silent),
            None if due => self.ping(now),
            _ => {}
        }
        Ok(())
    }

    /// One message to send, when the transport has room for it: as many waiting frames as fit.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.poll_transmit_within(MAX_MESSAGE)
    }

    /// The same, with bodies only up to `size` bytes of the message.
    pub fn poll_transmit_within(&mut self, size: usize) -> Option<Vec<u8>> {
        if !self.wants_transmit() {
            return None;
        }
        let mut message = Vec::with_capacity(if self.ready.is_empty() { 512 } else { DATA_QUANTUM + 512 });
        while let Some(frame) = self.control.front() {
            if !message.is_empty() && message.len() + frame.len() > MAX_MESSAGE {
                return Some(message);
            }
            message.extend_from_slice(frame);
            self.control.pop_front();
        }
        let size = size.clamp(MAX_OVERHEAD + 1, MAX_MESSAGE);
        while self.send_credit > 0 && (message.is_empty() || message.len() + MAX_OVERHEAD < size) {
            let Some(id) = self.ready.pop_front() else { break };
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let credit = usize::try_from(self.send_credit).unwrap_or(usize::MAX);
            let max = DATA_QUANTUM.min(credit).min(size.saturating_sub(MAX_OVERHEAD + message.len()).max(1));
            let (piece, fin) = stream.take(max);
            self.send_credit -= piece.len() as u64;
            put_body(&mut message, false, id, fin, &piece);
            if stream.take_writable(self.config.send_buffer) {
                self.events.push_back(Event::Writable { id });
            }
            self.schedule(id);
            self.reap(id);
        }
        (!message.is_empty()).then_some(message)
    }

    // ---- inside ----

    fn may_speak(&self) -> bool {
        self.role == Role::Gateway || self.peer.is_some()
    }

    fn ping(&mut self, now: Now) {
        self.last_ping = now;
        self.ping_sent = Some(now);
        self.ping_nonce += 1;
        self.control(&Frame::Ping { nonce: self.ping_nonce });
    }

    fn liveness(&self) -> (Duration, Duration) {
        if self.probing {
            (self.config.busy_ping, self.config.probe_silence)
        } else if self.streams.is_empty() {
            (self.config.idle_ping, self.config.idle_silence)
        } else {
            (self.config.busy_ping, self.config.busy_silence)
        }
    }

    /// Streams that we may have open at once: what the peer takes, within what we would ever use.
    fn outgoing_limit(&self) -> u32 {
        self.peer.as_ref().map_or(0, |peer| peer.max_streams.min(self.config.max_outgoing_streams))
    }

    fn is_ours(&self, id: StreamId) -> bool {
        (id % 2 == 1) == (self.role == Role::Gateway)
    }

    fn control(&mut self, frame: &Frame) {
        let mut bytes = Vec::with_capacity(32);
        frame.encode(&mut bytes);
        self.control.push_back(bytes);
    }

    fn control_head(&mut self, id: StreamId, fin: bool, payload: &[u8]) {
        let mut bytes = Vec::with_capacity(payload.len() + MAX_OVERHEAD);
        put_body(&mut bytes, true, id, fin, payload);
        self.control.push_back(bytes);
    }

    /// Puts the stream in the round if it has something to send.
    fn schedule(&mut self, id: StreamId) {
        if self.streams.get_mut(&id).is_some_and(Stream::enters_round) {
            self.ready.push_back(id);
        }
    }

    /// Gives connection credit back.
    fn release(&mut self, now: Now, bytes: u64) {
        if let Some(grant) = self.receive.consumed(now, bytes, &self.config, &mut 0) {
            self.control(&Frame::Credit { stream: 0, bytes: grant });
        }
    }

    /// Forgets the stream if both halves are closed.
    fn reap(&mut self, id: StreamId) {
        if self.streams.get(&id).is_some_and(Stream::is_done) {
            let now = self.last_heard;
            self.remove(now, id);
        }
    }

    fn remove(&mut self, now: Now, id: StreamId) -> bool {
        let Some(stream) = self.streams.remove(&id) else { return false };
        if self.is_ours(id) {
            self.opened_by_us -= 1;
        } else {
            self.opened_by_peer -= 1;
        }
        self.growth += stream.grown(&self.config);
        if stream.in_round() {
            self.ready.retain(|ready| *ready != id);
        }
        // What the application has not given back counts as used: its stream is gone.
        self.release(now, stream.unread());
        true
    }
}

/// Credit never exceeds what a varint holds; a peer that grants more is broken.
pub(crate) fn add_credit(credit: u64, more: u64) -> Option<u64> {
    credit.checked_add(more).filter(|sum| *sum <= crate::varint::MAX)
}
