//! The coming and going of isolates: spares, code, starts, limits, ends. A request never waits for an isolate that will
//! not come: each way an isolate can end says what becomes of those who held on to it.

use super::Core;
use super::exchange::Response;
use super::io::{CodeError, IsolateId, Output, ToIsolate};
use super::isolates::Phase;
use super::limits::{
    LOAD_LIMIT, MAX_BLANKS, MAX_ISOLATES, MAX_PER_ISOLATE, MAX_SPARE_DELAY, SPARE_DELAY, WAIT_UNTIL,
};
use super::pools::PoolId;
use std::time::Duration;
use tabmesh_protocol::{Now, ResetCode};

/// Why an isolate ends.
#[derive(Debug)]
pub(super) enum End {
    /// Not needed any more.
    Idle,
    /// By itself, or it did not do what it must in time.
    Lost(String),
    /// A request's limit ran out.
    Overdue,
    /// Its code cannot be loaded: message and stack.
    Failed(String),
    /// It broke the rules.
    Hostile(&'static str),
}

impl Core {
    // ---- making ----

    /// Gives the pool one more isolate if its waiting requests need one.
    fn grow(&mut self, now: Now, id: PoolId) {
        let Some(pool) = self.pools.get(id) else { return };
        if pool.waiting.is_empty() {
            self.pools.tidy(id);
            return;
        }
        let starting =
            |isolate: &&IsolateId| self.isolates.get(**isolate).is_some_and(|it| it.phase != Phase::Live);
        let starting = pool.isolates.iter().filter(starting).count();
        if starting * MAX_PER_ISOLATE >= pool.waiting.len() {
            return;
        }
        let (tenant, version) = (pool.target.tenant.clone(), pool.target.version.clone());
        if self.isolates.assigned() >= MAX_ISOLATES {
            let Some(oldest) = self.isolates.longest_idle(|isolate| isolate.pool.is_some()) else {
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
        if self.code.want(now, &version) {
            self.out.push_back(Output::FetchCode { hash: version });
        }
        self.try_start(now, isolate);
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
        self.boot_failures = 0;
        self.room_made = true;
        self.try_start(now, id);
        Ok(())
    }

    /// Sends the code if isolate and code are both there.
    fn try_start(&mut self, now: Now, id: IsolateId) {
        let Some(isolate) = self.isolates.get_mut(id).filter(|isolate| isolate.phase == Phase::Blank) else {
            return;
        };
        let Some(pool) = isolate.pool.and_then(|pool| self.pools.get(pool)) else { return };
        if self.code.is_held(&pool.target.version) {
            isolate.phase = Phase::Loading(now + LOAD_LIMIT);
            let message = ToIsolate::Start { target: pool.target.clone() };
            self.out.push_back(Output::Isolate { isolate: id, message });
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

    pub(super) fn on_started(&mut self, id: IsolateId) -> Result<(), &'static str> {
        let Some(isolate) = self.isolates.get_mut(id) else { return Ok(()) };
        if !matches!(isolate.phase, Phase::Loading(_)) {
            return Err("it started what it was not given");
        }
        isolate.phase = Phase::Live;
        self.room_made = true;
        if let Some(pool) = isolate.pool {
            self.serve_pool(pool);
        }
        Ok(())
    }

    // ---- ending ----

    pub(super) fn on_isolate_lost(&mut self, now: Now, id: IsolateId, reason: String) {
        self.end_isolate(now, id, &End::Lost(reason));
    }

    /// Another version of the pool's handler is asked for from now on.
    pub(super) fn retire(&mut self, now: Now, id: PoolId) {
        let Some(pool) = self.pools.get(id) else { return };
        for isolate in pool.isolates.clone() {
            self.after_work(now, isolate);
        }
    }

    /// An isolate let go of a request; perhaps it is idle now.
    pub(super) fn after_work(&mut self, now: Now, id: IsolateId) {
        let Some(isolate) = self.isolates.get_mut(id) else { return };
        let pool = isolate.pool;
        if !isolate.work.is_empty() {
            pool.into_iter().for_each(|pool| self.serve_pool(pool));
            return;
        }
        if isolate.phase == Phase::Live {
            isolate.idle_since = now;
        }
        if let Some(pool) = pool {
            self.serve_pool(pool);
            // An old version's isolate that is not wanted any more.
            let over = self.pools.get(pool).is_some_and(|pool| !pool.current && pool.waiting.is_empty());
            if over && self.isolates.get(id).is_some_and(|isolate| isolate.work.is_empty()) {
                self.end_isolate(now, id, &End::Idle);
            }
        }
        self.room_made = true;
    }

    /// Ends an isolate, and settles every request that it held or that waited for it.
    pub(super) fn end_isolate(&mut self, now: Now, id: IsolateId, end: &End) {
        let Some(isolate) = self.isolates.remove(id) else { return };
        self.out.push_back(Output::Kill { isolate: id });
        let reason = match end {
            End::Idle => "the isolate was ended",
            End::Lost(reason) | End::Failed(reason) => reason,
            End::Overdue => "another request in the same isolate ran over its limit",
            End::Hostile(wrong) => wrong,
        };
        for (request, work) in &isolate.work {
            let Some(exchange) = self.exchanges.get(&work.key).filter(|it| it.work == Some((id, *request)))
            else {
                continue;
            };
            let late = exchange.response == Response::Waiting && exchange.deadline <= now;
            if exchange.response == Response::Ended {
                if let Some(session) = self.session(work.key.0) {
                    session.stop(now, work.key.1);
                }
                self.close_exchange(work.key);
            } else if late {
                self.fail(
                    now,
                    work.key,
                    ResetCode::Timeout,
                    "the handler did not answer within its time limit",
                );
            } else {
                self.fail(now, work.key, ResetCode::IsolateLost, reason);
            }
        }
        if let Some(pool) = isolate.pool {
            self.isolate_left_pool(now, id, pool, isolate.phase, end, reason);
        }
        let never_booted = matches!(isolate.phase, Phase::Booting(_)) && matches!(end, End::Lost(_));
        let mut delay = SPARE_DELAY;
        if never_booted {
            self.boot_failures = self.boot_failures.saturating_add(1);
            delay = (Duration::from_millis(100) * 2u32.pow(self.boot_failures.min(10))).min(MAX_SPARE_DELAY);
        }
        self.want_spare(now + delay);
        self.room_made = true;
    }

    fn isolate_left_pool(
        &mut self,
        now: Now,
        id: IsolateId,
        pool: PoolId,
        phase: Phase,
        end: &End,
        reason: &str,
    ) {
        let Some(state) = self.pools.get_mut(pool) else { return };
        state.isolates.retain(|other| *other != id);
        let alone = state.isolates.is_empty();
        match (phase, end) {
            // The code is at fault: who waits would only see the same. Nothing is remembered: the next request tries
            // afresh.
            (Phase::Loading(_), End::Failed(_) | End::Lost(_) | End::Hostile(_)) => {
                self.fail_waiting(now, pool, ResetCode::StartFailed, reason);
            }
            (Phase::Booting(_) | Phase::Blank, _) if alone => {
                self.fail_waiting(
                    now,
                    pool,
                    ResetCode::Refused,
                    &format!("no isolate could be made: {reason}"),
                );
            }
            _ => self.hungry.push(pool),
        }
        self.pools.tidy(pool);
    }

    // ---- time ----

    pub(super) fn overdue_isolates(&mut self, now: Now) {
        for id in self.isolates.overdue(now, &self.spare_tenant) {
            let Some(isolate) = self.isolates.get(id) else { continue };
            let end = match isolate.phase {
                Phase::Booting(_) => End::Lost("it did not boot in time".to_owned()),
                Phase::Loading(_) => End::Lost("the code was not loaded within its time limit".to_owned()),
                Phase::Live if isolate.probe.is_some_and(|(_, until)| until <= now) => {
                    End::Lost("the isolate does not respond".to_owned())
                }
                Phase::Blank | Phase::Live => End::Idle,
            };
            self.end_isolate(now, id, &end);
        }
        while let Some((_, id, request)) = self.lingering.pop_front_if(|(at, ..)| *at <= now) {
            let Some(isolate) = self.isolates.get(id).filter(|isolate| isolate.work.contains_key(&request))
            else {
                continue;
            };
            // Only `waitUntil` work is left, and all of it is over its limit.
            let over = |answered: Option<Now>| answered.is_some_and(|at| at + WAIT_UNTIL <= now);
            if isolate.work.values().all(|work| over(work.answered)) {
                self.end_isolate(now, id, &End::Idle);
            } else {
                self.lingering.push_back((now + WAIT_UNTIL, id, request));
            }
        }
    }

    // ---- at the end of a turn ----

    /// Starts isolates that this turn showed to be needed.
    pub(super) fn settle_pools(&mut self, now: Now) {
        // Ending an idle isolate for one pool may concern another; each round ends at least one, so this is short.
        while !self.hungry.is_empty() || self.room_made {
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
