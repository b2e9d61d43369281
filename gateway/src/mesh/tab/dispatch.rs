//! What a tab's session tells, passed on to whom it concerns. Called under the tab's lock, so it only forwards.

use super::super::console::Console;
use super::super::exchange::{Failure, Piece};
use super::super::incoming::{Grant, Incoming};
use super::{State, Tab};
use crate::metrics::Carried;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tabmesh_protocol::config::MAX_TENANTS;
use tabmesh_protocol::{CallHead, Event, Hello, ResetCode, StreamId, Violation};

impl Tab {
    pub(super) fn dispatch(self: &Arc<Self>, state: &mut State) -> Result<(), Violation> {
        // Answers go last: whoever wakes by one then finds the body pieces that came with it.
        let mut answers = Vec::new();
        let mut result = Ok(());
        while let Some(event) = state.session.poll_event() {
            match event {
                Event::Ready(hello) => {
                    state.tells_costs = hello.costs;
                    result = self.greeted(hello);
                }
                Event::Call { id, head, fin } => self.called(state, id, head, fin),
                // Only gateways send these: the session refuses before we get here.
                Event::Request { .. } | Event::Code { .. } => {}
                Event::Response { id, head, fin } => {
                    if let Some(answer) =
                        state.exchanges.get_mut(&id).and_then(|exchange| exchange.ends.answer.take())
                    {
                        answers.push((answer, head, fin));
                    }
                    if fin {
                        state.end(id);
                    }
                }
                Event::Data { id, data, fin } => {
                    if let Some(exchange) = state.exchanges.get(&id) {
                        let _ = exchange.ends.body.send(Piece::Data(data, fin));
                    } else if let Some(call) = state.calls.get(&id) {
                        let _ = call.body.send(Piece::Data(data, fin));
                        continue;
                    }
                    if fin {
                        state.end(id);
                    }
                }
                Event::Reset { id, code, reason } => {
                    if let Some(exchange) =
                        state.exchanges.get_mut(&id).filter(|_| code == ResetCode::Refused)
                    {
                        // It never began, and no cost follows.
                        exchange.console.let_go();
                    }
                    if let Some(ends) = state.end(id) {
                        self.counts(Carried::failed);
                        ends.fail(Failure::Reset { code, reason });
                    } else {
                        // Dropped, it ends the task that serves the call.
                        state.calls.remove(&id);
                    }
                }
                Event::Stopped { id } | Event::Writable { id } => {
                    if let Some(exchange) = state.exchanges.get(&id) {
                        exchange.ends.writable.notify_one();
                    } else if let Some(call) = state.calls.get(&id) {
                        call.writable.notify_one();
                    }
                }
                Event::Draining(draining) => {
                    tracing::info!(tab = self.id, draining, "tab changed its mind");
                }
                Event::Log { stream, level, text } => match stream.and_then(|id| state.console(id)) {
                    Some(console) => console.line(&self.metrics, self.id, level, &text),
                    None => state.loose.line(self.id, level, &text),
                },
                Event::Cost { stream, cost } => {
                    let record = state.console(stream).and_then(|console| console.used(cost));
                    state.over.extend(record);
                }
                Event::Pong { load, round_trip } => {
                    self.metrics.round_trip.observe(round_trip.as_secs_f64());
                    self.carried.answered(load, round_trip);
                    tracing::trace!(tab = self.id, ?load, ?round_trip, "pong");
                }
            }
        }
        for (answer, head, fin) in answers {
            let _ = answer.send(Ok((*head, fin)));
        }
        result
    }

    /// A handler calls: admitted if the tab serves that code.
    fn called(self: &Arc<Self>, state: &mut State, id: StreamId, head: Box<CallHead>, fin: bool) {
        let refusal = match state.exchanges.get_mut(&head.parent) {
            Some(exchange) if exchange.console.labels.target == head.target => {
                match exchange.calls_left.checked_sub(1) {
                    Some(left) => {
                        exchange.calls_left = left;
                        let Console { labels, sight, .. } = &exchange.console;
                        Ok((labels.clone(), exchange.limits, Some(sight.clone())))
                    }
                    None => Err("Too many subrequests."),
                }
            }
            _ => {
                let recent = state.recent.get(&head.target, Instant::now());
                let sight = |parent| {
                    state.ended.iter().rev().find(|past| past.id == parent).map(|it| it.console.sight.clone())
                };
                let recent = recent.map(|(labels, limits)| (labels, limits, sight(head.parent)));
                recent.ok_or("the gateway knows of no request that this call could be for")
            }
        };
        match refusal {
            Ok((labels, limits, sight)) => {
                if let Some(sight) = &sight {
                    sight.stats.called();
                }
                let grant = Grant { labels, limits, memory: state.memory.clone(), sight };
                let (incoming, ends) = Incoming::new(id, grant, head, fin);
                state.calls.insert(id, ends);
                tokio::spawn(incoming.run(Arc::clone(self), Arc::clone(&self.host)));
            }
            Err(reason) => state.session.reset(self.epoch.elapsed(), id, ResetCode::Refused, reason),
        }
    }

    /// The tab said hello, once. Before this it has no capacity and serves nobody.
    fn greeted(&self, hello: Hello) -> Result<(), Violation> {
        if hello.tenants.len() > MAX_TENANTS {
            return Err(Violation::Malformed("hello names too many tenants"));
        }
        let Hello { agent, tenants, max_streams, .. } = hello;
        tracing::info!(tab = self.id, peer = self.peer, agent, ?tenants, "tab joined");
        // A session has one hello.
        let _ = self.tenants.set(tenants);
        let capacity = usize::try_from(max_streams.min(self.max_streams)).unwrap_or(usize::MAX);
        self.capacity.store(capacity, Ordering::Release);
        Ok(())
    }
}
