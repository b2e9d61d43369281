//! `cargo xtask bench --micro`: the crates' own benches, one after the other. What they print is also kept as a file: their
//! tables are for people, and nothing here reads them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::binaries::QUICK;
use crate::paths::Paths;
use crate::process::say;
use crate::wasm;

/// Packages that have benches, and the benches.
const PACKAGES: [&str; 3] = ["tabmesh-protocol", "tabmesh", "tabmesh-worker"];
const BENCHES: [&str; 4] = ["codec", "session", "pool", "core"];

/// Seconds for each, at least: some of what is measured takes nanoseconds.
const TIME: &str = "0.3";

/// Runs those whose names contain one of `filters`, or all.
pub fn run(paths: &Paths, folder: &Path, filters: &[String]) -> Result<()> {
    // The gateway's library has it embedded.
    wasm::build(paths)?;
    let mut cargo = paths.cargo();
    cargo.args(["bench", "--profile", QUICK]);
    cargo.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    cargo.args(BENCHES.iter().flat_map(|bench| ["--bench", bench]));
    cargo.args(["--", "--min-time", TIME]).args(filters).stderr(Stdio::inherit());
    say("micro-benchmarks");
    let output = cargo.output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    if !output.status.success() {
        bail!("micro-benchmarks failed ({})", output.status);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join("micro.txt");
    fs::write(&file, &*text).with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!("kept as {}", file.display()));
    Ok(())
}
