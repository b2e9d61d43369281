//! State of one request: from its head's arrival until neither its stream nor its isolate needs it. The transitions are
//! in [`super::dispatch`] (towards the isolate) and [`super::answers`] (back).

use super::io::{IsolateId, LinkId};
use super::limits::RESPONSE_WINDOW;
use super::pools::PoolId;
use bytes::Bytes;
use std::rc::Rc;
use std::time::Duration;
use tabmesh_protocol::{Limits, Now, RequestHead, StreamId};

/// What names a request: streams are numbered per link.
pub(super) type Key = (LinkId, StreamId);

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// No head yet: the wall limit runs.
    Waiting,
    /// Head sent, body to come. No limit: a stream lives as long as its caller reads.
    Streaming,
    /// All sent. The exchange only stays because the handler may still read the request body (`waitUntil`).
    Ended,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) pool: PoolId,
    /// Kept for an isolate that ends before it begins.
    pub(super) head: Rc<RequestHead>,
    pub(super) has_body: bool,
    /// More request body may come.
    pub(super) body_open: bool,
    /// Request body that came before an isolate took the request; the session's window bounds it.
    pub(super) held: Vec<Bytes>,
    /// Isolate and number there.
    pub(super) work: Option<(IsolateId, u32)>,
    pub(super) response: Response,
    /// Bytes of response body that the isolate may still send.
    pub(super) credit: usize,
    /// When the response head must be there.
    pub(super) deadline: Now,
    pub(super) limits: Limits,
    /// Bytes of response body that may still come.
    pub(super) response_left: u64,
}

impl Exchange {
    pub(super) fn new(now: Now, pool: PoolId, head: Rc<RequestHead>, fin: bool) -> Self {
        Self {
            pool,
            deadline: now + Duration::from_millis(head.limits.wall_ms.into()),
            limits: head.limits,
            response_left: head.limits.response_bytes,
            head,
            has_body: !fin,
            body_open: !fin,
            held: Vec::new(),
            work: None,
            response: Response::Waiting,
            credit: 0,
        }
    }

    /// Takes `len` bytes off the isolate's credit; false if it had not that much.
    pub(super) fn take_credit(&mut self, len: usize) -> bool {
        match self.credit.checked_sub(len) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }

    /// Whether credit should be looked at again.
    pub(super) fn is_low(&self) -> bool {
        self.response == Response::Streaming && self.credit <= RESPONSE_WINDOW / 2
    }

    /// How much credit to give now, with `room` bytes free in the session's buffer: what is outstanding never exceeds
    /// what the buffer can take.
    pub(super) fn grant(&mut self, room: usize) -> usize {
        if !self.is_low() {
            return 0;
        }
        let more = room.min(RESPONSE_WINDOW).saturating_sub(self.credit);
        self.credit += more;
        more
    }
}
