//! Commands by the name of a session, for whoever follows the events of a coordinator and has no handle at hand.

use std::net::IpAddr;
use std::time::Duration;

use crate::api::{Modification, SubscriptionState};
use crate::base::ids::{RegistrationId, SessionId, SubscriptionId};
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator as Core;
use crate::sdp::plan::Direction;
use crate::signaling::CommandError;

use super::coordinator::UnifiedCoordinator;
use super::dialing::{called_uri, full_uri};
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
        self.command(|core, now| core.transfer(now, session, &called_uri(target)))
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

    /// Subscribes to `event` of `target` (SUBSCRIBE), and refreshes that until
    /// [`unsubscribe`](Self::unsubscribe). What happens is told by [`Event::Subscribed`](crate::api::Event::Subscribed),
    /// `Notified` and, once, `SubscriptionEnded`.
    pub fn subscribe(
        &self,
        target: &str,
        event: &str,
        expires: Duration,
    ) -> Result<SubscriptionId, PeerError> {
        self.command(|core, now| core.subscribe(now, &called_uri(target), event, expires))
    }

    /// Ends a subscription of ours. A last notification may still come.
    pub fn unsubscribe(&self, subscription: SubscriptionId) -> Result<(), PeerError> {
        self.command(|core, now| core.unsubscribe(now, subscription))
    }

    /// Accepts what [`Event::SubscriptionRequested`](crate::api::Event::SubscriptionRequested) asks for, with the type and
    /// the body of the first notification if there is something to tell. Others can subscribe to what
    /// [`event_packages`](crate::api::CoordinatorConfig::event_packages) names.
    pub fn accept_subscription(
        &self,
        subscription: SubscriptionId,
        body: Option<(&str, &[u8])>,
    ) -> Result<(), PeerError> {
        self.command(|core, now| core.accept_subscription(now, subscription, body))
    }

    /// Refuses it, with a status from 300 to 699.
    pub fn reject_subscription(&self, subscription: SubscriptionId, status: u16) -> Result<(), PeerError> {
        self.command(|core, now| core.reject_subscription(now, subscription, status))
    }

    /// Tells a subscriber what is new (NOTIFY).
    pub fn notify(
        &self,
        subscription: SubscriptionId,
        state: &SubscriptionState,
        content_type: &str,
        body: &[u8],
    ) -> Result<(), PeerError> {
        self.command(|core, now| core.notify(now, subscription, state, content_type, body))
    }

    /// Registers our address at a registrar, `alice@example.com` say, and keeps it registered for `expires` at a time. What
    /// happens is told by [`Event::Registered`](crate::api::Event::Registered), `RegistrationFailed` and, once,
    /// `Unregistered`. [`SimplePeer::register`](super::SimplePeer::register) does the same and waits.
    pub fn register(&self, registrar: &str, expires: Duration) -> Result<RegistrationId, PeerError> {
        self.command(|core, now| core.register(now, &full_uri(registrar), expires))
    }

    /// Ends a registration. A shutdown ends all of them.
    pub fn unregister(&self, registration: RegistrationId) -> Result<(), PeerError> {
        self.command(|core, now| core.unregister(now, registration))
    }

    /// Trusts whoever sends from this address: no limit for one source holds for it until
    /// [`distrust_source`](Self::distrust_source) has been called as often. For those who have proved who they are; the
    /// settings have [`trusted_source`](super::Config::trusted_source).
    ///
    /// # Errors
    /// [`PeerError::Full`] if [`trusted_sources_max`](crate::api::Limits::trusted_sources_max) are trusted already.
    pub fn trust_source(&self, source: IpAddr) -> Result<(), PeerError> {
        self.command(|core, now| core.trust_source(now, source))
    }

    /// Takes one [`trust_source`](Self::trust_source) back.
    pub fn distrust_source(&self, source: IpAddr) {
        self.shared().signalling(|side, now, _| side.core.distrust_source(now, source));
    }

    fn change(&self, session: SessionId, hold: Option<bool>, change: Modification) -> Result<(), PeerError> {
        let shared = self.shared();
        shared.signalling(|side, now, _| side.change_media(shared, now, session, hold, change)).map(drop)
    }

    fn command<T>(
        &self,
        ask: impl FnOnce(&mut Core, Instant) -> Result<T, CommandError>,
    ) -> Result<T, PeerError> {
        self.shared().signalling(|side, now, _| ask(&mut side.core, now)).map_err(PeerError::from)
    }
}
