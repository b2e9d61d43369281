//! Pauses between attempts: exponential, with jitter from a seed that is given. Nothing here reads a clock or draws a
//! random number of its own.

use super::limits::{RETRY_FIRST, RETRY_MAX};
use std::time::Duration;

/// A stream of numbers from a seed (splitmix64): for jitter, not for secrets.
#[derive(Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between half of `most` and all of it, so that tabs that lost the same gateway do not return in one instant.
    pub(super) fn spread(&mut self, most: Duration) -> Duration {
        let half = most / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(if nanos == 0 { 0 } else { self.next() % nanos })
    }
}

/// The pause after `failures` failures in a row (1 or more).
pub(super) fn pause(failures: u32, jitter: &mut Jitter) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    jitter.spread((RETRY_FIRST * 2u32.pow(doublings)).min(RETRY_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_differ_between_seeds() {
        let (mut one, mut two) = (Jitter::new(1), Jitter::new(2));
        let mut total = Duration::ZERO;
        for failures in 1..40 {
            let most = (RETRY_FIRST * 2u32.pow(failures.min(20) - 1)).min(RETRY_MAX);
            let got = pause(failures, &mut one);
            assert!(got >= most / 2 && got <= most, "{failures}: {got:?}");
            assert_ne!(got, pause(failures, &mut two));
            total += got;
        }
        assert!(total > Duration::from_secs(30));
        assert!(pause(1, &mut one) <= Duration::from_millis(100));
    }
}
