//! The model: what users of a telephone must be told, whatever they and the network do.
//!
//! [`run`] gives a list of [`Action`]s to three real coordinators and to a reference of a page that knows nothing of
//! SIP's rules for sessions, only what a telephone does for its user. Any list is a fair one: an action that finds no
//! call is left out. So lists can be drawn at random, shrunk, and read from the octets of a fuzzer ([`actions`]).
//!
//! - Without faults the reference says to the millisecond who is told what. Both must agree after each action.
//! - With faults the order of news and their cause is checked: `Incoming` first, `Progress` only before `Answered`,
//!   `Confirmed` only after it, `Ended` once and last; nobody hears of an answer that was not given, or of an end
//!   that nothing led to.
//! - A command is refused exactly when the user could know that it does not fit, and then nothing happens.
//! - At each step the coordinators' books are in order and nothing goes over the wire that the RFCs forbid. In the
//!   end both sides of a call agree, all hang up, and nothing is left.
//!
//! ```
//! use offhook_core::api::EndReason;
//! use offhook_core::sim::model::{Action, Desk, Leg, run};
//!
//! let (caller, callee) = (Leg { call: 0, callee: false }, Leg { call: 0, callee: true });
//! let summary = run(&[
//!     Action::Call { from: 0, to: 1, desk: Desk::Rings, patience: 0 },
//!     Action::Wait(30),
//!     Action::LoseNext,
//!     Action::Accept(callee), // the 200 is lost
//!     Action::Hangup(caller), // the CANCEL comes too late
//! ])?;
//! assert_eq!(summary.ends, [EndReason::LocalHangup, EndReason::RemoteHangup]);
//! # Ok::<(), offhook_core::sim::model::Failure>(())
//! ```

mod network;
mod octets;
mod phones;
mod reference;
mod rules;
mod sides;

#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::api::EndReason;
use crate::session::StateTable;

pub use octets::actions;

use phones::Phones;
use reference::Reference;

/// Parties there are.
pub const PARTIES: usize = 3;

/// One side of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Leg {
    /// Which call, counted in the order in which they were placed; too large a number wraps around.
    pub call: u8,
    /// Whether it is the side that was called.
    pub callee: bool,
}

/// What happens at the called party before its user does anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Desk {
    /// It rings.
    Rings,
    /// The call waits in silence, until the user lets it ring or decides.
    Silent,
    /// The call is taken at once.
    Answers,
    /// The call is refused with 486, and the user hears nothing of it.
    Busy,
}

/// What a user or the network does. Numbers of parties wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Action {
    /// One party calls another, or itself.
    Call {
        /// Who calls.
        from: u8,
        /// Who is called.
        to: u8,
        /// What happens there.
        desk: Desk,
        /// Seconds until the caller gives up by itself; 0 is three minutes.
        patience: u8,
    },
    /// Lets the caller hear it ring.
    Ring(Leg),
    /// Takes the call.
    Accept(Leg),
    /// Refuses the call.
    Reject(Leg, u16),
    /// Ends the call.
    Hangup(Leg),
    /// Lets milliseconds pass.
    Wait(u16),
    /// The next datagram is lost.
    LoseNext,
    /// The next datagram arrives twice.
    DoubleNext,
    /// The next datagram, or its copy if it is doubled, takes so many milliseconds longer (at most 4000: T4 of RFC
    /// 3261 says that none lives longer than 5 seconds).
    DelayNext(u16),
    /// The address of the next party that is called is not found.
    NoName,
    /// Nothing that is sent to this party arrives any more.
    Cut(u8),
    /// Whoever sends to this party is told that nobody listens there (ICMP), be it true or forged.
    Report(u8),
    /// The network is whole again.
    Heal,
}

impl Action {
    /// Whether it makes the network worse: then the reference cannot tell the exact times any more.
    const fn is_fault(self) -> bool {
        matches!(
            self,
            Self::LoseNext | Self::DoubleNext | Self::DelayNext(_) | Self::Cut(_) | Self::Report(_)
        )
    }
}

/// What came of a run in which all was well.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Calls that were placed.
    pub calls: usize,
    /// Why each leg ended, callers and callees in turn; a leg that never was has no entry.
    pub ends: Vec<EndReason>,
    /// Legs whose user was told that the call is up.
    pub answered: usize,
    /// Commands that were refused, as they had to be.
    pub refused: usize,
    /// Messages that were sent.
    pub messages: usize,
}

/// Something a user must not see.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What.
    pub what: String,
    /// The actions up to then.
    pub actions: Vec<Action>,
    /// All that happened, drawn.
    pub ladder: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after {:#?}\n{}", self.what, self.actions, self.ladder)
    }
}

impl core::error::Error for Failure {}

/// Does all that in this order and checks everything.
pub fn run(actions: &[Action]) -> Result<Summary, Failure> {
    run_with(&StateTable::default(), actions)
}

/// The same by another table.
pub fn run_with(table: &StateTable, actions: &[Action]) -> Result<Summary, Failure> {
    let attempt = |drawing: bool| {
        let mut phones = Phones::new(table, drawing);
        let mut reference = Some(Reference::default());
        let outcome = act(&mut phones, &mut reference, actions);
        (outcome, phones)
    };
    let (done, what) = match attempt(false) {
        (Ok(()), phones) => return Ok(phones.summary()),
        (Err(broken), _) => broken,
    };
    // The same happens again, and now it is drawn.
    let ladder = attempt(true).1.ladder();
    Err(Failure { what, actions: actions.iter().take(done).copied().collect(), ladder })
}

/// The error is what is wrong, and how many actions it took.
fn act(
    phones: &mut Phones,
    reference: &mut Option<Reference>,
    actions: &[Action],
) -> Result<(), (usize, String)> {
    for (number, &action) in actions.iter().enumerate() {
        if action.is_fault() {
            *reference = None;
        }
        phones.act(action).map_err(|what| (number + 1, what))?;
        if let Some(reference) = reference {
            reference.act(action);
            reference.agrees(phones).map_err(|what| (number + 1, what))?;
        }
    }
    phones.finish(reference.as_mut()).map_err(|what| (actions.len(), what))
}
