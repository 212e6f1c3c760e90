//! Subscriptions to the state of something else (RFC 6665), ours and the peer's.
//!
//! A subscription is no call: it has a dialog and a tag of its own. Its life is short enough to be told in one enum, the
//! phase that it is in.

mod read;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::auth::{Origin, Realms};
use crate::base::ids::DialogId;
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::base::timers::TimerKey;
use crate::transaction::TransactionId;
use crate::wire::path::Path;
use crate::wire::token::TOKEN_LEN;

use crate::api::{Refuser, SubscriptionState};
pub(crate) use read::{EventName, read_state};

/// Where a subscription stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Ours: the address of the notifier is being looked up.
    Resolving,
    /// Ours: SUBSCRIBE is sent; no NOTIFY has come.
    Subscribing,
    /// Ours: a NOTIFY has come, until the moment given.
    Subscribed(Instant),
    /// Ours: the last SUBSCRIBE is sent, the last NOTIFY is awaited.
    Unsubscribing,
    /// Theirs: nobody has decided.
    Asked,
    /// Theirs: accepted, until the moment given.
    Notifying(Instant),
    /// Theirs: the last NOTIFY waits or is sent.
    Closing,
}

impl Phase {
    /// Whether we subscribed.
    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Resolving | Self::Subscribing | Self::Subscribed(_) | Self::Unsubscribing)
    }
}

/// What a NOTIFY of ours will say.
#[derive(Clone)]
pub(crate) struct News {
    pub(crate) state: SubscriptionState,
    pub(crate) body: Option<(String, Bytes)>,
}

/// One subscription.
pub struct Subscription {
    pub(crate) phase: Phase,
    /// A [`Token`](crate::wire::token::Token) of the subscription.
    pub(crate) local_tag: [u8; TOKEN_LEN],
    pub(crate) dialog: Option<DialogId>,
    /// The value of Event.
    pub(crate) event: Box<str>,
    /// Seconds that were asked for last.
    pub(crate) wanted: u32,
    pub(crate) timer: Option<TimerKey>,
    /// Theirs: the SUBSCRIBE that waits for a decision. Ours: the one that has no answer. NOTIFY: the one that has none.
    pub(crate) request: Option<TransactionId>,
    /// The SUBSCRIBE that a subscription of the peer came of.
    pub(crate) opened_by: Option<TransactionId>,
    /// Ours: what the first SUBSCRIBE is made of.
    pub(crate) draft: Option<Box<SubscribeDraft>>,
    /// Theirs: what happened while a NOTIFY was under way, or was to wait; only the latest is of interest.
    pub(crate) news: Option<Box<News>>,
    /// Theirs: what was told last.
    pub(crate) told: Option<Box<News>>,
    /// Ours: what the last refresh was refused with, and by whom.
    pub(crate) refused: Option<(u16, Refuser)>,
    /// Ours: whether the interval was lengthened on demand (423) already.
    pub(crate) lengthened: bool,
    /// Who has asked for credentials.
    pub(crate) realms: Option<Box<Realms>>,
    /// How it began, for who asks for credentials.
    pub(crate) origin: Origin,
    /// What a copy of the SUBSCRIBE that came would be known by (RFC 3261 section 8.2.2.2).
    pub(crate) merged: Option<Digest>,
    /// Theirs: the source in whose share it counts.
    pub(crate) source: Option<Digest>,
}

/// What is needed until there is a dialog.
pub(crate) struct SubscribeDraft {
    pub(crate) target: Bytes,
    pub(crate) call_id: Bytes,
    /// Header lines of the application, each ending with CR LF.
    pub(crate) lines: Bytes,
    pub(crate) cseq: u32,
    pub(crate) path: Option<Path>,
}

impl Subscription {
    pub(crate) fn new(phase: Phase, local_tag: [u8; TOKEN_LEN], event: &str, wanted: u32) -> Self {
        Self {
            phase,
            local_tag,
            dialog: None,
            event: event.into(),
            wanted,
            timer: None,
            request: None,
            opened_by: None,
            draft: None,
            news: None,
            told: None,
            refused: None,
            lengthened: false,
            realms: None,
            origin: Origin::Theirs { by_party: false },
            merged: None,
            source: None,
        }
    }

    /// The package that is subscribed to, and the `id` that may follow.
    pub fn event(&self) -> &str {
        &self.event
    }
}

/// The value of Subscription-State for a NOTIFY that leaves the subscription `seconds`.
pub(crate) fn write_state(state: &SubscriptionState, seconds: u64) -> Vec<u8> {
    match state {
        SubscriptionState::Pending => alloc::format!("pending;expires={seconds}"),
        SubscriptionState::Active => alloc::format!("active;expires={seconds}"),
        SubscriptionState::Terminated { reason, retry_after } => {
            let mut text = String::from("terminated");
            if !reason.is_empty() {
                text = alloc::format!("{text};reason={reason}");
            }
            if let Some(seconds) = retry_after {
                text = alloc::format!("{text};retry-after={seconds}");
            }
            text
        }
    }
    .into_bytes()
}
