//! Actions from octets, for fuzzers.

use alloc::vec::Vec;

use super::{Action, Desk, Leg};

/// Actions that a list may have.
const ACTIONS_MAX: usize = 64;

/// Reads a list of actions. Any octets are one; two octets make an action, and what is too much is left out.
pub fn actions(octets: &[u8]) -> Vec<Action> {
    octets
        .chunks_exact(2)
        .take(ACTIONS_MAX)
        .filter_map(|pair| Some(action(*pair.first()?, *pair.get(1)?)))
        .collect()
}

const fn action(kind: u8, detail: u8) -> Action {
    let leg = Leg { call: detail >> 1 & 7, callee: detail & 1 == 1 };
    match kind % 16 {
        0 | 1 => {
            let desk = match detail >> 4 & 3 {
                0 => Desk::Silent,
                1 => Desk::Answers,
                2 => Desk::Busy,
                _ => Desk::Rings,
            };
            Action::Call { from: detail & 3, to: detail >> 2 & 3, desk, patience: detail >> 6 }
        }
        2 => Action::Ring(leg),
        3 | 4 => Action::Accept(leg),
        5 => Action::Reject(leg, status(detail >> 4)),
        6 | 7 => Action::Hangup(leg),
        8 => Action::Wait(detail as u16),
        9 => Action::Wait(detail as u16 * 250),
        10 => Action::LoseNext,
        11 => Action::DoubleNext,
        12 => Action::DelayNext(detail as u16 * 16),
        13 => Action::NoName,
        14 => Action::Cut(detail),
        15 if detail & 0x40 != 0 => Action::Report(detail & 3),
        _ => Action::Heal,
    }
}

const fn status(number: u8) -> u16 {
    match number {
        0..=7 => 486,
        8 => 603,
        9 => 302,
        10 => 200,
        11 => 401,
        _ => 480,
    }
}
