//! A token bucket on a clock that the caller holds. Never reads the time itself.

use std::time::Duration;

use crate::policy::Allowance;

/// What a connection may still say.
#[derive(Debug)]
pub(super) struct Bucket {
    allowance: Allowance,
    /// Microtokens, so that a slow refill is not lost to rounding when messages come fast.
    level: u64,
    filled_at: Duration,
}

const MICRO: u64 = 1_000_000;

impl Bucket {
    /// A full bucket.
    pub(super) fn full(allowance: Allowance, now: Duration) -> Self {
        Self { allowance, level: u64::from(allowance.burst) * MICRO, filled_at: now }
    }

    /// Pays for one message of `bytes`; `false` if the allowance is used up. Time that runs backwards adds nothing.
    pub(super) fn pay(&mut self, bytes: usize, now: Duration) -> bool {
        let micros = u64::try_from(now.saturating_sub(self.filled_at).as_micros()).unwrap_or(u64::MAX);
        self.filled_at = self.filled_at.max(now);
        // One token a second is one microtoken a microsecond.
        let gained = micros.saturating_mul(u64::from(self.allowance.per_second));
        self.level = self.level.saturating_add(gained).min(u64::from(self.allowance.burst) * MICRO);
        let tokens = 1 + (bytes / Allowance::BYTES_PER_TOKEN) as u64;
        match self.level.checked_sub(tokens.saturating_mul(MICRO)) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Allowance = Allowance { burst: 3, per_second: 2 };

    #[test]
    fn burst_then_rate() {
        let mut bucket = Bucket::full(SMALL, Duration::ZERO);
        assert_eq!((0..5).filter(|_| bucket.pay(10, Duration::ZERO)).count(), 3);
        assert!(!bucket.pay(10, Duration::from_millis(499)));
        assert!(bucket.pay(10, Duration::from_millis(500)));
        assert_eq!((0..9).filter(|_| bucket.pay(10, Duration::from_secs(3600))).count(), 3);
    }

    #[test]
    fn long_messages_cost_more() {
        let mut bucket = Bucket::full(SMALL, Duration::ZERO);
        assert!(!bucket.pay(3 * Allowance::BYTES_PER_TOKEN, Duration::ZERO));
        assert!(bucket.pay(3 * Allowance::BYTES_PER_TOKEN - 1, Duration::ZERO));
    }

    #[test]
    fn a_clock_that_jumps_is_harmless() {
        let mut bucket = Bucket::full(SMALL, Duration::from_secs(9));
        assert!(bucket.pay(0, Duration::ZERO));
        assert!(bucket.pay(0, Duration::MAX));
        assert!(bucket.pay(usize::MAX / 4, Duration::MAX) || bucket.pay(0, Duration::MAX));
    }
}
