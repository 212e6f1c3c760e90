//! INFO within a call (RFC 6086): keys that are pressed, and whatever else the application wants to know.

use alloc::string::String;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::check::is_type;
use super::dialogs::Outcome;
use super::ingress::{Refusal, Request};
use super::message::check_encoding;
use super::transitions::printable;
use crate::adapter::{Cause, Content, DialogAdapter, Owner, Purpose};
use crate::api::{Event, Output, Refuser};
use crate::base::ids::SessionId;
use crate::media::DtmfDigits;
use crate::session::Input;
use crate::signaling::CommandError;
use crate::wire::HeaderName;
use crate::wire::frame::StartLine;
use crate::wire::method::Method;
use crate::wire::text::{parse_number, trim};

/// What most phones and gateways understand by a pressed key.
const RELAY_TYPE: &str = "application/dtmf-relay";
/// One key and nothing else.
const KEY_TYPE: &str = "application/dtmf";
/// Milliseconds that a key is pressed, where nobody says.
const PRESSED_MS: u32 = 160;
/// No key is pressed for longer than this.
const PRESSED_MAX_MS: u64 = 60_000;
/// Keys that may wait.
const KEYS_MAX: usize = 64;

impl UnifiedCoordinator {
    /// INFO of the peer.
    pub(super) fn receive_info(&mut self, request: &Request<'_>, session: SessionId) {
        let frame = request.frame;
        let package = frame.first(HeaderName::InfoPackage);
        if let Some(package) = package {
            let name = package.split(|&octet| octet == b';').next().unwrap_or_default();
            let known = &self.board.config.info_packages;
            if !known.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(trim(name))) {
                // Section 4.2.2: with the packages that we would take.
                let refusal = Refusal::with(469, "Recv-Info", known.join(", ").into_bytes());
                return self.refuse(request.transaction, refusal);
            }
        }
        if let Err(refusal) = check_encoding(request) {
            return self.refuse(request.transaction, refusal);
        }
        self.board.respond_plain(request.transaction, 200);
        // An INFO that says nothing asks only whether we are there.
        if frame.body().is_empty() && package.is_none() {
            return;
        }
        let Some(tag) = self.board.registry.session(session).map(|session| session.tag) else { return };
        let kind = frame.first(HeaderName::ContentType).unwrap_or_default();
        let key = read_key(kind, frame.body()).filter(|_| package.is_none());
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let event = match key {
            Some((digit, duration_ms)) => Event::Dtmf { session, tag, digit, duration_ms, by_info: true },
            None => Event::Info {
                session,
                tag,
                package: package.map(text),
                content_type: text(kind),
                body: Bytes::copy_from_slice(frame.body()),
            },
        };
        self.board.outbox.push_back(Output::Event(event));
    }

    /// Presses keys by INFO, one after the other: the next goes when the one before is answered, so that none overtakes
    /// another.
    pub(super) fn send_keys(&mut self, id: SessionId, digits: &DtmfDigits) -> Result<(), CommandError> {
        self.open_dialog(id, "send digits in")?;
        let session = self.board.registry.session_mut(id).ok_or(CommandError::NoSuchCall)?;
        let idle = session.keys.is_none();
        let keys: String = session.keys.iter().flat_map(|keys| keys.chars()).chain(digits.iter()).collect();
        if keys.len() > KEYS_MAX {
            return Err(CommandError::Full { limit: KEYS_MAX });
        }
        session.keys = Some(keys.into());
        if idle {
            self.next_key(id);
        }
        Ok(())
    }

    fn next_key(&mut self, id: SessionId) {
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let keys = session.keys.take().unwrap_or_default();
        let mut rest = keys.chars();
        // No request follows the BYE.
        let dialog = session.dialog.filter(|_| !session.end_told);
        let (Some(key), Some(dialog)) = (rest.next(), dialog) else { return };
        session.keys = Some(rest.as_str().into());
        let body = alloc::format!("Signal={key}\r\nDuration={PRESSED_MS}\r\n");
        let content = Content { body: Some((RELAY_TYPE, body.as_bytes())), ..Content::default() };
        let owner = Owner::Request { session: id, purpose: Purpose::Key(key) };
        let mut adapter = DialogAdapter { board: &mut self.board, session: id };
        if adapter.request(dialog, Method::Info, owner, content).is_none() {
            self.keys_refused(id, key, (503, "too many transactions"), Refuser::Us);
        }
    }

    /// An INFO with a key is answered, or will not be. Who refuses one gets none of the rest.
    pub(super) fn key_over(&mut self, key: char, outcome: &Outcome<'_>) {
        let id = outcome.session;
        if (200..300).contains(&outcome.status) {
            if let Some(session) = self.board.registry.session(id).filter(|session| !session.end_told) {
                let event = Event::DtmfSent { session: id, tag: session.tag, digit: key };
                self.board.outbox.push_back(Output::Event(event));
            }
            return self.next_key(id);
        }
        let phrase = match outcome.response.map(|(frame, _)| frame.start()) {
            Some(StartLine::Response { reason, .. }) => printable(&String::from_utf8_lossy(reason)),
            _ => Refuser::words_of_silence(outcome.status).into(),
        };
        let refuser = match outcome.response {
            Some(_) => Refuser::Peer,
            None => Refuser::of_silence(outcome.status),
        };
        self.keys_refused(id, key, (outcome.status, &phrase), refuser);
        if outcome.ends_dialog() {
            let cause = Cause { status: Some(outcome.status), ..Cause::default() };
            self.feed(id, Input::RxGone, cause);
        }
    }

    /// Tells that a key was not taken, and which others will not be sent.
    fn keys_refused(&mut self, id: SessionId, digit: char, (status, phrase): (u16, &str), refuser: Refuser) {
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let unsent = session.keys.take().map(String::from).unwrap_or_default();
        if session.end_told {
            return;
        }
        let (tag, phrase) = (session.tag, phrase.into());
        let event = Event::DtmfRefused { session: id, tag, digit, status, phrase, refuser, unsent };
        self.board.outbox.push_back(Output::Event(event));
    }
}

/// The key that a body tells of, and for how many milliseconds it was pressed.
fn read_key(kind: &[u8], body: &[u8]) -> Option<(char, u32)> {
    if is_type(kind, KEY_TYPE) {
        return key_of(trim(body)).map(|key| (key, PRESSED_MS));
    }
    if !is_type(kind, RELAY_TYPE) {
        return None;
    }
    let (mut key, mut duration) = (None, PRESSED_MS);
    for line in body.split(|&octet| matches!(octet, b'\r' | b'\n')) {
        let (name, value) = crate::wire::text::split_once(line, b'=').unwrap_or((line, &[]));
        let value = trim(value);
        if trim(name).eq_ignore_ascii_case(b"Signal") {
            key = key.or_else(|| key_of(value));
        } else if trim(name).eq_ignore_ascii_case(b"Duration") {
            let pressed = parse_number(value).map(|pressed| pressed.min(PRESSED_MAX_MS));
            duration = pressed.and_then(|pressed| u32::try_from(pressed).ok()).unwrap_or(duration);
        }
    }
    key.map(|key| (key, duration))
}

/// A key as a character; some write the number of its event (RFC 4733 section 3.2).
fn key_of(text: &[u8]) -> Option<char> {
    match text {
        [key @ (b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' | b'a'..=b'd')] => {
            Some(char::from(key.to_ascii_uppercase()))
        }
        _ => {
            let event = parse_number(text).filter(|&event| event >= 10)?;
            "*#ABCD".chars().nth(usize::try_from(event).ok()?.checked_sub(10)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read_key;

    /// RFC 4733 section 3.2 for those who write the number of the event.
    #[test]
    fn keys_are_read_in_every_dialect() {
        let relay = |body: &str| read_key(b"application/dtmf-relay", body.as_bytes());
        assert_eq!(relay("Signal=5\r\nDuration=250\r\n"), Some(('5', 250)));
        assert_eq!(relay("Signal= *\nDuration= 100"), Some(('*', 100)));
        assert_eq!(relay("signal=11"), Some(('#', 160)));
        assert_eq!(relay("Signal=d\r\nDuration=99999999999"), Some(('D', 60_000)));
        assert_eq!(relay("Signal=16"), None, "a flash is no key");
        assert_eq!(relay("Signal=\r\nDuration=x"), None);
        assert_eq!(read_key(b"Application/DTMF ;x=y", b" 7\r\n"), Some(('7', 160)));
        assert_eq!(read_key(b"application/dtmf", b"77"), None);
        assert_eq!(read_key(b"text/plain", b"7"), None);
    }
}
