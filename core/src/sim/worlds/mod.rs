//! Exhaustive small worlds: two parties, short scripts, and every order in which it can all happen.
//!
//! A simulation by seed shows what usually happens. Here nothing is left to chance: from each moment every
//! [`Choice`] is tried, one after the other: a user takes the next step of the script, a datagram arrives, gets lost
//! or arrives and stays to arrive again, time passes to the next timer. Each way is followed until nothing is left to
//! happen, and at each step and at its end the rules below must hold.
//!
//! # What makes it finite
//!
//! - Losses and duplicates have a budget, usually one each.
//! - Time stands still while datagrams are under way. To let a timer fire first costs one of the budget of
//!   [`late`](Worlds::late) datagrams, and none is under way for longer than T4.
//! - A coordinator is a function of its inputs. Where two ways bring each party the same inputs at the same times,
//!   have the same datagrams under way and the same budgets left, all that follows is the same, and one of them is
//!   followed.
//!
//! # What must hold
//!
//! At each step: the coordinators' own books are in order ([`audit`](crate::coordinator::UnifiedCoordinator::audit)),
//! no message goes out that the RFCs forbid ([`WireChecker`](super::check::WireChecker)), and users are told in order:
//! `Answered` once at most, `Ended` once and last. At the end: a session that one side has, the other has too; nothing
//! else is left; and what the two users were told agrees.
//!
//! ```
//! use offhook_core::sim::worlds::{Act, Worlds};
//!
//! let worlds = Worlds::new([Act::Call, Act::Hangup], [Act::Reject(486)]).losses(1);
//! let counts = worlds.explore().unwrap();
//! assert!(counts.worlds > 100, "{counts}");
//! ```

mod party;
mod standard;
mod world;

#[cfg(test)]
mod tests;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::session::StateTable;

pub use standard::{Script, standard};
use world::World;

/// What a user does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Act {
    /// Calls the other.
    Call,
    /// Lets the caller hear it ring; it does by itself unless [`Worlds::silent`] is asked for.
    Ring,
    /// Takes the call.
    Answer,
    /// Refuses it.
    Reject(u16),
    /// Hangs up, whatever stage the call is in.
    Hangup,
}

/// One of the things that can happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Choice {
    /// This party (0 calls, 1 is called) takes the next step of its script.
    Act(usize),
    /// This datagram, by its place among those under way, arrives.
    Deliver(usize),
    /// It is lost.
    Lose(usize),
    /// It arrives, and will arrive once more.
    Double(usize),
    /// Time passes to the next timer.
    Wait,
}

/// How much there was to see.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Different worlds.
    pub worlds: u64,
    /// Worlds in which nothing is left to happen.
    pub ends: u64,
    /// Choices that were tried.
    pub steps: u64,
    /// The most choices from the beginning to any world, on the shortest way.
    pub depth: u32,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, ends, steps, depth } = self;
        write!(f, "{worlds} worlds, {ends} ends, {steps} steps, {depth} deep")
    }
}

/// The shortest way to something that must not be.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}, after {} choices:\n{ladder}", choices.len())]
pub struct Counterexample {
    /// What is wrong.
    pub what: String,
    /// The way there.
    pub choices: Vec<Choice>,
    /// The way there, to look at.
    pub ladder: String,
}

/// The scripts of two users and the budgets of what goes wrong.
#[derive(Clone, Debug)]
#[must_use = "nothing is explored before `explore`"]
pub struct Worlds {
    scripts: [Vec<Act>; 2],
    losses: u8,
    duplicates: u8,
    late: u8,
    silent: bool,
    tables: [StateTable; 2],
    worlds_max: u64,
}

/// A way from the beginning, sharing its start with others.
struct Way {
    last: Option<(Choice, Rc<Self>)>,
    length: u32,
}

impl Way {
    fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::new();
        let mut way = self;
        while let Some((choice, before)) = &way.last {
            choices.push(*choice);
            way = before;
        }
        choices.reverse();
        choices
    }
}

impl Worlds {
    /// The worlds of a caller and a callee who do this, each in this order and at any time. Nothing is lost, doubled
    /// or late.
    pub fn new(caller: impl Into<Vec<Act>>, callee: impl Into<Vec<Act>>) -> Self {
        Self {
            scripts: [caller.into(), callee.into()],
            losses: 0,
            duplicates: 0,
            late: 0,
            silent: false,
            tables: [StateTable::default(), StateTable::default()],
            worlds_max: 10_000_000,
        }
    }

    /// Any so many messages may be lost.
    pub const fn losses(mut self, losses: u8) -> Self {
        self.losses = losses;
        self
    }

    /// Any so many messages may arrive twice.
    pub const fn duplicates(mut self, duplicates: u8) -> Self {
        self.duplicates = duplicates;
        self
    }

    /// So often a timer may be faster than a datagram under way.
    pub const fn late(mut self, late: u8) -> Self {
        self.late = late;
        self
    }

    /// Incoming calls wait in silence: the callee says when it rings.
    pub const fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Runs the sessions of one party by another table.
    pub fn table(mut self, party: usize, table: StateTable) -> Self {
        if let Some(place) = self.tables.get_mut(party) {
            *place = table;
        }
        self
    }

    /// Gives up after so many worlds.
    pub const fn worlds_max(mut self, most: u64) -> Self {
        self.worlds_max = most;
        self
    }

    /// Goes all ways, the short ones first.
    pub fn explore(&self) -> Result<Counts, Counterexample> {
        let mut counts = Counts::default();
        let mut seen = BTreeSet::new();
        let mut open = VecDeque::from([Rc::new(Way { last: None, length: 0 })]);
        while let Some(way) = open.pop_front() {
            let choices = way.choices();
            let mut world = World::new(self);
            if let Err(what) = world.go(&choices) {
                return Err(self.counterexample(what, choices));
            }
            if !seen.insert(world.fingerprint()) {
                continue;
            }
            counts.worlds += 1;
            counts.depth = counts.depth.max(way.length);
            let next = world.choices();
            if next.is_empty() {
                counts.ends += 1;
                if let Err(what) = world.check_end() {
                    return Err(self.counterexample(what, choices));
                }
            }
            if counts.worlds >= self.worlds_max {
                return Err(self.counterexample(String::from("there are too many worlds"), choices));
            }
            for choice in next {
                counts.steps += 1;
                open.push_back(Rc::new(Way {
                    last: Some((choice, Rc::clone(&way))),
                    length: way.length + 1,
                }));
            }
        }
        Ok(counts)
    }

    /// Goes the way again and draws it.
    fn counterexample(&self, what: String, choices: Vec<Choice>) -> Counterexample {
        let mut world = World::new(self);
        world.draw();
        // It ends where it ended before, and the reason is known.
        drop(world.go(&choices));
        Counterexample { what, choices, ladder: world.ladder() }
    }
}
