//! A gateway with more and more tabs, simulated by native peers: do all join, what does each cost, do requests notice?

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::growth::{self, Curve, Names};
use crate::mesh::Mesh;
use crate::stage::{HELLO, Stage};
use crate::swarm::Swarm;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use tabmesh_tests::{examples, swarm};

const ROWS: &[Row] = &[
    Row::new("swarm", "1,000 tabs simulated by native peers on one gateway", "joined", "swarm.joined")
        .times("asked for", "swarm.asked")
        .at_least(1.0),
    Row::new("swarm-join", "their joining, for each", "ms", "growth.tabs.step_last"),
    Row::new("swarm-memory", "gateway memory (RSS) for each of them", "MB", "swarm.memory").at_most(0.6),
    Row::new("swarm-idle", "gateway CPU while all of them idle", "% of a core", "swarm.idle").at_most(10.0),
    Row::new("swarm-p50", "hello with all of them, 1 connection, p50", "ms", "swarm.p50_many")
        .times("with 10 of them", "swarm.p50_few")
        .at_most(1.3),
    Row::new("growth-tabs-memory", "gateway memory for one more tab", "kB", "growth.tabs.memory_last")
        .times("when few", "growth.tabs.memory_before")
        .at_most(1.5),
    Row::new("growth-tabs-idle", "idle CPU for one more tab", "µs/s", "growth.tabs.idle_last")
        .times("when few", "growth.tabs.idle_before")
        .at_most(1.5),
    Row::new("growth-tabs-request", "gateway CPU for a request", "ms", "growth.tabs.request_last")
        .times("with 10 tabs", "growth.tabs.request_first")
        .at_most(1.5),
];

const NAMES: Names = Names {
    memory: ["growth.tabs.memory_last", "growth.tabs.memory_before"],
    idle_cpu: ["growth.tabs.idle_last", "growth.tabs.idle_before"],
    request_cpu: ["growth.tabs.request_last", "growth.tabs.request_first"],
    step: ["growth.tabs.step_last", "growth.tabs.step_first"],
};

/// Idleness of the few, and of the many: the time between two pings of an idle session, or a burst of them would be missed.
const IDLE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

#[derive(Default)]
pub struct Tabs {
    mesh: Option<Mesh>,
}

#[async_trait::async_trait]
impl Scenario for Tabs {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    fn most_rounds(&self) -> usize {
        1
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.mesh(0, &[]).await?;
        mesh.deploy(HELLO, &examples::source(HELLO)).await?;
        self.mesh = Some(mesh);
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        // Ends with this round.
        let Some(mesh) = self.mesh.take() else { return Ok(()) };
        let sizes = if stage.pace.quick { [10, 40, 100] } else { [10, 100, 1000] };
        let targets = [mesh.target(HELLO, "/x")];
        let empty = growth::memory(&mesh)?;
        let (mut joined, mut swarms, mut curve) = (0, vec![], Curve::default());
        for size in sizes {
            let swarm = Swarm::join(mesh.address(), size - joined).await?;
            if let Some(reason) = swarm.failed.first() {
                eprintln!("{} of {} tabs did not join: {reason}", swarm.failed.len(), size - joined);
            }
            ensure!(swarm.joined > 0, "no tab joined");
            let step = swarm.seconds * 1000.0 / as_f64(swarm.joined);
            joined += swarm.joined;
            swarms.push(swarm);
            mesh.tabs(joined).await?;
            mesh.prove(HELLO, "/x", swarm::ANSWER).await?;
            let idle = if size == sizes[0] { IDLE.0 } else { IDLE.1 };
            let point = growth::measure(&mesh, joined, step, &targets, idle, stage.pace).await?;
            match size {
                _ if size == sizes[0] => figures.add("swarm.p50_few", point.p50),
                _ if size == sizes[2] => {
                    figures.add("swarm.joined", as_f64(joined));
                    figures.add("swarm.asked", as_f64(size));
                    figures.add("swarm.memory", (point.memory - empty) / as_f64(joined));
                    figures.add("swarm.idle", point.idle_cpu);
                    figures.add("swarm.p50_many", point.p50);
                }
                _ => {}
            }
            curve.push(point);
        }
        curve.report("tabs", &NAMES, figures);
        // And back: the others' machines crash all at once.
        let few = swarms.swap_remove(0);
        drop(swarms);
        let left = Instant::now();
        mesh.tabs(few.joined).await?;
        figures.add("swarm.left_seconds", left.elapsed().as_secs_f64());
        let point = growth::measure(&mesh, few.joined, 0.0, &targets, Duration::ZERO, stage.pace).await?;
        figures.add("swarm.p50_few", point.p50);
        figures.add("swarm.memory_left", point.memory);
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss)]
fn as_f64(count: usize) -> f64 {
    count as f64
}
