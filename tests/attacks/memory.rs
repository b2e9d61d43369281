//! How much memory the contributor's browser takes while an attack runs, and whether it gives it back.

use rustix::process::Pid;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tabmesh_tests::processes::memory_of;
use tokio::task::JoinHandle;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(50);
/// A browser may stay this much larger after an attack, in bytes: it keeps caches, a warm isolate, and, of a process that
/// lives on, the emptied pages of millions of small buffers (255 MiB after 830 MiB of clones).
const STAYS: u64 = 320 << 20;
/// What an ended isolate held is given back within this time.
const BACK: Duration = Duration::from_secs(10);

/// Watches all processes below one.
pub struct Watch {
    pid: Pid,
    before: u64,
    peak: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch.
    pub fn start(pid: Pid) -> Self {
        let before = memory_of(pid);
        let peak = Arc::new(AtomicU64::new(before));
        let highest = Arc::clone(&peak);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                highest.fetch_max(memory_of(pid), Ordering::Relaxed);
            }
        });
        Self { pid, before, peak, task }
    }

    /// How much it grew at most, in MiB.
    pub fn growth(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).saturating_sub(self.before) >> 20
    }

    /// Waits until it has shrunk again; says how much is left if it does not.
    pub async fn given_back(&self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let left = memory_of(self.pid).saturating_sub(self.before);
            if left <= STAYS {
                return Ok(());
            }
            if started.elapsed() > BACK {
                return Err(format!("the browser still holds {} MiB more than before", left >> 20));
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
