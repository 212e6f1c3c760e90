//! Commands by the name of a session, for whoever follows the events of a coordinator and has no handle at hand.

use crate::api::Modification;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator as Core;
use crate::sdp::plan::Direction;
use crate::signaling::CommandError;

use super::coordinator::UnifiedCoordinator;
use super::dialing::full_uri;
use super::error::PeerError;

/// Each returns at once, and what comes of it is told by [`events`](Self::events). The methods of
/// [`Call`](super::Call) do the same and wait for the outcome.
impl<R> UnifiedCoordinator<R> {
    /// Holds a call, as [`Call::hold`](super::Call::hold).
    pub fn hold(&self, session: SessionId) -> Result<(), PeerError> {
        self.change(session, Some(true), Modification::direction(Direction::SendOnly))
    }

    /// Takes the other side of a held call back.
    pub fn resume(&self, session: SessionId) -> Result<(), PeerError> {
        self.change(session, Some(false), Modification::direction(Direction::SendRecv))
    }

    /// Changes which way audio flows, or the codecs.
    pub fn modify(&self, session: SessionId, change: Modification) -> Result<(), PeerError> {
        self.change(session, None, change)
    }

    /// Lets the other side call `target` in our place.
    pub fn transfer(&self, session: SessionId, target: &str) -> Result<(), PeerError> {
        self.command(|core, now| core.transfer(now, session, &full_uri(target)))
    }

    /// Connects the other sides of two calls with each other.
    pub fn transfer_to(&self, session: SessionId, other: SessionId) -> Result<(), PeerError> {
        self.command(|core, now| core.transfer_to(now, session, other))
    }

    /// Presses keys.
    pub fn send_dtmf(&self, session: SessionId, digits: &str) -> Result<(), PeerError> {
        self.command(|core, now| core.send_dtmf(now, session, digits))
    }

    /// Ends a call, whatever that takes.
    pub fn hangup(&self, session: SessionId) -> Result<(), PeerError> {
        self.command(|core, now| core.hangup(now, session))
    }

    fn change(&self, session: SessionId, hold: Option<bool>, change: Modification) -> Result<(), PeerError> {
        let shared = self.shared();
        shared.signalling(|side, now, _| side.change_media(shared, now, session, hold, change)).map(drop)
    }

    fn command(
        &self,
        ask: impl FnOnce(&mut Core, Instant) -> Result<(), CommandError>,
    ) -> Result<(), PeerError> {
        self.shared().signalling(|side, now, _| ask(&mut side.core, now)).map_err(PeerError::from)
    }
}
