//! Every order in which one call can happen: exhaustive small worlds of the simulation.
//!
//! ```text
//! cargo run --release --example worlds
//! cargo run --release --example worlds -- --caller call,hangup --callee ring,answer --losses 1 --duplicates 1
//! ```
//!
//! Two users do what their scripts say, at any time; every datagram may arrive in any order, and so many may be lost,
//! doubled or late. If a rule breaks, the shortest way there is drawn as a ladder, and the exit code says so. The
//! scripts that are explored as a matter of course are counted in `core/tests/worlds.md`.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use offhook_core::sdp::plan::Direction;
use offhook_core::sim::worlds::{Act, Worlds};

/// Explores every order in which one call can happen.
#[derive(Parser)]
struct Options {
    /// What the caller does, in this order: call, ring, answer, reject, hangup, progress, early, hold, resume, update,
    /// transfer, accept, refuse.
    #[arg(long, value_delimiter = ',', value_parser = act, default_value = "call,hangup")]
    caller: Vec<Act>,
    /// What the callee does.
    #[arg(long, value_delimiter = ',', value_parser = act, default_value = "answer,hangup")]
    callee: Vec<Act>,
    /// Messages that may be lost.
    #[arg(long, default_value_t = 1)]
    losses: u8,
    /// Messages that may arrive twice.
    #[arg(long, default_value_t = 1)]
    duplicates: u8,
    /// Messages that may be slower than a timer.
    #[arg(long, default_value_t = 0)]
    late: u8,
}

const WORDS: &str =
    "call, ring, answer, reject, hangup, progress, early, hold, resume, update, transfer, accept, refuse";

fn act(word: &str) -> Result<Act, String> {
    match word {
        "call" => Ok(Act::Call),
        "ring" => Ok(Act::Ring),
        "answer" => Ok(Act::Answer),
        "reject" => Ok(Act::Reject(486)),
        "hangup" => Ok(Act::Hangup),
        "progress" => Ok(Act::Progress),
        "early" => Ok(Act::EarlyMedia),
        "hold" => Ok(Act::Hold),
        "resume" => Ok(Act::Resume),
        "update" => Ok(Act::Update(Direction::SendOnly)),
        "transfer" => Ok(Act::Transfer(true)),
        "accept" => Ok(Act::AcceptTransfer),
        "refuse" => Ok(Act::RefuseTransfer),
        _ => Err(format!("one of {WORDS}")),
    }
}

fn main() -> ExitCode {
    let Options { caller, callee, losses, duplicates, late } = Options::parse();
    let silent = callee.iter().any(|act| matches!(act, Act::Ring | Act::Progress | Act::EarlyMedia));
    let worlds = Worlds::new(caller, callee).losses(losses).duplicates(duplicates).late(late);
    let worlds = if silent { worlds.silent() } else { worlds };
    let start = Instant::now();
    match worlds.explore() {
        Ok(counts) => {
            println!("{counts}; no rule broken, {:.1} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(found) => {
            println!("{found}");
            ExitCode::FAILURE
        }
    }
}
