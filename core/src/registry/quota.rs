//! How much one source may have under way.

use crate::base::index::{Digest, Index};

/// Counts by source, each bounded.
pub(crate) struct Quota {
    counts: Index<u32>,
    max: u32,
}

impl Quota {
    pub(crate) fn new(max: u32) -> Self {
        Self { counts: Index::new(), max }
    }

    /// Whether `source` may have one more.
    pub(crate) fn has_room(&self, source: Digest) -> bool {
        self.counts.get(source).unwrap_or(0) < self.max
    }

    /// Charges one to `source`; false if it has used up its share.
    pub(crate) fn charge(&mut self, source: Digest) -> bool {
        let count = self.counts.get(source).unwrap_or(0);
        if count >= self.max {
            return false;
        }
        self.counts.insert(source, count + 1);
        true
    }

    /// Gives one back.
    pub(crate) fn release(&mut self, source: Digest) {
        match self.counts.get(source) {
            Some(count) if count > 1 => self.counts.insert(source, count - 1),
            _ => self.counts.remove(source),
        }
    }
}
