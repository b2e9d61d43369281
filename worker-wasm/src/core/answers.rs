//! What isolates say: answers on their way back, console lines, signs of life. All of it is untrusted; a message that
//! cannot be ends the isolate that sent it and touches no request of another.

use super::Core;
use super::ends::End;
use super::exchange::{Key, Response};
use super::io::{IsolateId, Output};
use super::isolates::{Isolate, Work};
use super::limits::{LOG_HOLD, WAIT_UNTIL};
use super::messages::{ErrorCode, FromIsolate, ToIsolate};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;
use tabmesh_protocol::{Now, ResetCode, ResponseHead, SendError};

/// What a request number means to us.
enum Named {
    /// The isolate holds it.
    Held(Work),
    /// It held it once; messages cross on the way.
    Past,
    /// It was never given out.
    Never,
}

/// Fine, or what the isolate did wrong.
pub(super) type Checked = Result<(), &'static str>;

impl Core {
    /// Takes one message. Those of an isolate that is gone are late and ignored.
    pub(super) fn on_isolate(&mut self, now: Now, isolate: IsolateId, message: FromIsolate) {
        if self.isolates.get(isolate).is_none() {
            return;
        }
        if let Err(wrong) = self.take_answer(now, isolate, message) {
            self.out.push_back(Output::Warn(format!("isolate {isolate} is ended: {wrong}")));
            self.end_isolate(now, isolate, &End::Hostile(wrong));
        }
    }

    fn take_answer(&mut self, now: Now, isolate: IsolateId, message: FromIsolate) -> Checked {
        match message {
            FromIsolate::Response { id, status, headers, has_body } => {
                let Some((key, Response::Waiting)) = self.answering(now, isolate, id)? else {
                    return self.expect_past(isolate, id, "a second response");
                };
                self.on_response(now, key, status, headers, has_body);
            }
            FromIsolate::Chunk { id, data } => match self.answering(now, isolate, id)? {
                Some((key, Response::Streaming)) => self.on_chunk(now, key, data)?,
                Some(_) => return Err("body without a response"),
                None => return self.expect_past(isolate, id, "body after the response"),
            },
            FromIsolate::End { id } => match self.answering(now, isolate, id)? {
                Some((key, Response::Streaming)) => {
                    self.send_body(now, key, Bytes::new(), true);
                    self.finish_response(now, key);
                }
                Some(_) => return Err("end without a response"),
                // A response that said it had no body may still be ended.
                None => {}
            },
            FromIsolate::Error { id, code, message, stack } => {
                if let Some((key, response)) = self.answering(now, isolate, id)? {
                    self.on_error(now, key, response, code, &join(&message, &stack));
                }
            }
            FromIsolate::Consumed { id, bytes } => {
                if let Named::Held(Work { key, .. }) = self.named(now, isolate, id)?
                    && self.exchanges.contains_key(&key)
                    && let Some(session) = self.session(key.0)
                {
                    session.consumed(now, key.1, bytes);
                }
            }
            FromIsolate::Done { id } => self.on_done(now, isolate, id)?,
            FromIsolate::Log { id, level, text } => self.on_log(now, isolate, id, level, &text)?,
            FromIsolate::Pong { n } => {
                let answered = |it: &mut Isolate| it.clock.answered(now, n, !it.work.is_empty());
                let busy = self.isolates.get_mut(isolate).map_or(Duration::ZERO, answered);
                self.charge(now, isolate, busy);
                // Its thread is free: requests may have waited for that.
                if let Some(pool) = self.isolates.get(isolate).and_then(|isolate| isolate.pool) {
                    self.serve_pool(now, pool);
                }
                if !busy.is_zero() {
                    self.hungry.extend(self.pools.with_waiting());
                }
            }
            FromIsolate::Spent { busy, bytes } => {
                if let Some(isolate) = self.isolates.get_mut(isolate) {
                    isolate.clock.report(busy);
                    isolate.bytes = bytes;
                }
                self.charge(now, isolate, busy);
                self.relieve(now);
            }
            FromIsolate::OutOfMemory { text } => self.end_isolate(now, isolate, &End::Memory(text)),
            FromIsolate::Booted => self.on_booted(now, isolate)?,
            FromIsolate::Started => self.on_started(now, isolate)?,
            FromIsolate::Failed { message, stack } => {
                if !self.is_loading(isolate) {
                    return Err("failed to load what it was not given");
                }
                self.end_isolate(now, isolate, &End::Failed(join(&message, &stack)));
            }
            FromIsolate::Call { id, message } => self.on_call(now, isolate, id, message)?,
            FromIsolate::Malformed(wrong) => return Err(wrong),
        }
        Ok(())
    }

    pub(super) fn is_loading(&self, isolate: IsolateId) -> bool {
        self.isolates.get(isolate).is_some_and(|isolate| isolate.phase.is_loading())
    }

    /// What `id` means; an error where it was never given out.
    fn named(&mut self, now: Now, isolate: IsolateId, id: u32) -> Result<Named, &'static str> {
        let Some(isolate) = self.isolates.get_mut(isolate) else { return Ok(Named::Past) };
        match name(isolate, id) {
            Named::Never => Err("a request that it never got"),
            Named::Past if !isolate.nuisance(now) => Err("too many messages about requests that are over"),
            named => Ok(named),
        }
    }

    /// The exchange of `id` if its response is not finished, and how far that is.
    fn answering(
        &mut self,
        now: Now,
        isolate: IsolateId,
        id: u32,
    ) -> Result<Option<(Key, Response)>, &'static str> {
        let Named::Held(Work { key, answered: None, .. }) = self.named(now, isolate, id)? else {
            return Ok(None);
        };
        Ok(self.exchanges.get(&key).map(|exchange| (key, exchange.response)))
    }

    /// A message that is fine only if the request is over for us already.
    fn expect_past(&self, isolate: IsolateId, id: u32, wrong: &'static str) -> Checked {
        match self.isolates.get(isolate).map(|isolate| name(isolate, id)) {
            Some(Named::Held(_)) => Err(wrong),
            _ => Ok(()),
        }
    }

    fn on_response(
        &mut self,
        now: Now,
        key: Key,
        status: u32,
        headers: Result<HeaderMap, &'static str>,
        has_body: bool,
    ) {
        let status =
            u16::try_from(status).ok().filter(|status| *status == 101 || (200..600).contains(status));
        let status = status.and_then(|status| StatusCode::from_u16(status).ok()).ok_or("status out of range");
        let head = status.and_then(|status| Ok(ResponseHead { status, headers: headers? }));
        let most = self.exchanges.get(&key).map_or(u64::MAX, |exchange| exchange.response_left);
        if has_body && head.as_ref().is_ok_and(|head| announced(head) > most) {
            return self.too_large(now, key);
        }
        let Some(session) = self.session(key.0) else { return };
        let sent = match head {
            Ok(head) => session.respond(key.1, &head, !has_body),
            Err(wrong) => return self.bad_response(now, key, wrong),
        };
        match sent {
            Ok(()) => {
                let Some(exchange) = self.exchanges.get_mut(&key) else { return };
                exchange.response = Response::Streaming;
                self.deadlines.remove(&(exchange.deadline, key));
                if !has_body {
                    self.finish_response(now, key);
                }
            }
            Err(error @ SendError::Head(_)) => self.bad_response(now, key, &error.to_string()),
            // The stream ended under us; its reset is on the way through the events.
            Err(_) => self.cancel(now, key, "the caller went away"),
        }
    }

    fn bad_response(&mut self, now: Now, key: Key, wrong: &str) {
        let reason = format!("the response cannot be sent: {wrong}");
        if let Some(exchange) = self.fail(now, key, ResetCode::BadResponse, &reason) {
            self.abort_work(now, &exchange, "the response cannot be sent");
        }
    }

    fn too_large(&mut self, now: Now, key: Key) {
        let reason = "the response body is larger than the handler's limit";
        if let Some(exchange) = self.fail(now, key, ResetCode::ResponseTooLarge, reason) {
            self.abort_work(now, &exchange, reason);
        }
    }

    fn on_chunk(&mut self, now: Now, key: Key, data: Bytes) -> Checked {
        let Some(exchange) = self.exchanges.get_mut(&key) else { return Ok(()) };
        if !exchange.take_credit(data.len()) {
            return Err("more body than it had credit for");
        }
        match exchange.response_left.checked_sub(data.len() as u64) {
            Some(left) => exchange.response_left = left,
            None => {
                self.too_large(now, key);
                return Ok(());
            }
        }
        if exchange.is_low() {
            self.low.push(key);
        }
        self.send_body(now, key, data, false);
        Ok(())
    }

    fn send_body(&mut self, now: Now, key: Key, data: Bytes, fin: bool) {
        let closed = self.session(key.0).is_none_or(|session| session.send(key.1, data, fin).is_err());
        if closed {
            self.cancel(now, key, "the caller went away");
        }
    }

    /// Gives the isolate as much credit as the session has room.
    pub(super) fn grant(&mut self, key: Key) {
        // Asking for room also orders the event that says when there is some, so ask only where it is needed.
        if !self.exchanges.get(&key).is_some_and(|exchange| exchange.is_low()) {
            return;
        }
        let Some(room) = self.session(key.0).map(|session| session.room(key.1)) else { return };
        let Some(exchange) = self.exchanges.get_mut(&key) else { return };
        let bytes = exchange.grant(room);
        if let Some((isolate, id)) = exchange.work.filter(|_| bytes > 0) {
            self.out.push_back(Output::Isolate { isolate, message: ToIsolate::Credit { id, bytes } });
        }
    }

    /// The response is complete.
    fn finish_response(&mut self, now: Now, key: Key) {
        let Some(exchange) = self.exchanges.get_mut(&key) else { return };
        self.served += 1;
        let work = exchange.work;
        if exchange.body_open {
            // `waitUntil` work may still read the request body: it stays open until DONE.
            exchange.response = Response::Ended;
            self.active -= 1;
        } else {
            self.close_exchange(key);
        }
        self.work_answered(now, work);
    }

    fn on_error(&mut self, now: Now, key: Key, response: Response, code: ErrorCode, reason: &str) {
        let code = match (response, code) {
            (Response::Waiting, ErrorCode::NoResponse) => ResetCode::NoResponse,
            (Response::Waiting, _) => ResetCode::Exception,
            _ => ResetCode::BodyFailed,
        };
        let work = self.fail(now, key, code, reason).and_then(|exchange| exchange.work);
        self.work_answered(now, work);
    }

    fn work_answered(&mut self, now: Now, work: Option<(IsolateId, u32)>) {
        let Some((id, request)) = work else { return };
        let Some(isolate) = self.isolates.get_mut(id) else { return };
        isolate.answered(now, request);
        self.answered.push((id, request));
        if let Some(pool) = isolate.pool {
            self.serve_pool(now, pool);
        }
    }

    fn on_done(&mut self, now: Now, isolate: IsolateId, id: u32) -> Checked {
        let Named::Held(Work { key, answered, .. }) = self.named(now, isolate, id)? else { return Ok(()) };
        if answered.is_none() {
            return Err("done without an answer");
        }
        let ended = |exchange: &super::Exchange| exchange.work == Some((isolate, id));
        if self.exchanges.get(&key).is_some_and(ended) {
            if let Some(session) = self.session(key.0) {
                session.stop(now, key.1);
            }
            self.close_exchange(key);
        }
        if let Some(work) = self.isolates.get_mut(isolate).and_then(|holder| holder.forget(id)) {
            self.costs.push((Some(isolate), work.key, work.cost(now)));
        }
        self.after_work(now, isolate);
        Ok(())
    }

    /// Requests that were answered in this turn and are not done: `waitUntil` work has a limit of its own.
    pub(super) fn settle_answered(&mut self, now: Now) {
        for (isolate, id) in std::mem::take(&mut self.answered) {
            if self.isolates.get(isolate).is_some_and(|isolate| isolate.work.contains_key(&id)) {
                self.lingering.push_back((now + WAIT_UNTIL, isolate, id));
            }
        }
        let held: usize = self.isolates.iter().map(|(_, isolate)| isolate.work.len()).sum();
        if self.lingering.len() > 2 * held + 1024 {
            let isolates = &self.isolates;
            self.lingering
                .retain(|(_, isolate, id)| isolates.get(*isolate).is_some_and(|it| it.work.contains_key(id)));
        }
    }

    /// Tells what the requests used that were done in this turn: only now is it known, for an isolate reports its busy time
    /// behind all else that it says.
    pub(super) fn tell_costs(&mut self) {
        for (_, (link, stream), cost) in std::mem::take(&mut self.costs) {
            if let Some(session) = self.session(link) {
                session.cost(stream, cost);
            }
        }
    }

    fn on_log(&mut self, now: Now, isolate: IsolateId, id: u32, level: u8, text: &str) -> Checked {
        let Some(source) = self.isolates.get_mut(isolate) else { return Ok(()) };
        let key = match id {
            0 => None,
            id => match name(source, id) {
                Named::Held(work) => Some(work.key),
                Named::Past => source.past(id),
                Named::Never => return Err("a request that it never got"),
            },
        };
        let on_its_link =
            key.map(|key| key.0).filter(|link| self.links.get(link).is_some_and(|link| link.ready));
        let any_link = || self.links.iter().find(|(_, link)| link.ready).map(|(id, _)| *id);
        let Some(link) = on_its_link.or_else(any_link).and_then(|id| self.links.get_mut(&id)) else {
            return if source.nuisance(now) { Ok(()) } else { Err("too many console lines") };
        };
        let Some(session) = &mut link.session else { return Ok(()) };
        if session.queued_control() >= LOG_HOLD {
            link.dropped_lines = link.dropped_lines.saturating_add(1);
            return if source.nuisance(now) { Ok(()) } else { Err("too many console lines") };
        }
        if link.dropped_lines > 0 {
            let lines = std::mem::take(&mut link.dropped_lines);
            session.log(
                None,
                2,
                &format!("{lines} console lines were dropped: more than the gateway could take"),
            );
        }
        session.log(on_its_link.and(key).map(|key| key.1), level, text);
        Ok(())
    }
}

/// The length that a head announces; 0 where it announces none.
fn announced(head: &ResponseHead) -> u64 {
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

fn name(isolate: &Isolate, id: u32) -> Named {
    match isolate.work.get(&id) {
        Some(work) => Named::Held(*work),
        None if id > 0 && id < isolate.next_request => Named::Past,
        None => Named::Never,
    }
}

/// Message and stack as one text: the message is the first line.
fn join(message: &str, stack: &str) -> String {
    if stack.is_empty() { message.to_owned() } else { format!("{message}\n{stack}") }
}
