//! Counters of each handler. A request adds to them without a lock and without memory of its own: its handler leads to them.
//!
//! Labels are bounded: so many handlers and so many tenants have a name of their own, the others count together as [`OTHER`].
//! A handler that is deployed no more loses its place when somebody looks, or when another needs it.

use super::Outcome;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tabmesh_protocol::Target;

/// What all that have no name of their own are called. No handler and no tenant can have such a name.
pub const OTHER: &str = "_other";

/// Tenants with a label of their own.
pub const MAX_TENANTS: usize = 100;

/// Upper bounds of the buckets of wall time, in microseconds: 1 ms to 65 s by four.
const BUCKETS: [u64; 9] = [1000, 4000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000, 16_384_000, 65_536_000];

/// Classes of status: none, 1xx to 5xx.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of one handler.
#[derive(Debug, Default)]
pub struct HandlerStats {
    requests: [[AtomicU64; CLASSES.len()]; Outcome::ALL.len()],
    wall: [AtomicU64; BUCKETS.len() + 1],
    wall_us: AtomicU64,
    cpu_us: AtomicU64,
    queued_us: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    retries: AtomicU64,
    calls: AtomicU64,
}

impl HandlerStats {
    /// A request ended; `status` 0 where nothing was answered.
    pub fn ended(&self, outcome: Outcome, status: u16, wall: Duration) {
        let class = usize::from(status / 100).min(CLASSES.len() - 1);
        self.requests[outcome as usize][class].fetch_add(1, Relaxed);
        let wall = micros(wall);
        self.wall[BUCKETS.partition_point(|bound| *bound < wall)].fetch_add(1, Relaxed);
        self.wall_us.fetch_add(wall, Relaxed);
    }

    /// A tab is done with a request.
    pub fn used(&self, cpu: Duration, queued: Duration) {
        self.cpu_us.fetch_add(micros(cpu), Relaxed);
        self.queued_us.fetch_add(micros(queued), Relaxed);
    }

    /// Bytes of request body that were read.
    pub fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes of response body on their way to the caller.
    pub fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Relaxed);
    }

    /// A further try on another tab.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Relaxed);
    }

    /// The handler made a call.
    pub fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What is known of a handler besides its deployment: where its requests are counted, and who may watch it.
#[derive(Debug, Default)]
pub struct Seen(OnceLock<(Arc<HandlerStats>, u64)>);

impl PartialEq for Seen {
    /// Who is looked at is the same.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Seen {}

impl Seen {
    /// The handler's counters, and the bits under which the live tail has its readers.
    pub fn of(&self, stats: &Stats, target: &Target) -> (&Arc<HandlerStats>, u64) {
        let (stats, bits) = self.0.get_or_init(|| (stats.of(target), crate::tail::bits(target)));
        (stats, *bits)
    }
}

/// Whether a handler is still deployed.
type Exists = Box<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// The counters of all handlers. See the module's page.
pub struct Stats {
    /// By tenant and handler.
    known: Mutex<BTreeMap<(String, String), Arc<HandlerStats>>>,
    exists: OnceLock<Exists>,
    max_handlers: usize,
}

impl fmt::Debug for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stats").field("max_handlers", &self.max_handlers).finish_non_exhaustive()
    }
}

impl Stats {
    /// None yet; at most so many handlers get a name of their own.
    #[must_use]
    pub fn new(max_handlers: usize) -> Self {
        Self { known: Mutex::default(), exists: OnceLock::new(), max_handlers }
    }

    /// From now on handlers are forgotten of which this says that they are gone.
    pub fn ask(&self, exists: impl Fn(&str, &str) -> bool + Send + Sync + 'static) {
        // Once is enough.
        let _ = self.exists.set(Box::new(exists));
    }

    /// Where this handler's requests are counted.
    #[must_use]
    pub fn of(&self, target: &Target) -> Arc<HandlerStats> {
        let Target { tenant, handler, .. } = target;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stats) = known.get(&(tenant.clone(), handler.clone())) {
            return Arc::clone(stats);
        }
        let is_full = |known: &BTreeMap<(String, String), _>| {
            known.keys().filter(|(_, handler)| handler != OTHER).count() >= self.max_handlers
        };
        if is_full(&known) {
            self.forget_gone(&mut known);
        }
        let tenants: BTreeSet<&String> = known.keys().map(|(tenant, _)| tenant).collect();
        let has_tenant = tenants.contains(tenant) || tenants.len() < MAX_TENANTS;
        let key = match (has_tenant, is_full(&known)) {
            (true, false) => (tenant.clone(), handler.clone()),
            (true, true) => (tenant.clone(), OTHER.to_owned()),
            (false, _) => (OTHER.to_owned(), OTHER.to_owned()),
        };
        Arc::clone(known.entry(key).or_default())
    }

    /// Requests so far by outcome, over all handlers that are deployed.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<&'static str, u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |outcome: Outcome| {
            known
                .values()
                .flat_map(|stats| &stats.requests[outcome as usize])
                .map(|it| it.load(Relaxed))
                .sum()
        };
        Outcome::ALL.into_iter().map(|outcome| (outcome.name(), of(outcome))).collect()
    }

    fn forget_gone(&self, known: &mut BTreeMap<(String, String), Arc<HandlerStats>>) {
        let Some(exists) = self.exists.get() else { return };
        known.retain(|(tenant, handler), _| handler == OTHER || exists(tenant, handler));
    }
}

/// Labels of a handler's metric.
#[derive(Clone, Copy, Debug)]
struct Named<'a> {
    tenant: &'a str,
    handler: &'a str,
    outcome: Option<(&'static str, &'static str)>,
}

impl EncodeLabelSet for Named<'_> {
    fn encode(&self, encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>) -> fmt::Result {
        use prometheus_client::encoding::EncodeLabel as _;
        ("tenant", self.tenant).encode(encoder.encode_label())?;
        ("handler", self.handler).encode(encoder.encode_label())?;
        if let Some((outcome, status)) = self.outcome {
            ("outcome", outcome).encode(encoder.encode_label())?;
            ("status", status).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

/// One of the plain counters: name, help, unit, and where it stands. Times are kept in microseconds and told in seconds.
type Plain = (&'static str, &'static str, Option<Unit>, fn(&HandlerStats) -> &AtomicU64);

const PLAIN: [Plain; 6] = [
    ("handler_cpu", "CPU time of handlers, as tabs tell it", Some(Unit::Seconds), |it| &it.cpu_us),
    (
        "handler_queue",
        "Time that requests waited in a tab for an isolate and its code",
        Some(Unit::Seconds),
        |it| &it.queued_us,
    ),
    ("handler_request", "Bytes of request bodies", Some(Unit::Bytes), |it| &it.bytes_in),
    ("handler_response", "Bytes of response bodies", Some(Unit::Bytes), |it| &it.bytes_out),
    ("handler_retries", "Requests sent to another tab after a failure, by handler", None, |it| &it.retries),
    ("handler_subrequests", "Calls of handlers: fetches and bindings", None, |it| &it.calls),
];

impl Collector for Stats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let all: Vec<_> = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            self.forget_gone(&mut known);
            known.iter().map(|(key, stats)| (key.clone(), Arc::clone(stats))).collect()
        };
        if all.is_empty() {
            return Ok(());
        }
        let help = "Requests to each handler, by outcome and class of status";
        let mut family = encoder.encode_descriptor("handler_requests", help, None, MetricType::Counter)?;
        for ((tenant, handler), stats) in &all {
            for (outcome, classes) in Outcome::ALL.iter().zip(&stats.requests) {
                for (class, count) in CLASSES.iter().zip(classes) {
                    let count = count.load(Relaxed);
                    if count > 0 {
                        let labels = Named { tenant, handler, outcome: Some((outcome.name(), class)) };
                        family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
                    }
                }
            }
        }
        for (name, help, unit, get) in PLAIN {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
            for ((tenant, handler), stats) in &all {
                let labels = Named { tenant, handler, outcome: None };
                let count = get(stats).load(Relaxed);
                let mut metric = family.encode_family(&labels)?;
                match unit {
                    Some(Unit::Seconds) => {
                        metric.encode_counter::<NoLabelSet, _, u64>(&(count as f64 / 1e6), None)?;
                    }
                    _ => metric.encode_counter::<NoLabelSet, _, u64>(&count, None)?,
                }
            }
        }
        let help = "Time from a request's arrival to the end of its answer";
        let unit = Some(Unit::Seconds);
        let mut family =
            encoder.encode_descriptor("handler_wall", help, unit.as_ref(), MetricType::Histogram)?;
        for ((tenant, handler), stats) in &all {
            let labels = Named { tenant, handler, outcome: None };
            let bounds = BUCKETS.iter().map(|bound| *bound as f64 / 1e6).chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(stats.wall.iter().map(|count| count.load(Relaxed))).collect();
            let count = buckets.iter().map(|(_, count)| count).sum();
            let sum = stats.wall_us.load(Relaxed) as f64 / 1e6;
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
