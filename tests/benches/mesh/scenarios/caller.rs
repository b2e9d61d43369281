//! The bench's own caller beside wrk, on the same gateway: whether the figures of this bench are those of a tool that
//! others know.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::load::run;
use crate::mesh::Mesh;
use crate::stage::{HELLO, Stage};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::process::Command;

const ROWS: &[Row] = &[
    Row::new("caller-p50", "the bench's caller: hello, 1 connection, p50", "ms", "caller.p50")
        .times("wrk", "wrk.p50"),
    Row::new("caller-64", "the bench's caller: hello, 64 connections", "/s", "caller.per_second")
        .times("wrk", "wrk.per_second"),
];

const MANY: usize = 64;
/// wrk counts in whole seconds.
const TIME: Duration = Duration::from_secs(1);

pub struct Caller;

#[async_trait::async_trait]
impl Scenario for Caller {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    fn most_rounds(&self) -> usize {
        3
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        run(vec![stage.one().await?.target(HELLO, "/x")], MANY, stage.pace.time(1000)).await.map(drop)
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.one().await?;
        for connections in [1, MANY] {
            let ours = run(vec![mesh.target(HELLO, "/x")], connections, TIME).await?;
            let theirs = wrk(mesh, connections).await;
            if let Err(reason) = &theirs {
                figures.missing("wrk", &format!("{reason:#}"));
            }
            if connections == 1 {
                figures.add("caller.p50", ours.latencies.p50());
                theirs.iter().for_each(|(p50, _)| figures.add("wrk.p50", *p50));
            } else {
                figures.add("caller.per_second", ours.per_second);
                theirs.iter().for_each(|(_, per_second)| figures.add("wrk.per_second", *per_second));
            }
        }
        Ok(())
    }
}

/// p50 in milliseconds and requests a second, as wrk sees them.
async fn wrk(mesh: &Mesh, connections: usize) -> Result<(f64, f64)> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency", "--connections", &connections.to_string()]);
    command.arg("--duration").arg(format!("{}s", TIME.as_secs()));
    command.arg(format!("http://{}/{HELLO}/x", mesh.address())).kill_on_drop(true);
    let output = command.output().await.context("wrk does not start")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success() && !text.contains("Non-2xx"), "wrk: {text}");
    let value = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let p50 = value("50%").and_then(milliseconds).context("wrk says no p50")?;
    let per_second = value("Requests/sec:").and_then(|text| text.parse().ok()).context("wrk says no rate")?;
    Ok((p50, per_second))
}

/// `512.00us`, `1.05ms` or `1.20s`.
fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 0.001), ("ms", 1.0), ("s", 1000.0)];
    units.into_iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor))
}
