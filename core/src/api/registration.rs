//! Where registrations stand, and who says no.

use core::time::Duration;

use crate::wire::reason_phrase;

/// Who refused something, or let it fail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Refuser {
    /// The other side, or a server on the way to it: a response says so.
    Peer,
    /// The network: no name, no route, or nobody at the address (ICMP).
    Network,
    /// We did: a limit, or something that cannot be done.
    Us,
    /// Nobody: no response came in time.
    Nobody,
}

impl Refuser {
    /// Who said no to a request that ended with this status and without a response (RFC 3261 section 8.1.3.1).
    pub(crate) const fn of_silence(status: u16) -> Self {
        if status == 408 { Self::Nobody } else { Self::Network }
    }

    /// What there is to say of a request that ended with this status and without a response: the phrase of the status would be
    /// what nobody has said.
    pub(crate) const fn words_of_silence(status: u16) -> &'static str {
        if status == 503 { "nobody was reached there" } else { reason_phrase(status) }
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "the other side",
            Self::Network => "the network",
            Self::Us => "this side",
            Self::Nobody => "nobody",
        }
    }
}

impl core::fmt::Display for Refuser {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a registration of ours stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RegistrationState {
    /// The registrar is being looked for or asked, and does not keep us.
    Trying,
    /// The registrar keeps us.
    Registered {
        /// For how long from now, if it is not refreshed. It is, in good time.
        expires_in: Duration,
    },
    /// The last try failed.
    Failed {
        /// The final status; 408 or 503 where none came.
        status: u16,
        /// Who said no.
        refuser: Refuser,
        /// When the next try is made, from now; `None`: never, the registration is over.
        retry_in: Option<Duration>,
    },
    /// It has ended because we wanted it to.
    Unregistered,
}

impl core::fmt::Display for RegistrationState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Trying => f.write_str("trying"),
            Self::Registered { expires_in } => write!(f, "registered for {} s", expires_in.as_secs()),
            Self::Failed { status, refuser, retry_in: Some(pause) } => {
                write!(f, "failed with {status}, by {refuser}; again in {} s", pause.as_secs())
            }
            Self::Failed { status, refuser, retry_in: None } => {
                write!(f, "failed with {status}, by {refuser}")
            }
            Self::Unregistered => f.write_str("unregistered"),
        }
    }
}
