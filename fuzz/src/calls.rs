//! Whole calls: the octets choose what happens next.

use offhook_core::sim::worlds::{Act, Worlds};

use crate::input::Input;

const CALLER: &[&[Act]] = &[&[Act::Call], &[Act::Call, Act::Hangup], &[Act::Call, Act::Hangup, Act::Hangup]];
const CALLEE: &[&[Act]] = &[
    &[],
    &[Act::Answer],
    &[Act::Answer, Act::Hangup],
    &[Act::Reject(486)],
    &[Act::Ring, Act::Answer, Act::Hangup],
    &[Act::Hangup],
    &[Act::Answer, Act::Reject(603), Act::Hangup],
];

/// Two users, their coordinators and the network between them do what the octets say; both users must be told what
/// agrees, nothing may be left, and no message may break an RFC.
pub fn calls(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (caller, callee) = (input.one_of(CALLER), input.one_of(CALLEE));
    let budgets = input.byte();
    let mut worlds = Worlds::new(caller, callee)
        .losses(budgets & 3)
        .duplicates((budgets >> 2) & 3)
        .late((budgets >> 4) & 7);
    if budgets & 0x80 != 0 {
        worlds = worlds.silent();
    }
    if let Err(found) = worlds.walk(|choices| if input.is_empty() { 0 } else { input.below(choices) }) {
        panic!("{found}");
    }
}
