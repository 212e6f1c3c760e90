//! The worlds that are explored as a matter of course.

use alloc::vec::Vec;

use super::Act::{self, Answer, Call, Hangup, Reject, Ring};
use super::Worlds;

/// What two users do, and how much may go wrong meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Script {
    /// In words.
    pub name: &'static str,
    /// What the caller does.
    pub caller: &'static [Act],
    /// What the callee does.
    pub callee: &'static [Act],
    /// Messages that may be lost.
    pub losses: u8,
    /// Messages that may arrive twice.
    pub duplicates: u8,
    /// Messages that may be slower than a timer.
    pub late: u8,
}

impl Script {
    /// Its worlds.
    pub fn worlds(&self) -> Worlds {
        let worlds = Worlds::new(self.caller, self.callee)
            .losses(self.losses)
            .duplicates(self.duplicates)
            .late(self.late);
        if self.callee.contains(&Ring) { worlds.silent() } else { worlds }
    }
}

/// Everything that two users can do to one call, crossing in every way.
const CALLS: &[(&str, &[Act], &[Act])] = &[
    ("nobody answers", &[Call], &[]),
    ("the callee refuses", &[Call], &[Reject(603)]),
    ("the callee refuses, the caller gives up", &[Call, Hangup], &[Reject(486)]),
    ("the callee answers and hangs up", &[Call], &[Answer, Hangup]),
    ("the callee answers, the caller hangs up", &[Call, Hangup], &[Answer]),
    ("it rings late, the callee answers, the caller hangs up", &[Call, Hangup], &[Ring, Answer]),
    ("the callee answers, both hang up", &[Call, Hangup], &[Answer, Hangup]),
];

/// Losses, duplicates and late datagrams. Long scripts have too many worlds for the last two.
const BUDGETS: &[(u8, u8, u8)] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)];

/// Steps of both users that make a script long.
const LONG: usize = 4;

/// The standard scripts: each call as it is, with any one message lost, and with any one doubled; short ones also with
/// any one late, and with one lost and one doubled.
pub fn standard() -> Vec<Script> {
    let script = |&(name, caller, callee): &(_, _, _), &(losses, duplicates, late): &(_, _, _)| Script {
        name,
        caller,
        callee,
        losses,
        duplicates,
        late,
    };
    let budgets = |&(_, caller, callee): &(_, &[Act], &[Act])| {
        if caller.len() + callee.len() < LONG { BUDGETS.len() } else { BUDGETS.len() - 2 }
    };
    let scripts = |call| BUDGETS.iter().take(budgets(call)).map(move |budget| script(call, budget));
    CALLS.iter().flat_map(scripts).collect()
}
