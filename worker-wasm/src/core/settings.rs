//! What the contributor allows, made sane. A page may say anything; what stands here is always within its bounds.

use super::limits::MEMORY_PER_ISOLATE;
use std::time::Duration;
use tabmesh_protocol::Limits;
use tabmesh_protocol::config::MAX_TENANTS;

/// See the module. The numbers are taken as they come and clamped by [`Settings::clamped`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Requests that are worked on at once, from each gateway at most 512.
    pub concurrency: u32,
    /// Isolates with code.
    pub isolates: u32,
    /// Processor cores that handlers may keep busy.
    pub cores: u32,
    /// Cores that the machine has.
    pub all_cores: u32,
    /// Part of the cores' time, 0.05 to 1.
    pub cpu_share: f64,
    /// Memory of the whole tab, in MiB, as far as it can be counted.
    pub memory_mb: u32,
    /// CPU time of one request, in ms; a handler's own limit counts where it is lower.
    pub cpu_ms: u32,
    /// Work only while the machine is known to charge.
    pub only_charging: bool,
    /// No work while the connection is known to be metered.
    pub not_metered: bool,
    /// Tenants to serve; none named: all.
    pub tenants: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            isolates: 16,
            cores: u32::MAX,
            all_cores: u32::MAX,
            cpu_share: 1.0,
            memory_mb: 2048,
            cpu_ms: 5000,
            only_charging: false,
            not_metered: false,
            tenants: Vec::new(),
        }
    }
}

impl Settings {
    /// The nearest settings that make sense.
    #[must_use]
    pub fn clamped(mut self) -> Self {
        // More than 512 streams would let their first windows exceed the connection's.
        self.concurrency = self.concurrency.clamp(1, 512);
        self.isolates = self.isolates.clamp(1, 64);
        self.cores = self.cores.max(1);
        self.cpu_share = if self.cpu_share.is_finite() { self.cpu_share.clamp(0.05, 1.0) } else { 1.0 };
        self.memory_mb = self.memory_mb.clamp(64, 1 << 20);
        self.cpu_ms = self.cpu_ms.clamp(10, 300_000);
        self.tenants.truncate(MAX_TENANTS);
        self
    }

    /// CPU time of one request of a handler with these limits.
    pub(super) fn cpu_limit(&self, limits: &Limits) -> Duration {
        Duration::from_millis(limits.cpu_ms.min(self.cpu_ms).into())
    }

    /// Bytes of the whole tab.
    pub(super) fn memory(&self) -> u64 {
        (u64::from(self.memory_mb) << 20).max(MEMORY_PER_ISOLATE)
    }

    /// CPU seconds per second that handlers may use; infinite where they may use all: time is counted by turns, which
    /// last longer than they compute when threads share a core, so a sum beyond all cores proves nothing.
    pub(super) fn cpu_rate(&self) -> f64 {
        if self.cores >= self.all_cores && self.cpu_share >= 1.0 {
            f64::INFINITY
        } else {
            f64::from(self.cores.min(self.all_cores)) * self.cpu_share
        }
    }

    pub(super) fn serves(&self, tenant: &str) -> bool {
        self.tenants.is_empty() || self.tenants.iter().any(|served| served == tenant)
    }
}

/// What the browser tells of the machine; `None` where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// On mains power.
    pub charging: Option<bool>,
    /// The connection costs by volume.
    pub metered: Option<bool>,
}

impl Surroundings {
    /// Why these settings forbid work here, if they do. What the browser does not tell forbids nothing.
    pub(super) fn forbid(self, settings: &Settings) -> Option<&'static str> {
        if settings.only_charging && self.charging == Some(false) {
            Some("waiting for the machine to charge")
        } else if settings.not_metered && self.metered == Some(true) {
            Some("waiting for a connection that is not metered")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_page_says_is_made_sane() {
        let wild = Settings {
            concurrency: 0,
            isolates: u32::MAX,
            cores: 0,
            cpu_share: f64::NAN,
            memory_mb: 0,
            cpu_ms: u32::MAX,
            tenants: vec!["t".into(); 1000],
            ..Settings::default()
        };
        let sane = wild.clamped();
        assert_eq!((sane.concurrency, sane.isolates, sane.cores), (1, 64, 1));
        assert_eq!((sane.memory_mb, sane.cpu_ms, sane.tenants.len()), (64, 300_000, MAX_TENANTS));
        assert!((sane.cpu_share - 1.0).abs() < f64::EPSILON);
        assert_eq!(Settings::default().clamped(), Settings::default());
    }

    #[test]
    fn the_lower_limit_counts() {
        let settings = Settings { cpu_ms: 1000, ..Settings::default() };
        let limits = Limits { cpu_ms: 2000, ..Limits::default() };
        assert_eq!(settings.cpu_limit(&limits), Duration::from_secs(1));
    }

    #[test]
    fn unknown_surroundings_forbid_nothing() {
        let settings = Settings { only_charging: true, not_metered: true, ..Settings::default() };
        let at = |charging, metered| Surroundings { charging, metered }.forbid(&settings).is_some();
        assert!(!at(None, None) && !at(Some(true), Some(false)));
        assert!(at(Some(false), None) && at(None, Some(true)));
        let any = Settings::default();
        assert_eq!(Surroundings { charging: Some(false), metered: Some(true) }.forbid(&any), None);
    }
}
