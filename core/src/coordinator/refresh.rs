//! Session timers: what requests and responses say of them, and what becomes of our refreshes (RFC 4028).

use core::time::Duration;

use super::UnifiedCoordinator;
use super::dialogs::Outcome;
use super::ingress::Refusal;
use crate::adapter::{Cause, DialogAdapter, min_se};
use crate::base::ids::SessionId;
use crate::session::{Input, Refresh, RefreshFault, SessionTimer, State};
use crate::wire::frame::Frame;

/// How often a 422 may make us ask for a longer interval in one call.
const TOO_BRIEF_MAX: u8 = 3;

/// A refresh that is due while something else is under way waits this long.
const REFRESH_LATER: Duration = Duration::from_secs(5);

impl UnifiedCoordinator {
    /// What follows from the Session-Expires of a request (section 9).
    pub(super) fn read_refresh(&self, frame: &Frame<'_>) -> Result<Option<Refresh>, Refusal<'static>> {
        let config = &self.board.config;
        Refresh::from_request(frame, config.session_expires, config.min_se).map_err(|fault| match fault {
            RefreshFault::Malformed => Refusal { reason: "Bad Session-Expires", ..Refusal::plain(400) },
            RefreshFault::TooBrief => {
                let wanted = u32::try_from(config.min_se.as_secs()).unwrap_or(u32::MAX);
                let least = Refresh::wanted(config.min_se, wanted);
                Refusal::with(422, "Min-SE", min_se(&least).to_vec())
            }
        })
    }

    /// What the 2xx to a request of ours says about refreshing.
    pub(super) fn agree_refresh(&mut self, session: SessionId, frame: &Frame<'_>) {
        let floor = u32::try_from(self.board.config.min_se.as_secs()).unwrap_or(u32::MAX);
        if let Some(session) = self.board.registry.session_mut(session) {
            let min_se = session.refresh.map_or(floor, |refresh| refresh.min_se);
            session.refresh = Refresh::from_response(frame, min_se);
        }
    }

    /// Whether a 422 asks for an interval that we have not tried, which is then what we ask for.
    pub(super) fn lengthen_refresh(&mut self, id: SessionId, frame: &Frame<'_>) -> bool {
        let Some(session) = self.board.registry.session_mut(id) else { return false };
        let Some(longer) = session.refresh.and_then(|refresh| refresh.after_too_brief(frame)) else {
            return false;
        };
        if session.too_brief >= TOO_BRIEF_MAX {
            return false;
        }
        session.too_brief += 1;
        session.refresh = Some(longer);
        true
    }

    /// Time to refresh.
    pub(super) fn refresh_due(&mut self, id: SessionId) {
        let Some(session) = self.board.registry.session(id) else { return };
        let dialog = session.dialog.and_then(|dialog| self.board.registry.dialog(dialog));
        let input = match dialog {
            Some(dialog) if dialog.update_allowed => Input::RefreshByUpdate,
            _ => Input::RefreshByInvite,
        };
        if session.state == State::Active {
            return self.feed(id, input, Cause::default());
        }
        // Most of what can be under way refreshes as well and sets the timer anew.
        self.board.arm(id, SessionTimer::Refresh, REFRESH_LATER);
    }

    /// Nobody has refreshed.
    pub(super) fn refresh_missed(&mut self, id: SessionId) {
        let state = self.session_state(id);
        if matches!(state, Some(State::Active | State::Offering)) {
            return self.feed(id, Input::Expired, Cause { status: Some(408), ..Cause::default() });
        }
        self.board.arm(id, SessionTimer::Expiry, REFRESH_LATER);
    }

    /// Our UPDATE that was to refresh the session has its outcome. Whatever it is, an expired session ends by its timer.
    pub(super) fn refresh_over(&mut self, outcome: &Outcome<'_>) {
        let id = outcome.session;
        if !self.session_state(id).is_some_and(State::is_up) {
            return;
        }
        match (outcome.status, outcome.response) {
            (200..=299, Some((frame, _))) => {
                if let Some(dialog) = self.board.registry.session(id).and_then(|session| session.dialog)
                    && let Some(dialog) = self.board.registry.dialog_mut(dialog)
                {
                    dialog.refresh_target(frame);
                }
                self.agree_refresh(id, frame);
                DialogAdapter { board: &mut self.board, session: id }.arm_refresh(true);
            }
            (422, Some((frame, _))) if self.lengthen_refresh(id, frame) => {
                self.board.arm(id, SessionTimer::Refresh, Duration::ZERO);
            }
            (491 | 500, _) => {
                let pause = DialogAdapter { board: &mut self.board, session: id }.glare_pause();
                self.board.arm(id, SessionTimer::Refresh, pause);
            }
            _ if outcome.ends_dialog() => {
                self.feed(id, Input::RxGone, Cause { status: Some(outcome.status), ..Cause::default() });
            }
            // UPDATE is not understood after all: the next try is a re-INVITE.
            (405 | 501, _) => {
                if let Some(dialog) = self.board.registry.session(id).and_then(|session| session.dialog)
                    && let Some(dialog) = self.board.registry.dialog_mut(dialog)
                {
                    dialog.update_allowed = false;
                }
                self.board.arm(id, SessionTimer::Refresh, Duration::ZERO);
            }
            _ => {}
        }
    }
}
