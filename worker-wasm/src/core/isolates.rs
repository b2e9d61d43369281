//! Book-keeping of isolates: who they are, what they hold, which may take a request, which may go. Pure state; spawning,
//! killing and what becomes of their requests is [`super::lifecycle`]'s business.

use super::clock::Clock;
use super::exchange::Key;
use super::io::IsolateId;
use super::limits::{
    BOOT_LIMIT, IDLE_BUSY, IDLE_TTL, LONG_SHARE, MAX_HELD_PER_ISOLATE, MAX_NUISANCE, MAX_PAST,
    MAX_PER_ISOLATE, MEMORY_PER_ISOLATE, PING_EVERY, RECYCLE_AFTER,
};
use super::pools::PoolId;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;
use tabmesh_protocol::{Cost, Limits, Now};

/// How far an isolate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Must say that it booted by then.
    Booting(Now),
    /// Booted, without code.
    Blank,
    /// Got code; must have loaded it by then. Requests sent to it begin when it has.
    Loading(Now),
    /// Takes requests.
    Live,
}

impl Phase {
    pub(super) fn is_loading(self) -> bool {
        matches!(self, Self::Loading(_))
    }
}

/// A request that an isolate holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// Its stream.
    pub(super) key: Key,
    /// When its response was finished (or failed); since then only `waitUntil` work goes on.
    pub(super) answered: Option<Now>,
    /// When it came to the tab.
    arrived: Now,
    /// When the isolate got it, and had its code.
    since: Now,
    /// The clock's mark at that time.
    mark: u32,
    /// CPU time used for it, and how much it may use.
    cpu: Duration,
    cpu_limit: Duration,
    /// The same as the developer is told it: shared with those that were done in the same turn.
    cost: Duration,
}

impl Work {
    /// What is told of it when it is over.
    pub(super) fn cost(&self, now: Now) -> Cost {
        let queued = self.since.saturating_sub(self.arrived);
        Cost { cpu: micros(self.cost), queued: micros(queued), ran: micros(now.saturating_sub(self.since)) }
    }

    /// CPU time that it may have used at `now`.
    fn allowed(&self, now: Now) -> Duration {
        self.cpu_limit + now.saturating_sub(self.since) / LONG_SHARE
    }
}

/// Microseconds as they are told; an hour and more is all the same.
fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
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
    /// The same of the calls that it makes.
    pub(super) next_call: u32,
    /// When it last became idle (or was made).
    pub(super) idle_since: Now,
    /// Signs of life, and the time that it is busy.
    pub(super) clock: Clock,
    /// Busy time since it was made.
    busy: Duration,
    /// Busy time while it had no request, since it last had one; while it loads its code, that of loading.
    idle_busy: Duration,
    /// Bytes that it counts outside of its heap.
    pub(super) bytes: u64,
    /// What it was started with.
    pub(super) limits: Limits,
    /// CPU time that its top-level code may use.
    pub(super) load_limit: Duration,
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
            next_call: 1,
            idle_since: now,
            clock: Clock::default(),
            busy: Duration::ZERO,
            idle_busy: Duration::ZERO,
            bytes: 0,
            limits: Limits::default(),
            load_limit: Duration::MAX,
            nuisance: 0,
            nuisance_since: now,
        }
    }

    /// Whether it can take one more request of a handler that has these limits now.
    pub(super) fn accepts(&self, now: Now, limits: &Limits) -> bool {
        (self.phase == Phase::Live || self.phase.is_loading())
            && !self.clock.is_taken(now)
            && !self.is_worn()
            && self.answering < (limits.concurrency as usize).clamp(1, MAX_PER_ISOLATE)
            && self.fits(limits)
            && self.work.len() < MAX_HELD_PER_ISOLATE
            && self.next_request < u32::MAX
    }

    /// Whether it keeps these limits: it knows those that it was started with.
    pub(super) fn fits(&self, limits: &Limits) -> bool {
        let known = |limits: &Limits| (limits.memory_mb, limits.subrequests, limits.log_bytes);
        known(&self.limits) == known(limits)
    }

    /// Whether it has worked enough to be replaced.
    pub(super) fn is_worn(&self) -> bool {
        self.busy >= RECYCLE_AFTER
    }

    /// Bytes that it is counted for.
    pub(super) fn memory(&self) -> u64 {
        MEMORY_PER_ISOLATE + self.bytes
    }

    // ---- time ----

    /// Adds busy time, shared equally by the requests that it holds. True when one of them is over its limit.
    pub(super) fn charge(&mut self, now: Now, busy: Duration) -> bool {
        self.busy += busy;
        if self.phase.is_loading() {
            // Its top-level code has a limit of its own; requests have not begun.
            self.idle_busy += busy;
            return self.idle_busy > self.load_limit;
        }
        if self.work.is_empty() {
            // A pong in time takes some of it back, so that a noisy machine does not add up.
            self.idle_busy = if busy.is_zero() {
                self.idle_busy.saturating_sub(PING_EVERY)
            } else {
                self.idle_busy + busy
            };
            return self.idle_busy > IDLE_BUSY;
        }
        let share = busy / u32::try_from(self.work.len()).unwrap_or(u32::MAX);
        let mut over = false;
        for work in self.work.values_mut() {
            work.cpu += share;
            over |= work.cpu > work.allowed(now);
        }
        over
    }

    /// Shares busy time between what it works on and what was done in this turn. Top-level code is no request's.
    pub(super) fn share_cost<'a>(
        &mut self,
        busy: Duration,
        done: impl ExactSizeIterator<Item = &'a mut Cost>,
    ) {
        if busy.is_zero() || self.phase.is_loading() {
            return;
        }
        let sharers = u32::try_from(self.work.len() + done.len()).unwrap_or(u32::MAX);
        let share = busy / sharers.max(1);
        done.for_each(|cost| cost.cpu = cost.cpu.saturating_add(micros(share)));
        self.work.values_mut().for_each(|work| work.cost += share);
    }

    /// Whether it has certainly not begun the request.
    pub(super) fn is_untouched(&self, id: u32) -> bool {
        self.work.get(&id).is_some_and(|work| self.clock.cannot_have_seen(work.mark, work.since))
    }

    /// Requests that its silence may be due to: those that it may have begun last, or all that it has begun.
    fn suspects(&self) -> impl Iterator<Item = (&u32, &Work)> {
        let last = |work: &Work| {
            !self.clock.has_seen(work.mark) && !self.clock.cannot_have_seen(work.mark, work.since)
        };
        let any = self.work.values().any(last);
        self.work.iter().filter(move |(_, work)| {
            last(work) || (!any && !self.clock.cannot_have_seen(work.mark, work.since))
        })
    }

    /// Requests whose time is used up: those over their own limit, or, when the isolate is silent for too long, its
    /// suspects.
    pub(super) fn overspent(&self, now: Now) -> Vec<u32> {
        let over = self.work.iter().filter(|(_, work)| work.cpu > work.allowed(now));
        let over: Vec<u32> = over.map(|(id, _)| *id).collect();
        if !over.is_empty() {
            return over;
        }
        self.suspects().map(|(id, _)| *id).collect()
    }

    /// When its silence will have lasted too long, where things take `strain` times longer than they should.
    pub(super) fn silent_until(&self, strain: f64) -> Option<Now> {
        let asked = self.clock.silent_for(Duration::ZERO)?;
        let left = |work: &Work| {
            work.cpu_limit.saturating_sub(work.cpu.saturating_sub(work.allowed(asked) - work.cpu_limit))
        };
        let allowed = match self.phase {
            Phase::Loading(_) => self.load_limit,
            _ => self.suspects().map(|(_, work)| left(work)).min().unwrap_or(IDLE_BUSY),
        };
        Some(asked + allowed.min(Duration::from_secs(3600)).mul_f64(strain))
    }

    /// Nobody works in it or waits for it.
    pub(super) fn is_idle(&self) -> bool {
        self.work.is_empty() && (self.phase == Phase::Live || self.is_spare())
    }

    /// Blank or about to be, and nobody's.
    pub(super) fn is_spare(&self) -> bool {
        self.pool.is_none() && matches!(self.phase, Phase::Booting(_) | Phase::Blank)
    }

    /// Takes a request in; gives its number.
    pub(super) fn take(&mut self, now: Now, key: Key, arrived: Now, cpu_limit: Duration) -> u32 {
        let id = self.next_request;
        self.next_request += 1;
        let mark = self.clock.mark();
        let (cpu, cost) = (Duration::ZERO, Duration::ZERO);
        let work = Work { key, answered: None, arrived, since: now, mark, cpu, cpu_limit, cost };
        self.work.insert(id, work);
        self.answering += 1;
        if !self.phase.is_loading() {
            self.idle_busy = Duration::ZERO;
        }
        self.clock.watch(now);
        id
    }

    /// It has loaded its code and begins what it was sent meanwhile.
    pub(super) fn started(&mut self, now: Now) {
        self.phase = Phase::Live;
        self.idle_since = now;
        self.idle_busy = Duration::ZERO;
        if self.work.is_empty() {
            self.clock.rest(now);
        }
        let mark = self.clock.mark();
        for work in self.work.values_mut() {
            (work.since, work.mark) = (now, mark);
        }
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

    /// Those of a tenant that work or are about to.
    pub(super) fn busy_of(&self, tenant: &str) -> usize {
        self.map.values().filter(|isolate| isolate.tenant == tenant && !isolate.is_idle()).count()
    }

    /// Those of a tenant whose threads are taken.
    pub(super) fn taken_of(&self, tenant: &str, now: Now) -> usize {
        self.map.values().filter(|isolate| isolate.tenant == tenant && isolate.clock.is_taken(now)).count()
    }

    /// Those of a tenant that boot for its requests.
    pub(super) fn booting_of(&self, tenant: &str) -> usize {
        let booting = |isolate: &&Isolate| {
            isolate.tenant == tenant && isolate.pool.is_some() && matches!(isolate.phase, Phase::Booting(_))
        };
        self.map.values().filter(booting).count()
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

    /// Bytes over all, as far as they are counted.
    pub(super) fn memory(&self) -> u64 {
        self.map.values().map(Isolate::memory).sum()
    }

    /// The longest idle one among those that `which` admits.
    pub(super) fn longest_idle(&self, which: impl Fn(&Isolate) -> bool) -> Option<IsolateId> {
        let idle = self.iter().filter(|(_, isolate)| isolate.is_idle() && which(isolate));
        idle.min_by_key(|(_, isolate)| isolate.idle_since).map(|(id, _)| id)
    }

    /// When something of an isolate is due; `kept` is the tenant whose spare never expires.
    pub(super) fn poll_timeout(&self, kept: &str, strain: f64) -> Option<Now> {
        self.map.values().filter_map(|isolate| due(isolate, kept, strain)).min()
    }

    /// Isolates that something is due for.
    pub(super) fn overdue(&self, now: Now, kept: &str, strain: f64) -> Vec<IsolateId> {
        let late = |isolate: &Isolate| due(isolate, kept, strain).is_some_and(|at| at <= now);
        self.iter().filter(|(_, isolate)| late(isolate)).map(|(id, _)| id).collect()
    }

    /// Whether the isolate's phase has lasted too long.
    pub(super) fn is_over(&self, now: Now, id: IsolateId, kept: &str) -> bool {
        self.get(id).and_then(|isolate| end_of_phase(isolate, kept)).is_some_and(|at| at <= now)
    }
}

/// When a ping is due, or too long unanswered, or the isolate's phase has lasted too long.
fn due(isolate: &Isolate, kept: &str, strain: f64) -> Option<Now> {
    [isolate.clock.due(), isolate.silent_until(strain), end_of_phase(isolate, kept)]
        .into_iter()
        .flatten()
        .min()
}

fn end_of_phase(isolate: &Isolate, kept: &str) -> Option<Now> {
    match isolate.phase {
        Phase::Booting(until) | Phase::Loading(until) => Some(until),
        Phase::Blank if isolate.pool.is_none() => {
            (isolate.tenant != kept).then(|| isolate.idle_since + IDLE_TTL)
        }
        Phase::Blank => None,
        Phase::Live => isolate.work.is_empty().then(|| isolate.idle_since + IDLE_TTL),
    }
}
