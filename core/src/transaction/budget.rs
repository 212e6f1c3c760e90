//! What transactions keep: so many of them, so many octets, and of both no source more than its share.

use super::layer::TransactionCounters;
use super::layer::count;
use crate::base::index::Digest;
use crate::base::shares::{Held, is_within_share};

/// Bounds of a [`TransactionLayer`](super::TransactionLayer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Transactions at a time. Requests of peers may take seven eighths: what is left lets us still send when they flood us.
    pub transactions_max: usize,
    /// Octets that all of them keep, of which peers may again cause seven eighths.
    pub octets_max: usize,
    /// How much of what it leaves free one source may take, in percent.
    pub source_share_percent: u8,
}

/// Why there is no room for a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Shortage {
    /// There are as many as there may be.
    Number,
    /// They keep as many octets as they may.
    Octets,
    /// Its source has its share of either.
    Share,
}

/// Transactions that a source may have however little is free.
const ALWAYS: u32 = 16;
/// Octets that they may keep.
const ALWAYS_OCTETS: u64 = 65_536;

/// What the transactions keep that one source has caused.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Holding {
    pub(crate) count: u32,
    pub(crate) octets: u64,
}

/// The part of `room` that requests of peers may take.
const fn for_peers(room: usize) -> usize {
    room - room / 8
}

/// What is used up.
pub(crate) struct Budget {
    pub(crate) octets: usize,
    pub(crate) octets_max: usize,
    pub(crate) servers_max: usize,
    percent: u64,
    pub(crate) held: Held<Holding>,
}

impl Budget {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            octets: 0,
            octets_max: room.octets_max,
            servers_max: for_peers(room.transactions_max),
            percent: room.source_share_percent.into(),
            held: Held::new(),
        }
    }

    /// Whether `source`, if a share is kept of it, may cause one more beside `servers` others, which will keep `octets`.
    pub(crate) fn check(
        &self,
        source: Option<Digest>,
        servers: usize,
        octets: usize,
    ) -> Result<(), Shortage> {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let Some(free) = self.servers_max.checked_sub(servers).filter(|&free| free > 0) else {
            return Err(Shortage::Number);
        };
        let free_octets = for_peers(self.octets_max).saturating_sub(self.octets);
        if octets > free_octets {
            return Err(Shortage::Octets);
        }
        let Some(source) = source else { return Ok(()) };
        let Holding { count, octets: held } = self.held.of(source);
        let octets = wide(octets);
        let fits = (count < ALWAYS || is_within_share(count.into(), 1, wide(free), self.percent))
            && (held.saturating_add(octets) <= ALWAYS_OCTETS
                || is_within_share(held, octets, wide(free_octets), self.percent));
        if fits { Ok(()) } else { Err(Shortage::Share) }
    }

    /// A transaction keeps `now` octets instead of `before`.
    pub(crate) fn recharge(&mut self, source: Option<Digest>, before: usize, now: usize) {
        self.octets = self.octets.saturating_sub(before).saturating_add(now);
        if let Some(source) = source {
            self.held.change(source, |held| held.recharge(before, now));
        }
    }

    /// One transaction more, which keeps `octets`.
    pub(crate) fn charge(&mut self, source: Option<Digest>, octets: usize) {
        self.octets = self.octets.saturating_add(octets);
        if let Some(source) = source {
            self.held.change(source, |held| {
                held.count = held.count.saturating_add(1);
                held.recharge(0, octets);
            });
        }
    }

    /// A transaction that kept `octets` is over.
    pub(crate) fn release(&mut self, source: Option<Digest>, octets: usize) {
        self.octets = self.octets.saturating_sub(octets);
        if let Some(source) = source {
            self.held.change(source, |held| {
                held.count = held.count.saturating_sub(1);
                held.recharge(octets, 0);
            });
        }
    }
}

impl Holding {
    fn recharge(&mut self, before: usize, now: usize) {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.octets = self.octets.saturating_sub(wide(before)).saturating_add(wide(now));
    }
}

impl Shortage {
    pub(crate) fn count(self, counters: &mut TransactionCounters) {
        count(match self {
            Self::Number => &mut counters.full,
            Self::Octets => &mut counters.octets_full,
            Self::Share => &mut counters.share_full,
        });
    }
}
