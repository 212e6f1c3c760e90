//! What can go wrong, in words.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::{AuthFailure, EndReason, Refuser};
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
    /// Why the challenge was not answered, or in vain, that the call was refused with (401, 407).
    pub auth: Option<AuthFailure>,
}

impl CallEnd {
    pub(crate) const fn bare(reason: EndReason) -> Self {
        Self { reason, status: None, phrase: String::new(), message: None, auth: None }
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
        }?;
        self.auth.as_ref().map_or(Ok(()), |auth| write!(f, ": {auth}"))
    }
}

/// How something within a call was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) refuser: Refuser,
    pub(crate) phrase: String,
    pub(crate) auth: Option<AuthFailure>,
}

impl Refused {
    pub(crate) fn into_error(self, what: &'static str) -> PeerError {
        let Self { status, refuser, phrase, auth } = self;
        PeerError::Refused { what, refuser, status, phrase, auth }
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
    #[error(
        "{target} names nobody without a domain: register, set an address of record, or say at which host, as in sip:1000@example.com"
    )]
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
    #[error("the call was refused: {status} {phrase}{}", because(auth.as_ref()))]
    Rejected {
        /// The SIP status.
        status: u16,
        /// Its reason phrase.
        phrase: String,
        /// The whole refusal, for its header fields.
        message: Option<Arc<MessageDetails>>,
        /// Why the challenge was not answered, or in vain, if it is one (401, 407).
        auth: Option<AuthFailure>,
    },
    /// Something was not done: a registration, a request for itself, or a change within a call, which goes on as before.
    #[error("{}", refused(what, *refuser, *status, phrase, auth.as_ref()))]
    Refused {
        /// What was not done.
        what: &'static str,
        /// Who said no. Only [`Refuser::Peer`] has said so by a response.
        refuser: Refuser,
        /// The SIP status; 408 or 503 where no response came.
        status: u16,
        /// Its reason phrase, or what else is known in words.
        phrase: String,
        /// Why the challenge was not answered, or in vain, if it is one (401, 407).
        auth: Option<AuthFailure>,
    },
    /// A key that went by INFO was not taken. Those before it were, and those after it are not sent. The call goes on,
    /// unless the other side does not know it any more (408 and 481).
    #[error("{}{}", refused(&format!("the key {digit}"), *refuser, *status, phrase, None), left_words(unsent))]
    DtmfRefused {
        /// Which key.
        digit: char,
        /// The SIP status; 408 or 503 if nobody answered.
        status: u16,
        /// Its reason phrase.
        phrase: String,
        /// Who said no; nobody answered where that is not the other side.
        refuser: Refuser,
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
    /// Somebody has thrown away the audio that this was waiting to send.
    #[error("interrupted: the audio that was to be sent has been discarded")]
    Interrupted,
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

/// What to do about a challenge, after the status.
fn because(auth: Option<&AuthFailure>) -> String {
    auth.map_or_else(String::new, |auth| format!(": {auth}"))
}

/// Who said no to what, and what is known of why.
fn refused(what: &str, refuser: Refuser, status: u16, phrase: &str, auth: Option<&AuthFailure>) -> String {
    match refuser {
        Refuser::Peer => format!("the other side refused {what}: {status} {phrase}{}", because(auth)),
        Refuser::Network => {
            format!("the network failed {what}: {phrase}; is the address right, and is there a route?")
        }
        Refuser::Nobody => format!("nobody answered {what} in time: does anybody listen there?"),
        Refuser::Us => format!("{what} could not be sent: {phrase}"),
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

    /// Who said no, if anybody did.
    pub const fn refuser(&self) -> Refuser {
        match self {
            Self::Rejected { .. } | Self::CallerGaveUp => Refuser::Peer,
            Self::Refused { refuser, .. } | Self::DtmfRefused { refuser, .. } => *refuser,
            Self::NoResponse { status: Some(_) } | Self::NoCommonMedia { status: Some(_) } => Refuser::Peer,
            Self::NoAnswer | Self::NoResponse { status: None } => Refuser::Nobody,
            Self::Unresolvable { .. } | Self::NetworkLost { .. } => Refuser::Network,
            Self::Ended(end) => end.reason.refuser(),
            _ => Refuser::Us,
        }
    }

    /// Why a challenge (401, 407) was not answered, or in vain.
    pub const fn auth(&self) -> Option<&AuthFailure> {
        match self {
            Self::Rejected { auth, .. } | Self::Refused { auth, .. } => auth.as_ref(),
            Self::Ended(end) => end.auth.as_ref(),
            _ => None,
        }
    }

    /// What the end of a call means to somebody who waits for its beginning.
    pub(crate) fn from_end(end: CallEnd, target: &str) -> Self {
        let phrase = |end: CallEnd| if end.phrase.is_empty() { end.reason.to_string() } else { end.phrase };
        match (end.reason, end.status) {
            (EndReason::Rejected, Some(status)) => {
                Self::Rejected { status, phrase: end.phrase, message: end.message, auth: end.auth }
            }
            (EndReason::NoAnswer, _) => Self::NoAnswer,
            // Without a response the 408 is our own.
            (EndReason::Timeout, status) => {
                Self::NoResponse { status: status.filter(|_| end.message.is_some()) }
            }
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
            auth: None,
        };
        assert_eq!(end.to_string(), "the call was refused (486 Busy Here)");
        let error = PeerError::from_end(end, "sip:bob@192.0.2.7");
        assert_eq!(error.status(), Some(486));
        assert_eq!(error.to_string(), "the call was refused: 486 Busy Here");
        assert_eq!(error.refuser(), Refuser::Peer);
    }

    /// Nothing is wrong inside when somebody has the name of a call that is over.
    #[test]
    fn a_call_that_is_gone_is_no_internal_error() {
        let gone = PeerError::from(CommandError::NoSuchCall);
        assert!(matches!(gone, PeerError::WrongState { .. }), "{gone:?}");
        assert_eq!(gone.to_string(), "no such call: it has ended");
    }

    #[test]
    fn who_said_no_is_in_the_type_and_in_the_text() {
        let of = |refuser, status, phrase: &str, auth| PeerError::Refused {
            what: "the registration",
            refuser,
            status,
            phrase: phrase.into(),
            auth,
        };
        let told = |error: PeerError| (error.refuser(), error.to_string());
        let cases = [
            (of(Refuser::Peer, 503, "Busy", None), "the other side refused the registration: 503 Busy"),
            (
                of(Refuser::Network, 503, "nobody listens there", None),
                "the network failed the registration: nobody listens there",
            ),
            (of(Refuser::Nobody, 408, "", None), "nobody answered the registration in time"),
            (
                of(Refuser::Us, 503, "too many transactions", None),
                "the registration could not be sent: too many",
            ),
        ];
        for (error, text) in cases {
            let PeerError::Refused { refuser, .. } = error else { panic!("made so") };
            let (by, words) = told(error);
            assert!(by == refuser && words.starts_with(text), "{words}");
        }
        for (refuser, status, text) in [
            (Refuser::Peer, 415, "the other side refused the key 1: 415 no (and 23 was not sent)"),
            (Refuser::Network, 503, "the network failed the key 1: no"),
            (Refuser::Nobody, 408, "nobody answered the key 1 in time"),
            (Refuser::Us, 503, "the key 1 could not be sent: no (and 23 was not sent)"),
        ] {
            let (phrase, unsent) = ("no".into(), "23".into());
            let (by, words) = told(PeerError::DtmfRefused { digit: '1', status, phrase, refuser, unsent });
            assert!(by == refuser && words.starts_with(text), "{words}");
        }
        let realm = || String::from("home");
        for (auth, text) in [
            (AuthFailure::Missing { realm: realm() }, "there are none"),
            (AuthFailure::Withheld { realm: realm() }, "withheld"),
            (AuthFailure::Refused { realm: realm() }, "tried and refused"),
            (AuthFailure::Unusable { realm: realm() }, "least_algorithm"),
        ] {
            let error = of(Refuser::Peer, 401, "Unauthorized", Some(auth.clone()));
            let words = error.to_string();
            assert!(
                words.contains("401 Unauthorized") && words.contains("\"home\"") && words.contains(text),
                "{words}"
            );
            assert_eq!(error.auth(), Some(&auth));
        }
    }
}
