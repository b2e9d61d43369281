//! What it costs to find a tab for a request and to give the place back: the pool alone, with tabs that have said hello and
//! carry nothing.

use divan::Bencher;
use futures_util::FutureExt;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tabmesh::mesh::incoming::NoHost;
use tabmesh::mesh::pool::{Lease, NoTab, Pool};
use tabmesh::mesh::tab::{Tab, Watcher};
use tabmesh::metrics::{Lane, Metrics};
use tabmesh_protocol::config::PROTOCOL_VERSION;
use tabmesh_protocol::frame::Frame;
use tabmesh_protocol::{Config, Hello, Target};

/// Longer than any run: nobody's wait ends by itself.
const WAIT: Duration = Duration::from_secs(3600);

fn main() {
    divan::main();
}

/// A pool of so many tabs, each with so many places.
fn pool(tabs: u64, places: u32) -> Arc<Pool> {
    let metrics = Arc::new(Metrics::default());
    let pool = Pool::new(10_000, Arc::clone(&metrics));
    let hello = Hello { max_streams: places, stream_window: 1, connection_window: 1, ..Hello::default() };
    let payload = serde_json::to_vec(&hello).expect("plain data becomes JSON").into();
    let mut message = Vec::new();
    Frame::Hello { version: PROTOCOL_VERSION, payload }.encode(&mut message);
    for id in 0..tabs {
        let watcher: Weak<dyn Watcher> = Arc::downgrade(&(Arc::clone(&pool) as Arc<dyn Watcher>));
        let tab = Tab::new(
            id,
            format!("p{id}"),
            Lane::Own,
            Config::default(),
            Arc::clone(&metrics),
            watcher,
            Arc::new(NoHost),
        );
        pool.add(&tab);
        tab.receive(message.clone().into());
    }
    pool
}

fn target() -> Arc<Target> {
    Target { tenant: "default".into(), handler: "hello".into(), version: "0".repeat(64) }.into()
}

/// A place for a request, and the place given back.
#[divan::bench(args = [1, 10, 100, 1000])]
fn lease_and_release(bencher: Bencher<'_, '_>, tabs: u64) {
    let (pool, target, deadline) = (pool(tabs, 256), target(), Instant::now() + WAIT);
    bencher.bench_local(|| {
        let lease = pool.lease(&target, &[], deadline).now_or_never();
        assert!(matches!(lease, Some(Ok(_))), "there is room");
    });
}

type Waiting = Pin<Box<dyn Future<Output = Result<Lease, NoTab>>>>;

/// Lines up for a place: in the line when this returns.
fn line_up(pool: &Arc<Pool>, target: &Arc<Target>) -> Waiting {
    let (pool, target, deadline) = (Arc::clone(pool), Arc::clone(target), Instant::now() + WAIT);
    let mut waiting: Waiting = Box::pin(async move { pool.lease(&target, &[], deadline).await });
    assert!(waiting.as_mut().now_or_never().is_none(), "there is no room");
    waiting
}

/// The only place there is goes to the first in a line of so many, and another lines up.
#[divan::bench(args = [1, 100, 1000])]
fn hand_over_in_line(bencher: Bencher<'_, '_>, line: usize) {
    // Waiting has a timer.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("no sockets");
    let _entered = runtime.enter();
    let (pool, target) = (pool(1, 1), target());
    let first = pool.lease(&target, &[], Instant::now() + WAIT).now_or_never();
    let mut lease = first.and_then(Result::ok);
    let mut waiting: VecDeque<_> = (0..line).map(|_| line_up(&pool, &target)).collect();
    bencher.bench_local(|| {
        drop(lease.take());
        let next = waiting.pop_front().and_then(FutureExt::now_or_never);
        lease = next.and_then(Result::ok);
        assert!(lease.is_some(), "it is the first one's turn");
        waiting.push_back(line_up(&pool, &target));
    });
}
