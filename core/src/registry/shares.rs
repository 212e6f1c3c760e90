//! How many calls one source may have, and by the same rule how many subscriptions.

use crate::base::index::Digest;
use crate::base::shares::{Held, is_within_share};

/// What one source has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Share {
    /// All its calls.
    pub(crate) calls: u32,
    /// Those in set-up: nothing has proved yet that it is there.
    pub(crate) half_open: u32,
}

/// Calls that a source may have however little is free: the share of a small endpoint would be none.
const ALWAYS: u32 = 4;

/// Counts by source, each bounded.
pub(crate) struct Shares {
    shares: Held<Share>,
    half_open_max: u32,
    percent: u64,
}

impl Shares {
    /// One source may have `half_open_max` calls in set-up, and `percent` of what it leaves free.
    pub(crate) fn new(half_open_max: u32, percent: u8) -> Self {
        Self { shares: Held::new(), half_open_max, percent: percent.into() }
    }

    /// What `source` has.
    pub(crate) fn share(&self, source: Digest) -> Share {
        self.shares.of(source)
    }

    /// Sources that have something.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn sources(&self) -> usize {
        self.shares.sources()
    }

    /// Whether `source` may have one more call when there is room for `free` more in all.
    pub(crate) fn has_room(&self, source: Digest, free: usize) -> bool {
        let Share { calls, half_open } = self.share(source);
        let free = u64::try_from(free).unwrap_or(u64::MAX);
        half_open < self.half_open_max
            && (calls < ALWAYS || is_within_share(calls.into(), 1, free, self.percent))
    }

    /// Charges a call in set-up to `source`.
    pub(crate) fn charge(&mut self, source: Digest) {
        self.shares.change(source, |share| {
            share.calls = share.calls.saturating_add(1);
            share.half_open = share.half_open.saturating_add(1);
        });
    }

    /// A call of `source` is up: whoever acknowledges is there.
    pub(crate) fn confirm(&mut self, source: Digest) {
        self.shares.change(source, |share| share.half_open = share.half_open.saturating_sub(1));
    }

    /// A call is over.
    pub(crate) fn release(&mut self, source: Digest, half_open: bool) {
        self.shares.change(source, |share| {
            share.calls = share.calls.saturating_sub(1);
            share.half_open = share.half_open.saturating_sub(half_open.into()).min(share.calls);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::index::DigestKey;
    use crate::base::rng::Rng;

    /// Lets `source` take all that it may of what is free; how much that is.
    fn greedy(quota: &mut Shares, source: Digest, free: &mut usize) -> u32 {
        let mut taken = 0;
        while *free > 0 && quota.has_room(source, *free) {
            quota.charge(source);
            (*free, taken) = (*free - 1, taken + 1);
        }
        taken
    }

    #[test]
    fn whoever_takes_all_he_can_leaves_three_quarters() {
        let key = DigestKey::new(&mut Rng::secret([7; 32]));
        let source = |name: &str| key.digest(&[name.as_bytes()]);
        let (mut quota, mut free) = (Shares::new(u32::MAX, 25), 400);
        assert_eq!(greedy(&mut quota, source("first"), &mut free), 100);
        assert_eq!(greedy(&mut quota, source("second"), &mut free), 75);
        assert_eq!(greedy(&mut quota, source("third"), &mut free), 56);
        assert_eq!(quota.sources(), 3);
        for _ in 0..100 {
            quota.confirm(source("first"));
            assert!(!quota.has_room(source("first"), free), "what is up counts as what is in set-up");
        }
        for _ in 0..100 {
            quota.release(source("first"), false);
        }
        assert_eq!((quota.share(source("first")), quota.sources()), (Share::default(), 2));
    }

    #[test]
    fn however_little_there_is_a_few_calls_are_for_everyone() {
        let key = DigestKey::new(&mut Rng::secret([7; 32]));
        let (mut quota, mut free) = (Shares::new(u32::MAX, 25), 6);
        assert_eq!(greedy(&mut quota, key.digest(&[b"one"]), &mut free), ALWAYS);
        assert_eq!(greedy(&mut quota, key.digest(&[b"two"]), &mut free), 2);
        let mut quota = Shares::new(2, 100);
        assert_eq!(greedy(&mut quota, key.digest(&[b"one"]), &mut 100), 2, "in set-up");
    }
}
