//! Builds the `tabmesh` and `tabmesh-signaling` binaries, the tab's runtime first.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::run;
use crate::wasm;

/// The profile of everyday builds; the tests and `up` use it.
pub const QUICK: &str = "quick";

/// What Cargo looks at when it chooses the features of dependencies. Every everyday build looks at the same, whatever
/// part of it is wanted: otherwise most dependencies are built once for the gateway and once more for its tests.
pub const EVERYTHING: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// Builds everything and returns the path of `tabmesh`. `release` takes longer and runs a little faster.
pub fn build(paths: &Paths, release: bool) -> Result<PathBuf> {
    wasm::build(paths).context("building the tab's runtime (wasm)")?;
    let profile = if release { "release" } else { QUICK };
    let mut cargo = paths.cargo();
    cargo.args(["build", "--profile", profile]);
    match release {
        true => cargo.args(["--package", "tabmesh", "--package", "tabmesh-signaling"]),
        false => cargo.args(EVERYTHING).args(["--bin", "tabmesh", "--bin", "tabmesh-signaling"]),
    };
    run(&format!("binaries ({profile})"), &mut cargo)?;
    Ok(paths.target.join(profile).join("tabmesh"))
}
