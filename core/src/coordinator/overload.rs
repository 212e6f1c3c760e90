//! Overload, told by how long a request has lain before it is read.
//!
//! A limit on calls does not help against too many of them a second: what cannot be served in time is served late, and all of it
//! at once. So the runtime tells how old is what it hands over, and above a bound new calls are turned away from
//! their INVITE alone, for a small part of what taking them costs. Whatever belongs to a call that is up, or may end one, is always taken.

use alloc::vec::Vec;
use core::time::Duration;

use super::UnifiedCoordinator;
use crate::api::{Counter, Event, Output};
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::wire::frame::{Facts, Frame};
use crate::wire::method::Method;
use crate::wire::path::{Path, Transmit};
use crate::wire::reason_phrase;
use crate::wire::reply::ReplyHead;
use crate::wire::text::Decimal;

/// How many of the INVITEs turned away last are known again when they come again.
const REMEMBERED: usize = 1 << 14;

/// Seconds after which the first of those who were turned away may ask again; the last may after twice as long, so that they
/// do not all come back in one moment.
const AGAIN_AFTER: u64 = 5;

/// An overload that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    at: Instant,
    /// When something was last handed over that was too old.
    late_at: Instant,
    refused: u64,
}

/// How late requests are read, and what follows from that.
#[derive(Debug, Default)]
pub(super) struct Overload {
    /// How old what comes next was said to be.
    lag: Duration,
    begun: Option<Begun>,
    /// Since when, and when last, what was handed over was too old.
    late: Option<(Instant, Instant)>,
    /// INVITEs that were turned away, each in the place that its digest says: whoever was refused once is refused again.
    refused: Vec<u64>,
    /// When it is forgotten who was refused.
    forget_at: Option<Instant>,
}

impl UnifiedCoordinator {
    /// Takes note of how long what is handed over next has lain unread, before a batch of datagrams. It holds until it is
    /// told anew, so zero must be told, too.
    ///
    /// When it is above [`lag_max`](crate::api::Limits::lag_max) again and again, for half as long as that, an overload begins
    /// ([`Event::OverloadBegan`]): a machine that stood still for once is none. While it lasts, new calls that have lain for
    /// more than [`lag_allowed`](Self::lag_allowed), half of the bound, are turned away with 503 and Retry-After, and nothing is
    /// kept of them but a few octets by which a copy is known; fresher ones are taken. It is over when nothing
    /// so old has been handed over for T1.
    pub fn handle_lag(&mut self, now: Instant, lag: Duration) {
        note!(self, Record::Lag { now, lag });
        self.advance(now);
        self.end_overload();
        self.overload.lag = lag;
        let (now, patience) = (self.board.now, self.board.config.limits.lag_max / 2);
        if lag <= self.lag_allowed() {
            return;
        }
        let (since, last) = self.overload.late.unwrap_or((now, now));
        let since = if now.saturating_since(last) > patience { now } else { since };
        self.overload.late = Some((since, now));
        match &mut self.overload.begun {
            Some(begun) => begun.late_at = now,
            None if now.saturating_since(since) < patience => {}
            None => {
                self.overload.begun = Some(Begun { at: now, late_at: now, refused: 0 });
                self.overload.refused.resize(REMEMBERED, 0);
                self.overload.forget_at = None;
                self.board.counters.add(Counter::Overloads);
                tracing::warn!(
                    ?lag,
                    "overloaded: requests lie too long before they are read, new calls are turned away"
                );
                self.board.outbox.push_back(Output::Event(Event::OverloadBegan { lag }));
            }
        }
    }

    /// How long a request for a new call may have lain unread to be taken: [`lag_max`](crate::api::Limits::lag_max), and half of
    /// it during an overload, so that it does not end and begin all the time.
    pub fn lag_allowed(&self) -> Duration {
        let most = self.board.config.limits.lag_max;
        if self.is_overloaded() { most / 2 } else { most }
    }

    /// Whether new calls are turned away that have lain too long.
    pub const fn is_overloaded(&self) -> bool {
        self.overload.begun.is_some()
    }

    /// Whether anything is kept of those who were turned away.
    #[cfg(test)]
    pub(super) const fn overload_remembers(&self) -> bool {
        !self.overload.refused.is_empty()
    }

    /// When there is something to do.
    pub(super) fn overload_due(&self) -> Option<Instant> {
        let calm = |begun: Begun| begun.late_at + self.board.config.timing.t1;
        self.overload.begun.map(calm).or(self.overload.forget_at)
    }

    /// Ends the overload if it is over.
    pub(super) fn end_overload(&mut self) {
        let now = self.board.now;
        if self.overload_due().is_none_or(|at| now < at) {
            return;
        }
        let Some(Begun { at, refused, .. }) = self.overload.begun.take() else {
            (self.overload.refused, self.overload.forget_at) = (Vec::new(), None);
            return;
        };
        // As long as a caller may repeat an INVITE (Timer B).
        self.overload.forget_at = Some(now + self.board.config.timing.t1 * 64);
        self.overload.late = None;
        let lasted = now.saturating_since(at);
        tracing::info!(?lasted, refused, "the overload is over");
        self.board.outbox.push_back(Output::Event(Event::OverloadEnded { lasted, refused }));
    }

    /// Turns a new call away if it has lain too long, or if a copy of it was turned away; whether it did.
    ///
    /// What a transaction knows is answered by that. A call refused once stays refused: a copy of its INVITE that was on
    /// the way when the overload ended would ring, and nobody would be there (RFC 3261 section 17.2.1 for the same answer).
    pub(super) fn turns_away(
        &mut self,
        path: Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
        method: Method,
    ) -> bool {
        if method != Method::Invite || facts.to_tag.is_some() || self.overload.refused.is_empty() {
            return false;
        }
        let digest = self.stateless_digest(facts);
        let late = self.is_overloaded() && self.overload.lag > self.lag_allowed();
        let place = usize::try_from(digest.bits() % REMEMBERED as u64).unwrap_or(0);
        let Some(remembered) = self.overload.refused.get_mut(place) else { return false };
        if !late && *remembered != digest.bits() {
            return false;
        }
        if self.board.layer.knows(frame, facts) {
            return false;
        }
        *remembered = digest.bits();
        if let Some(begun) = &mut self.overload.begun {
            begun.refused += 1;
        }
        self.board.counters.add(Counter::TurnedAway);
        self.send_overloaded(path, frame, facts, digest);
        true
    }

    /// Turns copies of an INVITE away that are still to come, as long as anything is kept of those who were.
    pub(super) fn refuse_from_now_on(&mut self, facts: &Facts<'_>) {
        let bits = self.stateless_digest(facts).bits();
        let place = usize::try_from(bits % REMEMBERED as u64).unwrap_or(0);
        if let Some(remembered) = self.overload.refused.get_mut(place) {
            *remembered = bits;
        }
    }

    fn send_overloaded(&mut self, path: Path, frame: &Frame<'_>, facts: &Facts<'_>, digest: Digest) {
        let again_after = Decimal::new(AGAIN_AFTER + digest.bits() % (AGAIN_AFTER + 1));
        let extra = [("Retry-After", again_after.as_bytes())];
        let head = ReplyHead::new(frame, Some(facts), &path);
        let payload = head.respond(503, reason_phrase(503), Some(&digest.text()), false, &extra, None);
        let path = ReplyHead::reply_path(&facts.via, &path);
        self.board.send(Transmit { path, payload });
    }
}
