//! Processes below a process that we started, read from `/proc`. Only what is found there may be killed.

use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::eventually;

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

/// Memory that `ancestor` and everything below it holds and shares with no file, in bytes.
#[must_use]
pub fn memory_of(ancestor: Pid) -> u64 {
    let own = ancestor.as_raw_nonzero().get();
    descendants(ancestor).into_iter().chain([own]).map(memory).sum()
}

fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kilobytes = |name: &str| -> u64 {
        let value =
            status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.unwrap_or(0)
    };
    // Shared memory of a browser is what its processes hand each other: Blobs, pictures.
    (kilobytes("RssAnon:") + kilobytes("RssShmem:")) << 10
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

/// The one of `pids` that keeps a core busy, looked for in steps of `time`.
///
/// # Panics
/// When none does for a long time.
pub async fn busiest(pids: &[i32], time: Duration) -> i32 {
    eventually("a process that keeps a core busy", || async {
        let before: Vec<_> = pids.iter().map(|pid| cpu_time(*pid)).collect();
        tokio::time::sleep(time).await;
        let used = |at: usize| cpu_time(pids[at]).saturating_sub(before[at]);
        let busiest = (0..pids.len()).max_by_key(|at| used(*at))?;
        (used(busiest) * 2 > time).then_some(pids[busiest])
    })
    .await
}

/// CPU time that a process has used so far, in steps of 10 ms.
#[must_use]
pub fn cpu_time(pid: i32) -> Duration {
    // The kernel tells ticks of `USER_HZ`, which is 100 wherever a browser runs.
    Duration::from_millis(cpu_ticks(pid) * 10)
}

/// CPU time of a process so far, in the kernel's ticks.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0 };
    // utime and stime, the 14th and 15th field; the name was the second.
    fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}
