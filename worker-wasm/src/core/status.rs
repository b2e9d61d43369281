//! What the contributor's page is told, and how often: a change of state at once, counters at most every
//! [`STATUS_EVERY`].

use super::io::{State, Status};
use super::limits::STATUS_EVERY;
use tabmesh_protocol::Now;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    last: Option<(Now, Status)>,
    /// Something changed that was not told yet.
    pending: bool,
}

/// Whether a change of state is worth telling at once: between ready and serving it flips with each request.
fn moved(from: State, to: State) -> bool {
    let calm = |state| matches!(state, State::Ready | State::Serving);
    from != to && !(calm(from) && calm(to))
}

impl Reporter {
    /// Requests answered when the page was last told.
    pub(super) fn served(&self) -> u64 {
        self.last.as_ref().map_or(0, |(_, status)| status.served)
    }

    /// Gives the status if it is to be told now.
    pub(super) fn update(&mut self, now: Now, status: Status) -> Option<Status> {
        if let Some((at, last)) = &self.last {
            if *last == status {
                self.pending = false;
                return None;
            }
            if !moved(last.state, status.state) && now < *at + STATUS_EVERY {
                self.pending = true;
                return None;
            }
        }
        // Who served in the last interval and is idle now is shown as ready after the next.
        self.pending = status.state == State::Serving && status.active == 0;
        self.last = Some((now, status.clone()));
        Some(status)
    }

    /// Whether nothing can be told yet in this state, so that the status need not be put together.
    pub(super) fn is_waiting(&self, now: Now, state: State) -> bool {
        let too_soon = |(at, last): &(Now, Status)| now < *at + STATUS_EVERY && !moved(last.state, state);
        self.pending && self.last.as_ref().is_some_and(too_soon)
    }

    pub(super) fn poll_timeout(&self) -> Option<Now> {
        self.last.as_ref().filter(|_| self.pending).map(|(at, _)| *at + STATUS_EVERY)
    }
}
