//! Text that carries a key: what we mint finds its owner again without a map.

use super::text::{base32, parse_base32};
use crate::base::slab::RawKey;

/// A slab key and a nonce that only we know. As text it is 26 characters of base 32, so that it can stand in a
/// tag (RFC 3261 section 19.3); guessing a valid one means guessing 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// Whose token this is.
    pub key: RawKey,
    /// Secret until sent, never reused.
    pub nonce: u64,
}

/// Characters of a token as text.
pub const TOKEN_LEN: usize = 26;

/// Characters of half a token.
const HALF: usize = TOKEN_LEN / 2;

impl Token {
    /// The token as text.
    pub fn encode(self) -> [u8; TOKEN_LEN] {
        let place = (u64::from(self.key.slot()) << 32) | u64::from(self.key.generation());
        let mut text = [0; TOKEN_LEN];
        let digits = base32(place).into_iter().chain(base32(self.nonce));
        for (octet, digit) in text.iter_mut().zip(digits) {
            *octet = digit;
        }
        text
    }

    /// Whose token this is, if it is one: whoever has kept it compares all of it.
    pub(crate) fn key_of(text: &[u8]) -> Option<RawKey> {
        if text.len() != TOKEN_LEN {
            return None;
        }
        let place = parse_base32(text.get(..HALF)?)?;
        RawKey::from_parts((place >> 32) as u32, place as u32)
    }

    /// Reads a token back; `None` for any text that [`encode`](Self::encode) did not write.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let key = Self::key_of(text)?;
        Some(Self { key, nonce: parse_base32(text.get(HALF..)?)? })
    }
}
