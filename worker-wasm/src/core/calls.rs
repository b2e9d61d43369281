//! Calls of handlers to the gateway: outbound fetch and bindings. Each is a stream that this tab opens beside the one whose
//! request it serves, with credit both ways as responses have it. What a call means is the gateway's business.
//!
//! Bounded: [`MAX_CALLS`] streams a link, [`MAX_CALLS_PER_ISOLATE`] calls an isolate; those beyond the first wait here, without
//! bodies, for an isolate sends none before it has credit.

use super::Core;
use super::answers::Checked;
use super::exchange::Key;
use super::io::{IsolateId, LinkId, Output};
use super::limits::{MAX_CALLS_PER_ISOLATE, RESPONSE_WINDOW};
use super::messages::{CallRequest, FromCall, ToCall, ToIsolate};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;
use tabmesh_protocol::{CallHead, Event, Now, ResetCode, SendError, StreamId};

#[cfg(doc)]
use tabmesh_protocol::config::MAX_CALLS;

/// What names a call: isolates number their own.
type CallKey = (IsolateId, u32);

/// One call.
#[derive(Debug)]
struct Call {
    link: LinkId,
    /// The request that it is made for, as its isolate numbers it.
    parent: u32,
    state: State,
    /// More request body may come.
    body_open: bool,
    /// Bytes of request body that the isolate may still send.
    credit: usize,
}

#[derive(Debug)]
enum State {
    /// For a free stream.
    Waiting(Box<CallHead>),
    Open(StreamId),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    map: BTreeMap<CallKey, Call>,
    streams: HashMap<Key, CallKey>,
    /// In order; some may be over.
    waiting: VecDeque<CallKey>,
    /// A stream became free.
    freed: bool,
    /// Calls whose credit is to be looked at when the turn ends.
    low: Vec<CallKey>,
}

impl Calls {
    fn of(&self, isolate: IsolateId) -> impl Iterator<Item = (CallKey, &Call)> {
        self.map.range((isolate, 0)..=(isolate, u32::MAX)).map(|(key, call)| (*key, call))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.map.len().max(self.streams.len())
    }

    /// Takes a call out of the books; gives its stream, if it had one.
    fn remove(&mut self, key: CallKey) -> Option<Key> {
        let call = self.map.remove(&key)?;
        let State::Open(stream) = call.state else { return None };
        self.streams.remove(&(call.link, stream));
        self.freed = true;
        Some((call.link, stream))
    }
}

impl Core {
    /// An isolate says something about a call of its own.
    pub(super) fn on_call(&mut self, now: Now, isolate: IsolateId, id: u32, message: FromCall) -> Checked {
        let key = (isolate, id);
        if let FromCall::Open(request) = message {
            return self.open_call(now, key, *request);
        }
        let Some(holder) = self.isolates.get_mut(isolate) else { return Ok(()) };
        if id == 0 || id >= holder.next_call {
            return Err("a call that it never made");
        }
        let Some(call) = self.calls.map.get_mut(&key) else {
            // Ours crossed its on the way.
            return if holder.nuisance(now) {
                Ok(())
            } else {
                Err("too many messages about calls that are over")
            };
        };
        let stream = match call.state {
            State::Open(stream) => Some(stream),
            State::Waiting(_) => None,
        };
        match message {
            FromCall::Open(_) => {}
            FromCall::Chunk(data) => {
                let Some(left) = call.credit.checked_sub(data.len()).filter(|_| call.body_open) else {
                    return Err("more of a call's body than it had credit for");
                };
                call.credit = left;
                if left <= RESPONSE_WINDOW / 2 {
                    self.calls.low.push(key);
                }
                self.send_call_body(key, data, false);
            }
            FromCall::End => {
                if !std::mem::replace(&mut call.body_open, false) {
                    return Err("a call's body ended twice");
                }
                match &mut call.state {
                    // A body that came to nothing before there was a stream for it.
                    State::Waiting(_) => {}
                    State::Open(_) => self.send_call_body(key, Bytes::new(), true),
                }
            }
            FromCall::Consumed(bytes) => {
                let link = call.link;
                if let (Some(stream), Some(session)) = (stream, self.session(link)) {
                    session.consumed(now, stream, bytes);
                }
            }
            FromCall::Abort => self.drop_call(now, key),
        }
        Ok(())
    }

    fn open_call(&mut self, now: Now, key: CallKey, request: CallRequest) -> Checked {
        let (isolate, id) = key;
        let Some(holder) = self.isolates.get_mut(isolate) else { return Ok(()) };
        if id != holder.next_call {
            return Err("a call out of order");
        }
        holder.next_call = holder.next_call.checked_add(1).ok_or("too many calls")?;
        let parent = match holder.work.get(&request.parent) {
            Some(work) => Some(work.key),
            None => holder.past(request.parent),
        };
        let target = holder.pool.and_then(|pool| self.pools.get(pool)).map(|pool| pool.target.clone());
        let (Some((link, stream)), Some(target)) = (parent, target) else {
            return self.fail_new_call(
                now,
                key,
                "Disallowed operation called within global scope: it needs a request that it is made for.",
            );
        };
        if !self.links.get(&link).is_some_and(|link| link.ready) {
            return self.fail_new_call(now, key, "the gateway went away");
        }
        if self.calls.of(isolate).count() >= MAX_CALLS_PER_ISOLATE {
            return self.fail_new_call(now, key, "Too many calls at once.");
        }
        let CallRequest { binding, method, url, headers, has_body, .. } = request;
        let head = CallHead { target: target.into(), parent: stream, binding, method, url, headers };
        let state = State::Waiting(Box::new(head));
        let call = Call { link, parent: request.parent, state, body_open: has_body, credit: 0 };
        self.calls.map.insert(key, call);
        self.calls.waiting.push_back(key);
        self.calls.freed = true;
        Ok(())
    }

    /// A call that never was: it costs the isolate as a stray message does.
    fn fail_new_call(&mut self, now: Now, (isolate, id): CallKey, why: &str) -> Checked {
        if !self.isolates.get_mut(isolate).is_some_and(|isolate| isolate.nuisance(now)) {
            return Err("too many calls that cannot be made");
        }
        self.tell_call((isolate, id), ToCall::Failed(why.to_owned()));
        Ok(())
    }

    fn tell_call(&mut self, (isolate, id): CallKey, message: ToCall) {
        self.out.push_back(Output::Isolate { isolate, message: ToIsolate::Call { id, message } });
    }

    /// Ends a turn: waiting calls get streams, open ones credit.
    pub(super) fn settle_calls(&mut self) {
        for key in std::mem::take(&mut self.calls.low) {
            self.grant_call(key);
        }
        if !std::mem::take(&mut self.calls.freed) {
            return;
        }
        let mut blocked = VecDeque::new();
        while let Some(key) = self.calls.waiting.pop_front() {
            if !self.begin_call(key) {
                blocked.push_back(key);
            }
        }
        self.calls.waiting = blocked;
    }

    /// Gives a waiting call its stream; false while there is none.
    fn begin_call(&mut self, key: CallKey) -> bool {
        let Some(call) = self.calls.map.get_mut(&key) else { return true };
        let State::Waiting(head) = &call.state else { return true };
        let (link, has_body) = (call.link, call.body_open);
        let opened = match self.links.get_mut(&link).and_then(|link| link.session.as_mut()) {
            Some(session) => session.call(head, !has_body),
            None => return true,
        };
        match opened {
            Ok(stream) => {
                call.state = State::Open(stream);
                self.calls.streams.insert((link, stream), key);
                if has_body {
                    self.grant_call(key);
                }
            }
            Err(SendError::NotAccepting) => return false,
            Err(error) => {
                self.calls.map.remove(&key);
                self.tell_call(key, ToCall::Failed(error.to_string()));
            }
        }
        true
    }

    /// Gives the isolate as much credit as the session has room.
    fn grant_call(&mut self, key: CallKey) {
        let Some(call) = self.calls.map.get_mut(&key) else { return };
        let State::Open(stream) = call.state else { return };
        if !call.body_open || call.credit > RESPONSE_WINDOW / 2 {
            return;
        }
        let Some(session) = self.links.get_mut(&call.link).and_then(|link| link.session.as_mut()) else {
            return;
        };
        let bytes = session.room(stream).min(RESPONSE_WINDOW).saturating_sub(call.credit);
        if bytes > 0 {
            call.credit += bytes;
            self.tell_call(key, ToCall::Credit(bytes));
        }
    }

    /// What the gateway wants no more is dropped: its answer may still come.
    fn send_call_body(&mut self, key: CallKey, data: Bytes, fin: bool) {
        let Some(Call { link, state: State::Open(stream), .. }) = self.calls.map.get(&key) else { return };
        let (link, stream) = (*link, *stream);
        if let Some(session) = self.session(link) {
            let _ = session.send(stream, data, fin);
        }
    }

    /// Takes what a gateway says about a call; gives back what is not about one.
    pub(super) fn call_event(&mut self, now: Now, link: LinkId, event: Event) -> Option<Event> {
        let (Event::Response { id, .. }
        | Event::Data { id, .. }
        | Event::Reset { id, .. }
        | Event::Stopped { id }
        | Event::Writable { id }) = &event
        else {
            return Some(event);
        };
        // Ours are even; most events are about the gateway's.
        if id % 2 == 1 {
            return Some(event);
        }
        let key = self.calls.streams.get(&(link, *id)).copied()?;
        match event {
            Event::Response { head, fin, .. } => {
                self.tell_call(key, ToCall::Response { head: Rc::from(head), has_body: !fin });
                if fin {
                    self.drop_call(now, key);
                }
            }
            Event::Data { data, fin, .. } => {
                if !data.is_empty() {
                    self.tell_call(key, ToCall::Chunk(data));
                }
                if fin {
                    self.tell_call(key, ToCall::End);
                    self.drop_call(now, key);
                }
            }
            Event::Reset { reason, .. } => {
                self.calls.remove(key);
                self.tell_call(key, ToCall::Failed(reason));
            }
            Event::Writable { .. } => self.grant_call(key),
            // The answer may still come.
            _ => {}
        }
        None
    }

    /// Ends a call: nobody waits for more of it.
    fn drop_call(&mut self, now: Now, key: CallKey) {
        if let Some((link, stream)) = self.calls.remove(key)
            && let Some(session) = self.session(link)
        {
            session.reset(now, stream, ResetCode::Cancelled, "");
        }
    }

    /// A request was aborted: what was asked for it is wanted no more.
    pub(super) fn abandon_calls(&mut self, now: Now, isolate: IsolateId, request: u32, reason: &str) {
        let keys: Vec<_> =
            self.calls.of(isolate).filter(|(_, call)| call.parent == request).map(|(key, _)| key).collect();
        for key in keys {
            self.drop_call(now, key);
            self.tell_call(key, ToCall::Failed(reason.to_owned()));
        }
    }

    /// An isolate is gone.
    pub(super) fn end_calls(&mut self, now: Now, isolate: IsolateId) {
        let keys: Vec<_> = self.calls.of(isolate).map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.drop_call(now, key));
    }

    /// A link is gone.
    pub(super) fn calls_lost(&mut self, link: LinkId) {
        let keys: Vec<_> =
            self.calls.map.iter().filter(|(_, call)| call.link == link).map(|(key, _)| *key).collect();
        for key in keys {
            self.calls.remove(key);
            self.tell_call(key, ToCall::Failed("the gateway went away".to_owned()));
        }
    }
}
