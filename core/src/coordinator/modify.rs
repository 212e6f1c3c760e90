//! Offers within a call: re-INVITE (RFC 3261 section 14) and UPDATE (RFC 3311), the peer's and ours.
//!
//! The application says what it wants of the media, at any time; [`SessionMedia`](crate::session) remembers. Whenever
//! no other exchange is under way, what the peer does not know yet is offered. So holding and resuming never fail because
//! the moment is bad, and of several wishes the last one wins.

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use super::UnifiedCoordinator;
use super::dialogs::Outcome;
use super::ingress::{Refusal, Request};
use crate::adapter::{Cause, DialogAdapter, MediaAdapter};
use crate::api::{Modification, OfferMethod, Refuser};
use crate::base::ids::{DialogId, SessionId};
use crate::base::time::Instant;
use crate::sdp::plan::Direction;
use crate::session::{Cell, Input, Role, Session, SessionTimer, State};
use crate::signaling::CommandError;
use crate::transaction::ClientEventKind;
use crate::wire::HeaderName;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::text::parse_leading_seconds;

/// How often an offer is made again before its failure is told.
const TRIES_MAX: u8 = 10;

impl UnifiedCoordinator {
    /// Holds the call: the peer is asked to send no audio, and gets only what we send (RFC 3264 section 8.4).
    ///
    /// The outcome comes as [`Event::HoldChanged`](crate::api::Event::HoldChanged) or
    /// [`Event::ModifyFailed`](crate::api::Event::ModifyFailed). Before the answer it goes by UPDATE (RFC 3311) where both
    /// sides have agreed on the media already and the peer knows UPDATE; else it waits until the call is up.
    pub fn hold(&mut self, now: Instant, session: SessionId) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Hold });
        self.advance(now);
        self.change(session, Modification::direction(Direction::SendOnly))
    }

    /// Resumes a call that was held.
    pub fn resume(&mut self, now: Instant, session: SessionId) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Resume });
        self.advance(now);
        self.change(session, Modification::direction(Direction::SendRecv))
    }

    /// Changes the media of a call.
    pub fn modify(
        &mut self,
        now: Instant,
        session: SessionId,
        change: Modification,
    ) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Modify(Cow::Borrowed(&change)) });
        self.advance(now);
        self.change(session, change)
    }

    fn change(&mut self, id: SessionId, change: Modification) -> Result<(), CommandError> {
        let Some(session) = self.board.registry.session_mut(id) else { return Err(CommandError::NoSuchCall) };
        let possible = matches!(self.machine.cell(session.state, Input::Modify), Cell::Row { .. });
        if let Some(media) = session.media.as_mut().filter(|_| possible) {
            let Modification { direction, codecs, by } = change;
            media.wanted = direction.unwrap_or(media.wanted);
            if let Some(codecs) = codecs {
                media.codecs = Some(Box::new(codecs));
            }
            media.by = by;
            media.wish = media.wish.wrapping_add(1);
            session.offer_tries = 0;
        }
        self.step(id, self.modify_input(id), Cause::default())
    }

    /// What is wanted of the media can be offered at once while the call is up. Before the answer it takes UPDATE, and a
    /// first exchange that both sides know to be over (RFC 3311 section 5.1).
    pub(super) fn modify_input(&self, id: SessionId) -> Input {
        let registry = &self.board.registry;
        let ready = |session: &Session| {
            let dialog = match session.state {
                State::EarlyMedia => session.outgoing.as_ref()?.heard,
                State::Ringing => session.dialog,
                _ => None,
            };
            let dialog = registry.dialog(dialog?)?;
            let agreed = match session.role {
                Role::Uac => dialog.early.as_ref()?.settled,
                Role::Uas => {
                    session.has_early_agreement()
                        && session.unacknowledged().is_none_or(|sent| !sent.described)
                }
            };
            let paused = session.timers.get(SessionTimer::Offer as usize)?.is_some();
            Some(agreed && dialog.update_allowed && session.offering.is_none() && !paused)
        };
        match registry.session(id).and_then(ready) {
            Some(true) => Input::ModifyEarly,
            _ => Input::Modify,
        }
    }

    /// An INVITE within a dialog: the peer changes the media, or only looks whether we are there (section 14.2).
    pub(super) fn receive_reinvite(&mut self, request: &Request<'_>, id: SessionId, dialog: DialogId) {
        let mut cause = self.cause_of(request, dialog);
        let known = self.board.registry.session(id).zip(self.board.registry.dialog(dialog));
        let Some((session, found)) = known else { return };
        let path = found.path;
        // What would be refused anyway must not count as described by us. That the ACK of an INVITE before has not come
        // is no obstacle: this one proves that our 200 has arrived (RFC 5407 sections 3.1.4 and 3.1.5).
        let unacknowledged = matches!(session.state, State::Answered | State::Reanswered);
        let open = unacknowledged || matches!(session.state, State::Active | State::OfferWait);
        let inviting = session.role == Role::Uac && !found.confirmed;
        if inviting || session.offering.is_some() || unacknowledged && session.late_offer {
            return self.feed(id, Input::RxOfferCrossing, cause);
        }
        if !open {
            return self.feed(id, Input::RxReinvite, cause);
        }
        cause.refresh = match self.read_refresh(request.frame) {
            Ok(refresh) => refresh,
            Err(refusal) => return self.refuse(request.transaction, refusal),
        };
        let late = self.description_of(request.frame).is_empty();
        let mut media = MediaAdapter { board: &mut self.board, session: id };
        if late {
            cause.description = media.reoffer(&path);
        } else if let Err(refusal) = self.answer_into(id, request, dialog, &mut cause) {
            return self.refuse(request.transaction, refusal);
        }
        self.feed(id, Input::RxReinvite, cause);
        if let Some(session) = self.board.registry.session_mut(id)
            && session.reinvite == Some(request.transaction)
        {
            session.late_offer = late;
        }
    }

    /// An UPDATE: it refreshes the target and the session, and may bring an offer (RFC 3311 section 5.2).
    pub(super) fn receive_update(&mut self, request: &Request<'_>, id: SessionId, dialog: DialogId) {
        let mut cause = self.cause_of(request, dialog);
        cause.refresh = match self.read_refresh(request.frame) {
            Ok(refresh) => refresh,
            Err(refusal) => return self.refuse(request.transaction, refusal),
        };
        if !self.description_of(request.frame).is_empty() {
            let conflict = self.board.registry.session(id).and_then(|it| self.offer_conflict(it, dialog));
            if let Some(conflict) = conflict {
                return self.feed(id, conflict, cause);
            }
            if let Err(refusal) = self.answer_into(id, request, dialog, &mut cause) {
                return self.refuse(request.transaction, refusal);
            }
            self.note_early_change(id, dialog, &cause);
        }
        self.feed(id, Input::RxUpdate, cause);
    }

    /// Whether an offer of the peer comes while another exchange is unfinished.
    fn offer_conflict(&self, session: &Session, dialog: DialogId) -> Option<Input> {
        let early = !self.board.registry.dialog(dialog).is_some_and(|dialog| dialog.confirmed);
        let answered = || {
            self.board
                .registry
                .dialog(dialog)
                .is_some_and(|it| it.early.as_ref().is_some_and(|it| it.plan.is_some()))
        };
        match session.role {
            _ if session.offering.is_some() => Some(Input::RxOfferCrossing),
            Role::Uac if early && !answered() => Some(Input::RxOfferCrossing),
            // Who offers more has our answer, even if its PRACK is still under way.
            Role::Uas if early && session.has_early_agreement() => None,
            Role::Uas if early => Some(Input::RxOfferTooEarly),
            // Our offer in a 200 waits for its answer in the ACK.
            _ if session.late_offer => Some(Input::RxOfferCrossing),
            _ => None,
        }
    }

    /// Answers the offer of a request.
    pub(super) fn answer_into(
        &mut self,
        id: SessionId,
        request: &Request<'_>,
        dialog: DialogId,
        cause: &mut Cause<'_>,
    ) -> Result<(), Refusal<'static>> {
        let path = self.board.registry.dialog(dialog).map(|dialog| dialog.path);
        let offer = self.description_of(request.frame);
        let mut media = MediaAdapter { board: &mut self.board, session: id };
        match path.and_then(|path| media.answer_offer(&path, offer)) {
            Some(Ok(answered)) => {
                cause.description = Some(answered.sdp);
                cause.plan = Some(answered.plan);
                Ok(())
            }
            Some(Err(error)) => Err(self.unusable_offer(&error)),
            None => Err(Refusal::plain(488)),
        }
    }

    /// Our re-INVITE or UPDATE has its outcome.
    pub(super) fn offer_over(&mut self, outcome: &Outcome<'_>) {
        let id = outcome.session;
        self.board.listen_on(id, outcome.transaction);
        let Some(session) = self.board.registry.session(id) else { return };
        let over = matches!(session.state, State::Terminating | State::Terminated);
        let offering = session.offering.as_ref().filter(|it| it.transaction == outcome.transaction);
        let Some(dialog) = offering.map(|offering| offering.dialog) else {
            // A 2xx that came again lost its ACK; one that comes too late has yet to get it.
            if let (200..=299, Some((frame, facts)), Some(dialog)) =
                (outcome.status, outcome.response, session.dialog)
                && facts.cseq_method == crate::wire::method::Method::Invite
            {
                let mut adapter = DialogAdapter { board: &mut self.board, session: id };
                adapter.ack_again(dialog, facts.cseq, ClientEventKind::Success);
                if !outcome.again {
                    self.offer_anew(id, dialog, frame);
                }
            }
            return;
        };
        let refreshes = offering.is_some_and(|offering| offering.refreshes);
        let by_update = offering.is_some_and(|offering| !offering.invite);
        let early = session.dialog != Some(dialog) || session.state.is_early();
        let forked = session.dialogs.len() > 1;
        let phrase = match outcome.response.map(|(frame, _)| frame.start()) {
            Some(StartLine::Response { reason, .. }) => String::from_utf8_lossy(reason).into_owned(),
            _ => String::from(Refuser::words_of_silence(outcome.status)),
        };
        let mut cause = Cause {
            message: outcome.response,
            dialog: Some(dialog),
            status: Some(outcome.status),
            phrase: &phrase,
            ..Cause::default()
        };
        let success = (200..=299).contains(&outcome.status);
        let input = match (outcome.status, outcome.response) {
            _ if over && success => Input::RxOfferAnswer,
            _ if over => Input::RxOfferRefused,
            (200..=299, Some((frame, _))) => {
                let contacts = self.board.config.peer_contacts;
                if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
                    dialog.refresh_target(frame, contacts);
                }
                // A session is refreshed from its answer on (RFC 4028 section 1).
                if !early {
                    self.agree_refresh(id, frame);
                }
                let input = self.read_offer_answer(id, dialog, &mut cause);
                self.note_early_change(id, dialog, &cause);
                input
            }
            (422, Some((frame, _))) if !early && self.lengthen_refresh(id, frame) => Input::RxTooBrief,
            // One of several that ring has gone; the others may still answer.
            _ if outcome.ends_dialog() && early && forked => {
                (cause.status, cause.phrase) = (Some(199), "");
                self.read_fork_over(id, &mut cause)
            }
            _ if outcome.ends_dialog() => Input::RxGone,
            _ if by_update && self.wants_reinvite(id, dialog, outcome.status, early || refreshes) => {
                cause.pause = Some(Duration::ZERO);
                Input::RxOfferGlare
            }
            _ if refreshes => {
                cause.pause = self.refresh_pause(outcome);
                if cause.pause.is_some() { Input::RxOfferGlare } else { Input::RxRefreshRefused }
            }
            (491, _) if self.may_try_again(id) => Input::RxOfferGlare,
            (500, Some((frame, _))) if frame.first(HeaderName::RetryAfter).is_some() => {
                // The peer is busy with an offer of its own (section 14.2).
                let seconds = frame.first(HeaderName::RetryAfter).and_then(parse_leading_seconds);
                cause.pause =
                    seconds.filter(|&seconds| seconds <= 10).map(u64::from).map(Duration::from_secs);
                match cause.pause {
                    Some(_) if self.may_try_again(id) => Input::RxOfferGlare,
                    _ => Input::RxOfferRefused,
                }
            }
            _ => Input::RxOfferRefused,
        };
        let session = self.board.registry.session(id);
        let declined = session.and_then(|it| it.media.as_ref()).is_some_and(|media| media.declined);
        let lost = matches!(input, Input::RxOfferRefused | Input::RxOfferBadAnswer) && declined;
        let called = session.is_some_and(|it| matches!(it.state, State::Ringing | State::AnswerPending));
        // What was agreed is not to be had again, and what the peer wanted instead cannot be.
        let input = if lost && called {
            cause.status = Some(488);
            cause.phrase = "";
            Input::RxBadPrack
        } else {
            input
        };
        self.feed(id, input, cause);
    }

    /// Whether an UPDATE was refused because it is one: what it offers is asked for by a re-INVITE, at once or after the answer.
    fn wants_reinvite(
        &mut self,
        id: SessionId,
        dialog: DialogId,
        status: u16,
        waits_for_nobody: bool,
    ) -> bool {
        match status {
            405 | 501 => {
                if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
                    dialog.refuse_update();
                }
                true
            }
            // Somebody has to be asked first, for which an UPDATE leaves no time (RFC 3311 section 5.2).
            504 if !waits_for_nobody => {
                if let Some(media) = self.board.registry.session_mut(id).and_then(|it| it.media.as_mut()) {
                    media.by = OfferMethod::Reinvite;
                }
                true
            }
            _ => false,
        }
    }

    /// The peer has taken a re-INVITE of ours that was refused elsewhere or given up: its media are not those any more that both sides
    /// had, and the application knows. So it is offered what is wanted, at once or after the exchange that is under way.
    fn offer_anew(&mut self, id: SessionId, dialog: DialogId, frame: &Frame<'_>) {
        let contacts = self.board.config.peer_contacts;
        if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
            dialog.refresh_target(frame, contacts);
        }
        let up = self.session_state(id).is_some_and(State::is_up);
        if !up || !self.may_try_again(id) {
            return;
        }
        if let Some(media) = self.board.registry.session_mut(id).and_then(|session| session.media.as_mut()) {
            media.wish = media.wish.wrapping_add(1);
        }
        self.feed(id, Input::Modify, Cause::default());
    }

    fn read_offer_answer(&mut self, id: SessionId, dialog: DialogId, cause: &mut Cause<'_>) -> Input {
        let offering = self.board.registry.session_mut(id).and_then(|session| session.offering.as_mut());
        if let Some(plan) = offering.and_then(|offering| offering.answer.take()) {
            cause.plan = Some(*plan);
            return Input::RxOfferAnswer;
        }
        let body = cause.message.map(|(frame, _)| self.description_of(frame)).unwrap_or_default();
        let path = self.board.registry.dialog(dialog).map(|dialog| dialog.path);
        let media = MediaAdapter { board: &mut self.board, session: id };
        match path.and_then(|path| media.read_reanswer(&path, body)) {
            Some(Ok(plan)) => {
                cause.plan = Some(plan);
                Input::RxOfferAnswer
            }
            _ => {
                // In its words it has agreed; what comes of that is a refusal.
                (cause.status, cause.phrase) = (Some(488), "no answer that can be used");
                Input::RxOfferBadAnswer
            }
        }
    }

    fn may_try_again(&mut self, id: SessionId) -> bool {
        let Some(session) = self.board.registry.session_mut(id) else { return false };
        session.offer_tries = session.offer_tries.saturating_add(1);
        session.offer_tries <= TRIES_MAX
    }
}
