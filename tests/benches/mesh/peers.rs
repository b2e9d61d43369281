//! The others that are measured in the same run. What cannot be had is reported as missing, with the reason; its figures
//! are never guessed.

pub mod jsrun;
pub mod node;
pub mod proxy;
pub mod raw;
mod tab;
pub mod workerd;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which programs `cargo xtask bench` found or fetched, by the file that it wrote.
pub struct Found(Value);

impl Found {
    /// Reads the file; without one nothing was fetched.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let Some(file) = file else { return Ok(Self(Value::Null)) };
        Ok(Self(serde_json::from_slice(&std::fs::read(file)?)?))
    }

    /// The program of a peer, or why there is none.
    pub fn program(&self, peer: &str) -> Result<PathBuf, String> {
        let entry = &self.0[peer];
        match (entry["program"].as_str(), entry["missing"].as_str()) {
            (Some(program), _) => Ok(program.into()),
            (None, Some(reason)) => Err(reason.to_owned()),
            (None, None) => Err("not fetched; `cargo xtask bench` does that".to_owned()),
        }
    }

    /// What was said about all of them, for the report.
    pub fn describe(&self) -> &Value {
        &self.0
    }
}

/// The first line that a program prints.
pub fn first_line(program: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// A file of `assets/`.
pub fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/mesh/assets").join(name)
}

/// The text of a file of `assets/`.
pub fn source(name: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(asset(name))?)
}
