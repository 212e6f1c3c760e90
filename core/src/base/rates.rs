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
    /// Empty until something happens.
    buckets: Vec<Bucket>,
    each: Duration,
    /// Until then some bucket is empty.
    dry_until: Instant,
}

#[derive(Clone, Copy)]
struct Bucket {
    /// When it is full again.
    full_at: Instant,
    /// Whether it has been empty since it was full.
    was_dry: bool,
}

/// A source has had as many as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dry {
    /// Whether it had some left since its bucket was full last, up to now.
    pub(crate) begins: bool,
}

impl Rates {
    /// So many a second for each source; `u32::MAX` is no bound.
    pub(crate) fn new(per_second: u32) -> Self {
        let each = match per_second {
            u32::MAX => Duration::ZERO,
            some => BURST / some.max(1),
        };
        Self { buckets: Vec::new(), each, dry_until: Instant::ZERO }
    }

    /// Whether some source may have nothing at the moment.
    pub(crate) fn is_dry(&self, now: Instant) -> bool {
        now < self.dry_until
    }

    /// Whether `source` may have one more.
    pub(crate) fn has(&self, now: Instant, source: Digest) -> bool {
        let bucket = self.buckets.get(source.bits() as usize % BUCKETS);
        bucket.is_none_or(|bucket| bucket.full_at + self.each <= now + BURST)
    }

    /// Takes one for `source`, unless it has had as many as it may.
    pub(crate) fn take(&mut self, now: Instant, source: Digest) -> Result<(), Dry> {
        if self.buckets.is_empty() {
            self.buckets.resize(BUCKETS, Bucket { full_at: Instant::ZERO, was_dry: false });
        }
        let Some(bucket) = self.buckets.get_mut(source.bits() as usize % BUCKETS) else { return Ok(()) };
        bucket.was_dry &= bucket.full_at > now;
        let next = bucket.full_at.max(now) + self.each;
        if next > now + BURST {
            // One more fits in when the bucket has got that much fuller.
            self.dry_until = self.dry_until.max(now + next.saturating_since(now + BURST));
            return Err(Dry { begins: !core::mem::replace(&mut bucket.was_dry, true) });
        }
        bucket.full_at = next;
        Ok(())
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
        let flood = |rates: &mut Rates, now| (0..100).filter(|_| rates.take(now, hostile).is_ok()).count();
        assert_eq!(flood(&mut rates, now), 10, "what was saved in a second");
        assert!(rates.is_dry(now) && !rates.has(now, hostile) && rates.has(now, honest));
        assert_eq!(rates.take(now, honest), Ok(()));
        for _ in 0..10 {
            now = now + Duration::from_millis(500);
            assert!(!rates.is_dry(now), "there is something again for everybody");
            assert_eq!(flood(&mut rates, now), 5);
        }
        let mut free = Rates::new(u32::MAX);
        assert_eq!(flood(&mut free, now), 100);
        let mut none = Rates::new(0);
        assert_eq!(flood(&mut none, now), 1, "one a second at least");
    }

    #[test]
    fn it_is_told_once_that_a_source_has_used_up_its_own() {
        let source = DigestKey::new(&mut Rng::secret([1; 32])).digest(&[b"hostile"]);
        let mut rates = Rates::new(10);
        let mut now = Instant::from_millis(5_000);
        let mut told =
            |now| (0..100).filter(|_| rates.take(now, source) == Err(Dry { begins: true })).count();
        assert_eq!(told(now), 1);
        for _ in 0..100 {
            now = now + Duration::from_millis(800);
            assert_eq!(told(now), 0, "a flood that goes on is one");
        }
        now = now + BURST;
        assert_eq!(told(now), 1, "it had all of its own again");
    }
}
