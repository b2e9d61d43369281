//! Isolates: spares, loading, versions, eviction, `waitUntil`, ends.

use super::sim::*;
use crate::core::limits::*;
use crate::core::*;
use tabmesh_protocol::{Limits, RequestHead, ResetCode, Target};

#[test]
fn a_spare_is_kept_and_replaced_after_use() {
    let mut sim = Sim::joined();
    let spare = *sim.isolates.keys().next().unwrap();
    let key = sim.get("hello", V1, "/hello");
    assert_eq!(sim.body(key), format!("hello from {spare}"), "the spare only had to load code");
    assert_eq!(sim.isolates.len(), 1);
    sim.advance(SPARE_DELAY);
    assert_eq!(sim.isolates.len(), 2);
    // Without use it stays as it is.
    sim.advance(IDLE_TTL / 2);
    assert_eq!(sim.isolates.len(), 2);
    sim.assert_empty();
}

#[test]
fn code_that_cannot_load_fails_all_who_wait_and_is_tried_afresh() {
    let mut sim = Sim::joined();
    sim.load = Err("SyntaxError: boom".into());
    sim.fetch = None;
    let keys: Vec<_> = (0..3).map(|_| sim.open(&head(target("hello", V1), "/hello"), true)).collect();
    sim.settle();
    sim.input(Input::Code { hash: V1.into(), result: Ok(1) });
    sim.settle();
    for key in keys {
        let (code, reason) = sim.got[&key].reset.clone().unwrap();
        assert_eq!((code, reason.as_str()), (ResetCode::StartFailed, "SyntaxError: boom\nat main.js:1:2"));
    }
    sim.load = Ok(());
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn code_that_never_loads_is_ended() {
    let mut sim = Sim::joined();
    sim.load = Err(String::new());
    let key = sim.get("hello", V1, "/hello");
    sim.advance(LOAD_LIMIT);
    assert_eq!(sim.reset_code(key), Some(ResetCode::StartFailed));
    sim.load = Ok(());
    sim.assert_empty();
}

#[test]
fn missing_code_is_the_deploys_fault_and_a_network_failure_is_nobodys() {
    for (error, code) in [
        (CodeError::Unusable("404".into()), ResetCode::StartFailed),
        (CodeError::Network("down".into()), ResetCode::Refused),
    ] {
        let mut sim = Sim::joined();
        sim.fetch = Some(Err(error));
        let key = sim.get("hello", V1, "/hello");
        assert_eq!(sim.reset_code(key), Some(code));
        assert_eq!(sim.isolates.len(), 1, "the isolate is a spare again");
        sim.fetch = Some(Ok(1));
        let key = sim.get("hello", V1, "/hello");
        assert!(sim.got[&key].fin);
        sim.assert_empty();
    }
    let mut sim = Sim::joined();
    sim.fetch = None;
    let key = sim.get("hello", V1, "/hello");
    sim.advance(FETCH_LIMIT);
    assert_eq!(sim.reset_code(key), Some(ResetCode::Refused));
}

#[test]
fn an_isolate_that_ends_by_itself_takes_only_its_own_requests_along() {
    let mut sim = Sim::joined();
    let lost = sim.get("hello", V1, "/x");
    let (isolate, _) = sim.holder("/x");
    let kept = sim.get("other", V2, "/y");
    sim.input(Input::IsolateLost { isolate, reason: "out of memory".into(), cause: Cause::Error });
    sim.settle();
    assert_eq!(sim.got[&lost].reset, Some((ResetCode::IsolateLost, "out of memory".into())));
    let (other, id) = sim.holder("/y");
    sim.say(other, response(id, 200, false));
    sim.say(other, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&kept].fin);
    sim.assert_empty();
}

#[test]
fn an_isolate_that_does_not_boot_refuses_and_the_spare_backs_off() {
    let mut sim = Sim::idle();
    sim.boot = false;
    sim.settle();
    let key = sim.get("hello", V1, "/hello");
    let first = *sim.isolates.keys().next().unwrap();
    sim.input(Input::IsolateLost { isolate: first, reason: "no frame".into(), cause: Cause::Error });
    sim.settle();
    assert_eq!(sim.reset_code(key), Some(ResetCode::Refused));
    let mut spawned = 0;
    for _ in 0..60 {
        sim.advance(ms(1000));
        let ids: Vec<_> = sim.isolates.keys().copied().collect();
        for isolate in ids {
            spawned += 1;
            sim.input(Input::IsolateLost { isolate, reason: "no frame".into(), cause: Cause::Error });
        }
        sim.settle();
    }
    assert!((5..20).contains(&spawned), "{spawned} in a minute");
    sim.boot = true;
    sim.advance(MAX_SPARE_DELAY);
    assert!(sim.got.len() == 1 && sim.isolates.len() == 1);
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
}

#[test]
fn a_new_version_replaces_the_old_one() {
    let mut sim = Sim::joined();
    sim.get("hello", V1, "/hello");
    let idle = sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).map(|(id, _)| *id).unwrap();
    sim.get("hello", V2, "/hello");
    assert!(!sim.isolates.contains_key(&idle), "the old version's idle isolate is ended at once");
    // And back again, now with a busy one.
    let busy = sim.get("hello", V2, "/x");
    let (isolate, id) = sim.holder("/x");
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
    assert!(sim.isolates.contains_key(&isolate));
    sim.say(isolate, response(id, 200, false));
    sim.settle();
    assert!(sim.got[&busy].fin && sim.isolates.contains_key(&isolate), "waitUntil work may go on");
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(!sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn wait_until_work_has_thirty_seconds() {
    let mut sim = Sim::joined();
    sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 200, false));
    sim.advance(WAIT_UNTIL - ms(1));
    assert!(sim.isolates.contains_key(&isolate));
    sim.advance(ms(1));
    assert!(!sim.isolates.contains_key(&isolate));

    // One that serves others goes on until they are through.
    sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 200, false));
    sim.advance(WAIT_UNTIL / 2);
    sim.isolates.get_mut(&isolate).unwrap().jobs.clear();
    sim.get("hello", V1, "/sse");
    let (_, sse) = sim.holder("/sse");
    sim.say(isolate, response(sse, 200, true));
    sim.advance(WAIT_UNTIL * 4);
    assert!(sim.isolates.contains_key(&isolate));
    sim.say(isolate, FromIsolate::End { id: sse });
    sim.say(isolate, FromIsolate::Done { id: sse });
    sim.advance(WAIT_UNTIL);
    assert!(!sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn a_full_isolate_gets_a_second_one_beside_it() {
    let mut sim = Sim::joined();
    let limits = Limits { concurrency: 10, ..Limits::default() };
    for _ in 0..11 {
        sim.open(&RequestHead { limits, ..head(target("hello", V1), "/x") }, true);
    }
    sim.settle();
    let jobs: Vec<_> = sim.isolates.values().map(|fake| fake.jobs.len()).filter(|jobs| *jobs > 0).collect();
    assert_eq!(jobs, [10, 1]);
}

fn version(index: usize) -> String {
    format!("{index:064x}")
}

#[test]
fn the_longest_idle_isolate_makes_room() {
    let mut sim = Sim::joined();
    let most = Settings::default().isolates as usize;
    for index in 0..most {
        sim.get(&format!("h{index}"), &version(index), "/hello");
        sim.advance(ms(100));
    }
    sim.get("h0", &version(0), "/hello");
    sim.advance(ms(100));
    assert_eq!(sim.core.isolates.assigned(), most);
    sim.get("new", V1, "/hello");
    sim.advance(ms(100));
    assert_eq!(sim.core.isolates.assigned(), most);
    let held: Vec<_> =
        sim.isolates.values().filter_map(|fake| Some(fake.target.as_ref()?.handler.clone())).collect();
    assert!(held.contains(&"h0".into()) && !held.contains(&"h1".into()), "{held:?}");
    sim.assert_empty();
}

#[test]
fn when_all_are_busy_requests_wait_a_while_and_are_then_sent_elsewhere() {
    let mut sim = Sim::joined();
    for index in 0..(Settings::default().isolates as usize) {
        sim.get(&format!("h{index}"), &version(index), "/x");
    }
    let waiting = sim.get("new", V1, "/hello");
    assert!(sim.got[&waiting].reset.is_none());
    sim.advance(MAX_WAIT);
    assert_eq!(sim.reset_code(waiting), Some(ResetCode::Refused));
    // One gets its turn when an isolate becomes idle in time.
    let lucky = sim.get("new", V1, "/hello");
    sim.advance(MAX_WAIT / 2);
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 200, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&lucky].fin);
}

#[test]
fn the_queue_is_bounded() {
    let mut sim = Sim::joined();
    sim.fetch = None;
    // Two gateways, since one may only open 256 streams.
    sim.server_says(&tabmesh_protocol::signal::ServerMessage::PeerJoined {
        peer: tabmesh_protocol::signal::Peer {
            id: "g2".into(),
            role: tabmesh_protocol::signal::Role::Gateway,
        },
    });
    sim.settle();
    let links: Vec<_> = sim.sessions.keys().copied().collect();
    assert_eq!(links.len(), 2);
    for link in links {
        for _ in 0..200 {
            let wanted = head(target("hello", V1), "/hello");
            let id = sim.sessions.get_mut(&link).unwrap().open(&wanted, true).unwrap();
            sim.got.insert((link, id), Got::default());
        }
    }
    sim.settle();
    let refused = sim.got.values().filter(|got| got.reset.is_some()).count();
    assert_eq!(refused, 400 - MAX_WAITING);
    sim.input(Input::Code { hash: V1.into(), result: Ok(1) });
    sim.settle();
    assert_eq!(sim.got.values().filter(|got| got.fin).count(), MAX_WAITING);
    sim.assert_empty();
}

#[test]
fn tenants_have_isolates_of_their_own_and_their_frames_go_with_the_last() {
    let mut sim = Sim::joined();
    let wanted = head(Target { tenant: "acme".into(), ..target("hello", V1) }, "/hello");
    let key = sim.open(&wanted, true);
    sim.settle();
    assert!(sim.got[&key].fin);
    assert!(sim.isolates.values().any(|fake| fake.tenant == "acme" && fake.target.is_some()));
    let back = sim.get("hello", V1, "/hello");
    assert!(sim.got[&back].fin);
    sim.advance(IDLE_TTL * 2);
    assert!(sim.log.iter().any(|line| line.starts_with("Dispose") && line.contains("acme")));
    assert!(!sim.log.iter().any(|line| line.starts_with("Dispose") && line.contains("default")));
    sim.assert_empty();
}

#[test]
fn a_target_that_is_none_is_refused() {
    let mut sim = Sim::joined();
    for (tenant, version) in [("", V1), ("A", V1), ("a.b", V1), ("a", "11"), ("a", &V1.replace('1', "G"))] {
        let wanted = head(Target { tenant: tenant.into(), ..target("hello", version) }, "/hello");
        let key = sim.open(&wanted, true);
        sim.settle();
        assert_eq!(sim.reset_code(key), Some(ResetCode::Refused), "{tenant} {version}");
    }
    sim.assert_empty();
}
