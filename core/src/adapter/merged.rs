//! Copies of a request that took another way: the same Call-ID, From tag and CSeq, another branch (RFC 3261 section
//! 8.2.2.2).

use alloc::collections::VecDeque;

use super::Switchboard;
use crate::base::ids::SessionId;
use crate::base::index::{Digest, Index};
use crate::base::time::Instant;
use crate::transaction::TransactionId;

/// What keeps a request from being taken a second time.
#[derive(Clone, Copy)]
struct Known {
    /// Its transaction, while that lives.
    transaction: Option<TransactionId>,
    /// Whether what came of it, a call or a subscription, lives or has ended just now.
    made: bool,
}

/// Requests outside any dialog that have been taken, by what a copy has in common with them.
#[derive(Default)]
pub(crate) struct Merged {
    known: Index<Known>,
    /// What came of these is over since less than T4: when they are forgotten, in this order.
    leaving: VecDeque<(Instant, Digest)>,
}

impl Merged {
    /// Whether a request with this digest was taken before.
    pub(crate) fn has(&mut self, now: Instant, digest: Digest) -> bool {
        while self.leaving.front().is_some_and(|(until, _)| *until <= now) {
            let Some((_, gone)) = self.leaving.pop_front() else { break };
            self.forget(gone);
        }
        self.known.get(digest).is_some()
    }

    /// Takes note of a request, for as long as its transaction lives.
    pub(crate) fn add(&mut self, digest: Digest, transaction: TransactionId) {
        self.known.insert(digest, Known { transaction: Some(transaction), made: false });
    }

    /// Something came of it that lives longer.
    pub(crate) fn hold(&mut self, digest: Digest) {
        if let Some(known) = self.known.get(digest) {
            self.known.insert(digest, Known { made: true, ..known });
        }
    }

    /// That is over. Copies may be under way until then.
    fn leave(&mut self, digest: Digest, until: Instant, most: usize) {
        if self.leaving.len() >= most
            && let Some((_, oldest)) = self.leaving.pop_front()
        {
            self.forget(oldest);
        }
        self.leaving.push_back((until, digest));
    }

    /// Nothing has come of it that lives.
    fn forget(&mut self, digest: Digest) {
        match self.known.get(digest) {
            Some(known) if known.transaction.is_some() => {
                self.known.insert(digest, Known { made: false, ..known });
            }
            _ => self.known.remove(digest),
        }
    }

    /// Its transaction is gone.
    pub(crate) fn transaction_gone(&mut self, digest: Digest) {
        match self.known.get(digest) {
            Some(known) if known.made => self.known.insert(digest, Known { transaction: None, ..known }),
            _ => self.known.remove(digest),
        }
    }

    /// The transaction that a copy would be a copy of.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn transaction(&self, digest: Digest) -> Option<TransactionId> {
        self.known.get(digest)?.transaction
    }

    /// What is not known for a transaction's sake alone.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_held(&self, digest: Digest) -> bool {
        self.known.get(digest).is_some_and(|known| known.made)
    }

    /// Digests that will be forgotten in a moment.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn leaving(&self) -> impl Iterator<Item = Digest> {
        self.leaving.iter().map(|&(_, digest)| digest)
    }

    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

impl Switchboard {
    /// A call or a subscription is over that a request of the peer has made. A copy of that request may still come for T4.
    pub(crate) fn leave_merged(&mut self, digest: Option<Digest>) {
        let Some(digest) = digest else { return };
        let limits = &self.config.limits;
        let most = limits.sessions_max.saturating_add(limits.subscriptions_max);
        self.merged.leave(digest, self.now + self.config.timing.t4, most);
    }

    /// Takes a session away, with all that is known of it.
    pub(crate) fn forget_session(&mut self, id: SessionId) {
        let digest = self.registry.remove(id);
        self.leave_merged(digest);
    }
}
