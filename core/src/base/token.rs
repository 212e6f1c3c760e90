//! Text that carries a key: what we mint finds its owner again without a map.

use super::slab::RawKey;

/// A slab key and a nonce that only we know. As text it is 26 characters of base 32, so that it can stand in a
/// tag or a branch; guessing a valid one means guessing 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// Whose token this is.
    pub key: RawKey,
    /// Secret until sent, never reused.
    pub nonce: u64,
}

/// Characters of a token as text.
pub const TOKEN_LEN: usize = 26;

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl Token {
    /// The token as text.
    pub fn encode(self) -> [u8; TOKEN_LEN] {
        let high = (u64::from(self.key.slot()) << 32) | u64::from(self.key.generation());
        let mut bits = (u128::from(high) << 64) | u128::from(self.nonce);
        let mut text = [b'a'; TOKEN_LEN];
        for place in text.iter_mut().rev() {
            if let Some(&digit) = DIGITS.get((bits & 31) as usize) {
                *place = digit;
            }
            bits >>= 5;
        }
        text
    }

    /// Reads a token back; `None` for any text that [`encode`](Self::encode) did not write.
    pub fn decode(text: &[u8]) -> Option<Self> {
        if text.len() != TOKEN_LEN {
            return None;
        }
        let mut bits = 0_u128;
        for &byte in text {
            let digit = match byte {
                b'a'..=b'z' => byte - b'a',
                b'2'..=b'7' => byte - b'2' + 26,
                _ => return None,
            };
            if bits >> 123 != 0 {
                return None;
            }
            bits = (bits << 5) | u128::from(digit);
        }
        let high = (bits >> 64) as u64;
        let key = RawKey::from_parts((high >> 32) as u32, high as u32)?;
        Some(Self { key, nonce: bits as u64 })
    }
}
