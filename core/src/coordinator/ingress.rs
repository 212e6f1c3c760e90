//! From a datagram to whoever it is for (RFC 3261 sections 8.2, 9.2 and 12.2.2).

use alloc::vec::Vec;
use core::ops::Deref;

use super::UnifiedCoordinator;
use super::stateless::plain;
use crate::adapter::{Cause, MediaAdapter, Owner};
use crate::api::Counter;
use crate::base::ids::SessionId;
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::sdp;
use crate::session::{Input, State};
use crate::transaction::{Arrival, Causer, Received, Shortage, TransactionId};
use crate::wire::frame::{Facts, Fault, Frame, FrameError, StartLine};
use crate::wire::method::Method;
use crate::wire::path::Path;
use crate::wire::reason_phrase;

/// A new request, with all that was read of it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) facts: &'a Facts<'a>,
    pub(super) path: Path,
    pub(super) method: Method,
    pub(super) uri: &'a [u8],
    /// Whose share it counts in; `None` if its source is trusted.
    pub(super) source: Option<Digest>,
    /// The dialog or subscription that it belongs to, by our tag.
    pub(super) dialog: Option<Digest>,
}

/// A request that has a server transaction.
pub(super) struct Request<'a> {
    asked: Asked<'a>,
    pub(super) transaction: TransactionId,
    /// Whether its transaction stays until no copy of it can come.
    kept: bool,
}

impl<'a> Deref for Request<'a> {
    type Target = Asked<'a>;

    fn deref(&self) -> &Asked<'a> {
        &self.asked
    }
}

/// A final response that refuses a request.
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, Vec<u8>)>,
    pub(super) reason: &'a str,
}

impl Refusal<'_> {
    pub(super) fn plain(status: u16) -> Self {
        Self { status, headers: Vec::new(), reason: reason_phrase(status) }
    }

    pub(super) fn with(status: u16, name: &'static str, value: Vec<u8>) -> Self {
        let mut refusal = Self::plain(status);
        refusal.headers.push((name, value));
        refusal
    }
}

impl From<Fault> for Refusal<'_> {
    fn from(fault: Fault) -> Self {
        Self { status: fault.status, headers: Vec::new(), reason: fault.reason }
    }
}

impl UnifiedCoordinator {
    /// Takes one datagram. Whatever it holds, the outcome is a response, a transition or a counted drop.
    pub fn handle_datagram(&mut self, now: Instant, path: Path, bytes: &[u8]) {
        note!(self, Record::Datagram { now, path, bytes });
        self.advance(now);
        self.board.counters.add(Counter::Received);
        if self.is_excess(&path, bytes) {
            return;
        }
        let limits = self.board.config.limits.wire;
        let frame = match Frame::parse(bytes, &limits) {
            Ok(frame) => frame,
            Err(error) => {
                let keep_alive = error == FrameError::KeepAlive;
                self.board.counters.add(if keep_alive { Counter::KeepAlive } else { Counter::NotSip });
                tracing::trace!(%path, %error, "dropped");
                return;
            }
        };
        match frame.start() {
            StartLine::Request { method, uri, .. } => self.receive_request(path, &frame, method, uri),
            StartLine::Response { .. } => self.receive_response(path, &frame),
        }
    }

    fn receive_request(&mut self, path: Path, frame: &Frame<'_>, method: Method, uri: &[u8]) {
        let facts = match (frame.fault(), frame.facts()) {
            (Some(fault), _) => return self.answer_malformed(path, frame, method, fault),
            (None, Err(fault)) => return self.answer_malformed(path, frame, method, fault),
            (None, Ok(facts)) => facts,
        };
        // What is kept of a request for its transaction is bounded with its head.
        if frame.bytes().len().saturating_sub(frame.body().len())
            > self.board.config.limits.wire.head_octets_max
        {
            let fault = if uri.len() > self.board.config.limits.wire.head_octets_max / 2 {
                Fault { status: 414, reason: "Request-URI Too Long" }
            } else {
                Fault { status: 513, reason: "Header Section Too Large" }
            };
            return self.answer_malformed(path, frame, method, fault);
        }
        if self.turns_away(path, frame, &facts, method) {
            return;
        }
        let swallowed = method == Method::Ack && self.acknowledges_refusal(path, frame, &facts);
        let received =
            self.board.with_layer(|layer, now, send| layer.receive_request(now, frame, &facts, send));
        match received {
            Received::Absorbed => self.board.counters.add(Counter::Absorbed),
            Received::Ack if swallowed => self.board.counters.add(Counter::Absorbed),
            Received::Ack => self.receive_ack(path, frame, &facts),
            Received::BranchTaken => {
                self.board.counters.add(Counter::BadRequest);
                self.respond_stateless(
                    path,
                    frame,
                    Some(&facts),
                    method,
                    plain(400, "Branch Is In Use", &[]),
                );
            }
            Received::New(arrival) => {
                let source = self.board.limited_source(path.remote.ip());
                let asked = Asked { frame, facts: &facts, path, method, uri, source, dialog: None };
                self.receive_new(asked, arrival);
            }
        }
    }

    /// A request that is no copy of one that is known. What can be answered from the request alone gets no transaction.
    fn receive_new(&mut self, asked: Asked<'_>, arrival: Arrival) {
        if let Some(tag) = asked.facts.to_tag.filter(|_| asked.method != Method::Cancel) {
            let Some(within) = self.find_within(asked.facts, tag) else {
                let refusal = self.unknown_dialog();
                return self.refuse_stateless(&asked, &refusal);
            };
            let dialog = Some(self.board.digests.digest(&[tag]));
            if let Some(request) = self.open(Asked { dialog, ..asked }, arrival) {
                self.receive_within(&request, within);
                self.let_go(&request);
            }
            return;
        }
        if let Err(refusal) = self.screen(&asked, &arrival) {
            return self.refuse_stateless(&asked, &refusal);
        }
        match asked.method {
            Method::Invite => self.receive_invite(asked, arrival),
            Method::Options => self.receive_options(&asked),
            Method::Cancel => {
                let Some(request) = self.open(asked, arrival) else { return };
                self.receive_cancel(&request, arrival.invite);
                self.let_go(&request);
            }
            // `screen` has let nothing pass but SUBSCRIBE and MESSAGE.
            method => {
                let Some(merged) = self.refuse_merged(&asked) else { return };
                let Some(request) = self.open(asked, arrival) else { return };
                self.remember(&request, merged);
                match method {
                    Method::Subscribe => self.receive_subscribe(&request),
                    _ => self.receive_message(&request, None),
                }
            }
        }
    }

    /// The transaction of a new request; without room for it a 503 goes out that nothing is kept of. Who is in a dialog is served at
    /// its expense, and where that is used up, too, at least what ends a call, and makes room by that, is dealt with, and what
    /// would end it if it had no 2xx (RFC 3262 section 3): the transaction is for its answer only.
    pub(super) fn open<'a>(&mut self, asked: Asked<'a>, arrival: Arrival) -> Option<Request<'a>> {
        let Asked { frame, facts, path, source, dialog, method, .. } = asked;
        let now = self.board.now;
        // Whoever knows our tag has heard us.
        let proven = dialog.is_some() || self.board.parties.is_at(path.remote);
        let causer = Causer { source, dialog, proven };
        let shortage = match self.board.layer.open(now, arrival, &causer, &path, frame, facts) {
            Ok(transaction) => return Some(Request { asked, transaction, kept: true }),
            Err(shortage) => shortage,
        };
        if matches!(method, Method::Bye | Method::Prack | Method::Cancel) {
            if dialog.is_none() && !self.may_answer(&path, method) {
                return None;
            }
            if let Some(transaction) = self.board.layer.open_at_once(now, arrival, &path, frame, facts) {
                return Some(Request { asked, transaction, kept: false });
            }
        }
        tracing::debug!(%path, ?shortage, "no room for a transaction");
        self.board.counters.add(match shortage {
            Shortage::Number => Counter::Overload,
            Shortage::Octets => Counter::TransactionOctets,
            Shortage::Share => Counter::TransactionShare,
        });
        let refusal = self.busy();
        self.refuse_stateless(&asked, &refusal);
        None
    }

    /// Forgets a request that there was no room for. It has its answer; a copy of it gets another.
    fn let_go(&mut self, request: &Request<'_>) {
        if !request.kept {
            self.forget(request.transaction);
        }
    }

    /// Answers what could be read only in part, without keeping anything (section 21.4.1; section 16.3 for the spirit).
    fn answer_malformed(&mut self, path: Path, frame: &Frame<'_>, method: Method, fault: Fault) {
        self.board.counters.add(Counter::BadRequest);
        // An ACK is never answered (section 17.1).
        if method != Method::Ack {
            self.respond_stateless(path, frame, None, method, plain(fault.status, fault.reason, &[]));
        }
    }

    pub(super) fn refuse(&mut self, transaction: TransactionId, refusal: Refusal<'_>) {
        let headers: Vec<(&str, &[u8])> =
            refusal.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        self.board.respond_with(transaction, refusal.status, refusal.reason, &headers);
    }

    /// Why an offer is refused: 488 with a Warning that says so, or 400 if it cannot be read.
    pub(super) fn unusable_offer(&mut self, error: &sdp::AnswerError) -> Refusal<'static> {
        self.board.counters.add(Counter::NoCommonCodec);
        let status = error.status();
        match error.warning() {
            Some((code, words)) => {
                let warning = alloc::format!("{code} offhook \"{words}\"");
                Refusal::with(status, "Warning", warning.into_bytes())
            }
            None => Refusal::plain(status),
        }
    }

    /// The ACK of a 2xx: it has no transaction, its dialog knows it (section 13.3.1.4).
    fn receive_ack(&mut self, path: Path, frame: &Frame<'_>, facts: &Facts<'_>) {
        let registry = &self.board.registry;
        let found = facts.to_tag.and_then(|tag| registry.find_dialog(tag, facts.from_tag, facts.call_id));
        let session = found.and_then(|dialog| registry.session_of_dialog(dialog));
        let known = session.and_then(|id| Some((id, registry.session(id)?)));
        let known = known.filter(|(_, session)| session.dialog == found);
        // One that the peer's next INVITE has overtaken says nothing new.
        let overtaken = known.is_some_and(|(_, session)| facts.cseq < session.invite_cseq);
        let Some((id, _)) = known.filter(|(_, session)| facts.cseq == session.invite_cseq) else {
            return self.board.counters.add(if overtaken { Counter::Absorbed } else { Counter::StrayAck });
        };
        if found.is_some_and(|dialog| self.board.is_foreign(dialog, path.remote)) {
            return;
        }
        if let Some(dialog) = found.and_then(|dialog| self.board.registry.dialog_mut(dialog)) {
            dialog.answered_from(path.remote.ip());
        }
        let mut cause = Cause { message: Some((frame, facts)), dialog: found, ..Cause::default() };
        let description = self.description_of(frame);
        let Some(session) = self.board.registry.session(id) else { return };
        let input = if session.late_offer {
            match (MediaAdapter { board: &mut self.board, session: id }).read_answer(description) {
                Some(Ok(plan)) => {
                    cause.plan = Some(plan);
                    Input::RxAckAnswer
                }
                _ => Input::RxBadAck,
            }
        } else {
            Input::RxAck
        };
        // The 2xx that it acknowledges is not sent again.
        let session = self.board.registry.session(id);
        if let Some(answered) = session.and_then(|session| session.reinvite.or(session.invite)) {
            self.board.layer.forget_message(answered);
        }
        self.feed(id, input, cause);
        if let Some(session) =
            self.board.registry.session_mut(id).filter(|session| session.state == State::Active)
        {
            session.late_offer = false;
            session.proven = Some(path.remote.ip());
            if let Some(source) = session.source.filter(|_| core::mem::take(&mut session.half_open)) {
                self.board.shares.confirm(source);
            }
        }
    }

    /// CANCEL (section 9.2): answered itself, and the INVITE with 487 if it is still undecided.
    fn receive_cancel(&mut self, request: &Request<'_>, invite: Option<TransactionId>) {
        let (cancel, Asked { frame, facts, path, .. }) = (request.transaction, **request);
        let session = match invite.and_then(|invite| self.board.owners.get(invite)) {
            Some(Owner::Incoming { session, .. }) => *session,
            _ => None,
        };
        if invite.is_none() || session.is_some_and(|session| !self.cancels(session, facts)) {
            self.board.counters.add(Counter::UnknownDialog);
            return self.board.respond_plain(cancel, 481);
        }
        let dialog = session.and_then(|id| self.board.registry.session(id)?.dialog);
        if dialog.is_some_and(|dialog| self.board.is_foreign(dialog, path.remote)) {
            return self.board.respond_plain(cancel, 403);
        }
        let tag = session.and_then(|id| self.board.registry.session(id)).map(|session| session.local_tag);
        let tag = tag.unwrap_or_else(|| self.board.random_text());
        let reply = crate::transaction::Reply {
            status: 200,
            reason: reason_phrase(200),
            to_tag: Some(&tag),
            record_route: false,
            extra: &[],
            body: None,
        };
        self.board.respond(cancel, reply);
        if let Some(session) = session {
            let cause = Cause {
                status: Some(487),
                message: Some((frame, facts)),
                path: Some(path),
                ..Cause::default()
            };
            self.feed(session, Input::RxCancel, cause);
        }
    }
}

impl UnifiedCoordinator {
    /// Whether a CANCEL has the From tag, the Call-ID and the number of the INVITE, as it must (section 9.1): a
    /// stranger who guessed the branch has not.
    pub(super) fn cancels(&self, session: SessionId, facts: &Facts<'_>) -> bool {
        let Some(session) = self.board.registry.session(session) else { return true };
        let dialog = session.dialog.and_then(|id| self.board.registry.dialog(id));
        session.invite_cseq == facts.cseq
            && dialog.is_some_and(|dialog| dialog.matches(facts.call_id, facts.from_tag))
    }
}
