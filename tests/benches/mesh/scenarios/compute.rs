//! Handlers that compute: a hash in JavaScript on two tabs against two Node processes, and a wasm loop.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::load::{Target, run};
use crate::peers::node::Node;
use crate::peers::{asset, source};
use crate::stage::Stage;
use crate::stats::Samples;
use anyhow::Result;
use serde_json::json;

const ROWS: &[Row] = &[
    Row::new("cpu", "hashing for about 50 ms a request, 2 tabs", "/s", "cpu.tabs")
        .times("Node, 2 processes", "cpu.node")
        .at_least(0.9),
    Row::new("wasm", "a wasm loop, speed", "/s", "wasm.tab").times("Node", "wasm.node").at_least(0.95),
];

/// Callers: two for each process, so that none ever waits for the next request.
const CALLERS: usize = 4;
/// Milliseconds of load.
const TIME: u64 = 2000;
/// Rounds of the first hash, by which it is found how many take 50 ms.
const TRIAL: u32 = 10_000;
const AIM_MS: f64 = 50.0;
/// Steps of the wasm loop: 200-400 ms, next to which a request's own time is nothing.
const STEPS: u32 = 100_000_000;

#[derive(Default)]
pub struct Compute {
    node: Option<(Vec<Node>, Node)>,
    hash_path: String,
}

#[async_trait::async_trait]
impl Scenario for Compute {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.two().await?;
        mesh.deploy("hash", &source("hash.mjs")?).await?;
        let wasm = std::fs::read(asset("loop.wasm"))?;
        let files = vec![
            ("main.js", source("loop-handler.js")?.into_bytes()),
            ("loop.mjs", source("loop.mjs")?.into_bytes()),
            ("loop.wasm", wasm),
        ];
        mesh.deploy_files(None, "loop", files, &json!({ "main_module": "main.js" })).await?;
        mesh.prove("loop", "/?rounds=3", "").await?;
        if let Ok(program) = stage.program("node") {
            let pair = [
                Node::start(&program, "hash.mjs", None).await?,
                Node::start(&program, "hash.mjs", None).await?,
            ];
            let wasm = Node::start(&program, "loop.mjs", Some("loop.wasm")).await?;
            self.node = Some((pair.into(), wasm));
        }
        let trial = mesh.target("hash", &format!("/?rounds={TRIAL}"));
        // The third is compiled as far as it will be.
        let time = calls(&trial, 3).await?.quantile(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rounds = (f64::from(TRIAL) * AIM_MS / time.max(0.1)) as u64;
        self.hash_path = format!("/?rounds={rounds}");
        Ok(())
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.two().await?;
        let hash = mesh.target("hash", &self.hash_path);
        let path = format!("/?rounds={STEPS}");
        let times = stage.pace.count(4);
        figures.add("cpu.tabs", run(vec![hash], CALLERS, stage.pace.time(TIME)).await?.per_second);
        if let Some((pair, wasm)) = &self.node {
            let targets = pair.iter().map(|node| Target::get(node.address, &self.hash_path)).collect();
            figures.add("cpu.node", run(targets, CALLERS, stage.pace.time(TIME)).await?.per_second);
            figures.add("wasm.node", 1000.0 / calls(&Target::get(wasm.address, &path), times).await?.p50());
        } else if let Err(reason) = stage.program("node") {
            figures.missing("Node", &reason);
            figures.missing("Node, 2 processes", &reason);
        }
        figures.add("wasm.tab", 1000.0 / calls(&mesh.target("loop", &path), times).await?.p50());
        Ok(())
    }
}

/// So many calls, one after the other.
async fn calls(target: &Target, times: usize) -> Result<Samples> {
    let mut connection = Connection::open(target.address).await?;
    let mut all = vec![];
    for _ in 0..times {
        all.push(connection.call(&target.request).await?.ok()?.total);
    }
    Ok(all.into_iter().collect())
}
