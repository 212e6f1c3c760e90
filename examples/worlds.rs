//! Every order in which one call can happen: exhaustive small worlds of the simulation.
//!
//! ```text
//! cargo run --release --example worlds                      # all standard scripts, compared with the committed counts
//! cargo run --release --example worlds -- --write           # the same, and the page of counts is written anew
//! cargo run --release --example worlds -- --caller call,hangup --callee answer --losses 1 --duplicates 1
//! ```
//!
//! Two users do what their scripts say, at any time; every datagram may arrive in any order, and so many may be lost,
//! doubled or late. If a rule breaks, the shortest way there is drawn as a ladder, and the exit code says so.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use offhook_core::sim::worlds::{Act, Counts, Script, Worlds, standard};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/core/tests/worlds.md");

/// Explores every order in which one call can happen.
#[derive(Parser)]
struct Options {
    /// Write the page of counts anew.
    #[arg(long)]
    write: bool,
    /// Explore this script alone: call, ring, answer, reject, hangup, in this order.
    #[arg(long, value_delimiter = ',', value_parser = act, requires = "callee")]
    caller: Vec<Act>,
    /// What the callee does.
    #[arg(long, value_delimiter = ',', value_parser = act, requires = "caller")]
    callee: Vec<Act>,
    /// Messages that may be lost.
    #[arg(long, default_value_t = 0)]
    losses: u8,
    /// Messages that may arrive twice.
    #[arg(long, default_value_t = 0)]
    duplicates: u8,
    /// Messages that may be slower than a timer.
    #[arg(long, default_value_t = 0)]
    late: u8,
}

fn act(word: &str) -> Result<Act, String> {
    match word {
        "call" => Ok(Act::Call),
        "ring" => Ok(Act::Ring),
        "answer" => Ok(Act::Answer),
        "reject" => Ok(Act::Reject(486)),
        "hangup" => Ok(Act::Hangup),
        _ => Err(String::from("one of call, ring, answer, reject, hangup")),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.caller.is_empty() {
        let worlds = Worlds::new(options.caller, options.callee);
        let worlds = worlds.losses(options.losses).duplicates(options.duplicates).late(options.late);
        return match explore(&worlds) {
            Some(_) => ExitCode::SUCCESS,
            None => ExitCode::FAILURE,
        };
    }
    let mut page = String::from(
        "# Exhaustive small worlds\n\n\
         How many worlds each standard script has; in none of them is a rule broken. Written by\n\
         `cargo run --release --example worlds -- --write`.\n\n\
         | script | lost | doubled | late | worlds | ends | steps | depth |\n|---|---|---|---|---|---|---|---|\n",
    );
    for script in standard() {
        let Script { name, losses, duplicates, late, .. } = script;
        println!("{name}; {losses} lost, {duplicates} doubled, {late} late");
        let Some(Counts { worlds, ends, steps, depth }) = explore(&script.worlds()) else {
            return ExitCode::FAILURE;
        };
        page += &format!(
            "| {name} | {losses} | {duplicates} | {late} | {worlds} | {ends} | {steps} | {depth} |\n"
        );
    }
    if options.write {
        if let Err(error) = std::fs::write(PAGE, page) {
            eprintln!("worlds: cannot write {PAGE}: {error}");
            return ExitCode::FAILURE;
        }
    } else if std::fs::read_to_string(PAGE).ok().as_deref() != Some(&page) {
        eprintln!("worlds: the counts are not those of {PAGE}; if that is meant, run with --write");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn explore(worlds: &Worlds) -> Option<Counts> {
    let start = Instant::now();
    match worlds.explore() {
        Ok(counts) => {
            println!("    {counts}, {:.1} s, no rule broken", start.elapsed().as_secs_f64());
            Some(counts)
        }
        Err(found) => {
            println!("{found}");
            None
        }
    }
}
