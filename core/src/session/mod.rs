//! Sessions: one call leg each, and the table-driven machine that moves them.

#[cfg(any(test, feature = "sim"))]
mod cells;
mod machine;
mod redirects;
mod state;
mod table;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;
use smallvec::SmallVec;

#[cfg(any(test, feature = "sim"))]
pub use cells::Cells;
pub use machine::{Cell, StateMachine, StateTable, TableError};
pub(crate) use redirects::Redirects;
pub use state::{Input, Role, State};
pub use table::{Action, Fallback, ROWS, Row, fallback};

use crate::api::EndReason;
use crate::base::ids::{DialogId, UserTag};
use crate::base::index::Digest;
use crate::base::timers::TimerKey;
use crate::wire::token::TOKEN_LEN;

use crate::media::{MediaPort, MediaSessionId};
use crate::sdp::plan::MediaPlan;
use crate::signaling::InviteDetails;
use crate::transaction::TransactionId;
use crate::wire::path::Path;

/// The timers of a session, one slot each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionTimer {
    /// Outgoing: nobody answers. Incoming: nobody decides.
    Patience,
    /// Send the 180 or the 200 again.
    AnswerRepeat,
    /// 64·T1 after the 200 without ACK, or after the CANCEL without a final response.
    GiveUp,
}

/// Where the media of a session stands.
#[derive(Clone, Debug)]
pub(crate) struct SessionMedia {
    pub(crate) id: MediaSessionId,
    pub(crate) port: MediaPort,
    /// Whether the media side knows the stream.
    pub(crate) open: bool,
    /// Number of our o= line, the same for the whole session (RFC 8866 section 5.2).
    pub(crate) sdp_id: u64,
    /// Version of our o= line, one more for every changed description.
    pub(crate) sdp_version: u64,
    /// Whether the last exchange brought anything new.
    pub(crate) changed: bool,
    /// What holds now.
    pub(crate) plan: Option<Arc<MediaPlan>>,
    /// What the exchange under way will bring; [`Action::ApplyPlan`] makes it hold.
    pub(crate) next_plan: Option<MediaPlan>,
    /// Our answer to the offer of the INVITE, until it is sent.
    pub(crate) answer: Option<Vec<u8>>,
}

/// What only an outgoing call has until it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The Request-URI.
    pub(crate) target: Bytes,
    /// Header lines of the application, checked, each ending with CR LF.
    pub(crate) headers: Bytes,
    pub(crate) call_id: Bytes,
    /// Path of the INVITE, once the name is known.
    pub(crate) path: Option<Path>,
    pub(crate) ring_timeout: core::time::Duration,
    /// Where else the call may go, once somebody has sent it elsewhere.
    pub(crate) redirects: Option<Box<Redirects>>,
}

/// One call leg.
pub struct Session {
    pub(crate) tag: UserTag,
    pub(crate) role: Role,
    pub(crate) state: State,
    /// Our tag in From (caller) or To (callee): a [`Token`](crate::wire::token::Token) of the session.
    pub(crate) local_tag: [u8; TOKEN_LEN],
    /// The dialog that the call runs in; early ones are only in `dialogs`.
    pub(crate) dialog: Option<DialogId>,
    /// Every dialog of the session: more than one while forks ring or answer.
    pub(crate) dialogs: SmallVec<[DialogId; 1]>,
    /// The INVITE transaction, ours or theirs, while it may still matter.
    pub(crate) invite: Option<TransactionId>,
    /// The server transaction of a re-INVITE whose 200 waits for its ACK.
    pub(crate) reinvite: Option<TransactionId>,
    /// CSeq of the INVITE that we sent.
    pub(crate) sent_cseq: u32,
    /// CSeq of the INVITE (or re-INVITE) that was answered last; its ACK carries the same.
    pub(crate) invite_cseq: u32,
    pub(crate) media: Option<SessionMedia>,
    /// Whether our 200 carries an offer that the ACK must answer.
    pub(crate) late_offer: bool,
    pub(crate) outgoing: Option<Box<Outgoing>>,
    /// The INVITE that came, until it is answered.
    pub(crate) details: Option<Arc<InviteDetails>>,
    /// Source that is charged for this half-open call.
    pub(crate) source: Option<Digest>,
    pub(crate) timers: [Option<TimerKey>; 3],
    /// Status that refuses an incoming call which nobody decides about in time.
    pub(crate) overdue: u16,
    /// How often the 200 has been repeated.
    pub(crate) repeats: u32,
    /// How many forks were acknowledged and hung up.
    pub(crate) forks_refused: u16,
    /// Header lines of the application for the CANCEL or the BYE that ends the session.
    pub(crate) parting: Option<Box<[u8]>>,
    /// Why the session will have ended, decided when it began to end.
    pub(crate) end: Option<EndReason>,
    /// Whether the application has been told of the end.
    pub(crate) end_told: bool,
}

impl Session {
    pub(crate) fn new(role: Role, local_tag: [u8; TOKEN_LEN], tag: UserTag) -> Self {
        Self {
            tag,
            role,
            state: State::Idle,
            local_tag,
            dialog: None,
            dialogs: SmallVec::new(),
            invite: None,
            reinvite: None,
            sent_cseq: 0,
            invite_cseq: 0,
            media: None,
            late_offer: false,
            outgoing: None,
            details: None,
            source: None,
            timers: [None; 3],
            overdue: 480,
            repeats: 0,
            forks_refused: 0,
            parting: None,
            end: None,
            end_told: false,
        }
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Which side of the call we are.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The application's name for the session.
    pub fn tag(&self) -> UserTag {
        self.tag
    }

    /// The plan that the media runs by, once there is one.
    pub fn plan(&self) -> Option<&Arc<MediaPlan>> {
        self.media.as_ref()?.plan.as_ref()
    }
}
