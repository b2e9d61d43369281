//! The pool: which tabs there are, and who works on which.
//!
//! A request takes a [`Lease`] on a tab; dropping it frees the place. The pick is the tab with the least
//! outstanding leases, with a bonus for tabs that already hold the wanted code, among those that serve the request's
//! tenant. When no tab can take the request, it waits in a bounded line until its deadline. A place that becomes free is
//! handed to one in the line who can use it, of the tenant that has the fewest: so whoever waits could not be served by any tab there is, nobody is
//! woken in vain, and nobody new gets in between. The pool knows nothing of HTTP or retries.

mod line;
#[cfg(test)]
mod tests;

use super::tab::{Tab, TabId, Watcher};
use crate::metrics::Metrics;
use line::{Line, Taken, Turn};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tabmesh_protocol::Target;
use tokio::sync::oneshot;

/// How many more outstanding leases a tab may have than another and still win because it holds the code: a cold
/// start costs a few milliseconds, about what this many queued hello requests cost.
const AFFINITY: usize = 4;

/// Targets remembered per tab: as many as it keeps bundles for. A wrong guess only costs a cold start, code sent twice or
/// code that the tab must fetch.
const REMEMBERED: usize = 64;

/// The pool. See the module's page.
pub struct Pool {
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

struct State {
    tabs: BTreeMap<TabId, Entry>,
    /// Leases that are out, by tenant; none is 0.
    places: BTreeMap<String, usize>,
    /// Who asked first, and whether anybody else ever did.
    first_tenant: Option<String>,
    shared: bool,
    line: Line,
    draining: bool,
}

struct Entry {
    tab: Arc<Tab>,
    outstanding: usize,
    /// The same, by tenant; none is 0.
    tenants: BTreeMap<String, usize>,
    /// What it ran last, latest last.
    warm: VecDeque<Arc<Target>>,
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
        let state = State {
            tabs: BTreeMap::new(),
            places: BTreeMap::new(),
            first_tenant: None,
            shared: false,
            line: Line::new(queue_limit),
            draining: false,
        };
        Arc::new(Self { state: Mutex::new(state), metrics })
    }

    /// A tab's transport opened.
    pub fn add(&self, tab: &Arc<Tab>) {
        let mut state = self.lock();
        let entry =
            Entry { tab: Arc::clone(tab), outstanding: 0, tenants: BTreeMap::new(), warm: VecDeque::new() };
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

impl State {
    fn pick(&mut self, target: &Arc<Target>, tried: &[TabId]) -> Option<Taken> {
        self.notice(&target.tenant);
        let shared = self.shared;
        let entry = self
            .tabs
            .values_mut()
            .filter(|entry| {
                entry.has_room() && entry.has_room_for(&target.tenant, shared) && entry.suits(target, tried)
            })
            .min_by_key(|entry| {
                let cold = !entry.warm.contains(target);
                (entry.outstanding + if cold { AFFINITY } else { 0 }, entry.outstanding, entry.tab.id)
            })?;
        let taken = entry.take(target);
        take_one(&mut self.places, &target.tenant);
        Some(taken)
    }

    /// Remembers whether more than one tenant has ever asked.
    fn notice(&mut self, tenant: &str) {
        match &self.first_tenant {
            _ if self.shared => {}
            None => self.first_tenant = Some(tenant.to_owned()),
            Some(first) => self.shared = first != tenant,
        }
    }

    /// The tenant has one place less.
    fn give_back(&mut self, tenant: &str) {
        give_back(&mut self.places, tenant);
    }

    /// Gives this tab's free places to those in the line who can use them, tenants with few places first.
    fn hand_out(&mut self, id: TabId) {
        let Some(entry) = self.tabs.get_mut(&id) else { return };
        while entry.has_room() {
            let places = |tenant: &str| self.places.get(tenant).copied().unwrap_or(0);
            let suits = |target: &Target, tried: &[TabId]| {
                entry.has_room_for(&target.tenant, self.shared) && entry.suits(target, tried)
            };
            let Some(waiter) = self.line.take(places, suits) else {
                return;
            };
            let taken = entry.take(&waiter.target);
            if waiter.turn.send(Ok(taken)).is_err() {
                // It has just given up.
                entry.give_back(&waiter.target.tenant);
            } else {
                take_one(&mut self.places, &waiter.target.tenant);
            }
        }
    }
}

impl Entry {
    /// Leases are counted beside streams: one that is out may not have opened its stream yet.
    fn has_room(&self) -> bool {
        self.tab.is_ready() && self.outstanding < self.tab.capacity()
    }

    /// Whether the tenant may have one more place. Where tenants share tabs, none gets the last quarter of one: requests that
    /// hang would lock the others out for as long as their limit allows.
    fn has_room_for(&self, tenant: &str, shared: bool) -> bool {
        let all = self.tab.capacity();
        let own = if shared && all >= 4 { all - all / 4 } else { all };
        self.tenants.get(tenant).is_none_or(|held| *held < own)
    }

    /// A place is free again.
    fn give_back(&mut self, tenant: &str) {
        self.outstanding -= 1;
        give_back(&mut self.tenants, tenant);
    }

    fn suits(&self, target: &Target, tried: &[TabId]) -> bool {
        !tried.contains(&self.tab.id) && self.tab.serves(&target.tenant)
    }

    fn take(&mut self, target: &Arc<Target>) -> Taken {
        self.outstanding += 1;
        take_one(&mut self.tenants, &target.tenant);
        let first = !self.warm.contains(target);
        if first {
            if self.warm.len() >= REMEMBERED {
                self.warm.pop_front();
            }
            self.warm.push_back(Arc::clone(target));
        }
        Taken { tab: Arc::clone(&self.tab), first }
    }
}

/// Adds one to a tenant's count.
fn take_one(counts: &mut BTreeMap<String, usize>, tenant: &str) {
    match counts.get_mut(tenant) {
        Some(count) => *count += 1,
        None => drop(counts.insert(tenant.to_owned(), 1)),
    }
}

/// Takes one off a tenant's count; one of 0 is forgotten.
fn give_back(counts: &mut BTreeMap<String, usize>, tenant: &str) {
    if let Some(count) = counts.get_mut(tenant) {
        *count -= 1;
        if *count == 0 {
            counts.remove(tenant);
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
