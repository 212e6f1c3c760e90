//! Who decides about a call that does not exist yet.
//!
//! An INVITE outside any dialog meets the [`SignalingInterceptor`] before anything else: it asks a
//! [`SignalingHandler`], and only what the handler admits becomes a session.

mod commands;
mod details;
mod fields;
mod interceptor;
mod parts;

use alloc::boxed::Box;
use core::time::Duration;

pub use commands::{CommandError, SessionCommands};
pub use details::{InviteDetails, MessageDetails};
pub use fields::{ContactEntry, Diversion, HistoryEntry, Identity, Privacy, Reason};
pub use interceptor::SignalingInterceptor;
pub use parts::BodyPart;

/// Decides about incoming calls.
///
/// The decision is made at once. A handler that needs time answers [`SignalingDecision::Defer`] and decides
/// later with the commands of the coordinator; the runtimes' async handlers do exactly that.
pub trait SignalingHandler: Send {
    /// An INVITE has come that belongs to no session.
    fn on_incoming_invite(&mut self, invite: &InviteDetails) -> SignalingDecision;

    /// Somebody asks, by OPTIONS outside any call, what we can do. The answer shall be what an INVITE would get (RFC 3261
    /// section 11.2): a status from 300 to 699, such as 486 for who is busy, or `None` to say 200 and what we can do.
    fn on_options(&mut self, _request: &MessageDetails) -> Option<u16> {
        None
    }
}

impl<F> SignalingHandler for F
where
    F: FnMut(&InviteDetails) -> SignalingDecision + Send,
{
    fn on_incoming_invite(&mut self, invite: &InviteDetails) -> SignalingDecision {
        self(invite)
    }
}

/// What to do with an incoming call.
#[non_exhaustive]
pub enum SignalingDecision {
    /// Admit the call: a session is created, the caller hears it ring, the application is told. One that takes the place of
    /// another call of ours (RFC 3891) does not ring: it is answered at once, and the other is hung up.
    Accept,
    /// Refuse with this final status (300 to 699; anything else is sent as 500). Nothing is kept: should the INVITE come again,
    /// the handler is asked again.
    Reject(u16),
    /// Admit the call and let somebody decide later.
    Defer(Deferral),
    /// Admit the call silently and run this with the new session at hand: tag it, ring it, answer it, queue it.
    Custom(CustomAction),
}

/// What [`SignalingDecision::Custom`] runs.
pub type CustomAction = Box<dyn FnOnce(&mut dyn SessionCommands) + Send>;

impl core::fmt::Debug for SignalingDecision {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Accept => f.write_str("Accept"),
            Self::Reject(status) => write!(f, "Reject({status})"),
            Self::Defer(deferral) => write!(f, "Defer({deferral:?})"),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}

/// How a deferred call waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deferral {
    /// Whether the caller hears it ring (180) while waiting; otherwise only 100 Trying is sent.
    pub ring: bool,
    /// How long it may wait before it is refused with 480; `None` is the coordinator's `answer_timeout`.
    pub deadline: Option<Duration>,
}

/// Admits every call.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultSignalingHandler;

impl SignalingHandler for DefaultSignalingHandler {
    fn on_incoming_invite(&mut self, _invite: &InviteDetails) -> SignalingDecision {
        SignalingDecision::Accept
    }
}
