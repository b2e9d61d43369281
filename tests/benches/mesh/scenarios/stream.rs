//! Small requests while a large body streams from the same tab.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::Connection;
use crate::load::run;
use crate::peers::source;
use crate::stage::{HELLO, Stage};
use anyhow::{Result, ensure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const ROWS: &[Row] =
    &[Row::new("hello-stream", "hello p50 while 256 MiB stream from the same tab", "ms", "stream.hello")
        .times("hello alone", "stream.alone")
        .at_most(2.0)];

const NAME: &str = "stream";
const BYTES: u64 = 256 << 20;
/// Milliseconds of load.
const TIME: u64 = 1200;

pub struct Stream;

#[async_trait::async_trait]
impl Scenario for Stream {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        stage.one().await?.deploy(NAME, &source("down.js")?).await
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.one().await?;
        let hello = mesh.target(HELLO, "/x");
        let alone = run(vec![hello.clone()], 1, stage.pace.time(TIME)).await?;

        let target = mesh.target(NAME, &format!("/?bytes={BYTES}"));
        let mut connection = Connection::open(target.address).await?;
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let streaming = tokio::spawn(async move {
            let mut sink = |piece: &[u8]| {
                counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
            };
            // Again and again, should one be over before the hellos are.
            while connection.stream(&target.request, &mut sink).await.is_ok() {}
        });
        while received.load(Ordering::Relaxed) < 1 << 20 {
            ensure!(!streaming.is_finished(), "the stream broke");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let (before, start) = (received.load(Ordering::Relaxed), Instant::now());
        let beside = run(vec![hello], 1, stage.pace.time(TIME)).await;
        let (bytes, seconds) = (received.load(Ordering::Relaxed) - before, start.elapsed().as_secs_f64());
        let broke = streaming.is_finished();
        streaming.abort();
        ensure!(!broke, "the stream broke");
        figures.add("stream.alone", alone.latencies.p50());
        figures.add("stream.hello", beside?.latencies.p50());
        #[expect(clippy::cast_precision_loss)]
        figures.add("stream.down", bytes as f64 / 1e6 / seconds);
        // The tab takes back what was on its way.
        tokio::time::sleep(stage.pace.time(500)).await;
        Ok(())
    }
}
