//! One step of the state machine, and its actions through the adapters.

use alloc::string::String;
use alloc::sync::Arc;

use super::UnifiedCoordinator;
use crate::adapter::{Cause, DialogAdapter, MediaAdapter};
use crate::api::{AnswerFault, Counter, EndReason, Event, Output, Refuser};
use crate::base::ids::SessionId;
use crate::session::{Action, Cell, Fallback, Input, Role, SessionTimer, State};
use crate::signaling::{CommandError, MessageDetails};
use crate::wire::{HeaderName, reason_phrase};

impl UnifiedCoordinator {
    /// Brings `input` to an existing session, then whatever followed from it.
    pub(super) fn step(
        &mut self,
        session: SessionId,
        input: Input,
        mut cause: Cause<'_>,
    ) -> Result<(), CommandError> {
        let outcome = self.transition(session, input, &mut cause);
        while let Some((session, input)) = self.board.follow_ups.pop_front() {
            let input = if input == Input::Modify { self.modify_input(session) } else { input };
            let mut cause = Cause::default();
            if self.transition(session, input, &mut cause).is_err() {
                self.board.counters.add(Counter::Ignored);
            }
        }
        outcome
    }

    /// The same for an input that comes from the network or a timer: no caller waits for the outcome.
    pub(super) fn feed(&mut self, session: SessionId, input: Input, cause: Cause<'_>) {
        if self.step(session, input, cause).is_err() {
            self.board.counters.add(Counter::Ignored);
        }
    }

    fn transition(&mut self, id: SessionId, input: Input, cause: &mut Cause<'_>) -> Result<(), CommandError> {
        let Some(session) = self.board.registry.session_mut(id) else { return Err(CommandError::NoSuchCall) };
        let state = session.state;
        #[cfg(any(test, feature = "sim"))]
        self.visited.add(state, input);
        match self.machine.cell(state, input) {
            Cell::Row { actions, next } => {
                #[cfg(test)]
                self.taken.push((state, input));
                #[cfg(feature = "trace")]
                if let Some(recorder) = &mut self.recorder {
                    recorder.note_change(id, state, input, next);
                }
                session.state = next;
                if let Some(reason) = end_reason(state, input, session.refresh_refused.is_some()) {
                    let end = session.end.get_or_insert(reason);
                    // Why an early dialog was gone, the final response to its INVITE may say.
                    if matches!(end, EndReason::RemoteGone | EndReason::RemoteHangup)
                        && reason == EndReason::Rejected
                        && cause.status != Some(487)
                    {
                        *end = reason;
                    }
                }
                tracing::debug!(session = %id, ?state, ?input, ?next, "transition");
                for &action in actions {
                    self.act(id, action, cause);
                }
                Ok(())
            }
            Cell::Fallback(fallback) => self.fall_back(id, state, input, fallback, cause),
        }
    }

    fn fall_back(
        &mut self,
        id: SessionId,
        state: State,
        input: Input,
        fallback: Fallback,
        cause: &Cause<'_>,
    ) -> Result<(), CommandError> {
        let mut dialog = DialogAdapter { board: &mut self.board, session: id };
        match fallback {
            Fallback::Refuse => {
                return Err(CommandError::WrongState { command: command_name(input), state: state.as_str() });
            }
            Fallback::Ignore => self.board.counters.add(Counter::Ignored),
            Fallback::Gone => dialog.reply_gone(cause),
            Fallback::NotNow => dialog.refuse_for_now(cause),
            Fallback::Crossing => dialog.refuse_crossing(cause),
        }
        Ok(())
    }

    fn act(&mut self, id: SessionId, action: Action, cause: &mut Cause<'_>) {
        let board = &mut self.board;
        let timing = board.config.timing;
        let mut dialog = DialogAdapter { board, session: id };
        match action {
            Action::Resolve => dialog.resolve(),
            Action::TakeNextTarget => dialog.take_next_target(),
            Action::SendInvite => dialog.send_invite(),
            Action::SendAck => dialog.send_ack(cause),
            Action::ResendAck => dialog.resend_ack(cause),
            Action::RefuseFork => dialog.refuse_fork(cause),
            Action::SendCancel => dialog.send_cancel(),
            Action::SendBye => dialog.send_bye(cause.dialog),
            Action::AbandonInvite => dialog.abandon_invite(),
            Action::SendRinging => dialog.send_provisional(180, false, cause, None),
            Action::SendProgress => dialog.send_provisional(180, true, cause, None),
            Action::SendEarlyMedia => dialog.send_early_media(cause),
            Action::RepeatProgress => dialog.repeat_progress(),
            Action::ConfirmPrack => dialog.confirm_prack(cause),
            Action::NextProgress => dialog.next_progress(),
            Action::SendPrack => dialog.send_prack(cause),
            Action::EndFork => dialog.end_fork(cause),
            Action::LeaveFork => dialog.leave_fork(cause),
            Action::SendAnswer => dialog.send_answer(cause),
            Action::SendReanswer => dialog.send_reanswer(cause),
            Action::RepeatAnswer => dialog.repeat_answer(),
            Action::SendReject => dialog.send_reject(cause.status.unwrap_or(480), cause),
            Action::SendTerminated => dialog.send_reject(487, cause),
            Action::ConfirmBye => dialog.confirm_bye(cause),
            Action::RefuseReinvite => dialog.refuse_for_now(cause),
            Action::SendOffer => dialog.send_offer(),
            Action::AckOffer => dialog.ack_offer(cause),
            Action::WithdrawOffer => dialog.withdraw_offer(),
            Action::KeepMedia => dialog.keep_media(cause),
            Action::AbandonOffer => dialog.abandon_offer(),
            Action::SendUpdateAnswer => dialog.send_update_answer(cause),
            Action::SendRefresh => dialog.send_refresh(),
            Action::ArmOfferAgain => dialog.arm_offer_again(cause),
            Action::ArmRefresh => dialog.arm_refresh(cause.transaction.is_none()),
            Action::Settle => self.settle(id),
            Action::ReplyGone => dialog.reply_gone(cause),
            Action::ApplyChange if cause.plan.is_none() => {
                if let Some(media) = board.registry.session_mut(id).and_then(|session| session.media.as_mut())
                {
                    media.changed = false;
                }
            }
            Action::ApplyPlan | Action::ApplyChange => {
                if let (Some(plan), Some(session)) = (cause.plan.take(), board.registry.session_mut(id))
                    && let Some(media) = &mut session.media
                {
                    media.next_plan = Some(Arc::new(plan));
                }
                MediaAdapter { board, session: id }.apply_plan();
            }
            Action::CloseMedia => MediaAdapter { board, session: id }.close(),
            Action::ArmRingTimeout => {
                let out = board.registry.session(id).and_then(|session| session.outgoing.as_ref());
                let after = out.map_or(board.config.ring_timeout, |out| out.ring_timeout);
                board.arm(id, SessionTimer::Patience, after);
            }
            // The factory armed it: the handler's decision may bring its own deadline.
            Action::ArmDeadline => {}
            Action::ArmAnswerTimers => {
                if let Some(session) = board.registry.session_mut(id) {
                    session.repeats = 0;
                }
                board.arm(id, SessionTimer::AnswerRepeat, timing.t1);
                board.arm(id, SessionTimer::GiveUp, timing.give_up());
            }
            Action::ArmCancelTimeout => board.arm(id, SessionTimer::GiveUp, timing.give_up()),
            Action::DisarmAnswer => {
                board.disarm(id, SessionTimer::AnswerRepeat);
                board.disarm(id, SessionTimer::GiveUp);
            }
            Action::DisarmOffer => board.disarm(id, SessionTimer::Offer),
            Action::DisarmAll => {
                for timer in SessionTimer::ALL {
                    board.disarm(id, timer);
                }
            }
            Action::TellProgress
            | Action::TellRedirected
            | Action::TellAnswered
            | Action::TellConfirmed
            | Action::TellMediaChanged
            | Action::TellRefused
            | Action::TellRefreshRefused
            | Action::TellUnanswered
            | Action::TellEnded
            | Action::App(_) => {
                self.tell(id, action, cause);
                self.tell_related(id, action, cause);
            }
            Action::Release => self.release(id),
        }
    }

    /// Goes on with what the application wants and the peer does not know yet.
    fn settle(&mut self, id: SessionId) {
        let media = self.board.registry.session(id).and_then(|session| session.media.as_ref());
        if media.is_some_and(|media| !media.is_settled()) {
            self.board.follow_ups.push_back((id, Input::Modify));
        }
    }

    fn tell(&mut self, id: SessionId, action: Action, cause: &Cause<'_>) {
        let message = self.kept_message(action, cause);
        let now = self.board.now;
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let tag = session.tag;
        let phrase = || match (cause.phrase, cause.status) {
            ("", Some(status)) => String::from(reason_phrase(status)),
            (phrase, _) => printable(phrase),
        };
        let plan = session.media.as_ref().and_then(|media| media.plan.clone());
        if let (Action::TellRefused, Some(media)) = (action, &mut session.media) {
            media.told = media.said;
        }
        let event = match action {
            Action::TellProgress => {
                let early_media = session.state == State::EarlyMedia;
                let status = cause.status.unwrap_or(180);
                Event::Progress { session: id, tag, status, phrase: phrase(), early_media, message }
            }
            Action::TellAnswered => {
                let Some(media) = &session.media else { return };
                session.answered = Some(now);
                // A caller's plan is final here; a callee's late offer still waits for its answer.
                let plan = if session.late_offer { None } else { plan };
                Event::Answered { session: id, tag, media: media.id, plan, message }
            }
            Action::TellRedirected => {
                let out = session.outgoing.as_deref();
                let target = String::from_utf8_lossy(out.map_or(&[], |out| &out.target)).into_owned();
                let wishes = out.and_then(|out| out.redirects.as_ref()).map(|it| it.wishes().to_vec());
                Event::Redirected { session: id, tag, target, wishes: wishes.unwrap_or_default() }
            }
            Action::TellConfirmed => Event::Confirmed { session: id, tag },
            Action::TellMediaChanged => {
                match plan.filter(|_| session.media.as_ref().is_some_and(|media| media.changed)) {
                    Some(plan) => Event::MediaChanged { session: id, tag, plan },
                    None => return self.tell_hold(id),
                }
            }
            Action::TellRefused => Event::ModifyFailed {
                session: id,
                tag,
                status: cause.status.unwrap_or(503),
                refuser: match cause.message.map(|(frame, _)| frame.status()) {
                    // It has agreed, and we can make nothing of how.
                    Some(Some(200..=299)) => Refuser::Us,
                    Some(_) => Refuser::Peer,
                    None => Refuser::of_silence(cause.status.unwrap_or(503)),
                },
                phrase: phrase(),
            },
            Action::TellRefreshRefused => {
                let status = cause.status.unwrap_or(503);
                session.refresh_refused = Some(status);
                let expiry = session.timers.get(SessionTimer::Expiry as usize).copied().flatten();
                let until = expiry.and_then(|key| self.board.timers.deadline(key)).unwrap_or(self.board.now);
                let left = until.saturating_since(self.board.now).as_secs();
                let seconds = u32::try_from(left).unwrap_or(u32::MAX);
                Event::RefreshRefused { session: id, tag, status, phrase: phrase(), seconds }
            }
            Action::TellUnanswered => {
                let missing = cause.message.is_none_or(|(frame, _)| frame.body().is_empty());
                let fault = if missing { AnswerFault::Missing } else { AnswerFault::Unusable };
                Event::OfferUnanswered { session: id, tag, fault }
            }
            Action::TellEnded if session.end_told => return,
            Action::TellEnded => {
                session.end_told = true;
                let reason = session.end.or(cause.end).unwrap_or(EndReason::Internal);
                Event::Ended { session: id, tag, reason, status: cause.status, phrase: phrase(), message }
            }
            Action::App(number) => Event::App { session: id, tag, id: number },
            _ => return,
        };
        self.board.outbox.push_back(Output::Event(event));
        self.tell_hold(id);
    }

    /// Tells the application who holds the call, if that has changed or if it has asked for a change.
    fn tell_hold(&mut self, id: SessionId) {
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let up = session.state.is_up();
        let Some(media) = session.media.as_mut().filter(|_| up) else { return };
        let holds = media.holds_now();
        if media.holds != holds || media.told != media.said {
            media.holds = holds;
            media.told = media.said;
            let event = Event::HoldChanged {
                session: id,
                tag: session.tag,
                local: holds.local,
                remote: holds.remote,
            };
            self.board.outbox.push_back(Output::Event(event));
        }
    }

    /// A copy of the message at hand for the event that tells of it. What refuses a call or says why it ends is kept for
    /// whoever wants to know more than a status; anything else only if the settings say so.
    fn kept_message(&self, action: Action, cause: &Cause<'_>) -> Option<Arc<MessageDetails>> {
        let (frame, _) = cause.message?;
        let explains = || {
            frame.status().is_some_and(|status| status >= 300) || frame.first(HeaderName::Reason).is_some()
        };
        let wanted = match action {
            Action::TellEnded => self.board.config.keep_messages || explains(),
            Action::TellProgress | Action::TellAnswered => self.board.config.keep_messages,
            _ => false,
        };
        cause.path.filter(|_| wanted).map(|path| Arc::new(MessageDetails::new(frame, path)))
    }

    /// Forgets the session, unless a 2xx may still come to an INVITE of ours, or come again: then only what acknowledges it
    /// is kept, until the last of their transactions goes (RFC 6026 section 8.4).
    fn release(&mut self, id: SessionId) {
        MediaAdapter { board: &mut self.board, session: id }.close();
        let Some(session) = self.board.registry.session_mut(id) else { return };
        if let Some(source) = session.source.take() {
            self.board.shares.release(source, core::mem::take(&mut session.half_open));
        }
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let waits = session.role == Role::Uac && session.invite.is_some();
        // A re-INVITE of ours that is under way must be acknowledged, whatever its final response.
        let offers = session.offering.as_ref().is_some_and(|offering| offering.invite);
        // Until the very moment: a transaction that is due now has not gone yet.
        let listens = session.listens_until.filter(|&until| until >= self.board.now);
        if offers {
            let give_up = self.board.config.timing.give_up();
            self.board.arm(id, SessionTimer::Offer, give_up);
        }
        if let Some(until) = listens {
            self.board.arm(id, SessionTimer::GiveUp, until.saturating_since(self.board.now));
        }
        if waits || offers || listens.is_some() {
            return;
        }
        for timer in SessionTimer::ALL {
            self.board.disarm(id, timer);
        }
        let dialogs: smallvec::SmallVec<[_; 2]> =
            self.board.registry.dialogs_of(id).iter().copied().collect();
        for dialog in dialogs {
            self.board.drop_waiting(dialog);
        }
        self.board.forget_session(id);
    }
}

/// Words of a peer, safe to show on a terminal and to write into a log.
pub(super) fn printable(words: &str) -> String {
    words.chars().map(|each| if each.is_control() { char::REPLACEMENT_CHARACTER } else { each }).collect()
}

/// Why a session ends that `input` ends; the first reason given stays.
fn end_reason(state: State, input: Input, refused: bool) -> Option<EndReason> {
    Some(match input {
        Input::Hangup => EndReason::LocalHangup,
        Input::Reject => EndReason::Declined,
        Input::RingTimeout => EndReason::NoAnswer,
        Input::Deadline => EndReason::Undecided,
        Input::NamesFailed => EndReason::NameFailure,
        Input::RxFailure => EndReason::Rejected,
        // What changes a call that is up, and fails, ends nothing.
        Input::RxBadAck if state == State::Reanswered => return None,
        Input::RxBadAnswer | Input::RxBadAck | Input::RxBadPrack | Input::RxBadEarlyOffer => {
            EndReason::NoCommonMedia
        }
        Input::RxCancel | Input::RxBye
            if matches!(state, State::Incoming | State::Ringing | State::AnswerPending) =>
        {
            EndReason::Cancelled
        }
        Input::RxBye => EndReason::RemoteHangup,
        Input::InviteTimeout | Input::PrackTimeout => EndReason::Timeout,
        Input::AckTimeout => EndReason::AckTimeout,
        Input::RxGone => EndReason::RemoteGone,
        Input::OfferTimeout => EndReason::Timeout,
        Input::Expired if refused => EndReason::RefreshRefused,
        Input::Expired => EndReason::SessionExpired,
        Input::InviteGone => EndReason::Timeout,
        _ => return None,
    })
}

fn command_name(input: Input) -> &'static str {
    match input {
        Input::MakeCall => "place",
        Input::Ring => "ring",
        Input::Answer | Input::AnswerLater => "answer",
        Input::Progress | Input::ProgressAudio => "announce",
        Input::Reject => "reject",
        Input::Hangup => "hang up",
        Input::Modify | Input::ModifyEarly => "change the media of",
        other => other.as_str(),
    }
}
