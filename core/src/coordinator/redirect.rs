//! Calls that are sent elsewhere: ours that a 3xx points on, and theirs that we point on.

use super::UnifiedCoordinator;
use super::commands::{bad, check_headers};
use crate::adapter::{Cause, DialogAdapter};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::session::Input;
use crate::signaling::CommandError;
use crate::wire::frame::Frame;
use crate::wire::{NameAddr, check_text, split_values};
use alloc::string::String;

impl UnifiedCoordinator {
    /// Sends the caller elsewhere (302, RFC 3261 section 21.3.3). A contact is a URI, or what may stand in a Contact:
    /// `<sip:carol@192.0.2.7>;q=0.5`.
    pub fn redirect(
        &mut self,
        now: Instant,
        session: SessionId,
        contacts: &[&str],
    ) -> Result<(), CommandError> {
        self.redirect_with(now, session, contacts, &[])
    }

    /// The same with header fields of the application, such as Diversion or History-Info.
    pub fn redirect_with(
        &mut self,
        now: Instant,
        session: SessionId,
        contacts: &[&str],
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        note!(
            self,
            Record::asked(
                now,
                Asked::Redirect { session, contacts: contacts.into(), headers: headers.into() }
            )
        );
        self.advance(now);
        let headers = check_headers(headers)?;
        let value = check_contacts(contacts)?;
        let cause = Cause { status: Some(302), headers, contacts: value.as_bytes(), ..Cause::default() };
        self.step(session, Input::Reject, cause)
    }

    /// What a final refusal of our INVITE means. A 6xx speaks for all places (RFC 3261 section 21.6).
    pub(super) fn read_failure(&mut self, session: SessionId, status: u16, frame: &Frame<'_>) -> Input {
        DialogAdapter { board: &mut self.board, session }.note_contacts(status, frame);
        if status < 600 { self.next_or(session, Input::RxFailure) } else { Input::RxFailure }
    }

    /// The next target if there is one, else `input`.
    pub(super) fn next_or(&mut self, session: SessionId, input: Input) -> Input {
        let next = DialogAdapter { board: &mut self.board, session }.has_next_target();
        if next { Input::NextTarget } else { input }
    }
}

/// The contacts as one value.
fn check_contacts(contacts: &[&str]) -> Result<String, CommandError> {
    let mut value = String::new();
    for &contact in contacts {
        check_text(contact).map_err(|error| bad("contact", error))?;
        let angled = contact.contains('<');
        let text = if angled { String::from(contact) } else { alloc::format!("<{contact}>") };
        let single = split_values(text.as_bytes()).count() == 1 && NameAddr::parse(text.as_bytes()).is_some();
        if !single || !angled && contact.contains('>') {
            return Err(bad("contact", alloc::format!("{contact:?} is no URI such as sip:bob@192.0.2.7")));
        }
        if !value.is_empty() {
            value.push_str(", ");
        }
        value.push_str(&text);
    }
    if value.is_empty() { Err(bad("contact", "a redirection names at least one place")) } else { Ok(value) }
}
