//! How much more time things take on this machine than they should: told by how late our own timer comes. Busy time is
//! wall time (see [`super::clock`]), so on a machine with too much to do limits are stretched by as much. Pure state.

use super::limits::{MAX_STRAIN, TIMER_SLACK};
use std::time::Duration;
use tabmesh_protocol::Now;

/// Lateness that doubles all times: the time slice that a thread usually waits for when a core has one more to run.
const DOUBLING: f64 = 0.025;

/// Weight of the newest of the timers that the mean is made of.
const WEIGHT: f64 = 1.0 / 4.0;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strain {
    /// Mean lateness in seconds.
    late: f64,
}

impl Strain {
    /// A timer that was due at `due` came now.
    pub(super) fn timer(&mut self, now: Now, due: Now) {
        // A machine that slept is not a busy one.
        let late =
            now.saturating_sub(due).saturating_sub(TIMER_SLACK).as_secs_f64().min(DOUBLING * MAX_STRAIN);
        self.late += (late - self.late) * WEIGHT;
    }

    /// How many times longer things take, from 1 up.
    pub(super) fn factor(&self) -> f64 {
        (1.0 + self.late / DOUBLING).min(MAX_STRAIN)
    }

    /// The time that something took here, as it would have been without strain.
    pub(super) fn ease(&self, took: Duration) -> Duration {
        took.div_f64(self.factor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_timers_stretch_time_within_bounds_and_punctual_ones_end_it() {
        let mut strain = Strain::default();
        let due = Duration::from_secs(9);
        strain.timer(due + TIMER_SLACK, due);
        assert_eq!(strain.ease(Duration::from_secs(1)), Duration::from_secs(1));
        for _ in 0..100 {
            strain.timer(due + TIMER_SLACK + Duration::from_millis(25), due);
        }
        assert!((strain.factor() - 2.0).abs() < 0.01);
        for _ in 0..100 {
            strain.timer(due + Duration::from_secs(5), due);
        }
        assert!((strain.factor() - MAX_STRAIN).abs() < f64::EPSILON);
        for _ in 0..100 {
            strain.timer(due, due);
        }
        assert!(strain.factor() < 1.01);
    }
}
