//! Debian packages: asks what is there, installs what is missing when that is allowed (root), else names the command.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::paths::on_path;
use crate::process::{run_quietly, stdout_of};

/// A package download over a slow line still ends within this time.
const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The command that installs `packages`, for a person to run.
pub fn command_line(packages: &[&str]) -> String {
    format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

/// Whether all `packages` are installed.
pub fn installed(packages: &[&str]) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f", "${db:Status-Status}\n"]).args(packages);
    stdout_of(&mut query).is_some_and(|text| text.lines().all(|line| line == "installed"))
}

/// Whether [`install`] can do anything here: apt-get exists and we are root.
pub fn can_install() -> bool {
    on_path("apt-get").is_some() && is_root()
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    // A process's own /proc entry belongs to its effective user; elsewhere ask `id`.
    std::fs::metadata("/proc/self").map_or_else(
        |_| stdout_of(Command::new("id").arg("-u")).is_some_and(|id| id == "0"),
        |meta| meta.uid() == 0,
    )
}

/// Installs `packages`, refreshing the package lists first only when they are not known yet.
pub fn install(packages: &[&str], logs: &Path) -> Result<()> {
    if !can_install() {
        bail!("missing: {}. Run: {}", packages.join(" "), command_line(packages));
    }
    let known = stdout_of(Command::new("apt-cache").arg("policy").args(packages)).is_some_and(|text| {
        text.matches("Candidate:").count() == packages.len() && !text.contains("(none)\n  Version")
    });
    if !known {
        run_quietly("apt-get update", logs, INSTALL_LIMIT, apt_get().arg("update"))?;
    }
    let label = format!("apt-get install {}", packages.join(" "));
    let install = || {
        let mut command = apt_get();
        command.args(["install", "-y", "--no-install-recommends"]).args(packages);
        run_quietly(&label, logs, INSTALL_LIMIT, &mut command)
    };
    // Lists that are there but old name files that are gone: refresh them once and try again.
    install().or_else(|_| {
        run_quietly("apt-get update", logs, INSTALL_LIMIT, apt_get().arg("update"))?;
        install()
    })
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
