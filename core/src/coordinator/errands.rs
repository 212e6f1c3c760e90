//! Requests that the application asks for: MESSAGE (RFC 3428), OPTIONS (RFC 3261 section 11) and INFO (RFC 6086), and
//! what becomes of them.

use alloc::string::String;
use alloc::sync::Arc;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::closing::Closing;
use super::commands::{bad, check_headers, check_lines};
use super::transitions::printable;
use crate::adapter::{Cause, Content, DialogAdapter, Draft, Errand, Owner};
use crate::api::Refuser;
use crate::base::ids::{DialogId, RequestId, SessionId};
use crate::base::time::Instant;
use crate::session::{Input, State};
use crate::signaling::{CommandError, MessageDetails};
use crate::transaction::TransactionId;
use crate::wire::frame::{Frame, StartLine};
use crate::wire::method::Method;
use crate::wire::path::Path;
use crate::wire::{check_text, reason_phrase};

/// Octets that a MESSAGE outside a dialog may have on a path that does not bear congestion (RFC 3428 section 8).
const MESSAGE_OCTETS_MAX: usize = 1_300;
/// What the headers of a MESSAGE take besides those that are counted.
const HEAD_OCTETS: usize = 500;
/// Octets that the body of a request within a dialog may have, so that it fits into a datagram.
pub(super) const BODY_OCTETS_MAX: usize = 32_768;

impl UnifiedCoordinator {
    /// Sends a message to `target` (RFC 3428). The outcome comes as [`Event::RequestDone`](crate::api::Event::RequestDone).
    pub fn message(
        &mut self,
        now: Instant,
        target: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<RequestId, CommandError> {
        self.message_with(now, target, content_type, body, &[])
    }

    /// The same with header fields of the application.
    pub fn message_with(
        &mut self,
        now: Instant,
        target: &str,
        content_type: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<RequestId, CommandError> {
        note!(
            self,
            Record::asked(now, Asked::Message { target, content_type, body, headers: headers.into() })
        );
        self.advance(now);
        let kind = check_content(content_type, body)?;
        let octets: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let octets = octets + body.len() + content_type.len() + 2 * target.len() + HEAD_OCTETS;
        if octets > MESSAGE_OCTETS_MAX {
            let most = body.len().saturating_sub(octets - MESSAGE_OCTETS_MAX);
            return Err(bad("body", alloc::format!("{} octets; at most {most} fit", body.len())));
        }
        self.ask(Method::Message, target, headers, Some((kind, Bytes::copy_from_slice(body))))
    }

    /// Asks `target` what it can do, or whether it is there (RFC 3261 section 11.1). The outcome comes as
    /// [`Event::RequestDone`](crate::api::Event::RequestDone).
    pub fn options(&mut self, now: Instant, target: &str) -> Result<RequestId, CommandError> {
        self.options_with(now, target, &[])
    }

    /// The same with header fields of the application.
    pub fn options_with(
        &mut self,
        now: Instant,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<RequestId, CommandError> {
        note!(self, Record::asked(now, Asked::Options { target, headers: headers.into() }));
        self.advance(now);
        self.ask(Method::Options, target, headers, None)
    }

    /// Sends an INFO within a call (RFC 6086). An `Info-Package` goes with the headers, if there is one.
    pub fn info(
        &mut self,
        now: Instant,
        session: SessionId,
        content_type: &str,
        body: &[u8],
    ) -> Result<RequestId, CommandError> {
        self.request_within(now, session, Method::Info, &[], Some((content_type, body)))
    }

    /// Sends a request within a call: INFO, MESSAGE or OPTIONS, with header fields of the application and a body. The
    /// outcome comes as [`Event::RequestDone`](crate::api::Event::RequestDone).
    pub fn request_within(
        &mut self,
        now: Instant,
        session: SessionId,
        method: Method,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Result<RequestId, CommandError> {
        note!(self, Record::asked(now, Asked::Within { session, method, headers: headers.into(), body }));
        self.advance(now);
        if !matches!(method, Method::Info | Method::Message | Method::Options) {
            return Err(bad("method", "only INFO, MESSAGE and OPTIONS can be sent like this"));
        }
        let lines = check_headers(headers)?.lines();
        if let Some((content_type, body)) = body {
            check_content(content_type, body)?;
        }
        let dialog = self.open_dialog(session, "send a request within")?;
        let limit = self.board.config.limits.sessions_max;
        let errand = Errand { session: Some(session), draft: None, realms: None };
        let id = self.board.errands.insert(errand).ok_or(CommandError::Full { limit })?;
        let content = Content { headers: &[], lines: &lines, body };
        let mut adapter = DialogAdapter { board: &mut self.board, session };
        match adapter.request(dialog, method, Owner::Errand(id), content) {
            Some(_) => Ok(id),
            None => {
                self.board.errands.remove(id);
                Err(CommandError::Full { limit: self.board.config.limits.transactions_max })
            }
        }
    }

    /// The dialog of a call that is up, or of one that we have not answered yet.
    pub(super) fn open_dialog(&self, id: SessionId, command: &'static str) -> Result<DialogId, CommandError> {
        let session = self.board.registry.session(id).ok_or(CommandError::NoSuchCall)?;
        let over = matches!(session.state, State::HangupPending | State::Terminating | State::Terminated);
        let dialog = session.dialog.filter(|_| !over);
        dialog.ok_or(CommandError::WrongState { command, state: session.state.as_str() })
    }

    fn ask(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<(String, Bytes)>,
    ) -> Result<RequestId, CommandError> {
        if self.closing == Closing::Down {
            return Err(CommandError::ShuttingDown);
        }
        let target = self.target_of(target)?;
        let lines = check_lines(headers, &target)?;
        let full = CommandError::Full { limit: self.board.config.limits.sessions_max };
        self.board.begin_errand(Draft { method, target, lines, body }).ok_or(full)
    }

    /// Where a request outside any dialog goes is known now, or will not be.
    pub(super) fn errand_found(&mut self, id: RequestId, found: Result<Path, &str>) {
        match found {
            Ok(path) => {
                if !self.board.launch_errand(id, path) {
                    let phrase = "too many transactions";
                    self.errand_over(id, Done { status: 503, phrase, refuser: Refuser::Us, message: None });
                }
            }
            Err(phrase) => {
                self.errand_over(id, Done { status: 503, phrase, refuser: Refuser::Network, message: None });
            }
        }
    }

    /// The final response to a request of the application.
    pub(super) fn errand_answered(
        &mut self,
        id: RequestId,
        transaction: TransactionId,
        path: Path,
        frame: &Frame<'_>,
    ) {
        self.board.layer.forget_message(transaction);
        if let StartLine::Response { status, reason } = frame.start() {
            let message = Arc::new(MessageDetails::new(frame, path));
            let phrase = &String::from_utf8_lossy(reason);
            self.errand_over(id, Done { status, phrase, refuser: Refuser::Peer, message: Some(message) });
        }
    }

    /// A request of the application has its outcome. One that shows that the peer no longer knows the dialog ends the
    /// call (RFC 3261 section 12.2.1.2).
    pub(super) fn errand_over(&mut self, id: RequestId, done: Done<'_>) {
        let Done { status, phrase, refuser, message } = done;
        let words = match (phrase, &message) {
            ("", None) => Refuser::words_of_silence(status),
            ("", Some(_)) => reason_phrase(status),
            _ => phrase,
        };
        let session = self.board.errand_done(id, status, refuser, printable(words), message);
        if let Some(session) = session.filter(|_| matches!(status, 408 | 481)) {
            self.feed(session, Input::RxGone, Cause { status: Some(status), ..Cause::default() });
        }
    }
}

/// The outcome of a request of the application.
pub(super) struct Done<'a> {
    pub(super) status: u16,
    pub(super) phrase: &'a str,
    pub(super) refuser: Refuser,
    pub(super) message: Option<Arc<MessageDetails>>,
}

/// A body and its type, fit to be sent.
pub(super) fn check_content(content_type: &str, body: &[u8]) -> Result<String, CommandError> {
    check_text(content_type).map_err(|error| bad("content type", error))?;
    if content_type.split(';').next().is_none_or(|kind| kind.split('/').count() != 2) {
        return Err(bad("content type", "it names a type and a subtype, such as text/plain"));
    }
    if body.len() > BODY_OCTETS_MAX {
        let why = alloc::format!("{} octets; at most {BODY_OCTETS_MAX} can be sent", body.len());
        return Err(bad("body", why));
    }
    Ok(content_type.into())
}
