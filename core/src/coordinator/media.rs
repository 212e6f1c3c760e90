//! What the media side has seen of the peer.

use core::net::IpAddr;
use core::time::Duration;

use super::UnifiedCoordinator;
use crate::api::{EndReason, Event, Output};
use crate::base::ids::SessionId;
use crate::media::{MediaCommand, MediaSessionId};
use crate::session::Role;
use crate::wire::HeaderList;

/// Why we hang up on somebody who sends nothing (RFC 3326).
const NO_MEDIA: &[(&str, &str)] = &[("Reason", "SIP;cause=408;text=\"No Media\"")];

impl UnifiedCoordinator {
    /// Before the answer it is no news that nothing comes.
    fn up(&self, media: MediaSessionId) -> Option<SessionId> {
        let registry = &self.board.registry;
        let id = registry.session_of_media(media)?;
        registry.session(id).filter(|session| session.state.is_up()).map(|_| id)
    }

    pub(super) fn tell_key(&mut self, media: MediaSessionId, digit: char, duration_ms: u32) {
        let registry = &self.board.registry;
        let Some(session) = registry.session_of_media(media) else { return };
        let Some(tag) = registry.session(session).map(|session| session.tag) else { return };
        let event = Event::Dtmf { session, tag, digit, duration_ms, by_info: false };
        self.board.outbox.push_back(Output::Event(event));
    }

    pub(super) fn tell_silent(&mut self, media: MediaSessionId, for_ms: Option<u32>) {
        let Some(session) = self.up(media) else { return };
        let Some(tag) = self.board.registry.session(session).map(|session| session.tag) else { return };
        self.board.outbox.push_back(Output::Event(Event::MediaSilent { session, tag, for_ms }));
    }

    /// Nobody is there any more, or nothing can reach us. A silence that is longer than the call is none of the call: while
    /// it rang nobody had to send.
    pub(super) fn media_timed_out(&mut self, media: MediaSessionId, for_ms: u32) {
        let Some(id) = self.up(media) else { return };
        let now = self.board.now;
        let Some(session) = self.board.registry.session_mut(id) else { return };
        let lasted = session.answered.map(|answered| now.saturating_since(answered));
        if lasted.is_none_or(|lasted| lasted < Duration::from_millis(for_ms.into())) {
            return;
        }
        session.end.get_or_insert(EndReason::MediaTimeout);
        self.tell_silent(media, Some(for_ms));
        if let Err(error) = HeaderList::new(NO_MEDIA).map(|headers| self.hangup_now(id, headers)) {
            tracing::debug!(session = %id, ?error, "cannot hang up");
        }
    }

    /// Media go to an address from which none has come. Whoever takes part in the signalling from there wants them.
    pub(super) fn vouch(&mut self, media: MediaSessionId, ip: IpAddr) {
        let registry = &self.board.registry;
        let Some(session) = registry.session_of_media(media).and_then(|id| registry.session(id)) else {
            return;
        };
        // Whom we call has answered to a branch that nobody else has seen. Where its Contact leads somebody has yet to answer.
        let called = session.dialog.filter(|_| session.role == Role::Uac);
        let called = called.and_then(|dialog| registry.dialog(dialog)).is_some_and(|it| it.was_at(ip));
        let proven = session.proven.is_some_and(|it| it.to_canonical() == ip.to_canonical());
        if proven || called {
            self.board.outbox.push_back(Output::Media(MediaCommand::Vouch { media, ip }));
        }
    }
}
