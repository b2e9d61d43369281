//! Responses that may be used again, in memory: those of handlers, kept and given in front of [`crate::invoke`], and those that
//! code keeps itself through the Cache API.
//!
//! What may be kept and for how long is decided by pure functions ([`policy`], [`conditional`]); here is where it is kept, bounded by
//! bytes, and who asks for it when it is missing ([`flight`]). Nothing here calls a handler.

mod budget;
pub mod conditional;
mod directives;
mod entry;
mod fill;
mod flight;
mod key;
pub mod named;
mod policy;
mod status;

pub use conditional::{is_guarded, is_partial};
pub use directives::speaks;
pub use entry::Entry;
pub use fill::Asked;
pub use flight::{Lead, Turn};
pub use key::{Key, Moment, Zone};
pub use policy::State;
pub use status::{CACHE_STATUS, Status};

use crate::metrics::CacheMetrics;
use budget::Budget;
use bytes::Bytes;
use entry::OVERHEAD;
use flight::Flights;
use http::{HeaderMap, HeaderName};
use key::Variants;
use moka::Expiry;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest body that is stored, in bytes. A larger one passes through.
pub const MAX_BODY: usize = 8 << 20;

/// How long it is remembered that the answers to a request for which others waited were not fit to be stored.
const PASS: Duration = Duration::from_secs(10);

/// How long it is remembered what a response depends on.
const VARIANTS: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone)]
enum Value {
    Entry(Arc<Entry>),
    /// Look again, for one of these.
    Variants(Arc<Variants>),
    /// Nobody need wait for another's answer.
    Pass,
}

/// What there is for a request.
pub enum Found {
    /// A response, fresh or not.
    Entry(Arc<Entry>),
    /// Nothing.
    Nothing,
    /// Nothing, and waiting for another's answer would be in vain.
    Pass,
}

/// The cache. See the module's page.
pub struct Cache {
    /// `None` where it is switched off.
    entries: Option<moka::sync::Cache<Key, Value>>,
    flights: Arc<Flights>,
    /// As much again as is kept may be on its way in, or out to slow readers.
    budget: Budget,
    metrics: CacheMetrics,
}

impl Cache {
    /// A cache of so many bytes; 0 keeps nothing.
    #[must_use]
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        let entries = (bytes > 0).then(|| {
            let (held, evictions) = (metrics.bytes.clone(), metrics.evictions.clone());
            moka::sync::Cache::builder()
                .max_capacity(bytes)
                .weigher(weigh)
                .expire_after(Kept)
                .eviction_listener(move |key, value, cause| {
                    held.dec_by(weigh(&key, &value).into());
                    if cause == moka::notification::RemovalCause::Size {
                        evictions.inc();
                    }
                })
                .build()
        });
        Self { entries, flights: Arc::default(), budget: Budget::new(bytes.saturating_mul(2)), metrics }
    }

    /// Whether it keeps anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.entries.is_some()
    }

    /// Counts an answer.
    pub fn count(&self, status: Status) {
        self.metrics.count(status);
    }

    /// What there is for a request with these fields, and under which key.
    pub fn find(&self, key: &Key, asked: &HeaderMap) -> (Found, Key) {
        let get = |key: &Key| self.entries.as_ref()?.get(key);
        let (value, place) = match get(key) {
            Some(Value::Variants(variants)) => {
                let place = key.variant(&variants, asked);
                (get(&place), place)
            }
            value => (value, key.clone()),
        };
        let found = match value {
            Some(Value::Entry(entry)) => Found::Entry(entry),
            Some(Value::Pass) => Found::Pass,
            Some(Value::Variants(_)) | None => Found::Nothing,
        };
        (found, place)
    }

    /// The turn to ask the handler for what is under this key.
    pub fn turn(&self, place: &Key) -> Turn {
        self.flights.join(place)
    }

    /// Takes away what is under a key.
    pub fn remove(&self, key: &Key) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.remove(key).is_some())
    }

    /// Takes away what a handler answered at a URL, all variants of it. What is on its way now is not stored either.
    pub fn purge(&self, zone: &Zone, url: &str) -> bool {
        zone.purged_one();
        self.remove(&Key::new(zone.moment(), url))
    }

    fn put(&self, key: Key, value: Value) {
        if let Some(entries) = &self.entries {
            // What is replaced, expires or does not fit is taken off again by the listener.
            self.metrics.bytes.inc_by(weigh(&key, &value).into());
            entries.insert(key, value);
        }
    }

    /// The same bytes, counted as long as anybody has them; `None` when there are too many.
    fn hold(&self, data: Bytes) -> Option<Bytes> {
        self.budget.hold(data)
    }

    /// Stores a response that depends on these fields of its request.
    fn store(&self, key: &Key, vary: Vec<HeaderName>, asked: &HeaderMap, entry: Entry) {
        let entry = Value::Entry(Arc::new(entry));
        if vary.is_empty() {
            return self.put(key.clone(), entry);
        }
        let known = match self.entries.as_ref().and_then(|entries| entries.get(key)) {
            Some(Value::Variants(variants)) if variants.names == vary => Some(variants),
            _ => None,
        };
        let variants = known.unwrap_or_else(|| {
            let variants = Arc::new(Variants::new(vary));
            self.put(key.clone(), Value::Variants(Arc::clone(&variants)));
            variants
        });
        self.put(key.variant(&variants, asked), entry);
    }

    /// Puts a stored response that its handler confirmed in the place of the old one.
    pub fn refresh(&self, place: &Key, zone: (&Zone, Moment), entry: Entry) -> Arc<Entry> {
        let entry = Arc::new(entry);
        if zone.0.moment() == zone.1 {
            self.put(place.clone(), Value::Entry(Arc::clone(&entry)));
        }
        entry
    }
}

fn weigh(key: &Key, value: &Value) -> u32 {
    let value = match value {
        Value::Entry(entry) => entry.weight(),
        Value::Variants(_) | Value::Pass => OVERHEAD,
    };
    u32::try_from(value + key.weight()).unwrap_or(u32::MAX)
}

/// How long values are kept.
struct Kept;

impl Kept {
    fn of(value: &Value) -> Duration {
        match value {
            Value::Entry(entry) => entry.freshness.kept(),
            Value::Variants(_) => VARIANTS,
            Value::Pass => PASS,
        }
    }
}

impl Expiry<Key, Value> for Kept {
    fn expire_after_create(&self, _: &Key, value: &Value, _: Instant) -> Option<Duration> {
        Some(Self::of(value))
    }

    fn expire_after_update(
        &self,
        _: &Key,
        value: &Value,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(Self::of(value))
    }
}

#[cfg(test)]
mod tests;
