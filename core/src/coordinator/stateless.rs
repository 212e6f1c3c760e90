//! Answers that nothing is kept of (RFC 3261 section 8.2.7): a copy of the request gets the same answer again, with the same
//! tag, and nobody but whoever asks makes us repeat it.
//!
//! One source gets so many of them a second. Anybody can write its address on what is refused, so what it sends beyond that is
//! not all dropped: how much of it is read depends on what it can come to. See [`Lot`].

use super::UnifiedCoordinator;
use super::ingress::{Asked, Refusal};
use crate::adapter::{Cause, Owner};
use crate::api::{Counter, EndReason};
use crate::base::ids::{DialogId, SessionId, SubscriptionId};
use crate::base::index::Digest;
use crate::base::rates::Rates;
use crate::base::time::Instant;
use crate::session::{Input, State};
use crate::transaction::table::{Kind, State as TxState};
use crate::transaction::{Arrival, Reply, TransactionId};
use crate::wire::frame::{Facts, Frame};
use crate::wire::look::{Look, look};
use crate::wire::method::Method;
use crate::wire::path::{Path, Transmit};
use crate::wire::reply::ReplyHead;
use crate::wire::{HeaderName, peek_method, reason_phrase};

/// What a request with a To tag belongs to.
#[derive(Clone, Copy)]
pub(super) enum Within {
    Subscription(SubscriptionId),
    Dialog(DialogId, SessionId),
}

/// Requests that use up a rate of their own: a flood of one kind is no reason to overlook another.
#[derive(Clone, Copy)]
enum Lot {
    /// New calls. The answers that nothing is kept of are for those that are refused. Who can be called must not become deaf because
    /// somebody has refusals sent to a caller's address: when they are used up, [`READS`] times as many are still read, and
    /// what can be taken is taken. Beyond that an INVITE is dropped unread, and its sender repeats it.
    Invite,
    /// Messages and subscriptions, which may be taken as well: the same.
    Request,
    /// What gets an answer that nothing is kept of, and nothing more: without the answer there is no use in reading it.
    Query,
    /// What comes within a dialog as a rule. It is read in any case.
    Within,
}

/// How many requests that may be taken are read for each that may be refused, when no more may be refused: with the default whoever has
/// the address of a flood of up to five thousand a second is heard, and a larger flood costs no more than that one.
const READS: u32 = 4;

impl Lot {
    const fn of(method: Method) -> Self {
        match method {
            Method::Invite => Self::Invite,
            Method::Message | Method::Subscribe => Self::Request,
            Method::Options | Method::Register | Method::Publish | Method::Extension => Self::Query,
            _ => Self::Within,
        }
    }
}

/// How often a source makes us do something that nothing is kept of.
pub(super) struct StatelessRates {
    answers: Rates,
    reads: Rates,
}

impl StatelessRates {
    pub(super) fn new(per_source: u32) -> Self {
        Self { answers: Rates::new(per_source), reads: Rates::new(per_source.saturating_mul(READS)) }
    }

    /// Whether one more request of `source` outside a dialog is read all the same.
    fn may_read(&mut self, now: Instant, source: Digest, lot: Lot) -> bool {
        match lot {
            Lot::Invite | Lot::Request => self.reads.take(now, source.shifted(lot as u64)).is_ok(),
            Lot::Query => false,
            Lot::Within => true,
        }
    }
}

impl UnifiedCoordinator {
    /// Whether a datagram is one too many of its source: a request outside any dialog that would get no answer.
    pub(super) fn is_excess(&mut self, path: &Path, bytes: &[u8]) -> bool {
        let now = self.board.now;
        if !self.rates.answers.is_dry(now) {
            return false;
        }
        let Some(method) = peek_method(bytes) else { return false };
        let Some(source) = self.board.limited_source(path.remote.ip()) else { return false };
        let lot = Lot::of(method);
        // Without its answer a re-INVITE would end the call.
        !self.rates.answers.has(now, source.shifted(lot as u64))
            && look(bytes) != Look::Within
            && !self.rates.may_read(now, source, lot)
            && !self.takes_answer(path, source, method)
    }

    /// The same for one request and its ACK every time (section 8.2.7), and nobody can guess it: not by any other request either.
    pub(super) fn stateless_digest(&self, facts: &Facts<'_>) -> Digest {
        let method = match facts.cseq_method {
            Method::Ack => Method::Invite,
            method => method,
        };
        let method = method.as_str().as_bytes();
        self.board.digests.digest(&[facts.via.raw, facts.call_id, &facts.cseq.to_be_bytes(), method])
    }

    /// Answers without keeping anything, unless the source has had as many such answers as it may.
    pub(super) fn reply_stateless(&mut self, asked: &Asked<'_>, reply: Reply<'_>) {
        self.respond_stateless(asked.path, asked.frame, Some(asked.facts), asked.method, reply);
    }

    /// Refuses without keeping anything.
    pub(super) fn refuse_stateless(&mut self, asked: &Asked<'_>, refusal: &Refusal<'_>) {
        let headers: smallvec::SmallVec<[(&str, &[u8]); 4]> =
            refusal.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        self.reply_stateless(asked, plain(refusal.status, refusal.reason, &headers));
    }

    /// Whether the source may have one more answer that nothing is kept of, which is counted.
    pub(super) fn may_answer(&mut self, path: &Path, method: Method) -> bool {
        let source = self.board.limited_source(path.remote.ip());
        source.is_none_or(|source| self.takes_answer(path, source, method))
    }

    /// Whether `source`, which is that of `path`, has an answer left, which is used up.
    fn takes_answer(&mut self, path: &Path, source: Digest, method: Method) -> bool {
        let taken = self.rates.answers.take(self.board.now, source.shifted(Lot::of(method) as u64));
        let Err(dry) = taken else { return true };
        self.board.counters.add(Counter::Excess);
        if dry.begins {
            self.board.counters.add(Counter::Floods);
            tracing::warn!(
                source = %path.remote.ip(), ?method,
                "this address is owed more refusals than it gets: a trunk or a proxy should be one of the `trusted_sources`"
            );
        }
        false
    }

    pub(super) fn respond_stateless(
        &mut self,
        path: Path,
        frame: &Frame<'_>,
        facts: Option<&Facts<'_>>,
        method: Method,
        reply: Reply<'_>,
    ) {
        if !self.may_answer(&path, method) {
            return;
        }
        let digest = match facts {
            Some(facts) => self.stateless_digest(facts),
            None => self.board.digests.digest(&[frame.first(HeaderName::Via).unwrap_or_default()]),
        };
        let tag = digest.text();
        let head = ReplyHead::new(frame, facts, &path);
        let Reply { status, reason, record_route, extra, body, .. } = reply;
        let payload = head.respond(status, reason, Some(&tag), record_route, extra, body);
        let path = ReplyHead::reply_path_of(frame, &path);
        self.board.send(Transmit { path, payload });
    }

    /// Looks whether `facts` are those of the ACK of a refusal that nothing was kept of. Its caller has given the call up, should
    /// a copy of the INVITE have fared better than the first.
    pub(super) fn acknowledges_refusal(&mut self, path: Path, frame: &Frame<'_>, facts: &Facts<'_>) -> bool {
        let ours = facts.to_tag.is_some_and(|tag| {
            // No other tag of ours is that long.
            tag.len() == 32 && tag == self.stateless_digest(facts).text()
        });
        if !ours {
            return false;
        }
        match self.board.layer.invite_of(frame, facts) {
            Some(invite) => self.leave_refused(invite, path, facts),
            // In an overload it may have overtaken a copy of the INVITE, which lies among the new requests.
            None => self.refuse_from_now_on(facts),
        }
        true
    }

    /// Ends the call that came of a copy of an INVITE whose refusal the caller has taken. While it is not answered, that is as if it were
    /// cancelled. A 200 of ours cannot be taken back: it is repeated until its ACK comes, which a caller sends who is still
    /// there (section 13.2.2.4), or cannot come any more; no BYE may go before that (section 15). But nobody is in the call.
    /// Nobody does that who could not cancel it.
    fn leave_refused(&mut self, invite: TransactionId, path: Path, facts: &Facts<'_>) {
        let Some(Owner::Incoming { session: Some(id), .. }) = self.board.owners.get(invite) else { return };
        let id = *id;
        let dialog = self.board.registry.session(id).and_then(|session| session.dialog);
        if !self.cancels(id, facts) || dialog.is_some_and(|dialog| self.board.is_foreign(dialog, path.remote))
        {
            return;
        }
        if self.board.layer.state(invite) == Some((Kind::ServerInvite, TxState::Proceeding)) {
            let cause = Cause { status: Some(487), ..Cause::default() };
            return self.feed(id, Input::RxCancel, cause);
        }
        // Whoever has acknowledged the 200 as well is in the call.
        let session = self.board.registry.session_mut(id);
        if let Some(session) = session.filter(|session| session.state == State::Answered) {
            session.end.get_or_insert(EndReason::Cancelled);
            self.feed(id, Input::Hangup, Cause::default());
        }
    }

    /// What a request with this To tag belongs to.
    pub(super) fn find_within(&self, facts: &Facts<'_>, tag: &[u8]) -> Option<Within> {
        let registry = &self.board.registry;
        if let Some(subscription) = registry.find_subscription(tag) {
            return Some(Within::Subscription(subscription));
        }
        let dialog = registry.find_dialog(tag, facts.from_tag, facts.call_id)?;
        Some(Within::Dialog(dialog, registry.session_of_dialog(dialog)?))
    }

    /// What can be said of a request outside any dialog from the request alone (section 8.2).
    pub(super) fn screen(&mut self, asked: &Asked<'_>, arrival: &Arrival) -> Result<(), Refusal<'static>> {
        if asked.method == Method::Cancel {
            return match arrival.invite {
                Some(_) => Ok(()),
                None => Err(self.unknown_dialog()),
            };
        }
        self.check(asked)?;
        match asked.method {
            Method::Invite | Method::Options => Ok(()),
            Method::Message => self.check_message(asked),
            Method::Subscribe => self.check_subscribe(asked).map(drop),
            Method::Refer => Err(self.decline_refer(asked)),
            // A BYE without To tag belongs to no dialog that could be.
            _ => Err(self.unknown_dialog()),
        }
    }

    /// The refusal of what belongs to no dialog that is there.
    pub(super) fn unknown_dialog(&mut self) -> Refusal<'static> {
        self.board.counters.add(Counter::UnknownDialog);
        Refusal::plain(481)
    }
}

/// A response with nothing but these headers.
pub(super) const fn plain<'a>(status: u16, reason: &'a str, extra: &'a [(&'a str, &'a [u8])]) -> Reply<'a> {
    Reply { status, reason, to_tag: None, record_route: false, extra, body: None }
}

/// A response with its usual phrase.
pub(super) const fn usual(status: u16) -> Reply<'static> {
    plain(status, reason_phrase(status), &[])
}
