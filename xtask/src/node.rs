//! `cargo xtask node`: Node.js's modules for handlers, bundled anew from the packages that `gateway/node` pins. What comes
//! out is checked in, so that nobody needs npm to build Tabmesh.

use std::process::Command;

use anyhow::Result;

use crate::paths::Paths;
use crate::process;

/// Installs the pinned packages and writes `gateway/node/dist`.
pub fn node(paths: &Paths) -> Result<()> {
    let folder = paths.root.join("gateway/node");
    process::run("npm ci", Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    process::run("npm run build", Command::new("npm").args(["run", "build"]).current_dir(&folder))
}
