//! One direction between two hosts, and what it does to datagrams.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::base::rng::Rng;

const MILLION: u32 = 1_000_000;

/// How likely something is, in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(MILLION);

    /// This many times in a million; more than a million is always.
    pub const fn per_million(parts: u32) -> Self {
        Self(if parts < MILLION { parts } else { MILLION })
    }

    /// This many times in a hundred.
    pub const fn percent(parts: u32) -> Self {
        Self::per_million(parts.saturating_mul(MILLION / 100))
    }

    /// The chance as parts of a million.
    pub const fn parts(self) -> u32 {
        self.0
    }

    /// Throws the dice. They are left alone where the outcome is certain.
    pub fn happens(self, rng: &mut Rng) -> bool {
        match self.0 {
            0 => false,
            MILLION => true,
            parts => rng.next_u32() % MILLION < parts,
        }
    }
}

/// What a link does to each datagram. Without faults it delivers everything once, in order, after 10 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Link {
    /// The least time under way.
    pub latency: Duration,
    /// What each datagram may take longer, evenly spread. More than the pause between two datagrams reorders them.
    pub jitter: Duration,
    /// How many are lost.
    pub loss: Chance,
    /// How many arrive twice.
    pub duplicate: Chance,
    /// How many are held up…
    pub reorder: Chance,
    /// …and by how much at most.
    pub reorder_by: Duration,
    /// How many arrive with one octet changed.
    pub corrupt: Chance,
    /// Octets of payload that get through; larger datagrams vanish.
    pub mtu: usize,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(10),
            jitter: Duration::ZERO,
            loss: Chance::NEVER,
            duplicate: Chance::NEVER,
            reorder: Chance::NEVER,
            reorder_by: Duration::from_millis(200),
            corrupt: Chance::NEVER,
            mtu: 65_507,
        }
    }
}

impl Link {
    /// The same link with this latency.
    #[must_use]
    pub const fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// The same link with this jitter.
    #[must_use]
    pub const fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// The same link with this loss.
    #[must_use]
    pub const fn loss(mut self, loss: Chance) -> Self {
        self.loss = loss;
        self
    }

    /// The same link with this duplication.
    #[must_use]
    pub const fn duplicate(mut self, duplicate: Chance) -> Self {
        self.duplicate = duplicate;
        self
    }

    /// The same link, holding up so many by so much at most.
    #[must_use]
    pub const fn reorder(mut self, reorder: Chance, by: Duration) -> Self {
        self.reorder = reorder;
        self.reorder_by = by;
        self
    }

    /// The same link with this corruption.
    #[must_use]
    pub const fn corrupt(mut self, corrupt: Chance) -> Self {
        self.corrupt = corrupt;
        self
    }

    /// The same link with this largest datagram.
    #[must_use]
    pub const fn mtu(mut self, mtu: usize) -> Self {
        self.mtu = mtu;
        self
    }
}

/// A duration from zero to `most`.
pub(super) fn some_of(most: Duration, rng: &mut Rng) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 { Duration::ZERO } else { Duration::from_nanos(rng.next_u64() % nanos) }
}

/// The datagram with one octet changed.
pub(super) fn corrupted(payload: &Bytes, rng: &mut Rng) -> Bytes {
    let mut octets = Vec::from(payload.as_ref());
    let place = rng.next_u64() as usize % octets.len().max(1);
    if let Some(octet) = octets.get_mut(place) {
        *octet ^= 1 << (rng.next_u32() % 8);
    }
    Bytes::from(octets)
}
