//! What an application proves its name with.

use alloc::string::String;

use super::digest::DigestAlgorithm;
use crate::wire::{BadText, check_text};

/// A name and its password, for the party that they were given for and that asks for them by a digest challenge (401 or
/// 407).
///
/// A proof is something to try passwords on for whoever gets it, and anybody who is called, or calls, can ask for one. So
/// who gets one is decided by where the request that was challenged went, and by the realm:
///
/// | the request went | credentials of a realm | without a realm |
/// |---|---|---|
/// | to our registrar, as REGISTER | that realm | every realm, which is remembered as the registrar's |
/// | where the application said, by a Route or in our own domain | that realm | the realm of that party; the first that it asks in |
/// | where the application said, to somebody else | that realm | not, unless a registrar of ours is there |
/// | where a peer sent us (3xx, Refer-To, Contact), or in a call that came | that realm, to the address of a registrar or proxy of ours, and if the call came from one | the same, if the realm is known to be that party's |
/// | anywhere else | not | not |
///
/// *Our own domain* is that of a registrar or of the address-of-record. [`for_anyone`](Self::for_anyone) lifts all of this.
/// Whoever calls a server without being registered names the realm.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The name that the password belongs to.
    pub username: String,
    /// The password. It is in no debug output and in no trace.
    pub password: String,
    /// The realm that they are for. `None`: that of our registrar or proxy.
    pub realm: Option<String>,
    /// Whether they answer whoever asks, strangers as well.
    pub anyone: bool,
    /// The weakest algorithm that is answered with.
    pub least_algorithm: DigestAlgorithm,
}

impl Credentials {
    /// For the registrar or the proxy of the application, in whatever realm it asks.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            realm: None,
            anyone: false,
            least_algorithm: DigestAlgorithm::Md5,
        }
    }

    /// For this realm and no other.
    #[must_use]
    pub fn for_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// For whoever asks: in every realm, or in that of [`for_realm`](Self::for_realm). Strangers can then try passwords on
    /// what they get; it is for tests, and for networks without strangers.
    #[must_use]
    pub const fn for_anyone(mut self) -> Self {
        self.anyone = true;
        self
    }

    /// Answers no challenge with a weaker algorithm than this (RFC 8760). Without it MD5 will do, as it does for most
    /// registrars.
    #[must_use]
    pub const fn least_algorithm(mut self, least: DigestAlgorithm) -> Self {
        self.least_algorithm = least;
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
            .field("anyone", &self.anyone)
            .field("least_algorithm", &self.least_algorithm)
            .finish()
    }
}
