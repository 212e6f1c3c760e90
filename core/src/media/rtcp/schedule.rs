//! When to report (RFC 3550 section 6.2): two members on a fixed interval, randomised.

use core::time::Duration;

use crate::base::rng::Rng;
use crate::base::time::Instant;

/// The time of the next report, looked at by the stream's own ticks.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    next: Instant,
}

impl Schedule {
    /// The first report comes after half the interval (section 6.2).
    pub(crate) fn new(interval: Duration, now: Instant, rng: &mut Rng) -> Self {
        Self { interval, next: now + spread(interval / 2, rng) }
    }

    /// When the next report is due.
    pub(crate) const fn deadline(&self) -> Instant {
        self.next
    }

    /// Whether a report is due; if so the next one is set.
    pub(crate) fn take_due(&mut self, now: Instant, rng: &mut Rng) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + spread(self.interval, rng);
        }
        due
    }
}

/// 0.5 to 1.5 times the interval (section 6.3.1).
fn spread(interval: Duration, rng: &mut Rng) -> Duration {
    interval / 2 + interval.mul_f64(f64::from(rng.next_u32()) / f64::from(u32::MAX))
}
