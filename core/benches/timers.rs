//! Timers among 100 000 others.
#![allow(missing_docs, reason = "the macros of criterion write functions")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use offhook_core::base::rng::Rng;
use offhook_core::base::time::Instant;
use offhook_core::base::timers::Timers;

const LIVE: u64 = 100_000;

fn timers(criterion: &mut Criterion) {
    let mut rng = Rng::wire([3; 32]);
    let mut delay = move || Duration::from_nanos(rng.next_u64() % 32_000_000_000);
    let mut timers: Timers<u64> = Timers::new(LIVE as usize + 1);
    let mut now = Instant::ZERO;
    for n in 0..LIVE {
        timers.arm(now + delay(), n);
    }
    let mut group = criterion.benchmark_group("timers, 100 000 live");
    group.bench_function("arm and cancel", |bencher| {
        bencher.iter(|| {
            let key = timers.arm(now + delay(), 0);
            key.map(|key| timers.cancel(key))
        });
    });
    group.bench_function("expire and arm", |bencher| {
        bencher.iter(|| {
            now = timers.next().unwrap_or(now);
            let due = timers.pop_due(now);
            timers.arm(now + delay(), due.unwrap_or(0))
        });
    });
    group.finish();
}

criterion_group!(benches, timers);
criterion_main!(benches);
