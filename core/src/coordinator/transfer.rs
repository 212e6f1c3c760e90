//! Call transfer as its transferor: our REFER and the reports about it (RFC 3515, RFC 5589); and the machine that both
//! sides of a transfer run through.
//!
//! A REFER outside a call is declined with 603. To a peer that has hung up nothing is reported any more.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::UnifiedCoordinator;
use super::commands::bad;
use super::dialogs::Outcome;
use super::ingress::{Refusal, Request};
use crate::adapter::{Cause, DialogAdapter, OVER};
use crate::api::{Counter, EndReason, Event, Output, Refuser};
use crate::base::ids::{DialogId, SessionId};
use crate::base::time::Instant;
use crate::session::{Input, Referral, SessionTimer, State, Transfers, Which};
use crate::session::{TransferAction, TransferInput, TransferState, transfer_row};
use crate::signaling::CommandError;
use crate::transaction::TransactionId;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::refer::{Replaces, escape_into, fragment_status};
use crate::wire::text::parse_u32;
use crate::wire::uri::{Uri, UriError, is_uri_text};
use crate::wire::{
    EventType, HeaderList, HeaderName, SIPFRAG_TYPE, SubscriptionState, check_text, reason_phrase,
};

/// How much longer than the new call may ring we wait for a report.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the application may take to consent to a transfer.
pub(super) const CONSENT: Duration = Duration::from_secs(60);

/// What brought a step of a transfer about.
#[derive(Clone, Copy, Default)]
pub(super) struct News<'a> {
    /// The status to tell or to report.
    pub(super) status: u16,
    /// Its phrase; the usual one if empty.
    pub(super) phrase: &'a str,
    /// Who gave it, if it was not the peer.
    pub(super) refuser: Option<Refuser>,
    /// The REFER of the peer.
    pub(super) refer: Option<TransactionId>,
    /// The new call.
    pub(super) new: Option<SessionId>,
}

impl News<'_> {
    fn phrase(&self) -> String {
        let phrase = if self.phrase.is_empty() { reason_phrase(self.status) } else { self.phrase };
        super::transitions::printable(phrase)
    }
}

impl UnifiedCoordinator {
    /// Lets the other side of a call call `target` instead (RFC 3515): a `sip:`, `sips:` or `tel:` URI.
    ///
    /// What comes of it is told by [`Event::TransferProgress`]. When the new call is up, ours is hung up; if it fails,
    /// ours goes on.
    pub fn transfer(&mut self, now: Instant, session: SessionId, target: &str) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Transfer { target, reported: true } });
        self.advance(now);
        let refer_to = self.refer_target(target)?;
        self.send_refer(session, &refer_to, true)
    }

    /// The same without reports (RFC 4488), if the other side agrees: once it has said that it will try, our call is
    /// hung up.
    pub fn transfer_unreported(
        &mut self,
        now: Instant,
        session: SessionId,
        target: &str,
    ) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::Transfer { target, reported: false } });
        self.advance(now);
        let refer_to = self.refer_target(target)?;
        self.send_refer(session, &refer_to, false)
    }

    /// A bare number or name is one of our own domain; a telephone number stays one, for the other side has its own.
    fn refer_target(&self, target: &str) -> Result<Vec<u8>, CommandError> {
        let is_tel = Uri::scheme_of(target.as_bytes()).is_some_and(|it| it.eq_ignore_ascii_case(b"tel"));
        match if is_tel { None } else { self.complete(target)? } {
            Some(whole) => check_refer_target(&whole),
            None => check_refer_target(target),
        }
    }

    /// Joins the other sides of two calls of ours: that of `session` calls that of `other`, and its call takes the place
    /// of `other` (RFC 3891, RFC 5589 section 7). Both must be up.
    pub fn transfer_to(
        &mut self,
        now: Instant,
        session: SessionId,
        other: SessionId,
    ) -> Result<(), CommandError> {
        note!(self, Record::Command { now, session, command: Command::TransferTo(other) });
        self.advance(now);
        if session == other {
            return Err(bad(
                "other call",
                "it is the same; take the call that the other side is to be joined with",
            ));
        }
        let refer_to = self.refer_to(other)?;
        self.send_refer(session, &refer_to, true)
    }

    /// The Refer-To that lets a call take the place of `other`: its tags are those that the target knows, its own first.
    fn refer_to(&self, other: SessionId) -> Result<Vec<u8>, CommandError> {
        let found = self.board.registry.session(other).ok_or(CommandError::NoSuchCall)?;
        let wrong = CommandError::WrongState { command: "transfer to", state: found.state.as_str() };
        let dialog =
            found.dialog.filter(|_| found.state.is_up()).and_then(|id| self.board.registry.dialog(id));
        let dialog = dialog.ok_or(wrong)?;
        let to_tag = if dialog.remote_tag().is_empty() { b"0" } else { dialog.remote_tag() };
        let (call_id, from_tag) = (dialog.call_id(), found.local_tag.as_slice());
        let replaces = Replaces { call_id, to_tag, from_tag, early_only: false };
        let mut text = Vec::from(b"<");
        text.extend_from_slice(dialog.target());
        text.extend_from_slice(b"?Replaces=");
        escape_into(&replaces.to_value(), &mut text);
        text.push(b'>');
        Ok(text)
    }

    fn send_refer(&mut self, id: SessionId, refer_to: &[u8], reported: bool) -> Result<(), CommandError> {
        let now = self.board.now;
        let Some(session) = self.board.registry.session_mut(id) else { return Err(CommandError::NoSuchCall) };
        let dialog = session.dialog.filter(|_| session.state.is_up());
        let wrong = |state| CommandError::WrongState { command: "transfer", state };
        let Some(dialog) = dialog else { return Err(wrong(session.state.as_str())) };
        let transfers = session.transfers.get_or_insert_default();
        if transfers.ours.is_some() {
            return Err(wrong("being transferred already"));
        }
        // The row of `Refer` in `New` says that it is sent; it is known to be possible before it is sent.
        let row = transfer_row(TransferState::New, TransferInput::Refer);
        let sent = row.and_then(|_| {
            DialogAdapter { board: &mut self.board, session: id }.refer(dialog, refer_to, reported)
        });
        let limit = self.board.config.limits.transactions_max;
        let (transaction, cseq) = sent.ok_or(CommandError::Full { limit })?;
        let mut referral = Referral::new(cseq, reported, now);
        referral.transaction = Some(transaction);
        if let Some(transfers) = self.transfers_mut(id) {
            transfers.ours = Some(referral);
        }
        self.transfer_step(id, Which::Ours, TransferInput::Refer, &News::default());
        Ok(())
    }

    /// Our REFER has its response, or will never have one.
    pub(super) fn refer_over(&mut self, outcome: &Outcome<'_>) {
        let ours = self.transfers_mut(outcome.session).and_then(|transfers| transfers.ours.as_mut());
        let Some(ours) = ours.filter(|ours| ours.transaction == Some(outcome.transaction)) else {
            return self.board.counters.add(Counter::Ignored);
        };
        let frame = outcome.response.map(|(frame, _)| frame);
        let unreported = frame.and_then(|frame| frame.named("Refer-Sub")).is_some_and(is_false);
        let input = match outcome.status {
            200..=299 if unreported && !ours.reported => TransferInput::RxGrantedUnreported,
            200..=299 => TransferInput::RxGranted,
            _ if outcome.ends_dialog() => TransferInput::RxGone,
            _ => TransferInput::RxRefused,
        };
        let phrase = match frame.map(|frame| frame.start()) {
            Some(StartLine::Response { reason, .. }) => String::from_utf8_lossy(reason),
            _ => Refuser::words_of_silence(outcome.status).into(),
        };
        let refuser = frame.is_none().then_some(Refuser::of_silence(outcome.status));
        let news = News { status: outcome.status, phrase: &phrase, refuser, ..News::default() };
        self.transfer_step(outcome.session, Which::Ours, input, &news);
    }

    /// A NOTIFY within a call. That of a transfer must name one of ours (RFC 6665 section 4.1.3).
    pub(super) fn receive_report(&mut self, request: &Request<'_>, id: SessionId) {
        let outcome = self.read_report(request, id);
        let (input, status, phrase) = match outcome {
            Ok(read) => read,
            Err(refusal) => return self.refuse(request.transaction, refusal),
        };
        self.board.respond_plain(request.transaction, 200);
        let Some(input) = input else { return };
        let phrase = String::from_utf8_lossy(phrase);
        self.transfer_step(id, Which::Ours, input, &News { status, phrase: &phrase, ..News::default() });
    }

    /// What a NOTIFY reports: nothing, or how far the new call is.
    fn read_report<'a>(
        &mut self,
        request: &Request<'a>,
        id: SessionId,
    ) -> Result<(Option<TransferInput>, u16, &'a [u8]), Refusal<'static>> {
        let frame = request.frame;
        let bad_event = || Refusal::with(489, "Allow-Events", b"refer".to_vec());
        let event = frame.first(HeaderName::Event).ok_or_else(bad_event)?;
        let event = EventType::parse(event).ok_or_else(|| Refusal::plain(400))?;
        if !event.is("refer") {
            return Err(bad_event());
        }
        let ours = self.transfers_mut(id).and_then(|transfers| transfers.ours.as_ref());
        let named = |ours: &&Referral| event.id.is_none_or(|id| parse_u32(id) == Some(ours.cseq));
        if ours.filter(named).is_none() {
            self.board.counters.add(Counter::UnknownDialog);
            return Err(Refusal::plain(481));
        }
        let missing = || Refusal { reason: "Bad Subscription-State", ..Refusal::plain(400) };
        let state = frame.first(HeaderName::SubscriptionState).and_then(SubscriptionState::parse);
        let state = state.ok_or_else(missing)?;
        let over = state.is_over().then(|| match state.reason {
            Some(reason) if reason.eq_ignore_ascii_case(b"rejected") => 603,
            Some(reason) if reason.eq_ignore_ascii_case(b"timeout") => 408,
            _ => 480,
        });
        // What ends our subscription ends it, whatever else it says.
        let report = match (read_fragment(frame), over) {
            (Ok(report), _) => report,
            (Err(_), Some(_)) => None,
            (Err(refusal), None) => return Err(refusal),
        };
        Ok(match (report, over) {
            (None, None) => (None, 0, &[]),
            (None | Some((100..=199, _)), Some(status)) => (Some(TransferInput::RxUnsubscribed), status, &[]),
            (Some((status @ 100..=199, phrase)), None) => (Some(TransferInput::RxProgress), status, phrase),
            (Some((status @ 200..=299, phrase)), _) => (Some(TransferInput::RxSuccess), status, phrase),
            (Some((status, phrase)), _) => (Some(TransferInput::RxFailure), status, phrase),
        })
    }

    /// No report came for too long; or a call that takes the place of another is to be answered now.
    pub(super) fn transfer_timer(&mut self, id: SessionId) {
        let Some(session) = self.board.registry.session(id) else { return };
        if matches!(session.state, State::Incoming | State::Ringing) {
            if self.answer_now(id, HeaderList::EMPTY).is_err() {
                self.board.counters.add(Counter::Ignored);
            }
            return;
        }
        let news = News { status: 408, refuser: Some(Refuser::Nobody), ..News::default() };
        self.transfer_step(id, Which::Ours, TransferInput::Patience, &news);
    }

    pub(super) fn transfers_mut(&mut self, id: SessionId) -> Option<&mut Transfers> {
        self.board.registry.session_mut(id)?.transfers.as_deref_mut()
    }

    /// One step of a transfer.
    pub(super) fn transfer_step(
        &mut self,
        id: SessionId,
        which: Which,
        input: TransferInput,
        news: &News<'_>,
    ) {
        let referral = self.transfers_mut(id).and_then(|transfers| transfers.find(which));
        let found = referral.and_then(|referral| Some((transfer_row(referral.state, input)?, referral)));
        let Some((row, referral)) = found else { return self.board.counters.add(Counter::Ignored) };
        referral.state = row.next;
        let known = referral.clone();
        #[cfg(test)]
        self.transfers_taken.push((row.state, input));
        tracing::debug!(session = %id, state = ?row.state, ?input, next = ?row.next, "transfer");
        if let Some(transfers) = self.transfers_mut(id).filter(|_| row.next == TransferState::Over) {
            transfers.forget(which);
        }
        for &action in row.actions {
            self.transfer_act(id, &known, action, news);
        }
    }

    fn transfer_act(&mut self, id: SessionId, referral: &Referral, action: TransferAction, news: &News<'_>) {
        let patience = self.board.config.ring_timeout + PATIENCE;
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let (tag, dialog, status) = (session.tag, session.dialog, news.status);
        let theirs = referral.request.is_some();
        let event = match action {
            // It has been: see `send_refer`.
            TransferAction::SendRefer => return,
            TransferAction::ArmPatience => return self.board.arm(id, SessionTimer::Transfer, patience),
            TransferAction::ArmConsent => {
                let within = self.board.config.answer_timeout.min(CONSENT);
                return self.board.arm(id, SessionTimer::Consent, within);
            }
            TransferAction::Disarm if theirs => return self.board.disarm(id, SessionTimer::Consent),
            TransferAction::Disarm => return self.board.disarm(id, SessionTimer::Transfer),
            TransferAction::TellProgress | TransferAction::TellDone => {
                let done = action == TransferAction::TellDone;
                let refuser = news.refuser.unwrap_or(Refuser::Peer);
                Event::TransferProgress { session: id, tag, status, refuser, phrase: news.phrase(), done }
            }
            TransferAction::HangUp => {
                session.end.get_or_insert(EndReason::Transferred);
                return self.feed(id, Input::Hangup, Cause::default());
            }
            TransferAction::EndCall => {
                let cause = Cause { status: Some(status), ..Cause::default() };
                return self.feed(id, Input::RxGone, cause);
            }
            TransferAction::GrantRefer => {
                let (Some(dialog), Some(refer)) = (dialog, news.refer) else { return };
                let mut adapter = DialogAdapter { board: &mut self.board, session: id };
                return adapter.grant_refer(dialog, refer, referral.reported);
            }
            TransferAction::ReportPending => return self.report(id, dialog, referral, b"pending", news),
            TransferAction::Report => return self.report(id, dialog, referral, b"active", news),
            TransferAction::ReportFinal => return self.report(id, dialog, referral, OVER, news),
            TransferAction::StopReports => {
                let referral = self.transfers_mut(id).and_then(|it| it.find(Which::Theirs(referral.cseq)));
                return referral.into_iter().for_each(|referral| referral.reported = false);
            }
            TransferAction::TellRequested => {
                let Some(request) = referral.request.clone() else { return };
                Event::TransferRequested { session: id, tag, request }
            }
            TransferAction::TellStarted => {
                let Some(new) = news.new else { return };
                Event::TransferStarted { session: id, tag, new }
            }
            TransferAction::PlaceCall => {
                let Some(new) = news.new else { return };
                return self.feed(new, Input::MakeCall, Cause::default());
            }
        };
        self.board.outbox.push_back(Output::Event(event));
    }

    fn report(
        &mut self,
        id: SessionId,
        dialog: Option<DialogId>,
        referral: &Referral,
        state: &[u8],
        news: &News<'_>,
    ) {
        // The same twice says nothing new, unless the state does.
        let repeated = referral.last == news.status && news.status != 100;
        let Some(dialog) = dialog.filter(|_| referral.reported && !repeated) else { return };
        if let Some(referral) = self.transfers_mut(id).and_then(|it| it.find(Which::Theirs(referral.cseq))) {
            referral.last = news.status;
        }
        let phrase = news.phrase();
        let mut adapter = DialogAdapter { board: &mut self.board, session: id };
        adapter.report(dialog, referral, state, news.status, &phrase);
    }
}

/// The status line that a report begins with, if it has a body (RFC 3515 section 2.4.5).
fn read_fragment<'a>(frame: &Frame<'a>) -> Result<Option<(u16, &'a [u8])>, Refusal<'static>> {
    if frame.body().is_empty() {
        return Ok(None);
    }
    let kind = frame.first(HeaderName::ContentType);
    if !kind.is_some_and(|kind| super::check::is_type(kind, SIPFRAG_TYPE)) {
        return Err(Refusal::with(415, "Accept", SIPFRAG_TYPE.as_bytes().to_vec()));
    }
    let bad_body = || Refusal { reason: "Body Is No Status", ..Refusal::plain(400) };
    fragment_status(frame.body()).ok_or_else(bad_body).map(Some)
}

/// Whether Refer-Sub says no (RFC 4488 section 4).
pub(super) fn is_false(value: &[u8]) -> bool {
    value
        .split(|&octet| octet == b';')
        .next()
        .is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(b"false"))
}

fn check_refer_target(target: &str) -> Result<Vec<u8>, CommandError> {
    check_text(target).map_err(|error| bad("target", error))?;
    let text = target.as_bytes();
    let scheme = Uri::scheme_of(text).unwrap_or_default();
    match Uri::parse(text) {
        Ok(uri) if uri.headers.is_some() => {
            return Err(bad("target", "headers in the URI (after '?') are not sent"));
        }
        Ok(_) => {}
        Err(UriError::Scheme) if scheme.eq_ignore_ascii_case(b"tel") && is_uri_text(text) => {}
        Err(UriError::Scheme) => {
            return Err(bad(
                "target",
                "only sip:, sips: and tel: URIs can be called, such as sip:bob@192.0.2.7",
            ));
        }
        Err(UriError::Malformed) => {
            return Err(bad("target", "not a URI to call; one looks like sip:bob@192.0.2.7:5060"));
        }
    }
    Ok([b"<", text, b">"].concat())
}

/// When a report of a transfer asked for now may be expected to have come, at the latest.
pub(super) fn reported_until(now: Instant, ring_timeout: Duration) -> Instant {
    now + CONSENT + ring_timeout + PATIENCE
}
