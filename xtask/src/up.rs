//! `cargo xtask up`: builds, then becomes `tabmesh serve`.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::paths::Paths;
use crate::{binaries, browser};

/// What `up` passes on to `tabmesh serve`.
#[derive(Debug, Args)]
pub struct Up {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Headless browser tabs to start
    #[arg(long, default_value_t = 2)]
    tabs: usize,
    /// Folder that keeps the deployed handlers
    #[arg(long, default_value = ".tabmesh")]
    data: PathBuf,
    /// Build with all optimisations
    #[arg(long)]
    release: bool,
}

/// Does not return when all goes well: the process becomes the gateway, so that signals reach it directly.
pub fn up(paths: &Paths, options: &Up) -> Result<()> {
    let browser = if options.tabs > 0 { Some(browser::obtain(paths)?) } else { None };
    let program = binaries::build(paths, options.release)?;
    let mut command = Command::new(&program);
    command.arg("serve").args(["--listen", &options.listen.to_string()]).arg("--data").arg(&options.data);
    command.args(["--tabs", &options.tabs.to_string()]);
    if let Some(browser) = browser {
        command.env(browser::VARIABLE, browser.program);
    }
    Err(command.exec()).with_context(|| format!("cannot start {}", program.display()))
}
