//! The coming of isolates: spares, code, starts; and, when a turn ends, who needs one more.

use super::Core;
use super::ends::End;
use super::io::{CodeError, IsolateId, Output};
use super::isolates::Phase;
use super::limits::{
    LOAD_LIMIT, MAX_BLANKS, MAX_BOOTING, MAX_PER_ISOLATE, MAX_ROUNDS, MEMORY_PER_ISOLATE, SPARE_DELAY,
    TRIM_DELAY,
};
use super::messages::ToIsolate;
use super::pools::PoolId;
use bytes::Bytes;
use tabmesh_protocol::{Limits, Now, ResetCode};

impl Core {
    /// Gives the pool one more isolate if its waiting requests need one.
    fn grow(&mut self, now: Now, id: PoolId) {
        let Some(pool) = self.pools.get(id) else { return };
        if pool.waiting.is_empty() {
            self.pools.tidy(id);
            return;
        }
        // Threads that are taken come back or are ended; more than there are cores would only slow them down. Other handlers
        // of the tenant get two more, so that a computation does not stand before everything.
        let cores = self.settings.cores.min(self.settings.all_cores) as usize;
        let taken =
            |isolate: &&IsolateId| self.isolates.get(**isolate).is_some_and(|it| it.clock.is_taken(now));
        if pool.isolates.iter().filter(taken).count() >= cores
            || self.isolates.taken_of(&pool.target.tenant, now) >= cores.saturating_add(2)
        {
            return;
        }
        let each = (pool.limits.concurrency as usize).clamp(1, MAX_PER_ISOLATE);
        let starting =
            pool.isolates.iter().filter_map(|id| self.isolates.get(*id)).filter(|it| it.phase != Phase::Live);
        if starting.map(|it| each.saturating_sub(it.answering)).sum::<usize>() >= pool.waiting.len() {
            return;
        }
        let (tenant, version) = (pool.target.tenant.clone(), pool.target.version.clone());
        // Looked at again when one has booted or failed to.
        if self.isolates.booting_of(&tenant) >= MAX_BOOTING {
            return;
        }
        // Another isolate would not help against a share of the processor that is used up.
        if self.is_throttled(now) {
            self.pools.set_starving(id, true);
            return;
        }
        let most = self.settings.isolates as usize;
        // One tenant never works in all, or a flood of its requests would lock the others out.
        if self.isolates.busy_of(&tenant) >= if most >= 4 { most - most / 4 } else { most } {
            self.pools.set_starving(id, true);
            return;
        }
        // With a blank one ready the cold start comes first: ending an isolate takes its process time.
        let late = self.isolates.assigned() == most
            && self.isolates.spare(&tenant).is_some()
            && self.isolates.longest_idle(|isolate| isolate.pool.is_some()).is_some();
        if late {
            self.trim_at = Some(now + TRIM_DELAY);
        }
        while (!late && self.isolates.assigned() >= most)
            || self.isolates.memory() + MEMORY_PER_ISOLATE > self.settings.memory()
        {
            let Some(oldest) = self.isolates.longest_idle(|isolate| isolate.pool.is_some()) else {
                // A tab may always have one, whatever it counts.
                if self.isolates.assigned() == 0 {
                    break;
                }
                self.pools.set_starving(id, true);
                return;
            };
            self.end_isolate(now, oldest, &End::Idle);
        }
        self.pools.set_starving(id, false);
        let isolate = match self.isolates.spare(&tenant) {
            Some(spare) => spare,
            None => self.spawn(now, &tenant),
        };
        self.want_spare(now + SPARE_DELAY);
        if let Some(state) = self.isolates.get_mut(isolate) {
            state.pool = Some(id);
        }
        if let Some(pool) = self.pools.get_mut(id) {
            pool.isolates.push(isolate);
        }
        // The code travels while the isolate boots.
        if self.code.want(now, &version) {
            self.out.push_back(Output::FetchCode { hash: version });
        }
        self.try_start(now, isolate);
    }

    /// Ends idle isolates beyond the contributor's number.
    pub(super) fn trim(&mut self, now: Now) {
        if self.trim_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        while self.isolates.assigned() > self.settings.isolates as usize
            && let Some(oldest) = self.isolates.longest_idle(|isolate| isolate.pool.is_some())
        {
            self.end_isolate(now, oldest, &End::Idle);
        }
    }

    fn spawn(&mut self, now: Now, tenant: &str) -> IsolateId {
        let isolate = self.isolates.spawn(tenant, now);
        self.out.push_back(Output::Spawn { isolate, tenant: tenant.to_owned() });
        isolate
    }

    /// Looks at the spare at `at`, or earlier if that was planned.
    pub(super) fn want_spare(&mut self, at: Now) {
        self.spare_at = Some(self.spare_at.map_or(at, |planned| planned.min(at)));
    }

    /// Makes the spare isolate if it is missing and wanted.
    pub(super) fn make_spare(&mut self, now: Now) {
        self.spare_at = None;
        let wanted = self.draining.is_none() && self.links.values().any(|link| link.ready);
        if !wanted || self.isolates.spare(&self.spare_tenant).is_some() {
            return;
        }
        if self.isolates.spares() >= MAX_BLANKS
            && let Some(oldest) = self.isolates.longest_idle(|isolate| isolate.is_spare())
        {
            self.end_isolate(now, oldest, &End::Idle);
            self.spare_at = None;
        }
        let tenant = self.spare_tenant.clone();
        self.spawn(now, &tenant);
    }

    pub(super) fn on_booted(&mut self, now: Now, id: IsolateId) -> Result<(), &'static str> {
        let Some(isolate) = self.isolates.get_mut(id) else { return Ok(()) };
        if !matches!(isolate.phase, Phase::Booting(_)) {
            return Err("it booted twice");
        }
        isolate.phase = Phase::Blank;
        isolate.idle_since = now;
        isolate.clock.rest(now);
        self.boot_failures = 0;
        self.room_made = true;
        if isolate.pool.is_some() {
            self.hungry.extend(self.pools.with_waiting());
        }
        self.try_start(now, id);
        Ok(())
    }

    /// Sends the code if isolate and code are both there.
    fn try_start(&mut self, now: Now, id: IsolateId) {
        let Some(isolate) = self.isolates.get_mut(id).filter(|isolate| isolate.phase == Phase::Blank) else {
            return;
        };
        let Some(id_of_pool) = isolate.pool else { return };
        let Some(pool) = self.pools.get(id_of_pool) else { return };
        let version = &pool.target.version;
        if self.code.is_held(version) {
            isolate.phase = Phase::Loading(now + LOAD_LIMIT);
            isolate.limits = pool.limits;
            isolate.load_limit = self.settings.cpu_limit(&pool.limits);
            isolate.clock.watch(now);
            let memory_mb = pool.limits.memory_mb.min(self.settings.memory_mb);
            let limits = Limits { memory_mb, ..pool.limits };
            let message = ToIsolate::Start { target: pool.target.clone(), limits };
            self.out.push_back(Output::Isolate { isolate: id, message });
            // The requests travel with the code.
            self.serve_pool(now, id_of_pool);
        } else if self.code.want(now, version) {
            // Not asked for yet, or dropped for other code while the isolate booted.
            self.out.push_back(Output::FetchCode { hash: version.clone() });
        }
    }

    /// Code comes ahead of a request: the shell makes a bundle of it, as of one that it fetched.
    pub(super) fn on_pushed(&mut self, now: Now, hash: String, bundle: Bytes) {
        if self.code.pushed(now, &hash, &bundle) {
            self.out.push_back(Output::KeepCode { hash, bundle });
        }
    }

    pub(super) fn on_code(&mut self, now: Now, hash: &str, result: Result<usize, CodeError>) {
        let pools = self.pools.of_version(hash);
        let waiting: Vec<IsolateId> = pools
            .iter()
            .filter_map(|id| self.pools.get(*id))
            .flat_map(|pool| pool.isolates.clone())
            .collect();
        match result {
            Ok(chars) => match self.code.arrived(hash, chars) {
                Some(dropped) => {
                    self.out.extend(dropped.into_iter().map(|hash| Output::DropCode { hash }));
                    waiting.into_iter().for_each(|isolate| self.try_start(now, isolate));
                }
                None => self.out.push_back(Output::DropCode { hash: hash.to_owned() }),
            },
            Err(error) if self.code.failed(hash) => {
                // Isolates that have the code already are not concerned; the others are spares again.
                for id in waiting {
                    if let Some(isolate) = self.isolates.get_mut(id)
                        && matches!(isolate.phase, Phase::Booting(_) | Phase::Blank)
                        && let Some(pool) = isolate.pool.take().and_then(|pool| self.pools.get_mut(pool))
                    {
                        isolate.idle_since = now;
                        pool.isolates.retain(|other| *other != id);
                    }
                }
                let (code, reason) = match error {
                    CodeError::Unusable(reason) => (ResetCode::StartFailed, reason),
                    CodeError::Network(reason) => (ResetCode::Refused, reason),
                };
                pools.into_iter().for_each(|pool| self.fail_waiting(now, pool, code, &reason));
            }
            Err(_) => {}
        }
    }

    pub(super) fn on_started(&mut self, now: Now, id: IsolateId) -> Result<(), &'static str> {
        let Some(isolate) = self.isolates.get_mut(id) else { return Ok(()) };
        if !isolate.phase.is_loading() {
            return Err("it started what it was not given");
        }
        isolate.started(now);
        self.room_made = true;
        if let Some(pool) = isolate.pool {
            self.serve_pool(now, pool);
        }
        Ok(())
    }

    // ---- at the end of a turn ----

    /// Starts isolates that this turn showed to be needed.
    pub(super) fn settle_pools(&mut self, now: Now) {
        // Ending an idle isolate for one pool may concern another. Each round ends at least one; were that ever wrong, the
        // tab must not hang for it.
        for _ in 0..MAX_ROUNDS {
            if self.hungry.is_empty() && !self.room_made {
                break;
            }
            let mut pools = std::mem::take(&mut self.hungry);
            if std::mem::take(&mut self.room_made) {
                pools.extend_from_slice(self.pools.starving());
            }
            pools.dedup();
            pools.into_iter().for_each(|pool| self.grow(now, pool));
        }
    }

    /// Frames without isolates are removed, but that of the tenant whose spare is kept.
    pub(super) fn dispose_tenants(&mut self) {
        let kept = (!self.left).then_some(self.spare_tenant.as_str());
        for tenant in self.isolates.take_emptied(kept) {
            self.out.push_back(Output::Dispose { tenant });
        }
    }
}
