//! Isolates that do not play by the rules.

use super::sim::*;
use crate::core::*;
use proptest::prelude::*;
use tabmesh_protocol::ResetCode;

/// An isolate and a request's number in it.
type Held = (IsolateId, u32);
/// A link and a request's number on it.
type Key = (LinkId, u64);

/// A tab with two isolates, each holding a request: the evil one's first.
fn two() -> (Sim, Held, Key, Held, Key) {
    let mut sim = Sim::joined();
    let victim = sim.get("good", V1, "/good");
    let good = sim.holder("/good");
    let suspect = sim.get("evil", V2, "/evil");
    let evil = sim.holder("/evil");
    assert_ne!(good.0, evil.0);
    (sim, evil, suspect, good, victim)
}

fn finish(sim: &mut Sim, (isolate, id): Held, key: Key) {
    for message in [response(id, 200, true), chunk(id, 3), FromIsolate::End { id }, FromIsolate::Done { id }]
    {
        sim.say(isolate, message);
    }
    sim.settle();
    assert_eq!(sim.got[&key].body, [7; 3]);
    assert!(sim.got[&key].fin);
}

#[test]
fn each_crime_ends_the_isolate_and_nothing_else() {
    let error = |id| FromIsolate::Error {
        id,
        code: ErrorCode::Exception,
        message: String::new(),
        stack: String::new(),
    };
    let crimes: Vec<(&str, Vec<FromIsolate>)> = vec![
        ("a stranger's number", vec![response(99, 200, false)]),
        ("number zero", vec![FromIsolate::Done { id: 0 }]),
        ("a log for a stranger", vec![FromIsolate::Log { id: 99, level: 1, text: String::new() }]),
        ("body without a head", vec![chunk(1, 1)]),
        ("end without a head", vec![FromIsolate::End { id: 1 }]),
        ("two heads", vec![response(1, 200, true), response(1, 200, true)]),
        ("a head after the end", vec![response(1, 200, false), response(1, 200, false)]),
        ("body after the end", vec![response(1, 200, false), chunk(1, 1)]),
        ("body after an error", vec![error(1), chunk(1, 1)]),
        ("more than its credit", vec![response(1, 200, true), chunk(1, limits::RESPONSE_WINDOW + 1)]),
        ("done without an answer", vec![FromIsolate::Done { id: 1 }]),
        ("done in the middle", vec![response(1, 200, true), FromIsolate::Done { id: 1 }]),
        ("booted twice", vec![FromIsolate::Booted]),
        ("started twice", vec![FromIsolate::Started]),
        ("failed late", vec![FromIsolate::Failed { message: String::new(), stack: String::new() }]),
        ("nonsense", vec![FromIsolate::Malformed("nonsense")]),
    ];
    for (crime, messages) in crimes {
        let (mut sim, evil, suspect, good, victim) = two();
        messages.into_iter().for_each(|message| sim.say(evil.0, message));
        sim.settle();
        assert!(!sim.isolates.contains_key(&evil.0), "{crime}");
        let got = &sim.got[&suspect];
        assert!(got.reset.is_some() || got.fin, "{crime}");
        // What a dead isolate says is not heard.
        sim.say(evil.0, response(1, 200, false));
        finish(&mut sim, good, victim);
        sim.assert_empty();
    }
}

#[test]
fn what_is_merely_late_or_needless_is_no_crime() {
    let (mut sim, evil, suspect, ..) = two();
    let (isolate, id) = evil;
    for message in [
        response(id, 200, false),
        FromIsolate::End { id },
        FromIsolate::Consumed { id, bytes: usize::MAX },
        FromIsolate::Pong { n: 77 },
        FromIsolate::Error { id, code: ErrorCode::Body, message: String::new(), stack: String::new() },
        FromIsolate::Done { id },
        FromIsolate::Done { id },
        FromIsolate::End { id },
        chunk(id, 100),
        response(id, 200, true),
        FromIsolate::Log { id, level: 0, text: "late".into() },
    ] {
        sim.say(isolate, message);
    }
    sim.settle();
    assert!(sim.isolates.contains_key(&isolate));
    assert!(sim.got[&suspect].fin);
}

#[test]
fn endless_late_messages_end_the_isolate() {
    let (mut sim, (isolate, id), ..) = two();
    sim.say(isolate, response(id, 200, false));
    sim.say(isolate, FromIsolate::Done { id });
    for _ in 0..=limits::MAX_NUISANCE {
        sim.say(isolate, FromIsolate::Done { id });
    }
    sim.settle();
    assert!(!sim.isolates.contains_key(&isolate));
}

#[test]
fn a_console_flood_that_nobody_reads_is_bounded_and_ends_the_isolate() {
    let (mut sim, (isolate, id), suspect, good, victim) = two();
    sim.buffered = limits::SEND_HIGH;
    let mut lines = 0;
    while sim.isolates.contains_key(&isolate) {
        sim.say(isolate, FromIsolate::Log { id, level: 1, text: "x".repeat(1000) });
        lines += 1;
        if lines % 1000 == 0 {
            sim.settle();
        }
        assert!(lines < 2 * limits::MAX_NUISANCE);
        let queued =
            sim.core.links.values().filter_map(|link| link.session.as_ref()).map(|it| it.queued_control());
        assert!(queued.sum::<usize>() <= limits::LOG_HOLD + 10);
    }
    sim.buffered = 0;
    sim.settle();
    assert_eq!(sim.reset_code(suspect), Some(ResetCode::IsolateLost));
    finish(&mut sim, good, victim);
}

fn any_message() -> impl Strategy<Value = FromIsolate> {
    let id = 0u32..5;
    let text = "[a-z]{0,5}";
    let code = prop_oneof![
        Just(ErrorCode::Exception),
        Just(ErrorCode::NoResponse),
        Just(ErrorCode::Body),
        Just(ErrorCode::Aborted)
    ];
    prop_oneof![
        1 => Just(FromIsolate::Booted),
        1 => Just(FromIsolate::Started),
        1 => (text, text).prop_map(|(message, stack)| FromIsolate::Failed { message, stack }),
        6 => (id.clone(), 190u32..610, any::<bool>(), any::<bool>()).prop_map(|(id, status, good, has_body)| {
            let headers = if good { Ok(Default::default()) } else { Err("no header") };
            FromIsolate::Response { id, status, headers, has_body }
        }),
        6 => (id.clone(), prop_oneof![0usize..100, 0usize..200_000]).prop_map(|(id, len)| chunk(id, len)),
        4 => id.clone().prop_map(|id| FromIsolate::End { id }),
        3 => (id.clone(), code, text, text)
            .prop_map(|(id, code, message, stack)| FromIsolate::Error { id, code, message, stack }),
        3 => (id.clone(), any::<usize>()).prop_map(|(id, bytes)| FromIsolate::Consumed { id, bytes }),
        2 => (id.clone(), any::<u8>(), text).prop_map(|(id, level, text)| FromIsolate::Log { id, level, text }),
        4 => id.prop_map(|id| FromIsolate::Done { id }),
        1 => any::<u32>().prop_map(|n| FromIsolate::Pong { n }),
        1 => Just(FromIsolate::Malformed("x")),
    ]
}

proptest! {
    /// Whatever an isolate says, in whatever order, with callers that come and go: no panic, no trace in another
    /// isolate's request, the connection stays whole, and in the end nothing is left.
    #[test]
    fn any_messages_leave_the_others_alone(
        steps in proptest::collection::vec((0u8..10, any_message()), 0..60)
    ) {
        let (mut sim, evil, suspect, good, victim) = two();
        let (mut isolate, mut keys) = (evil.0, vec![suspect]);
        for (action, message) in steps {
            match action {
                0 => {
                    let key = sim.open(&head(target("evil", V2), "/evil"), keys.len() % 2 == 0);
                    if keys.len() % 2 == 1 {
                        sim.send(key, vec![1; 50_000], keys.len() % 3 == 0);
                    }
                    keys.push(key);
                }
                1 => {
                    let now = sim.now;
                    let (link, id) = keys[keys.len() / 2];
                    sim.sessions.get_mut(&link).unwrap().reset(now, id, ResetCode::Cancelled, "");
                }
                2 => sim.advance(ms(700)),
                3 => sim.settle(),
                _ => sim.say(isolate, message),
            }
            if !sim.isolates.contains_key(&isolate) {
                let next = sim.isolates.iter().rev().find(|(id, _)| **id != good.0);
                isolate = next.map_or(isolate, |(id, _)| *id);
            }
        }
        sim.settle();
        prop_assert_eq!(sim.sessions.len(), 1, "no violation towards the gateway");
        finish(&mut sim, good, victim);
        let now = sim.now;
        for (link, id) in keys {
            sim.sessions.get_mut(&link).unwrap().reset(now, id, ResetCode::Cancelled, "");
        }
        // Spinning isolates are found by their unanswered pings, stuck `waitUntil` work by its limit.
        sim.advance(limits::IDLE_TTL);
        sim.assert_empty();
    }
}
