//! Large bodies, both ways.

use super::Scenario;
use crate::figures::{Figures, Row};
use crate::http::{Connection, with_body};
use crate::peers::source;
use crate::stage::Stage;
use anyhow::{Result, ensure};

const ROWS: &[Row] = &[
    Row::new("down", "64 MiB from a handler's stream", "MB/s", "bulk.down")
        .times("raw data channel", "raw.down")
        .at_least(0.85),
    Row::new("up", "64 MiB to a handler that reads it", "MB/s", "bulk.up")
        .times("raw data channel", "raw.up")
        .at_least(0.85),
];

const BYTES: u32 = 64 << 20;
const PIECE: u32 = 64 << 10;

pub struct Bulk;

#[async_trait::async_trait]
impl Scenario for Bulk {
    fn rows(&self) -> &'static [Row] {
        ROWS
    }

    /// The longest of all: three are enough for a median.
    fn most_rounds(&self) -> usize {
        3
    }

    async fn prepare(&mut self, stage: &Stage) -> Result<()> {
        let mesh = stage.one().await?;
        mesh.deploy("down", &source("down.js")?).await?;
        mesh.deploy("up", &source("up.js")?).await?;
        let mut connection = Connection::open(mesh.address()).await?;
        down(&mut connection, &mesh.target("down", "/?bytes=1048576").request, 1 << 20).await?;
        stage.raw().await?.down(1 << 20).await.map(drop)
    }

    async fn round(&mut self, stage: &Stage, figures: &mut Figures) -> Result<()> {
        let mesh = stage.one().await?;
        let raw = stage.raw().await?;
        let bytes = stage.pace.bytes(BYTES);
        let mut connection = Connection::open(mesh.address()).await?;
        let request = mesh.target("down", &format!("/?bytes={bytes}")).request;
        figures.add("bulk.down", speed(bytes, down(&mut connection, &request, bytes).await?));
        figures.add("raw.down", speed(bytes, raw.down(bytes).await?));

        let host = mesh.address().to_string();
        let head = with_body("POST", &host, "/up/", "application/octet-stream", bytes as usize);
        let piece = vec![7; PIECE as usize];
        let (answer, body) = connection.upload(&head, &piece, (bytes / PIECE) as usize).await?;
        ensure!(body == bytes.to_string().as_bytes(), "counted {}", String::from_utf8_lossy(&body));
        figures.add("bulk.up", speed(bytes, answer.ok()?.total.as_secs_f64()));
        figures.add("raw.up", speed(bytes, raw.up(bytes).await?));
        Ok(())
    }
}

/// Seconds for a download of so many bytes.
async fn down(connection: &mut Connection, request: &[u8], bytes: u32) -> Result<f64> {
    let mut left = i64::from(bytes);
    let answer =
        connection.stream(request, &mut |piece| left -= i64::try_from(piece.len()).unwrap_or(0)).await?;
    ensure!(left == 0, "{left} bytes are missing");
    Ok(answer.ok()?.total.as_secs_f64())
}

fn speed(bytes: u32, seconds: f64) -> f64 {
    f64::from(bytes) / 1e6 / seconds
}
