//! What the gateway counts, in Prometheus' text format. Labels are from fixed sets, or name a handler, a tenant or a
//! tab, and of those so many: nothing that a stranger chooses makes more of them.

mod cache;
mod certificates;
mod tabs;

pub use cache::CacheMetrics;
pub use certificates::Expiries;
pub use tabs::{Carried, Lane, Lanes};

use crate::breach::{Breach, Limit};
use crate::config::TelemetryConfig;
use crate::telemetry::Stats;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `ok`, or the slug of the problem that the caller got.
    pub outcome: &'static str,
}

/// The counters, gauges and histograms.
pub struct Metrics {
    registry: Registry,
    /// Requests to handlers, by outcome.
    pub requests: Family<Outcome, Counter>,
    /// Those that were answered, so that none of them looks its counter up.
    ok: Counter,
    /// Time to the response head, in seconds.
    pub latency: Histogram,
    /// Requests being answered now, until the end of their response body.
    pub active: Gauge,
    /// Requests waiting for a tab.
    pub queued: Gauge,
    /// Tabs joined.
    pub tabs: Gauge,
    /// Connection attempts of tabs.
    pub joins: Counter,
    /// Bundles sent to a tab ahead of a request.
    pub code_pushes: Counter,
    /// Bundles that tabs fetched over HTTP.
    pub code_fetches: Counter,
    /// Second tries on another tab.
    pub retries: Counter,
    /// Tabs that broke the protocol.
    pub violations: Counter,
    /// Limits that handlers exceeded, as far as the gateway sees it.
    pub breaches: Family<Breach, Counter>,
    /// Entries of KV namespaces that were found damaged.
    pub damaged_entries: Counter,
    /// Time from ping to pong, in seconds.
    pub round_trip: Histogram,
    /// The response cache.
    pub cache: CacheMetrics,
    /// Each handler's own.
    pub handlers: Arc<Stats>,
    /// Each way to carry tabs, and each tab.
    pub lanes: Arc<Lanes>,
    /// When certificates end.
    pub expiries: Arc<Expiries>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(TelemetryConfig::METRICS_HANDLERS)
    }
}

impl Metrics {
    /// Nothing counted yet; at most so many handlers get a label of their own.
    #[must_use]
    pub fn new(max_handlers: usize) -> Self {
        let mut registry = Registry::with_prefix("tabmesh");
        let requests = Family::<Outcome, Counter>::default();
        let ok = requests.get_or_create(&Outcome { outcome: "ok" }).clone();
        registry.register("requests", "Requests to handlers, by outcome", requests.clone());
        let latency = Histogram::new(exponential_buckets(0.000_25, 2.0, 18));
        registry.register_with_unit(
            "response_head",
            "Time to the response head",
            Unit::Seconds,
            latency.clone(),
        );
        let active = Gauge::default();
        registry.register("active_requests", "Requests being answered now", active.clone());
        let queued = Gauge::default();
        registry.register("queued_requests", "Requests waiting for a tab", queued.clone());
        let tabs = Gauge::default();
        registry.register("tabs", "Tabs joined", tabs.clone());
        let joins = Counter::default();
        registry.register("joins", "Data channels opened by tabs", joins.clone());
        let code_pushes = Counter::default();
        registry.register("code_pushes", "Bundles sent to a tab ahead of a request", code_pushes.clone());
        let code_fetches = Counter::default();
        registry.register("code_fetches", "Bundles that tabs fetched over HTTP", code_fetches.clone());
        let retries = Counter::default();
        registry.register("retries", "Requests sent to another tab after a failure", retries.clone());
        let violations = Counter::default();
        registry.register("protocol_violations", "Tabs closed for breaking the protocol", violations.clone());
        let breaches = Family::<Breach, Counter>::default();
        for limit in Limit::ALL {
            // There from the start, so that a rate can be taken of the first one.
            drop(breaches.get_or_create(&Breach { limit: limit.name() }));
        }
        registry.register("limit_breaches", "Limits that handlers exceeded", breaches.clone());
        let damaged_entries = Counter::default();
        registry.register(
            "kv_damaged_entries",
            "Reads of KV entries that were not what was written",
            damaged_entries.clone(),
        );
        let round_trip = Histogram::new(exponential_buckets(0.000_1, 2.0, 15));
        registry.register_with_unit("ping", "Time from ping to pong", Unit::Seconds, round_trip.clone());
        let cache = CacheMetrics::register(&mut registry);
        let handlers = Arc::new(Stats::new(max_handlers));
        registry.register_collector(Box::new(Arc::clone(&handlers)));
        let lanes = Arc::new(Lanes::default());
        registry.register_collector(Box::new(Arc::clone(&lanes)));
        let expiries = Arc::new(Expiries::default());
        registry.register_collector(Box::new(Arc::clone(&expiries)));
        Self {
            registry,
            requests,
            ok,
            latency,
            active,
            queued,
            tabs,
            joins,
            code_pushes,
            code_fetches,
            retries,
            violations,
            breaches,
            damaged_entries,
            round_trip,
            cache,
            handlers,
            lanes,
            expiries,
        }
    }
}

impl Metrics {
    /// Everything in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Counts one request that was answered.
    pub fn count_ok(&self) {
        self.ok.inc();
    }

    /// Counts one request that ended with this problem.
    pub fn count(&self, outcome: &'static str) {
        self.requests.get_or_create(&Outcome { outcome }).inc();
    }
}
