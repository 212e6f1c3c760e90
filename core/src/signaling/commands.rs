//! The commands that a custom decision may give, and what a command can be refused for.

use alloc::string::String;

use crate::base::ids::{SessionId, UserTag};
use crate::wire::Unspoken;

/// Why a command did nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session ended before, or never was.
    #[error("no such call: it has ended")]
    NoSuchCall,
    /// The subscription ended before, or never was.
    #[error("no such subscription: it has ended")]
    NoSuchSubscription,
    /// The registration ended before, or never was.
    #[error("no such registration: it has ended")]
    NoSuchRegistration,
    /// The command does not fit the moment.
    #[error("cannot {command} a call that is {state}")]
    WrongState {
        /// What was asked for.
        command: &'static str,
        /// The state the call is in, in words.
        state: &'static str,
    },
    /// As many as the limits allow: calls, subscriptions, registrations, transactions, keys that wait, trusted sources.
    #[error("no room for one more: the limit is {limit}")]
    Full {
        /// The limit that bites.
        limit: usize,
    },
    /// The argument cannot be used.
    #[error("bad {what}: {why}")]
    BadArgument {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it and what would be right.
        why: String,
    },
    /// A URI of the application asks for a transport protocol that is not spoken: `;transport=tcp`, or TLS by `sips:`.
    /// Nothing was sent.
    #[error("the {what} asks for transport {transport}, and only udp is spoken so far: nothing was sent")]
    UnsupportedTransport {
        /// Which URI: `target` or `Route`.
        what: &'static str,
        /// The transport protocol.
        transport: Unspoken,
    },
    /// A number or a bare name names somebody in a domain, and none is known.
    #[error(
        "{target} names nobody without a domain: register, set an address of record, or say at which host, as in sip:1000@example.com"
    )]
    NoDomain {
        /// Whom the application named.
        target: String,
    },
    /// Every media port is in use.
    #[error("no media port is free: widen the range of RTP ports")]
    NoMediaPort,
    /// The coordinator is shutting down.
    #[error("shutting down")]
    ShuttingDown,
}

/// What can be done to a session that a handler has just admitted with
/// [`SignalingDecision::Custom`](super::SignalingDecision::Custom).
pub trait SessionCommands {
    /// The new session.
    fn session(&self) -> SessionId;
    /// Sets the application's name for the session.
    fn set_tag(&mut self, tag: UserTag);
    /// Lets the caller hear it ring.
    fn ring(&mut self) -> Result<(), CommandError>;
    /// Takes the call.
    fn answer(&mut self) -> Result<(), CommandError>;
    /// Refuses the call with this status, 300 to 699.
    fn reject(&mut self, status: u16) -> Result<(), CommandError>;
}
