//! Where subscriptions stand.

use alloc::string::String;

/// What a NOTIFY says of its subscription (RFC 6665 section 4.1.3).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// The notifier has not decided yet; what it tells may be little.
    Pending,
    /// It holds.
    Active,
    /// It is over.
    Terminated {
        /// Why: `deactivated` and `timeout` allow to subscribe again at once, `probation` and `giveup` later, `rejected`,
        /// `noresource` and `invariant` not at all. Empty if the notifier does not say.
        reason: String,
        /// After how many seconds to subscribe again, if at all.
        retry_after: Option<u32>,
    },
}

impl SubscriptionState {
    /// Over, for this reason.
    pub fn terminated(reason: &str) -> Self {
        Self::Terminated { reason: reason.into(), retry_after: None }
    }

    /// Whether the subscription is over with it.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Terminated { .. })
    }
}
