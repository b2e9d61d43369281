//! What one more isolate of a handler costs: requests that are held open fill the isolates, one each.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::load::Target;
use crate::peers::source;
use crate::stage::Stage;
use crate::stats::Samples;
use anyhow::Result;
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;

const ROWS: &[Row] = &[
    Row::new("spawn-blank", "one more isolate, blank one ready: time to head, p50", "ms", "spawn.blank")
        .above("live isolate", "spawn.live"),
    Row::new("spawn", "one more isolate, Worker to be made: time to head, p50", "ms", "spawn.worker")
        .above("live isolate", "spawn.live"),
];

const NAME: &str = "hold";
/// Longer than it takes to fill all isolates.
const HELD: Duration = Duration::from_secs(2);
/// Until the blank isolate is there.
const REFILL: Duration = Duration::from_millis(300);
/// Isolates that have to be made, after the live and the blank one.
const MADE: usize = 2;

#[derive(Default)]
pub struct Spawn {
    version: usize,
}

#[async_trait::async_trait]
impl Scenario for Spawn {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        stage.one().await.map(drop)
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.one().await?;
        let (mut live, mut blank, mut made) = (vec![], vec![], vec![]);
        for _ in 0..stage.pace.count(4) {
            // A version of its own: the isolates of the last one are of no use any more.
            self.version += 1;
            let code = format!("{}\n// {}\n", source("hold.js")?, self.version).into_bytes();
            let metadata = json!({ "limits": { "concurrency": 1 } });
            mesh.deploy_files(None, NAME, vec![("main.js", code)], &metadata).await?;
            mesh.prove(NAME, "/?ms=0", "held").await?;
            tokio::time::sleep(REFILL).await;
            let target = mesh.target(NAME, &format!("/?ms={}", HELD.as_millis()));
            let mut holders = JoinSet::new();
            live.push(hold(&mut holders, &target).await?);
            blank.push(hold(&mut holders, &target).await?);
            for _ in 0..MADE {
                made.push(hold(&mut holders, &target).await?);
            }
            // The callers go, which ends the requests.
            holders.shutdown().await;
            tokio::time::sleep(REFILL).await;
        }
        for (name, times) in [("spawn.live", live), ("spawn.blank", blank), ("spawn.worker", made)] {
            figures.add(name, times.into_iter().collect::<Samples>().p50());
        }
        Ok(())
    }
}

/// Sends a request that stays open in `holders`; gives the time to the first byte of its body.
async fn hold(holders: &mut JoinSet<()>, target: &Target) -> Result<Duration> {
    let mut connection = Connection::open(target.address).await?;
    let request = target.request.clone();
    let (first_in, first) = tokio::sync::oneshot::channel();
    let start = std::time::Instant::now();
    holders.spawn(async move {
        let mut first = Some(first_in);
        let mut sink = |_: &[u8]| {
            if let Some(first) = first.take() {
                let _ = first.send(start.elapsed());
            }
        };
        // An error is the caller's: it misses the first byte.
        let _ = connection.stream(&request, &mut sink).await;
    });
    Ok(first.await?)
}
