//! Counters of the rendezvous, plain atomics that any exporter can read. Never decides anything.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tabmesh_protocol::signal::{Role, SignalErrorCode};

/// Counters since the start, and gauges of now.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Joins that succeeded.
    pub joins: AtomicU64,
    /// Messages relayed between two members.
    pub relays: AtomicU64,
    /// Open connections now, joined or not, local ones included.
    pub connections: AtomicU64,
    /// Tabs that are members now.
    pub tabs: AtomicU64,
    /// Gateways that are members now.
    pub gateways: AtomicU64,
    errors: [AtomicU64; SignalErrorCode::ALL.len()],
}

impl Metrics {
    /// Errors of `code` told to clients so far. Label it with [`SignalErrorCode::as_str`].
    #[must_use]
    pub fn errors(&self, code: SignalErrorCode) -> u64 {
        self.errors[code as usize].load(Relaxed)
    }

    /// Members of `role` now.
    #[must_use]
    pub fn members(&self, role: Role) -> u64 {
        match role {
            Role::Tab => self.tabs.load(Relaxed),
            Role::Gateway => self.gateways.load(Relaxed),
        }
    }

    pub(crate) fn count_error(&self, code: SignalErrorCode) {
        self.errors[code as usize].fetch_add(1, Relaxed);
    }
}
