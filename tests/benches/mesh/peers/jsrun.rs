//! jsrun (PyPI): V8 isolates in a Python process, made for one evaluation and thrown away.

use super::asset;
use crate::stats::Samples;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::Duration;
use tokio::process::Command;

/// Evaluated instead of a handler: there are no requests.
const SOURCE: &str = "(() => `Hello from an isolate!\\n\\n${'GET'} ${'/x'}\\n`)()";

/// Times of create, evaluate and destroy together, so many.
pub async fn cycles(python: &Path, count: usize) -> Result<Samples> {
    let mut command = Command::new(python);
    command.arg(asset("jsrun_cycles.py")).arg(count.to_string()).arg(SOURCE).kill_on_drop(true);
    let output =
        tokio::time::timeout(tabmesh_tests::LIMIT, command.output()).await.context("jsrun hangs")??;
    ensure!(output.status.success(), "jsrun: {}", String::from_utf8_lossy(&output.stderr));
    let times: Vec<f64> = serde_json::from_slice(&output.stdout)?;
    Ok(times.into_iter().map(|ms| Duration::from_secs_f64(ms / 1000.0)).collect())
}
