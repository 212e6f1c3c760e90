//! Session timers: what requests and responses say of them, and what becomes of our refreshes (RFC 4028).

use core::time::Duration;

use super::UnifiedCoordinator;
use super::dialogs::Outcome;
use super::ingress::Refusal;
use crate::adapter::{Cause, DialogAdapter, REFRESH_LATER, min_se};
use crate::base::ids::SessionId;
use crate::session::{Input, Refresh, RefreshFault, SessionTimer, State};
use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::text::parse_leading_seconds;

/// How often a 422 may make us ask for a longer interval in one call.
const TOO_BRIEF_MAX: u8 = 3;

/// How often a refresh is put off, before another way is taken.
const REFRESH_TRIES_MAX: u8 = 10;

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
            session.refresh = Refresh::from_response(frame, session.refresh, min_se);
        }
    }

    /// Whether a 422 asks for an interval that we have not tried, which is then what we ask for.
    pub(super) fn lengthen_refresh(&mut self, id: SessionId, frame: &Frame<'_>) -> bool {
        let Some(session) = self.board.registry.session_mut(id) else { return false };
        // What nobody here asked for was put in on the way.
        let longer = match session.refresh {
            Some(refresh) => refresh.after_too_brief(frame),
            None => Refresh::least(frame),
        };
        let Some(longer) = longer else { return false };
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
            // Who has refused one UPDATE is asked otherwise.
            Some(dialog) if dialog.update_allowed && session.refresh_refused.is_none() => {
                Input::RefreshByUpdate
            }
            _ => Input::RefreshByInvite,
        };
        let active = session.state == State::Active;
        if self.expires_within(id) == Some(Duration::ZERO) {
            // The machine has stood still, and the session is over by the clock. Whether the peer is still there only
            // the refresh can tell.
            self.board.arm(id, SessionTimer::Expiry, self.board.config.timing.give_up());
        }
        if active {
            return self.feed(id, input, Cause::default());
        }
        // Most of what can be under way refreshes as well and sets the timer anew.
        self.board.arm(id, SessionTimer::Refresh, REFRESH_LATER);
    }

    /// How long the session lives without a refresh.
    fn expires_within(&self, id: SessionId) -> Option<Duration> {
        let timers = &self.board.registry.session(id)?.timers;
        let expiry = timers.get(SessionTimer::Expiry as usize).copied().flatten()?;
        Some(self.board.timers.deadline(expiry)?.saturating_since(self.board.now))
    }

    /// Nobody has refreshed. A timer that is much too late says that the machine has stood still: what the peer has said
    /// meanwhile has yet to be read.
    pub(super) fn refresh_missed(&mut self, id: SessionId, late: Duration) {
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let status = session.refresh_refused.unwrap_or(408);
        let stood_still = late >= REFRESH_LATER && session.refresh_tries < REFRESH_TRIES_MAX;
        session.refresh_tries = session.refresh_tries.saturating_add(u8::from(stood_still));
        if !stood_still && matches!(session.state, State::Active | State::Offering) {
            return self.feed(id, Input::Expired, Cause { status: Some(status), ..Cause::default() });
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
                let contacts = self.board.config.peer_contacts;
                if let Some(dialog) = self.board.registry.session(id).and_then(|session| session.dialog)
                    && let Some(dialog) = self.board.registry.dialog_mut(dialog)
                {
                    dialog.refresh_target(frame, contacts);
                }
                self.agree_refresh(id, frame);
                DialogAdapter { board: &mut self.board, session: id }.arm_refresh(true);
            }
            (422, Some((frame, _))) if self.lengthen_refresh(id, frame) => {
                self.board.arm(id, SessionTimer::Refresh, Duration::ZERO);
            }
            _ if outcome.ends_dialog() => {
                self.feed(id, Input::RxGone, Cause { status: Some(outcome.status), ..Cause::default() });
            }
            _ => {
                let pause = self.refresh_pause(outcome);
                // Whoever refuses an UPDATE for good may still take a re-INVITE (section 10).
                if let (None, Some(session)) = (pause, self.board.registry.session_mut(id)) {
                    session.refresh_refused = Some(outcome.status);
                }
                if matches!(outcome.status, 405 | 501)
                    && let Some(dialog) = self.board.registry.session(id).and_then(|session| session.dialog)
                    && let Some(dialog) = self.board.registry.dialog_mut(dialog)
                {
                    dialog.refuse_update();
                }
                self.board.arm(id, SessionTimer::Refresh, pause.unwrap_or_default());
            }
        }
    }

    /// How long to wait until the same refresh is sent again that was refused for the moment: after glare, and where
    /// Retry-After names a time at which the session still lives. `None` if it was refused for good.
    pub(super) fn refresh_pause(&mut self, outcome: &Outcome<'_>) -> Option<Duration> {
        let id = outcome.session;
        let left = self.expires_within(id)?;
        let after = outcome.response.and_then(|(frame, _)| frame.first(HeaderName::RetryAfter));
        let after = after.and_then(parse_leading_seconds);
        let pause = match (outcome.status, after) {
            (491, _) => DialogAdapter { board: &mut self.board, session: id }.glare_pause(),
            (_, Some(seconds)) => Duration::from_secs(seconds.into()),
            _ => return None,
        };
        let session = self.board.registry.session_mut(id)?;
        session.refresh_tries = session.refresh_tries.saturating_add(1);
        Some(pause).filter(|&pause| pause < left && session.refresh_tries <= REFRESH_TRIES_MAX)
    }
}
