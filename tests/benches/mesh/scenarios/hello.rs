//! Small requests to a warm handler: how long one takes, and how many go through.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::load::{Target, run};
use crate::stage::{HELLO, Stage};
use anyhow::Result;

const ROWS: &[Row] = &[
    Row::new("hello-p50", "hello, 1 connection, p50", "ms", "hello.p50")
        .times("raw data channel", "raw.p50")
        .at_most(1.6),
    Row::new("hello-p50-proxy", "hello, 1 connection, p50", "ms", "hello.p50")
        .times("WebSocket proxy", "proxy.p50"),
    Row::new("hello-p50-workerd", "hello, 1 connection, p50", "ms", "hello.p50")
        .times("workerd", "workerd.p50"),
    Row::new("hello-p99", "hello, 1 connection, p99", "ms", "hello.p99")
        .times("its own p50", "hello.p50")
        .at_most(4.0),
    Row::new("hello-64", "hello, 64 connections, 1 tab", "/s", "hello.per_second")
        .times("WebSocket proxy", "proxy.per_second")
        .at_least(1.0),
    Row::new("hello-64-workerd", "hello, 64 connections, 1 tab", "/s", "hello.per_second")
        .times("workerd", "workerd.per_second")
        .at_least(0.6),
    Row::new("hello-64-tabs", "hello, 64 connections, 2 tabs", "/s", "hello.per_second_two")
        .times("1 tab", "hello.per_second")
        .at_least(1.0),
];

const MANY: usize = 64;
/// Milliseconds of load, with one connection and with many.
const ALONE: u64 = 1000;
const TOGETHER: u64 = 1500;

pub struct Hello;

/// Names of a stand's figures, for one connection and for many.
type Names = (&'static str, &'static str);

#[async_trait::async_trait]
impl Scenario for Hello {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        stage.raw().await?.echo(stage.pace.time(ALONE)).await?;
        let mut targets =
            vec![stage.one().await?.target(HELLO, "/x"), stage.two().await?.target(HELLO, "/x")];
        targets.push(Target::get(stage.proxy().await?.address, "/x"));
        if let Ok(workerd) = stage.workerd().await {
            targets.push(workerd.target()?);
        }
        for target in targets {
            run(vec![target], MANY, stage.pace.time(TOGETHER)).await?;
        }
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let raw = stage.raw().await?.echo(stage.pace.time(ALONE)).await?;
        figures.add("raw.p50", raw.p50());
        figures.add("raw.p99", raw.p99());
        let mesh = stage.one().await?;
        let pings = mesh.pings().await?;
        let mut stands: Vec<(Target, Names)> = vec![
            (mesh.target(HELLO, "/x"), ("hello.p50", "hello.per_second")),
            (Target::get(stage.proxy().await?.address, "/x"), ("proxy.p50", "proxy.per_second")),
        ];
        match stage.workerd().await {
            Ok(workerd) => stands.push((workerd.target()?, ("workerd.p50", "workerd.per_second"))),
            Err(reason) => figures.missing("workerd", reason),
        }
        for (target, (p50, _)) in &stands {
            let outcome = run(vec![target.clone()], 1, stage.pace.time(ALONE)).await?;
            figures.add(p50, outcome.latencies.p50());
            if *p50 == "hello.p50" {
                figures.add("hello.p99", outcome.latencies.p99());
                let pinged = mesh.pings().await?;
                // A session pings every 300 ms while it works: through this very gateway and tab, but few and a mean.
                figures.add("hello.ping_mean", (pinged.0 - pings.0) / (pinged.1 - pings.1) * 1000.0);
            }
        }
        stands.push((stage.two().await?.target(HELLO, "/x"), ("", "hello.per_second_two")));
        for (target, (_, per_second)) in stands {
            figures.add(per_second, run(vec![target], MANY, stage.pace.time(TOGETHER)).await?.per_second);
        }
        Ok(())
    }
}
