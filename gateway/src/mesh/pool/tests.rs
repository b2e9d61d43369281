//! Who gets which tab, with tabs that have said hello and nothing else.

use super::entry::Entry;
use super::state::AFFINITY;
use super::*;
use crate::mesh::incoming::NoHost;
use crate::metrics::Lane;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Weak;
use std::time::Duration;
use tabmesh_protocol::Config;
use tabmesh_protocol::config::{MAX_TENANTS, PROTOCOL_VERSION};
use tabmesh_protocol::frame::Frame;
use tokio::task::JoinHandle;

fn hello(tab: &Arc<Tab>, streams: u32, tenants: &[&str]) {
    let payload = json!({
        "agent": "test", "max_streams": streams, "stream_window": 1, "connection_window": 1, "tenants": tenants,
    });
    let mut message = Vec::new();
    let frame = Frame::Hello { version: PROTOCOL_VERSION, payload: payload.to_string().into() };
    frame.encode(&mut message);
    tab.receive(message.into());
}

fn pool(queue: usize) -> Arc<Pool> {
    Pool::new(queue, Arc::default())
}

fn join(pool: &Arc<Pool>, id: TabId, streams: u32, tenants: &[&str]) -> Arc<Tab> {
    let watcher: Weak<dyn Watcher> = Arc::downgrade(&(Arc::clone(pool) as Arc<dyn Watcher>));
    let tab = Tab::new(
        id,
        format!("p{id}"),
        Lane::Own,
        Config::default(),
        Arc::default(),
        watcher,
        Arc::new(NoHost),
    );
    pool.add(&tab);
    hello(&tab, streams, tenants);
    tab
}

fn handler_of(name: &str, tenant: &str) -> Arc<Target> {
    Arc::new(Target { handler: name.into(), ..Target::clone(&target(tenant)) })
}

fn target(tenant: &str) -> Arc<Target> {
    Target { tenant: tenant.into(), handler: "hello".into(), version: "v".into() }.into()
}

async fn now(pool: &Arc<Pool>, tenant: &str) -> Result<Lease, NoTab> {
    pool.lease(&target(tenant), &[], Instant::now()).await
}

/// Lines up and is in the line when this returns.
async fn wait(pool: &Arc<Pool>, tenant: &str, tried: &[TabId]) -> JoinHandle<Result<Lease, NoTab>> {
    let queued = pool.metrics.queued.get();
    let (ours, target, tried) = (Arc::clone(pool), target(tenant), tried.to_vec());
    let deadline = Instant::now() + Duration::from_secs(5);
    let waiting = tokio::spawn(async move { ours.lease(&target, &tried, deadline).await });
    while pool.metrics.queued.get() == queued {
        tokio::task::yield_now().await;
    }
    waiting
}

async fn served(waiting: JoinHandle<Result<Lease, NoTab>>) -> Lease {
    tokio::time::timeout(Duration::from_secs(1), waiting).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_tab_that_names_tenants_serves_only_them() {
    let pool = pool(8);
    join(&pool, 1, 8, &["a", "b"]);
    assert_eq!(now(&pool, "a").await.unwrap().tab().id, 1);
    assert_eq!(now(&pool, "b").await.unwrap().tab().id, 1);
    assert_eq!(now(&pool, "c").await.err(), Some(NoTab::NoneJoined));
    let waiting = wait(&pool, "c", &[]).await;
    join(&pool, 2, 8, &[]);
    assert_eq!(served(waiting).await.tab().id, 2);
}

#[tokio::test]
async fn a_hello_with_too_many_tenants_breaks_the_protocol() {
    let pool = pool(8);
    let names: Vec<String> = (0..=MAX_TENANTS).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(!join(&pool, 1, 8, &names[1..]).is_closed());
    let tab = join(&pool, 2, 8, &names);
    assert!(tab.is_closed() && !tab.is_ready() && !tab.serves("t1"));
}

#[tokio::test]
async fn who_cannot_be_served_blocks_nobody() {
    let pool = pool(8);
    join(&pool, 1, 1, &["a"]);
    let held = now(&pool, "a").await.unwrap();
    let stranger = wait(&pool, "b", &[]).await;
    let tried = wait(&pool, "a", &[1]).await;
    let next = wait(&pool, "a", &[]).await;
    let last = wait(&pool, "a", &[]).await;
    drop(held);
    let held = served(next).await;
    assert!(!last.is_finished() && !stranger.is_finished() && !tried.is_finished());
    drop(held);
    drop(served(last).await);
    assert_eq!(pool.metrics.queued.get(), 2);
    join(&pool, 2, 1, &["a"]);
    assert_eq!(served(tried).await.tab().id, 2);
    join(&pool, 3, 1, &["b"]);
    assert_eq!(served(stranger).await.tab().id, 3);
    assert_eq!((pool.metrics.queued.get(), pool.outstanding()), (0, 0));
}

#[tokio::test]
async fn nobody_gets_in_before_those_who_wait() {
    let pool = pool(8);
    join(&pool, 1, 1, &[]);
    let held = now(&pool, "a").await.unwrap();
    let first = wait(&pool, "a", &[]).await;
    let second = wait(&pool, "b", &[]).await;
    drop(held);
    // The first has not run since, but the place is its own.
    assert_eq!(now(&pool, "a").await.err(), Some(NoTab::AllBusy));
    drop(served(first).await);
    drop(served(second).await);
    assert!(now(&pool, "a").await.is_ok());
}

#[tokio::test]
async fn a_flood_of_one_tenant_does_not_stand_before_another() {
    let pool = pool(64);
    join(&pool, 1, 3, &[]);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(now(&pool, "flood").await.unwrap());
    }
    let mut flood = Vec::new();
    for _ in 0..20 {
        flood.push(wait(&pool, "flood", &[]).await);
    }
    let quiet = wait(&pool, "quiet", &[]).await;
    held.pop();
    let quiet = served(quiet).await;
    assert!(flood.iter().all(|waiting| !waiting.is_finished()));
    // Its own turn comes with the next place, in its own order.
    held.pop();
    let first = served(flood.remove(0)).await;
    drop((quiet, first, held));
    for waiting in flood {
        drop(served(waiting).await);
    }
    assert_eq!((pool.outstanding(), pool.lock().places.len()), (0, 0));
}

#[tokio::test]
async fn where_tenants_share_a_tab_none_takes_its_last_quarter() {
    let pool = pool(0);
    join(&pool, 1, 8, &[]);
    // Alone, a tenant may have all.
    let alone: Vec<_> = [(); 8].into_iter().map(|()| now(&pool, "flood")).collect();
    let mut held = Vec::new();
    for lease in alone {
        held.push(lease.await.unwrap());
    }
    assert!(now(&pool, "quiet").await.is_err());
    drop(held);
    let mut held = Vec::new();
    while let Ok(lease) = now(&pool, "flood").await {
        held.push(lease);
    }
    assert_eq!(held.len(), 6);
    assert!(now(&pool, "quiet").await.is_ok());
}

#[tokio::test]
async fn a_place_for_somebody_who_left_goes_to_the_next() {
    let pool = pool(8);
    join(&pool, 1, 1, &[]);
    let held = now(&pool, "a").await.unwrap();
    let left = wait(&pool, "a", &[]).await;
    let handed = wait(&pool, "a", &[]).await;
    let last = wait(&pool, "a", &[]).await;
    left.abort();
    assert!(left.await.is_err());
    assert_eq!(pool.metrics.queued.get(), 2);
    drop(held);
    // It has its place by now, and goes without having looked.
    handed.abort();
    if let Ok(lease) = handed.await {
        drop(lease);
    }
    drop(served(last).await);
    assert_eq!((pool.metrics.queued.get(), pool.outstanding()), (0, 0));
}

#[tokio::test]
async fn a_tab_takes_no_more_than_it_said_and_then_all_at_once() {
    let pool = pool(8);
    join(&pool, 1, 0, &[]);
    assert_eq!(now(&pool, "a").await.err(), Some(NoTab::AllBusy));
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(wait(&pool, "a", &[]).await);
    }
    join(&pool, 2, 3, &[]);
    assert_eq!((pool.metrics.queued.get(), pool.outstanding()), (1, 3));
    let last = waiting.pop().unwrap();
    for waiting in waiting {
        drop(served(waiting).await);
    }
    drop(served(last).await);
}

#[tokio::test]
async fn in_a_full_line_a_flood_turns_away_its_own() {
    let pool = pool(4);
    let mut flood = Vec::new();
    for _ in 0..4 {
        flood.push(wait(&pool, "flood", &[]).await);
    }
    assert_eq!(now(&pool, "flood").await.err(), Some(NoTab::QueueFull));
    let quiet = {
        let (pool, deadline) = (Arc::clone(&pool), Instant::now() + Duration::from_secs(5));
        tokio::spawn(async move { pool.lease(&target("quiet"), &[], deadline).await })
    };
    let newest = flood.pop().unwrap();
    assert_eq!(newest.await.unwrap().err(), Some(NoTab::QueueFull));
    assert_eq!(now(&pool, "flood").await.err(), Some(NoTab::QueueFull));
    join(&pool, 1, 8, &[]);
    drop(served(quiet).await);
    for waiting in flood {
        drop(served(waiting).await);
    }
}

#[tokio::test]
async fn draining_turns_away_who_waits() {
    let pool = pool(8);
    let waiting = wait(&pool, "a", &[]).await;
    pool.drain();
    assert_eq!(waiting.await.unwrap().err(), Some(NoTab::Draining));
    assert_eq!(now(&pool, "a").await.err(), Some(NoTab::Draining));
}

/// What a look at every tab would give.
fn by_looking_at_all(pool: &Pool, target: &Target) -> Option<TabId> {
    let state = pool.lock();
    let entries = state.tabs.values().filter(|entry| {
        entry.has_room() && entry.has_room_for(&target.tenant, state.shared) && entry.suits(target, &[])
    });
    let rank = |entry: &&Entry| {
        let cold = if entry.holds(target) { 0 } else { AFFINITY };
        (entry.outstanding + cold, entry.outstanding, entry.tab.id)
    };
    entries.min_by_key(rank).map(|entry| entry.tab.id)
}

fn assert_filed(pool: &Pool) {
    let state = pool.lock();
    let filed =
        state.tabs.values().filter(|entry| entry.has_room()).map(|entry| (entry.outstanding, entry.tab.id));
    assert_eq!(filed.collect::<BTreeSet<_>>(), state.roomy);
}

#[tokio::test]
async fn the_pick_is_the_one_of_a_look_at_all_tabs() {
    let pool = pool(0);
    for id in 1..=24 {
        let tenants: &[&str] = if id % 5 == 0 { &["a"] } else { &[] };
        join(&pool, id, 2 + u32::try_from(id % 4).unwrap(), tenants);
    }
    let mut held: Vec<Lease> = Vec::new();
    // A sequence that wanders, the same in every run.
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 40).unwrap() % below
    };
    for turn in 0..4000 {
        let wanted = handler_of(&format!("h{}", random(90)), if random(3) == 0 { "a" } else { "b" });
        if !held.is_empty() && random(100) < if turn % 400 < 200 { 40 } else { 60 } {
            held.swap_remove(random(held.len()));
        } else {
            // The first request of another tenant changes the rules.
            pool.lock().notice(&wanted.tenant);
            let expected = by_looking_at_all(&pool, &wanted);
            let lease = pool.lease(&wanted, &[], Instant::now()).await.ok();
            assert_eq!(lease.as_ref().map(|lease| lease.tab().id), expected, "turn {turn}");
            held.extend(lease);
        }
        assert_filed(&pool);
    }
    drop(held);
    assert_filed(&pool);
    for id in 1..=24 {
        pool.remove(id);
    }
    let state = pool.lock();
    assert_eq!((state.roomy.len(), state.holders.targets()), (0, 0));
}

#[tokio::test]
async fn a_tab_that_takes_none_for_a_while_is_found_again() {
    let pool = pool(8);
    let tab = join(&pool, 1, 8, &[]);
    join(&pool, 2, 8, &[]);
    let drain = |draining| {
        let mut message = Vec::new();
        Frame::Drain { draining }.encode(&mut message);
        tab.receive(message.into());
    };
    drain(true);
    assert_eq!(now(&pool, "a").await.unwrap().tab().id, 2);
    assert_filed(&pool);
    drain(false);
    assert_filed(&pool);
    let other = handler_of("other", "a");
    let lease = pool.lease(&other, &[], Instant::now()).await.unwrap();
    assert_eq!(lease.tab().id, 1);
}

#[tokio::test]
async fn of_many_holders_all_get_their_turn() {
    let pool = pool(0);
    let tabs = 200;
    for id in 0..tabs {
        join(&pool, id, 8, &[]);
    }
    // As many at once as it takes to make all of them holders; then all idle again.
    let mut held = Vec::new();
    for _ in 0..tabs * 5 {
        held.push(now(&pool, "a").await.unwrap());
    }
    drop(held);
    let mut busy = Vec::new();
    for _ in 0..tabs {
        busy.push(now(&pool, "a").await.unwrap());
    }
    let used: BTreeSet<TabId> = busy.iter().map(|lease| lease.tab().id).collect();
    assert_eq!(used.len(), busy.len());
}
