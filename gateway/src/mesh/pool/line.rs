//! The line of requests that wait for a tab: bounded, in order within a tenant, and fair between tenants: a free place
//! goes to the tenant that has the fewest, so nobody waits behind another's flood. Knows tabs only as numbers.

use super::super::tab::{Tab, TabId};
use super::NoTab;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tabmesh_protocol::Target;
use tokio::sync::oneshot;

/// A place on a tab, counted already.
pub(super) struct Taken {
    pub(super) tab: Arc<Tab>,
    /// The target is new to the tab, as far as is remembered.
    pub(super) first: bool,
}

/// What comes to somebody who waits.
pub(super) type Turn = Result<Taken, NoTab>;

/// Somebody who waits.
pub(super) struct Waiter {
    pub(super) target: Arc<Target>,
    tried: Vec<TabId>,
    /// Counts up in the order of coming.
    number: u64,
    pub(super) turn: oneshot::Sender<Turn>,
}

/// The line. See the module's page.
pub(super) struct Line {
    /// By tenant; none is empty.
    queues: HashMap<String, VecDeque<Waiter>>,
    len: usize,
    limit: usize,
    last_number: u64,
}

impl Line {
    pub(super) fn new(limit: usize) -> Self {
        Self { queues: HashMap::new(), len: 0, limit, last_number: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Lines up.
    pub(super) fn join(
        &mut self,
        target: &Arc<Target>,
        tried: &[TabId],
    ) -> Result<oneshot::Receiver<Turn>, NoTab> {
        if self.len >= self.limit && !self.make_room(&target.tenant) {
            return Err(NoTab::QueueFull);
        }
        let (turn, receiver) = oneshot::channel();
        self.last_number += 1;
        let waiter =
            Waiter { target: Arc::clone(target), tried: tried.to_vec(), number: self.last_number, turn };
        self.queues.entry(target.tenant.clone()).or_default().push_back(waiter);
        self.len += 1;
        Ok(receiver)
    }

    /// Takes out the first one on whom this suits, of the tenant that has the fewest places by `places`.
    pub(super) fn take(
        &mut self,
        places: impl Fn(&str) -> usize,
        suits: impl Fn(&Target, &[TabId]) -> bool,
    ) -> Option<Waiter> {
        let first = |queue: &VecDeque<Waiter>| {
            let at = queue.iter().position(|waiter| suits(&waiter.target, &waiter.tried))?;
            Some((at, queue[at].number))
        };
        let candidates = self.queues.iter().filter_map(|(tenant, queue)| {
            let (at, number) = first(queue)?;
            Some(((places(tenant), number), tenant, at))
        });
        let (_, tenant, at) = candidates.min_by_key(|(rank, ..)| *rank)?;
        let tenant = tenant.clone();
        self.remove(&tenant, at)
    }

    /// Drops those who stopped waiting.
    pub(super) fn forget_gone(&mut self) {
        self.queues.retain(|_, queue| {
            queue.retain(|waiter| !waiter.turn.is_closed());
            !queue.is_empty()
        });
        self.len = self.queues.values().map(VecDeque::len).sum();
    }

    /// Turns all away.
    pub(super) fn clear(&mut self, why: NoTab) {
        self.len = 0;
        for waiter in self.queues.drain().flat_map(|(_, queue)| queue) {
            // Who stopped waiting need not know.
            let _ = waiter.turn.send(Err(why));
        }
    }

    fn remove(&mut self, tenant: &str, at: usize) -> Option<Waiter> {
        let queue = self.queues.get_mut(tenant)?;
        let waiter = queue.remove(at)?;
        self.len -= 1;
        if queue.is_empty() {
            self.queues.remove(tenant);
        }
        Some(waiter)
    }

    /// In a full line, a tenant with clearly more places than the newcomer's gives up its newest: one whose tabs are all
    /// gone, or that is flooded, turns away its own callers and nobody else's.
    fn make_room(&mut self, newcomer: &str) -> bool {
        let own = self.queues.get(newcomer).map_or(0, VecDeque::len);
        let longest = self.queues.iter().max_by_key(|(_, queue)| queue.len());
        let Some((tenant, most)) = longest.map(|(tenant, queue)| (tenant.clone(), queue.len())) else {
            return false;
        };
        // At a difference of one the two would only change places.
        if most <= own + 1 {
            return false;
        }
        let Some(waiter) = self.remove(&tenant, most - 1) else { return false };
        let _ = waiter.turn.send(Err(NoTab::QueueFull));
        true
    }
}
