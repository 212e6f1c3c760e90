//! Sessions: one call leg each, and the table-driven machine that moves them.

mod action;
mod acts;
#[cfg(any(test, feature = "sim"))]
mod cells;
mod machine;
mod redirects;
mod referral;
mod refresh;
mod sides;
mod state;
mod table;
mod transfer;

#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;
use smallvec::SmallVec;

pub use action::Action;
#[cfg(any(test, feature = "sim"))]
pub use cells::Cells;
pub use machine::{Cell, StateMachine, StateTable, TableError};
pub(crate) use redirects::Redirects;
pub(crate) use referral::{Referral, TRANSFERS_MAX, Transfers, Which};
pub(crate) use refresh::{Refresh, RefreshFault, Refresher};
pub use sides::sides_page;
pub use state::{Input, Role, State};
pub use table::{Fallback, ROWS, Row, fallback};
pub use transfer::{
    TRANSFER_ROWS, TransferAction, TransferInput, TransferRow, TransferState, transfer_page, transfer_row,
};

use crate::api::CallerFrom;
use crate::api::{EndReason, OfferMethod};
use crate::auth::{Origin, Realms};
use crate::base::ids::{DialogId, UserTag};
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::base::timers::TimerKey;
use crate::wire::token::TOKEN_LEN;

use crate::media::{MediaPort, MediaSessionId};
use crate::sdp::CodecList;
use crate::sdp::plan::{Direction, MediaPlan};
use crate::signaling::InviteDetails;
use crate::transaction::TransactionId;
use crate::wire::path::Path;

/// The timers of a session, one slot each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum SessionTimer {
    /// Outgoing: nobody answers. Incoming: nobody decides.
    Patience,
    /// Send the 180 or the 200 again.
    AnswerRepeat,
    /// 64·T1 after the 200 without ACK, or after the CANCEL without a final response.
    GiveUp,
    /// Our offer within the call: no final response, or time to make it again after glare.
    Offer,
    /// Time to refresh the session (RFC 4028).
    Refresh,
    /// Nobody has refreshed the session.
    Expiry,
    /// No report of a transfer; of an incoming call that takes the place of another: time to answer it.
    Transfer,
    /// Nobody consents to what the peer asks for by REFER.
    Consent,
}

impl SessionTimer {
    pub(crate) const ALL: [Self; 8] = [
        Self::Patience,
        Self::AnswerRepeat,
        Self::GiveUp,
        Self::Offer,
        Self::Refresh,
        Self::Expiry,
        Self::Transfer,
        Self::Consent,
    ];
}

/// A body part of the application.
#[derive(Clone, Debug)]
pub(crate) struct OwnPart {
    /// Its header lines, each ending with CR LF.
    pub(crate) head: Box<[u8]>,
    pub(crate) body: Bytes,
}

/// Where the media of a session stands.
#[derive(Clone, Debug)]
pub(crate) struct SessionMedia {
    pub(crate) id: MediaSessionId,
    /// The pair of ports, from the moment that a description of ours names it.
    pub(crate) port: Option<MediaPort>,
    /// Whether the media side knows the stream.
    pub(crate) open: bool,
    /// Number of our o= line, the same for the whole session (RFC 8866 section 5.2).
    pub(crate) sdp_id: u64,
    /// Version of our o= line, one more for every changed description.
    pub(crate) sdp_version: u64,
    /// What our last description said, but for its version.
    pub(crate) described: Option<Digest>,
    /// Whether that one, the first of its version, has yet to leave. If it never does, the next has that version.
    pub(crate) unissued: bool,
    /// Our last description, if it has more than one media line: a later one must have them all (RFC 3264 section 8).
    pub(crate) lines: Option<Box<[u8]>>,
    /// Whether the last exchange brought anything new.
    pub(crate) changed: bool,
    /// We have described our side anew since a plan was applied: what comes next is another exchange and no repetition.
    pub(crate) exchanged: bool,
    /// Whether an offer that we had to decline has taken the place of what runs, until the peer agrees to that again.
    pub(crate) declined: bool,
    /// Which way the application lets audio flow.
    pub(crate) wanted: Direction,
    /// The same as the peer knows it.
    pub(crate) agreed: Direction,
    /// What our last description said of it.
    pub(crate) described_direction: Direction,
    /// The codecs that the application wants, if not those of the settings, ...
    pub(crate) codecs: Option<Box<CodecList>>,
    /// ... and those that it wanted when the peer last agreed.
    pub(crate) agreed_codecs: Option<Box<CodecList>>,
    /// How the application wants the peer to be asked.
    pub(crate) by: OfferMethod,
    /// Counts what the application wanted, ...
    pub(crate) wish: u8,
    /// ... how much of it is in the description that was made last, ...
    pub(crate) made: u8,
    /// ... how much the peer knows of it, ...
    pub(crate) said: u8,
    /// ... and of that, how much the application has been told.
    pub(crate) told: u8,
    /// Whether we hold and whether the peer does, as last told to the application.
    pub(crate) holds: Holds,
    /// What holds now.
    pub(crate) plan: Option<Arc<MediaPlan>>,
    /// What the exchange under way will bring; [`Action::ApplyPlan`] makes it hold.
    pub(crate) next_plan: Option<Arc<MediaPlan>>,
    /// Our answer to the offer of the INVITE, until it is sent where it cannot get lost.
    pub(crate) answer: Option<Vec<u8>>,
    /// Whether the peer has seen nothing of it, so that what it comes to (`next_plan`) must not hold yet.
    pub(crate) unsaid: bool,
}

/// Who keeps the other from being heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Holds {
    pub(crate) local: bool,
    pub(crate) remote: bool,
}

impl SessionMedia {
    /// Whether each side holds the call (RFC 3264 section 8.4), by what was agreed: the peer does when we
    /// want to send and may not.
    pub(crate) fn holds_now(&self) -> Holds {
        let flows = self.plan.as_ref().map_or(Direction::SendRecv, |plan| plan.direction);
        Holds { local: !self.agreed.receives(), remote: self.agreed.sends() && !flows.sends() }
    }

    /// Our last offer came to nothing: the peer knows no more than before.
    pub(crate) fn take_back(&mut self) {
        self.made = self.said;
        self.described_direction = self.agreed;
    }

    /// The peer's offer had to be declined: the peer is to be offered what was agreed before.
    pub(crate) fn offer_back(&mut self) {
        self.declined = true;
        self.wish = self.wish.wrapping_add(1);
        self.take_back();
    }

    /// Whoever knew of our changes is gone, and another has taken the call as it was offered at first.
    pub(crate) fn tell_again(&mut self) {
        self.wish = self.wish.wrapping_add(1);
        self.agreed = Direction::SendRecv;
        self.take_back();
    }

    /// Whether the peer knows all that the application wants.
    pub(crate) fn is_settled(&self) -> bool {
        self.said == self.wish
    }
}

/// An offer of ours within the call that has no answer yet.
#[derive(Clone, Debug)]
pub(crate) struct Offering {
    /// The dialog that it was made in; before the answer there may be several.
    pub(crate) dialog: DialogId,
    /// The re-INVITE or UPDATE that carries it.
    pub(crate) transaction: TransactionId,
    /// Whether it is an INVITE, whose 2xx wants an ACK.
    pub(crate) invite: bool,
    /// What we offered.
    pub(crate) offer: Vec<u8>,
    /// How much of what the application wanted is in it.
    pub(crate) made: u8,
    /// Whether it only refreshes the session: the application wants nothing that the peer does not know.
    pub(crate) refreshes: bool,
    /// RSeq of the last reliable provisional response to it (RFC 3262 section 4).
    pub(crate) rseq: Option<u32>,
    /// What the answer in such a response came to: it is the last word.
    pub(crate) answer: Option<Box<MediaPlan>>,
}

/// Whether a callee can be sure that its provisional responses arrive (RFC 3262).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reliability {
    /// One side does not know how.
    None,
    /// Both sides know how.
    Possible,
    /// One side asks for it.
    Required,
}

/// The reliable provisional responses of a callee (RFC 3262 section 3).
#[derive(Clone, Debug)]
pub(crate) struct Provisional {
    /// RSeq of the last one.
    pub(crate) rseq: u32,
    /// CSeq of the INVITE that it answers.
    pub(crate) cseq: u32,
    /// Whether its PRACK is awaited.
    pub(crate) waits: bool,
    /// Whether it carries a session description.
    pub(crate) described: bool,
    /// How often it was sent again.
    pub(crate) repeats: u32,
    /// What is to be sent after its PRACK, and whether that has audio.
    pub(crate) next: Option<bool>,
    /// Header fields of the application for the 200 that waits for the PRACK.
    pub(crate) answer_headers: Vec<(String, String)>,
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
    /// Whether the INVITE has no offer: the first description of the peer is one.
    pub(crate) late_offer: bool,
    /// The early dialog whose audio is played.
    pub(crate) heard: Option<DialogId>,
    /// Whether a peer named the target, by a REFER.
    pub(crate) named_by_peer: bool,
    /// What From says, where it differs from the settings.
    pub(crate) from: Option<Box<CallerFrom>>,
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
    /// Until when a 2xx may come to an INVITE of ours that has had its outcome: it is acknowledged each time it comes.
    pub(crate) listens_until: Option<Instant>,
    /// The server transaction of a re-INVITE whose 200 waits for its ACK.
    pub(crate) reinvite: Option<TransactionId>,
    /// Our offer within the call, while it waits for its answer.
    pub(crate) offering: Option<Box<Offering>>,
    /// How often the present offer was made.
    pub(crate) offer_tries: u8,
    /// What was agreed about refreshing the session (RFC 4028), or what our INVITE asks for.
    pub(crate) refresh: Option<Refresh>,
    /// What it has to do with transfers.
    pub(crate) transfers: Option<Box<Transfers>>,
    /// With what our last refresh was refused, until one succeeds.
    pub(crate) refresh_refused: Option<u16>,
    /// How often a refresh was put off since the last one succeeded.
    pub(crate) refresh_tries: u8,
    /// How often a 422 made us ask for a longer interval.
    pub(crate) too_brief: u8,
    /// CSeq of the INVITE that we sent.
    pub(crate) sent_cseq: u32,
    /// The highest CSeq of a request in an early dialog that was given up: should its callee answer after all, ours go on
    /// from there.
    pub(crate) early_cseq: u32,
    /// CSeq of the INVITE (or re-INVITE) that was answered last; its ACK carries the same.
    pub(crate) invite_cseq: u32,
    pub(crate) media: Option<SessionMedia>,
    /// Whether our 200 carries an offer that the ACK must answer.
    pub(crate) late_offer: bool,
    pub(crate) outgoing: Option<Box<Outgoing>>,
    /// Whether the caller lets us send provisional responses reliably.
    pub(crate) reliability: Reliability,
    /// The last reliable provisional response, while its PRACK or the answer is awaited.
    pub(crate) provisional: Option<Box<Provisional>>,
    /// The INVITE that came, until it is answered.
    pub(crate) details: Option<Arc<InviteDetails>>,
    /// What a copy of the INVITE that came would be known by (RFC 3261 section 8.2.2.2).
    pub(crate) merged: Option<Digest>,
    /// Source that is charged for this half-open call.
    pub(crate) source: Option<Digest>,
    /// Whether it is in the share of those whose caller has not proved yet to be there.
    pub(crate) half_open: bool,
    pub(crate) timers: [Option<TimerKey>; SessionTimer::ALL.len()],
    /// Status that refuses an incoming call which nobody decides about in time.
    pub(crate) overdue: u16,
    /// How often the 200 has been repeated.
    pub(crate) repeats: u32,
    /// How many forks were acknowledged and hung up.
    pub(crate) forks_refused: u16,
    /// Keys that wait for the INFO before them to be answered.
    pub(crate) keys: Option<Box<str>>,
    /// Who has asked for credentials.
    pub(crate) realms: Option<Box<Realms>>,
    /// How it began, for who asks for credentials.
    pub(crate) origin: Origin,
    /// Header lines of the application for the CANCEL or the BYE that ends the session.
    pub(crate) parting: Option<Box<[u8]>>,
    /// What goes along with the session description of the INVITE, or of the 200 that answers it.
    pub(crate) parts: Option<Box<[OwnPart]>>,
    /// Where something came from that nobody can say who has not seen our tag: an ACK, PRACK or any other request in the dialog.
    pub(crate) proven: Option<IpAddr>,
    /// Octets that could still be sent because of the INVITE of a peer who may be forged, when its 2xx was last sent.
    pub(crate) left: u32,
    /// When the application was told that the call is answered.
    pub(crate) answered: Option<Instant>,
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
            listens_until: None,
            reinvite: None,
            offering: None,
            offer_tries: 0,
            refresh: None,
            transfers: None,
            refresh_refused: None,
            refresh_tries: 0,
            too_brief: 0,
            sent_cseq: 0,
            early_cseq: 0,
            invite_cseq: 0,
            media: None,
            late_offer: false,
            outgoing: None,
            reliability: Reliability::None,
            provisional: None,
            details: None,
            merged: None,
            source: None,
            half_open: false,
            timers: [None; SessionTimer::ALL.len()],
            overdue: 480,
            repeats: 0,
            forks_refused: 0,
            keys: None,
            realms: None,
            origin: Origin::Theirs { by_party: false },
            parting: None,
            parts: None,
            proven: None,
            left: 0,
            answered: None,
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

    /// The reliable provisional response whose PRACK is awaited.
    pub(crate) fn unacknowledged(&self) -> Option<&Provisional> {
        self.provisional.as_deref().filter(|sent| sent.waits)
    }

    /// Gives up our offer, if it was made in this dialog, which is no more.
    pub(crate) fn leave_offer_of(&mut self, dialog: DialogId) {
        if self.offering.take_if(|offering| offering.dialog == dialog).is_some()
            && let Some(media) = &mut self.media
        {
            media.take_back();
        }
    }

    /// Whether the timers are those of a reliable provisional response. After the answer they are those of the 200.
    pub(crate) fn awaits_prack(&self) -> bool {
        matches!(self.state, State::Ringing | State::AnswerPending) && self.unacknowledged().is_some()
    }

    /// Whether a callee that has not answered yet has agreed with the caller on the media.
    pub(crate) fn has_early_agreement(&self) -> bool {
        let told = self.media.as_ref().is_some_and(|media| media.answer.is_none());
        told && !self.late_offer
    }

    /// The plan that the media runs by, once there is one.
    pub fn plan(&self) -> Option<&Arc<MediaPlan>> {
        self.media.as_ref()?.plan.as_ref()
    }
}
