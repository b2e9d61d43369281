//! Limits and settings: what a handler may use, and what the contributor allows.

use super::sim::*;
use crate::core::limits::{IDLE_BUSY, IDLE_PING, PING_EVERY};
use crate::core::*;
use http::HeaderMap;
use tabmesh_protocol::{Limits, RequestHead, ResetCode, Target};

fn limited(path: &str, limits: Limits) -> RequestHead {
    RequestHead { limits, ..head(target("hello", V1), path) }
}

fn spent(millis: u64, bytes: u64) -> FromIsolate {
    FromIsolate::Spent { busy: ms(millis), bytes }
}

const CPU: Limits = Limits {
    cpu_ms: 200,
    wall_ms: 30_000,
    memory_mb: 128,
    request_bytes: 1 << 20,
    response_bytes: 1000,
    concurrency: 64,
    subrequests: 50,
    log_bytes: 1000,
};

#[test]
fn a_spin_is_ended_soon_after_its_limit_and_only_what_it_never_let_begin_is_blamed() {
    let mut sim = Sim::joined();
    let waiting = sim.open(&limited("/x", CPU), true);
    sim.advance(ms(100));
    let (isolate, _) = sim.holder("/x");
    let spinning = sim.open(&limited("/spin", CPU), true);
    sim.settle();
    sim.frozen.push(isolate);
    sim.advance(ms(199));
    assert!(sim.isolates.contains_key(&isolate));
    sim.advance(PING_EVERY + ms(2));
    assert!(!sim.isolates.contains_key(&isolate));
    assert_eq!(sim.reset_code(spinning), Some(ResetCode::CpuLimit));
    assert_eq!(sim.reset_code(waiting), Some(ResetCode::IsolateLost));
    assert!(sim.core.cpu >= ms(200));
    let next = sim.get("hello", V1, "/hello");
    assert!(sim.got[&next].fin);
    sim.assert_empty();
}

#[test]
fn who_comes_while_a_thread_is_taken_goes_elsewhere_and_what_it_cannot_have_begun_starts_again() {
    let mut sim = Sim::joined();
    let spinning = sim.open(&limited("/spin", CPU), true);
    sim.settle();
    let (isolate, _) = sim.holder("/spin");
    sim.frozen.push(isolate);
    sim.advance(PING_EVERY + ms(1));
    // Too early to know: they go to the isolate that spins, behind a ping that it does not answer.
    let queued = sim.open(&limited("/hello", CPU), true);
    let with_body = sim.open(&limited("/x", CPU), false);
    sim.settle();
    sim.isolates.get_mut(&isolate).unwrap().jobs.clear();
    sim.advance(ms(110));
    let later = sim.open(&limited("/hello", CPU), true);
    sim.settle();
    assert!(sim.got[&later].fin, "another isolate");
    sim.got.get_mut(&queued).unwrap().body.clear();
    sim.advance(ms(200));
    assert!(!sim.isolates.contains_key(&isolate));
    assert_eq!(sim.reset_code(spinning), Some(ResetCode::CpuLimit));
    assert!(sim.got[&queued].fin && sim.reset_code(queued).is_none());
    assert_eq!(sim.reset_code(with_body), Some(ResetCode::Refused));
    sim.assert_empty();
}

#[test]
fn a_ping_that_left_with_the_request_excuses_nobody() {
    let mut sim = Sim::joined();
    let key = sim.open(&limited("/x", CPU), true);
    sim.advance(ms(1000));
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 204, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&key].fin);
    // The next ping of the idle isolate is due just now.
    let due = sim.core.isolates.get(isolate).unwrap().clock.due().unwrap();
    sim.now = due;
    sim.frozen.push(isolate);
    let spinning = sim.open(&limited("/spin", CPU), true);
    sim.input(Input::Timeout);
    sim.settle();
    sim.advance(ms(200) + PING_EVERY);
    assert_eq!(sim.reset_code(spinning), Some(ResetCode::CpuLimit));
    sim.assert_empty();
}

#[test]
fn no_more_threads_are_taken_than_there_are_cores() {
    let mut sim = Sim::joined();
    sim.input(Input::Settings(Settings { cores: 2, ..Settings::default() }));
    let limits = Limits { concurrency: 1, ..CPU };
    let keys: Vec<_> = (0..2).map(|_| sim.open(&limited("/spin", limits), true)).collect();
    sim.settle();
    let taken: Vec<_> =
        sim.isolates.iter().filter(|(_, fake)| !fake.jobs.is_empty()).map(|(id, _)| *id).collect();
    assert_eq!(taken.len(), 2);
    sim.frozen.extend(&taken);
    sim.advance(PING_EVERY + ms(101));
    let third = sim.open(&limited("/hello", limits), true);
    sim.settle();
    assert!(!sim.got[&third].fin, "it waits for a core");
    sim.advance(ms(100));
    assert!(keys.iter().all(|key| sim.reset_code(*key) == Some(ResetCode::CpuLimit)));
    assert!(sim.got[&third].fin);
    sim.assert_empty();
}

#[test]
fn a_flood_beyond_all_isolates_waits_for_those_that_start() {
    let mut sim = Sim::joined();
    let two = Limits { concurrency: 2, ..CPU };
    let keys: Vec<_> = (0..100).map(|_| sim.open(&limited("/x", two), true)).collect();
    sim.settle();
    // One tenant never works in all of them.
    let most = Settings::default().isolates as usize * 3 / 4;
    assert_eq!(sim.core.isolates.busy_of("default"), most);
    assert_eq!(sim.core.pools.waiting(), 100 - 2 * most);
    sim.advance(limits::MAX_WAIT + ms(1));
    let refused = keys.iter().filter(|key| sim.reset_code(**key) == Some(ResetCode::Refused)).count();
    assert_eq!(refused, 100 - 2 * most);
}

#[test]
fn busy_time_adds_up_over_turns_but_a_long_stream_may_use_half() {
    let mut sim = Sim::joined();
    let key = sim.open(&limited("/x", CPU), true);
    sim.settle();
    let (isolate, _) = sim.holder("/x");
    // 400 ms a second for half a minute.
    for _ in 0..30 {
        sim.say(isolate, spent(150, 0));
        sim.advance(ms(500));
        sim.say(isolate, spent(250, 0));
        sim.advance(ms(500));
    }
    // The wall limit, as no head came.
    assert_eq!(sim.reset_code(key), Some(ResetCode::Timeout));

    let key = sim.open(&limited("/x", CPU), true);
    sim.settle();
    let (isolate, _) = sim.holder("/x");
    for _ in 0..5 {
        sim.say(isolate, spent(50, 0));
        sim.advance(ms(10));
    }
    assert_eq!(sim.reset_code(key), Some(ResetCode::CpuLimit));
    assert!(!sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn requests_that_share_an_isolate_share_its_time() {
    let mut sim = Sim::joined();
    let keys: Vec<_> = (0..10).map(|_| sim.open(&limited("/x", CPU), true)).collect();
    sim.settle();
    let (isolate, _) = sim.holder("/x");
    sim.say(isolate, spent(1900, 0));
    sim.settle();
    assert!(keys.iter().all(|key| sim.reset_code(*key).is_none()));
    sim.say(isolate, spent(200, 0));
    sim.settle();
    assert!(keys.iter().all(|key| sim.reset_code(*key) == Some(ResetCode::CpuLimit)));
    sim.assert_empty();
}

#[test]
fn work_without_a_request_ends_the_isolate() {
    let mut sim = Sim::joined();
    sim.get("hello", V1, "/hello");
    let isolate = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    sim.frozen.push(isolate);
    sim.advance(IDLE_PING + IDLE_BUSY + ms(1));
    assert!(!sim.isolates.contains_key(&isolate));
    sim.assert_empty();
}

#[test]
fn top_level_code_that_spins_is_over_its_limit_too() {
    let mut sim = Sim::joined();
    sim.load = Err(String::new());
    let spare = *sim.isolates.keys().next().unwrap();
    sim.frozen.push(spare);
    let key = sim.open(&limited("/x", CPU), true);
    sim.advance(ms(200) + PING_EVERY + ms(2));
    assert_eq!(sim.reset_code(key), Some(ResetCode::CpuLimit));
    assert!(!sim.isolates.contains_key(&spare));
    sim.load = Ok(());
    sim.assert_empty();
}

#[test]
fn requests_that_came_with_the_code_do_not_pay_for_its_loading() {
    let mut sim = Sim::joined();
    sim.load = Err(String::new());
    let early = sim.open(&limited("/early", CPU), true);
    sim.settle();
    let isolate = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    sim.say(isolate, spent(150, 0));
    sim.load = Ok(());
    sim.say(isolate, FromIsolate::Started);
    sim.say(isolate, spent(150, 0));
    assert!(sim.isolates.contains_key(&isolate) && sim.reset_code(early).is_none());
    sim.say(isolate, spent(151, 0));
    sim.settle();
    assert_eq!(sim.reset_code(early), Some(ResetCode::CpuLimit));

    // Loading in many small turns has its limit, too, whoever comes meanwhile.
    sim.load = Err(String::new());
    let first = sim.open(&limited("/first", CPU), true);
    sim.settle();
    let isolate = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    sim.say(isolate, spent(150, 0));
    let second = sim.open(&limited("/second", CPU), true);
    sim.settle();
    sim.say(isolate, spent(100, 0));
    sim.settle();
    assert!(!sim.isolates.contains_key(&isolate));
    for key in [first, second] {
        assert_eq!(sim.reset_code(key), Some(ResetCode::CpuLimit));
    }
    sim.assert_empty();
}

#[test]
fn memory_ends_the_isolate_and_names_the_limit_however_it_is_noticed() {
    for notice in 0..3 {
        let mut sim = Sim::joined();
        let key = sim.get("hello", V1, "/x");
        let (isolate, _) = sim.holder("/x");
        let lost = |cause| Input::IsolateLost { isolate, reason: "gone".into(), cause };
        match notice {
            0 => sim.say(isolate, FromIsolate::OutOfMemory { text: "200 MiB".into() }),
            1 => sim.input(lost(Cause::Memory)),
            _ => {
                sim.frozen.push(isolate);
                sim.advance(ms(500));
                sim.input(lost(Cause::Crash));
            }
        }
        sim.settle();
        assert_eq!(sim.reset_code(key), Some(ResetCode::MemoryLimit), "{notice}");
        sim.frozen.clear();
        sim.isolates.retain(|id, _| sim.core.isolates.get(*id).is_some());
        sim.assert_empty();
    }
}

#[test]
fn a_renderer_that_crashes_beside_a_listening_isolate_is_not_its_fault() {
    let mut sim = Sim::joined();
    let key = sim.get("hello", V1, "/x");
    let (isolate, _) = sim.holder("/x");
    sim.advance(ms(100));
    sim.input(Input::IsolateLost { isolate, reason: "gone".into(), cause: Cause::Crash });
    sim.settle();
    assert_eq!(sim.reset_code(key), Some(ResetCode::IsolateLost));
}

#[test]
fn a_crash_beside_code_that_loads_is_not_its_fault_and_the_request_may_go_elsewhere() {
    let mut sim = Sim::joined();
    sim.load = Err(String::new());
    let key = sim.get("hello", V1, "/x");
    let isolate = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    sim.input(Input::IsolateLost { isolate, reason: "gone".into(), cause: Cause::Crash });
    sim.settle();
    assert_eq!(sim.reset_code(key), Some(ResetCode::Refused));
    sim.load = Ok(());
    sim.assert_empty();
}

#[test]
fn a_response_over_its_limit_is_cut_or_never_begun() {
    let mut sim = Sim::joined();
    let exact = sim.open(&limited("/x", CPU), true);
    sim.settle();
    let (isolate, id) = sim.holder("/x");
    sim.say(isolate, response(id, 200, true));
    sim.say(isolate, chunk(id, 1000));
    sim.settle();
    assert_eq!((sim.got[&exact].body.len(), sim.reset_code(exact)), (1000, None));
    sim.say(isolate, chunk(id, 1));
    sim.settle();
    assert_eq!(sim.reset_code(exact), Some(ResetCode::ResponseTooLarge));

    let known = sim.open(&limited("/x", CPU), true);
    sim.settle();
    let (isolate, id) = sim.holder("/x");
    let headers = [("content-length".parse().unwrap(), "1001".parse().unwrap())].into_iter().collect();
    sim.say(isolate, FromIsolate::Response { id, status: 200, headers: Ok(headers), has_body: true });
    sim.settle();
    assert!(sim.got[&known].head.is_none());
    assert_eq!(sim.reset_code(known), Some(ResetCode::ResponseTooLarge));
    sim.assert_empty();
}

#[test]
fn new_limits_of_the_same_code_mean_a_new_isolate() {
    let mut sim = Sim::joined();
    sim.get("hello", V1, "/hello");
    let old = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    let more = Limits { memory_mb: 256, ..Limits::default() };
    let key = sim.open(&limited("/hello", more), true);
    sim.settle();
    assert_ne!(sim.body(key), format!("hello from {old}"));
    assert!(!sim.isolates.contains_key(&old));
    sim.assert_empty();
}

#[test]
fn the_longest_idle_isolate_goes_under_memory_pressure() {
    let mut sim = Sim::joined();
    sim.input(Input::Settings(Settings { memory_mb: 100, ..Settings::default() }));
    for handler in ["a", "b", "c"] {
        sim.get(handler, V1, "/hello");
        sim.advance(ms(100));
    }
    let of = |sim: &Sim, name: &str| {
        let holds = |fake: &Fake| fake.target.as_ref().is_some_and(|target| target.handler == name);
        sim.isolates.iter().find(|(_, fake)| holds(fake)).map(|(id, _)| *id)
    };
    let c = of(&sim, "c").unwrap();
    sim.say(c, spent(0, 70 << 20));
    sim.settle();
    assert!(of(&sim, "a").is_none() && of(&sim, "b").is_some() && of(&sim, "c").is_some());
    // No room for one more beside it: the idle ones go first, then even it.
    sim.get("d", V1, "/hello");
    assert!(of(&sim, "b").is_none() && of(&sim, "d").is_some());
    assert!(sim.core.isolates.memory() <= 100 << 20);
    sim.assert_clean();
}

#[test]
fn a_share_of_the_processor_keeps_new_requests_waiting() {
    let mut sim = Sim::joined();
    sim.input(Input::Settings(Settings { cpu_share: 0.1, cores: 1, ..Settings::default() }));
    let first = sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    // 125 ms used at a tenth of a core: 25 ms were saved up, so the next may begin after 1 s.
    sim.say(isolate, spent(125, 0));
    sim.say(isolate, response(id, 204, false));
    sim.say(isolate, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&first].fin);
    let second = sim.get("hello", V1, "/hello");
    sim.advance(ms(950));
    assert!(!sim.got[&second].fin);
    sim.advance(ms(100));
    assert!(sim.got[&second].fin);
    // Who would wait for too long is sent elsewhere.
    sim.say(isolate, spent(900, 0));
    let third = sim.get("hello", V1, "/hello");
    sim.advance(ms(2100));
    assert_eq!(sim.reset_code(third), Some(ResetCode::Refused));
    sim.assert_empty();
}

#[test]
fn concurrency_isolates_and_tenants_are_the_contributors_to_set() {
    let mut sim = Sim::joined();
    sim.input(Input::Settings(Settings { concurrency: 2, isolates: 1, ..Settings::default() }));
    let a = sim.get("a", V1, "/x");
    let b = sim.get("b", V1, "/x");
    let c = sim.get("c", V1, "/x");
    assert_eq!(sim.reset_code(c), Some(ResetCode::Refused), "two at once");
    assert_eq!((sim.reset_code(a), sim.reset_code(b)), (None, None));
    assert_eq!(sim.core.isolates.assigned(), 1);
    sim.advance(ms(2100));
    assert_eq!(sim.reset_code(b), Some(ResetCode::Refused), "no isolate became free");

    let only = Settings { tenants: vec!["acme".into()], ..Settings::default() };
    let mut sim = Sim::with(only);
    sim.settle();
    let key = sim.get("hello", V1, "/hello");
    assert_eq!(sim.reset_code(key), Some(ResetCode::Refused));
    let wanted = head(Target { tenant: "acme".into(), ..target("hello", V1) }, "/hello");
    let key = sim.open(&wanted, true);
    sim.settle();
    assert!(sim.got[&key].fin);
}

#[test]
fn surroundings_hold_work_back_and_let_it_go_on() {
    let mut sim = Sim::joined();
    sim.input(Input::Settings(Settings { only_charging: true, ..Settings::default() }));
    sim.input(Input::Surroundings(Surroundings { charging: Some(false), metered: None }));
    sim.settle();
    assert_eq!(sim.state(), State::Paused);
    assert!(sim.states.last().unwrap().detail.contains("charge"));
    // The contributor's own pause stays when the reason goes.
    sim.input(Input::Pause);
    sim.input(Input::Surroundings(Surroundings { charging: Some(true), metered: None }));
    sim.settle();
    assert_eq!(sim.state(), State::Paused);
    sim.input(Input::Resume);
    sim.settle();
    assert_eq!(sim.state(), State::Ready);
    let key = sim.get("hello", V1, "/hello");
    assert!(sim.got[&key].fin);
    sim.assert_empty();
}

#[test]
fn an_isolate_that_has_worked_long_is_replaced_between_requests() {
    let mut sim = Sim::joined();
    sim.get("hello", V1, "/hello");
    let old = *sim.isolates.iter().find(|(_, fake)| fake.target.is_some()).unwrap().0;
    let streaming = sim.get("hello", V1, "/x");
    let (isolate, id) = sim.holder("/x");
    assert_eq!(isolate, old);
    sim.say(old, response(id, 200, true));
    for _ in 0..61 {
        sim.say(old, spent(1000, 0));
        sim.advance(ms(2000));
    }
    let key = sim.get("hello", V1, "/hello");
    assert_ne!(sim.body(key), format!("hello from {old}"));
    assert!(sim.isolates.contains_key(&old), "its stream goes on");
    sim.say(old, FromIsolate::End { id });
    sim.say(old, FromIsolate::Done { id });
    sim.settle();
    assert!(sim.got[&streaming].fin && !sim.isolates.contains_key(&old));
    sim.assert_empty();
}

#[test]
fn what_a_request_used_is_told_once_when_its_work_is_over() {
    let mut sim = Sim::joined();
    let (link, first) = sim.open(&limited("/x", CPU), true);
    let (_, second) = sim.open(&limited("/y", CPU), true);
    sim.advance(ms(10));
    let (isolate, one) = sim.holder("/x");
    sim.costs.clear();
    sim.say(isolate, spent(40, 0));
    sim.settle();
    assert_eq!(sim.costs, []);
    sim.advance(ms(20));
    // The report of a turn comes behind what was done in it, and is for that, too.
    for message in [
        FromIsolate::Response { id: one, status: 200, headers: Ok(HeaderMap::new()), has_body: false },
        FromIsolate::Done { id: one },
        spent(60, 0),
    ] {
        sim.say(isolate, message);
    }
    sim.settle();
    let [(stream, cost)] = sim.costs[..] else { panic!("{:?}", sim.costs) };
    assert_eq!((stream, cost.cpu), (first, 20_000 + 30_000));
    assert!(cost.ran >= 20_000 && cost.queued <= 10_000, "{cost:?}");
    sim.costs.clear();
    // Whoever is broken off has used something as well; a caller that goes away hears nothing of it.
    let now = sim.now;
    sim.sessions.get_mut(&link).unwrap().reset(now, second, ResetCode::Cancelled, "");
    sim.settle();
    let [(stream, cost)] = sim.costs[..] else { panic!("{:?}", sim.costs) };
    assert_eq!((stream, cost.cpu), (second, 50_000));
}

#[test]
fn a_spin_that_is_ended_has_used_its_time() {
    let mut sim = Sim::joined();
    let (_, stream) = sim.open(&limited("/spin", CPU), true);
    sim.settle();
    let (isolate, _) = sim.holder("/spin");
    sim.frozen.push(isolate);
    sim.costs.clear();
    sim.advance(ms(200) + PING_EVERY + ms(2));
    let [(told, cost)] = sim.costs[..] else { panic!("{:?}", sim.costs) };
    assert!(told == stream && (190_000..260_000).contains(&cost.cpu), "{cost:?}");
}
