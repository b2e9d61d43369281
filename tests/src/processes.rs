//! Processes below a process that we started, read from `/proc`. Only what is found there may be killed.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs;

/// Ids of all descendants of `ancestor`.
#[must_use]
pub fn descendants(ancestor: Pid) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for pid in all() {
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![ancestor.as_raw_nonzero().get()];
    while let Some(pid) = open.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            found.push(*child);
            open.push(*child);
        }
    }
    found
}

/// Descendants of `ancestor` that are renderers of a Chromium.
#[must_use]
pub fn renderers(ancestor: Pid) -> Vec<i32> {
    descendants(ancestor).into_iter().filter(|pid| command_line(*pid).contains("--type=renderer")).collect()
}

/// SIGKILL to processes that [`descendants`] or [`renderers`] found just now.
pub fn kill_now(pids: &[i32]) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // One that has just exited is no error.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Command lines of living processes (zombies do not count) that have `text` in their command line or environment.
#[must_use]
pub fn that_mention(text: &str) -> Vec<String> {
    all()
        .into_iter()
        .filter(|pid| i64::from(*pid) != i64::from(std::process::id()))
        .filter_map(|pid| {
            let line = command_line(pid);
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mentions = line.contains(text) || String::from_utf8_lossy(&environment).contains(text);
            mentions.then(|| format!("{pid}: {line}"))
        })
        .collect()
}

fn all() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Empty for zombies and kernel threads.
fn command_line(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// SIGSTOP to processes that [`descendants`] found just now.
pub fn stop_now(pids: &[i32]) {
    for pid in pids.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        let _ = kill_process(pid, Signal::STOP);
    }
}

/// Those of `pids` that have the same parent as `pid`, itself included.
#[must_use]
pub fn siblings(pid: i32, pids: &[i32]) -> Vec<i32> {
    let parent = parent_of(pid);
    pids.iter().copied().filter(|other| parent.is_some() && parent_of(*other) == parent).collect()
}
