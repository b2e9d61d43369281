//! What the pool knows of one tab. Decides nothing between tabs.

use super::super::tab::{Tab, TabId};
use super::state::{give_back, take_one};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tabmesh_protocol::Target;

/// Targets remembered per tab: as many as it keeps bundles for. A wrong guess only costs a cold start, code sent twice or
/// code that the tab must fetch.
const REMEMBERED: usize = 64;

/// One tab. See the module's page.
pub(super) struct Entry {
    pub(super) tab: Arc<Tab>,
    pub(super) outstanding: usize,
    /// The same, by tenant; none is 0.
    tenants: BTreeMap<String, usize>,
    /// What it ran last, latest last.
    warm: VecDeque<Arc<Target>>,
    /// The load that it is filed under among those with room, if it is.
    pub(super) filed: Option<usize>,
}

/// What a tab that takes a target begins and ceases to hold.
#[derive(Default)]
pub(super) struct Change {
    pub(super) holds: bool,
    pub(super) dropped: Option<Arc<Target>>,
}

impl Entry {
    pub(super) fn new(tab: Arc<Tab>) -> Self {
        Self { tab, outstanding: 0, tenants: BTreeMap::new(), warm: VecDeque::new(), filed: None }
    }

    /// Leases are counted beside streams: one that is out may not have opened its stream yet.
    pub(super) fn has_room(&self) -> bool {
        self.tab.is_ready() && self.outstanding < self.tab.capacity()
    }

    /// Whether the tenant may have one more place. Where tenants share tabs, none gets the last quarter of one: requests that
    /// hang would lock the others out for as long as their limit allows.
    pub(super) fn has_room_for(&self, tenant: &str, shared: bool) -> bool {
        let all = self.tab.capacity();
        let own = if shared && all >= 4 { all - all / 4 } else { all };
        self.tenants.get(tenant).is_none_or(|held| *held < own)
    }

    pub(super) fn suits(&self, target: &Target, tried: &[TabId]) -> bool {
        !tried.contains(&self.tab.id) && self.tab.serves(&target.tenant)
    }

    /// Whether it probably holds the target's code.
    pub(super) fn holds(&self, target: &Target) -> bool {
        self.warm.iter().any(|held| **held == *target)
    }

    /// What it probably holds.
    pub(super) fn warm(&self) -> impl Iterator<Item = &Target> {
        self.warm.iter().map(|target| &**target)
    }

    /// A place is taken.
    pub(super) fn take(&mut self, target: &Arc<Target>) -> Change {
        self.outstanding += 1;
        take_one(&mut self.tenants, &target.tenant);
        if self.holds(target) {
            return Change::default();
        }
        let dropped = (self.warm.len() >= REMEMBERED).then(|| self.warm.pop_front()).flatten();
        self.warm.push_back(Arc::clone(target));
        Change { holds: true, dropped }
    }

    /// A place is free again.
    pub(super) fn give_back(&mut self, tenant: &str) {
        self.outstanding -= 1;
        give_back(&mut self.tenants, tenant);
    }
}
