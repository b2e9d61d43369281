//! One stream's two halves. Pure book-keeping: frames and events are the session's business.

use super::add_credit;
use super::flow::Window;
use crate::config::Config;
use crate::session::Now;
use bytes::Bytes;
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    /// No head yet.
    Idle,
    /// Head passed, body may follow.
    Body,
    /// Ended: by its end, by a stop.
    Closed,
}

/// What became of a piece of body.
pub(super) enum Received {
    Deliver,
    /// We said stop; the peer had not heard yet.
    Discard,
    OverCredit,
    OutOfOrder,
}

/// State of one stream.
#[derive(Debug)]
pub(super) struct Stream {
    sending: Half,
    receiving: Half,
    /// The peer must not send more after its end, even where we closed early.
    peer_ended: bool,
    queue: VecDeque<Bytes>,
    queued: usize,
    fin_queued: bool,
    in_round: bool,
    wants_room: bool,
    credit: u64,
    window: Window,
    /// Delivered to the application and not given back.
    unread: u64,
}

impl Stream {
    pub(super) fn new(config: &Config, peer_window: u32) -> Self {
        Self {
            sending: Half::Idle,
            receiving: Half::Idle,
            peer_ended: false,
            queue: VecDeque::new(),
            queued: 0,
            fin_queued: false,
            in_round: false,
            wants_room: false,
            credit: u64::from(peer_window),
            window: Window::new(config.stream_window, config.max_stream_window),
            unread: 0,
        }
    }

    // ---- sending ----

    pub(super) fn may_send_head(&self) -> bool {
        self.sending == Half::Idle
    }

    pub(super) fn send_head(&mut self, fin: bool) {
        self.sending = if fin { Half::Closed } else { Half::Body };
    }

    pub(super) fn may_send_body(&self) -> bool {
        self.sending == Half::Body && !self.fin_queued
    }

    pub(super) fn queue(&mut self, data: Bytes, fin: bool) {
        self.queued += data.len();
        self.fin_queued = fin;
        if !data.is_empty() {
            self.queue.push_back(data);
        }
    }

    pub(super) fn room(&mut self, limit: usize) -> usize {
        if !self.may_send_body() {
            return 0;
        }
        // Also where there is some: an owner who needs more than that would else never hear of it.
        self.wants_room |= self.queued > limit / 2;
        limit.saturating_sub(self.queued)
    }

    /// True once after less than half the buffer was found free, when half of it is.
    pub(super) fn take_writable(&mut self, limit: usize) -> bool {
        self.wants_room && self.queued <= limit / 2 && self.may_send_body() && {
            self.wants_room = false;
            true
        }
    }

    /// Whether the stream should be put in the round now: something to send, credit for it, not in it yet.
    pub(super) fn enters_round(&mut self) -> bool {
        let sendable =
            self.sending == Half::Body && if self.queued > 0 { self.credit > 0 } else { self.fin_queued };
        let enters = sendable && !self.in_round;
        self.in_round |= enters;
        enters
    }

    /// Up to `max` bytes for one frame, and whether they are the last. Leaves the round.
    pub(super) fn take(&mut self, max: usize) -> (Bytes, bool) {
        self.in_round = false;
        let max = max.min(usize::try_from(self.credit).unwrap_or(usize::MAX));
        let piece = match self.queue.front_mut() {
            Some(front) if front.len() > max => front.split_to(max),
            Some(_) => self.queue.pop_front().unwrap_or_default(),
            None => Bytes::new(),
        };
        self.queued -= piece.len();
        self.credit -= piece.len() as u64;
        let fin = self.fin_queued && self.queued == 0;
        if fin {
            self.sending = Half::Closed;
        }
        (piece, fin)
    }

    pub(super) fn add_credit(&mut self, bytes: u64) -> Option<()> {
        self.credit = add_credit(self.credit, bytes)?;
        Some(())
    }

    /// The peer wants no more; true if that is news. A half that sent no head yet keeps the right to send one: only
    /// bodies are stopped.
    pub(super) fn stop_sending(&mut self) -> bool {
        self.queue.clear();
        self.queued = 0;
        let news = self.sending == Half::Body;
        if news {
            self.sending = Half::Closed;
        }
        news
    }

    // ---- receiving ----

    /// A head came; false if it was not due.
    pub(super) fn receive_head(&mut self, fin: bool) -> bool {
        if self.peer_ended || self.receiving == Half::Body {
            return false;
        }
        self.peer_ended = fin;
        self.receiving = if fin { Half::Closed } else { Half::Body };
        true
    }

    pub(super) fn receive_data(&mut self, len: u64, fin: bool) -> Received {
        if self.peer_ended || self.receiving == Half::Idle {
            return Received::OutOfOrder;
        }
        if !self.window.take(len) {
            return Received::OverCredit;
        }
        self.peer_ended = fin;
        if self.receiving == Half::Closed {
            return Received::Discard;
        }
        if fin {
            self.receiving = Half::Closed;
        }
        self.unread += len;
        Received::Deliver
    }

    /// The application used `bytes`: how many count (never more than it got) and what credit to grant.
    pub(super) fn consumed(
        &mut self,
        now: Now,
        config: &Config,
        growth: &mut u64,
        bytes: usize,
    ) -> (u64, Option<u64>) {
        let bytes = (bytes as u64).min(self.unread);
        self.unread -= bytes;
        if self.receiving != Half::Body {
            return (bytes, None);
        }
        (bytes, self.window.consumed(now, bytes, config, growth))
    }

    /// We want no more body. Gives the unread bytes when that is news to the peer.
    pub(super) fn stop_receiving(&mut self) -> Option<u64> {
        if self.receiving != Half::Body {
            return None;
        }
        self.receiving = Half::Closed;
        Some(std::mem::take(&mut self.unread))
    }

    /// Bytes that the window grew by, to give back to the budget.
    pub(super) fn grown(&self, config: &Config) -> u64 {
        self.window.size() - u64::from(config.stream_window)
    }

    pub(super) fn in_round(&self) -> bool {
        self.in_round
    }

    pub(super) fn unread(&self) -> u64 {
        self.unread
    }

    pub(super) fn is_done(&self) -> bool {
        self.sending == Half::Closed && self.receiving == Half::Closed
    }
}
