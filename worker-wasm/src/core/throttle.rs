//! The share of the processor that the contributor gives, as a bucket of CPU time that fills at that rate. Handlers
//! that run cannot be slowed down, so an empty bucket keeps new requests waiting. Pure state.

use std::time::Duration;
use tabmesh_protocol::Now;

/// Most CPU time that is saved up, in seconds per second of rate: short bursts run at full speed.
const BURST: f64 = 0.25;

/// Most that is owed, in the same unit: turns of threads that share a core are counted for more than they used.
const DEBT: f64 = 2.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Throttle {
    /// CPU seconds per second.
    rate: f64,
    /// CPU seconds left; below 0 after more was used.
    left: f64,
    filled: Now,
}

impl Throttle {
    pub(super) fn new(rate: f64, now: Now) -> Self {
        Self { rate, left: rate * BURST, filled: now }
    }

    pub(super) fn set_rate(&mut self, rate: f64, now: Now) {
        if rate.to_bits() == self.rate.to_bits() {
            return;
        }
        self.fill(now);
        let left = if self.left.is_finite() { self.left } else { f64::INFINITY };
        self.rate = rate;
        self.filled = now;
        self.left = left.min(rate * BURST);
    }

    fn fill(&mut self, now: Now) {
        if self.rate.is_infinite() {
            return;
        }
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.left = (self.left + passed * self.rate).min(self.rate * BURST);
        self.filled = now;
    }

    /// Handlers used this much.
    pub(super) fn charge(&mut self, now: Now, busy: Duration) {
        self.fill(now);
        if self.rate.is_finite() {
            self.left = (self.left - busy.as_secs_f64()).max(-self.rate * DEBT);
        }
    }

    /// When work may begin, if not now.
    pub(super) fn closed_until(&self, now: Now) -> Option<Now> {
        if self.rate.is_infinite() {
            return None;
        }
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        let left = self.left + passed * self.rate;
        // A millisecond more, so that rounding never makes it wait for no time.
        (left < 0.0).then(|| now + Duration::from_secs_f64(-left / self.rate) + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_beyond_the_share_is_waited_for() {
        let now = Duration::from_secs(50);
        let mut throttle = Throttle::new(0.5, now);
        assert_eq!(throttle.closed_until(now), None);
        throttle.charge(now, Duration::from_secs(1));
        let open = throttle.closed_until(now).unwrap();
        // 1 s less the 125 ms saved up, at half a core.
        assert_eq!(open, now + Duration::from_millis(1751));
        assert!(throttle.closed_until(open - Duration::from_millis(20)).is_some());
        assert_eq!(throttle.closed_until(open), None);
        throttle.set_rate(2.0, now);
        assert!(throttle.closed_until(now).unwrap() < open);
    }

    #[test]
    fn the_whole_processor_is_never_waited_for_and_a_lowered_share_counts_from_then_on() {
        let now = Duration::from_secs(50);
        let mut throttle = Throttle::new(f64::INFINITY, now);
        throttle.charge(now, Duration::from_secs(1000));
        assert_eq!(throttle.closed_until(now), None);
        throttle.set_rate(1.0, now);
        assert_eq!(throttle.closed_until(now), None);
        throttle.charge(now, Duration::from_secs(1000));
        let open = throttle.closed_until(now).unwrap();
        assert_eq!(open, now + Duration::from_millis(2001));
        throttle.set_rate(f64::INFINITY, now);
        assert_eq!(throttle.closed_until(now), None);
    }

    #[test]
    fn no_more_than_a_burst_is_saved_up() {
        let mut throttle = Throttle::new(1.0, Duration::ZERO);
        let later = Duration::from_secs(3600);
        throttle.charge(later, Duration::from_millis(300));
        assert!(throttle.closed_until(later).is_some());
    }
}
