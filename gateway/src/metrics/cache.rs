//! What the response cache counts.

use crate::cache::Status;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metric's label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    status: &'static str,
}

/// The cache's figures.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    /// Answers of handlers by status, in the order of [`Status::ALL`], so that no request looks its counter up.
    answers: [Counter; Status::ALL.len()],
    /// Bytes that are held, book-keeping included.
    pub bytes: Gauge,
    /// Entries given up for others.
    pub evictions: Counter,
}

impl CacheMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let answers = Family::<Label, Counter>::default();
        registry.register(
            "cache_answers",
            "Answers of handlers, by the cache's part in them",
            answers.clone(),
        );
        let (bytes, evictions) = (Gauge::default(), Counter::default());
        registry.register("cache_bytes", "Bytes held in the response cache", bytes.clone());
        registry.register(
            "cache_evictions",
            "Entries of the response cache given up for others",
            evictions.clone(),
        );
        let of = |status: Status| answers.get_or_create(&Label { status: status.name() }).clone();
        Self { answers: Status::ALL.map(of), bytes, evictions }
    }

    /// Counts an answer.
    pub fn count(&self, status: Status) {
        self.answers[status as usize].inc();
    }
}
