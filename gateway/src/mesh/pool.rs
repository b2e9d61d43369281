//! The pool: which tabs there are, and who works on which.
//!
//! A request takes a [`Lease`] on a tab; dropping it frees the place. The pick is the tab with the least
//! outstanding leases, with a bonus for tabs that already hold the wanted version. When no tab can take the request, it
//! waits in a bounded line, first come first served, until its deadline. The pool knows nothing of HTTP or retries.

use super::tab::{Tab, TabId, Watcher};
use crate::metrics::Metrics;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tabmesh_protocol::Target;
use tokio::sync::oneshot;

/// How many more outstanding leases a tab may have than another and still win because it holds the version: a cold
/// start costs a few milliseconds, about what this many queued hello requests cost.
const AFFINITY: usize = 4;

/// Versions remembered per tab. More than a tab keeps isolates for; a wrong guess only costs a cold start.
const REMEMBERED_VERSIONS: usize = 64;

/// The pool. See the module's page.
pub struct Pool {
    state: Mutex<State>,
    queue_limit: usize,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct State {
    tabs: HashMap<TabId, Entry>,
    waiting: VecDeque<oneshot::Sender<()>>,
    draining: bool,
}

struct Entry {
    tab: Arc<Tab>,
    outstanding: usize,
    /// Latest last.
    versions: VecDeque<String>,
}

/// Why no lease was to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTab {
    /// No tab is joined, and none came before the deadline.
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
}

impl Lease {
    /// The tab.
    #[must_use]
    pub fn tab(&self) -> &Arc<Tab> {
        &self.tab
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.release(self.tab.id);
    }
}

impl Pool {
    /// An empty pool in which at most `queue_limit` requests wait.
    #[must_use]
    pub fn new(queue_limit: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), queue_limit, metrics })
    }

    /// A tab's transport opened.
    pub fn add(&self, tab: &Arc<Tab>) {
        let mut state = self.lock();
        let entry = Entry { tab: Arc::clone(tab), outstanding: 0, versions: VecDeque::new() };
        state.tabs.insert(tab.id, entry);
        self.metrics.tabs.set(gauge(state.tabs.len()));
    }

    /// A tab is gone.
    pub fn remove(&self, id: TabId) {
        let mut state = self.lock();
        state.tabs.remove(&id);
        self.metrics.tabs.set(gauge(state.tabs.len()));
    }

    /// Tabs that are joined, and those among them that take requests now.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let state = self.lock();
        (state.tabs.len(), state.tabs.values().filter(|entry| entry.tab.is_ready()).count())
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
        state.waiting.clear();
    }

    /// Leases a tab for `target`, none of `tried`, waiting until `deadline` at most.
    ///
    /// # Errors
    /// [`NoTab`].
    pub async fn lease(
        self: &Arc<Self>,
        target: &Target,
        tried: &[TabId],
        deadline: Instant,
    ) -> Result<Lease, NoTab> {
        loop {
            let mut place = {
                let mut state = self.lock();
                if state.draining {
                    return Err(NoTab::Draining);
                }
                if let Some(tab) = state.pick(target, tried) {
                    return Ok(Lease { pool: Arc::clone(self), tab });
                }
                state.waiting.retain(|waiter| !waiter.is_closed());
                if state.waiting.len() >= self.queue_limit {
                    return Err(NoTab::QueueFull);
                }
                let (waker, turn) = oneshot::channel();
                state.waiting.push_back(waker);
                self.metrics.queued.set(gauge(state.waiting.len()));
                Place { pool: self, turn }
            };
            if tokio::time::timeout_at(deadline.into(), &mut place.turn).await.is_err() {
                let none = self.lock().tabs.is_empty();
                return Err(if none { NoTab::NoneJoined } else { NoTab::AllBusy });
            }
        }
    }

    fn release(&self, id: TabId) {
        let mut state = self.lock();
        if let Some(entry) = state.tabs.get_mut(&id) {
            entry.outstanding -= 1;
        }
        self.wake(&mut state, 1);
    }

    /// Lets the first `count` of the line try again.
    fn wake(&self, state: &mut State, count: usize) {
        let mut woken = 0;
        while woken < count {
            let Some(waiter) = state.waiting.pop_front() else { break };
            woken += usize::from(waiter.send(()).is_ok());
        }
        self.metrics.queued.set(gauge(state.waiting.len()));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher for Pool {
    fn ready(&self) {
        // It may take many: each that finds no place lines up again.
        self.wake(&mut self.lock(), usize::MAX);
    }
}

/// A place in the line. A turn that comes too late to be used goes to the next.
struct Place<'a> {
    pool: &'a Pool,
    turn: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.turn.try_recv().is_ok() {
            self.pool.wake(&mut self.pool.lock(), 1);
        }
    }
}

impl State {
    fn pick(&mut self, target: &Target, tried: &[TabId]) -> Option<Arc<Tab>> {
        let entry = self
            .tabs
            .values_mut()
            .filter(|entry| entry.tab.is_ready() && !tried.contains(&entry.tab.id))
            .min_by_key(|entry| {
                let cold = !entry.versions.contains(&target.version);
                (entry.outstanding + if cold { AFFINITY } else { 0 }, entry.outstanding, entry.tab.id)
            })?;
        entry.outstanding += 1;
        if !entry.versions.contains(&target.version) {
            if entry.versions.len() >= REMEMBERED_VERSIONS {
                entry.versions.pop_front();
            }
            entry.versions.push_back(target.version.clone());
        }
        Some(Arc::clone(&entry.tab))
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
