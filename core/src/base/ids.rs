//! The keys of the things that outlive one message.

use super::slab::key;

key! {
    /// One call leg, from its INVITE to its end.
    SessionId, "session"
}

key! {
    /// One dialog (RFC 3261 section 12). A session that forks has several for a while.
    DialogId, "dialog"
}

key! {
    /// A request that the application asked for, from the command to its outcome.
    RequestId, "request"
}

key! {
    /// A subscription (RFC 6665), ours or a peer's, from the command or the SUBSCRIBE to its end.
    SubscriptionId, "subscription"
}

key! {
    /// A registration of ours (RFC 3261 section 10), from the command to its end.
    RegistrationId, "registration"
}

/// The application's own name for a session; every event of the session carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UserTag(pub u64);
