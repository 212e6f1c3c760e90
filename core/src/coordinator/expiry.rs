//! Timers that are due.

use core::time::Duration;

use super::UnifiedCoordinator;
use super::errands::Done;
use crate::adapter::{Cause, Owner};
use crate::api::{EndReason, Refuser};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::session::{Input, Role, SessionTimer, State};
use crate::transaction::table::Kind;
use crate::transaction::{TransactionId, TxEvent};

/// Timers handled by one call. What is left stays due, so that packets are not kept waiting.
const EXPIRIES_MAX: usize = 256;

impl UnifiedCoordinator {
    /// Lets every timer expire that is due at `now`, at most 256 of them: the rest stays due.
    pub fn handle_timeout(&mut self, now: Instant) {
        note!(self, Record::Timeout { now });
        self.advance(now);
        self.end_overload();
        for _ in 0..EXPIRIES_MAX {
            let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.board.now);
            if due(self.board.layer.poll_timeout()) {
                let event = self.board.with_layer(|layer, now, send| layer.handle_timeout(now, send));
                self.transaction_event(event);
            } else if due(self.board.timers.next()) {
                let now = self.board.now;
                let late = self.board.timers.next().map(|at| now.saturating_since(at));
                if let Some((session, timer)) = self.board.timers.pop_due(now) {
                    self.session_timer(session, timer, late.unwrap_or_default());
                }
            } else if due(self.board.subscription_timers.next()) {
                let now = self.board.now;
                if let Some(subscription) = self.board.subscription_timers.pop_due(now) {
                    self.subscription_due(subscription);
                }
            } else if due(self.board.registration_timers.next()) {
                let now = self.board.now;
                if let Some(registration) = self.board.registration_timers.pop_due(now) {
                    self.registration_due(registration);
                }
            } else {
                break;
            }
        }
    }

    fn transaction_event(&mut self, event: Option<TxEvent>) {
        match event {
            Some(TxEvent::ClientTimeout(transaction)) => {
                self.transaction_failed(transaction, 408, EndReason::Timeout)
            }
            Some(TxEvent::ClientUnreachable(transaction)) => {
                self.transaction_failed(transaction, 503, EndReason::NetworkError);
            }
            Some(TxEvent::AckNeverCame(transaction) | TxEvent::Gone(transaction)) => {
                self.transaction_gone(transaction)
            }
            Some(TxEvent::None) | None => {}
        }
    }

    /// A client transaction ended without a final response (RFC 3261 section 8.1.3.1).
    fn transaction_failed(&mut self, transaction: TransactionId, status: u16, reason: EndReason) {
        let (refuser, silence) = match reason {
            EndReason::NetworkError => (Refuser::Network, "nobody listens there"),
            _ => (Refuser::Nobody, ""),
        };
        let owner = self.board.owners.get(transaction).copied();
        // An INVITE that nobody has answered may still be, and is acknowledged then.
        if !matches!(self.board.layer.state(transaction), Some((Kind::ClientInvite, _))) {
            self.board.owners.remove(transaction);
            self.board.layer.abandon(transaction);
        }
        match owner {
            Some(Owner::Invite(id)) => {
                let input = self.next_or(id, Input::InviteTimeout);
                self.board.leave_invite(id);
                let Some(session) = self.board.registry.session_mut(id) else { return };
                if input == Input::InviteTimeout {
                    session.end.get_or_insert(reason);
                }
                let phrase = if reason == EndReason::NetworkError { "nobody listens there" } else { "" };
                let cause = Cause { status: Some(status), phrase, ..Cause::default() };
                self.feed(id, input, cause);
            }
            Some(Owner::Bye(id)) => self.feed(id, Input::RxByeDone, Cause::default()),
            Some(Owner::Subscribe(id)) => self.subscribe_answered(id, status, None),
            Some(Owner::Notify(id)) => self.notify_answered(id, status, None),
            Some(Owner::Register(id)) => self.register_answered(id, status, None, refuser),
            Some(Owner::Errand(id)) => {
                self.errand_over(id, Done { status, phrase: silence, refuser, message: None })
            }
            Some(owner @ Owner::Request { .. }) => self.request_failed(owner, transaction, status),
            _ => {}
        }
    }

    /// Forgets a request that nothing has come of.
    pub(super) fn forget(&mut self, transaction: TransactionId) {
        self.board.layer.abandon(transaction);
        self.transaction_gone(transaction);
    }

    fn transaction_gone(&mut self, transaction: TransactionId) {
        match self.board.owners.remove(transaction) {
            Some(Owner::Incoming { merged, session }) => {
                self.board.merged.transaction_gone(merged);
                if let Some(session) = session.and_then(|id| self.board.registry.session_mut(id)) {
                    session.invite = session.invite.filter(|&invite| invite != transaction);
                }
            }
            Some(Owner::Invite(id)) => {
                let Some(session) = self.board.registry.session_mut(id) else { return };
                if session.invite.take_if(|invite| *invite == transaction).is_some() {
                    self.feed(id, Input::InviteGone, Cause::default());
                }
            }
            _ => {}
        }
    }

    fn session_timer(&mut self, id: SessionId, timer: SessionTimer, late: Duration) {
        let Some(session) = self.board.registry.session_mut(id) else { return };
        if let Some(slot) = session.timers.get_mut(timer as usize) {
            *slot = None;
        }
        // What was listened for until now will not come any more.
        let now = self.board.now;
        let listened = |until: &mut Instant| timer == SessionTimer::GiveUp && *until <= now;
        session.listens_until.take_if(listened);
        let (input, status) = match timer {
            SessionTimer::Refresh => return self.refresh_due(id),
            SessionTimer::Transfer => return self.transfer_timer(id),
            SessionTimer::Consent => return self.consent_overdue(id),
            SessionTimer::Expiry => return self.refresh_missed(id, late),
            SessionTimer::Offer if session.offering.is_none() => (Input::OfferAgain, None),
            SessionTimer::Offer if session.state.is_early() => (Input::RxGone, Some(408)),
            SessionTimer::Offer => (Input::OfferTimeout, Some(408)),
            SessionTimer::Patience if session.role == Role::Uac => (Input::RingTimeout, None),
            SessionTimer::Patience => (Input::Deadline, Some(session.overdue)),
            SessionTimer::AnswerRepeat if session.awaits_prack() => (Input::ProgressRepeat, None),
            SessionTimer::GiveUp if session.awaits_prack() => (Input::PrackTimeout, Some(504)),
            SessionTimer::AnswerRepeat => (Input::AnswerRepeat, None),
            SessionTimer::GiveUp if session.state == State::Cancelling => (Input::CancelTimeout, None),
            SessionTimer::GiveUp if session.state == State::Terminated => (Input::InviteGone, None),
            SessionTimer::GiveUp => (Input::AckTimeout, None),
        };
        self.feed(id, input, Cause { status, ..Cause::default() });
    }
}
