//! The threads that move bytes: each runs the HTTP connections and the tabs' data channels that it was given, on a runtime
//! of its own, until the process ends.
//!
//! A request whose connection and tab live on the same thread is never handed from thread to thread, which costs more
//! than anything else that is done to it. So nothing that runs here may block or compute for long: that belongs on the
//! shared runtime's blocking threads.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::{Builder, Handle};

/// See the module's page. Clones mean the same threads.
#[derive(Clone, Debug)]
pub struct IoThreads {
    handles: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl IoThreads {
    /// Starts them; at least one.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(threads: usize) -> std::io::Result<Self> {
        let handles = (0..threads.max(1)).map(start).collect::<std::io::Result<_>>()?;
        Ok(Self { handles, next: Arc::default() })
    }

    /// Runs a task on one of them, in turn.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.handles[next % self.handles.len()].spawn(task);
    }
}

fn start(index: usize) -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(format!("io-{index}"))
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
}
