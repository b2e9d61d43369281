//! The pool: which tabs there are, and who works on which.
//!
//! A request takes a [`Lease`] on a tab; dropping it frees the place. The pick is the tab with the least
//! outstanding leases, with a bonus for tabs that already hold the wanted code, among those that serve the request's
//! tenant. When no tab can take the request, it waits in a bounded line until its deadline. A place that becomes free is
//! handed to one in the line who can use it, of the tenant that has the fewest: so whoever waits could not be served by any tab there is, nobody is
//! woken in vain, and nobody new gets in between. The pool knows nothing of HTTP or retries.

mod entry;
mod holders;
mod line;
mod state;
#[cfg(test)]
mod tests;

use super::tab::{Tab, TabId, Watcher};
use crate::metrics::Metrics;
use line::{Taken, Turn};
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tabmesh_protocol::Target;
use tokio::sync::oneshot;

/// The pool. See the module's page.
pub struct Pool {
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

/// Why no lease was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTab {
    /// No tab that serves the tenant is joined, and none came before the deadline.
    #[error("no tab is joined")]
    NoneJoined,
    /// Every tab was busy until the deadline.
    #[error("every tab is busy")]
    AllBusy,
    /// The line is full.
    #[error("too many requests are waiting")]
    QueueFull,
    /// The gateway is going away.
    #[error("the gateway is shutting down")]
    Draining,
}

/// A place on a tab, freed on drop.
pub struct Lease {
    pool: Arc<Pool>,
    tab: Arc<Tab>,
    target: Arc<Target>,
    first: bool,
}

impl Lease {
    /// The tab.
    #[must_use]
    pub fn tab(&self) -> &Arc<Tab> {
        &self.tab
    }

    /// Whether the target is new to the tab, as far as is remembered: it may lack the code.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.first
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.tab.id, &self.target.tenant);
    }
}

impl Pool {
    /// An empty pool in which at most `queue_limit` requests wait.
    #[must_use]
    pub fn new(queue_limit: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(queue_limit)), metrics })
    }

    /// A tab's transport opened.
    pub fn add(&self, tab: &Arc<Tab>) {
        let mut state = self.lock();
        state.add(Arc::clone(tab));
        self.metrics.tabs.set(gauge(state.tabs.len()));
    }

    /// A tab is gone.
    pub fn remove(&self, id: TabId) {
        let mut state = self.lock();
        state.remove(id);
        self.metrics.tabs.set(gauge(state.tabs.len()));
    }

    /// Tabs that are joined, and those among them that take requests now.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let state = self.lock();
        (state.tabs.len(), state.tabs.values().filter(|entry| entry.tab.is_ready()).count())
    }

    /// Whether a tab that serves the target is joined and not among `tried`.
    #[must_use]
    pub fn has_untried(&self, target: &Target, tried: &[TabId]) -> bool {
        self.lock().tabs.values().any(|entry| entry.suits(target, tried))
    }

    /// Leases that are out, over all tabs.
    #[cfg(test)]
    pub(crate) fn outstanding(&self) -> usize {
        self.lock().tabs.values().map(|entry| entry.outstanding).sum()
    }

    /// Every tab.
    #[must_use]
    pub fn tabs(&self) -> Vec<Arc<Tab>> {
        self.lock().tabs.values().map(|entry| Arc::clone(&entry.tab)).collect()
    }

    /// No lease is given any more; requests that wait are turned away.
    pub fn drain(&self) {
        let mut state = self.lock();
        state.draining = true;
        state.line.clear(NoTab::Draining);
    }

    /// Leases a tab for `target`, none of `tried`, waiting until `deadline` at most.
    ///
    /// # Errors
    /// [`NoTab`].
    pub async fn lease(
        self: &Arc<Self>,
        target: &Arc<Target>,
        tried: &[TabId],
        deadline: Instant,
    ) -> Result<Lease, NoTab> {
        let mut place = {
            let mut state = self.lock();
            if state.draining {
                return Err(NoTab::Draining);
            }
            if let Some(taken) = state.pick(target, tried) {
                return Ok(self.leased(taken, target));
            }
            let turn = state.line.join(target, tried)?;
            self.metrics.queued.set(gauge(state.line.len()));
            Place { pool: self, tenant: &target.tenant, turn, over: false }
        };
        let turn = match tokio::time::timeout_at(deadline.into(), &mut place.turn).await {
            Ok(turn) => {
                place.over = true;
                turn
            }
            Err(_) => {
                let joined = self.lock().tabs.values().any(|entry| entry.tab.serves(&target.tenant));
                return Err(if joined { NoTab::AllBusy } else { NoTab::NoneJoined });
            }
        };
        // Nobody is dropped from the line without a word; were it so, it would be for want of a place.
        turn.unwrap_or(Err(NoTab::AllBusy)).map(|taken| self.leased(taken, target))
    }

    /// A place that was counted already.
    fn leased(self: &Arc<Self>, Taken { tab, first }: Taken, target: &Arc<Target>) -> Lease {
        Lease { pool: Arc::clone(self), tab, target: Arc::clone(target), first }
    }

    fn release(&self, id: TabId, tenant: &str) {
        let mut state = self.lock();
        if let Some(entry) = state.tabs.get_mut(&id) {
            entry.give_back(tenant);
        }
        state.give_back(tenant);
        state.hand_out(id);
        self.metrics.queued.set(gauge(state.line.len()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Pool {
    fn ready(&self, id: TabId) {
        let mut state = self.lock();
        state.hand_out(id);
        self.metrics.queued.set(gauge(state.line.len()));
    }
}

/// A place in the line. Who leaves it early gives back what came too late to be used.
struct Place<'a> {
    pool: &'a Pool,
    tenant: &'a str,
    turn: oneshot::Receiver<Turn>,
    over: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // From here on no turn can come; one that had come is taken out.
        self.turn.close();
        if let Ok(Ok(taken)) = self.turn.try_recv() {
            return self.pool.release(taken.tab.id, self.tenant);
        }
        let mut state = self.pool.lock();
        state.line.forget_gone();
        self.pool.metrics.queued.set(gauge(state.line.len()));
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
