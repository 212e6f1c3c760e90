//! How a message finds its transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use core::fmt;

use super::layer::TransactionId;
use crate::base::index::{Digest, DigestKey};
use crate::base::slab::{Key as _, RawKey};
use crate::wire::text::{base32, parse_base32};
use crate::wire::{Facts, Method, Via};

/// What every branch of RFC 3261 begins with (section 8.1.1.7).
const COOKIE: &[u8] = b"z9hG4bK";
const WORD: usize = 13;
const LENGTH: usize = COOKIE.len() + 2 * WORD;

/// A branch of ours: it names the slot of its client transaction and proves with 64 random bits that whoever
/// repeats it has seen the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Branch([u8; LENGTH]);

impl Branch {
    pub(crate) fn new(tx: TransactionId, nonce: u64) -> Self {
        Self::from_words(u64::from(tx.raw().slot()) << 32 | u64::from(tx.raw().generation()), nonce)
    }

    /// A branch without a transaction: no slab hands out generation zero.
    pub(crate) fn stateless(word: u32, nonce: u64) -> Self {
        Self::from_words(u64::from(word) << 32, nonce)
    }

    fn from_words(place: u64, nonce: u64) -> Self {
        let mut text = [0; LENGTH];
        let parts = COOKIE.iter().copied().chain(base32(place)).chain(base32(nonce));
        for (octet, part) in text.iter_mut().zip(parts) {
            *octet = part;
        }
        Self(text)
    }

    /// The branch as it stands in the Via header.
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The transaction and the nonce that `text` carries, if it is a branch of ours.
    pub(crate) fn parse(text: &[u8]) -> Option<(TransactionId, u64)> {
        let (cookie, words) = text.split_at_checked(COOKIE.len())?;
        let (place, nonce) = words.split_at_checked(WORD)?;
        if !cookie.eq_ignore_ascii_case(COOKIE) || nonce.len() != WORD {
            return None;
        }
        let (place, nonce) = (parse_base32(place)?, parse_base32(nonce)?);
        let raw = RawKey::from_parts((place >> 32) as u32, place as u32)?;
        Some((TransactionId::from_raw(raw), nonce))
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the branch is unique by the rules of RFC 3261; without the cookie it says nothing (section 17.2.3).
pub(crate) fn has_cookie(via: &Via<'_>) -> bool {
    let cookie = via.branch.and_then(|branch| branch.get(..COOKIE.len()));
    cookie.is_some_and(|cookie| cookie.eq_ignore_ascii_case(COOKIE))
}

/// What a request has to find its server transaction with (section 17.2.3).
#[derive(Clone, Copy)]
pub(crate) struct RequestKey<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) uri: &'a [u8],
}

impl RequestKey<'_> {
    /// The key under which the request of `method` with this branch, or these headers, is kept.
    ///
    /// `to_tag` counts for peers of RFC 2543 only.
    pub(crate) fn digest(&self, digests: &DigestKey, method: &[u8], to_tag: Option<&[u8]>) -> Digest {
        let via = &self.facts.via;
        match via.branch {
            Some(branch) if has_cookie(via) => {
                let mut lower = [0; 255];
                let host = lowercase(via.host, &mut lower);
                let port = via.port.unwrap_or(5060).to_be_bytes();
                digests.digest(&[b"3261", branch, host, &port, method])
            }
            _ => digests.digest(&[
                b"2543",
                via.raw,
                self.uri,
                self.facts.call_id,
                &self.facts.cseq.to_be_bytes(),
                self.facts.from_tag.unwrap_or_default(),
                to_tag.unwrap_or_default(),
                method,
            ]),
        }
    }

    /// The key of the INVITE that this CANCEL or ACK belongs to.
    pub(crate) fn invite(&self, digests: &DigestKey, to_tag: Option<&[u8]>) -> Digest {
        self.digest(digests, Method::Invite.as_str().as_bytes(), to_tag)
    }
}

/// `host` in lower case: names are equal whatever their case. What is too long for a name stays as it is.
fn lowercase<'a>(host: &'a [u8], room: &'a mut [u8; 255]) -> &'a [u8] {
    let Some(lower) = room.get_mut(..host.len()) else {
        return host;
    };
    lower.copy_from_slice(host);
    lower.make_ascii_lowercase();
    lower
}
