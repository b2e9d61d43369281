//! Book-keeping of isolates: who they are, what they hold, which may take a request, which may go. Pure state; spawning,
//! killing and what becomes of their requests is [`super::lifecycle`]'s business.

use super::exchange::Key;
use super::io::IsolateId;
use super::limits::{BOOT_LIMIT, IDLE_TTL, MAX_HELD_PER_ISOLATE, MAX_NUISANCE, MAX_PAST, MAX_PER_ISOLATE};
use super::pools::PoolId;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;
use tabmesh_protocol::Now;

/// How far an isolate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Must say that it booted by then.
    Booting(Now),
    /// Booted, without code.
    Blank,
    /// Got code; must have loaded it by then.
    Loading(Now),
    /// Takes requests.
    Live,
}

/// A request that an isolate holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// Its stream.
    pub(super) key: Key,
    /// When its response was finished (or failed); since then only `waitUntil` work goes on.
    pub(super) answered: Option<Now>,
}

/// One isolate.
#[derive(Debug)]
pub(super) struct Isolate {
    pub(super) tenant: String,
    pub(super) phase: Phase,
    /// The code that it holds or will get.
    pub(super) pool: Option<PoolId>,
    pub(super) work: HashMap<u32, Work>,
    /// Whose the last requests were that it no longer works on: their console lines come late.
    past: VecDeque<(u32, Key)>,
    /// Of these, without a finished response.
    pub(super) answering: usize,
    /// Counts up; numbers below were given out.
    pub(super) next_request: u32,
    /// When it last became idle (or was made).
    pub(super) idle_since: Now,
    /// A ping that must be answered by then: a request was aborted and perhaps its handler spins.
    pub(super) probe: Option<(u32, Now)>,
    pings: u32,
    nuisance: u32,
    nuisance_since: Now,
}

impl Isolate {
    fn new(tenant: String, now: Now) -> Self {
        Self {
            tenant,
            phase: Phase::Booting(now + BOOT_LIMIT),
            pool: None,
            work: HashMap::new(),
            past: VecDeque::new(),
            answering: 0,
            next_request: 1,
            idle_since: now,
            probe: None,
            pings: 0,
            nuisance: 0,
            nuisance_since: now,
        }
    }

    /// Whether it can take one more request.
    pub(super) fn accepts(&self) -> bool {
        self.phase == Phase::Live
            && self.answering < MAX_PER_ISOLATE
            && self.work.len() < MAX_HELD_PER_ISOLATE
            && self.next_request < u32::MAX
    }

    pub(super) fn is_idle(&self) -> bool {
        self.work.is_empty() && !matches!(self.phase, Phase::Loading(_))
    }

    /// Blank or about to be, and nobody's.
    pub(super) fn is_spare(&self) -> bool {
        self.pool.is_none() && matches!(self.phase, Phase::Booting(_) | Phase::Blank)
    }

    /// Takes a request in; gives its number.
    pub(super) fn take(&mut self, key: Key) -> u32 {
        let id = self.next_request;
        self.next_request += 1;
        self.work.insert(id, Work { key, answered: None });
        self.answering += 1;
        id
    }

    /// The request's response is finished.
    pub(super) fn answered(&mut self, now: Now, id: u32) {
        if let Some(work) = self.work.get_mut(&id)
            && work.answered.is_none()
        {
            work.answered = Some(now);
            self.answering -= 1;
        }
    }

    /// The isolate no longer works on the request.
    pub(super) fn forget(&mut self, id: u32) -> Option<Work> {
        let work = self.work.remove(&id)?;
        if self.past.len() >= MAX_PAST {
            self.past.pop_front();
        }
        self.past.push_back((id, work.key));
        if work.answered.is_none() {
            self.answering -= 1;
        }
        Some(work)
    }

    /// Whose a request was that it worked on not long ago.
    pub(super) fn past(&self, id: u32) -> Option<Key> {
        self.past.iter().rev().find(|(past, _)| *past == id).map(|(_, key)| *key)
    }

    /// Number of the next ping.
    pub(super) fn next_ping(&mut self) -> u32 {
        self.pings = self.pings.wrapping_add(1);
        self.pings
    }

    /// Counts a message that serves nobody; false when there were too many within a second.
    pub(super) fn nuisance(&mut self, now: Now) -> bool {
        if now.saturating_sub(self.nuisance_since) >= Duration::from_secs(1) {
            self.nuisance_since = now;
            self.nuisance = 0;
        }
        self.nuisance += 1;
        self.nuisance <= MAX_NUISANCE
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Isolates {
    map: BTreeMap<IsolateId, Isolate>,
    last_id: IsolateId,
    /// Isolates per tenant; a tenant that fell to 0 waits in `emptied`.
    tenants: HashMap<String, usize>,
    emptied: Vec<String>,
}

impl Isolates {
    pub(super) fn get(&self, id: IsolateId) -> Option<&Isolate> {
        self.map.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: IsolateId) -> Option<&mut Isolate> {
        self.map.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (IsolateId, &Isolate)> {
        self.map.iter().map(|(id, isolate)| (*id, isolate))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// With code, or about to get some.
    pub(super) fn assigned(&self) -> usize {
        self.map.values().filter(|isolate| isolate.pool.is_some()).count()
    }

    pub(super) fn spawn(&mut self, tenant: &str, now: Now) -> IsolateId {
        self.last_id += 1;
        *self.tenants.entry(tenant.to_owned()).or_default() += 1;
        self.map.insert(self.last_id, Isolate::new(tenant.to_owned(), now));
        self.last_id
    }

    pub(super) fn remove(&mut self, id: IsolateId) -> Option<Isolate> {
        let isolate = self.map.remove(&id)?;
        if let Some(count) = self.tenants.get_mut(&isolate.tenant) {
            *count -= 1;
            if *count == 0 {
                self.emptied.push(isolate.tenant.clone());
            }
        }
        Some(isolate)
    }

    /// Tenants that have no isolate any more; `kept` stays for a later call.
    pub(super) fn take_emptied(&mut self, kept: Option<&str>) -> Vec<String> {
        let mut gone = std::mem::take(&mut self.emptied);
        gone.retain(|tenant| {
            if self.tenants.get(tenant) != Some(&0) {
                return false;
            }
            if kept == Some(tenant) {
                self.emptied.push(tenant.clone());
                return false;
            }
            self.tenants.remove(tenant).is_some()
        });
        gone
    }

    /// A spare of the tenant, a booted one first.
    pub(super) fn spare(&self, tenant: &str) -> Option<IsolateId> {
        let spares = self.iter().filter(|(_, isolate)| isolate.is_spare() && isolate.tenant == tenant);
        spares.min_by_key(|(_, isolate)| isolate.phase != Phase::Blank).map(|(id, _)| id)
    }

    /// Spares over all tenants.
    pub(super) fn spares(&self) -> usize {
        self.map.values().filter(|isolate| isolate.is_spare()).count()
    }

    /// The longest idle one among those that `which` admits.
    pub(super) fn longest_idle(&self, which: impl Fn(&Isolate) -> bool) -> Option<IsolateId> {
        let idle = self.iter().filter(|(_, isolate)| isolate.is_idle() && which(isolate));
        idle.min_by_key(|(_, isolate)| isolate.idle_since).map(|(id, _)| id)
    }

    /// When something of an isolate is due; `kept` is the tenant whose spare never expires.
    pub(super) fn poll_timeout(&self, kept: &str) -> Option<Now> {
        self.map.values().filter_map(|isolate| due(isolate, kept)).min()
    }

    /// Isolates that something is due for.
    pub(super) fn overdue(&self, now: Now, kept: &str) -> Vec<IsolateId> {
        let late = |isolate: &Isolate| due(isolate, kept).is_some_and(|at| at <= now);
        self.iter().filter(|(_, isolate)| late(isolate)).map(|(id, _)| id).collect()
    }
}

fn due(isolate: &Isolate, kept: &str) -> Option<Now> {
    match isolate.phase {
        Phase::Booting(until) | Phase::Loading(until) => Some(until),
        Phase::Blank if isolate.pool.is_none() => {
            (isolate.tenant != kept).then(|| isolate.idle_since + IDLE_TTL)
        }
        Phase::Blank => None,
        Phase::Live => {
            let idle = isolate.work.is_empty().then(|| isolate.idle_since + IDLE_TTL);
            let probe = isolate.probe.map(|(_, until)| until);
            [idle, probe].into_iter().flatten().min()
        }
    }
}
