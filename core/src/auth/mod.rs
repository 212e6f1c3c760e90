//! Digest authentication as a client (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! [`Credentials`] are what the application has. A [`Realms`] is what one call, subscription, registration or request has
//! been asked for so far: for each realm, and whether a proxy or the far end asked, the challenge that holds. [`Keys`]
//! computes what proves the knowledge of a password; nothing else ever sees one. [`Parties`] are whom credentials are given
//! for: a proof goes where its challenge came from, and only there.

mod challenge;
mod credentials;
mod digest;
mod failure;
mod keys;
mod parties;
mod realms;
#[cfg(test)]
mod tests;

pub use credentials::Credentials;
pub use digest::DigestAlgorithm;
pub use failure::AuthFailure;
pub(crate) use keys::Keys;
pub(crate) use parties::{Origin, Parties, Trust};
pub(crate) use realms::{Asker, Chain, Realms};
