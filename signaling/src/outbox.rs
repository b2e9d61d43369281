//! The outgoing queue of one connection, bounded in bytes rather than messages: a gateway may be told of thousands of
//! tabs at once, while a few descriptions are as heavy as all of that. Never waits: a full queue means a slow reader.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tabmesh_protocol::signal::{Candidate, Relay, ServerMessage, SignalErrorCode};
use tokio::sync::{Notify, mpsc};

/// What the pump of a connection is handed.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Send this.
    Message(ServerMessage),
    /// Close for this reason; nothing follows.
    Close(SignalErrorCode),
}

/// The queue is full; the connection must go.
#[derive(Debug)]
pub(crate) struct Overrun;

/// Writing end, held by the hub.
#[derive(Debug)]
pub(crate) struct Outbox {
    tx: mpsc::UnboundedSender<(usize, Outgoing)>,
    queued: Arc<AtomicUsize>,
    limit: usize,
    overrun: Arc<Notify>,
}

/// Reading end, held by the pump.
#[derive(Debug)]
pub(crate) struct Inbox {
    rx: mpsc::UnboundedReceiver<(usize, Outgoing)>,
    queued: Arc<AtomicUsize>,
}

/// A queue of at most `limit` bytes, and the bell that rings when it overran (the pump may be stuck in a send then).
pub(crate) fn outbox(limit: usize) -> (Outbox, Inbox, Arc<Notify>) {
    let (tx, rx) = mpsc::unbounded_channel();
    let queued = Arc::new(AtomicUsize::new(0));
    let overrun = Arc::new(Notify::new());
    let inbox = Inbox { rx, queued: Arc::clone(&queued) };
    (Outbox { tx, queued, limit, overrun: Arc::clone(&overrun) }, inbox, overrun)
}

impl Outbox {
    pub(crate) fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Queues `message`.
    pub(crate) fn push(&self, message: ServerMessage) -> Result<(), Overrun> {
        let weight = weight(&message);
        if self.queued.load(Relaxed).saturating_add(weight) > self.limit {
            self.overrun.notify_one();
            return Err(Overrun);
        }
        self.queued.fetch_add(weight, Relaxed);
        // A pump that has ended will say `Disconnect` itself.
        self.tx.send((weight, Outgoing::Message(message))).ok();
        Ok(())
    }

    /// Queues the close, which always fits, and ends the queue.
    pub(crate) fn close(self, code: SignalErrorCode) {
        self.tx.send((0, Outgoing::Close(code))).ok();
    }
}

impl Inbox {
    /// Next item; `None` once the hub dropped the connection without a close. Cancel safe.
    pub(crate) async fn recv(&mut self) -> Option<Outgoing> {
        let (weight, item) = self.rx.recv().await?;
        self.queued.fetch_sub(weight, Relaxed);
        Some(item)
    }
}

/// Roughly the memory a queued message takes, in bytes.
fn weight(message: &ServerMessage) -> usize {
    const ENVELOPE: usize = 128;
    let text = match message {
        ServerMessage::Joined { peers, ice_servers, .. } => (peers.len() + ice_servers.len()) * ENVELOPE,
        ServerMessage::PeerJoined { .. } | ServerMessage::PeerLeft { .. } | ServerMessage::Error { .. } => 0,
        ServerMessage::Relay { relay, .. } => match relay {
            Relay::Offer { sdp } | Relay::Answer { sdp } => sdp.len(),
            Relay::Bye { reason } => reason.len(),
            Relay::Candidate { candidate: Candidate { candidate, sdp_mid, username_fragment, .. } } => {
                let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                candidate.len() + optional(sdp_mid) + optional(username_fragment)
            }
        },
    };
    ENVELOPE + text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(len: usize) -> ServerMessage {
        ServerMessage::Relay { from: "t".into(), session: 1, relay: Relay::Offer { sdp: "x".repeat(len) } }
    }

    #[tokio::test]
    async fn bounded_in_bytes_and_drained_by_reading() {
        let (outbox, mut inbox, overrun) = outbox(2_000);
        outbox.push(offer(1_000)).unwrap();
        assert!(outbox.push(offer(1_000)).is_err());
        overrun.notified().await;
        assert!(inbox.recv().await.is_some());
        outbox.push(offer(1_000)).unwrap();
        outbox.close(SignalErrorCode::GoingAway);
        assert!(matches!(inbox.recv().await, Some(Outgoing::Message(_))));
        assert!(matches!(inbox.recv().await, Some(Outgoing::Close(SignalErrorCode::GoingAway))));
        assert!(inbox.recv().await.is_none());
    }
}
