//! Responses to our requests (RFC 3261 section 8.1.3).

use alloc::string::String;
use core::net::IpAddr;

use super::UnifiedCoordinator;
use crate::adapter::{Cause, DialogAdapter, MediaAdapter, Owner};
use crate::api::{Counter, EndReason, Refuser};
use crate::base::ids::{DialogId, SessionId};
use crate::dialog::{Dialog, DialogUser};
use crate::session::{Input, Session, State};
use crate::transaction::{ClientEvent, ClientEventKind, TransactionId};
use crate::wire::frame::{Facts, Frame, StartLine};
use crate::wire::path::Path;

impl UnifiedCoordinator {
    pub(super) fn receive_response(&mut self, path: Path, frame: &Frame<'_>) {
        let facts = match (frame.fault(), frame.facts()) {
            (None, Ok(facts)) => facts,
            _ => return self.board.counters.add(Counter::BadResponse),
        };
        let client = self.board.layer.client_of(frame, &facts);
        if client.is_some_and(|client| !self.is_ours(client, &facts)) {
            return self.board.counters.add(Counter::BadResponse);
        }
        let event =
            self.board.with_layer(|layer, now, send| layer.receive_response(now, &path, frame, &facts, send));
        let Some(event) = event else { return self.board.counters.add(Counter::StrayResponse) };
        self.answered_from(event, path.remote.ip(), frame, &facts);
        if self.board.answer_challenge(event, frame, &facts) {
            return;
        }
        self.board.note_next_nonce(event, frame);
        match self.board.owners.get(event.tx).copied() {
            Some(Owner::Invite(session)) => self.receive_invite_response(session, event, path, frame, &facts),
            Some(Owner::Bye(session)) if event.kind != ClientEventKind::Provisional => {
                self.board.layer.forget_message(event.tx);
                self.feed(session, Input::RxByeDone, Cause::default());
            }
            Some(Owner::Subscribe(id)) if event.kind != ClientEventKind::Provisional => {
                self.board.layer.forget_message(event.tx);
                self.subscribe_answered(id, event.status, Some(frame));
            }
            Some(Owner::Notify(id)) if event.kind != ClientEventKind::Provisional => {
                self.board.layer.forget_message(event.tx);
                self.notify_answered(id, event.status, Some(frame));
            }
            Some(Owner::Register(id)) if event.kind != ClientEventKind::Provisional => {
                self.board.layer.forget_message(event.tx);
                self.register_answered(id, event.status, Some((frame, path)), Refuser::Peer);
            }
            Some(Owner::Errand(id)) if event.kind != ClientEventKind::Provisional => {
                self.errand_answered(id, event.tx, path, frame);
            }
            Some(Owner::Request { session, purpose }) => {
                self.receive_dialog_response(session, purpose, event, frame, &facts);
            }
            _ => {}
        }
    }

    /// Whoever answers a request within a dialog is there, and may say what it understands, and where it is.
    fn answered_from(&mut self, event: ClientEvent, ip: IpAddr, frame: &Frame<'_>, facts: &Facts<'_>) {
        let registry = &mut self.board.registry;
        let of_session = |id| registry.dialog_of(id, facts.to_tag, facts.call_id);
        let dialog = match self.board.owners.get(event.tx) {
            Some(Owner::Request { session, .. }) => of_session(*session),
            Some(Owner::Errand(id)) => self.board.errands.get(*id).and_then(|it| of_session(it.session?)),
            // A SUBSCRIBE may be answered by another fork than the one that notifies.
            Some(Owner::Subscribe(id) | Owner::Notify(id)) => {
                let dialog = registry.subscription(*id).and_then(|it| it.dialog);
                let same = |id: &DialogId| {
                    registry.dialog(*id).is_some_and(|it| it.matches(facts.call_id, facts.to_tag))
                };
                dialog.filter(same)
            }
            _ => None,
        };
        let Some(dialog) = dialog.and_then(|id| registry.dialog_mut(id)) else { return };
        dialog.answered_from(ip);
        // A refusal may be a proxy's.
        if event.kind == ClientEventKind::Success {
            dialog.learn_methods(frame);
            // SUBSCRIBE and NOTIFY refresh the target (RFC 3261 section 12.2.1.2); of a re-INVITE and UPDATE their owner sees to that.
            if matches!(dialog.user, DialogUser::Subscription(_)) {
                dialog.refresh_target(frame, self.board.config.peer_contacts);
            }
        }
    }

    /// Whether a response to an INVITE has the From tag, the Call-ID and the number that we sent (RFC 3261 section
    /// 8.2.6.2). One that has not must not stop the INVITE's timers.
    fn is_ours(&self, client: TransactionId, facts: &Facts<'_>) -> bool {
        let Some(Owner::Invite(id)) = self.board.owners.get(client) else { return true };
        let Some(session) = self.board.registry.session(*id) else { return true };
        facts.from_tag == Some(&session.local_tag)
            && self.board.call_id(session).is_none_or(|call_id| call_id == facts.call_id)
            && (facts.cseq == session.sent_cseq || session.invite != Some(client))
    }

    fn receive_invite_response(
        &mut self,
        session: SessionId,
        event: ClientEvent,
        path: Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) {
        let phrase = match frame.start() {
            StartLine::Response { reason, .. } => String::from_utf8_lossy(reason),
            StartLine::Request { .. } => return,
        };
        // An attempt that was given up or refused, or a call that was over before anybody had answered.
        let late = |it: &Session| {
            it.invite != Some(event.tx) || it.state == State::Terminated && it.dialog.is_none()
        };
        if self.board.registry.session(session).is_some_and(late) {
            return self.receive_late(session, event, path, frame, facts);
        }
        let mut cause = Cause {
            message: Some((frame, facts)),
            path: Some(path),
            status: Some(event.status),
            phrase: &phrase,
            ..Cause::default()
        };
        let input = match event.kind {
            ClientEventKind::Provisional if event.status == 100 => Input::RxTrying,
            ClientEventKind::Provisional => self.read_provisional(session, frame, facts, &mut cause),
            ClientEventKind::Success => match self.read_success(session, frame, facts, &mut cause) {
                Some(input) => input,
                None => return self.board.counters.add(Counter::Ignored),
            },
            ClientEventKind::Failure if event.status == 422 && self.lengthen_refresh(session, frame) => {
                Input::RxTooBrief
            }
            ClientEventKind::Failure
                if self.board.is_challenge(event)
                    && self.board.take_invite_challenge(session, event, frame) =>
            {
                Input::RxChallenged
            }
            ClientEventKind::Failure => self.read_failure(session, event.status, frame),
        };
        if event.kind == ClientEventKind::Success {
            // No CANCEL and no ACK is made of the INVITE any more.
            self.board.layer.forget_message(event.tx);
        }
        self.feed(session, input, cause);
    }

    /// A response to an INVITE that was given up or refused. Whoever took it after all is acknowledged and hung up.
    fn receive_late(
        &mut self,
        id: SessionId,
        event: ClientEvent,
        path: Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) {
        let dialog = match event.kind {
            ClientEventKind::Success => {
                DialogAdapter { board: &mut self.board, session: id }.dialog_for(frame, facts)
            }
            _ => None,
        };
        if dialog.is_none() {
            return self.board.counters.add(Counter::Ignored);
        }
        self.board.listen_on(id, event.tx);
        let description =
            if self.is_late(id) { self.decline_late_offer(id, self.description_of(frame)) } else { None };
        let message = Some((frame, facts));
        let cause = Cause { message, path: Some(path), dialog, description, ..Cause::default() };
        self.feed(id, Input::RxOtherAnswer, cause);
    }

    /// 2xx: the first makes the call, a repeat wants its ACK again, and one from another fork is refused
    /// (section 13.2.2.4).
    fn read_success(
        &mut self,
        id: SessionId,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        cause: &mut Cause<'_>,
    ) -> Option<Input> {
        let dialog = DialogAdapter { board: &mut self.board, session: id }.dialog_for(frame, facts)?;
        cause.dialog = Some(dialog);
        let routes_max = self.board.config.limits.routes_max;
        let contacts = self.board.config.peer_contacts;
        let description = self.description_of(frame);
        let session = self.board.registry.session_mut(id)?;
        if let Some(kept) = session.dialog {
            if kept == dialog {
                return Some(Input::RxAnswerAgain);
            }
            if self.is_late(id) {
                cause.description = self.decline_late_offer(id, self.description_of(frame));
            }
            return Some(Input::RxOtherAnswer);
        }
        // Its callee has hung up already, while others ring on.
        let rings = session.state != State::Cancelling;
        if rings && self.board.registry.dialog(dialog).is_some_and(Dialog::is_left_early) {
            if self.is_late(id) {
                cause.description = self.decline_late_offer(id, self.description_of(frame));
            }
            return Some(Input::RxOtherAnswer);
        }
        let session = self.board.registry.session_mut(id)?;
        session.dialog = Some(dialog);
        let offering = session.state == State::EarlyMedia;
        self.leave_others(id, dialog);
        let offering =
            offering && self.board.registry.session(id).is_some_and(|session| session.offering.is_some());
        self.agree_refresh(id, frame);
        let confirmed = self.board.registry.dialog_mut(dialog)?;
        confirmed.confirm(frame, routes_max);
        let (early, unspoken) = (confirmed.early.take(), confirmed.unspoken(contacts));
        if let Some(transport) = unspoken {
            // Neither ACK nor BYE can go there.
            tracing::debug!(session = %id, %transport, "the answer comes from where no request can go");
            self.board.registry.session_mut(id)?.end.get_or_insert(EndReason::UnsupportedTransport);
            return Some(Input::RxBadAnswer);
        }
        if let Some(early) = early.filter(|early| early.agreed || description.is_empty())
            && let Some(plan) = early.plan
        {
            // The answer came in a provisional response already. One that came reliably is the last word.
            cause.plan = Some(plan);
            return Some(if offering { Input::RxAnswerMidOffer } else { Input::RxAnswer });
        }
        if self.is_late(id) {
            let usable = self.answer_late_offer(id, description, cause);
            return Some(if usable { Input::RxAnswer } else { Input::RxBadAnswer });
        }
        match (MediaAdapter { board: &mut self.board, session: id }).read_answer(description) {
            Some(Ok(plan)) => {
                cause.plan = Some(plan);
                Some(Input::RxAnswer)
            }
            _ => Some(Input::RxBadAnswer),
        }
    }

    /// Ends the early dialogs of those who did not answer first (RFC 6026 section 7.2).
    fn leave_others(&mut self, id: SessionId, kept: DialogId) {
        let Some(session) = self.board.registry.session(id) else { return };
        let others = session.dialogs.iter().copied().filter(|&other| other != kept);
        let others: smallvec::SmallVec<[_; 4]> = others.collect();
        for other in others {
            let early = self.board.registry.dialog(other).and_then(|dialog| dialog.early.as_ref());
            let updated = early.is_some_and(|early| early.updated);
            self.board.drop_early(id, other);
            let session = self.board.registry.session_mut(id).filter(|_| updated);
            if let Some(media) = session.and_then(|session| session.media.as_mut()) {
                media.tell_again();
            }
        }
    }

    /// Whether the first description of the peer is an offer.
    fn is_late(&self, id: SessionId) -> bool {
        let out = self.board.registry.session(id).and_then(|session| session.outgoing.as_ref());
        out.is_some_and(|out| out.late_offer)
    }
}
