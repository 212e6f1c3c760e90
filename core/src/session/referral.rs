//! What a session remembers of transfers.

use alloc::sync::Arc;

use smallvec::SmallVec;

use super::transfer::TransferState;
use crate::api::TransferRequest;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::transaction::TransactionId;

/// Transfers that the peer of one call may have asked for and that are not over.
pub(crate) const TRANSFERS_MAX: usize = 4;

/// One REFER, ours or the peer's, that is not over.
#[derive(Clone, Debug)]
pub(crate) struct Referral {
    pub(crate) state: TransferState,
    /// CSeq of the REFER, which is also the id of its reports.
    pub(crate) cseq: u32,
    /// Our REFER.
    pub(crate) transaction: Option<TransactionId>,
    /// Whether its outcome is to be reported. Of ours: whether we asked for that.
    pub(crate) reported: bool,
    /// Whether its reports carry the id (RFC 3515 section 2.4.6): all but those of the first.
    pub(crate) numbered: bool,
    /// The status reported last.
    pub(crate) last: u16,
    /// When the peer may forget that it wants reports.
    pub(crate) until: Instant,
    /// What the peer asks for.
    pub(crate) request: Option<Arc<TransferRequest>>,
}

impl Referral {
    pub(crate) fn new(cseq: u32, reported: bool, until: Instant) -> Self {
        let state = TransferState::New;
        Self { state, cseq, transaction: None, reported, numbered: false, last: 0, until, request: None }
    }
}

/// Which of the transfers of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// The one that we ask for.
    Ours,
    /// The one that the peer asks for with the REFER of this number.
    Theirs(u32),
}

/// What a session has to do with transfers. Few have.
#[derive(Clone, Default, Debug)]
pub(crate) struct Transfers {
    /// Our REFER.
    pub(crate) ours: Option<Referral>,
    /// The peer's.
    pub(crate) theirs: SmallVec<[Referral; 1]>,
    /// Whether the peer sent a REFER before.
    pub(crate) referred: bool,
    /// The call whose peer wants to know how this one goes, and the number of its REFER.
    pub(crate) origin: Option<(SessionId, u32)>,
    /// The call that this one takes the place of when it is answered.
    pub(crate) takes_over: Option<SessionId>,
}

impl Transfers {
    pub(crate) fn find(&mut self, which: Which) -> Option<&mut Referral> {
        match which {
            Which::Ours => self.ours.as_mut(),
            Which::Theirs(cseq) => self.theirs.iter_mut().find(|referral| referral.cseq == cseq),
        }
    }

    pub(crate) fn forget(&mut self, which: Which) {
        match which {
            Which::Ours => self.ours = None,
            Which::Theirs(cseq) => self.theirs.retain(|referral| referral.cseq != cseq),
        }
    }

    /// The number of the peer's REFER that waits for consent. There is one at most.
    pub(crate) fn pending(&self) -> Option<u32> {
        let pending = self.theirs.iter().find(|referral| referral.state == TransferState::Pending);
        pending.map(|referral| referral.cseq)
    }
}
