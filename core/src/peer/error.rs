//! What can go wrong, in words.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::EndReason;
use crate::signaling::{CommandError, MessageDetails};

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CallEnd {
    /// Why.
    pub reason: EndReason,
    /// The SIP status that ended it, where there is one.
    pub status: Option<u16>,
    /// The reason phrase that came with it, or what else is known in words; may be empty.
    pub phrase: String,
    /// What the other side sent to end it, for its header fields: always a refusal, and a hanging up that says why
    /// (`Reason`); any other if the settings want messages kept.
    pub message: Option<Arc<MessageDetails>>,
}

impl CallEnd {
    pub(crate) const fn bare(reason: EndReason) -> Self {
        Self { reason, status: None, phrase: String::new(), message: None }
    }
}

impl std::fmt::Display for CallEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.reason)?;
        match (self.status, self.phrase.as_str()) {
            (Some(status), "") => write!(f, " ({status})"),
            (Some(status), phrase) => write!(f, " ({status} {phrase})"),
            (None, "") => Ok(()),
            (None, phrase) => write!(f, " ({phrase})"),
        }
    }
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The local address cannot be had.
    #[error("cannot listen on {addr}: {}", bind_trouble(*addr, source))]
    BindFailed {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The runtime is missing, or has no clock, randomness or tasks to give.
    #[error("the runtime cannot be used: {0}")]
    Runtime(#[source] io::Error),
    /// An argument cannot be used.
    #[error("bad {what}: {why}")]
    BadArgument {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it and what would be right.
        why: String,
    },
    /// Audio came with a sample rate that the call does not run at.
    #[error("cannot send audio of {rate} Hz: this call takes {supported} Hz, resample it first")]
    UnsupportedRate {
        /// The rate of the frame.
        rate: u32,
        /// The rate that is right.
        supported: u32,
    },
    /// Only another transport protocol leads there: a URI of the application asks for it (`;transport=tcp`, `sips:`), or the
    /// other side does in its Contact or Record-Route. Nothing was sent there in clear instead.
    #[error("{why}")]
    UnsupportedTransport {
        /// Who asks for what.
        why: String,
    },
    /// A number or a bare name names somebody in a domain, and none is known: register first, or set an address of record.
    #[error("{target} needs a domain: register, set an address of record, or call sip:{target}@host")]
    NoDomain {
        /// Whom the application named.
        target: String,
    },
    /// The host in the target has no address that this peer can reach.
    #[error("cannot resolve {target}: {why}")]
    Unresolvable {
        /// What was called.
        target: String,
        /// What the lookup said.
        why: String,
    },
    /// The far end refused the call.
    #[error("the call was refused: {status} {phrase}")]
    Rejected {
        /// The SIP status.
        status: u16,
        /// Its reason phrase.
        phrase: String,
        /// The whole refusal, for its header fields.
        message: Option<Arc<MessageDetails>>,
    },
    /// The other side refused something within the call, which goes on as before.
    #[error("the other side refused {what}: {status} {phrase}")]
    Refused {
        /// What it refused.
        what: &'static str,
        /// The SIP status.
        status: u16,
        /// Its reason phrase.
        phrase: String,
    },
    /// A key that went by INFO was not taken. Those before it were, and those after it are not sent. The call goes on,
    /// unless the other side does not know it any more (408 and 481).
    #[error("{} the key {digit}: {status} {phrase}{}", if *answered { "the other side refused" } else { "nobody took" }, left_words(unsent))]
    DtmfRefused {
        /// Which key.
        digit: char,
        /// The SIP status; 408 or 503 if nobody answered.
        status: u16,
        /// Its reason phrase.
        phrase: String,
        /// Whether somebody answered.
        answered: bool,
        /// The keys of this run that were to follow.
        unsent: String,
    },
    /// It rang, but nobody answered in time.
    #[error("nobody answered in time")]
    NoAnswer,
    /// Nothing came back at all.
    #[error("the other side does not respond{}", status_words(*status))]
    NoResponse {
        /// 408, if the far end or a proxy said so.
        status: Option<u16>,
    },
    /// The network refused our messages.
    #[error("the network refused our messages: {why}")]
    NetworkLost {
        /// What is known.
        why: String,
    },
    /// The two sides found no media they both can do.
    #[error("no media that both sides can do{}", status_words(*status))]
    NoCommonMedia {
        /// 488 or 415, if the far end said so.
        status: Option<u16>,
    },
    /// We cancelled the call before it was answered.
    #[error("we cancelled the call")]
    Cancelled,
    /// The caller gave up before we answered.
    #[error("the caller gave up before the call was answered")]
    CallerGaveUp,
    /// The call is over.
    #[error("the call has ended: {0}")]
    Ended(CallEnd),
    /// A limit bites.
    #[error("{why}")]
    Full {
        /// Which, in words.
        why: String,
    },
    /// The command does not fit the moment.
    #[error("{why}")]
    WrongState {
        /// What was asked for and what the call is doing.
        why: String,
    },
    /// The peer is shutting down, or has shut down.
    #[error("the peer is shutting down")]
    ShuttingDown,
}

fn bind_trouble(addr: SocketAddr, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {} is in use by another program (port 0 takes any free one)", addr.port())
        }
        io::ErrorKind::AddrNotAvailable => format!("{} is not an address of this machine", addr.ip()),
        io::ErrorKind::PermissionDenied => {
            format!("the system does not let this program use port {}", addr.port())
        }
        _ => source.to_string(),
    }
}

fn status_words(status: Option<u16>) -> String {
    status.map_or_else(String::new, |status| format!(" (status {status})"))
}

fn left_words(unsent: &str) -> String {
    if unsent.is_empty() { String::new() } else { format!(" (and {unsent} was not sent)") }
}

impl PeerError {
    /// The SIP status, where there is one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected { status, .. }
            | Self::Refused { status, .. }
            | Self::DtmfRefused { status, .. } => Some(*status),
            Self::NoResponse { status } | Self::NoCommonMedia { status } => *status,
            Self::Ended(end) => end.status,
            _ => None,
        }
    }

    /// What the end of a call means to somebody who waits for its beginning.
    pub(crate) fn from_end(end: CallEnd, target: &str) -> Self {
        let phrase = |end: CallEnd| if end.phrase.is_empty() { end.reason.to_string() } else { end.phrase };
        match (end.reason, end.status) {
            (EndReason::Rejected, Some(status)) => {
                Self::Rejected { status, phrase: end.phrase, message: end.message }
            }
            (EndReason::NoAnswer, _) => Self::NoAnswer,
            (EndReason::Timeout, status) => Self::NoResponse { status },
            (EndReason::NetworkError, _) => Self::NetworkLost { why: phrase(end) },
            (EndReason::NameFailure, _) => {
                Self::Unresolvable { target: String::from(target), why: phrase(end) }
            }
            (EndReason::UnsupportedTransport, _) => Self::UnsupportedTransport { why: phrase(end) },
            (EndReason::NoCommonMedia, status) => Self::NoCommonMedia { status },
            (EndReason::LocalHangup, _) => Self::Cancelled,
            (EndReason::Cancelled, _) => Self::CallerGaveUp,
            _ => Self::Ended(end),
        }
    }
}

impl From<CommandError> for PeerError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NoSuchCall => Self::Ended(CallEnd::bare(EndReason::Internal)),
            CommandError::BadArgument { what, why } => Self::BadArgument { what, why },
            CommandError::ShuttingDown => Self::ShuttingDown,
            CommandError::UnsupportedTransport { .. } => {
                Self::UnsupportedTransport { why: error.to_string() }
            }
            CommandError::NoDomain { target } => Self::NoDomain { target },
            full @ (CommandError::Full { .. } | CommandError::NoMediaPort) => {
                Self::Full { why: full.to_string() }
            }
            other => Self::WrongState { why: other.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_speak_in_words() {
        let addr = SocketAddr::from(([0, 0, 0, 0], 5060));
        let taken = PeerError::BindFailed { addr, source: io::Error::from(io::ErrorKind::AddrInUse) };
        assert_eq!(
            taken.to_string(),
            "cannot listen on 0.0.0.0:5060: port 5060 is in use by another program (port 0 takes any free one)"
        );
        let end = CallEnd {
            reason: EndReason::Rejected,
            status: Some(486),
            phrase: String::from("Busy Here"),
            message: None,
        };
        assert_eq!(end.to_string(), "the call was refused (486 Busy Here)");
        let error = PeerError::from_end(end, "sip:bob@192.0.2.7");
        assert_eq!(error.status(), Some(486));
        assert_eq!(error.to_string(), "the call was refused: 486 Busy Here");
    }
}
