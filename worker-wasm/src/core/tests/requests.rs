//! Requests through the core: answers, bodies both ways, failures, limits.

use super::sim::*;
use crate::core::*;
use tabmesh_protocol::{Limits, RequestHead, ResetCode, Target};

#[test]
fn a_request_is_answered_and_a_warm_one_takes_one_message_each_way() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/hello");
    let got = &sim.got[&key];
    let cookies = got.head.as_ref().unwrap().headers.get_all("set-cookie").iter().count();
    assert_eq!((got.head.as_ref().unwrap().status.as_u16(), cookies, got.fin), (200, 2, true));
    assert!(sim.body(key).starts_with("hello from"));

    // Warm: count what passes.
    let link = sim.link();
    let stream =
        sim.sessions.get_mut(&link).unwrap().open(&head(target("hello", V1), "/hello"), true).unwrap();
    let request = sim.sessions.get_mut(&link).unwrap().poll_transmit().unwrap();
    sim.input(Input::ChannelMessage { link, message: request.into() });
    sim.core.finish_turn(sim.now);
    assert!(!sim.core.wants_transmit(link));
    let mut to_isolate = 0;
    let mut isolate = 0;
    while let Some(output) = sim.core.poll_output() {
        match output {
            Output::Isolate {
                isolate: id,
                message: ToIsolate::Request { .. } | ToIsolate::Credit { .. },
            } => {
                to_isolate += 1;
                isolate = id;
            }
            Output::State(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(to_isolate, 2, "request and credit, in one post");
    let answer =
        [response(2, 200, true), chunk(2, 5), FromIsolate::End { id: 2 }, FromIsolate::Done { id: 2 }];
    answer.into_iter().for_each(|message| sim.say(isolate, message));
    sim.core.finish_turn(sim.now);
    let message = sim.core.poll_transmit(sim.now, link, 0).unwrap();
    assert!(!sim.core.wants_transmit(link), "head, body and end share a message");
    assert!(!matches!(sim.core.poll_output(), Some(Output::Isolate { .. })), "no credit for what is over");
    sim.sessions.get_mut(&link).unwrap().handle_message(sim.now, message.into()).unwrap();
    sim.got.insert((link, stream), Got::default());
    sim.assert_empty();
}

#[test]
fn concurrent_cold_requests_share_one_fetch_and_one_isolate() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    let keys: Vec<_> = (0..20).map(|_| sim.open(&head(target("hello", V1), "/hello"), true)).collect();
    sim.settle();
    assert_eq!(sim.log.iter().filter(|line| line.starts_with("FetchCode")).count(), 1);
    sim.input(Input::Code { hash: V1.into(), result: Ok(10) });
    sim.settle();
    let first = sim.body(keys[0]).to_owned();
    assert!(keys.iter().all(|key| sim.body(*key) == first && sim.got[key].fin));
    // Held from now on.
    sim.get("other", V1, "/hello");
    assert_eq!(sim.log.iter().filter(|line| line.starts_with("FetchCode")).count(), 1);
    sim.assert_empty();
}

#[test]
fn the_code_is_fetched_while_the_isolate_boots() {
    let mut sim = Sim::joined();
    (sim.boot, sim.fetch) = (false, None);
    let wanted = head(Target { tenant: "other".into(), ..target("hello", V1) }, "/hello");
    let key = sim.open(&wanted, true);
    sim.settle();
    assert!(sim.log.iter().any(|line| line.starts_with("Spawn")));
    assert!(sim.log.iter().any(|line| line.starts_with("FetchCode")));
    sim.input(Input::Code { hash: V1.into(), result: Ok(10) });
    sim.settle();
    assert!(!sim.got[&key].fin);
    let isolate = sim.isolates.iter().find(|(_, fake)| fake.tenant == "other").map(|(id, _)| *id).unwrap();
    sim.boot = true;
    sim.say(isolate, FromIsolate::Booted);
    sim.settle();
    assert!(sim.got[&key].fin);
}

#[test]
fn large_bodies_stream_both_ways_within_credit() {
    let mut sim = Sim::joined();
    let size = 3_000_000;
    let key = sim.open(&head(target("hello", V1), "/echo"), false);
    let data: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
    sim.send(key, data.clone(), true);
    sim.settle();
    assert_eq!(sim.got[&key].body.len(), size);
    assert!(sim.got[&key].body == data && sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn a_body_that_comes_before_the_isolate_is_kept_in_order() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    let key = sim.open(&head(target("hello", V1), "/echo"), false);
    sim.send(key, b"one ".to_vec(), false);
    sim.settle();
    sim.send(key, b"two ".to_vec(), false);
    sim.send(key, b"three".to_vec(), true);
    sim.settle();
    sim.input(Input::Code { hash: V1.into(), result: Ok(10) });
    sim.settle();
    assert_eq!(sim.body(key), "one two three");
    sim.assert_empty();
}

#[test]
fn a_slow_caller_stops_the_isolate() {
    let mut sim = Sim::joined();
    sim.reading = false;
    let key = sim.get("hello", V1, "/stream");
    let (isolate, id) = sim.holder("/stream");
    sim.say(isolate, response(id, 200, true));
    let mut sent = 0;
    for _ in 0..1000 {
        let credit = sim.isolates[&isolate].jobs[&id].credit.min(10_000);
        if credit == 0 {
            break;
        }
        sim.isolates.get_mut(&isolate).unwrap().jobs.get_mut(&id).unwrap().credit -= credit;
        sim.say(isolate, chunk(id, credit));
        sent += credit;
        sim.settle();
    }
    assert!(sent < 600_000, "{sent}: the windows and the send buffer, not more");
    // It reads again: credit comes.
    sim.reading = true;
    let link = key.0;
    let unread = sim.got[&key].body.len();
    let now = sim.now;
    sim.sessions.get_mut(&link).unwrap().consumed(now, key.1, unread);
    sim.settle();
    assert!(sim.isolates[&isolate].jobs[&id].credit > 0);
    sim.say(isolate, FromIsolate::End { id });
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert_eq!(sim.got[&key].body.len(), sent);
    assert!(sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn a_full_channel_is_left_alone_until_it_has_room() {
    let mut sim = Sim::joined();
    let key = sim.open(&head(target("hello", V1), "/hello"), true);
    sim.buffered = limits::SEND_HIGH;
    sim.settle();
    assert!(sim.got[&key].head.is_none());
    sim.buffered = 0;
    sim.settle();
    assert!(sim.got[&key].fin);
}

#[test]
fn a_caller_that_goes_away_is_told_to_the_isolate_and_nothing_stays() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/hang");
    let (isolate, id) = sim.holder("/hang");
    let now = sim.now;
    sim.sessions.get_mut(&key.0).unwrap().reset(now, key.1, ResetCode::Cancelled, "");
    sim.settle();
    assert!(sim.isolates[&isolate].jobs[&id].aborted);
    // What it says late about the request is no crime.
    sim.say(isolate, response(id, 200, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.assert_clean();
    assert!(sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn a_handler_that_spins_on_after_its_caller_left_is_ended() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/hang");
    let (isolate, _) = sim.holder("/hang");
    let now = sim.now;
    sim.sessions.get_mut(&key.0).unwrap().reset(now, key.1, ResetCode::Cancelled, "");
    sim.frozen.push(isolate);
    sim.advance(limits::IDLE_BUSY + ms(50));
    assert!(!sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn a_caller_that_leaves_while_waiting_is_forgotten() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    let key = sim.get("hello", V1, "/hello");
    let now = sim.now;
    sim.sessions.get_mut(&key.0).unwrap().reset(now, key.1, ResetCode::Cancelled, "");
    sim.settle();
    sim.input(Input::Code { hash: V1.into(), result: Ok(10) });
    sim.assert_empty();
}

/// A request that may take a second.
fn short(path: &str) -> RequestHead {
    let limits = Limits { wall_ms: 1000, ..Limits::default() };
    RequestHead { limits, ..head(target("hello", V1), path) }
}

#[test]
fn the_wall_limit_ends_the_isolate_and_the_next_request_gets_a_fresh_one() {
    let mut sim = Sim::joined();
    let slow = sim.open(&short("/hang"), true);
    sim.settle();
    let (isolate, _) = sim.holder("/hang");
    sim.advance(ms(999));
    assert!(sim.isolates.contains_key(&isolate));
    sim.advance(ms(1));
    assert!(!sim.isolates.contains_key(&isolate));
    assert_eq!(sim.reset_code(slow), Some(ResetCode::Timeout));
    let key = sim.get("hello", V1, "/hello");
    assert_ne!(sim.body(key), format!("hello from {isolate}"));
    sim.assert_empty();
}

#[test]
fn the_wall_limit_of_one_request_is_not_the_end_of_its_neighbours() {
    let mut sim = Sim::joined();
    let slow = sim.open(&short("/hang"), true);
    let other = sim.open(&head(target("hello", V1), "/x"), true);
    sim.settle();
    let (isolate, hanging) = sim.holder("/hang");
    sim.advance(ms(1001));
    assert_eq!(sim.reset_code(slow), Some(ResetCode::Timeout));
    assert!(sim.isolates[&isolate].jobs[&hanging].aborted);
    let (same, id) = sim.holder("/x");
    assert_eq!(same, isolate);
    sim.say(isolate, response(id, 204, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&other].fin);
    sim.assert_empty();
}

#[test]
fn the_wall_limit_also_ends_a_wait() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    let key = sim.open(
        &RequestHead {
            limits: Limits { wall_ms: 1000, ..Limits::default() },
            ..head(target("hello", V1), "/hello")
        },
        true,
    );
    sim.advance(ms(1000));
    assert_eq!(sim.reset_code(key), Some(ResetCode::Timeout));
}

#[test]
fn a_response_may_stream_for_longer_than_the_limit() {
    let mut sim = Sim::joined();
    let key = sim.open(
        &RequestHead {
            limits: Limits { wall_ms: 1000, ..Limits::default() },
            ..head(target("hello", V1), "/sse")
        },
        true,
    );
    sim.settle();
    let (isolate, id) = sim.holder("/sse");
    sim.say(isolate, response(id, 200, true));
    for _ in 0..20 {
        sim.advance(ms(30_000));
        sim.say(isolate, chunk(id, 10));
        sim.settle();
    }
    assert_eq!(sim.got[&key].body.len(), 200);
    sim.say(isolate, FromIsolate::End { id });
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn failures_have_their_codes_message_and_stack() {
    for (code, before, after) in [
        (ErrorCode::Exception, ResetCode::Exception, ResetCode::BodyFailed),
        (ErrorCode::NoResponse, ResetCode::NoResponse, ResetCode::BodyFailed),
        (ErrorCode::Body, ResetCode::Exception, ResetCode::BodyFailed),
    ] {
        for headed in [false, true] {
            let mut sim = Sim::joined();
            let key = sim.get("hello", V1, "/x");
            let (isolate, id) = sim.holder("/x");
            if headed {
                sim.say(isolate, response(id, 200, true));
            }
            let (message, stack) = ("Error: boom".to_owned(), "at main.js:3:4".to_owned());
            sim.say(isolate, FromIsolate::Error { id, code, message, stack });
            sim.say(isolate, FromIsolate::Done { id });
            sim.settle();
            let expected = if headed { after } else { before };
            assert_eq!(sim.got[&key].reset, Some((expected, "Error: boom\nat main.js:3:4".to_owned())));
            assert!(sim.isolates.contains_key(&isolate), "an exception does not end the isolate");
            sim.assert_empty();
        }
    }
}

#[test]
fn a_response_that_cannot_be_sent_fails_alone() {
    for (status, headers) in [
        (100, Ok(Default::default())),
        (700, Ok(Default::default())),
        (70_000, Ok(Default::default())),
        (200, Err("not a header name")),
        (200, Ok([("x".parse().unwrap(), "y".repeat(62_000).parse().unwrap())].into_iter().collect())),
    ] {
        let mut sim = Sim::joined();
        let key = sim.get("hello", V1, "/x");
        let other = sim.get("hello", V1, "/y");
        let (isolate, id) = sim.holder("/x");
        sim.say(isolate, FromIsolate::Response { id, status, headers, has_body: true });
        sim.say(isolate, chunk(id, 100));
        sim.settle();
        assert_eq!(sim.reset_code(key), Some(ResetCode::BadResponse));
        assert!(sim.isolates[&isolate].jobs[&id].aborted);
        let (_, id) = sim.holder("/y");
        sim.say(isolate, response(id, 204, false));
        sim.say(isolate, FromIsolate::Done { id });
        sim.settle();
        assert!(sim.got[&other].fin);
        sim.assert_empty();
    }
}

#[test]
fn an_early_response_leaves_the_request_body_open_for_wait_until_work() {
    let mut sim = Sim::joined();
    let key = sim.open(&head(target("hello", V1), "/x"), false);
    sim.settle();
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 202, false));
    sim.settle();
    assert!(sim.got[&key].fin && !sim.got[&key].stopped);
    assert_eq!(sim.core.active, 0);
    sim.send(key, vec![1; 1000], false);
    sim.settle();
    sim.say(isolate, FromIsolate::Consumed { id, bytes: 1000 });
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&key].stopped, "the handler is done: no more body is wanted");
    sim.assert_empty();
}

#[test]
fn console_lines_carry_their_request_and_a_flood_is_counted() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    let line = |id, text: &str| FromIsolate::Log { id, level: 2, text: text.into() };
    sim.say(isolate, line(id, "mine"));
    sim.say(isolate, line(0, "nobody's"));
    sim.settle();
    assert_eq!(sim.logs, [(Some(key.1), 2, "mine".into()), (None, 2, "nobody's".into())]);
    for _ in 0..3000 {
        sim.say(isolate, line(id, "flood"));
    }
    sim.settle();
    sim.say(isolate, line(id, "later"));
    sim.settle();
    let lines = sim.logs.len() - 2;
    assert!((1000..1100).contains(&lines), "{lines}");
    assert!(sim.logs[sim.logs.len() - 2].2.contains("lines were dropped"));
    assert!(sim.isolates.contains_key(&isolate));
}
