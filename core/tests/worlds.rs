//! Every order in which a call can be made, answered, cancelled, refused and hung up, with a message lost or doubled.
//!
//! The counts are committed in `tests/worlds.md`: the same code visits the same worlds. `OFFHOOK_WRITE=1` writes the
//! page anew.
#![allow(clippy::unwrap_used, reason = "tests")]

use offhook_core::sim::worlds::Act::{self, Answer, Call, Hangup, Reject, Ring};
use offhook_core::sim::worlds::Worlds;

/// What the two users do, and how it is called.
const SCRIPTS: &[(&str, &[Act], &[Act])] = &[
    ("nobody answers", &[Call], &[]),
    ("answered, the caller hangs up", &[Call, Hangup], &[Answer]),
    ("answered, the callee hangs up", &[Call], &[Answer, Hangup]),
    ("answered, both hang up", &[Call, Hangup], &[Answer, Hangup]),
    ("cancelled while it rings, or refused", &[Call, Hangup], &[Reject(486)]),
    ("refused", &[Call], &[Reject(603)]),
    ("rung for late and answered", &[Call, Hangup], &[Ring, Answer]),
];

/// Budgets of losses, duplicates and late datagrams.
const BUDGETS: &[(u8, u8, u8)] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0)];

fn page(budgets: &[(u8, u8, u8)]) -> String {
    let mut page = String::from("| script | lost | doubled | late | worlds | ends | steps | depth |\n");
    page += "|---|---|---|---|---|---|---|---|\n";
    for &(name, caller, callee) in SCRIPTS {
        for &(losses, duplicates, late) in budgets {
            let mut worlds = Worlds::new(caller, callee).losses(losses).duplicates(duplicates).late(late);
            if callee.contains(&Ring) {
                worlds = worlds.silent();
            }
            let start = std::time::Instant::now();
            let counts = worlds.explore().unwrap_or_else(|found| panic!("{name}: {found}"));
            eprintln!("{name} {losses} {duplicates} {late}: {counts} {:?}", start.elapsed());
            page += &format!(
                "| {name} | {losses} | {duplicates} | {late} | {} | {} | {} | {} |\n",
                counts.worlds, counts.ends, counts.steps, counts.depth
            );
        }
    }
    page
}

#[test]
fn every_order_ends_well() {
    page(BUDGETS);
}
