//! Actions for reliable provisional responses and what comes with them: early media and early dialogs (RFC 3262).

use alloc::vec::Vec;
use core::time::Duration;

use smallvec::SmallVec;

use super::request::Content;
use super::{Cause, DialogAdapter, MediaAdapter, Owner, Purpose};
use crate::api::{Counter, Reliable};
use crate::dialog::Early;
use crate::session::{Input, Provisional, Reliability, SessionTimer, State};
use crate::transaction::Reply;
use crate::wire::frame::Frame;
use crate::wire::method::Method;
use crate::wire::text::{Sink as _, trim};
use crate::wire::{HeaderName, SDP_TYPE, reason_phrase};

/// How often 180 is repeated (RFC 3261 section 13.3.1.1).
const RINGING_INTERVAL: Duration = Duration::from_secs(60);

/// The option tag of reliable provisional responses.
pub(crate) const RELIABLY: &[u8] = b"100rel";

impl DialogAdapter<'_> {
    /// A provisional response, again every minute while it rings: proxies give up after three minutes of silence (RFC
    /// 3261 section 13.3.1.1). `surely` asks for a reliable one, which then is sent again until its PRACK comes.
    pub(crate) fn send_provisional(
        &mut self,
        status: u16,
        surely: bool,
        cause: &Cause<'_>,
        body: Option<Vec<u8>>,
    ) {
        // To a caller without an offer, the first reliable response is where ours must be (section 5).
        let late = self.board.registry.session(self.session).is_some_and(|session| session.late_offer);
        let offer_due = late && body.is_none();
        if !self.is_sure(surely && !offer_due) {
            self.respond_invite(status, cause, body);
            return self.board.arm(self.session, SessionTimer::AnswerRepeat, RINGING_INTERVAL);
        }
        let body = match offer_due {
            true => MediaAdapter { board: self.board, session: self.session }.description(),
            false => body,
        };
        let first = (self.board.rng.next_u32() >> 1).max(1);
        let timing = self.board.config.timing;
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        let rseq = session.provisional.as_ref().map_or(first, |last| last.rseq.saturating_add(1));
        let described = body.is_some();
        let cseq = session.invite_cseq;
        let sent = Provisional {
            rseq,
            cseq,
            waits: true,
            described,
            repeats: 0,
            next: None,
            answer_headers: Vec::new(),
        };
        session.provisional = Some(sent.into());
        self.respond_invite(status, cause, body);
        self.board.arm(self.session, SessionTimer::AnswerRepeat, timing.t1);
        self.board.arm(self.session, SessionTimer::GiveUp, timing.give_up());
    }

    /// Whether a provisional response goes reliably.
    fn is_sure(&self, surely: bool) -> bool {
        let session = self.board.registry.session(self.session);
        match session.map(|session| session.reliability) {
            Some(Reliability::Required) => true,
            Some(Reliability::Possible) => surely,
            Some(Reliability::None) | None => false,
        }
    }

    /// 183 with our session description. What went reliably is not said again; what may get lost the 200 repeats.
    pub(crate) fn send_early_media(&mut self, cause: &Cause<'_>) {
        let sure = self.is_sure(true);
        let mut media = MediaAdapter { board: self.board, session: self.session };
        let body = if sure { media.description() } else { media.answer_to_be() };
        self.send_provisional(183, true, cause, body);
    }

    /// The same response again, each time after twice as long as before (RFC 3262 section 3).
    pub(crate) fn repeat_progress(&mut self) {
        let timing = self.board.config.timing;
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        let invite = session.invite;
        let Some(sent) = session.provisional.as_mut() else { return };
        sent.repeats = sent.repeats.saturating_add(1);
        let after = timing.t1.saturating_mul(1 << sent.repeats.min(16));
        if let Some(invite) = invite {
            self.board.with_layer(|layer, _, send| layer.resend_provisional(invite, send));
        }
        self.board.arm(self.session, SessionTimer::AnswerRepeat, after);
    }

    /// The response to a PRACK that acknowledges what we sent.
    pub(crate) fn confirm_prack(&mut self, cause: &mut Cause<'_>) {
        let Some(transaction) = cause.transaction else { return };
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        if let Some(sent) = session.provisional.as_mut() {
            sent.waits = false;
            // It has answered the offer that we made.
            session.late_offer &= !sent.described;
        }
        // While it rings the next number is needed, and an answer that has waited has yet to leave.
        let of_use = |sent: &Provisional| session.state == State::Ringing || !sent.answer_headers.is_empty();
        session.provisional = session.provisional.take().filter(|sent| of_use(sent));
        let tag = session.local_tag;
        let body = cause.description.take();
        let body = body.as_deref().map(|body| (SDP_TYPE, body));
        let (status, reason) = (200, reason_phrase(200));
        let reply = Reply { status, reason, to_tag: Some(&tag), record_route: false, extra: &[], body };
        self.board.respond(transaction, reply);
    }

    /// After the PRACK: what had to wait for it, or ringing on.
    pub(crate) fn next_progress(&mut self) {
        let Some(session) = self.board.registry.session_mut(self.session) else { return };
        match session.provisional.as_mut().and_then(|sent| sent.next.take()) {
            Some(true) => self.board.follow_ups.push_back((self.session, Input::ProgressAudio)),
            Some(false) => self.board.follow_ups.push_back((self.session, Input::Progress)),
            None => self.board.arm(self.session, SessionTimer::AnswerRepeat, RINGING_INTERVAL),
        }
    }

    /// PRACK within the early dialog of the response at hand (RFC 3262 section 4).
    pub(crate) fn send_prack(&mut self, cause: &mut Cause<'_>) {
        let (Some(rseq), Some(dialog), Some((_, facts))) = (cause.rseq.take(), cause.dialog, cause.message)
        else {
            return;
        };
        let mut rack = SmallVec::<[u8; 32]>::new();
        rack.put_number(u64::from(rseq));
        rack.put(b" ");
        rack.put_number(u64::from(facts.cseq));
        rack.put(b" INVITE");
        let body = cause.description.take();
        let body = body.as_deref().map(|body| (SDP_TYPE, body));
        let owner = Owner::Request { session: self.session, purpose: Purpose::Prack };
        let content = Content { headers: &[("RAck", &rack)], body, ..Content::default() };
        if self.request(dialog, Method::Prack, owner, content).is_none() {
            // Whoever wants more of them than its share has room for goes without.
            self.board.counters.add(Counter::Overload);
        }
    }

    /// Forgets the early dialog that a 199 has ended (RFC 6228).
    pub(crate) fn end_fork(&mut self, cause: &Cause<'_>) {
        if let Some(dialog) = cause.dialog {
            self.board.drop_early(self.session, dialog);
        }
    }

    /// Forgets what the early dialog had agreed on, but not that its callee has hung up.
    pub(crate) fn leave_fork(&mut self, cause: &Cause<'_>) {
        let Some(id) = cause.dialog else { return };
        if let Some(session) = self.board.registry.session_mut(self.session) {
            session.leave_offer_of(id);
        }
        self.board.drop_waiting(id);
        if let Some(dialog) = self.board.registry.dialog_mut(id).filter(|dialog| !dialog.confirmed) {
            dialog.early = Some(Early { left: true, ..Early::default() }.into());
        }
    }
}

impl Reliability {
    /// What the INVITE of a caller and our settings allow.
    pub(crate) fn of(invite: &Frame<'_>, ours: Reliable) -> Self {
        let required = requires_reliably(invite);
        let possible = required || has(invite, HeaderName::Supported);
        match ours {
            Reliable::Never => Self::None,
            _ if !possible => Self::None,
            Reliable::Supported if !required => Self::Possible,
            Reliable::Supported | Reliable::Required => Self::Required,
        }
    }
}

/// Whether Require names reliable provisional responses.
pub(crate) fn requires_reliably(frame: &Frame<'_>) -> bool {
    has(frame, HeaderName::Require)
}

fn has(frame: &Frame<'_>, name: HeaderName) -> bool {
    // Option tags are tokens: no comma is quoted.
    let mut tags = frame.fields(name).flat_map(|field| field.split(|&octet| octet == b','));
    tags.any(|tag| tag.len() >= RELIABLY.len() && trim(tag).eq_ignore_ascii_case(RELIABLY))
}
