//! Requests on their way in: from a session's events to an isolate. Also their early ends: refused, overdue, cancelled.

use super::Core;
use super::ends::End;
use super::exchange::{Exchange, Key, Response};
use super::io::{IsolateId, LinkId, Output};
use super::isolates::Phase;
use super::limits::{DRAIN_GRACE, MAX_WAIT, MAX_WAITING, PING_NOISE, RESPONSE_WINDOW};
use super::messages::ToIsolate;
use super::pools::PoolId;
use bytes::Bytes;
use std::rc::Rc;
use std::time::Duration;
use tabmesh_protocol::bundle::is_hash;
use tabmesh_protocol::head::Target;
use tabmesh_protocol::{Cost, Event, Now, RequestHead, ResetCode, StreamId};

/// Whether a target can name an origin and a URL; a gateway checks names at deploy, so anything else is its fault.
fn is_valid(target: &Target) -> bool {
    let tenant = target.tenant.as_bytes();
    (1..=63).contains(&tenant.len())
        && tenant.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && is_hash(&target.version)
}

/// What a request's wall limit does, in a sentence.
pub(super) const OVERDUE: &str = "the handler did not answer within its time limit";

impl Core {
    /// Handles everything that a session has to tell.
    pub(super) fn take_events(&mut self, now: Now, link: LinkId) {
        while let Some(event) = self.session(link).and_then(|session| session.poll_event()) {
            let Some(event) = self.call_event(now, link, event) else { continue };
            match event {
                Event::Request { id, head, fin } => self.on_request(now, (link, id), head, fin),
                Event::Code { hash, bundle } => self.on_pushed(now, hash, bundle),
                Event::Data { id, data, fin } => self.on_data((link, id), data, fin),
                Event::Reset { id, .. } => self.cancel(now, (link, id), "the caller went away"),
                Event::Stopped { id } => self.on_stopped(now, (link, id)),
                Event::Writable { id } => self.grant((link, id)),
                Event::Ready(_) => self.link_ready(now, link),
                // Calls had theirs before; pings are answered in the session.
                Event::Draining(_)
                | Event::Call { .. }
                | Event::Response { .. }
                | Event::Log { .. }
                | Event::Cost { .. }
                | Event::Pong { .. } => {}
            }
        }
    }

    fn on_request(&mut self, now: Now, key: Key, head: Box<RequestHead>, fin: bool) {
        if let Some(link) = self.links.get_mut(&key.0) {
            link.on_request(now);
        }
        let refusal = if !is_valid(&head.target) || !self.settings.serves(&head.target.tenant) {
            Some((ResetCode::Refused, "the request names no version, or no tenant that this tab serves"))
        } else if self.draining.is_some_and(|since| now.saturating_sub(since) > DRAIN_GRACE) {
            Some((ResetCode::Refused, "the tab takes no requests now"))
        } else if self.active >= self.settings.concurrency as usize {
            Some((ResetCode::Refused, "the tab works on as many requests as its contributor allows"))
        } else if self.pools.waiting() >= MAX_WAITING {
            Some((ResetCode::Refused, "too many requests wait for an isolate in this tab"))
        } else {
            None
        };
        if let Some((code, reason)) = refusal {
            self.reset_stream(now, key, code, reason);
            return;
        }
        let (pool, retired) = self.pools.open(&head.target, &head.limits);
        for old in retired {
            self.retire(now, old);
        }
        if self.spare_tenant != head.target.tenant {
            self.spare_tenant.clone_from(&head.target.tenant);
        }
        let exchange = Exchange::new(now, pool, Rc::from(head), fin);
        self.deadlines.insert((exchange.deadline, key));
        self.exchanges.insert(key, exchange);
        self.active += 1;
        match self.pick(now, pool) {
            Some(isolate) => self.assign(now, key, isolate),
            None => {
                self.pools.wait(now, pool, key);
                self.hungry.push(pool);
            }
        }
    }

    /// An isolate of the pool with room: the first that was made, so that the others can become idle and end. One that
    /// still loads its code only where no other has any.
    fn pick(&mut self, now: Now, pool: PoolId) -> Option<IsolateId> {
        if self.is_throttled(now) {
            return None;
        }
        let pool = self.pools.get(pool)?;
        let isolates = || pool.isolates.iter().filter_map(|id| Some((*id, self.isolates.get(*id)?)));
        let live = isolates().any(|(_, isolate)| isolate.phase == Phase::Live);
        isolates()
            .find(|(_, it)| it.accepts(now, &pool.limits) && !(live && it.phase.is_loading()))
            .map(|(id, _)| id)
    }

    /// Whether the contributor's share of the processor is used up for now. Then it is looked at again in time.
    pub(super) fn is_throttled(&mut self, now: Now) -> bool {
        let until = self.throttle.closed_until(now);
        if until.is_some() {
            self.opens_at = until;
        }
        until.is_some()
    }

    /// Requests that waited for processor time go on when there is some.
    pub(super) fn open_throttle(&mut self, now: Now) {
        if self.opens_at.take_if(|at| *at <= now).is_some() {
            for pool in self.pools.with_waiting() {
                self.serve_pool(now, pool);
            }
        }
    }

    fn assign(&mut self, now: Now, key: Key, isolate: IsolateId) {
        let (Some(exchange), Some(taker)) = (self.exchanges.get_mut(&key), self.isolates.get_mut(isolate))
        else {
            return;
        };
        let arrived = exchange.deadline.saturating_sub(Duration::from_millis(exchange.limits.wall_ms.into()));
        let id = taker.take(now, key, arrived, self.settings.cpu_limit(&exchange.limits));
        exchange.work = Some((isolate, id));
        exchange.credit = RESPONSE_WINDOW;
        let mut tell = |message| self.out.push_back(Output::Isolate { isolate, message });
        tell(ToIsolate::Request { id, head: Rc::clone(&exchange.head), has_body: exchange.has_body });
        tell(ToIsolate::Credit { id, bytes: RESPONSE_WINDOW });
        for data in std::mem::take(&mut exchange.held) {
            tell(ToIsolate::Body { id, data });
        }
        if exchange.has_body && !exchange.body_open {
            tell(ToIsolate::BodyEnd { id });
        }
    }

    /// Gives waiting requests of the pool to isolates with room.
    pub(super) fn serve_pool(&mut self, now: Now, pool: PoolId) {
        if self.pools.waiting() == 0 {
            return;
        }
        while self.pools.get(pool).is_some_and(|pool| !pool.waiting.is_empty()) {
            let Some(isolate) = self.pick(now, pool) else {
                self.hungry.push(pool);
                return;
            };
            if let Some(key) = self.pools.next_waiting(pool) {
                self.assign(now, key, isolate);
            }
        }
        self.pools.set_starving(pool, false);
    }

    fn on_data(&mut self, key: Key, data: Bytes, fin: bool) {
        let Some(exchange) = self.exchanges.get_mut(&key) else { return };
        exchange.body_open &= !fin;
        match exchange.work {
            Some((isolate, id)) => {
                let mut tell = |message| self.out.push_back(Output::Isolate { isolate, message });
                if !data.is_empty() {
                    tell(ToIsolate::Body { id, data });
                }
                if fin {
                    tell(ToIsolate::BodyEnd { id });
                    if exchange.response == Response::Ended {
                        self.close_exchange(key);
                    }
                }
            }
            None if data.is_empty() => {}
            None => exchange.held.push(data),
        }
    }

    /// The gateway wants no more of our body. What it sends is of no use then either.
    fn on_stopped(&mut self, now: Now, key: Key) {
        if let Some(session) = self.session(key.0) {
            session.stop(now, key.1);
        }
        self.cancel(now, key, "the caller wants no more");
    }

    // ---- ends ----

    pub(super) fn reset_stream(
        &mut self,
        now: Now,
        (link, stream): (LinkId, StreamId),
        code: ResetCode,
        reason: &str,
    ) {
        if let Some(session) = self.session(link) {
            session.reset(now, stream, code, reason);
        }
    }

    /// Takes the exchange out of all books but its isolate's.
    pub(super) fn close_exchange(&mut self, key: Key) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&key)?;
        if exchange.response == Response::Waiting {
            self.deadlines.remove(&(exchange.deadline, key));
        }
        if exchange.response != Response::Ended {
            self.active -= 1;
        }
        if exchange.work.is_none() {
            self.costs.push((None, key, Cost::default()));
            self.pools.forget_waiting(exchange.pool, key);
        }
        Some(exchange)
    }

    /// Ends a request with a reason for the gateway; its isolate, if any, is not told.
    pub(super) fn fail(&mut self, now: Now, key: Key, code: ResetCode, reason: &str) -> Option<Exchange> {
        self.reset_stream(now, key, code, reason);
        self.close_exchange(key)
    }

    /// The caller is gone: the isolate is told.
    pub(super) fn cancel(&mut self, now: Now, key: Key, reason: &'static str) {
        if let Some(exchange) = self.close_exchange(key) {
            self.abort_work(now, &exchange, reason);
        }
    }

    /// Tells the isolate of a closed exchange that nobody wants the answer. It is forgotten there: an isolate says
    /// nothing more about an aborted request. If there was no head yet, its handler may be spinning: it is watched.
    pub(super) fn abort_work(&mut self, now: Now, exchange: &Exchange, reason: &'static str) {
        let Some((isolate, id)) = exchange.work else { return };
        let Some(holder) = self.isolates.get_mut(isolate) else { return };
        let Some(work) = holder.forget(id) else { return };
        self.costs.push((Some(isolate), work.key, work.cost(now)));
        self.out.push_back(Output::Isolate { isolate, message: ToIsolate::Abort { id, reason } });
        self.abandon_calls(now, isolate, id, reason);
        self.after_work(now, isolate);
        if let Some(holder) = self.isolates.get_mut(isolate) {
            holder.clock.watch(now);
        }
    }

    /// Whether the isolate works on other requests too, and listens; or has begun none: its code is still being loaded.
    fn is_shared(&self, now: Now, isolate: IsolateId) -> bool {
        self.isolates.get(isolate).is_some_and(|isolate| {
            let listens = isolate.clock.silent(now) <= 2 * PING_NOISE;
            isolate.phase.is_loading() || (isolate.work.len() > 1 && listens)
        })
    }

    /// Ends requests whose wall limit ran out. An isolate that works for others too only hears of it; one that does not,
    /// or does not listen, is ended.
    pub(super) fn overdue_requests(&mut self, now: Now) {
        while let Some((at, key)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, key));
            let Some(exchange) = self.exchanges.get(&key) else { continue };
            match exchange.work {
                Some((isolate, _)) if self.is_shared(now, isolate) => {
                    self.reset_stream(now, key, ResetCode::Timeout, OVERDUE);
                    self.cancel(now, key, OVERDUE);
                }
                Some((isolate, _)) => self.end_isolate(now, isolate, &End::Overdue),
                None => {
                    self.fail(
                        now,
                        key,
                        ResetCode::Timeout,
                        "the time limit ran out before an isolate was ready",
                    );
                }
            }
        }
    }

    /// Sends requests elsewhere that no isolate can be made for.
    pub(super) fn refuse_starved(&mut self, now: Now) {
        let Some(since) = now.checked_sub(MAX_WAIT) else { return };
        while let Some(key) = self.pools.starved(since) {
            self.fail(now, key, ResetCode::Refused, "no isolate became free in this tab");
        }
    }

    /// Ends all requests that wait in the pool.
    pub(super) fn fail_waiting(&mut self, now: Now, pool: PoolId, code: ResetCode, reason: &str) {
        for (_, key) in self.pools.take_waiting(pool) {
            self.fail(now, key, code, reason);
        }
        self.pools.tidy(pool);
    }
}
