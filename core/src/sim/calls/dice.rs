//! Draws from a seed.

use core::time::Duration;

use crate::base::rng::Rng;

/// A generator with the few draws that a simulation needs.
pub(super) struct Dice(Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(crate::sim::rng(seed))
    }

    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0.next_u64() % sides.max(1)
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    pub(super) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.roll(to.saturating_sub(from) + 1))
    }

    pub(super) fn seed(&mut self) -> [u8; 32] {
        self.0.next_seed()
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
}
