//! When which peer wants the clock. Pure. A peer's time may only be moved forward, which is what happens when something is
//! sent; when it comes the peer says anew what it wants, so that traffic does not touch the heap.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Instant;

/// See the module's page. `T` is a peer.
pub(super) struct Timers<T>(BinaryHeap<Reverse<Due<T>>>);

/// A peer's time.
pub(super) struct Due<T> {
    pub(super) at: Instant,
    pub(super) peer: T,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<T> Timers<T> {
    /// Adds a time; whether it is now the first of all. Earlier ones of the same peer stay: it must know which is meant.
    pub(super) fn add(&mut self, at: Instant, peer: T) -> bool {
        let first = self.next().is_none_or(|next| at < next);
        self.0.push(Reverse(Due { at, peer }));
        first
    }

    /// The first time of all.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse(due)| due.at)
    }

    /// Takes the first if its time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Due<T>> {
        (self.next()? <= now).then(|| self.0.pop().map(|Reverse(due)| due))?
    }
}

impl<T> Ord for Due<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl<T> PartialOrd for Due<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Due<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Due<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_come_in_order_and_not_before() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut timers = Timers::default();
        assert!(timers.next().is_none() && timers.take(at(0)).is_none());
        assert!(timers.add(at(20), 'b'));
        assert!(timers.add(at(10), 'a'));
        assert!(!timers.add(at(30), 'c'));
        assert!(timers.take(at(9)).is_none());
        let taken: Vec<char> = std::iter::from_fn(|| timers.take(at(25)).map(|due| due.peer)).collect();
        assert_eq!((taken, timers.next()), (vec!['a', 'b'], Some(at(30))));
    }
}
