//! One exchange as a tab keeps it: where its answer goes, and whose it is. Only moves values; the protocol is the
//! session's business.

use bytes::Bytes;
use std::sync::Arc;
use tabmesh_protocol::{RequestHead, ResetCode, ResponseHead};
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

/// Whose a stream is, in logs.
#[derive(Clone)]
pub(super) struct Labels {
    pub(super) handler: Arc<str>,
    pub(super) request_id: Arc<str>,
}

/// The gateway's end of one stream.
pub(super) struct Exchange {
    pub(super) answer: Option<oneshot::Sender<Answer>>,
    /// Unbounded as a channel, bounded by the stream's window.
    pub(super) body: mpsc::UnboundedSender<Piece>,
    pub(super) writable: Arc<Notify>,
    pub(super) labels: Labels,
}

impl Exchange {
    /// Both ends of the exchange that a request head opens.
    pub(super) fn new(head: &RequestHead) -> (Self, Receivers) {
        let (answer, answered) = oneshot::channel();
        let (body, pieces) = mpsc::unbounded_channel();
        let writable = Arc::new(Notify::new());
        let labels = Labels {
            handler: head.target.handler.as_str().into(),
            request_id: head.request_id.as_str().into(),
        };
        let receivers = Receivers { answered, pieces, writable: Arc::clone(&writable) };
        (Self { answer: Some(answer), body, writable, labels }, receivers)
    }

    pub(super) fn fail(self, failure: Failure) {
        self.writable.notify_one();
        match self.answer {
            // A receiver that is gone needs no answer.
            Some(answer) => drop(answer.send(Err(failure))),
            None => drop(self.body.send(Piece::Failed(failure))),
        }
    }
}

/// A line of a handler's console, into the gateway's log with the request's id. The text is a stranger's: it is a
/// field, never a format.
pub(super) fn log_line(tab: u64, labels: Option<&Labels>, level: u8, text: &str) {
    let handler = labels.map_or("-", |labels| &labels.handler);
    let request_id = labels.map_or("-", |labels| &labels.request_id);
    match level {
        0 => tracing::debug!(target: "tabmesh::handler", tab, handler, request_id, text),
        1 => tracing::info!(target: "tabmesh::handler", tab, handler, request_id, text),
        2 => tracing::warn!(target: "tabmesh::handler", tab, handler, request_id, text),
        _ => tracing::error!(target: "tabmesh::handler", tab, handler, request_id, text),
    }
}
