//! Why sessions end, and what does not end them.

use super::Refuser;

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum EndReason {
    /// We hung up.
    LocalHangup,
    /// The other side hung up.
    RemoteHangup,
    /// The caller gave up before we answered.
    Cancelled,
    /// The far end refused our call.
    Rejected,
    /// We refused their call.
    Declined,
    /// Nobody answered our call in time.
    NoAnswer,
    /// The far end said nothing at all.
    Timeout,
    /// We answered, but the caller's ACK never came.
    AckTimeout,
    /// The network refused our messages.
    NetworkError,
    /// The host of the target could not be found.
    NameFailure,
    /// The other side can be reached only by a transport protocol that is not spoken here (its Contact or Record-Route says
    /// so): nothing was sent to it in clear.
    UnsupportedTransport,
    /// The sides found no media they both can do.
    NoCommonMedia,
    /// Nobody decided about an incoming call in time.
    Undecided,
    /// Nobody refreshed the session in time (RFC 4028): the other side must be gone.
    SessionExpired,
    /// The other side refused every refresh of the session until its time was up (RFC 4028 section 10).
    RefreshRefused,
    /// Nothing came any more from a side that should have sent: neither audio nor reports about it.
    MediaTimeout,
    /// The other side no longer knows the call.
    RemoteGone,
    /// The other side has been transferred to somebody else, as we asked.
    Transferred,
    /// Another call took its place (RFC 3891).
    Replaced,
    /// We hung up, but the shutdown waited no longer for the other side to confirm it.
    Unconfirmed,
    /// The stack had to give this call up; the log says why.
    Internal,
}

impl EndReason {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LocalHangup => "we hung up",
            Self::RemoteHangup => "the other side hung up",
            Self::Cancelled => "the caller gave up",
            Self::Rejected => "the call was refused",
            Self::Declined => "we refused the call",
            Self::NoAnswer => "nobody answered in time",
            Self::Timeout => "the other side does not respond",
            Self::AckTimeout => "the answer was never acknowledged",
            Self::NetworkError => "the network refused our messages",
            Self::NameFailure => "the host could not be found",
            Self::UnsupportedTransport => "the other side asks for a transport that is not spoken",
            Self::NoCommonMedia => "no media that both sides can do",
            Self::Undecided => "nobody decided about the call in time",
            Self::SessionExpired => "the other side has gone without a word",
            Self::RefreshRefused => "the other side refused to refresh the call",
            Self::MediaTimeout => "nothing was heard of the other side any more",
            Self::RemoteGone => "the other side no longer knows the call",
            Self::Transferred => "the other side was transferred",
            Self::Replaced => "another call took its place",
            Self::Unconfirmed => "the shutdown did not wait for the other side",
            Self::Internal => "internal error",
        }
    }
}

impl EndReason {
    /// Who ended it, or let it fail.
    pub const fn refuser(self) -> Refuser {
        match self {
            Self::RemoteHangup
            | Self::Cancelled
            | Self::Rejected
            | Self::RefreshRefused
            | Self::RemoteGone => Refuser::Peer,
            Self::NetworkError | Self::NameFailure => Refuser::Network,
            Self::NoAnswer
            | Self::Timeout
            | Self::AckTimeout
            | Self::Undecided
            | Self::SessionExpired
            | Self::MediaTimeout => Refuser::Nobody,
            Self::LocalHangup
            | Self::Declined
            | Self::NoCommonMedia
            | Self::Transferred
            | Self::Replaced
            | Self::Unconfirmed
            | Self::UnsupportedTransport
            | Self::Internal => Refuser::Us,
        }
    }
}

impl core::fmt::Display for EndReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with what should have answered an offer of ours.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum AnswerFault {
    /// There is no session description.
    Missing,
    /// There is one, but it declines our audio or has nothing in common with what we offered.
    Unusable,
}
