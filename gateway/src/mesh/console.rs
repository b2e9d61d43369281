//! Handlers' console lines on their way into the gateway's log, each request's within its limit. A tab that does not keep
//! the limit itself is kept to it here.

use crate::breach::{self, Labels, Limit};
use crate::metrics::Metrics;
use crate::stacks;
use crate::telemetry::record::Used;
use crate::telemetry::{Record, Sight};
use opentelemetry::trace::TraceId;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmesh_protocol::{Cost, RequestHead};

/// What a line costs beside its text, in bytes: empty lines make the log grow too. As isolates count.
const LINE_COST: usize = 16;

/// Console text of a tab that belongs to no request (what a module says while it loads), in bytes, per
/// [`LOOSE_SPAN`].
const LOOSE_BYTES: usize = 64 << 10;

/// See [`LOOSE_BYTES`].
const LOOSE_SPAN: Duration = Duration::from_secs(10);

/// The console of one request.
pub(super) struct Console {
    pub(super) labels: Labels,
    /// Who looks at the request. Its record goes when the tab is done with it.
    pub(super) sight: Sight,
    /// When it was sent.
    since: Instant,
    /// The tab has told what it used.
    told: bool,
    limit: u32,
    /// `None` once the limit was exceeded.
    left: Option<usize>,
}

impl Console {
    pub(super) fn new(head: &RequestHead, sight: Sight) -> Self {
        let limit = head.limits.log_bytes;
        let left = usize::try_from(limit).ok();
        Self { labels: Labels::of(head), sight, since: Instant::now(), told: false, limit, left }
    }

    /// The tab tells what the request used, once. No more is believed than there was time for. The record is over with that, but to
    /// tell it takes time: whoever has it drops it where nobody waits.
    #[must_use]
    pub(super) fn used(&mut self, cost: Cost) -> Option<Arc<Record>> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        let most = self.since.elapsed();
        let within = |micros: u32| Duration::from_micros(micros.into()).min(most);
        let cost = Used { cpu: within(cost.cpu), queued: within(cost.queued), ran: within(cost.ran) };
        self.sight.stats.used(cost.cpu, cost.queued);
        let record = self.sight.record.take()?;
        record.used(cost);
        Some(record)
    }

    /// The tab has no more to say of it, or nobody waits for that.
    pub(super) fn let_go(&mut self) {
        self.sight.record = None;
    }

    /// Takes a line. The first that is over the limit is replaced by one that says so; nothing follows it.
    pub(super) fn line(&mut self, metrics: &Metrics, tab: u64, level: u8, text: &str) {
        let Some(left) = self.left else { return };
        self.left = left.checked_sub(text.len().saturating_add(LINE_COST));
        if self.left.is_some() {
            return write(tab, Some((&self.labels, &self.sight)), level, text);
        }
        let limit = self.limit;
        write(
            tab,
            Some((&self.labels, &self.sight)),
            2,
            &format!("console output beyond the limit of {limit} bytes a request is dropped"),
        );
        breach::report(metrics, &self.labels, Limit::LogBytes);
    }
}

/// The console lines of a tab that belong to no request.
pub(super) struct Loose {
    since: Instant,
    left: usize,
    dropped: u64,
}

impl Loose {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), left: LOOSE_BYTES, dropped: 0 }
    }

    /// Takes a line, or drops it.
    pub(super) fn line(&mut self, tab: u64, level: u8, text: &str) {
        if self.since.elapsed() >= LOOSE_SPAN {
            if self.dropped > 0 {
                tracing::warn!(tab, dropped = self.dropped, "console lines outside of requests were dropped");
            }
            *self = Self::new();
        }
        match self.left.checked_sub(text.len().saturating_add(LINE_COST)) {
            Some(left) => {
                self.left = left;
                write(tab, None, level, text);
            }
            None => self.dropped += 1,
        }
    }
}

fn write(tab: u64, whose: Option<(&Labels, &Sight)>, level: u8, text: &str) {
    match whose {
        Some((labels, sight)) => {
            let record = sight.record.clone();
            stacks::log(labels, text, move |labels, text| {
                let trace = record.as_ref().and_then(|record| record.trace());
                emit(tab, Some(labels), trace, level, text);
                if let Some(record) = record {
                    record.line(level, text);
                }
            });
        }
        None => emit(tab, None, None, level, text),
    }
}

/// The text is a stranger's: it is a field, which the log escapes, never a format.
fn emit(tab: u64, labels: Option<&Labels>, trace: Option<TraceId>, level: u8, text: &str) {
    macro_rules! line {
        ($log:ident) => {
            tracing::$log!(
                target: "tabmesh::handler",
                tab,
                tenant = labels.map_or("-", |labels| &labels.target.tenant),
                handler = labels.map_or("-", |labels| &labels.target.handler),
                version = labels.map(|labels| labels.version()),
                request_id = labels.map_or("-", |labels| &labels.request_id),
                trace_id = trace.map(tracing::field::display),
                text,
            )
        };
    }
    match level {
        0 => line!(debug),
        1 => line!(info),
        2 => line!(warn),
        _ => line!(error),
    }
}
