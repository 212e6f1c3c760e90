//! A registration, to look at and to press.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::api::RegistrationState;
use crate::base::ids::RegistrationId;

use super::coordinator::UnifiedCoordinator;
use super::error::PeerError;
use super::shared::Shared;

/// How a registration ended, once it has.
type Outcome = Arc<OnceLock<RegistrationState>>;

/// Those that somebody has a handle of, while they live.
#[derive(Default)]
pub(crate) struct Registrations(BTreeMap<RegistrationId, Outcome>);

impl Registrations {
    /// It is over.
    pub(crate) fn over(&mut self, id: RegistrationId, state: RegistrationState) {
        if let Some(outcome) = self.0.remove(&id) {
            outcome.get_or_init(|| state);
        }
    }

    fn of(&mut self, id: RegistrationId) -> Outcome {
        Arc::clone(self.0.entry(id).or_default())
    }
}

/// A registration of ours: where it stands, and a way to press it. Clones are the same one; dropping it changes nothing.
#[derive(Clone)]
pub struct Registration {
    shared: Arc<Shared>,
    id: RegistrationId,
    outcome: Outcome,
}

impl Registration {
    /// Names it, as [`Event::Registered`](crate::api::Event::Registered) does.
    pub const fn id(&self) -> RegistrationId {
        self.id
    }

    /// Where it stands now. What happens to it is told by events as well:
    /// [`Event::Registered`](crate::api::Event::Registered), `RegistrationFailed` and, once, `Unregistered`.
    pub fn state(&self) -> RegistrationState {
        let found = self.shared.signalling(|side, now, _| side.core.registration_state(now, self.id));
        found.or_else(|| self.outcome.get().copied()).unwrap_or(RegistrationState::Unregistered)
    }

    /// Looks for the registrar and asks it now, whenever the next try would have been: for a program that knows more than we
    /// do. Without a response there is another try each second for five seconds; then the pauses of
    /// [`registration_retry_max`](crate::api::CoordinatorConfig::registration_retry_max) begin anew.
    ///
    /// # Errors
    /// [`PeerError::WrongState`] if it is over.
    pub fn retry_now(&self) -> Result<(), PeerError> {
        self.shared.signalling(|side, now, _| side.core.retry_registration(now, self.id).map_err(Into::into))
    }

    /// Ends it. A shutdown ends all of them.
    ///
    /// # Errors
    /// [`PeerError::WrongState`] if it is over.
    pub fn unregister(&self) -> Result<(), PeerError> {
        self.shared.signalling(|side, now, _| side.core.unregister(now, self.id).map_err(Into::into))
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<R> UnifiedCoordinator<R> {
    /// A registration that [`register`](Self::register) began; `None` if it is over.
    pub fn registration(&self, id: RegistrationId) -> Option<Registration> {
        let shared = self.shared();
        let outcome = shared.look(|side| {
            side.core.registry().registration(id)?;
            Some(side.registrations.of(id))
        })?;
        Some(Registration { shared: Arc::clone(shared), id, outcome })
    }

    /// The network is another, or is back: every registration is made anew at once, with the address that we have now. What
    /// the registrars had seen of the old one is forgotten.
    pub fn network_changed(&self) {
        self.shared().signalling(|side, now, _| side.core.network_changed(now));
    }
}
