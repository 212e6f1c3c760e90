//! What each source has of something that there is only so much of.

use super::index::{Digest, Index};

/// Amounts by source. Who has nothing takes no room.
pub(crate) struct Held<T>(Index<T>);

impl<T: Copy + Default + PartialEq> Held<T> {
    /// Nobody has anything.
    pub(crate) fn new() -> Self {
        Self(Index::new())
    }

    /// What `source` has.
    pub(crate) fn of(&self, source: Digest) -> T {
        self.0.get(source).unwrap_or_default()
    }

    /// Changes what `source` has.
    pub(crate) fn change(&mut self, source: Digest, change: impl FnOnce(&mut T)) {
        let before = self.of(source);
        let mut held = before;
        change(&mut held);
        if held == T::default() {
            self.0.remove(source);
        } else if held != before {
            self.0.insert(source, held);
        }
    }

    /// Sources that have something.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn sources(&self) -> usize {
        self.0.len()
    }
}

/// Whether whoever has `held` may have `more`, if he may have `percent` of what he leaves free, and `free` is free
/// now. What others have is not there for him: so several that take all they can leave something, too.
pub(crate) fn is_within_share(held: u64, more: u64, free: u64, percent: u64) -> bool {
    let reach = free.saturating_add(held).saturating_mul(percent);
    held.saturating_add(more).saturating_mul(100) <= reach
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::index::DigestKey;
    use crate::base::rng::Rng;

    #[test]
    fn who_has_nothing_takes_no_room() {
        let key = DigestKey::new(&mut Rng::secret([1; 32]));
        let (one, two) = (key.digest(&[b"one"]), key.digest(&[b"two"]));
        let mut held = Held::new();
        held.change(one, |it: &mut u32| *it += 3);
        held.change(two, |it| *it += 1);
        assert_eq!((held.of(one), held.of(two), held.sources()), (3, 1, 2));
        held.change(one, |it| *it -= 3);
        held.change(key.digest(&[b"three"]), |_| {});
        assert_eq!((held.of(one), held.sources()), (0, 1));
    }

    #[test]
    fn a_share_is_of_what_is_left_free() {
        assert!(is_within_share(0, 25, 100, 25) && !is_within_share(0, 26, 100, 25));
        assert!(is_within_share(25, 0, 75, 25) && !is_within_share(25, 1, 75, 25));
        assert!(is_within_share(0, u64::MAX, u64::MAX, 100), "all of everything");
    }
}
