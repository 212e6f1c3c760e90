//! What comes out of a coordinator, in causal order.

use alloc::string::String;
use alloc::sync::Arc;

use crate::base::ids::{SessionId, UserTag};
use crate::base::slab::key;
use crate::base::time::Instant;
use crate::media::{MediaCommand, MediaSessionId};
use crate::sdp::plan::MediaPlan;
use crate::signaling::InviteDetails;
use crate::wire::path::{Transmit, Transport};

use super::EndReason;

key! {
    /// Names one question for an address.
    QueryId, "query"
}

/// One thing for the runtime to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Send this message.
    Send(Transmit),
    /// Tell the media side.
    Media(MediaCommand),
    /// Tell the application.
    Event(Event),
    /// Find the address of this host and our own address towards it, then call
    /// [`handle_names`](crate::coordinator::UnifiedCoordinator::handle_names).
    Resolve {
        /// To be given back with the answer.
        query: QueryId,
        /// What to find.
        target: ResolveTarget,
    },
    /// Bind this many more pairs of media ports and hand them over with
    /// [`add_media_port`](crate::coordinator::UnifiedCoordinator::add_media_port) before the next input; without one, calls are refused. If fewer can be bound, say so with
    /// [`media_ports_exhausted`](crate::coordinator::UnifiedCoordinator::media_ports_exhausted).
    NeedMediaPorts(usize),
}

/// A host to find.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolveTarget {
    /// A name, or an IP address as text (IPv6 without brackets).
    pub host: String,
    /// The port that the URI names, if any; 5060 otherwise.
    pub port: Option<u16>,
    /// The transport to use.
    pub transport: Transport,
}

/// Why a host was not found.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot resolve: {0}")]
pub struct NameFailure(pub String);

/// News of a session, for the application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A call has come; its session exists and waits for `ring`, `answer` or `reject`.
    Incoming {
        /// The new session.
        session: SessionId,
        /// Who calls whom, and the whole INVITE.
        details: Arc<InviteDetails>,
        /// When the call is refused if nobody decides.
        decide_by: Instant,
    },
    /// The far end is working on our call (a provisional response other than 100).
    Progress {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// 101 to 199.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Whether audio may come before the answer.
        early_media: bool,
    },
    /// The call is up. Caller: the 200 came. Callee: our 200 is on its way.
    Answered {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Its media stream.
        media: MediaSessionId,
        /// What was agreed; `None` while a late offer waits for its answer.
        plan: Option<Arc<MediaPlan>>,
    },
    /// The caller's ACK came: both sides know that the call is up.
    Confirmed {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
    },
    /// A later offer and answer changed the media.
    MediaChanged {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// What holds from now on.
        plan: Arc<MediaPlan>,
    },
    /// One side began or ceased to hold the call (RFC 3264 section 8.4), or a change that we asked for is done: each
    /// wish is answered by this or by `ModifyFailed`, several in a row by one of them.
    HoldChanged {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Whether we hold it, and the other side knows.
        local: bool,
        /// Whether the other side holds it.
        remote: bool,
    },
    /// The other side refused a change that we asked for: all is as it was before.
    ModifyFailed {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Its status.
        status: u16,
        /// The reason phrase.
        phrase: String,
    },
    /// The session is over. Comes once for every session, and nothing comes after it.
    Ended {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// Why.
        reason: EndReason,
        /// The SIP status that ended it, where there is one.
        status: Option<u16>,
        /// Its reason phrase, or what else is known in words.
        phrase: String,
    },
    /// An [`Action::App`](crate::session::Action::App) of an extended state table.
    App {
        /// The session.
        session: SessionId,
        /// The application's name for it.
        tag: UserTag,
        /// The number that the table gives.
        id: u32,
    },
}

impl Event {
    /// The session that the news is of.
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Incoming { session, .. }
            | Self::Progress { session, .. }
            | Self::Answered { session, .. }
            | Self::Confirmed { session, .. }
            | Self::MediaChanged { session, .. }
            | Self::HoldChanged { session, .. }
            | Self::ModifyFailed { session, .. }
            | Self::Ended { session, .. }
            | Self::App { session, .. } => Some(*session),
        }
    }
}
