//! Every order in which a call can be made, answered, cancelled, refused and hung up, with any message lost, doubled or
//! late. How many worlds that makes stands in `worlds.md`: the same code visits the same worlds.
//!
//! A debug build visits what is quickly visited; `OFFHOOK_WORLDS=all` or a release build visits all. `OFFHOOK_WRITE=1`
//! with either writes the page anew.
#![allow(clippy::print_stdout, reason = "the counts are for people")]

use offhook_core::sim::worlds::Act::{
    self, AcceptTransfer, Answer, Call, EarlyMedia, Hangup, Hold, Progress, Reject, RejectTransfer, Resume,
    Ring, Transfer, Update,
};
use offhook_core::sim::worlds::{Counts, Worlds};

/// Losses, doubled datagrams, late ones.
type Budget = (u8, u8, u8);

const QUIET: &[Budget] = &[(0, 0, 0)];
const LOSSY: &[Budget] = &[(0, 0, 0), (1, 0, 0)];
const SOUND: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0)];
const PUNCTUAL: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)];
const ONE_LATE: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1)];
const LATE: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)];

/// What it is called, what the two users do, and what the network does.
type Script = (&'static str, &'static [Act], &'static [Act], &'static [Budget]);

const SCRIPTS: &[Script] = &[
    ("nobody answers", &[Call], &[], LATE),
    ("refused", &[Call], &[Reject(603)], LATE),
    ("cancelled", &[Call, Hangup], &[], LATE),
    ("cancelled or refused", &[Call, Hangup], &[Reject(486)], LATE),
    ("cancelled or refused by hanging up", &[Call, Hangup], &[Hangup], ONE_LATE),
    ("answered", &[Call], &[Answer], ONE_LATE),
    ("cancelled or answered, the caller hangs up", &[Call, Hangup], &[Answer], ONE_LATE),
    ("answered, the callee hangs up", &[Call], &[Answer, Hangup], PUNCTUAL),
    ("cancelled or answered, both hang up", &[Call, Hangup], &[Answer, Hangup], PUNCTUAL),
    ("rung for late, cancelled or answered", &[Call, Hangup], &[Ring, Answer], PUNCTUAL),
    ("held", &[Call, Hold], &[Answer], SOUND),
    ("held by the callee", &[Call], &[Answer, Hold], SOUND),
    ("held and resumed", &[Call, Hold, Resume], &[Answer], SOUND),
    ("both hold", &[Call, Hold], &[Answer, Hold], SOUND),
    ("held, the callee hangs up", &[Call, Hold], &[Answer, Hangup], LOSSY),
    ("held and hung up", &[Call, Hold, Hangup], &[Answer], LOSSY),
    ("updated", &[Call, Update], &[Answer], SOUND),
    ("a hold crosses an UPDATE", &[Call, Hold], &[Answer, Update], LOSSY),
    ("rung reliably", &[Call], &[Progress, Answer], SOUND),
    ("heard before the answer", &[Call], &[EarlyMedia, Answer], SOUND),
    ("heard before the answer, cancelled", &[Call, Hangup], &[EarlyMedia, Answer], LOSSY),
    ("rung, then heard", &[Call], &[Progress, EarlyMedia, Answer], LOSSY),
    ("a transfer is refused", &[Call, Transfer(200)], &[Answer, RejectTransfer], SOUND),
    ("a transfer to somebody busy", &[Call, Transfer(486)], &[Answer, AcceptTransfer], LOSSY),
    ("transferred", &[Call, Transfer(200)], &[Answer, AcceptTransfer], QUIET),
    ("a transfer crosses a BYE", &[Call, Transfer(200)], &[Answer, Hangup], LOSSY),
];

/// A row of the page with more histories than this takes too long without optimization.
const HISTORIES_MAX: u64 = 2_000;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds.md");

const HEAD: &str = "# Small worlds\n\n\
    Two users, their scripts, and every order in which it can all happen, with so many datagrams lost, doubled or late; \
    see `offhook_core::sim::worlds`. In each of these worlds all that must hold does. Written by `core/tests/worlds.rs`, \
    which keeps it current (`OFFHOOK_WRITE=1 cargo test --release -p offhook-core --features sim --test worlds` writes \
    it anew).\n\n\
    | script | lost | doubled | late | worlds | ends | steps | deep | histories |\n|---|---|---|---|---|---|---|---|---|\n";

fn row(name: &str, (losses, duplicates, late): Budget, counts: Counts) -> String {
    let Counts { worlds, ends, steps, depth, histories, .. } = counts;
    format!(
        "| {name} | {losses} | {duplicates} | {late} | {worlds} | {ends} | {steps} | {depth} | {histories} |\n"
    )
}

fn visit(name: &str, caller: &[Act], callee: &[Act], (losses, duplicates, late): Budget) -> Counts {
    let mut worlds = Worlds::new(caller, callee).losses(losses).duplicates(duplicates).late(late);
    if callee.iter().any(|act| matches!(act, Ring | Progress | EarlyMedia)) {
        worlds = worlds.silent();
    }
    worlds
        .explore()
        .unwrap_or_else(|found| panic!("{name}, {losses} lost, {duplicates} doubled, {late} late: {found}"))
}

#[test]
fn every_order_ends_well() {
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    let all =
        !cfg!(debug_assertions) || std::env::var_os("OFFHOOK_WORLDS").is_some_and(|which| which == "all");
    let (mut page, mut sum) = (String::from(HEAD), Counts::default());
    for &(name, caller, callee, budgets) in SCRIPTS {
        for &budget in budgets {
            let (losses, duplicates, late) = budget;
            let start = format!("| {name} | {losses} | {duplicates} | {late} |");
            let known = committed.lines().find(|line| line.starts_with(&start));
            let histories = known.and_then(|line| line.split('|').rev().nth(1)?.trim().parse().ok());
            if let Some(line) =
                known.filter(|_| !all && histories.is_some_and(|many: u64| many > HISTORIES_MAX))
            {
                page += &format!("{line}\n");
                continue;
            }
            let counts = visit(name, caller, callee, budget);
            println!("{name}, {losses} lost, {duplicates} doubled, {late} late: {counts}");
            page += &row(name, budget, counts);
            sum.worlds += counts.worlds;
            sum.ends += counts.ends;
            sum.steps += counts.steps;
            sum.histories += counts.histories;
        }
    }
    println!(
        "visited: {} worlds, {} ends, {} steps, {} histories",
        sum.worlds, sum.ends, sum.steps, sum.histories
    );
    if std::env::var_os("OFFHOOK_WRITE").is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    assert!(committed == page || std::env::var_os("OFFHOOK_WRITE").is_some(), "{PAGE} is stale:\n{page}");
}
