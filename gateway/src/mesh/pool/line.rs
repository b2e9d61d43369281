//! The line of requests that wait for a tab: bounded, in order, and fair to tenants when it is full. Knows tabs only as
//! numbers.

use super::super::tab::{Tab, TabId};
use super::NoTab;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tabmesh_protocol::Target;
use tokio::sync::oneshot;

/// What comes to somebody who waits: a place on this tab, counted already, or none.
pub(super) type Turn = Result<Arc<Tab>, NoTab>;

/// Somebody who waits.
pub(super) struct Waiter {
    pub(super) target: Target,
    tried: Vec<TabId>,
    pub(super) turn: oneshot::Sender<Turn>,
}

/// The line. See the module's page.
pub(super) struct Line {
    waiters: VecDeque<Waiter>,
    limit: usize,
}

impl Line {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiters: VecDeque::new(), limit }
    }

    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Lines up.
    pub(super) fn join(
        &mut self,
        target: &Target,
        tried: &[TabId],
    ) -> Result<oneshot::Receiver<Turn>, NoTab> {
        if self.waiters.len() >= self.limit && !self.make_room(&target.tenant) {
            return Err(NoTab::QueueFull);
        }
        let (turn, receiver) = oneshot::channel();
        self.waiters.push_back(Waiter { target: target.clone(), tried: tried.to_vec(), turn });
        Ok(receiver)
    }

    /// Takes out the first one from `from` on whom this suits; gives its position, where its successor stands now.
    pub(super) fn take(
        &mut self,
        from: usize,
        suits: impl Fn(&Target, &[TabId]) -> bool,
    ) -> Option<(usize, Waiter)> {
        let mut rest = self.waiters.iter().enumerate().skip(from);
        let (at, _) = rest.find(|(_, waiter)| suits(&waiter.target, &waiter.tried))?;
        Some((at, self.waiters.remove(at)?))
    }

    /// Drops those who stopped waiting.
    pub(super) fn forget_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.turn.is_closed());
    }

    /// Turns all away.
    pub(super) fn clear(&mut self, why: NoTab) {
        for waiter in self.waiters.drain(..) {
            // Who stopped waiting need not know.
            let _ = waiter.turn.send(Err(why));
        }
    }

    /// In a full line, a tenant with clearly more places than the newcomer's gives up its newest: one whose tabs are all
    /// gone, or that is flooded, turns away its own callers and nobody else's.
    fn make_room(&mut self, newcomer: &str) -> bool {
        let own = self.waiters.iter().filter(|waiter| waiter.target.tenant == newcomer).count();
        if own * 2 >= self.waiters.len() {
            return false;
        }
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for waiter in &self.waiters {
            *counts.entry(&waiter.target.tenant).or_default() += 1;
        }
        let Some((tenant, most)) = counts.into_iter().max_by_key(|(_, count)| *count) else { return false };
        // At a difference of one the two would only change places.
        if most <= own + 1 {
            return false;
        }
        let newest = self.waiters.iter().rposition(|waiter| waiter.target.tenant == tenant);
        let Some(waiter) = newest.and_then(|at| self.waiters.remove(at)) else { return false };
        let _ = waiter.turn.send(Err(NoTab::QueueFull));
        true
    }
}
