//! A gateway with more and more handlers deployed, each with code of its own. The tabs are simulated: what is looked at is
//! the store, the catalog and the picking of tabs.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::growth::{self, Curve, Names};
use crate::http::Connection;
use crate::mesh::Mesh;
use crate::stage::Stage;
use crate::stats::median;
use crate::swarm::Swarm;
use anyhow::{Result, ensure};
use std::time::Duration;
use tabmesh_tests::swarm::ANSWER;

const ROWS: &[Row] = &[
    Row::new("growth-handlers-memory", "memory for one more handler", "kB", "growth.handlers.memory_last")
        .times("when few", "growth.handlers.memory_before")
        .at_most(1.5),
    Row::new("growth-handlers-deploy", "a deploy with the most handlers", "ms", "growth.handlers.step_last")
        .times("with 10", "growth.handlers.step_first")
        .at_most(1.5),
    Row::new("growth-handlers-request", "gateway CPU for a request", "ms", "growth.handlers.request_last")
        .times("with 10 handlers", "growth.handlers.request_first")
        .at_most(1.5),
];

const NAMES: Names = Names {
    memory: ["growth.handlers.memory_last", "growth.handlers.memory_before"],
    idle_cpu: ["growth.handlers.idle_last", "growth.handlers.idle_before"],
    request_cpu: ["growth.handlers.request_last", "growth.handlers.request_first"],
    step: ["growth.handlers.step_last", "growth.handlers.step_first"],
};

const TABS: usize = 10;
/// Handlers that are called, of all that there are: as many as there are connections.
const CALLED: usize = 64;
const IDLE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub struct Handlers {
    stand: Option<(Mesh, Swarm)>,
}

#[async_trait::async_trait]
impl Scenario for Handlers {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    fn most_rounds(&self) -> usize {
        1
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.mesh(0, &[]).await?;
        let swarm = Swarm::join(mesh.address(), TABS).await?;
        mesh.tabs(TABS).await?;
        self.stand = Some((mesh, swarm));
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        // Ends with this round.
        let Some((mesh, _swarm)) = self.stand.take() else { return Ok(()) };
        let sizes: &[usize] = match stage.pace {
            pace if pace.growth => &[10, 100, 1000, 10_000],
            pace if pace.quick => &[10, 30, 100],
            _ => &[10, 100, 1000],
        };
        let mut curve = Curve::default();
        let mut deployed = 0;
        let mut connection = Connection::open(mesh.address()).await?;
        for size in sizes {
            let mut took = vec![];
            for number in deployed..*size {
                let source = format!("export default {{ fetch: () => new Response('{number}') }};\n");
                let head = mesh.put_head(&name(number), &source);
                let (answer, _) = connection.upload(&head, source.as_bytes(), 1).await?;
                ensure!(answer.status == 201, "deploying {number}: {}", answer.status);
                took.push(answer.total.as_secs_f64() * 1000.0);
            }
            deployed = *size;
            // Spread over all of them.
            let called = (0..CALLED).map(|index| index * size / CALLED);
            let targets: Vec<_> = called.map(|number| mesh.target(&name(number), "/x")).collect();
            mesh.prove(&name(size - 1), "/x", ANSWER).await?;
            let step = median(&took[took.len() - took.len().min(100)..]);
            curve.push(growth::measure(&mesh, *size, step, &targets, IDLE, stage.pace).await?);
        }
        curve.report("handlers", &NAMES, figures);
        Ok(())
    }
}

fn name(number: usize) -> String {
    format!("grown-{number}")
}
