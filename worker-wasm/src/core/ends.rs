//! The going of isolates. A request never waits for an isolate that will not come: each way an isolate can end says what
//! becomes of those who held on to it.

use super::Core;
use super::dispatch::OVERDUE;
use super::exchange::{Key, Response};
use super::io::{Cause, IsolateId, Output};
use super::isolates::{Isolate, Phase};
use super::limits::{CRASH_SUSPECT, MAX_SPARE_DELAY, SPARE_DELAY, WAIT_UNTIL};
use super::messages::ToIsolate;
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
    /// With its process, and nothing says that it was the cause.
    Crashed(String),
    /// A request's wall limit ran out.
    Overdue,
    /// It kept its thread busy for too long.
    Cpu,
    /// It holds, or wants, too much memory.
    Memory(String),
    /// Its code cannot be loaded: message and stack.
    Failed(String),
    /// It broke the rules.
    Hostile(&'static str),
}

/// What the requests of an isolate are told that could not load its code. Where the code is at fault, who waits would only
/// see the same. Nothing is remembered: the next request tries afresh.
fn start_failure(phase: Phase, end: &End) -> Option<ResetCode> {
    match end {
        _ if !phase.is_loading() => None,
        End::Failed(_) | End::Lost(_) | End::Hostile(_) => Some(ResetCode::StartFailed),
        End::Cpu => Some(ResetCode::CpuLimit),
        End::Memory(_) => Some(ResetCode::MemoryLimit),
        // Begun by none and perhaps another's doing: the gateway tries again, but not for ever.
        End::Crashed(_) => Some(ResetCode::Refused),
        End::Idle | End::Overdue => None,
    }
}

impl Core {
    pub(super) fn on_isolate_lost(&mut self, now: Now, id: IsolateId, reason: String, cause: Cause) {
        let Some(isolate) = self.isolates.get(id) else { return };
        let was_silent = isolate.clock.silent(now) >= CRASH_SUSPECT && !isolate.work.is_empty();
        let end = match cause {
            Cause::Memory => End::Memory(reason),
            Cause::Crash if was_silent => End::Memory(reason),
            Cause::Crash => End::Crashed(reason),
            Cause::Error => End::Lost(reason),
        };
        self.end_isolate(now, id, &end);
    }

    /// Counts busy time of an isolate, and ends it if that was too much.
    pub(super) fn charge(&mut self, now: Now, id: IsolateId, busy: Duration) {
        let busy = self.book(now, busy);
        self.share_cost(id, busy);
        if self.isolates.get_mut(id).is_some_and(|isolate| isolate.charge(now, busy)) {
            self.end_isolate(now, id, &End::Cpu);
        }
    }

    /// Shares busy time between the requests that it was for.
    fn share_cost(&mut self, id: IsolateId, busy: Duration) {
        let Some(isolate) = self.isolates.get_mut(id) else { return };
        let done = self.costs.iter_mut().filter(|(of, ..)| *of == Some(id)).map(|(.., cost)| cost);
        isolate.share_cost(busy, done.collect::<Vec<_>>().into_iter());
    }

    /// Books busy time on the whole tab. Gives what it would have been without strain.
    fn book(&mut self, now: Now, busy: Duration) -> Duration {
        let busy = self.strain.ease(busy);
        self.cpu += busy;
        self.throttle.charge(now, busy);
        busy
    }

    /// Ends idle isolates, the longest idle first, while the tab holds more memory than it may.
    pub(super) fn relieve(&mut self, now: Now) {
        while self.isolates.memory() > self.settings.memory()
            && let Some(oldest) = self.isolates.longest_idle(|isolate| isolate.pool.is_some())
        {
            self.end_isolate(now, oldest, &End::Idle);
        }
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
            pool.into_iter().for_each(|pool| self.serve_pool(now, pool));
            return;
        }
        if isolate.phase == Phase::Live {
            isolate.idle_since = now;
            isolate.clock.rest(now);
        }
        if let Some(pool) = pool {
            self.serve_pool(now, pool);
            // An isolate of an old version, with old limits, or worn, that is not wanted any more.
            let over = self.pools.get(pool).is_some_and(|pool| {
                let old = |isolate: &Isolate| {
                    isolate.phase == Phase::Live && (!isolate.fits(&pool.limits) || isolate.is_worn())
                };
                (!pool.current && pool.waiting.is_empty()) || self.isolates.get(id).is_some_and(old)
            });
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
        self.end_calls(now, id);
        let reason = match end {
            End::Idle => "the isolate was ended",
            End::Lost(reason) | End::Crashed(reason) | End::Failed(reason) | End::Memory(reason) => reason,
            End::Cpu => "it used more CPU time than it may",
            End::Overdue => "another request in the same isolate ran over its limit",
            End::Hostile(wrong) => wrong,
        };
        let unstarted = start_failure(isolate.phase, end);
        let overspent = if matches!(end, End::Cpu) { isolate.overspent(now) } else { Vec::new() };
        for (request, work) in &isolate.work {
            let told = self.costs.len();
            self.costs.push((None, work.key, work.cost(now)));
            let breach = match end {
                End::Memory(_) => Some(ResetCode::MemoryLimit),
                End::Cpu if overspent.contains(request) => Some(ResetCode::CpuLimit),
                _ => None,
            };
            let Some(exchange) = self.exchanges.get(&work.key).filter(|it| it.work == Some((id, *request)))
            else {
                // Its answer is out; only the developer's log can tell.
                if breach.is_some() {
                    let text = format!("waitUntil() work was ended with its isolate: {reason}");
                    self.log_about(work.key, &text);
                }
                continue;
            };
            if let Some(code) = unstarted {
                self.fail(now, work.key, code, reason);
                continue;
            }
            let late = exchange.response == Response::Waiting && exchange.deadline <= now;
            let untouched = isolate.phase.is_loading()
                || (exchange.response == Response::Waiting && isolate.is_untouched(*request));
            let (has_body, pool) = (exchange.has_body, exchange.pool);
            if exchange.response == Response::Ended {
                if let Some(session) = self.session(work.key.0) {
                    session.stop(now, work.key.1);
                }
                self.close_exchange(work.key);
            } else if untouched && !late {
                // Another isolate can answer as if nothing had been; a body that went there is lost.
                if has_body {
                    self.fail(now, work.key, ResetCode::Refused, reason);
                } else {
                    self.costs.truncate(told);
                    self.wait_again(now, work.key, pool);
                }
            } else if let Some(code) = breach {
                self.fail(now, work.key, code, reason);
            } else if late {
                self.fail(now, work.key, ResetCode::Timeout, OVERDUE);
            } else {
                self.fail(now, work.key, ResetCode::IsolateLost, reason);
            }
        }
        if let Some(pool) = isolate.pool {
            self.isolate_left_pool(now, id, pool, isolate.phase, end, reason);
        }
        let never_booted =
            matches!(isolate.phase, Phase::Booting(_)) && matches!(end, End::Lost(_) | End::Crashed(_));
        let mut delay = SPARE_DELAY;
        if never_booted {
            self.boot_failures = self.boot_failures.saturating_add(1);
            delay = (Duration::from_millis(100) * 2u32.pow(self.boot_failures.min(10))).min(MAX_SPARE_DELAY);
        }
        self.want_spare(now + delay);
        self.room_made = true;
        // Whoever waited for a thread or a boot to end.
        self.hungry.extend(self.pools.with_waiting());
    }

    /// A request that its isolate did not begin waits for another one.
    fn wait_again(&mut self, now: Now, key: Key, pool: PoolId) {
        if let Some(exchange) = self.exchanges.get_mut(&key) {
            exchange.work = None;
            exchange.credit = 0;
            self.pools.wait(now, pool, key);
        }
    }

    /// A line for the developer about a request that was answered already.
    fn log_about(&mut self, (link, stream): Key, text: &str) {
        if let Some(session) = self.session(link) {
            session.log(Some(stream), 3, text);
        }
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
        match (start_failure(phase, end), phase) {
            (Some(code), _) => self.fail_waiting(now, pool, code, reason),
            (None, Phase::Booting(_) | Phase::Blank) if alone => {
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
        for id in self.isolates.overdue(now, &self.spare_tenant, self.strain.factor()) {
            let Some(isolate) = self.isolates.get_mut(id) else { continue };
            if let Some(n) = isolate.clock.ask(now) {
                self.out.push_back(Output::Isolate { isolate: id, message: ToIsolate::Ping { n } });
            }
            let silent = isolate.silent_until(self.strain.factor()).is_some_and(|at| at <= now);
            let (phase, working) = (isolate.phase, !isolate.work.is_empty());
            if silent && (working || matches!(phase, Phase::Loading(_))) {
                let busy = isolate.clock.silent(now);
                let busy = self.book(now, busy);
                self.share_cost(id, busy);
                self.end_isolate(now, id, &End::Cpu);
                continue;
            }
            let over = self.isolates.is_over(now, id, &self.spare_tenant);
            if !silent && !over {
                continue;
            }
            let end = match phase {
                Phase::Booting(_) => End::Lost("it did not boot in time".to_owned()),
                Phase::Loading(_) => End::Lost("the code was not loaded within its time limit".to_owned()),
                _ if silent => End::Lost("the isolate does not respond".to_owned()),
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
}
