//! The signalling socket: open, join, stay, come back. It knows nothing of peers; what the server says about them is
//! handed on. Never more than one socket is open.

use super::backoff::{Jitter, pause};
use super::io::{Init, Output, SocketId};
use super::limits::{GOOD_AFTER, LONELY_LIMIT, RETRY_REFUSED, SOCKET_LIMIT};
use std::collections::VecDeque;
use tabmesh_protocol::Now;
use tabmesh_protocol::signal::{
    ClientMessage, IceServer, Relay, Role, SIGNAL_VERSION, ServerMessage, SignalErrorCode,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not wanted: before init, after leaving.
    Off,
    /// Opens at this time.
    Waiting(Now),
    /// Must be open by then.
    Opening(Now),
    /// Must have joined by then.
    Joining(Now),
    /// Joined at this time.
    Joined(Now),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Signalling {
    init: Init,
    phase: Phase,
    socket: SocketId,
    failures: u32,
    /// Since when there has been neither link nor attempt.
    lonely_since: Option<Now>,
    /// What a person must be told; cleared by a successful join.
    error: Option<String>,
    /// The kind of error that the server named before it closed.
    named: Option<SignalErrorCode>,
    pub(super) ice_servers: Vec<IceServer>,
}

impl Signalling {
    pub(super) fn new(init: Init) -> Self {
        Self {
            init,
            phase: Phase::Off,
            socket: 0,
            failures: 0,
            lonely_since: None,
            error: None,
            named: None,
            ice_servers: Vec::new(),
        }
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.phase, Phase::Joined(_))
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Whether an input of `socket` is about the one that is in use.
    pub(super) fn is_current(&self, socket: SocketId) -> bool {
        socket == self.socket && !matches!(self.phase, Phase::Off | Phase::Waiting(_))
    }

    pub(super) fn start(&mut self, now: Now, out: &mut VecDeque<Output>) {
        if self.phase == Phase::Off {
            self.open(now, out);
        }
    }

    /// Closes for good, until [`Signalling::start`].
    pub(super) fn stop(&mut self, out: &mut VecDeque<Output>) {
        self.close(out);
        self.phase = Phase::Off;
        self.failures = 0;
    }

    fn open(&mut self, now: Now, out: &mut VecDeque<Output>) {
        self.socket += 1;
        self.named = None;
        self.phase = Phase::Opening(now + SOCKET_LIMIT);
        out.push_back(Output::OpenSocket { socket: self.socket, url: self.init.signal.clone() });
    }

    fn close(&mut self, out: &mut VecDeque<Output>) {
        if self.is_current(self.socket) {
            out.push_back(Output::CloseSocket { socket: self.socket });
        }
    }

    pub(super) fn send(&self, message: &ClientMessage, out: &mut VecDeque<Output>) {
        // The dialect is structs, enums, numbers and strings: all of it has a JSON form.
        if let Ok(text) = serde_json::to_string(message) {
            out.push_back(Output::SendSocket { socket: self.socket, text });
        }
    }

    /// Passes `relay` on, if the server can be reached now.
    pub(super) fn relay(&self, to: &str, session: u32, relay: Relay, out: &mut VecDeque<Output>) {
        if self.is_joined() {
            self.send(&ClientMessage::Relay { to: to.to_owned(), session, relay }, out);
        }
    }

    pub(super) fn on_open(&mut self, now: Now, out: &mut VecDeque<Output>) {
        self.phase = Phase::Joining(now + SOCKET_LIMIT);
        let Init { pool, token, .. } = &self.init;
        let join = ClientMessage::Join {
            version: SIGNAL_VERSION,
            role: Role::Tab,
            pool: pool.clone(),
            token: token.clone(),
        };
        self.send(&join, out);
    }

    /// Takes what concerns the socket itself out of a message.
    pub(super) fn on_message(&mut self, now: Now, message: &ServerMessage) {
        match message {
            ServerMessage::Joined { ice_servers, .. } if matches!(self.phase, Phase::Joining(_)) => {
                self.phase = Phase::Joined(now);
                self.ice_servers.clone_from(ice_servers);
                self.error = None;
                self.lonely_since = None;
            }
            ServerMessage::Error { code, message } if *code != SignalErrorCode::UnknownPeer => {
                self.named = Some(*code);
                if needs_a_person(*code) {
                    self.error = Some(message.clone());
                }
            }
            _ => {}
        }
    }

    /// The socket ended, or its time was up.
    pub(super) fn on_closed(&mut self, now: Now, code: u16, jitter: &mut Jitter) {
        let was_good = matches!(self.phase, Phase::Joined(since) if now.saturating_sub(since) >= GOOD_AFTER);
        self.failures = if was_good { 1 } else { self.failures.saturating_add(1) };
        let code = self.named.take().or_else(|| SignalErrorCode::from_close_code(code));
        let delay = if code.is_some_and(needs_a_person) {
            self.error.get_or_insert_with(|| "the signalling server refuses this tab".to_owned());
            jitter.spread(RETRY_REFUSED)
        } else {
            self.error = None;
            pause(self.failures, jitter)
        };
        self.phase = Phase::Waiting(now + delay);
    }

    pub(super) fn poll_timeout(&self) -> Option<Now> {
        match self.phase {
            Phase::Off => None,
            Phase::Waiting(at) | Phase::Opening(at) | Phase::Joining(at) => Some(at),
            Phase::Joined(_) => self.lonely_since.map(|since| since + LONELY_LIMIT),
        }
    }

    /// True when a socket was given up: what hangs on it must be told.
    pub(super) fn handle_timeout(
        &mut self,
        now: Now,
        jitter: &mut Jitter,
        out: &mut VecDeque<Output>,
    ) -> bool {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return false;
        }
        if let Phase::Waiting(_) = self.phase {
            self.open(now, out);
            return false;
        }
        self.give_up(now, jitter, out);
        true
    }

    /// Closes the socket and opens another after a pause.
    pub(super) fn give_up(&mut self, now: Now, jitter: &mut Jitter, out: &mut VecDeque<Output>) {
        self.close(out);
        self.lonely_since = None;
        self.on_closed(now, 0, jitter);
    }

    /// Says whether there is a link or an attempt now.
    pub(super) fn set_company(&mut self, now: Now, company: bool) {
        if company || !self.is_joined() {
            self.lonely_since = None;
        } else {
            self.lonely_since.get_or_insert(now);
        }
    }
}

/// Errors that time does not mend.
fn needs_a_person(code: SignalErrorCode) -> bool {
    matches!(code, SignalErrorCode::Forbidden | SignalErrorCode::Version | SignalErrorCode::BadPool)
}
