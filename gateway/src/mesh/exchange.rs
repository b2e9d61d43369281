//! One exchange as a tab keeps it: where its answer goes, and its console. Only moves values; the protocol is the
//! session's business.

use super::console::Console;
use crate::breach::Limit;
use crate::telemetry::Sight;
use bytes::Bytes;
use std::sync::Arc;
use tabmesh_protocol::limits::BINDING_CALLS;
use tabmesh_protocol::{Limits, RequestHead, ResetCode, ResponseHead};
use tokio::sync::{Notify, mpsc, oneshot};

/// A response head and whether no body follows, or what became of the exchange instead.
pub(super) type Answer = Result<(ResponseHead, bool), Failure>;

/// Why an exchange failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The tab went away.
    #[error("the tab went away")]
    TabLost,
    /// The tab ended the stream.
    #[error("the tab ended the stream: {code:?}")]
    Reset {
        /// Why.
        code: ResetCode,
        /// Untrusted text for the developer's log.
        reason: String,
    },
}

impl Failure {
    /// The limit that the handler exceeded, if the tab says so.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Reset { code: ResetCode::Timeout, .. } => Some(Limit::Wall),
            Self::Reset { code: ResetCode::CpuLimit, .. } => Some(Limit::Cpu),
            Self::Reset { code: ResetCode::MemoryLimit, .. } => Some(Limit::Memory),
            Self::Reset { code: ResetCode::ResponseTooLarge, .. } => Some(Limit::ResponseBytes),
            _ => None,
        }
    }
}

/// What comes on a response body.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes, and whether they are the last.
    Data(Bytes, bool),
    /// The body ends here, wrongly.
    Failed(Failure),
}

/// Where the invoking side hears of its exchange.
pub(super) struct Receivers {
    pub(super) answered: oneshot::Receiver<Answer>,
    pub(super) pieces: mpsc::UnboundedReceiver<Piece>,
    /// Woken when there may be room for more request body, or none is wanted.
    pub(super) writable: Arc<Notify>,
}

/// The gateway's end of one stream.
pub(super) struct Exchange {
    pub(super) ends: Ends,
    pub(super) console: Console,
    pub(super) limits: Limits,
    /// Calls that its handler may still make.
    pub(super) calls_left: u32,
}

/// Where the answer goes.
pub(super) struct Ends {
    pub(super) answer: Option<oneshot::Sender<Answer>>,
    /// Unbounded as a channel, bounded by the stream's window.
    pub(super) body: mpsc::UnboundedSender<Piece>,
    pub(super) writable: Arc<Notify>,
}

impl Exchange {
    /// Both ends of the exchange that a request head opens.
    pub(super) fn new(head: &RequestHead, sight: Sight) -> (Self, Receivers) {
        let (answer, answered) = oneshot::channel();
        let (body, pieces) = mpsc::unbounded_channel();
        let writable = Arc::new(Notify::new());
        let receivers = Receivers { answered, pieces, writable: Arc::clone(&writable) };
        let ends = Ends { answer: Some(answer), body, writable };
        let calls_left = head.limits.subrequests.saturating_add(BINDING_CALLS);
        (Self { ends, console: Console::new(head, sight), limits: head.limits, calls_left }, receivers)
    }
}

impl Ends {
    pub(super) fn fail(self, failure: Failure) {
        self.writable.notify_one();
        match self.answer {
            // A receiver that is gone needs no answer.
            Some(answer) => drop(answer.send(Err(failure))),
            None => drop(self.body.send(Piece::Failed(failure))),
        }
    }
}
