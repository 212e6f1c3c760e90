//! Every order in which a call can be made, answered, cancelled, refused and hung up, with any message lost, doubled or
//! late.
#![allow(clippy::unwrap_used, reason = "tests")]

use offhook_core::sim::worlds::Act::{self, Answer, Call, Hangup, Reject, Ring};
use offhook_core::sim::worlds::Worlds;

/// What the two users do, and what that is called.
const SCRIPTS: &[(&str, &[Act], &[Act])] = &[
    ("nobody answers", &[Call], &[]),
    ("refused", &[Call], &[Reject(603)]),
    ("cancelled", &[Call, Hangup], &[]),
    ("answered", &[Call], &[Answer]),
    ("answered, the callee hangs up", &[Call], &[Answer, Hangup]),
    ("the caller hangs up, or cancels before the answer", &[Call, Hangup], &[Answer]),
    ("both hang up", &[Call, Hangup], &[Answer, Hangup]),
    ("cancelled or refused", &[Call, Hangup], &[Reject(486)]),
    ("refused by hanging up", &[Call, Hangup], &[Hangup]),
    ("rung for late, answered or cancelled", &[Call, Hangup], &[Ring, Answer]),
];

#[test]
fn measure() {
    let pick = std::env::var_os("OFFHOOK_BUDGET")
        .map(|text| text.to_string_lossy().into_owned())
        .unwrap_or_default();
    let budgets: &[(u8, u8, u8)] = match pick.as_str() {
        "all" => &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1)],
        "max" => &[(1, 1, 1)],
        _ => &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
    };
    for &(losses, duplicates, late) in budgets {
        for &(name, caller, callee) in SCRIPTS {
            let mut worlds = Worlds::new(caller, callee).losses(losses).duplicates(duplicates).late(late);
            if callee.contains(&Ring) {
                worlds = worlds.silent();
            }
            let start = std::time::Instant::now();
            match worlds.explore() {
                Ok(counts) => println!("{losses}{duplicates}{late} {name}: {counts} {:.1?}", start.elapsed()),
                Err(found) => println!("{losses}{duplicates}{late} {name}: {found} {:.1?}", start.elapsed()),
            }
        }
    }
}
