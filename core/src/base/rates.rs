//! How often something may happen for one source.

use alloc::vec::Vec;
use core::time::Duration;

use super::index::Digest;
use super::time::Instant;

/// Sources that are told apart; those that fall together share what one may.
const BUCKETS: usize = 1_024;
/// What has not been used up for so long may be used at once.
const BURST: Duration = Duration::from_secs(1);

/// A token bucket for each source. The table has a fixed size, whoever comes.
pub(crate) struct Rates {
    /// When each bucket is full again; empty until something happens.
    full_at: Vec<Instant>,
    each: Duration,
    /// Until then some bucket is empty.
    dry_until: Instant,
}

impl Rates {
    /// So many a second for each source; `u32::MAX` is no bound.
    pub(crate) fn new(per_second: u32) -> Self {
        let each = match per_second {
            u32::MAX => Duration::ZERO,
            some => BURST / some.max(1),
        };
        Self { full_at: Vec::new(), each, dry_until: Instant::ZERO }
    }

    /// Whether some source may have nothing at the moment.
    pub(crate) fn is_dry(&self, now: Instant) -> bool {
        now < self.dry_until
    }

    /// Whether `source` may have one more.
    pub(crate) fn has(&self, now: Instant, source: Digest) -> bool {
        self.full_at.get(source.bits() as usize % BUCKETS).is_none_or(|&at| at + self.each <= now + BURST)
    }

    /// Takes one for `source`; false if it has had as many as it may.
    pub(crate) fn take(&mut self, now: Instant, source: Digest) -> bool {
        if self.full_at.is_empty() {
            self.full_at.resize(BUCKETS, Instant::ZERO);
        }
        let Some(full_at) = self.full_at.get_mut(source.bits() as usize % BUCKETS) else { return false };
        let next = (*full_at).max(now) + self.each;
        if next > now + BURST {
            // One more fits in when the bucket has got that much fuller.
            self.dry_until = self.dry_until.max(now + next.saturating_since(now + BURST));
            return false;
        }
        *full_at = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::index::DigestKey;
    use crate::base::rng::Rng;

    #[test]
    fn a_source_has_so_many_a_second_and_another_is_not_concerned() {
        let key = DigestKey::new(&mut Rng::secret([1; 32]));
        let (hostile, honest) = (key.digest(&[b"hostile"]), key.digest(&[b"honest"]));
        let mut rates = Rates::new(10);
        let mut now = Instant::from_millis(5_000);
        let flood = |rates: &mut Rates, now| (0..100).filter(|_| rates.take(now, hostile)).count();
        assert_eq!(flood(&mut rates, now), 10, "what was saved in a second");
        assert!(rates.is_dry(now) && !rates.has(now, hostile) && rates.has(now, honest));
        assert!(rates.take(now, honest));
        for _ in 0..10 {
            now = now + Duration::from_millis(500);
            assert!(!rates.is_dry(now), "there is something again for everybody");
            assert_eq!(flood(&mut rates, now), 5);
        }
        assert!(Rates::new(u32::MAX).take(now, hostile));
        let mut free = Rates::new(u32::MAX);
        assert_eq!(flood(&mut free, now), 100);
        let mut none = Rates::new(0);
        assert_eq!(flood(&mut none, now), 1, "one a second at least");
    }
}
