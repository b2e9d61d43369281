//! Where things are: the workspace, the target directory and the built web runtime.
//!
//! `gateway/build.rs` computes the same target directory from the same two inputs; keep them equal.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Beginnings of the variables by which cargo tells a program about its own package.
const OF_XTASK: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// The directories every command works in.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target` below the root; always absolute.
    pub target: PathBuf,
}

impl Paths {
    /// Finds both directories. Errors when the current directory cannot be read.
    pub fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("xtask has no parent folder")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
            Some(dir) => env::current_dir()?.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// What the gateway embeds as `runtime/`: the output of wasm-bindgen.
    pub fn web_out(&self) -> PathBuf {
        self.target.join("web")
    }

    /// Output of helpers that run behind a spinner.
    pub fn logs(&self) -> PathBuf {
        self.target.join("xtask-logs")
    }

    /// The cargo that runs this xtask, set to work on the workspace whatever the current directory is.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // What `cargo run` says about xtask itself. Build scripts of dependencies look at these (ring's does), so with
        // them a build from here and one from a shell would throw each other's work away.
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| OF_XTASK.iter().any(|prefix| name.starts_with(prefix))) {
                command.env_remove(name);
            }
        }
        command
    }

    /// The same for `rustc`, so that a toolchain override of the folder is respected.
    pub fn rustc(&self) -> Command {
        let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.current_dir(&self.root);
        command
    }
}

/// The first executable file called `name` in `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
