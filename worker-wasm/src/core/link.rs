//! One gateway: the connection attempt, and the session once its data channel is open. Holds state only; what follows
//! from a change is decided in [`super::network`].

use super::io::LinkId;
use super::limits::{
    ATTEMPT_LIMIT, CROWDED_FOR, CROWDED_HIGH, CROWDED_LOW, CROWDED_MESSAGE, MAX_CANDIDATES, MAX_EARLY,
    SEND_HIGH, SEND_LOW,
};
use super::settings::Settings;
use bytes::Bytes;
use tabmesh_protocol::config::{MAX_CALLS, MAX_MESSAGE};
use tabmesh_protocol::signal::Candidate;
use tabmesh_protocol::{Config, Now, Role, Session};

/// A gateway that the signalling server told of, or that we have a link to.
#[derive(Debug, Default)]
pub(super) struct Peer {
    /// It is in the room now.
    pub(super) present: bool,
    /// Its link or attempt.
    pub(super) link: Option<LinkId>,
    /// Attempts and short-lived links in a row.
    pub(super) failures: u32,
    /// When to try again.
    pub(super) retry_at: Option<Now>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    /// Gateway.
    pub(super) peer: String,
    /// From channel open on.
    pub(super) session: Option<Session>,
    /// The gateway said hello.
    pub(super) ready: bool,
    pub(super) opened_at: Now,
    /// The attempt, or the ICE restart, must be done by then.
    pub(super) deadline: Option<Now>,
    /// An ICE restart is under way or has failed to help.
    pub(super) restarted: bool,
    answered: bool,
    candidates: Vec<Candidate>,
    /// Messages that came before the channel said that it is open, which Chromium lets happen on a transferred one.
    early: Vec<Bytes>,
    /// Small answers compete with others on this link until then.
    crowded_until: Now,
    /// Console lines dropped since the last one that went through.
    pub(super) dropped_lines: u32,
}

/// How much a data channel's own buffer may hold, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Nothing more is handed to it above this.
    pub(super) high: usize,
    /// More is handed to it when it has fallen to this.
    pub(super) low: u32,
    /// Size of one message, as far as it is made of bodies.
    pub(super) message: usize,
}

impl Buffer {
    const ROOMY: Self = Self { high: SEND_HIGH, low: SEND_LOW, message: MAX_MESSAGE };
    const CROWDED: Self = Self { high: CROWDED_HIGH, low: CROWDED_LOW, message: CROWDED_MESSAGE };
}

impl Link {
    pub(super) fn new(peer: String, now: Now) -> Self {
        Self {
            peer,
            session: None,
            ready: false,
            opened_at: now,
            deadline: Some(now + ATTEMPT_LIMIT),
            restarted: false,
            answered: false,
            candidates: Vec::new(),
            early: Vec::new(),
            crowded_until: now,
            dropped_lines: 0,
        }
    }

    /// A request came.
    pub(super) fn on_request(&mut self, now: Now) {
        if self.session.as_ref().is_some_and(|session| session.open_streams() > 1) {
            self.crowded_until = now + CROWDED_FOR;
        }
    }

    /// What the channel may hold now.
    pub(super) fn buffer(&self, now: Now) -> Buffer {
        if now < self.crowded_until { Buffer::CROWDED } else { Buffer::ROOMY }
    }

    /// The data channel is open. Gives the messages that came before.
    pub(super) fn open(&mut self, now: Now, settings: &Settings, draining: bool) -> Vec<Bytes> {
        let config = Config {
            max_incoming_streams: settings.concurrency,
            tenants: settings.tenants.clone(),
            max_outgoing_streams: MAX_CALLS,
            agent: concat!("tabmesh-tab/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..Config::default()
        };
        let mut session = Session::new(Role::Tab, config, now);
        if draining {
            session.set_draining(true);
        }
        self.session = Some(session);
        self.opened_at = now;
        self.deadline = None;
        self.candidates = Vec::new();
        std::mem::take(&mut self.early)
    }

    /// Keeps a message until the channel is open; false when there are too many. A gateway that has not heard our
    /// hello sends its own and little else.
    pub(super) fn early(&mut self, message: Bytes) -> bool {
        self.early.push(message);
        self.early.len() <= MAX_EARLY
    }

    /// The answer came: candidates that were held back go with it.
    pub(super) fn answered(&mut self) -> Vec<Candidate> {
        self.answered = true;
        std::mem::take(&mut self.candidates)
    }

    /// A remote candidate: given back if it may be used now. Browsers refuse one that comes before the answer.
    pub(super) fn candidate(&mut self, candidate: Candidate) -> Option<Candidate> {
        if self.answered {
            return Some(candidate);
        }
        if self.candidates.len() < MAX_CANDIDATES {
            self.candidates.push(candidate);
        }
        None
    }

    pub(super) fn has_answer(&self) -> bool {
        self.answered
    }

    pub(super) fn poll_timeout(&self) -> Option<Now> {
        let session = self.session.as_ref().map(Session::poll_timeout);
        [self.deadline, session].into_iter().flatten().min()
    }
}
