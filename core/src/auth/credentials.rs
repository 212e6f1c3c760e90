//! What an application proves its name with.

use alloc::string::String;

use crate::wire::{BadText, check_text};

/// A name and its password, for whoever asks for them by a digest challenge (401 or 407).
///
/// Give them a [`realm`](Self::realm) where it is known: without one they answer every challenge, and whoever is called can
/// ask for proofs to try passwords on.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The name that the password belongs to.
    pub username: String,
    /// The password. It is in no debug output and in no trace.
    pub password: String,
    /// The realm that they are for; `None` is every one.
    pub realm: Option<String>,
}

impl Credentials {
    /// For every realm that asks.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: password.into(), realm: None }
    }

    /// For this realm and no other.
    #[must_use]
    pub fn for_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Looks for what could not be sent: CR, LF or NUL.
    pub(crate) fn check(&self) -> Result<(), BadText> {
        check_text(&self.username)?;
        check_text(&self.password)?;
        check_text(self.realm.as_deref().unwrap_or_default())
    }

    /// Whether they are for `realm`; the more certain, the higher.
    pub(super) fn fit(&self, realm: &str) -> Option<u8> {
        match &self.realm {
            Some(own) if own == realm => Some(2),
            Some(_) => None,
            None => Some(1),
        }
    }
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &"...")
            .field("realm", &self.realm)
            .finish()
    }
}
