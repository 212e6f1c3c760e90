//! Takes calls with a coordinator and nothing else, to count what a call costs. `core/benches/README.md` says how.
//!
//! ```text
//! cargo run --release -p offhook-core --example uas_calls -- CALLS [HELD [MICROSECONDS]]
//! ```
//!
//! CALLS calls come, ring, are answered and acknowledged, and for each one call is hung up: the same one, or one of
//! HELD others that are up, picked at random. There is one every so many MICROSECONDS of virtual time (10 000 if not
//! given), so that the timers of finished transactions run out between them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a program that measures"
)]

use std::time::{Duration, Instant};

#[path = "../benches/support/mod.rs"]
mod support;

use offhook_core::base::rng::Rng;
use support::{Call, Caller};

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).map(|arg| arg.parse().expect("a number")).collect();
    let number = |n: usize, default| numbers.get(n).copied().unwrap_or(default);
    let (calls, held) = (number(0, 10_000), number(1, 0));
    let gap = Duration::from_micros(number(2, 10_000));

    let mut caller = Caller::new(held as usize);
    let mut up: Vec<Call> = Vec::with_capacity(held as usize);
    for _ in 0..held {
        up.push(caller.call());
        caller.pass(gap);
    }
    let mut dice = Rng::wire([9; 32]);
    let begun = Instant::now();
    for _ in 0..calls {
        let mut call = caller.call();
        if held > 0 {
            std::mem::swap(&mut call, &mut up[(dice.next_u64() % held) as usize]);
        }
        caller.hang_up(&call);
        caller.pass(gap);
    }
    let nanos = begun.elapsed().as_nanos() as u64;
    assert_eq!(caller.core.registry().len() as u64, held, "only the held calls are up");
    println!(
        "{calls} calls beside {held} held: {} ns a call, {} transactions linger",
        nanos / calls.max(1),
        caller.core.transactions().len()
    );
}
