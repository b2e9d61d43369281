//! What a run was measured on.

use crate::peers::{Found, first_line};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use tabmesh_tests::gateway::workspace;

/// Machine, browser and commit.
pub fn describe(found: &Found) -> Value {
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": line_of("/proc/cpuinfo", "model name").unwrap_or_default(),
        "memory": line_of("/proc/meminfo", "MemTotal").unwrap_or_default(),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "load_before": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        "browser": found.program("browser").ok().and_then(|program| first_line(&program, &["--version"])),
        "commit": git(&["rev-parse", "--short=12", "HEAD"]),
        "changed_since": git(&["status", "--porcelain", "--untracked-files=no"]).map(|text| !text.is_empty()),
    })
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).current_dir(workspace()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Proportional memory (PSS) of a process in MiB: pages that it shares count by its part.
pub fn memory_of(pid: i32) -> Option<f64> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = line_of(Path::new(&file).to_str()?, "Pss")?;
    text.trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Resident memory (RSS) of a process in MB.
pub fn resident_of(pid: i32) -> Option<f64> {
    let text = line_of(&format!("/proc/{pid}/status"), "VmRSS")?;
    text.trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
}
