//! Builds the `tabmesh` and `tabmesh-signaling` binaries, the tab's runtime first.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::run;
use crate::wasm;

/// The profile of everyday builds; the tests and `up` use it.
pub const QUICK: &str = "quick";

/// Builds everything and returns the path of `tabmesh`. `release` takes longer and runs a little faster.
pub fn build(paths: &Paths, release: bool) -> Result<PathBuf> {
    wasm::build(paths).context("building the tab's runtime (wasm)")?;
    let profile = if release { "release" } else { QUICK };
    let mut cargo = paths.cargo();
    cargo.args(["build", "--profile", profile, "--package", "tabmesh", "--package", "tabmesh-signaling"]);
    run(&format!("binaries ({profile})"), &mut cargo)?;
    Ok(paths.target.join(profile).join("tabmesh"))
}
