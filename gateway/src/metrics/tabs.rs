//! What goes over tabs and the ways that carry them (lanes), and what is on its way to those who look. So many tabs have a label of
//! their own while they are joined, those that joined first; the others count together.

use crate::mesh::pool::Pool;
use crate::tail::Tail;
use crate::telemetry::Tracing;
use crate::telemetry::stats::OTHER;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tabmesh_protocol::Load;

/// Tabs with a label of their own.
pub const MAX_TABS: usize = 64;

/// How a tab is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The gateway's own driver, one UDP port for all tabs of a thread.
    Own,
    /// The `webrtc` crate, over UDP.
    Udp,
    /// Over TCP.
    Tcp,
    /// Over either.
    Both,
}

impl Lane {
    /// All of them, by their number.
    pub const ALL: [Self; 4] = [Self::Own, Self::Udp, Self::Tcp, Self::Both];

    /// Its name in labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own-udp",
            Self::Udp => "webrtc-udp",
            Self::Tcp => "webrtc-tcp",
            Self::Both => "webrtc-both",
        }
    }
}

/// What went over a tab, or a lane.
#[derive(Debug, Default)]
pub struct Carried {
    joins: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    round_trip_us: AtomicU64,
    isolates: AtomicU64,
}

impl Carried {
    /// A tab joined.
    pub fn joined(&self) {
        self.joins.fetch_add(1, Relaxed);
    }

    /// A request was sent to it.
    pub fn requested(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// One ended without an answer, or in the middle of it.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// A message of so many bytes came.
    pub fn received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    /// One went out.
    pub fn sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    /// It answered a ping.
    pub fn answered(&self, load: Load, round_trip: Duration) {
        self.isolates.store(load.isolates.into(), Relaxed);
        self.round_trip_us.store(u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Requests that were sent to it.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Isolates that it had when it answered last, as it says.
    #[must_use]
    pub fn isolates(&self) -> u64 {
        self.isolates.load(Relaxed)
    }

    /// The last ping's time; `None` before the first answer.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        let micros = self.round_trip_us.load(Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros))
    }
}

/// What is looked at when somebody asks.
struct Around {
    pool: Weak<Pool>,
    tail: Arc<Tail>,
    tracing: Option<Arc<Tracing>>,
}

/// The lanes' counters, and what is around them.
#[derive(Default)]
pub struct Lanes {
    lanes: [Carried; Lane::ALL.len()],
    around: OnceLock<Around>,
}

impl fmt::Debug for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lanes").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// A counter's name, help, unit and place.
type Plain = (&'static str, &'static str, Option<Unit>, fn(&Carried) -> &AtomicU64);

const PLAIN: [Plain; 4] = [
    ("requests", "Requests sent", None, |it| &it.requests),
    ("failures", "Requests that ended without a whole answer", None, |it| &it.failures),
    ("received", "Bytes of messages that came", Some(Unit::Bytes), |it| &it.received),
    ("sent", "Bytes of messages that went", Some(Unit::Bytes), |it| &it.sent),
];

impl Lanes {
    /// The counters of one.
    #[must_use]
    pub fn of(&self, lane: Lane) -> &Carried {
        &self.lanes[lane as usize]
    }

    /// From now on these are looked at, too.
    pub fn watch(&self, pool: &Arc<Pool>, tail: &Arc<Tail>, tracing: Option<Arc<Tracing>>) {
        let around = Around { pool: Arc::downgrade(pool), tail: Arc::clone(tail), tracing };
        // Once is enough.
        let _ = self.around.set(around);
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, unit, get) in PLAIN {
            let name = format!("lane_{name}");
            let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Counter)?;
            for lane in Lane::ALL {
                let labels = [("lane", lane.name())];
                let count = get(self.of(lane)).load(Relaxed);
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let mut joins =
            encoder.encode_descriptor("lane_joins", "Tabs that joined", None, MetricType::Counter)?;
        for lane in Lane::ALL {
            let labels = [("lane", lane.name())];
            let count = self.of(lane).joins.load(Relaxed);
            joins.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        let Some(around) = self.around.get() else { return Ok(()) };
        around.encode(encoder)
    }
}

impl Around {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut tabs = self.pool.upgrade().map(|pool| pool.tabs()).unwrap_or_default();
        tabs.sort_by_key(|tab| tab.id);
        let (named, others) = tabs.split_at(tabs.len().min(MAX_TABS));
        for (name, help, unit, get) in PLAIN {
            let name = format!("tab_{name}");
            // A sum over tabs that come and go does not only grow: these are gauges.
            let mut family = encoder.encode_descriptor(&name, help, unit.as_ref(), MetricType::Gauge)?;
            let value = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            for tab in named {
                let id = tab.id.to_string();
                let labels = [("tab", &*id), ("lane", tab.lane.name())];
                family.encode_family(&labels)?.encode_gauge(&value(get(&tab.carried).load(Relaxed)))?;
            }
            if !others.is_empty() {
                let sum = others.iter().map(|tab| get(&tab.carried).load(Relaxed)).sum();
                family.encode_family(&[("tab", OTHER), ("lane", OTHER)])?.encode_gauge(&value(sum))?;
            }
        }
        let unit = Some(Unit::Seconds);
        let help = "Time of the last ping";
        let mut family = encoder.encode_descriptor("tab_ping", help, unit.as_ref(), MetricType::Gauge)?;
        for tab in named {
            let Some(time) = tab.carried.round_trip() else { continue };
            let id = tab.id.to_string();
            let labels = [("tab", &*id), ("lane", tab.lane.name())];
            family.encode_family(&labels)?.encode_gauge(&time.as_secs_f64())?;
        }
        let readers = i64::try_from(self.tail.readers()).unwrap_or(i64::MAX);
        encoder
            .encode_descriptor("tail_readers", "Live tails that are open", None, MetricType::Gauge)?
            .encode_gauge(&readers)?;
        let help = "Events that readers of live tails lost";
        encoder
            .encode_descriptor("tail_dropped", help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&self.tail.dropped(), None)?;
        if let Some(tracing) = &self.tracing {
            let help = "Spans that were lost for want of room";
            encoder
                .encode_descriptor("spans_dropped", help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&tracing.lost(), None)?;
        }
        Ok(())
    }
}
