//! What transactions keep: so many of them, so many octets, and of both no source more than its share. When that is used up, who is
//! in a dialog with us still has a reserve, which is the dialog's: it is as large as what a source may have in any case.

use super::layer::TransactionCounters;
use super::layer::count;
use crate::base::index::Digest;
use crate::base::shares::{Held, is_within_share};

/// Bounds of a [`TransactionLayer`](super::TransactionLayer).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Transactions at a time. Requests of peers may take seven eighths, and those within a dialog a sixteenth more: what is left lets
    /// us still send when they flood us.
    pub transactions_max: usize,
    /// Octets that all of them keep, of which peers may again cause seven eighths, and a sixteenth.
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

/// Transactions that a source may have however little is free, and a dialog beside those that count in the share of its source.
const ALWAYS: u32 = 16;
/// Octets that they may keep.
const ALWAYS_OCTETS: u64 = 65_536;

/// Octets of a request of ours that is yet to be written, with what its transaction keeps beside it: most are smaller.
const ASKED: usize = 1_536;

/// Who causes a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Causer {
    /// Whose share it counts in; `None` if no share is kept of the sender.
    pub source: Option<Digest>,
    /// The dialog or subscription that it belongs to, which is there: what the sender's share has no room for is charged to that.
    pub dialog: Option<Digest>,
    /// Whether the sender has shown that he is there, or need not.
    pub proven: bool,
}

/// What the transactions keep that one source has caused, or one dialog beyond the share of its source.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Holding {
    pub(crate) count: u32,
    pub(crate) octets: u64,
}

/// The part of `room` that requests of peers may take.
const fn for_peers(room: usize) -> usize {
    room - room / 8
}

/// The part of it that those within a dialog may take.
const fn for_dialogs(room: usize) -> usize {
    room - room / 16
}

/// What is used up.
pub(crate) struct Budget {
    pub(crate) octets: usize,
    pub(crate) octets_max: usize,
    pub(crate) servers_max: usize,
    reserve_max: usize,
    percent: u64,
    pub(crate) held: Held<Holding>,
}

impl Budget {
    pub(crate) fn new(room: Room) -> Self {
        Self {
            octets: 0,
            octets_max: room.octets_max,
            servers_max: for_peers(room.transactions_max),
            reserve_max: for_dialogs(room.transactions_max),
            percent: room.source_share_percent.into(),
            held: Held::new(),
        }
    }

    /// Who is charged with one transaction more beside `servers` others, which will keep `octets`: the source, if a share is kept of
    /// it, or the reserve of the dialog.
    pub(crate) fn charges(
        &self,
        causer: &Causer,
        servers: usize,
        octets: usize,
    ) -> Result<Option<Digest>, Shortage> {
        let Err(shortage) = self.check_share(causer.source, servers, octets) else {
            return Ok(causer.source);
        };
        let Some(dialog) = causer.dialog else { return Err(shortage) };
        let has_room = servers < self.reserve_max
            && self.octets.saturating_add(octets) <= for_dialogs(self.octets_max)
            && self.held.of(dialog).is_always(octets);
        if has_room { Ok(Some(dialog)) } else { Err(shortage) }
    }

    /// Whether `source`, if a share is kept of it, may cause one more.
    fn check_share(&self, source: Option<Digest>, servers: usize, octets: usize) -> Result<(), Shortage> {
        let Some(free) = self.servers_max.checked_sub(servers).filter(|&free| free > 0) else {
            return Err(Shortage::Number);
        };
        let free_octets = for_peers(self.octets_max).saturating_sub(self.octets);
        if octets > free_octets {
            return Err(Shortage::Octets);
        }
        let Some(source) = source else { return Ok(()) };
        let holding = self.held.of(source);
        let fits = (holding.has_few() || is_within_share(holding.count.into(), 1, wide(free), self.percent))
            && (holding.has_little(octets)
                || is_within_share(holding.octets, wide(octets), wide(free_octets), self.percent));
        if fits { Ok(()) } else { Err(Shortage::Share) }
    }

    /// Whether `source` may make us ask once more, beside `all` transactions that there are. Nothing but its share counts: of the room
    /// there is some that is kept for what we ask.
    pub(crate) fn may_cause(&self, source: Digest, all: usize) -> bool {
        let holding = self.held.of(source);
        let free = wide(self.servers_max.saturating_sub(all));
        let free_octets = wide(for_peers(self.octets_max).saturating_sub(self.octets));
        (holding.has_few() || is_within_share(holding.count.into(), 1, free, self.percent))
            && (holding.has_little(ASKED)
                || is_within_share(holding.octets, wide(ASKED), free_octets, self.percent))
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

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Holding {
    /// Whether one more is what everybody may have in any case.
    const fn has_few(&self) -> bool {
        self.count < ALWAYS
    }

    /// Whether `octets` more are.
    fn has_little(&self, octets: usize) -> bool {
        self.octets.saturating_add(wide(octets)) <= ALWAYS_OCTETS
    }

    /// Whether both are.
    fn is_always(&self, octets: usize) -> bool {
        self.has_few() && self.has_little(octets)
    }

    fn recharge(&mut self, before: usize, now: usize) {
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
