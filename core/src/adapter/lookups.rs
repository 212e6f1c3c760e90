//! Questions for the addresses of names: so many are asked at a time, so many wait, and no peer has more than its share of either.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::api::{Limits, QueryId, ResolveTarget};
use crate::base::index::Digest;
use crate::base::shares::Held;

/// Of what is asked and of what waits, one source may have the part that this divides by.
const SHARE: usize = 4;

struct Question {
    query: QueryId,
    target: ResolveTarget,
    /// Who caused it, unless we did or it is trusted.
    source: Option<Digest>,
}

/// All questions that have no answer yet.
pub(crate) struct Lookups {
    running: Vec<(QueryId, Option<Digest>)>,
    waiting: VecDeque<Question>,
    running_max: usize,
    waiting_max: usize,
    /// What each source has under way.
    shares: Held<usize>,
    share_max: usize,
}

impl Lookups {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            running: Vec::new(),
            waiting: VecDeque::new(),
            running_max: limits.lookups_max.max(1),
            waiting_max: limits.lookups_waiting_max,
            shares: Held::new(),
            share_max: (limits.lookups_waiting_max / SHARE).max(1),
        }
    }

    /// Whether one more question may wait.
    pub(crate) fn has_room(&self, source: Option<Digest>) -> bool {
        let startable = self.running.len() < self.running_max;
        (startable || self.waiting.len() < self.waiting_max)
            && source.is_none_or(|source| self.shares.of(source) < self.share_max)
    }

    /// Takes a question in; there must be room.
    pub(crate) fn add(&mut self, query: QueryId, target: ResolveTarget, source: Option<Digest>) {
        if let Some(source) = source {
            self.shares.change(source, |count| *count += 1);
        }
        self.waiting.push_back(Question { query, target, source });
    }

    /// The next question to ask. One that nobody `wants` any more is dropped.
    pub(crate) fn next(&mut self, wanted: impl Fn(QueryId) -> bool) -> Option<(QueryId, ResolveTarget)> {
        while self.running.len() < self.running_max {
            // A source that has its share of answers to wait for lets others go first.
            let at = self.waiting.iter().position(|it| self.may_run(it.source))?;
            let Question { query, target, source } = self.waiting.remove(at)?;
            if wanted(query) {
                self.running.push((query, source));
                return Some((query, target));
            }
            self.release(source);
        }
        None
    }

    /// The answer to a question has come. What was never asked changes nothing.
    pub(crate) fn answered(&mut self, query: QueryId) {
        if let Some(at) = self.running.iter().position(|(running, _)| *running == query) {
            let (_, source) = self.running.swap_remove(at);
            self.release(source);
        }
    }

    fn may_run(&self, source: Option<Digest>) -> bool {
        let Some(source) = source else { return true };
        let share = (self.running_max / SHARE).max(1);
        self.running.iter().filter(|(_, other)| *other == Some(source)).count() < share
    }

    fn release(&mut self, source: Option<Digest>) {
        if let Some(source) = source {
            self.shares.change(source, |count| *count = count.saturating_sub(1));
        }
    }

    /// How many are asked, and how many wait.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }
}
