//! The pool's books, under its lock: who has which places, and which tab is next. No clock, nobody waits here.

use super::super::tab::{Tab, TabId};
use super::entry::Entry;
use super::holders::Holders;
use super::line::{Line, Taken};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tabmesh_protocol::Target;

/// How many more outstanding leases a tab may have than another and still win because it holds the code: a cold
/// start costs 2-3 ms, a few hello requests. No more, for what is outstanding may also compute for long: with 4 four
/// callers of such a handler never got beyond the first of two tabs.
pub(super) const AFFINITY: usize = 2;

/// See the module's page.
pub(super) struct State {
    pub(super) tabs: HashMap<TabId, Entry>,
    /// Tabs that take requests now, by load and number. One that has ceased to is taken out when it is met.
    pub(super) roomy: BTreeSet<(usize, TabId)>,
    pub(super) holders: Holders,
    /// Leases that are out, by tenant; none is 0.
    pub(super) places: BTreeMap<String, usize>,
    /// Who asked first, and whether anybody else ever did.
    first_tenant: Option<String>,
    pub(super) shared: bool,
    pub(super) line: Line,
    pub(super) draining: bool,
}

impl State {
    pub(super) fn new(queue_limit: usize) -> Self {
        Self {
            tabs: HashMap::new(),
            roomy: BTreeSet::new(),
            holders: Holders::default(),
            places: BTreeMap::new(),
            first_tenant: None,
            shared: false,
            line: Line::new(queue_limit),
            draining: false,
        }
    }

    pub(super) fn add(&mut self, tab: Arc<Tab>) {
        let id = tab.id;
        self.tabs.insert(id, Entry::new(tab));
        self.file(id);
    }

    pub(super) fn remove(&mut self, id: TabId) {
        let Some(entry) = self.tabs.remove(&id) else { return };
        if let Some(load) = entry.filed {
            self.roomy.remove(&(load, id));
        }
        entry.warm().for_each(|target| self.holders.remove(target, id));
    }

    pub(super) fn pick(&mut self, target: &Arc<Target>, tried: &[TabId]) -> Option<Taken> {
        self.notice(&target.tenant);
        let id = self.best(target, tried)?;
        self.take(id, target)
    }

    /// The tab that a request should go to, without looking at every one: the least busy that may take it, or one that
    /// holds its code and is not much busier.
    fn best(&mut self, target: &Target, tried: &[TabId]) -> Option<TabId> {
        let Self { tabs, roomy, holders, shared, .. } = self;
        let may_take = |entry: &Entry| {
            entry.has_room() && entry.has_room_for(&target.tenant, *shared) && entry.suits(target, tried)
        };
        let mut unready = Vec::new();
        let least_busy = roomy.iter().filter_map(|(_, id)| tabs.get(id)).find(|entry| {
            if !entry.tab.is_ready() {
                unready.push(entry.tab.id);
            }
            may_take(entry)
        });
        let best = least_busy.map(|least_busy| {
            if least_busy.holds(target) {
                return least_busy.tab.id;
            }
            let held = holders.some(target).filter_map(|id| tabs.get(&id)).filter(|entry| may_take(entry));
            let warm = held.min_by_key(|entry| (entry.outstanding, entry.tab.id));
            warm.filter(|warm| warm.outstanding < least_busy.outstanding + AFFINITY)
                .unwrap_or(least_busy)
                .tab
                .id
        });
        // They say so when they are ready again.
        unready.into_iter().for_each(|id| self.file(id));
        best
    }

    /// A place on this tab is taken.
    fn take(&mut self, id: TabId, target: &Arc<Target>) -> Option<Taken> {
        let entry = self.tabs.get_mut(&id)?;
        let change = entry.take(target);
        let taken = Taken { tab: Arc::clone(&entry.tab), first: change.holds };
        if change.holds {
            self.holders.add(target, id);
        }
        if let Some(dropped) = change.dropped {
            self.holders.remove(&dropped, id);
        }
        take_one(&mut self.places, &target.tenant);
        self.file(id);
        Some(taken)
    }

    /// Files the tab under its load if it has room, after anything that may have changed that.
    fn file(&mut self, id: TabId) {
        let Some(entry) = self.tabs.get_mut(&id) else { return };
        let load = entry.has_room().then_some(entry.outstanding);
        let before = std::mem::replace(&mut entry.filed, load);
        if before == load {
            return;
        }
        if let Some(before) = before {
            self.roomy.remove(&(before, id));
        }
        if let Some(load) = load {
            self.roomy.insert((load, id));
        }
    }

    /// Remembers whether more than one tenant has ever asked.
    pub(super) fn notice(&mut self, tenant: &str) {
        match &self.first_tenant {
            _ if self.shared => {}
            None => self.first_tenant = Some(tenant.to_owned()),
            Some(first) => self.shared = first != tenant,
        }
    }

    /// The tenant has one place less.
    pub(super) fn give_back(&mut self, tenant: &str) {
        give_back(&mut self.places, tenant);
    }

    /// Gives this tab's free places to those in the line who can use them, tenants with few places first.
    pub(super) fn hand_out(&mut self, id: TabId) {
        while let Some(entry) = self.tabs.get(&id).filter(|entry| entry.has_room()) {
            let places = |tenant: &str| self.places.get(tenant).copied().unwrap_or(0);
            let suits = |target: &Target, tried: &[TabId]| {
                entry.has_room_for(&target.tenant, self.shared) && entry.suits(target, tried)
            };
            let Some(waiter) = self.line.take(places, suits) else { break };
            let taken = Taken { tab: Arc::clone(&entry.tab), first: !entry.holds(&waiter.target) };
            // One that has just given up takes nothing.
            if waiter.turn.send(Ok(taken)).is_ok() {
                self.take(id, &waiter.target);
            }
        }
        self.file(id);
    }
}

/// Adds one to a tenant's count.
pub(super) fn take_one(counts: &mut BTreeMap<String, usize>, tenant: &str) {
    match counts.get_mut(tenant) {
        Some(count) => *count += 1,
        None => drop(counts.insert(tenant.to_owned(), 1)),
    }
}

/// Takes one off a tenant's count; one of 0 is forgotten.
pub(super) fn give_back(counts: &mut BTreeMap<String, usize>, tenant: &str) {
    if let Some(count) = counts.get_mut(tenant) {
        *count -= 1;
        if *count == 0 {
            counts.remove(tenant);
        }
    }
}
