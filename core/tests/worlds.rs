//! Every order in which a call can be made, answered, cancelled, refused and hung up, with any message lost, doubled or
//! late. How many worlds that makes stands in `worlds.md`: the same code visits the same worlds.
//!
//! A debug build visits what is quickly visited; `OFFHOOK_WORLDS=all` or a release build visits all, `OFFHOOK_WORLDS=held`
//! the scripts with that in their names. `OFFHOOK_WRITE=1` with any of these writes the page anew.
#![allow(clippy::print_stdout, reason = "the counts are for people")]

use offhook_core::sdp::plan::Direction::{Inactive, RecvOnly, SendOnly};
use offhook_core::sim::worlds::Act::{
    self, Answer, Call, EarlyMedia, Hangup, Hold, HoldEarly, Progress, Reject, Resume, Ring,
};
use offhook_core::sim::worlds::Act::{AcceptTransfer, RefuseTransfer, Transfer, Update};
use offhook_core::sim::worlds::{Counts, Worlds};

/// Losses, doubled datagrams, late ones.
type Budget = (u8, u8, u8);

const PUNCTUAL: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)];
const ONE_LATE: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1)];
const LATE: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1)];

/// A little of everything: no accident, and each of them once.
const ONE: &[Budget] = &[(0, 0, 0), (1, 0, 0), (0, 1, 0)];
const LOST: &[Budget] = &[(0, 0, 0), (1, 0, 0)];
const QUIET: &[Budget] = &[(0, 0, 0)];

/// How the worlds of a script begin.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    /// With anything.
    Open,
    /// With a call that is up, and nothing left of its set-up.
    Up,
    /// With an INVITE that has come.
    Rung,
    /// The same, and both want provisional responses to be reliable.
    RungReliably,
    /// With an INVITE that has come to one who sends BYE before the answer.
    RungByes,
}
use Start::{Open, Rung, RungByes, RungReliably, Up};

/// What it is called, how it begins, what the two users do, and what the network does.
type Script = (&'static str, Start, &'static [Act], &'static [Act], &'static [Budget]);

const SCRIPTS: &[Script] = &[
    ("nobody answers", Open, &[Call], &[], LATE),
    ("refused", Open, &[Call], &[Reject(603)], LATE),
    ("cancelled", Open, &[Call, Hangup], &[], LATE),
    ("cancelled or refused", Open, &[Call, Hangup], &[Reject(486)], LATE),
    ("cancelled or refused by hanging up", Open, &[Call, Hangup], &[Hangup], ONE_LATE),
    ("answered", Open, &[Call], &[Answer], ONE_LATE),
    ("cancelled or answered, the caller hangs up", Open, &[Call, Hangup], &[Answer], ONE_LATE),
    ("answered, the callee hangs up", Open, &[Call], &[Answer, Hangup], PUNCTUAL),
    ("cancelled or answered, both hang up", Open, &[Call, Hangup], &[Answer, Hangup], PUNCTUAL),
    ("rung for late, cancelled or answered", Open, &[Call, Hangup], &[Ring, Answer], PUNCTUAL),
    ("held by the caller", Up, &[Call, Hold], &[Answer], PUNCTUAL),
    ("held by the callee", Up, &[Call], &[Answer, Hold], PUNCTUAL),
    ("held by both", Up, &[Call, Hold], &[Answer, Hold], ONE),
    ("held by both, the caller resumes", Up, &[Call, Hold, Resume], &[Answer, Hold], QUIET),
    ("held and resumed", Up, &[Call, Hold, Resume], &[Answer], ONE),
    ("held, and hung up by the holder", Up, &[Call, Hold, Hangup], &[Answer], ONE),
    ("held by the caller, hung up by the callee", Up, &[Call, Hold], &[Answer, Hangup], ONE),
    ("held by the callee, hung up by the caller", Up, &[Call, Hangup], &[Answer, Hold], ONE),
    ("held by UPDATE of the caller", Up, &[Call, Update(SendOnly)], &[Answer], PUNCTUAL),
    ("held by UPDATE of the callee", Up, &[Call], &[Answer, Update(SendOnly)], PUNCTUAL),
    ("held by UPDATE of both", Up, &[Call, Update(SendOnly)], &[Answer, Update(SendOnly)], ONE),
    ("held, and an UPDATE of the callee", Up, &[Call, Hold], &[Answer, Update(RecvOnly)], ONE),
    ("UPDATE, hung up by the callee", Up, &[Call, Update(Inactive)], &[Answer, Hangup], ONE),
    ("held at once by the caller", Rung, &[Call, Hold], &[Answer], ONE),
    ("held at once by the callee", Rung, &[Call], &[Answer, Hold], ONE),
    ("ringing reliably, answered", RungReliably, &[Call], &[Progress, Answer], ONE),
    ("ringing reliably, cancelled or answered", RungReliably, &[Call, Hangup], &[Progress, Answer], ONE),
    ("early media, answered", Rung, &[Call], &[EarlyMedia, Answer], ONE),
    ("early media, cancelled", Rung, &[Call, Hangup], &[EarlyMedia], ONE),
    ("early media, cancelled or answered", Rung, &[Call, Hangup], &[EarlyMedia, Answer], ONE),
    ("early media, answered, hung up by the callee", Rung, &[Call], &[EarlyMedia, Answer, Hangup], LOST),
    ("early media, refused", Rung, &[Call], &[EarlyMedia, Reject(486)], ONE),
    ("early media, ringing, answered", RungReliably, &[Call], &[EarlyMedia, Progress, Answer], LOST),
    ("early media, held by the caller", Rung, &[Call, HoldEarly], &[EarlyMedia, Answer], ONE),
    ("early media, held by the callee", Rung, &[Call], &[EarlyMedia, HoldEarly, Answer], LOST),
    ("early media, held by both", Rung, &[Call, HoldEarly], &[EarlyMedia, HoldEarly, Answer], QUIET),
    ("early media, held, refused", Rung, &[Call, HoldEarly], &[EarlyMedia, Reject(486)], ONE),
    ("early media, held, cancelled", Rung, &[Call, HoldEarly, Hangup], &[EarlyMedia, HoldEarly], QUIET),
    ("BYE before the answer", RungByes, &[Call], &[Hangup], PUNCTUAL),
    ("BYE before the answer, or cancelled", RungByes, &[Call, Hangup], &[Hangup], ONE),
    ("transfer refused", Up, &[Call, Transfer(true)], &[Answer, RefuseTransfer], ONE),
    ("nobody consents to the transfer", Up, &[Call, Transfer(true)], &[Answer], ONE),
    ("transferred", Up, &[Call, Transfer(true)], &[Answer, AcceptTransfer], ONE),
    ("transferred in vain", Up, &[Call, Transfer(false)], &[Answer, AcceptTransfer], ONE),
    ("the callee transfers", Up, &[Call, AcceptTransfer], &[Answer, Transfer(true)], LOST),
    (
        "transferred, and hung up by the asker",
        Up,
        &[Call, Transfer(true), Hangup],
        &[Answer, AcceptTransfer],
        LOST,
    ),
    (
        "transferred, and hung up by the asked",
        Up,
        &[Call, Transfer(true)],
        &[Answer, AcceptTransfer, Hangup],
        QUIET,
    ),
    ("transferred in vain, and held", Up, &[Call, Transfer(false), Hold], &[Answer, AcceptTransfer], QUIET),
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

fn visit(
    name: &str,
    start: Start,
    caller: &[Act],
    callee: &[Act],
    (losses, duplicates, late): Budget,
) -> Result<Counts, String> {
    let mut worlds = Worlds::new(caller, callee).losses(losses).duplicates(duplicates).late(late);
    if callee.contains(&Ring) {
        worlds = worlds.silent();
    }
    worlds = match start {
        Open => worlds,
        Up => worlds.after([0, 1]),
        Rung => worlds.after([0]),
        RungReliably => worlds.after([0]).reliably(),
        RungByes => worlds.after([0]).byes_early(),
    };
    worlds
        .explore()
        .map_err(|found| format!("{name}, {losses} lost, {duplicates} doubled, {late} late: {found}"))
}

#[test]
fn every_order_ends_well() {
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    let which =
        std::env::var_os("OFFHOOK_WORLDS").and_then(|which| which.into_string().ok()).unwrap_or_default();
    let all = !cfg!(debug_assertions) || which == "all";
    let only = |name: &str| which.is_empty() || which == "all" || name.contains(&which);
    let (mut page, mut sum, mut wrong) = (String::from(HEAD), Counts::default(), Vec::new());
    for &(name, begin, caller, callee, budgets) in SCRIPTS {
        for &budget in budgets {
            let (losses, duplicates, late) = budget;
            let start = format!("| {name} | {losses} | {duplicates} | {late} |");
            let known = committed.lines().find(|line| line.starts_with(&start));
            let histories = known.and_then(|line| line.split('|').rev().nth(1)?.trim().parse().ok());
            let many = !all && histories.is_some_and(|many: u64| many > HISTORIES_MAX);
            if let Some(line) = known.filter(|_| many || !only(name)) {
                page += &format!("{line}\n");
                continue;
            }
            let counts = match visit(name, begin, caller, callee, budget) {
                Ok(counts) => counts,
                Err(found) => {
                    wrong.push(found);
                    break;
                }
            };
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if std::env::var_os("OFFHOOK_WRITE").is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    assert!(committed == page || std::env::var_os("OFFHOOK_WRITE").is_some(), "{PAGE} is stale:\n{page}");
}
