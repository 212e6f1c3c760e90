//! From a datagram to whoever it is for.

use alloc::vec::Vec;

use super::UnifiedCoordinator;
use crate::adapter::{ALLOW, Cause, MediaAdapter, Owner};
use crate::api::Counter;
use crate::base::ids::{DialogId, SessionId};
use crate::base::time::Instant;
use crate::dialog::Sequence;
use crate::sdp;
use crate::session::{Input, State};
use crate::transaction::{Received, TransactionId};
use crate::wire::frame::{Facts, Fault, Frame, FrameError, StartLine};
use crate::wire::method::Method;
use crate::wire::path::{Path, Transmit};
use crate::wire::reply::ReplyHead;
use crate::wire::uri::{Uri, UriError};
use crate::wire::{HeaderName, SDP_TYPE, reason_phrase};

/// A request that has a server transaction, with all that was read of it.
pub(super) struct Request<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) facts: &'a Facts<'a>,
    pub(super) path: Path,
    pub(super) transaction: TransactionId,
    pub(super) method: Method,
    pub(super) uri: &'a [u8],
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

    fn with(status: u16, name: &'static str, value: Vec<u8>) -> Self {
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
            let fault = Fault { status: 513, reason: "Header Section Too Large" };
            return self.answer_malformed(path, frame, method, fault);
        }
        let received =
            self.board.with_layer(|layer, now, send| layer.receive_request(now, &path, frame, &facts, send));
        match received {
            Received::Absorbed => self.board.counters.add(Counter::Absorbed),
            Received::Ack => self.receive_ack(frame, &facts),
            Received::Cancel { cancel, invite } => self.receive_cancel(cancel, invite, path, frame, &facts),
            Received::Full => {
                self.board.counters.add(Counter::Overload);
                self.respond_stateless(path, frame, Some(&facts), 503, reason_phrase(503));
            }
            Received::New(transaction) => {
                let request = Request { frame, facts: &facts, path, transaction, method, uri };
                match facts.to_tag {
                    Some(tag) => self.receive_in_dialog(&request, tag),
                    None => self.receive_out_of_dialog(&request),
                }
            }
        }
    }

    /// Answers what could be read only in part, without keeping anything (RFC 3261 section 16.3 for the spirit).
    fn answer_malformed(&mut self, path: Path, frame: &Frame<'_>, method: Method, fault: Fault) {
        self.board.counters.add(Counter::BadRequest);
        // An ACK is never answered (section 17.1).
        if method != Method::Ack {
            self.respond_stateless(path, frame, None, fault.status, fault.reason);
        }
    }

    fn respond_stateless(
        &mut self,
        path: Path,
        frame: &Frame<'_>,
        facts: Option<&Facts<'_>>,
        status: u16,
        reason: &str,
    ) {
        // The same request gets the same tag again (section 8.2.7), though nothing is remembered of it.
        let tag = self.board.digests.digest(&[frame.first(HeaderName::Via).unwrap_or_default()]).text();
        let head = ReplyHead::new(frame, facts, &path);
        let payload = head.respond(status, reason, Some(&tag), false, &[], None);
        let path = ReplyHead::reply_path_of(frame, &path);
        self.board.send(Transmit { path, payload });
    }

    /// A request within a dialog (section 12.2.2).
    fn receive_in_dialog(&mut self, request: &Request<'_>, local_tag: &[u8]) {
        let facts = request.facts;
        let found = self.board.registry.find_dialog(local_tag, facts.from_tag, facts.call_id);
        let Some((dialog, session)) =
            found.and_then(|id| Some((id, self.board.registry.session_of_dialog(id)?)))
        else {
            self.board.counters.add(Counter::UnknownDialog);
            return self.board.respond_plain(request.transaction, 481);
        };
        let sequence =
            self.board.registry.dialog_mut(dialog).map(|dialog| dialog.receive_sequence(facts.cseq));
        if sequence == Some(Sequence::OutOfOrder) {
            self.board.counters.add(Counter::LowSequence);
            return self.board.respond_with(request.transaction, 500, "CSeq Out of Order", &[]);
        }
        if let Err(refusal) = self.check(request) {
            return self.refuse(request.transaction, refusal);
        }
        if request.method == Method::Bye
            && let Some(dialog) = self.board.registry.dialog_mut(dialog)
        {
            dialog.left = true;
        }
        let known = self.board.registry.session(session);
        // A fork that answered and was refused has a dialog of its own, and no say in the call that was kept.
        let refused = known.and_then(|session| session.dialog).is_some_and(|kept| kept != dialog);
        let over =
            known.is_some_and(|session| matches!(session.state, State::Terminating | State::Terminated));
        match request.method {
            Method::Bye if refused => self.board.respond_plain(request.transaction, 200),
            Method::Invite | Method::Options if refused || over => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
            }
            Method::Bye => {
                let cause = Cause {
                    message: Some((request.frame, facts)),
                    path: Some(request.path),
                    transaction: Some(request.transaction),
                    dialog: Some(dialog),
                    ..Cause::default()
                };
                self.feed(session, Input::RxBye, cause);
            }
            Method::Invite => self.receive_reinvite(request, session, dialog),
            // `check` has let nothing else pass.
            _ => self.answer_options(request.transaction),
        }
    }

    /// An INVITE within a dialog: the peer changes the media, or only looks whether we are there (section 14.2).
    fn receive_reinvite(&mut self, request: &Request<'_>, session: SessionId, dialog: DialogId) {
        let media = MediaAdapter { board: &mut self.board, session };
        let path = media.board.registry.dialog(dialog).map(|dialog| dialog.path);
        let mut cause = Cause {
            message: Some((request.frame, request.facts)),
            transaction: Some(request.transaction),
            dialog: Some(dialog),
            ..Cause::default()
        };
        let Some(mut local) = path.and_then(|path| media.local(&path)) else {
            return self.feed(session, Input::RxReinvite, cause);
        };
        local.version = local.version.wrapping_add(1);
        let late = request.frame.body().is_empty();
        if late {
            cause.description = Some(sdp::offer(&local));
        } else {
            match sdp::answer(request.frame.body(), &local) {
                Ok(answered) => {
                    cause.description = Some(answered.sdp);
                    cause.plan = Some(answered.plan);
                }
                Err(error) => {
                    let refusal = self.unusable_offer(&error);
                    return self.refuse(request.transaction, refusal);
                }
            }
        }
        let version = local.version;
        self.feed(session, Input::RxReinvite, cause);
        if let Some(session) = self.board.registry.session_mut(session)
            && session.reinvite == Some(request.transaction)
        {
            session.late_offer = late;
            if let Some(media) = &mut session.media {
                media.sdp_version = version;
            }
        }
    }

    /// A request outside any dialog (section 8.2).
    fn receive_out_of_dialog(&mut self, request: &Request<'_>) {
        if let Err(refusal) = self.check(request) {
            return self.refuse(request.transaction, refusal);
        }
        match request.method {
            Method::Invite => self.receive_invite(request),
            Method::Options => self.answer_options(request.transaction),
            // A BYE without To tag belongs to no dialog that could be.
            _ => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
            }
        }
    }

    /// Method, scheme, extensions and body, in the order of section 8.2.
    fn check(&mut self, request: &Request<'_>) -> Result<(), Refusal<'static>> {
        let outcome = check_request(request);
        if outcome.is_err() {
            self.board.counters.add(Counter::Unsupported);
        }
        outcome
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

    /// What we can do (section 11.2).
    fn answer_options(&mut self, transaction: TransactionId) {
        let agent = self.board.agent.clone();
        let headers: [(&str, &[u8]); 4] = [
            ("Allow", ALLOW),
            ("Accept", SDP_TYPE.as_bytes()),
            ("Accept-Encoding", b"identity"),
            ("Server", agent.as_bytes()),
        ];
        self.board.respond_with(transaction, 200, reason_phrase(200), &headers);
    }

    /// The ACK of a 2xx: it has no transaction, its dialog knows it (section 13.3.1.4).
    fn receive_ack(&mut self, frame: &Frame<'_>, facts: &Facts<'_>) {
        let registry = &self.board.registry;
        let found = facts.to_tag.and_then(|tag| registry.find_dialog(tag, facts.from_tag, facts.call_id));
        let session = found.and_then(|dialog| registry.session_of_dialog(dialog));
        let known = session.and_then(|id| Some((id, registry.session(id)?)));
        let fits =
            |session: &crate::session::Session| session.invite_cseq == facts.cseq && session.dialog == found;
        let Some((id, session)) = known.filter(|(_, session)| fits(session)) else {
            return self.board.counters.add(Counter::StrayAck);
        };
        let mut cause = Cause { message: Some((frame, facts)), dialog: found, ..Cause::default() };
        let input = if session.late_offer {
            match (MediaAdapter { board: &mut self.board, session: id }).read_answer(frame.body()) {
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
            if let Some(source) = session.source.take() {
                self.board.quota.release(source);
            }
        }
    }

    /// CANCEL (section 9.2): answered itself, and the INVITE with 487 if it is still undecided.
    fn receive_cancel(
        &mut self,
        cancel: TransactionId,
        invite: Option<TransactionId>,
        path: Path,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) {
        let session = match invite.and_then(|invite| self.board.owners.get(invite)) {
            Some(Owner::Incoming { session, .. }) => *session,
            _ => None,
        };
        if invite.is_none() || session.is_some_and(|session| !self.cancels(session, facts)) {
            self.board.counters.add(Counter::UnknownDialog);
            return self.board.respond_plain(cancel, 481);
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
    fn cancels(&self, session: SessionId, facts: &Facts<'_>) -> bool {
        let Some(session) = self.board.registry.session(session) else { return true };
        let dialog = session.dialog.and_then(|id| self.board.registry.dialog(id));
        session.invite_cseq == facts.cseq
            && dialog.is_some_and(|dialog| dialog.matches(facts.call_id, facts.from_tag))
    }
}

fn check_request(request: &Request<'_>) -> Result<(), Refusal<'static>> {
    let frame = request.frame;
    match request.method {
        Method::Invite | Method::Bye | Method::Options => {}
        Method::Extension => return Err(Refusal::with(501, "Allow", ALLOW.to_vec())),
        _ => return Err(Refusal::with(405, "Allow", ALLOW.to_vec())),
    }
    match Uri::parse(request.uri) {
        // `sips` asks for TLS on every hop (section 26.2.2), which UDP is not.
        Ok(uri) if uri.is_sips() => return Err(Refusal::plain(416)),
        Ok(_) => {}
        Err(UriError::Malformed)
            if Uri::scheme_of(request.uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sip")) =>
        {
            return Err(Refusal { reason: "Malformed Request-URI", ..Refusal::plain(400) });
        }
        Err(_) => return Err(Refusal::plain(416)),
    }
    // Section 8.2.2.3: we know no extension, so every one that is required is one too many.
    let required: Vec<&[u8]> = frame.values(HeaderName::Require).collect();
    if !required.is_empty() {
        return Err(Refusal::with(420, "Unsupported", required.join(&b", "[..])));
    }
    if request.method == Method::Invite { check_body(frame) } else { Ok(()) }
}

/// Section 8.2.3, and 406 for a caller who would not understand our answer.
fn check_body(frame: &Frame<'_>) -> Result<(), Refusal<'static>> {
    if !frame.body().is_empty() {
        if let Some(encoding) = frame.first(HeaderName::ContentEncoding)
            && !encoding.eq_ignore_ascii_case(b"identity")
        {
            return Err(Refusal::with(415, "Accept-Encoding", b"identity".to_vec()));
        }
        if !frame.first(HeaderName::ContentType).is_some_and(|value| is_type(value, SDP_TYPE)) {
            return Err(Refusal::with(415, "Accept", SDP_TYPE.as_bytes().to_vec()));
        }
    }
    let mut accepts = frame.values(HeaderName::Accept).peekable();
    let takes_sdp = |value| [SDP_TYPE, "application/*", "*/*"].into_iter().any(|kind| is_type(value, kind));
    if accepts.peek().is_some() && !accepts.any(takes_sdp) {
        return Err(Refusal::plain(406));
    }
    Ok(())
}

/// Whether a value of Content-Type or Accept names this type, in any case and with any white space, whatever its
/// parameters.
fn is_type(value: &[u8], kind: &str) -> bool {
    if value == kind.as_bytes() {
        return true;
    }
    let text = value.iter().take_while(|&&octet| octet != b';').filter(|octet| !octet.is_ascii_whitespace());
    text.map(u8::to_ascii_lowercase).eq(kind.bytes())
}
