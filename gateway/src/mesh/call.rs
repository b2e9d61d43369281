//! One exchange on one tab, as the invoking side sees it. Dropping a [`Call`] before its end cancels it in the tab.

use super::exchange::{Piece, Receivers};
use super::tab::Tab;
use crate::telemetry::Sight;
use bytes::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tabmesh_protocol::{RequestHead, ResetCode, ResponseHead, SendError, StreamId};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;

pub use super::exchange::Failure;

/// One exchange. See the module's page.
pub struct Call {
    tab: Arc<Tab>,
    id: StreamId,
    receivers: Receivers,
    /// Nothing is left to cancel.
    done: bool,
}

impl Call {
    /// Opens a stream on `tab`, behind the version's `code` where it is given; `fin` when no body follows. What becomes of it is
    /// told to `sight`.
    ///
    /// # Errors
    /// [`SendError`]; nothing was sent but perhaps the code.
    pub fn open(
        tab: &Arc<Tab>,
        head: &RequestHead,
        sight: &Sight,
        code: Option<&Bytes>,
        fin: bool,
    ) -> Result<Self, SendError> {
        let (id, receivers) = tab.open(head, sight, code, fin)?;
        Ok(Self { tab: Arc::clone(tab), id, receivers, done: false })
    }

    /// The sending half of the exchange's request body.
    #[must_use]
    pub fn body(&self) -> BodySender {
        BodySender::new(Arc::clone(&self.tab), self.id, Arc::clone(&self.receivers.writable))
    }

    /// Waits for the response head; true when no body follows. Call it once.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn answer(&mut self) -> Result<(ResponseHead, bool), Failure> {
        let result = (&mut self.receivers.answered).await.unwrap_or(Err(Failure::TabLost));
        self.done = !matches!(result, Ok((_, false)));
        result
    }

    /// The next piece of the response body, `None` after the last. Its credit goes back at once: the piece is
    /// about to be written to the caller.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        poll_piece(&self.tab, self.id, &mut self.receivers.pieces, &mut self.done, cx)
    }

    /// The first piece of the body, if it is here already: small answers come whole, with their head.
    pub fn first_piece(&mut self) -> Option<Result<Bytes, Failure>> {
        match self.poll_piece(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(piece) => piece,
            Poll::Pending => None,
        }
    }

    /// Whether the last piece was taken.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Ends the exchange now, with this reason for the tab.
    pub fn cancel(&mut self, code: ResetCode) {
        if !std::mem::replace(&mut self.done, true) {
            self.tab.cancel(self.id, code);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.cancel(ResetCode::Cancelled);
    }
}

/// The next piece of a body that a tab sends on stream `id`, `None` once `done`. Its credit goes back at once.
pub(super) fn poll_piece(
    tab: &Tab,
    id: StreamId,
    pieces: &mut UnboundedReceiver<Piece>,
    done: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Failure>>> {
    if *done {
        return Poll::Ready(None);
    }
    Poll::Ready(match std::task::ready!(pieces.poll_recv(cx)) {
        Some(Piece::Data(data, fin)) => {
            *done = fin;
            if !fin {
                tab.consumed(id, data.len());
            }
            Some(Ok(data))
        }
        Some(Piece::Failed(failure)) => {
            *done = true;
            Some(Err(failure))
        }
        None => {
            *done = true;
            Some(Err(Failure::TabLost))
        }
    })
}

/// Sends a body with backpressure.
pub struct BodySender {
    tab: Arc<Tab>,
    id: StreamId,
    writable: Arc<Notify>,
}

impl BodySender {
    /// Of the stream `id`; `writable` is notified when it may have room again.
    pub(super) fn new(tab: Arc<Tab>, id: StreamId, writable: Arc<Notify>) -> Self {
        Self { tab, id, writable }
    }

    /// Sends a piece once there is room; false when the tab wants no more.
    pub async fn send(&self, data: Bytes, fin: bool) -> bool {
        loop {
            match self.tab.room(self.id) {
                None => return false,
                Some(0) => self.writable.notified().await,
                Some(_) => return self.tab.send(self.id, data, fin),
            }
        }
    }

    /// Breaks the exchange off, response included.
    pub fn abort(&self) {
        self.tab.cancel(self.id, ResetCode::Cancelled);
    }
}
