//! Whole calls through the core, and what a message costs beside many calls.
#![allow(missing_docs, clippy::unwrap_used, reason = "the macros of criterion write functions; a bench")]

use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use support::{Caller, Input};

mod support;

/// A coordinator with so many calls up and nothing else under way.
fn holding(held: usize) -> Caller {
    let mut caller = Caller::new(held);
    for _ in 0..held {
        caller.call();
        caller.pass(Duration::from_millis(10));
    }
    caller.pass(Duration::from_secs(64));
    caller
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a whole UAS call");
    for held in [0, 1_000, 100_000] {
        let mut caller = holding(held);
        group.bench_function(format!("beside {held} calls"), |bencher| {
            bencher.iter(|| {
                caller.whole_call();
                caller.pass(Duration::from_millis(10));
            });
        });
    }
    group.finish();
}

fn repeats(criterion: &mut Criterion) {
    let mut caller = Caller::new(1);
    let call = caller.ring();
    let invite = caller.invite.fill(&call).to_vec();
    criterion.bench_function("an INVITE that came again", |bencher| {
        bencher.iter_batched(|| (), |()| caller.input(Input::Datagram(&invite)), BatchSize::SmallInput);
    });
}

criterion_group!(benches, calls, repeats);
criterion_main!(benches);
