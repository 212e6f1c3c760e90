//! An INVITE that takes the place of a call of ours (RFC 3891), as target of an attended transfer or as the phone whose
//! call is picked up elsewhere; and Join (RFC 3911), which we cannot do.
//!
//! Whoever knows a call's identifiers may replace it; the application is asked as about any call. One that it accepts at
//! once is answered at once, without ringing.

use super::UnifiedCoordinator;
use super::ingress::{Asked, Refusal};
use crate::api::{EndReason, Event, Output};
use crate::base::ids::{DialogId, SessionId};
use crate::session::{Input, Role, State};
use crate::wire::HeaderName;
use crate::wire::method::Method;
use crate::wire::refer::Replaces;

impl UnifiedCoordinator {
    /// The call that an INVITE is to take the place of, if it says that of one. What cannot be is refused as RFC 3891
    /// section 3 says.
    pub(super) fn find_replaced(&self, request: &Asked<'_>) -> Result<Option<SessionId>, Refusal<'static>> {
        let frame = request.frame;
        let mut values = frame.headers().filter(|header| header.name == HeaderName::Replaces);
        let value = values.next().map(|header| header.value);
        let join = frame.named("Join");
        let bad = |reason| Refusal { reason, ..Refusal::plain(400) };
        let value = match (value, join) {
            (Some(_), Some(_)) => return Err(bad("Replaces and Join")),
            (None, Some(join)) => return Err(self.refuse_join(join)),
            (None, None) => return Ok(None),
            (Some(_), None) if values.next().is_some() => return Err(bad("Multiple Replaces")),
            (Some(value), None) => value,
        };
        let replaces = Replaces::parse(value).ok_or_else(|| bad("Malformed Replaces"))?;
        let (session, dialog) = self.find_joint(&replaces).ok_or_else(|| Refusal::plain(481))?;
        let found = self.board.registry.session(session).ok_or_else(|| Refusal::plain(481))?;
        let confirmed = self.board.registry.dialog(dialog).is_some_and(|dialog| dialog.confirmed);
        let over = matches!(
            found.state,
            State::HangupPending
                | State::CancelPending
                | State::Cancelling
                | State::Terminating
                | State::Terminated
        );
        match found.dialog {
            _ if over => Err(Refusal::plain(603)),
            // A fork that was refused.
            Some(kept) if kept != dialog => Err(Refusal::plain(603)),
            _ if confirmed && replaces.early_only => Err(Refusal::plain(486)),
            _ if !confirmed && found.role == Role::Uas => Err(Refusal::plain(481)),
            _ => Ok(Some(session)),
        }
    }

    /// Join is an extension that we do not have. One that names no call gets 481; one that names a call gets 488: we do not
    /// mix (RFC 3911 section 4). With `Require: join` it is 420 before that.
    fn refuse_join(&self, value: &[u8]) -> Refusal<'static> {
        let known = Replaces::parse(value).and_then(|join| self.find_joint(&join));
        Refusal::plain(if known.is_some() { 488 } else { 481 })
    }

    fn find_joint(&self, ids: &Replaces<'_>) -> Option<(SessionId, DialogId)> {
        // A peer of RFC 2543 has no tag, which is written as 0 (RFC 3891 section 6.1).
        let find = |tag| self.board.registry.find_dialog(ids.to_tag, tag, ids.call_id);
        let dialog =
            find(Some(ids.from_tag)).or_else(|| if ids.from_tag == b"0" { find(None) } else { None })?;
        Some((self.board.registry.session_of_dialog(dialog)?, dialog))
    }

    /// `by` is answered: the call that it takes the place of is hung up.
    pub(super) fn replace(&mut self, replaced: SessionId, by: SessionId) {
        let Some(session) = self.board.registry.session_mut(replaced).filter(|session| !session.end_told)
        else {
            return;
        };
        session.end.get_or_insert(EndReason::Replaced);
        let event = Event::Replaced { session: replaced, tag: session.tag, by };
        self.board.outbox.push_back(Output::Event(event));
        self.board.follow_ups.push_back((replaced, Input::Hangup));
    }
}

/// Replaces belongs into the INVITE of a new call and nowhere else (RFC 3891 section 3).
pub(super) fn check_replaces(request: &Asked<'_>) -> Result<(), Refusal<'static>> {
    let new = request.method == Method::Invite && request.facts.to_tag.is_none();
    if !new && request.frame.first(HeaderName::Replaces).is_some() {
        return Err(Refusal { reason: "Replaces Outside a New INVITE", ..Refusal::plain(400) });
    }
    Ok(())
}
