//! Calls by the thousand: people with goals, on networks with faults, among strangers who mean harm.
//!
//! A [`Scenario`] makes any number of small worlds. In each a few telephones, all real coordinators with their media
//! shards, have some calls to make ([`Goal`]), in which they hold, change, pass on ([`Wish`]), and a random subset of
//! faults ([`Mix`]) to make them through. Then the faults end, everybody hangs up, and when all is quiet nothing may
//! be left. After every step the machines are audited, every message is judged by the
//! [`WireChecker`](super::check::WireChecker), and in the end both sides of every call must have been told
//! [compatible things](agree()).
//!
//! Everything follows from one seed. World number 0 of a seed is made of the seed itself, so that a world that fails
//! is seen again by its own seed and one call.
//!
//! ```
//! use offhook_core::sim::calls::{Report, Scenario};
//!
//! let scenario = Scenario { swarm: true, ..Scenario::new(7) };
//! let mut total = Report::default();
//! for index in 0..20 {
//!     total.merge(&scenario.world(index)?);
//! }
//! println!("{} calls, {} came to what was wanted, digest {:016x}", total.calls, total.reached, total.digest.value());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agree;
mod attack;
mod deeds;
mod dice;
mod endpoint;
mod goal;
mod mix;
mod people;
mod report;
mod story;
#[cfg(test)]
mod tests;
mod wish;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

pub use agree::{Told, agree};
pub use attack::Attack;
pub use goal::{Cancel, Decision, Goal, HangUp, PickUp};
pub use mix::{Busy, Cut, Mix};
pub use report::{Digest, Failure, Happening, Report};
pub use wish::{Early, Wish};

use super::net::Link;
use dice::Dice;
use story::{NAMES, Story};

/// Calls of one world at most.
const CALLS_MAX: u64 = 4;

/// What shall be simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides about everything.
    pub seed: u64,
    /// What links do to datagrams until the faults end; a swarm draws its own.
    pub link: Link,
    /// Each world draws its goals and its faults. Otherwise all calls are plain ones.
    pub swarm: bool,
    /// Each world has an attacker: this one, or one that it draws.
    pub attack: Option<Option<Attack>>,
    /// How long people talk; a swarm draws it if this is none.
    pub talk: Option<Duration>,
}

impl Scenario {
    /// Plain calls over a sound network.
    pub fn new(seed: u64) -> Self {
        Self { seed, link: Link::default(), swarm: false, attack: None, talk: None }
    }

    /// Seed of world number `index`.
    pub const fn seed_of(&self, index: u64) -> u64 {
        if index == 0 {
            return self.seed;
        }
        // SplitMix64: neighbours have nothing in common.
        let mut bits = self.seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Runs world number `index`.
    pub fn world(&self, index: u64) -> Result<Report, Box<Failure>> {
        let seed = self.seed_of(index);
        let mut dice = Dice::new(seed);
        let endpoints = 2 + dice.roll(NAMES.len() as u64 - 1) as usize;
        let count = 1 + dice.roll(CALLS_MAX);
        let mix = if self.swarm {
            // What this draws moves nothing else: worlds that were named by their seed stay what they were.
            let busy = Busy::draw(&mut Dice::new(!seed), endpoints);
            Mix { busy, ..Mix::draw(&mut dice, endpoints) }
        } else {
            Mix { link: self.link, ..Mix::default() }
        };
        let mut goals = Vec::new();
        for _ in 0..count {
            let caller = dice.roll(endpoints as u64) as usize;
            // Nobody can call who is behind a NAT.
            let first = usize::from(mix.nat.is_some());
            let others: Vec<usize> = (first..endpoints).filter(|&other| other != caller).collect();
            let Some(&callee) = others.get(dice.roll(others.len() as u64) as usize) else { continue };
            goals.push(match self.swarm {
                true => Goal::draw(&mut dice, caller, callee, self.talk),
                false => Goal::plain(caller, callee, self.talk.unwrap_or(Duration::from_secs(2))),
            });
        }
        if self.swarm {
            add_wishes(&mut dice, &mut goals, usize::from(mix.nat.is_some())..endpoints);
        }
        let drawn = Attack::ALL.get(dice.roll(4) as usize).copied();
        let attack = self.attack.and_then(|attack| attack.or(drawn));
        self.play(seed, goals, mix, attack)
    }

    /// Runs one world with these goals and these faults.
    pub fn play(
        &self,
        seed: u64,
        goals: Vec<Goal>,
        mix: Mix,
        attack: Option<Attack>,
    ) -> Result<Report, Box<Failure>> {
        Story::new(seed, goals, mix, attack).run()
    }
}

/// Some of the calls are not only for talking; `reachable`: who can be called.
fn add_wishes(dice: &mut Dice, goals: &mut Vec<Goal>, reachable: core::ops::Range<usize>) {
    for number in 0..goals.len() {
        let Some(goal) = goals.get(number).copied().filter(|_| dice.once_in(4)) else { continue };
        let mut thirds = reachable.clone().filter(|third| ![goal.caller, goal.callee].contains(third));
        let (leg, third) = (goals.len(), thirds.next());
        let goal = goal.wishes(dice, third.map(|_| leg));
        if let (Wish::Transfer { .. }, Some(third)) = (goal.wish, third) {
            goals.push(Goal::leg(number, &goal, third));
        }
        if let Some(place) = goals.get_mut(number) {
            *place = goal;
        }
    }
}
