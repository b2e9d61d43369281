//! Who looks at one request, and what they are told when it ends.

use super::{HandlerStats, Outcome, Record};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where all who have to do with a request tell what they see of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The handler's counters.
    pub stats: Arc<HandlerStats>,
    /// The request's own record, where somebody looks.
    pub record: Option<Arc<Record>>,
}

/// Watches a request to the end of its answer, wherever that is, and counts it then. What nobody settled was given up by its caller.
#[derive(Debug)]
pub struct Watch {
    sight: Sight,
    begun: Instant,
    outcome: Outcome,
    status: u16,
}

impl Watch {
    /// Of a request that comes now.
    #[must_use]
    pub fn new(stats: Arc<HandlerStats>) -> Self {
        let sight = Sight { stats, record: None };
        Self { sight, begun: Instant::now(), outcome: Outcome::Canceled, status: 0 }
    }

    /// What it does is written down here, too.
    pub fn record(&mut self, record: Option<Arc<Record>>) {
        self.sight.record = record;
    }

    /// Where others tell what they see.
    #[must_use]
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// What it will have been, unless more is known.
    pub fn settle(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// The status of the answer.
    pub fn answered(&mut self, status: u16) {
        self.status = status;
    }

    /// Time since it came.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let wall = self.begun.elapsed();
        self.sight.stats.ended(self.outcome, self.status, wall);
        if let Some(record) = &self.sight.record {
            record.ended(self.outcome, self.status, wall);
        }
    }
}
