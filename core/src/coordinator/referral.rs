//! Call transfer as its transferee: the peer's REFER, the application's consent, and our reports (RFC 3515).
//!
//! Of the headers that a Refer-To can bring along only Replaces, Require and Referred-By mean anything to us; harmless ones
//! are shown to the application, and all others are as if they were not there (RFC 3261 section 19.1.5).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::check::unspoken;
use super::commands::{check_headers, check_refusal};
use super::ingress::{Asked, Refusal, Request};
use super::transfer::{CONSENT, News, is_false, reported_until};
use crate::adapter::{Cause, DialogAdapter};
use crate::api::{EndReason, InviteParams, TransferRequest};
use crate::base::ids::{DialogId, SessionId};
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::session::{Action, Input, Referral, SessionTimer, State, TRANSFERS_MAX, TransferInput, Which};
use crate::signaling::CommandError;
use crate::wire::frame::Frame;
use crate::wire::refer::{ReferTo, Replaces};
use crate::wire::text::unfold;
use crate::wire::uri::{Uri, UriError};
use crate::wire::{HeaderList, HeaderName, NameAddr, NextHop, NoHop, Tel, split_values};

/// Requests that are kept for consent after the asker has hung up.
const ORPHANS_MAX: usize = 64;

/// What peers asked for who hung up before the application consented, as many phones do at once: it can still be done.
#[derive(Default)]
pub(super) struct Orphans(VecDeque<Orphan>);

struct Orphan {
    session: SessionId,
    source: Option<Digest>,
    until: Instant,
    request: Arc<TransferRequest>,
}

impl Orphans {
    /// One more. If there are too many, the oldest goes of whoever has left most.
    fn keep(&mut self, orphan: Orphan) {
        if self.0.len() >= ORPHANS_MAX {
            let count = |source| self.0.iter().filter(|kept| kept.source == source).count();
            let most = self.0.iter().enumerate().rev().max_by_key(|(_, kept)| count(kept.source));
            let place = most.map_or(0, |(place, _)| place);
            self.0.remove(place);
        }
        self.0.push_back(orphan);
    }

    fn take(&mut self, session: SessionId, now: Instant) -> Option<Arc<TransferRequest>> {
        self.0.retain(|orphan| orphan.until > now);
        let place = self.0.iter().position(|orphan| orphan.session == session)?;
        self.0.remove(place).map(|orphan| orphan.request)
    }
}

impl UnifiedCoordinator {
    /// A REFER within a call. Nobody is transferred without consent: it is accepted, and the application is asked.
    pub(super) fn receive_refer(&mut self, request: &Request<'_>, id: SessionId, dialog: DialogId) {
        let asked = match self.read_refer(request.frame) {
            Ok(asked) => asked,
            Err(refusal) => return self.refuse(request.transaction, refusal),
        };
        let until = reported_until(self.board.now, self.board.config.ring_timeout);
        let Some(session) = self.board.registry.session_mut(id) else { return };
        if session.state == State::HangupPending {
            let cause = self.cause_of(request, dialog);
            return DialogAdapter { board: &mut self.board, session: id }.refuse_for_now(&cause);
        }
        // Whoever asks for more has our 200, though its ACK is late.
        if !session.state.is_up() && session.state != State::Answered {
            return self.board.respond_plain(request.transaction, 603);
        }
        let transfers = session.transfers.get_or_insert_default();
        // One at a time is decided about.
        if transfers.pending().is_some() || transfers.theirs.len() >= TRANSFERS_MAX {
            return self.board.respond_plain(request.transaction, 491);
        }
        let cseq = request.facts.cseq;
        let reported = !request.frame.named("Refer-Sub").is_some_and(is_false);
        let mut referral = Referral::new(cseq, reported, until);
        referral.numbered = core::mem::replace(&mut transfers.referred, true);
        referral.request = Some(Arc::new(asked));
        transfers.theirs.push(referral);
        let news = News { status: 100, refer: Some(request.transaction), ..News::default() };
        self.transfer_step(id, Which::Theirs(cseq), TransferInput::RxRefer, &news);
    }

    /// A REFER outside any call: nobody is there who could be asked to hang up for it (RFC 3515 section 2.4.2).
    pub(super) fn decline_refer(&self, request: &Asked<'_>) -> Refusal<'static> {
        self.read_refer(request.frame).err().unwrap_or_else(|| Refusal::plain(603))
    }

    /// Does what the other side of `session` asks for: a new call is placed, whose events come as those of any other.
    /// The call that was asked in goes on until the other side hangs it up.
    ///
    /// That the asker has hung up meanwhile is no hindrance, for a minute.
    pub fn accept_transfer(&mut self, now: Instant, session: SessionId) -> Result<SessionId, CommandError> {
        note!(self, Record::Command { now, session, command: Command::AcceptTransfer });
        self.advance(now);
        self.consent(now, session, HeaderList::EMPTY)
    }

    /// The same with header fields for the new INVITE: what the application consents to of the
    /// [`wishes`](TransferRequest::wishes), and its own.
    pub fn accept_transfer_with(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: &[(&str, &str)],
    ) -> Result<SessionId, CommandError> {
        note!(self, Record::asked(now, Asked::AcceptTransfer { session, headers: headers.into() }));
        self.advance(now);
        self.consent(now, session, check_headers(headers)?)
    }

    fn consent(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: HeaderList<'_>,
    ) -> Result<SessionId, CommandError> {
        let (which, request) = match self.pending_transfer(session) {
            Ok(pending) => pending,
            Err(error) => {
                let request = self.orphans.take(session, now).ok_or(error)?;
                let new = self.create_transferred(&request, headers)?;
                self.step(new, Input::MakeCall, Cause::default())?;
                return Ok(new);
            }
        };
        let made = self.create_transferred(&request, headers);
        match made {
            Ok(new) => {
                if let (Some(placed), Which::Theirs(cseq)) = (self.board.registry.session_mut(new), which) {
                    placed.transfers.get_or_insert_default().origin = Some((session, cseq));
                }
                let news = News { status: 100, new: Some(new), ..News::default() };
                self.transfer_step(session, which, TransferInput::Consent, &news);
                Ok(new)
            }
            Err(error) => {
                let news = News { status: 503, ..News::default() };
                self.transfer_step(session, which, TransferInput::Impossible, &news);
                Err(error)
            }
        }
    }

    /// Refuses what the other side of `session` asks for, with a status from 300 to 699 such as 603 (declined). The call
    /// goes on.
    pub fn reject_transfer(
        &mut self,
        now: Instant,
        session: SessionId,
        status: u16,
    ) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::RejectTransfer(status) });
        self.advance(now);
        check_refusal(status)?;
        match self.pending_transfer(session) {
            Ok((which, _)) => {
                let news = News { status, ..News::default() };
                self.transfer_step(session, which, TransferInput::Deny, &news);
                Ok(())
            }
            Err(error) => self.orphans.take(session, now).map(drop).ok_or(error),
        }
    }

    /// What a REFER asks for, if it is something that we could do.
    fn read_refer(&self, frame: &Frame<'_>) -> Result<TransferRequest, Refusal<'static>> {
        let asked = read_refer(frame)?;
        // A telephone number is one of our own domain.
        match Tel::parse(&asked.target) {
            Some(_) if self.board.domain().is_none() => Err(Refusal::plain(416)),
            _ => Ok(asked),
        }
    }

    /// Makes the session of the call that a transfer asks for.
    fn create_transferred(
        &mut self,
        request: &TransferRequest,
        headers: HeaderList<'_>,
    ) -> Result<SessionId, CommandError> {
        let target = match Tel::parse(&request.target) {
            Some(_) => self.target_of(&String::from_utf8_lossy(&request.target))?,
            None => request.target.clone(),
        };
        let lines = Bytes::from([request.lines(), headers.lines()].concat());
        let id = self.create_caller(target, lines, &InviteParams::new(""))?;
        if let Some(out) = self.board.registry.session_mut(id).and_then(|session| session.outgoing.as_mut()) {
            out.named_by_peer = true;
        }
        Ok(id)
    }

    /// What the peer of a session asks for.
    #[cfg(test)]
    pub(super) fn pending_request(&self, id: SessionId) -> Option<Arc<TransferRequest>> {
        self.pending_transfer(id).ok().map(|(_, request)| request)
    }

    fn pending_transfer(&self, id: SessionId) -> Result<(Which, Arc<TransferRequest>), CommandError> {
        let session = self.board.registry.session(id).ok_or(CommandError::NoSuchCall)?;
        let pending = session.transfers.as_ref().and_then(|transfers| {
            let cseq = transfers.pending()?;
            let referral = transfers.theirs.iter().find(|referral| referral.cseq == cseq)?;
            Some((Which::Theirs(cseq), referral.request.clone()?))
        });
        let state = "not asking for a transfer";
        pending.ok_or(CommandError::WrongState { command: "decide about the transfer of", state })
    }

    /// Nobody has consented in time.
    pub(super) fn consent_overdue(&mut self, id: SessionId) {
        let pending = self.transfers_mut(id).and_then(|transfers| transfers.pending());
        if let Some(cseq) = pending {
            let news = News { status: 603, ..News::default() };
            self.transfer_step(id, Which::Theirs(cseq), TransferInput::Overdue, &news);
        }
    }

    /// A report of ours has its response. Who does not take it gets no more; the new call goes on.
    pub(super) fn report_over(&mut self, id: SessionId, cseq: u32, status: u16) {
        // 500 is for one that was overtaken.
        if matches!(status, 200..=299 | 500) {
            return;
        }
        let live = self.transfers_mut(id).and_then(|transfers| transfers.find(Which::Theirs(cseq)));
        if live.is_some() {
            let news = News { status, ..News::default() };
            self.transfer_step(id, Which::Theirs(cseq), TransferInput::RxUnwatched, &news);
        }
    }

    /// A call ends, and with it all that is told and reported of transfers. What its peer asked for and nobody has decided
    /// about can still be done, unless we ended the call.
    fn end_transfers(&mut self, id: SessionId) {
        let pending = self.pending_transfer(id);
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let by_peer = session.end == Some(EndReason::RemoteHangup);
        let source = session.source;
        let Some(transfers) = session.transfers.as_deref_mut() else { return };
        transfers.ours = None;
        transfers.theirs.clear();
        self.board.disarm(id, SessionTimer::Consent);
        self.board.disarm(id, SessionTimer::Transfer);
        if let Ok((_, request)) = pending
            && by_peer
        {
            let until = self.board.now + CONSENT;
            self.orphans.keep(Orphan { session: id, source, until, request });
        }
    }

    /// What the application is told of a call may concern another call: the one whose peer asked for it, or the one that
    /// it takes the place of.
    pub(super) fn tell_related(&mut self, id: SessionId, action: Action, cause: &Cause<'_>) {
        if action == Action::TellEnded {
            self.end_transfers(id);
        }
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let end = session.end;
        let Some(transfers) = session.transfers.as_deref_mut() else { return };
        let (input, status) = match (action, cause.status) {
            (Action::TellProgress, status) => (TransferInput::Progress, status.unwrap_or(180)),
            (Action::TellAnswered, _) => (TransferInput::Answered, 200),
            (Action::TellEnded, Some(status @ 300..)) => (TransferInput::Failed, status),
            (Action::TellEnded, _) => (TransferInput::Failed, unanswered(end)),
            _ => return,
        };
        let origin =
            if input == TransferInput::Progress { transfers.origin } else { transfers.origin.take() };
        let replaced = transfers.takes_over.filter(|_| input == TransferInput::Answered);
        if let Some((asker, cseq)) = origin {
            let phrase = if cause.status == Some(status) { cause.phrase } else { "" };
            let news = News { status, phrase, ..News::default() };
            if self.transfers_mut(asker).and_then(|it| it.find(Which::Theirs(cseq))).is_some() {
                self.transfer_step(asker, Which::Theirs(cseq), input, &news);
            }
        }
        if let Some(replaced) = replaced {
            self.replace(replaced, id);
        }
    }
}

/// The status that stands for the end of a call that never had one.
const fn unanswered(end: Option<EndReason>) -> u16 {
    match end {
        Some(EndReason::LocalHangup) => 487,
        Some(EndReason::NoCommonMedia) => 488,
        Some(EndReason::NoAnswer | EndReason::Timeout) => 408,
        Some(EndReason::NameFailure | EndReason::NetworkError | EndReason::UnsupportedTransport) => 503,
        _ => 500,
    }
}

/// Reads what a REFER asks for.
fn read_refer(frame: &Frame<'_>) -> Result<TransferRequest, Refusal<'static>> {
    let bad = |reason| Refusal { reason, ..Refusal::plain(400) };
    let mut values = frame.addresses(HeaderName::ReferTo);
    let value = values.next().ok_or_else(|| bad("Missing Refer-To"))?;
    if values.next().is_some() {
        return Err(bad("Multiple Refer-To"));
    }
    let value = unfold(value);
    let refer_to = ReferTo::parse(&value).ok_or_else(|| bad("Malformed Refer-To"))?;
    match Uri::parse(refer_to.uri) {
        Ok(uri) if uri.is_sip() => match NextHop::of(refer_to.uri) {
            Ok(_) => {}
            Err(NoHop::Transport(transport)) => return Err(unspoken(transport)),
            Err(NoHop::Place) => return Err(bad("Refer-To Is No Place")),
        },
        Err(UriError::Scheme) if Tel::parse(refer_to.uri).is_some() => {}
        // `sips` asks for TLS, which we have not.
        Ok(_) | Err(UriError::Scheme) => return Err(Refusal::plain(416)),
        Err(UriError::Malformed) => return Err(bad("Malformed Refer-To")),
    }
    if !refer_to.is_to_be_called() {
        return Err(Refusal::plain(603));
    }
    let mut request = TransferRequest {
        target: Bytes::from(refer_to.target().into_owned()),
        replaces: None,
        require: false,
        referred_by: read_referred_by(frame)?,
        wishes: refer_to.wishes(),
    };
    for (name, value) in refer_to.headers() {
        match HeaderName::from_text(&name) {
            HeaderName::Replaces => {
                let replaces = Replaces::parse(&value).ok_or_else(|| bad("Malformed Replaces"))?;
                if request.replaces.replace(Bytes::from(replaces.to_value())).is_some() {
                    return Err(bad("Multiple Replaces"));
                }
            }
            HeaderName::Require => {
                if !split_values(&value).all(|tag| tag.eq_ignore_ascii_case(b"replaces")) {
                    return Err(Refusal::plain(603));
                }
                request.require = true;
            }
            HeaderName::ReferredBy if request.referred_by.is_none() => {
                request.referred_by = Some(referred_by(&value).ok_or_else(|| bad("Malformed Referred-By"))?);
            }
            _ => {}
        }
    }
    Ok(request)
}

fn read_referred_by(frame: &Frame<'_>) -> Result<Option<Bytes>, Refusal<'static>> {
    let mut values = frame.addresses(HeaderName::ReferredBy);
    let Some(value) = values.next() else { return Ok(None) };
    let read = referred_by(&unfold(value)).filter(|_| values.next().is_none());
    read.map(Some).ok_or_else(|| Refusal { reason: "Bad Referred-By", ..Refusal::plain(400) })
}

/// A value of Referred-By that can be passed on.
fn referred_by(value: &[u8]) -> Option<Bytes> {
    let plain = |&octet: &u8| octet == b'\t' || octet >= b' ' && octet != 0x7F;
    let addr = NameAddr::parse(value)?;
    let text = match addr.quoted_display() {
        Some(display) => Bytes::from([&display[..], b" <", addr.uri, b">", addr.params].concat()),
        None => Bytes::copy_from_slice(value),
    };
    text.iter().all(plain).then_some(text)
}
