//! workerd, which runs Workers code on a server: the bench compares speed with it, the differential suite answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::paths::{Paths, on_path};
use crate::process::run_quietly;

/// The version, so that two runs compare with the same.
pub const VERSION: &str = "1.20261117.1";
/// Names its program for the differential suite.
pub const VARIABLE: &str = "TABMESH_WORKERD";
/// A package of 40 MB over a slow line still arrives within this time.
const FETCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// workerd's own program out of its npm package, fetched where it is missing.
pub fn obtain(paths: &Paths) -> Result<PathBuf> {
    let home = paths.target.join("bench").join(format!("workerd-{VERSION}"));
    if let Some(program) = program_in(&home) {
        return Ok(program);
    }
    let npm = on_path("npm").context("no npm in PATH")?;
    let mut install = Command::new(npm);
    // The program is a package for this platform; the script would only look for it.
    install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&home);
    run_quietly(
        "npm install workerd",
        &paths.logs(),
        FETCH_LIMIT,
        install.arg(format!("workerd@{VERSION}")),
    )?;
    program_in(&home).context("npm brought no workerd for this platform")
}

fn program_in(home: &Path) -> Option<PathBuf> {
    let platforms = fs::read_dir(home.join("node_modules/@cloudflare")).ok()?;
    let mut programs = platforms.filter_map(|entry| Some(entry.ok()?.path().join("bin/workerd")));
    programs.find(|program| program.is_file())
}
