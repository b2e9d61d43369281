//! Many isolates in one tab: how many it holds, what each takes of the memory, and whether requests get slower.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::machine::memory_of;
use crate::mesh::Mesh;
use crate::stage::Stage;
use crate::stats::{Samples, median};
use anyhow::{Result, ensure};
use std::collections::HashMap;
use std::time::Duration;
use tabmesh_tests::processes;

const ROWS: &[Row] = &[
    Row::new("isolates", "isolates that one tab holds", "", "isolates.held")
        .times("as its setting allows", "isolates.asked")
        .at_least(1.0),
    Row::new("isolates-warm", "hello with all isolates alive, p50", "ms", "isolates.warm_many")
        .times("with eight alive", "isolates.warm_few"),
    Row::new("isolates-cold", "cold start of a tab's last eight isolates, p50", "ms", "isolates.cold_last")
        .times("of the first eight", "isolates.cold_first"),
    Row::new("memory", "memory of an idle isolate, its process (PSS)", "MiB", "isolates.memory_process"),
    Row::new(
        "memory-tab",
        "memory of an idle isolate, the tab's whole browser (PSS)",
        "MiB",
        "isolates.memory_tab",
    ),
];

/// Tells a live isolate from one that was made anew. Each handler gets a comment of its own behind it.
const COUNTER: &str = "let calls = 0;\nexport default { fetch: () => new Response(String(++calls)) };\n";
/// The most that the settings of a tab allow.
const MOST: usize = 64;
/// Alive when it is measured first.
const FEW: usize = 8;
/// Between two cold starts, for the blank isolate to come back.
const REFILL: Duration = Duration::from_millis(120);
/// After which memory is looked at: garbage goes, and nothing happens any more.
const SETTLE: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct Isolates {
    mesh: Option<Mesh>,
}

#[async_trait::async_trait]
impl Scenario for Isolates {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    /// It fills a tab, which takes a while, and figures of memory hardly move.
    fn most_rounds(&self) -> usize {
        1
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.mesh(1, &["--tab-isolates", &MOST.to_string()]).await?;
        for number in 0..many(stage) {
            mesh.deploy(&name(number), &format!("{COUNTER}// {number}\n")).await?;
        }
        self.mesh = Some(mesh);
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        // Ends with this round.
        let Some(mesh) = self.mesh.take() else { return Ok(()) };
        let mut connection = Connection::open(mesh.address()).await?;
        let many = many(stage);
        let mut cold = vec![];
        fill(&mesh, &mut connection, 0..FEW, &mut cold).await?;
        let few_warm = pass(&mesh, &mut connection, FEW, 20).await?;
        tokio::time::sleep(SETTLE).await;
        let before = memory(&mesh);
        fill(&mesh, &mut connection, FEW..many, &mut cold).await?;
        tokio::time::sleep(SETTLE).await;
        let after = memory(&mesh);
        let held = alive(&mesh, &mut connection, many).await?;
        let many_warm = pass(&mesh, &mut connection, many, 5).await?;

        figures.add("isolates.asked", as_f64(many));
        figures.add("isolates.held", as_f64(held));
        figures.add("isolates.warm_few", median(&few_warm));
        figures.add("isolates.warm_many", median(&many_warm));
        figures.add("isolates.cold_first", median(&cold[..FEW]));
        figures.add("isolates.cold_last", median(&cold[many - FEW..]));
        let more = as_f64(many - FEW);
        let grown = |pid: &i32| after.get(pid).unwrap_or(&0.0) - before.get(pid).unwrap_or(&0.0);
        let most = after.keys().map(grown).fold(f64::NEG_INFINITY, f64::max);
        ensure!(most.is_finite(), "no renderer process found");
        figures.add("isolates.memory_process", most / more);
        figures.add("isolates.memory_tab", after.keys().map(grown).sum::<f64>() / more);
        Ok(())
    }
}

fn many(stage: &Stage) -> usize {
    if stage.pace.quick { MOST / 4 } else { MOST }
}

fn name(number: usize) -> String {
    format!("many-{number}")
}

#[expect(clippy::cast_precision_loss)]
fn as_f64(count: usize) -> f64 {
    count as f64
}

/// How many of the first `many` remember that they were called.
async fn alive(mesh: &Mesh, connection: &mut Connection, many: usize) -> Result<usize> {
    let mut alive = 0;
    for number in 0..many {
        let (answer, body) = connection.fetch(&mesh.target(&name(number), "/x").request).await?;
        answer.ok()?;
        alive += usize::from(body != b"1");
    }
    Ok(alive)
}

/// First requests, in milliseconds.
async fn fill(
    mesh: &Mesh,
    connection: &mut Connection,
    numbers: std::ops::Range<usize>,
    cold: &mut Vec<f64>,
) -> Result<()> {
    for number in numbers {
        tokio::time::sleep(REFILL).await;
        let answer = connection.call(&mesh.target(&name(number), "/x").request).await?.ok()?;
        cold.push(answer.total.as_secs_f64() * 1000.0);
    }
    Ok(())
}

/// Calls each of the first `many` so many times in a row; the median of each, in milliseconds.
async fn pass(mesh: &Mesh, connection: &mut Connection, many: usize, times: usize) -> Result<Vec<f64>> {
    let mut medians = vec![];
    for number in 0..many {
        let request = mesh.target(&name(number), "/x").request;
        let mut calls = vec![];
        for _ in 0..times {
            calls.push(connection.call(&request).await?.ok()?.total);
        }
        medians.push(calls.into_iter().collect::<Samples>().p50());
    }
    Ok(medians)
}

/// MiB by process of the tab's browser.
fn memory(mesh: &Mesh) -> HashMap<i32, f64> {
    let of = |pid| Some((pid, memory_of(pid)?));
    processes::descendants(mesh.pid()).into_iter().filter_map(of).collect()
}
