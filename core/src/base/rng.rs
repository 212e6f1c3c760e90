//! Seeded randomness: one seed, two streams.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// A deterministic generator. Two streams from one seed never overlap, so that values which appear on the
/// wire (tags, branches, SSRCs) tell nothing about those which must stay secret (hash keys, token nonces).
#[derive(Clone, Debug)]
pub struct Rng(ChaCha12Rng);

impl Rng {
    /// The stream for values that peers will see.
    pub fn wire(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        rng.set_stream(1);
        Self(rng)
    }

    /// The stream for values that never leave the process.
    pub fn secret(seed: [u8; 32]) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        rng.set_stream(2);
        Self(rng)
    }

    /// 32 uniform bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A seed for a machine of its own, drawn from this stream.
    pub fn next_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}
