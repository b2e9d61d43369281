//! Limits that a handler exceeded: how the log and the metrics tell. Knows neither tabs nor HTTP; what the caller is told
//! is the business of whoever answers.

use crate::loops;
use crate::metrics::Metrics;
use prometheus_client::encoding::EncodeLabelSet;
use std::sync::Arc;
use tabmesh_protocol::{RequestHead, Target};

/// Whose a request is, in logs and for what it causes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Tenant and handler.
    pub target: Arc<Target>,
    /// Request.
    pub request_id: Arc<str>,
    /// How often what caused it came through here before it ([`loops`]).
    pub passes: usize,
}

impl Labels {
    /// Of the request that this head opens.
    #[must_use]
    pub fn of(head: &RequestHead) -> Self {
        let (target, request_id) = (Arc::clone(&head.target), Arc::clone(&head.request_id));
        Self { target, request_id, passes: loops::count(&head.headers) }
    }
}

impl Labels {
    /// The version as logs show it: enough digits to find it by.
    #[must_use]
    pub fn version(&self) -> &str {
        self.target.version.get(..8).unwrap_or(&self.target.version)
    }
}

/// A limit, as metrics and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Time to the response head.
    Wall,
    /// CPU time.
    Cpu,
    /// Memory of an isolate.
    Memory,
    /// Size of the request body.
    RequestBytes,
    /// Size of the response body.
    ResponseBytes,
    /// Console text.
    LogBytes,
    /// Outbound requests. The tab keeps it; the gateway does not see them.
    Subrequests,
    /// Requests at once in an isolate. The tab keeps it, by starting more isolates.
    Concurrency,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Wall,
        Self::Cpu,
        Self::Memory,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::LogBytes,
        Self::Subrequests,
        Self::Concurrency,
    ];

    /// Its name in the log and in the metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::RequestBytes => "request-bytes",
            Self::ResponseBytes => "response-bytes",
            Self::LogBytes => "log-bytes",
            Self::Subrequests => "subrequests",
            Self::Concurrency => "concurrency",
        }
    }
}

/// The metric's label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Breach {
    /// [`Limit::name`].
    pub limit: &'static str,
}

/// Counts and logs one breach.
pub fn report(metrics: &Metrics, labels: &Labels, limit: Limit) {
    let Labels { target, request_id, .. } = labels;
    let name = limit.name();
    metrics.breaches.get_or_create(&Breach { limit: name }).inc();
    let (Target { tenant, handler, .. }, request_id) = (&**target, &**request_id);
    let version = labels.version();
    tracing::warn!(target: "tabmesh::handler", tenant, handler, version, request_id, limit = name, "limit exceeded");
}
