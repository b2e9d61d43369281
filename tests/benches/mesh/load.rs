//! The load generator: so many connections, each with one request under way at any time, for a given time. It runs on one
//! thread of its own, so that it takes the same from the machine whoever is measured.

use crate::http::Connection;
use crate::stats::Samples;
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Where requests go: an address and what is sent there.
#[derive(Clone, Debug)]
pub struct Target {
    /// Address and port.
    pub address: SocketAddr,
    /// The encoded request.
    pub request: Arc<[u8]>,
}

impl Target {
    /// A GET of `path`.
    pub fn get(address: SocketAddr, path: &str) -> Self {
        Self { address, request: crate::http::get(&address.to_string(), path).into() }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Of each answer: from the request's first byte to the answer's last.
    pub latencies: Samples,
    /// Answers a second over all connections.
    pub per_second: f64,
}

/// Loads the targets, in turn, with `connections` for `time`. An answer that is no 200 makes it an error: what fails is
/// not fast.
pub async fn run(targets: Vec<Target>, connections: usize, time: Duration) -> Result<Outcome> {
    let (done, result) = oneshot::channel();
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        let outcome = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(load(&targets, connections, time)));
        // Nobody waits any more only where the bench itself was given up.
        let _ = done.send(outcome);
    })?;
    result.await.context("the load's thread ended early")?
}

async fn load(targets: &[Target], connections: usize, time: Duration) -> Result<Outcome> {
    let mut open = Vec::with_capacity(connections);
    for target in targets.iter().cycle().take(connections) {
        let mut connection = Connection::open(target.address).await?;
        connection.call(&target.request).await?.ok()?;
        open.push((connection, Arc::clone(&target.request)));
    }
    let start = Instant::now();
    let end = start + time;
    let mut callers: JoinSet<Result<Vec<Duration>>> = JoinSet::new();
    for (mut connection, request) in open {
        callers.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 12);
            while Instant::now() < end {
                latencies.push(connection.call(&request).await?.ok()?.total);
            }
            Ok(latencies)
        });
    }
    let mut latencies = Vec::new();
    while let Some(caller) = callers.join_next().await {
        latencies.append(&mut caller??);
    }
    // To the last answer: whatever was begun in time is waited for.
    let seconds = start.elapsed().as_secs_f64();
    ensure!(!latencies.is_empty(), "no answer at all");
    #[expect(clippy::cast_precision_loss)]
    let per_second = latencies.len() as f64 / seconds;
    Ok(Outcome { latencies: latencies.into_iter().collect(), per_second })
}
