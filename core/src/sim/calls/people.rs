//! What people do about what they are told.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::deeds::Deed;
use super::goal::{Cancel, Decision, Goal, PickUp};
use super::story::Story;
use super::wish::{Doing, Early, Wish};
use crate::api::Event;
use crate::base::ids::SessionId;
use crate::signaling::{Deferral, InviteDetails, SignalingDecision};

impl Story {
    /// What an application is told, and what its user does about it.
    pub(super) fn hear(&mut self, number: usize, event: Event) {
        let goals = self.goals.clone();
        let Some(session) = event.session() else { return };
        let call = match &event {
            Event::Incoming { details, .. } => self.admitted(number, session, details),
            _ => self.call_of(number, session),
        };
        let note = match &event {
            Event::Incoming { .. } => String::from("is called"),
            Event::Progress { status, .. } => format!("progress {status}"),
            Event::Redirected { target, .. } => format!("redirected to {target}"),
            Event::Answered { .. } => String::from("answered"),
            Event::Confirmed { .. } => String::from("confirmed"),
            Event::MediaChanged { .. } => String::from("media changed"),
            Event::Ended { reason, .. } => format!("ended: {reason}"),
            Event::App { id, .. } => format!("app {id}"),
            other => format!("{other:?}"),
        };
        self.report.digest.add(note.as_bytes());
        self.note(number, format!("{session}: {note}"));
        let Some((call, goal)) = call.and_then(|call| Some((call, *goals.get(call)?))) else { return };
        let side = usize::from(goal.callee == number);
        let Some(told) = self.told.get_mut(call).and_then(|sides| sides.get_mut(side)) else { return };
        match event {
            Event::Incoming { .. } => {
                told.incoming = true;
                self.pick_up(number, session, goal);
            }
            Event::Progress { early_media, .. } => {
                told.progress = true;
                told.early |= early_media;
            }
            Event::HoldChanged { local, remote, .. } => {
                told.held = (local, remote);
                told.heard_since = 0;
            }
            Event::MediaChanged { plan, .. } => {
                told.codec = Some(plan.codec);
                told.heard_since = 0;
            }
            Event::Refreshed { .. } => told.refreshed += 1,
            Event::TransferRequested { .. } => {
                if let Wish::Transfer { leg, .. } = goal.wish {
                    self.after(Duration::ZERO, Deed::Do(number, session, Doing::AcceptTransfer(leg)));
                }
            }
            Event::Answered { media, .. } => {
                told.answered = true;
                if let Some(endpoint) = self.endpoints.get_mut(number) {
                    endpoint.voices.insert(media, call);
                }
                self.after(Duration::ZERO, Deed::Speak(number, media));
                self.wish(number, session, side, goal.wish);
                if goal.hang_up.is(side) {
                    self.after(goal.talk, Deed::HangUp(number, session));
                }
                if let (1, Cancel::AtAnswer(delay), Some(Some(other))) =
                    (side, goal.cancel, self.dialled.get(call))
                {
                    self.after(delay, Deed::HangUp(goal.caller, *other));
                }
            }
            Event::Confirmed { .. } => told.confirmed = true,
            Event::Ended { reason, status, .. } => {
                told.ended = Some((reason, status));
                if let Some(at) = self.ended_at.get_mut(call).and_then(|sides| sides.get_mut(side)) {
                    *at = Some(self.now);
                }
            }
            _ => {}
        }
    }

    fn call_of(&self, number: usize, session: SessionId) -> Option<usize> {
        *self.endpoints.get(number)?.sessions.get(&session)?
    }

    /// Which call an incoming session is of. The first one for a goal is the real one.
    fn admitted(&mut self, number: usize, session: SessionId, details: &InviteDetails) -> Option<usize> {
        let call =
            called(details).filter(|&call| self.goals.get(call).is_some_and(|goal| goal.callee == number));
        let call = call.filter(|&call| self.told.get(call).is_some_and(|[_, callee]| !callee.incoming));
        self.endpoints.get_mut(number)?.sessions.insert(session, call);
        call
    }

    fn pick_up(&mut self, number: usize, session: SessionId, goal: Goal) {
        if goal.decision == Decision::AnswerAtOnce {
            return;
        }
        match goal.early {
            Early::Nothing => {}
            Early::Ringing => self.after(Duration::ZERO, Deed::Do(number, session, Doing::Ring)),
            Early::Media => self.after(Duration::ZERO, Deed::Do(number, session, Doing::LetHear)),
        }
        match goal.pick_up {
            PickUp::After(delay) => self.after(delay, Deed::Answer(number, session)),
            PickUp::Reject(status, delay) => self.after(delay, Deed::Reject(number, session, status)),
            PickUp::Never => {}
        }
    }
}

/// The number of the call that an INVITE is of.
fn called(details: &InviteDetails) -> Option<usize> {
    details.called_user()?.strip_prefix('c')?.parse().ok()
}

/// Decides as the goal of the call has it.
pub(super) fn handler(goals: Arc<Vec<Goal>>) -> impl FnMut(&InviteDetails) -> SignalingDecision + Send {
    move |details| match called(details).and_then(|call| goals.get(call)).map(|goal| goal.decision) {
        Some(Decision::Reject(status)) => SignalingDecision::Reject(status),
        Some(Decision::Defer) => SignalingDecision::Defer(Deferral::default()),
        Some(Decision::AnswerAtOnce) => {
            SignalingDecision::Custom(Box::new(|call| call.answer().unwrap_or_default()))
        }
        Some(Decision::Accept) | None => SignalingDecision::Accept,
    }
}
