//! The way out: no new calls, then no calls, then no waiting for those who do not answer.

use super::UnifiedCoordinator;
use super::ingress::Refusal;
use crate::adapter::Cause;
use crate::api::Counter;
use crate::base::time::Instant;
use crate::session::{Input, State};

/// How far a coordinator is on its way out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Closing {
    /// It takes calls.
    Open,
    /// It takes no new ones, and lets those that are there end by themselves.
    Draining,
    /// It has hung up everything.
    Down,
}

/// Seconds after which who was refused for want of room may ask again.
const BUSY_FOR: &[u8] = b"5";
/// The same of an endpoint that is about to go: longer than most restarts take.
const AWAY_FOR: &[u8] = b"30";

impl UnifiedCoordinator {
    /// Takes no new calls from now on, and lets those that are there end by themselves: an INVITE, a SUBSCRIBE and an OPTIONS
    /// outside a dialog get 503 with `Retry-After: 30`, and registrations of ours are taken back, so that nobody sends
    /// calls here any more. A call that takes the place of one that is up (Replaces, RFC 3891) is none that is new.
    pub fn drain(&mut self, now: Instant) {
        note!(self, Record::Drain { now });
        self.advance(now);
        self.closing = self.closing.max(Closing::Draining);
        self.leave_registrars();
    }

    /// Ends every call, subscription and registration; new ones are refused with 503 from now on. Done when
    /// [`is_idle`](Self::is_idle), or when the registry is empty for those who do not wait for late repeats.
    pub fn shutdown(&mut self, now: Instant) {
        note!(self, Record::Shutdown { now });
        self.advance(now);
        self.closing = Closing::Down;
        self.end_subscriptions();
        self.leave_registrars();
        for session in self.board.registry.ids() {
            self.feed(session, Input::Hangup, Cause::default());
        }
    }

    /// Says goodbye at once to everyone who has not acknowledged our 200 yet, and to whom RFC 3261 section 15 would have us
    /// say it after the ACK only. For a [`shutdown`](Self::shutdown) that can wait no longer: whoever else was there has had its
    /// BYE, its CANCEL or its refusal.
    pub fn cut_short(&mut self, now: Instant) {
        note!(self, Record::CutShort { now });
        self.advance(now);
        for session in self.board.registry.ids() {
            if self.session_state(session) == Some(State::HangupPending) {
                self.feed(session, Input::AckTimeout, Cause::default());
            }
        }
    }

    fn leave_registrars(&mut self) {
        for registration in self.board.registry.registration_ids() {
            self.leave_registrar(registration);
        }
    }

    /// The refusal of what there is no room for, or no time any more (RFC 3261 section 21.5.4).
    pub(super) fn overload(&mut self) -> Refusal<'static> {
        self.board.counters.add(Counter::Overload);
        self.busy()
    }

    /// The same, counted elsewhere.
    pub(super) fn busy(&self) -> Refusal<'static> {
        let wait = if self.closing == Closing::Open { BUSY_FOR } else { AWAY_FOR };
        Refusal::with(503, "Retry-After", wait.to_vec())
    }
}
