//! Commands that bring header fields of the application along: `X-Account`, `Reason`, `P-Asserted-Identity`, what not.
//! [`HeaderList`] says which are refused.

use super::UnifiedCoordinator;
use super::commands::check_headers;
use crate::adapter::Cause;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::session::Input;
use crate::signaling::CommandError;
use crate::wire::HeaderList;

impl UnifiedCoordinator {
    /// [`ring`](Self::ring) with header fields for the 180.
    pub fn ring_with(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Ring { session, headers: headers.into() }));
        self.advance(now);
        self.ring_now(session, check_headers(headers)?)
    }

    /// [`answer`](Self::answer) with header fields for the 200.
    pub fn answer_with(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Answer { session, headers: headers.into() }));
        self.advance(now);
        self.answer_now(session, check_headers(headers)?)
    }

    /// [`reject`](Self::reject) with header fields for the refusal, such as `Retry-After` or `Reason`.
    pub fn reject_with(
        &mut self,
        now: Instant,
        session: SessionId,
        status: u16,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Reject { session, status, headers: headers.into() }));
        self.advance(now);
        self.reject_now(session, status, check_headers(headers)?)
    }

    /// [`hangup`](Self::hangup) with header fields for the CANCEL, the BYE or the refusal, whichever it takes: a `Reason`
    /// such as `Q.850;cause=16` or `SIP;cause=200;text="answered elsewhere"` (RFC 3326).
    pub fn hangup_with(
        &mut self,
        now: Instant,
        session: SessionId,
        headers: &[(&str, &str)],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Hangup { session, headers: headers.into() }));
        self.advance(now);
        self.hangup_now(session, check_headers(headers)?)
    }

    pub(super) fn ring_now(
        &mut self,
        session: SessionId,
        headers: HeaderList<'_>,
    ) -> Result<(), CommandError> {
        self.step(session, Input::Ring, Cause { headers, ..Cause::default() })
    }

    pub(super) fn hangup_now(
        &mut self,
        session: SessionId,
        headers: HeaderList<'_>,
    ) -> Result<(), CommandError> {
        if !headers.is_empty()
            && let Some(session) = self.board.registry.session_mut(session)
        {
            // The BYE may have to wait for the ACK, the CANCEL for a provisional response.
            session.parting = Some(headers.lines().as_ref().into());
        }
        self.step(session, Input::Hangup, Cause { headers, ..Cause::default() })
    }
}
