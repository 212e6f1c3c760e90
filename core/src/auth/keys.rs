//! Who holds the passwords.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::credentials::Credentials;
use super::digest::{DigestAlgorithm, Proof};
use super::failure::AuthFailure;
use super::parties::{Match, Trust, may_have};

/// The application's credentials, and all that is ever computed of them.
///
/// A trace holds no password. It holds what was computed, like the decisions of a handler, and a replay takes that in place
/// of computing.
#[derive(Default)]
pub(crate) struct Keys {
    credentials: Vec<Credentials>,
    /// What was computed since the recorder asked last, if there is one.
    noted: Option<Vec<Vec<u8>>>,
    /// In a replay: what to say.
    script: Option<VecDeque<Vec<u8>>>,
}

impl Keys {
    pub(crate) fn new(credentials: Vec<Credentials>) -> Self {
        Self { credentials, noted: None, script: None }
    }

    /// Whether there is nothing to prove anything with.
    pub(crate) fn is_empty(&self) -> bool {
        self.credentials.is_empty()
    }

    /// Which credentials are for `realm`, as a text and at a place: those that name it before those that do not.
    pub(super) fn find(&self, realm: &str, trust: Trust, at: Match) -> Result<usize, AuthFailure> {
        let fits = self.credentials.iter().enumerate();
        let fits = fits.filter_map(|(n, each)| Some((each.fit(realm)?, n, may_have(each, trust, at))));
        let best = fits.reduce(|best, next| if (next.2, next.0) > (best.2, best.0) { next } else { best });
        match best {
            Some((_, n, true)) => Ok(n),
            Some((_, _, false)) => Err(AuthFailure::Withheld { realm: realm.into() }),
            None => Err(AuthFailure::Missing { realm: realm.into() }),
        }
    }

    /// The weakest algorithm that the credentials with number `n` are proven with.
    pub(super) fn least(&self, n: usize) -> DigestAlgorithm {
        self.credentials.get(n).map_or(DigestAlgorithm::Sha512_256, |each| each.least_algorithm)
    }

    pub(super) fn username(&self, n: usize) -> &str {
        self.credentials.get(n).map_or("", |each| &each.username)
    }

    /// The value of `response` for the credentials with number `n`; their name and password are put in here.
    pub(super) fn respond(&mut self, n: usize, proof: Proof<'_>) -> Vec<u8> {
        let response = match &mut self.script {
            Some(script) => script.pop_front().unwrap_or_default(),
            None => {
                let each = self.credentials.get(n);
                let username = each.map_or("", |each| &each.username);
                let password = each.map_or("", |each| &each.password);
                Proof { username, password, ..proof }.response()
            }
        };
        if let Some(noted) = &mut self.noted {
            noted.push(response.clone());
        }
        response
    }

    /// From now on remembers what is computed.
    #[cfg(feature = "trace")]
    pub(crate) fn note(&mut self) {
        self.noted = Some(Vec::new());
    }

    /// What was computed since the last time.
    #[cfg(feature = "trace")]
    pub(crate) fn take_noted(&mut self) -> Vec<Vec<u8>> {
        self.noted.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// From now on says what it is told, one after another.
    #[cfg(feature = "trace")]
    pub(crate) fn follow(&mut self, script: VecDeque<Vec<u8>>) {
        self.script = Some(script);
    }
}
