//! Maps whose keys a peer chose: a keyed 128-bit hash stands for the text, so that nobody outside can pick
//! colliding keys, and no text is kept.

use core::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::rng::Rng;

/// A keyed hash of what a peer wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Digest(u64, u64);

impl Digest {
    /// A digest that differs from it, and from others of it by their number.
    pub(crate) const fn shifted(self, number: u64) -> Self {
        Self(self.0.wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)), self.1)
    }

    /// As text that can stand in a tag.
    pub fn text(self) -> [u8; 32] {
        let bits = u128::from(self.1) << 64 | u128::from(self.0);
        let mut text = [b'0'; 32];
        for (n, place) in text.iter_mut().enumerate() {
            let digit = (bits >> (4 * n)) as u8 & 15;
            *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        text
    }

    /// Half of it as a number, as good as random.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// Makes [`Digest`]s with a key drawn from the secret stream.
#[derive(Clone, Debug)]
pub struct DigestKey(u64, u64);

impl DigestKey {
    /// A fresh key.
    pub fn new(secret: &mut Rng) -> Self {
        Self(secret.next_u64(), secret.next_u64())
    }

    /// The digest of `parts`, each told apart from the next by its length.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        let digest = hasher.finish128();
        Digest(digest.h1, digest.h2)
    }
}

/// Passes the last half of a digest on: it is uniform already.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A map from digests to `V`, without iteration: its order would not be the same in every run.
pub struct Index<V>(HashMap<Digest, V, BuildHasherDefault<Identity>>);

impl<V: Copy> Index<V> {
    /// An empty map.
    pub fn new() -> Self {
        Self(HashMap::default())
    }

    /// The value of `key`.
    pub fn get(&self, key: Digest) -> Option<V> {
        self.0.get(&key).copied()
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: Digest, value: V) {
        self.0.insert(key, value);
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: Digest) {
        self.0.remove(&key);
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V: Copy> Default for Index<V> {
    fn default() -> Self {
        Self::new()
    }
}
