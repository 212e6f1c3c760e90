//! Exhaustive small worlds: two users, a short script for each, and every order in which it can all happen.
//!
//! Random runs show what usually happens. Here nothing is left to chance: from each world every next step is tried. A
//! user takes the next [`Act`] of the script, a datagram under way arrives, is lost, or arrives and stays to arrive
//! again, a timer fires. Each way is followed to its end, when nothing is left that could happen.
//!
//! ```
//! use offhook_core::sim::worlds::{Act, Worlds};
//!
//! let counts = Worlds::new([Act::Call, Act::Hangup], [Act::Answer]).losses(1).explore()?;
//! assert!(counts.worlds > 1_000 && counts.ends > 10, "{counts}");
//! # Ok::<(), offhook_core::sim::worlds::Counterexample>(())
//! ```
//!
//! # What makes it finite
//!
//! - Losses and doubled datagrams have a budget, usually one each.
//! - Time passes only from timer to timer, and datagrams take no time: as long as any is under way, no later timer
//!   fires. That one fires first all the same, and the datagram is late by what the timer waited for, costs one of
//!   the budget [`late`](Worlds::late). Timers that are due at the moment at which a datagram is under way are free,
//!   before it or after it.
//! - A user who knows that the call is over does nothing more.
//!
//! # What makes it quick
//!
//! A coordinator is a function of the inputs it had and of their times. So what a party does is worked out once for
//! each history and looked up after that, and a world is two histories, the datagrams under way and what is left of
//! the budgets. Two ways that lead to the same of these lead to the same world; it is visited once.
//!
//! # What must hold
//!
//! For each history of a party: its books are in order
//! ([`audit`](crate::coordinator::UnifiedCoordinator::audit)), commands that fit work, and the user is told in order:
//! `Answered` once at most, `Ended` once and last. On the first way to each world: nothing goes over the wire that the
//! RFCs forbid ([`WireChecker`](super::check::WireChecker)). In each world: the caller has no answer that was not
//! given. At each end: both have the call or neither, nothing is left of one that is over, and what the two users
//! were told of its end can be told of one call. If they still have it, audio flows by the plan of one as by that of
//! the other, each knows whether the other holds it, what was wished for last is so, and every wish was answered.

mod parties;
mod rules;
mod search;
mod story;
mod third;

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::sdp::plan::Direction;
use crate::session::StateTable;
use crate::sim::byes;

/// What a user does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Act {
    /// Calls the other.
    Call,
    /// Lets the caller hear it ring; without [`Worlds::silent`] it does so by itself.
    Ring,
    /// Takes the call.
    Answer,
    /// Refuses the call with this status.
    Reject(u16),
    /// Ends the call, whatever stage it is in.
    Hangup,
    /// Says again that it rings; reliably with [`Worlds::reliably`].
    Progress,
    /// Lets the caller hear something before the answer, by a reliable 183.
    EarlyMedia,
    /// Holds the call.
    Hold,
    /// The same as soon as something may be heard, be it before the answer.
    HoldEarly,
    /// Takes it off hold.
    Resume,
    /// Asks for this direction by UPDATE.
    Update(Direction),
    /// Asks the other to call a third, who answers at once (or refuses, if not `Transfer(true)`).
    Transfer(bool),
    /// Does what the other asked for.
    AcceptTransfer,
    /// Does not.
    RefuseTransfer,
}

/// How much there was to see. The same script and the same code give the same counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Different worlds.
    pub worlds: u64,
    /// Those in which nothing is left that could happen.
    pub ends: u64,
    /// Steps from world to world that were tried.
    pub steps: u64,
    /// Steps on the shortest way to the world that is farthest away.
    pub depth: u32,
    /// Different histories of the two parties.
    pub histories: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, ends, steps, depth, histories } = self;
        write!(f, "{worlds} worlds, {ends} ends, {steps} steps, {depth} deep, {histories} histories")
    }
}

/// A shortest way to something that must not be.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// What is wrong.
    pub what: String,
    /// The steps there, in words.
    pub steps: Vec<String>,
    /// The way there, drawn.
    pub ladder: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, after {} steps:", self.what, self.steps.len())?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        f.write_str(&self.ladder)
    }
}

impl core::error::Error for Counterexample {}

/// What may still go wrong in a world.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Budget {
    losses: u8,
    duplicates: u8,
    late: u8,
}

/// The scripts of two users, and how much goes wrong.
#[derive(Clone, Debug)]
#[must_use = "nothing is visited before `explore`"]
pub struct Worlds {
    scripts: [Vec<Act>; 2],
    budget: Budget,
    silent: bool,
    reliably: bool,
    byes_early: bool,
    first: Vec<usize>,
    tables: [StateTable; 2],
    worlds_max: u64,
}

impl Worlds {
    /// The worlds of a caller and a callee who each do this, in this order, whenever they like. Nothing is lost, doubled
    /// or late.
    pub fn new(caller: impl Into<Vec<Act>>, callee: impl Into<Vec<Act>>) -> Self {
        Self {
            scripts: [caller.into(), callee.into()],
            budget: Budget::default(),
            silent: false,
            reliably: false,
            byes_early: false,
            first: Vec::new(),
            tables: [StateTable::default(), StateTable::default()],
            worlds_max: 20_000_000,
        }
    }

    /// Up to so many datagrams are lost, whichever they are.
    pub const fn losses(mut self, losses: u8) -> Self {
        self.budget.losses = losses;
        self
    }

    /// Up to so many datagrams arrive twice.
    pub const fn duplicates(mut self, duplicates: u8) -> Self {
        self.budget.duplicates = duplicates;
        self
    }

    /// Up to so often a timer is faster than a datagram.
    pub const fn late(mut self, late: u8) -> Self {
        self.budget.late = late;
        self
    }

    /// Incoming calls wait in silence for the callee to let them ring.
    pub const fn silent(mut self) -> Self {
        self.silent = true;
        self
    }

    /// Both ask for reliable provisional responses (RFC 3262) and send all that can be so reliably.
    pub const fn reliably(mut self) -> Self {
        self.reliably = true;
        self
    }

    /// A callee who hangs up while it rings sends a BYE in the early dialog, before its final response. RFC 3261 section 15 has
    /// it for callers alone; some callees do so all the same.
    pub fn byes_early(mut self) -> Self {
        if let Some(callee) = self.tables.get_mut(1) {
            *callee = byes::table();
        }
        self.byes_early = true;
        self
    }

    /// There is only one way to begin: these parties (0 calls, 1 is called) take their next acts in this order, and
    /// whatever is sent arrives before the next. If the call is up then, the timers of its set-up have fired, too.
    pub fn after(mut self, first: impl Into<Vec<usize>>) -> Self {
        self.first = first.into();
        self
    }

    /// Runs the sessions of one party (0 calls, 1 is called) by another table, which must be one that
    /// [`check`](StateTable::check) finds no fault with.
    pub fn table(mut self, party: usize, table: StateTable) -> Self {
        if let Some(place) = self.tables.get_mut(party) {
            *place = table;
        }
        self
    }

    /// Gives up with a [`Counterexample`] when there are more worlds than this; 20 000 000 without it.
    pub const fn worlds_max(mut self, most: u64) -> Self {
        self.worlds_max = most;
        self
    }

    /// Visits all worlds, near ones first, until one is wrong.
    pub fn explore(&self) -> Result<Counts, Counterexample> {
        search::explore(self)
    }
}
