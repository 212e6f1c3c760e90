//! Provisional responses: those that we send as callee and their PRACKs, those that come to us as caller, and which of
//! several early dialogs is heard (RFC 3262, RFC 6228).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::UnifiedCoordinator;
use super::dialogs::Outcome;
use super::ingress::{Refusal, Request};
use crate::adapter::{Cause, DialogAdapter, MediaAdapter, requires_reliably};
use crate::api::Counter;
use crate::base::ids::{DialogId, SessionId};
use crate::base::time::Instant;
use crate::dialog::Dialog;
use crate::session::{Cell, Input, Reliability, Role, Session, State};
use crate::signaling::CommandError;
use crate::transaction::ClientEvent;
use crate::wire::frame::{Facts, Frame};
use crate::wire::method::Method;
use crate::wire::{HeaderList, HeaderName, RAck, parse_rseq};

impl UnifiedCoordinator {
    /// Tells the caller that an incoming call is being worked on (180), or with `audio` lets it hear something before
    /// the call is taken (183 with a session description): the stream opens both ways.
    ///
    /// It goes reliably (RFC 3262) where both sides know how. While an earlier one waits for its PRACK, it is sent after
    /// that.
    pub fn progress(&mut self, now: Instant, session: SessionId, audio: bool) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Progress { audio } });
        self.advance(now);
        let input = if audio { Input::ProgressAudio } else { Input::Progress };
        let Some(found) = self.board.registry.session_mut(session) else {
            return Err(CommandError::NoSuchCall);
        };
        if matches!(self.machine.cell(found.state, input), Cell::Row { .. }) {
            if audio && found.media.as_ref().is_some_and(|media| media.open) {
                return Ok(());
            }
            if audio && found.late_offer && found.reliability == Reliability::None {
                let why =
                    "the caller made no offer and takes none in a provisional response: ring instead".into();
                return Err(CommandError::BadArgument { what: "audio", why });
            }
            if audio && !self.lease(session) {
                return Err(CommandError::NoMediaPort);
            }
            let found = self.board.registry.session_mut(session).and_then(|it| it.provisional.as_mut());
            if let Some(sent) = found.filter(|sent| sent.waits) {
                sent.next = Some(audio || sent.next == Some(true));
                return Ok(());
            }
        }
        self.step(session, input, Cause::default())
    }

    /// Gets the pair of ports that a description of ours is about to name. False if there is none.
    fn lease(&mut self, session: SessionId) -> bool {
        MediaAdapter { board: &mut self.board, session }.lease()
    }

    /// Takes the call, at once or when that has come which the 200 must wait for: the PRACK of a session description
    /// (RFC 3262 section 3), or the outcome of an UPDATE of ours. Without a port for its media it is refused with 503.
    pub(super) fn answer_now(
        &mut self,
        session: SessionId,
        headers: HeaderList<'_>,
    ) -> Result<(), CommandError> {
        let found = self.board.registry.session(session);
        let answers =
            found.is_some_and(|it| matches!(self.machine.cell(it.state, Input::Answer), Cell::Row { .. }));
        if answers && !self.lease(session) {
            self.board.counters.add(Counter::Overload);
            let headers = HeaderList::new(&[("Retry-After", "5")]).unwrap_or_default();
            self.step(session, Input::Reject, Cause { status: Some(503), headers, ..Cause::default() })?;
            return Err(CommandError::NoMediaPort);
        }
        let found = self.board.registry.session_mut(session);
        let found = found.filter(|found| found.state == State::Ringing);
        let offers = found.as_ref().is_some_and(|it| it.offering.is_some());
        let sent = found.and_then(|it| it.provisional.as_mut());
        let input = match sent.filter(|sent| offers || sent.waits && sent.described) {
            Some(sent) => {
                sent.answer_headers =
                    headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
                Input::AnswerLater
            }
            None => Input::Answer,
        };
        self.step(session, input, Cause { headers, ..Cause::default() })
    }

    /// PRACK (RFC 3262 section 3): what it acknowledges must be what waits for it. Then it gets a 2xx, whatever comes of
    /// the session description that it carries.
    pub(super) fn receive_prack(&mut self, request: &Request<'_>, id: SessionId, dialog: DialogId) {
        let rack = request.frame.first(HeaderName::RAck);
        if rack.and_then(RAck::parse).is_none() {
            self.board.counters.add(Counter::BadRequest);
            let reason = if rack.is_some() { "Bad RAck" } else { "Missing RAck" };
            return self.refuse(request.transaction, Refusal { reason, ..Refusal::plain(400) });
        }
        let mut cause = self.cause_of(request, dialog);
        let awaited = self.awaits_prack(id, request.frame);
        let Some(session) = self.board.registry.session(id) else { return };
        let Some(sent) = session.unacknowledged().filter(|_| awaited) else {
            self.board.counters.add(Counter::UnknownDialog);
            return self.board.respond_plain(request.transaction, 481);
        };
        let aside = session.state == State::AnswerPending && !sent.described;
        let (answers, agreed) = (sent.described && session.late_offer, session.has_early_agreement());
        let body = self.description_of(request.frame);
        let usable = if answers {
            match (MediaAdapter { board: &mut self.board, session: id }).read_answer(body) {
                Some(Ok(plan)) => {
                    cause.plan = Some(plan);
                    true
                }
                _ => false,
            }
        } else {
            // An offer may come once the first exchange is complete (section 5).
            body.is_empty() || !agreed || self.answer_surely(id, request, dialog, &mut cause)
        };
        let input = match usable {
            false => {
                cause.status = Some(488);
                Input::RxBadPrack
            }
            true if aside => Input::RxSidePrack,
            true => Input::RxPrack,
        };
        self.feed(id, input, cause);
    }

    /// Whether a PRACK of this session is awaited that carries this RAck.
    pub(super) fn awaits_prack(&self, id: SessionId, frame: &Frame<'_>) -> bool {
        let session = self.board.registry.session(id);
        let sent = session.and_then(Session::unacknowledged);
        let rack = frame.first(HeaderName::RAck).and_then(RAck::parse);
        sent.zip(rack).is_some_and(|(sent, rack)| {
            (sent.rseq, sent.cseq, Method::Invite) == (rack.rseq, rack.cseq, rack.method)
        })
    }

    /// Answers an offer where it cannot be refused (RFC 6337 section 3.1): what nobody can do is declined, and then what was
    /// agreed before is offered again, if the peer takes that now. False if it does not, so that no media are left.
    fn answer_surely(
        &mut self,
        id: SessionId,
        request: &Request<'_>,
        dialog: DialogId,
        cause: &mut Cause<'_>,
    ) -> bool {
        if self.answer_into(id, request, dialog, cause).is_ok() {
            return true;
        }
        let Some(found) = self.board.registry.dialog(dialog) else { return false };
        let (path, takes_more) = (found.path, found.update_allowed || found.confirmed);
        let offer = self.description_of(request.frame);
        let mut media = MediaAdapter { board: &mut self.board, session: id };
        cause.description = media.decline(&path, offer);
        if cause.description.is_none() {
            // What cannot be read is no offer.
            return true;
        }
        if takes_more
            && let Some(media) = self.board.registry.session_mut(id).and_then(|it| it.media.as_mut())
        {
            media.offer_back();
        }
        takes_more
    }

    /// Our PRACK has its outcome. A refusal changes nothing: whoever still waits for it lets its response come again, and
    /// the answer to the INVITE may be on its way.
    pub(super) fn prack_over(&mut self, outcome: &Outcome<'_>) {
        let (id, Some((_, facts)), 200..=299) = (outcome.session, outcome.response, outcome.status) else {
            return;
        };
        let dialog = self.board.registry.dialog_of(id, facts.to_tag, facts.call_id);
        let early = dialog.and_then(|dialog| self.board.registry.dialog_mut(dialog)?.early.as_mut());
        let Some(early) = early.filter(|early| early.agreed && !early.settled) else { return };
        early.settled = true;
        let media = self.board.registry.session(id).and_then(|session| session.media.as_ref());
        if media.is_some_and(|media| !media.is_settled()) {
            self.feed(id, self.modify_input(id), Cause::default());
        }
    }

    /// 101 to 199: it may begin or end an early dialog (RFC 3261 section 12.1), may bring an early answer, and may want
    /// its PRACK.
    pub(super) fn read_provisional(
        &mut self,
        id: SessionId,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        cause: &mut Cause<'_>,
    ) -> Input {
        let over = cause.status == Some(199);
        if facts.to_tag.is_some() {
            cause.dialog = if over {
                self.board.registry.dialog_of(id, facts.to_tag, facts.call_id)
            } else {
                DialogAdapter { board: &mut self.board, session: id }.dialog_for(frame, facts)
            };
        }
        let known = cause.dialog.and_then(|dialog| self.board.registry.dialog(dialog));
        if known.is_some_and(Dialog::is_left_early) {
            self.board.counters.add(Counter::Ignored);
            return Input::RxTrying;
        }
        if let Some(dialog) = cause.dialog
            && requires_reliably(frame)
        {
            cause.rseq = self.take_rseq(dialog, frame);
            if cause.rseq.is_none() {
                // It came before, or another is missing before it: it will come again.
                self.board.counters.add(Counter::Ignored);
                return Input::RxTrying;
            }
            // Only what comes in its order can say where the callee is now (RFC 6141 section 4).
            let contacts = self.board.config.peer_contacts;
            if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
                dialog.refresh_target(frame, contacts);
                dialog.learn_methods(frame);
            }
        }
        if over {
            return self.read_fork_over(id, cause);
        }
        let description = self.description_of(frame);
        if description.is_empty() {
            return Input::RxRinging;
        }
        self.read_early_description(id, description, cause).unwrap_or(Input::RxRinging)
    }

    /// The number of a reliable response, if it is the next one of its early dialog (RFC 3262 section 4).
    fn take_rseq(&mut self, dialog: DialogId, frame: &Frame<'_>) -> Option<u32> {
        let early = self.board.registry.dialog_mut(dialog)?.early.get_or_insert_default();
        next_rseq(&mut early.rseq, frame)
    }

    /// A provisional response to a re-INVITE of ours. If it is reliable it wants its PRACK, says where the peer is, and may
    /// have the answer to our offer.
    pub(super) fn offer_goes_on(
        &mut self,
        id: SessionId,
        event: ClientEvent,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) {
        let registry = &mut self.board.registry;
        let session = registry.session_mut(id).filter(|session| session.state == State::Offering);
        let offering = session.and_then(|session| session.offering.as_mut());
        let Some(offering) = offering.filter(|it| it.invite && it.transaction == event.tx) else { return };
        if !requires_reliably(frame) {
            return;
        }
        let Some(rseq) = next_rseq(&mut offering.rseq, frame) else {
            return self.board.counters.add(Counter::Ignored);
        };
        let (dialog, answered) = (offering.dialog, offering.answer.is_some());
        let contacts = self.board.config.peer_contacts;
        let Some(found) = registry.dialog_mut(dialog) else { return };
        found.refresh_target(frame, contacts);
        found.learn_methods(frame);
        let path = found.path;
        let body = self.description_of(frame);
        // One that cannot be used is no reason to give up: the 2xx decides.
        if !answered
            && !body.is_empty()
            && let Some(Ok(plan)) =
                (MediaAdapter { board: &mut self.board, session: id }).read_reanswer(&path, body)
            && let Some(session) = self.board.registry.session_mut(id)
            && let Some(offering) = session.offering.as_mut()
        {
            offering.answer = Some(Box::new(plan));
        }
        let message = Some((frame, facts));
        let cause = Cause { message, dialog: Some(dialog), rseq: Some(rseq), ..Cause::default() };
        self.feed(id, Input::RxRinging, cause);
    }

    /// A session description in a provisional response: an answer, or the offer that we asked for. `None` if there is
    /// nothing to learn from it.
    fn read_early_description(&mut self, id: SessionId, body: &[u8], cause: &mut Cause<'_>) -> Option<Input> {
        let early = cause.dialog.and_then(|dialog| self.board.registry.dialog(dialog)?.early.as_deref());
        if early.is_some_and(|early| early.agreed) {
            return None;
        }
        let before = early.and_then(|early| early.plan.clone());
        let reliable = cause.rseq.is_some();
        let plan = if self.board.registry.session(id)?.outgoing.as_ref()?.late_offer {
            // An offer must not get lost (section 5).
            if !reliable {
                return None;
            }
            if !self.answer_late_offer(id, body, cause) {
                return Some(Input::RxBadEarlyOffer);
            }
            cause.plan.take()?
        } else {
            // An early answer that cannot be used is no reason to give the call up: the 200 decides.
            (MediaAdapter { board: &mut self.board, session: id }).read_answer(body)?.ok()?
        };
        let again = before.as_ref() == Some(&plan);
        if let Some(dialog) = cause.dialog.and_then(|dialog| self.board.registry.dialog_mut(dialog)) {
            let early = dialog.early.get_or_insert_default();
            early.plan = Some(plan.clone());
            early.agreed = reliable;
        }
        // The last one who has something new to say is heard. Who only says it again is not.
        let out = self.board.registry.session_mut(id)?.outgoing.as_mut()?;
        if again && out.heard.is_some() && out.heard != cause.dialog {
            return None;
        }
        out.heard = cause.dialog;
        cause.plan = Some(plan);
        Some(Input::RxEarlyMedia)
    }

    /// Answers the offer that came for our INVITE without one; false if it must be declined. Either way there is a
    /// description to send, unless the offer cannot be read.
    pub(super) fn answer_late_offer(&mut self, id: SessionId, offer: &[u8], cause: &mut Cause<'_>) -> bool {
        let path = self.board.registry.session(id).and_then(|it| it.outgoing.as_ref()?.path);
        let Some(path) = path else { return false };
        let mut media = MediaAdapter { board: &mut self.board, session: id };
        match media.answer_offer(&path, offer) {
            Some(Ok(answered)) => {
                cause.description = Some(answered.sdp);
                cause.plan = Some(answered.plan);
                true
            }
            _ => {
                cause.description = media.decline(&path, offer);
                false
            }
        }
    }

    /// The answer to an offer of a fork that we do not keep.
    pub(super) fn decline_late_offer(&mut self, id: SessionId, offer: &[u8]) -> Option<Vec<u8>> {
        let path = self.board.registry.session(id)?.outgoing.as_ref()?.path?;
        MediaAdapter { board: &mut self.board, session: id }.decline(&path, offer)
    }

    /// 199: this early dialog will not be answered any more. If it was heard, the latest of the others is heard instead.
    pub(super) fn read_fork_over(&mut self, id: SessionId, cause: &mut Cause<'_>) -> Input {
        let registry = &self.board.registry;
        let out = registry.session(id).and_then(|session| session.outgoing.as_ref());
        let heard = out.and_then(|out| out.heard);
        let (true, Some(path)) = (heard.is_some() && heard == cause.dialog, out.and_then(|out| out.path))
        else {
            return Input::RxForkOver;
        };
        let plan_of = |dialog: DialogId| registry.dialog(dialog)?.early.as_ref()?.plan.clone();
        let mut others = registry.dialogs_of(id).iter().rev().filter(|&&dialog| heard != Some(dialog));
        let next = others.find_map(|&dialog| Some((dialog, plan_of(dialog)?)));
        if let Some(out) = self.board.registry.session_mut(id).and_then(|session| session.outgoing.as_mut()) {
            out.heard = next.as_ref().map(|&(dialog, _)| dialog);
        }
        match next {
            Some((_, plan)) => {
                cause.plan = Some(plan);
                Input::RxForkOver
            }
            None => {
                cause.plan = MediaAdapter { board: &mut self.board, session: id }.listening(&path);
                Input::RxEarlyMediaOver
            }
        }
    }

    /// Whether the peer in this dialog was called by us and nobody has answered yet.
    pub(super) fn is_early_callee(&self, id: SessionId, dialog: DialogId) -> bool {
        let session = self.board.registry.session(id);
        session.is_some_and(|session| session.role == Role::Uac && session.dialog.is_none())
            && self.board.registry.dialog(dialog).is_some_and(|dialog| !dialog.confirmed)
    }

    /// What a callee that has not answered asks for, as far as that is a matter of early dialogs: BYE, which it should not
    /// send but some do (RFC 3261 section 15), whatever comes after it, and an INVITE, for which ours is in the way
    /// (section 14.2). False for anything else.
    pub(super) fn receive_from_early(
        &mut self,
        request: &Request<'_>,
        id: SessionId,
        dialog: DialogId,
    ) -> bool {
        let has_left = |id: DialogId| self.board.registry.dialog(id).is_some_and(Dialog::is_left_early);
        let mut cause = self.cause_of(request, dialog);
        let input = match request.method {
            _ if has_left(dialog) => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
                return true;
            }
            Method::Invite => Input::RxOfferCrossing,
            Method::Bye => {
                let over = self.session_state(id) == Some(State::Cancelling);
                let others = self.board.registry.dialogs_of(id).iter();
                if over || others.copied().filter(|&other| other != dialog).all(has_left) {
                    Input::RxBye
                } else {
                    cause.status = Some(199);
                    match self.read_fork_over(id, &mut cause) {
                        Input::RxEarlyMediaOver => Input::RxEarlyMediaBye,
                        _ => Input::RxForkBye,
                    }
                }
            }
            _ => return false,
        };
        self.feed(id, input, cause);
        true
    }

    /// An UPDATE has changed what was agreed in an early dialog, which therefore is the one that is heard.
    pub(super) fn note_early_change(&mut self, id: SessionId, dialog: DialogId, cause: &Cause<'_>) {
        let Some(plan) = &cause.plan else { return };
        let Some(early) = self.board.registry.dialog_mut(dialog).and_then(|it| it.early.as_mut()) else {
            return;
        };
        early.plan = Some(plan.clone());
        early.updated = true;
        if let Some(session) = self.board.registry.session_mut(id).filter(|it| it.role == Role::Uac)
            && let Some(out) = &mut session.outgoing
        {
            out.heard = Some(dialog);
        }
    }
}

/// The number of a reliable response, if it follows the last (RFC 3262 section 4).
fn next_rseq(last: &mut Option<u32>, frame: &Frame<'_>) -> Option<u32> {
    let number = frame.first(HeaderName::RSeq).and_then(parse_rseq)?;
    if last.is_some_and(|last| last.checked_add(1) != Some(number)) {
        return None;
    }
    *last = Some(number);
    Some(number)
}
