//! What each frame does to a session. Frames are the peer's: every one is checked against what is due, and a wrong one
//! is a [`Violation`].

use super::stream::{Received, Stream};
use super::{Event, Hello, Load, Now, Role, Session, StreamId, add_credit};
use crate::config::PROTOCOL_VERSION;
use crate::error::Violation;
use crate::frame::Frame;
use crate::head::{CallHead, RequestHead, ResponseHead};
use bytes::Bytes;

impl Session {
    /// The stream that a frame names: `None` for one that is gone (late frames are normal), an error for one that
    /// never was.
    fn known(&mut self, id: StreamId) -> Result<Option<&mut Stream>, Violation> {
        let existed = if self.is_ours(id) { id < self.next_id } else { id <= self.highest_peer_id };
        if existed { Ok(self.streams.get_mut(&id)) } else { Err(Violation::Stream(id, "never opened")) }
    }

    pub(super) fn handle_frame(&mut self, now: Now, frame: Frame) -> Result<(), Violation> {
        if self.peer.is_none() != matches!(frame, Frame::Hello { .. }) {
            return Err(Violation::HelloOrder);
        }
        match frame {
            Frame::Hello { version, payload } => self.on_hello(version, &payload),
            Frame::Head { stream, fin, payload } => self.on_head(stream, fin, payload),
            Frame::Data { stream, fin, payload } => self.on_data(now, stream, fin, payload),
            Frame::Reset { stream, code, reason } => {
                if self.known(stream)?.is_some() {
                    self.remove(now, stream);
                    self.events.push_back(Event::Reset { id: stream, code, reason });
                }
                Ok(())
            }
            Frame::Stop { stream } => {
                if self.known(stream)?.is_some_and(Stream::stop_sending) {
                    self.events.push_back(Event::Stopped { id: stream });
                }
                self.reap(stream);
                Ok(())
            }
            Frame::Credit { stream: 0, bytes } => {
                self.send_credit = add_credit(self.send_credit, bytes).ok_or(Violation::FlowControl(0))?;
                Ok(())
            }
            Frame::Credit { stream, bytes } => {
                if let Some(open) = self.known(stream)? {
                    open.add_credit(bytes).ok_or(Violation::FlowControl(stream))?;
                    self.schedule(stream);
                }
                Ok(())
            }
            Frame::Ping { nonce } => {
                let Load { active, waiting, isolates } = self.load;
                self.control(&Frame::Pong { nonce, active, waiting, isolates });
                Ok(())
            }
            Frame::Pong { nonce, active, waiting, isolates } => {
                if let Some(sent) = self.ping_sent.take_if(|_| nonce == self.ping_nonce) {
                    self.probing = false;
                    let load = Load { active, waiting, isolates };
                    self.events.push_back(Event::Pong { load, round_trip: now.saturating_sub(sent) });
                }
                Ok(())
            }
            Frame::Drain { draining } => {
                if self.peer_draining != draining {
                    self.peer_draining = draining;
                    self.events.push_back(Event::Draining(draining));
                }
                Ok(())
            }
            Frame::Code { .. } if self.role == Role::Gateway => Err(Violation::CodeFromTab),
            Frame::Code { hash, bundle } => {
                self.events.push_back(Event::Code { hash, bundle });
                Ok(())
            }
            Frame::Cost { .. } if self.role == Role::Tab => {
                Err(Violation::Malformed("a cost from a gateway"))
            }
            Frame::Cost { stream, cost } => {
                // Of a stream that never was there is no cost either.
                self.known(stream)?;
                self.events.push_back(Event::Cost { stream, cost });
                Ok(())
            }
            Frame::Log { stream, level, text } => {
                let stream = (stream != 0).then_some(stream);
                self.events.push_back(Event::Log { stream, level, text });
                Ok(())
            }
        }
    }

    fn on_hello(&mut self, version: u32, payload: &[u8]) -> Result<(), Violation> {
        if version != PROTOCOL_VERSION {
            return Err(Violation::Version(version));
        }
        let hello: Hello =
            serde_json::from_slice(payload).map_err(|_| Violation::Malformed("hello payload"))?;
        self.send_credit = u64::from(hello.connection_window);
        self.peer_draining = hello.draining;
        self.peer = Some(hello.clone());
        self.events.push_back(Event::Ready(hello));
        Ok(())
    }

    fn on_head(&mut self, id: StreamId, fin: bool, payload: Bytes) -> Result<(), Violation> {
        if self.is_ours(id) {
            let Some(stream) = self.known(id)? else { return Ok(()) };
            if !stream.receive_head(fin) {
                return Err(Violation::Stream(id, "second head"));
            }
            let head = Box::new(ResponseHead::decode(payload)?);
            self.events.push_back(Event::Response { id, head, fin });
            self.reap(id);
            return Ok(());
        }
        if id <= self.highest_peer_id {
            return Err(Violation::Stream(id, "opened out of order"));
        }
        if self.opened_by_peer >= self.config.max_incoming_streams {
            return Err(Violation::TooManyStreams);
        }
        let event = match self.role {
            Role::Tab => Event::Request { id, head: Box::new(RequestHead::decode(payload)?), fin },
            Role::Gateway => Event::Call { id, head: Box::new(CallHead::decode(payload)?), fin },
        };
        let window = self.peer.as_ref().map_or(0, |peer| peer.stream_window);
        let mut stream = Stream::new(&self.config, window);
        stream.receive_head(fin);
        self.highest_peer_id = id;
        self.opened_by_peer += 1;
        self.streams.insert(id, stream);
        self.events.push_back(event);
        Ok(())
    }

    fn on_data(&mut self, now: Now, id: StreamId, fin: bool, data: Bytes) -> Result<(), Violation> {
        let len = data.len() as u64;
        if !self.receive.take(len) {
            return Err(Violation::FlowControl(0));
        }
        let Some(stream) = self.known(id)? else {
            self.release(now, len);
            return Ok(());
        };
        match stream.receive_data(len, fin) {
            Received::Deliver => self.events.push_back(Event::Data { id, data, fin }),
            Received::Discard => self.release(now, len),
            Received::OverCredit => return Err(Violation::FlowControl(id)),
            Received::OutOfOrder => {
                return Err(Violation::Stream(id, "body before head or after its end"));
            }
        }
        self.reap(id);
        Ok(())
    }
}
