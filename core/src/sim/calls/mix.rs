//! The faults of one world, drawn from its seed: each world has some of them and not the others.

use core::time::Duration;

use super::dice::Dice;
use crate::base::time::Instant;
use crate::sim::net::{Chance, Link, NatKind, Reach};

/// Nothing gets through for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// From when.
    pub at: Instant,
    /// How long.
    pub lasts: Duration,
    /// Whether nothing gets back either.
    pub both: bool,
    /// From which endpoint…
    pub from: usize,
    /// …to which.
    pub to: usize,
}

/// A machine that reads late what has come for it, for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy {
    /// Which endpoint.
    pub who: usize,
    /// From when.
    pub at: Instant,
    /// How long.
    pub lasts: Duration,
    /// How long something lies unread at most.
    pub most: Duration,
}

impl Busy {
    /// One machine in some worlds.
    pub(super) fn draw(dice: &mut Dice, endpoints: usize) -> Option<Self> {
        dice.once_in(6).then(|| Self {
            who: dice.roll(endpoints as u64) as usize,
            at: Instant::from_millis(dice.roll(8_000)),
            lasts: dice.millis(100, 8_000),
            most: dice.millis(100, 3_000),
        })
    }
}

/// What goes wrong in a world until it heals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mix {
    /// What every link does.
    pub link: Link,
    /// Two endpoints that are cut off from each other for a while.
    pub cut: Option<Cut>,
    /// The NAT that the first endpoint is behind. It can call, but not be called.
    pub nat: Option<NatKind>,
    /// When the second endpoint gets another address.
    pub moves: Option<Instant>,
    /// A machine that has more to do than it can.
    pub busy: Option<Busy>,
    /// How long the lookup of an address takes.
    pub lookup: Duration,
    /// When all faults end.
    pub heals: Option<Instant>,
}

impl Mix {
    /// A random subset of all faults, each of a random size.
    pub(super) fn draw(dice: &mut Dice, endpoints: usize) -> Self {
        let mut link = Link::default();
        if dice.once_in(2) {
            link = link.latency(dice.millis(0, 300)).jitter(dice.millis(0, 50));
        }
        let mut chance = |times: u64, most: u64| match dice.once_in(times) {
            true => Chance::per_million(dice.roll(most) as u32),
            false => Chance::NEVER,
        };
        let (loss, duplicate, corrupt) = (chance(2, 300_000), chance(2, 300_000), chance(6, 20_000));
        let reorder = chance(2, 300_000);
        link = link.loss(loss).duplicate(duplicate).corrupt(corrupt).reorder(reorder, dice.millis(0, 2_000));
        if dice.once_in(16) {
            link = link.mtu(300 + dice.roll(500) as usize);
        }
        let mut mix = Self { link, ..Self::default() };
        if dice.once_in(4) {
            let from = dice.roll(endpoints as u64) as usize;
            let to = (from + 1 + dice.roll(endpoints as u64 - 1) as usize) % endpoints;
            let at = Instant::from_millis(dice.roll(8_000));
            mix.cut = Some(Cut { at, lasts: dice.millis(100, 60_000), both: dice.once_in(2), from, to });
        }
        if dice.once_in(5) {
            let reach = [Reach::EndpointIndependent, Reach::AddressDependent, Reach::AddressAndPortDependent];
            let mut draw = || reach[dice.roll(3) as usize];
            mix.nat = Some(NatKind::new(draw(), draw()));
        }
        if dice.once_in(10) {
            mix.moves = Some(Instant::from_millis(dice.roll(8_000)));
        }
        if dice.once_in(4) {
            mix.lookup = dice.millis(0, 2_000);
        }
        mix.heals = Some(Instant::from_millis(2_000 + dice.roll(60_000)));
        mix
    }

    /// How long it may take from the answer until each hears the other, if a 200 is lost twice.
    pub(super) fn delay(&self) -> Duration {
        let Link { latency, jitter, reorder, reorder_by, loss, .. } = self.link;
        let held_up = if reorder == Chance::NEVER { Duration::ZERO } else { reorder_by };
        let repeated = if loss == Chance::NEVER { 0 } else { 3 };
        2 * (latency + jitter + held_up) + Duration::from_secs(1 + repeated)
    }

    /// Whether everything arrives in the end and nobody is too busy to take a call, so that everybody gets what they want.
    pub fn is_fair(&self) -> bool {
        self.busy.is_none() && self.arrives()
    }

    /// Whether everything arrives in the end.
    pub fn arrives(&self) -> bool {
        self.cut.is_none()
            && self.nat.is_none()
            && self.moves.is_none()
            && self.link.corrupt == Chance::NEVER
            && self.link.mtu > 1_500
            && self.link.loss <= Chance::percent(10)
    }
}
