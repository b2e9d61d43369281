//! A gateway with more and more responses under way at once that say nothing, each to a caller of its own, and small
//! requests beside them.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::growth::{self, Curve, Names};
use crate::load::run;
use crate::mesh::Mesh;
use crate::stage::{HELLO, Stage};
use crate::swarm::{Swarm, raise_open_files};
use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_tests::swarm::{ANSWER, HELD};
use tabmesh_tests::{LIMIT, examples};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const ROWS: &[Row] = &[
    Row::new("growth-streams-memory", "memory for one more held stream", "kB", "growth.streams.memory_last")
        .times("when few", "growth.streams.memory_before")
        .at_most(1.5),
    Row::new("growth-streams-idle", "idle CPU for one more held stream", "µs/s", "growth.streams.idle_last")
        .times("when few", "growth.streams.idle_before")
        .at_most(1.5),
    Row::new(
        "growth-streams-request",
        "gateway CPU for a request beside the most",
        "ms",
        "growth.streams.request_last",
    )
    .times("beside one", "growth.streams.request_first")
    .at_most(1.5),
];

const NAMES: Names = Names {
    memory: ["growth.streams.memory_last", "growth.streams.memory_before"],
    idle_cpu: ["growth.streams.idle_last", "growth.streams.idle_before"],
    request_cpu: ["growth.streams.request_last", "growth.streams.request_first"],
    step: ["growth.streams.step_last", "growth.streams.step_first"],
};

/// Each takes 256 streams, of which the last quarter should stay free.
const TABS: usize = 64;
const IDLE: Duration = Duration::from_secs(1);
/// Milliseconds of load before the first.
const WARM_UP: u64 = 300;
/// Streams that are being opened at once.
const AT_ONCE: usize = 64;

#[derive(Default)]
pub struct Streams {
    stand: Option<(Mesh, Swarm)>,
}

#[async_trait::async_trait]
impl Scenario for Streams {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    fn most_rounds(&self) -> usize {
        1
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        raise_open_files()?;
        let mesh = stage.mesh(0, &[]).await?;
        mesh.deploy(HELLO, &examples::source(HELLO)).await?;
        let swarm = Swarm::join(mesh.address(), TABS).await?;
        mesh.tabs(TABS).await?;
        mesh.prove(HELLO, "/x", ANSWER).await?;
        // So many at once that every tab gets some: from here on requests spread over all of them, streams or none.
        run(vec![mesh.target(HELLO, "/x")], TABS * 8, stage.pace.time(WARM_UP)).await?;
        self.stand = Some((mesh, swarm));
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        // Ends with this round.
        let Some((mesh, _swarm)) = self.stand.take() else { return Ok(()) };
        let sizes: &[usize] = match stage.pace {
            pace if pace.growth => &[1, 10, 100, 1000, 10_000],
            pace if pace.quick => &[1, 10, 100],
            _ => &[1, 10, 100, 1000],
        };
        let targets = [mesh.target(HELLO, "/x")];
        let hold = mesh.target(HELLO, "/hold").request;
        let (mut held, mut curve) = (vec![], Curve::default());
        for size in sizes {
            let more = size - held.len();
            let started = Instant::now();
            held.append(&mut open(mesh.address(), &hold, more).await?);
            #[expect(clippy::cast_precision_loss)]
            let step = started.elapsed().as_secs_f64() * 1000.0 / more as f64;
            curve.push(growth::measure(&mesh, *size, step, &targets, IDLE, stage.pace).await?);
        }
        for stream in &held {
            let ended = stream.try_read(&mut [0; 16]).is_ok();
            ensure!(!ended, "a held stream ended, or said something");
        }
        curve.report("streams", &NAMES, figures);
        Ok(())
    }
}

/// Opens so many streams and waits for what comes first on each.
async fn open(address: SocketAddr, request: &Arc<[u8]>, count: usize) -> Result<Vec<TcpStream>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening: JoinSet<Result<TcpStream>> = JoinSet::new();
    for _ in 0..count {
        let (places, request) = (Arc::clone(&places), Arc::clone(request));
        opening.spawn(async move {
            let _place = places.acquire().await?;
            tokio::time::timeout(LIMIT, hold(address, &request)).await.context("a stream does not open")?
        });
    }
    let mut streams = Vec::with_capacity(count);
    while let Some(opened) = opening.join_next().await {
        streams.push(opened??);
    }
    Ok(streams)
}

async fn hold(address: SocketAddr, request: &[u8]) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let (mut answer, mut piece) = (vec![], [0; 1024]);
    // Behind the text, the line end of its chunk.
    while !answer.ends_with(format!("{HELD}\r\n").as_bytes()) {
        let read = stream.read(&mut piece).await?;
        ensure!(read > 0, "a stream closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "answered {}", String::from_utf8_lossy(&answer));
    Ok(stream)
}
