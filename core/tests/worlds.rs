//! Every order in which a call can be made, answered, cancelled, refused and hung up, with messages lost, doubled and
//! late.
//!
//! `tests/worlds.md` holds the counts of all standard scripts; `cargo run --release --example worlds` explores them
//! all and compares. Here those are explored that a debug build can do in a moment.
#![allow(clippy::unwrap_used, reason = "tests")]

use offhook_core::sim::worlds::standard;

/// Worlds of one script that are few enough.
const FEW: u64 = 6_000;

#[test]
fn every_order_ends_well() {
    let page = include_str!("worlds.md");
    let mut explored = 0;
    for script in standard() {
        let start =
            format!("| {} | {} | {} | {} |", script.name, script.losses, script.duplicates, script.late);
        let row = page
            .lines()
            .find(|line| line.starts_with(&start))
            .unwrap_or_else(|| panic!("{start} is missing"));
        let worlds: u64 = row[start.len()..].split('|').next().unwrap().trim().parse().unwrap();
        if worlds > FEW {
            continue;
        }
        let counts = script.worlds().explore().unwrap_or_else(|found| panic!("{}: {found}", script.name));
        let found =
            format!("{start} {} | {} | {} | {} |", counts.worlds, counts.ends, counts.steps, counts.depth);
        assert_eq!(found, row, "write the page anew: cargo run --release --example worlds -- --write");
        explored += counts.worlds;
    }
    assert!(explored > 10_000, "{explored}");
}
