//! The hashes of RFC 7616 section 3.4.

use alloc::vec::Vec;

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

/// A hash function for digests (RFC 7616, RFC 8760), the strongest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// MD5, with or without `-sess`.
    #[default]
    Md5,
    /// SHA-256, with or without `-sess`.
    Sha256,
    /// SHA-512-256, with or without `-sess`.
    Sha512_256,
}

/// The value of `algorithm`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Algorithm {
    pub(super) hash: DigestAlgorithm,
    /// `-sess`: the password is hashed together with the nonces.
    pub(super) session: bool,
}

/// What is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Qop {
    /// The challenge had no qop (RFC 2069).
    Legacy,
    /// Method and URI.
    Auth,
    /// The body as well.
    AuthInt,
}

/// All that goes into a response. Texts are those between the quotes.
pub(super) struct Proof<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) qop: Qop,
    pub(super) username: &'a str,
    pub(super) password: &'a str,
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) cnonce: &'a [u8],
    /// Eight digits.
    pub(super) nc: &'a [u8],
    pub(super) method: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) body: &'a [u8],
}

impl Algorithm {
    /// The algorithm of that name in any case; `None` if we do not know it.
    pub(super) fn parse(name: &[u8]) -> Option<Self> {
        let named = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let (hash, session) = match () {
            () if named("MD5") => (DigestAlgorithm::Md5, false),
            () if named("MD5-sess") => (DigestAlgorithm::Md5, true),
            () if named("SHA-256") => (DigestAlgorithm::Sha256, false),
            () if named("SHA-256-sess") => (DigestAlgorithm::Sha256, true),
            () if named("SHA-512-256") => (DigestAlgorithm::Sha512_256, false),
            () if named("SHA-512-256-sess") => (DigestAlgorithm::Sha512_256, true),
            () => return None,
        };
        Some(Self { hash, session })
    }
}

impl DigestAlgorithm {
    /// The hash of `parts` with colons between them, in hexadecimal.
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Md5 => hash::<Md5>(parts),
            Self::Sha256 => hash::<Sha256>(parts),
            Self::Sha512_256 => hash::<Sha512_256>(parts),
        }
    }
}

impl Proof<'_> {
    /// The value of `response` (sections 3.4.1 to 3.4.3).
    pub(super) fn response(&self) -> Vec<u8> {
        let hash = self.algorithm.hash;
        let mut ha1 = hash.of(&[self.username.as_bytes(), self.realm, self.password.as_bytes()]);
        if self.algorithm.session {
            ha1 = hash.of(&[&ha1, self.nonce, self.cnonce]);
        }
        match self.qop {
            Qop::Legacy => hash.of(&[&ha1, self.nonce, &hash.of(&[self.method, self.uri])]),
            Qop::Auth => {
                let ha2 = hash.of(&[self.method, self.uri]);
                hash.of(&[&ha1, self.nonce, self.nc, self.cnonce, b"auth", &ha2])
            }
            Qop::AuthInt => {
                let ha2 = hash.of(&[self.method, self.uri, &hash.of(&[self.body])]);
                hash.of(&[&ha1, self.nonce, self.nc, self.cnonce, b"auth-int", &ha2])
            }
        }
    }
}

fn hash<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// Octets in hexadecimal, in lower case as RFC 7616 section 3.2 wants them.
pub(super) fn hex(octets: &[u8]) -> Vec<u8> {
    let digit = |four: u8| if four < 10 { b'0' + four } else { b'a' + four - 10 };
    octets.iter().flat_map(|&octet| [digit(octet >> 4), digit(octet & 15)]).collect()
}
