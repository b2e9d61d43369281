//! Pools: one per (tenant, handler, version), with the isolates that hold that code and the requests that wait for one.
//! Pure state. A pool exists only while it has an isolate or a waiting request.

use super::exchange::Key;
use super::io::IsolateId;
use std::collections::{HashMap, VecDeque};
use tabmesh_protocol::head::Target;
use tabmesh_protocol::{Limits, Now};

/// Number of a pool; counts up, never reused.
pub(super) type PoolId = u32;

/// One pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) target: Target,
    /// Of the request that came last: they may change without the code.
    pub(super) limits: Limits,
    pub(super) isolates: Vec<IsolateId>,
    /// Requests that wait, and since when; the longest first.
    pub(super) waiting: VecDeque<(Now, Key)>,
    /// The handler's version that was asked for last; isolates of others end when idle.
    pub(super) current: bool,
    /// Requests wait and no isolate can be started for them.
    starving: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Pools {
    map: HashMap<PoolId, Pool>,
    by_target: HashMap<Target, PoolId>,
    last_id: PoolId,
    /// Requests waiting, over all pools.
    waiting: usize,
    /// Pools that starve.
    starving: Vec<PoolId>,
}

impl Pools {
    pub(super) fn get(&self, id: PoolId) -> Option<&Pool> {
        self.map.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: PoolId) -> Option<&mut Pool> {
        self.map.get_mut(&id)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Pools in which requests wait.
    pub(super) fn with_waiting(&self) -> Vec<PoolId> {
        self.map.iter().filter(|(_, pool)| !pool.waiting.is_empty()).map(|(id, _)| *id).collect()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Pools of this code, whoever owns them.
    pub(super) fn of_version(&self, version: &str) -> Vec<PoolId> {
        self.map.iter().filter(|(_, pool)| pool.target.version == version).map(|(id, _)| *id).collect()
    }

    /// The pool of a target, made if need be, and current from now on; also the pools that stopped being so, and it
    /// itself where its limits changed.
    pub(super) fn open(&mut self, target: &Target, limits: &Limits) -> (PoolId, Vec<PoolId>) {
        let mut retired = Vec::new();
        let id = match self.by_target.get(target) {
            Some(id) => {
                if let Some(pool) = self.map.get_mut(id).filter(|pool| pool.limits != *limits) {
                    pool.limits = *limits;
                    retired.push(*id);
                }
                *id
            }
            None => {
                self.last_id += 1;
                self.by_target.insert(target.clone(), self.last_id);
                let pool = Pool {
                    target: target.clone(),
                    limits: *limits,
                    isolates: Vec::new(),
                    waiting: VecDeque::new(),
                    current: false,
                    starving: false,
                };
                self.map.insert(self.last_id, pool);
                self.last_id
            }
        };
        if self.map.get(&id).is_some_and(|pool| !pool.current) {
            for (other, pool) in &mut self.map {
                let same = pool.target.handler == target.handler && pool.target.tenant == target.tenant;
                if *other == id {
                    pool.current = true;
                } else if same && pool.current {
                    pool.current = false;
                    retired.push(*other);
                }
            }
        }
        (id, retired)
    }

    pub(super) fn wait(&mut self, now: Now, id: PoolId, key: Key) {
        if let Some(pool) = self.map.get_mut(&id) {
            pool.waiting.push_back((now, key));
            self.waiting += 1;
        }
    }

    /// The first that waits, no longer waiting.
    pub(super) fn next_waiting(&mut self, id: PoolId) -> Option<Key> {
        let (_, key) = self.map.get_mut(&id)?.waiting.pop_front()?;
        self.waiting -= 1;
        Some(key)
    }

    /// A request that waited is gone.
    pub(super) fn forget_waiting(&mut self, id: PoolId, key: Key) {
        let Some(pool) = self.map.get_mut(&id) else { return };
        if let Some(at) = pool.waiting.iter().position(|(_, waiting)| *waiting == key) {
            pool.waiting.remove(at);
            self.waiting -= 1;
        }
        self.tidy(id);
    }

    /// All that wait, no longer waiting.
    pub(super) fn take_waiting(&mut self, id: PoolId) -> VecDeque<(Now, Key)> {
        let keys = self.map.get_mut(&id).map(|pool| std::mem::take(&mut pool.waiting)).unwrap_or_default();
        self.waiting -= keys.len();
        keys
    }

    /// The next that has waited in a starving pool since `since` or longer, still waiting.
    pub(super) fn starved(&self, since: Now) -> Option<Key> {
        let longest = self.longest_starving()?;
        (longest.0 <= since).then_some(longest.1)
    }

    /// Who has waited longest in a starving pool.
    pub(super) fn longest_starving(&self) -> Option<(Now, Key)> {
        self.starving.iter().filter_map(|id| self.map.get(id)?.waiting.front().copied()).min()
    }

    /// Marks the pool as unable to start an isolate, or as able again.
    pub(super) fn set_starving(&mut self, id: PoolId, starving: bool) {
        let Some(pool) = self.map.get_mut(&id).filter(|pool| pool.starving != starving) else { return };
        pool.starving = starving;
        if starving {
            self.starving.push(id);
        } else {
            self.starving.retain(|other| *other != id);
        }
    }

    pub(super) fn starving(&self) -> &[PoolId] {
        &self.starving
    }

    /// Removes the pool if nothing keeps it.
    pub(super) fn tidy(&mut self, id: PoolId) {
        let Some(pool) = self.map.get(&id) else { return };
        if pool.waiting.is_empty() {
            self.set_starving(id, false);
            if self.map.get(&id).is_some_and(|pool| pool.isolates.is_empty())
                && let Some(pool) = self.map.remove(&id)
            {
                self.by_target.remove(&pool.target);
            }
        }
    }
}
