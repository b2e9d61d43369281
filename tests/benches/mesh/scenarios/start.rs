//! First requests: of a live isolate, of one that was evicted, of code the tab never saw, of a tenant it never saw.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::{Connection, get};
use crate::load::Target;
use crate::mesh::Mesh;
use crate::peers::jsrun;
use crate::peers::workerd::Workerd;
use crate::stage::{HELLO, Stage};
use crate::stats::Samples;
use anyhow::{Error, Result};
use serde_json::json;
use std::time::Duration;
use tabmesh_tests::examples;

const ROWS: &[Row] = &[
    Row::new("warm", "warm start: hello on a live isolate, p50", "ms", "start.warm"),
    Row::new("cold", "cold start, code in the tab, blank isolate ready, p50", "ms", "start.cold")
        .above("warm start", "start.warm")
        .at_most(5.0),
    Row::new("cold-fetch", "cold start, handler never seen by the tab, p50", "ms", "start.fetch")
        .above("warm start", "start.warm")
        .at_most(5.0),
    Row::new("cold-jsrun", "cold start, handler never seen by the tab, p50", "ms", "start.fetch")
        .times("jsrun", "jsrun.cycle")
        .at_most(1.0),
    Row::new("cold-workerd", "cold start, handler never seen by the tab, p50", "ms", "start.fetch")
        .times("workerd, first request", "workerd.first"),
    Row::new("cold-tenant", "first request of a tenant never seen by the tab, p50", "ms", "start.tenant")
        .above("warm start", "start.warm"),
];

/// Handlers called in turn; twice the isolates that the tab keeps, so that each was evicted when its turn comes.
const CYCLE: usize = 8;
/// Until the blank isolate that a cold start used up is replaced: 50 ms of delay, 20-50 ms of making it, and slack.
const REFILL: Duration = Duration::from_millis(250);

#[derive(Default)]
pub struct Start {
    next: usize,
    deployed: usize,
}

/// Hello, and different from every other: code is known by its hash.
fn unlike(number: usize, kind: &str) -> String {
    format!("{}\n// {kind} {number}\n", examples::source(HELLO))
}

async fn once(connection: &mut Connection, target: &Target) -> Result<Duration> {
    Ok(connection.call(&target.request).await?.ok()?.total)
}

#[async_trait::async_trait]
impl Scenario for Start {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.small().await?;
        for number in 0..CYCLE {
            let name = format!("cycle-{number}");
            mesh.deploy(&name, &unlike(number, "cycle")).await?;
            mesh.prove(&name, "/x", "Hello from").await?;
        }
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.small().await?;
        let mut connection = Connection::open(mesh.address()).await?;
        let (mut cold, mut warm) = (vec![], vec![]);
        for turn in 0..=stage.pace.count(CYCLE) {
            let target = mesh.target(&format!("cycle-{}", self.next % CYCLE), "/x");
            self.next += 1;
            tokio::time::sleep(REFILL).await;
            let first = once(&mut connection, &target).await?;
            // The first turn only brings the blank isolate back to this tenant.
            if turn > 0 {
                cold.push(first);
                for _ in 0..5 {
                    warm.push(once(&mut connection, &target).await?);
                }
            }
        }
        figures.add("start.cold", cold.into_iter().collect::<Samples>().p50());
        figures.add("start.warm", warm.into_iter().collect::<Samples>().p50());
        self.fetch(stage, mesh, &mut connection, figures).await?;
        self.tenant(stage, mesh, &mut connection, figures).await?;
        others(stage, figures).await;
        Ok(())
    }
}

impl Start {
    async fn fetch(
        &mut self,
        stage: &Stage,
        mesh: &Mesh,
        connection: &mut Connection,
        figures: &mut Figures,
    ) -> Result<()> {
        let mut times = vec![];
        for _ in 0..stage.pace.count(CYCLE) {
            self.deployed += 1;
            let name = format!("fresh-{}", self.deployed);
            mesh.deploy(&name, &unlike(self.deployed, "fresh")).await?;
            tokio::time::sleep(REFILL).await;
            times.push(once(connection, &mesh.target(&name, "/x")).await?);
        }
        figures.add("start.fetch", times.into_iter().collect::<Samples>().p50());
        Ok(())
    }

    async fn tenant(
        &mut self,
        stage: &Stage,
        mesh: &Mesh,
        connection: &mut Connection,
        figures: &mut Figures,
    ) -> Result<()> {
        let mut times = vec![];
        for _ in 0..stage.pace.count(2) {
            self.deployed += 1;
            let tenant = format!("tenant-{}", self.deployed);
            mesh.tenant(&tenant).await?;
            let files = vec![("main.js", unlike(self.deployed, "tenant").into_bytes())];
            mesh.deploy_files(Some(&tenant), HELLO, files, &json!({})).await?;
            tokio::time::sleep(REFILL).await;
            let host = format!("{HELLO}.{tenant}.localhost:{}", mesh.address().port());
            times.push(connection.call(&get(&host, "/x")).await?.ok()?.total);
        }
        figures.add("start.tenant", times.into_iter().collect::<Samples>().p50());
        Ok(())
    }
}

async fn others(stage: &Stage, figures: &mut Figures) {
    match jsrun_cycles(stage).await {
        Ok(times) => figures.add("jsrun.cycle", times.p50()),
        Err(reason) => figures.missing("jsrun", &format!("{reason:#}")),
    }
    match workerd_first(stage).await {
        Ok(times) => figures.add("workerd.first", times.p50()),
        Err(reason) => figures.missing("workerd, first request", &format!("{reason:#}")),
    }
}

async fn jsrun_cycles(stage: &Stage) -> Result<Samples> {
    let python = stage.program("jsrun").map_err(Error::msg)?;
    jsrun::cycles(&python, stage.pace.count(16)).await
}

/// One first request to each worker of a workerd that has just begun to listen.
async fn workerd_first(stage: &Stage) -> Result<Samples> {
    let program = stage.program("workerd").map_err(Error::msg)?;
    let workerd = Workerd::start(&program, &examples::source(HELLO), CYCLE).await?;
    let mut times = vec![];
    for target in &workerd.targets {
        let mut connection = Connection::open(target.address).await?;
        times.push(once(&mut connection, target).await?);
    }
    Ok(times.into_iter().collect())
}
