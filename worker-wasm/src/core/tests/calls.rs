//! Calls of handlers to the gateway.

use super::sim::*;
use crate::core::*;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tabmesh_protocol::{ResetCode, ResponseHead, StreamId};

fn open(parent: u32, binding: &str, has_body: bool) -> FromCall {
    FromCall::Open(Box::new(CallRequest {
        parent,
        binding: binding.into(),
        method: Method::POST,
        url: "http://kv/key".into(),
        headers: HeaderMap::new(),
        has_body,
    }))
}

/// A tab with one isolate that works on one request: link, stream, isolate.
fn at_work() -> (Sim, LinkId, StreamId, IsolateId) {
    let mut sim = Sim::joined();
    let (link, stream) = sim.get("hello", V1, "/wait");
    sim.settle();
    let (isolate, _) = sim.holder("/wait");
    (sim, link, stream, isolate)
}

fn call(sim: &mut Sim, isolate: IsolateId, id: u32, message: FromCall) {
    sim.say(isolate, FromIsolate::Call { id, message });
    sim.settle();
}

fn heard(sim: &Sim, isolate: IsolateId) -> Vec<String> {
    let text = |(id, message): &(u32, ToCall)| match message {
        ToCall::Response { head, has_body } => format!("{id} {} {has_body}", head.status),
        ToCall::Chunk(data) => format!("{id} chunk {}", data.len()),
        ToCall::End => format!("{id} end"),
        ToCall::Failed(reason) => format!("{id} failed: {reason}"),
        ToCall::Credit(bytes) => format!("{id} credit {}", *bytes > 0),
    };
    sim.isolates[&isolate].calls.iter().map(text).collect()
}

fn ok() -> ResponseHead {
    ResponseHead { status: StatusCode::OK, headers: HeaderMap::new() }
}

#[test]
fn a_call_goes_out_with_its_body_and_its_answer_comes_back() {
    let (mut sim, link, stream, isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "KV", true));
    let called = &sim.called[0];
    assert_eq!((called.head.parent, &*called.head.binding), (stream, "KV"));
    assert_eq!(*called.head.target, target("hello", V1));
    assert_eq!(heard(&sim, isolate), ["1 credit true"]);
    call(&mut sim, isolate, 1, FromCall::Chunk(Bytes::from_static(b"value")));
    call(&mut sim, isolate, 1, FromCall::End);
    let theirs = called_stream(&sim, 0);
    assert_eq!(sim.got[&(link, theirs)].body, b"value");
    assert!(sim.got[&(link, theirs)].fin);
    let session = sim.sessions.get_mut(&link).unwrap();
    session.respond(theirs, &ok(), false).unwrap();
    session.send(theirs, Bytes::from_static(b"answer"), true).unwrap();
    sim.settle();
    assert_eq!(heard(&sim, isolate)[1..], ["1 200 OK true", "1 chunk 6", "1 end"]);
    assert_eq!(sim.core.calls.len(), 0);
    assert_eq!(sim.sessions[&link].open_streams(), 1, "the request itself");
}

fn called_stream(sim: &Sim, at: usize) -> StreamId {
    sim.called[at].stream
}

#[test]
fn more_calls_than_there_are_streams_wait_for_their_turn() {
    let (mut sim, link, _, isolate) = at_work();
    for id in 1..=6 {
        call(&mut sim, isolate, id, open(1, "", false));
    }
    assert_eq!(sim.called.len(), 4, "as many as the gateway allows");
    let first = called_stream(&sim, 0);
    sim.sessions.get_mut(&link).unwrap().respond(first, &ok(), true).unwrap();
    sim.settle();
    assert_eq!(sim.called.len(), 5);
    call(&mut sim, isolate, 2, FromCall::Abort);
    assert_eq!(sim.called.len(), 6);
    assert_eq!(sim.core.calls.len(), 4);
}

#[test]
fn calls_end_with_their_request_their_isolate_and_their_link() {
    let (mut sim, link, stream, isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "", false));
    let now = sim.now;
    sim.sessions.get_mut(&link).unwrap().reset(now, stream, ResetCode::Cancelled, "");
    sim.settle();
    assert_eq!(heard(&sim, isolate), ["1 failed: the caller went away"]);
    assert!(sim.got[&(link, called_stream(&sim, 0))].reset.is_some());

    let (mut sim, link, _, isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "", false));
    sim.say(isolate, FromIsolate::Malformed("hostile"));
    sim.settle();
    assert!(sim.got[&(link, called_stream(&sim, 0))].reset.is_some());
    assert_eq!(sim.core.calls.len(), 0);

    let (mut sim, link, _, isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "", false));
    sim.input(Input::ChannelClosed { link });
    sim.settle();
    assert!(heard(&sim, isolate)[0].starts_with("1 failed"));
    assert_eq!(sim.core.calls.len(), 0);
}

#[test]
fn what_calls_may_not_do_ends_the_isolate_or_fails() {
    let (mut sim, .., isolate) = at_work();
    call(&mut sim, isolate, 1, open(0, "", false));
    assert!(heard(&sim, isolate)[0].starts_with("1 failed: Disallowed operation"));
    call(&mut sim, isolate, 1, FromCall::End);
    assert!(sim.isolates.contains_key(&isolate), "late words are fine");
    for (id, message) in [(9, open(1, "", false)), (9, FromCall::End), (0, FromCall::Abort)] {
        let (mut sim, .., isolate) = at_work();
        call(&mut sim, isolate, id, message);
        assert!(!sim.isolates.contains_key(&isolate), "{id}");
    }
    let (mut sim, .., isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "", true));
    call(&mut sim, isolate, 1, FromCall::Chunk(vec![0; 10 << 20].into()));
    assert!(!sim.isolates.contains_key(&isolate), "more than its credit");
}

#[test]
fn a_failed_call_says_why() {
    let (mut sim, link, _, isolate) = at_work();
    call(&mut sim, isolate, 1, open(1, "", false));
    let (theirs, now) = (called_stream(&sim, 0), sim.now);
    sim.sessions.get_mut(&link).unwrap().reset(now, theirs, ResetCode::Refused, "no such host");
    sim.settle();
    assert_eq!(heard(&sim, isolate), ["1 failed: no such host"]);
}
