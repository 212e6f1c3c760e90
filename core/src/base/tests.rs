#![allow(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;

use super::rng::Rng;
use super::slab::Slab;
use super::time::Instant;
use super::timers::{TimerKey, Timers};
use alloc::vec::Vec;

#[test]
fn a_stale_key_finds_nothing() {
    let mut slab: Slab<TimerKey, u32> = Slab::new(1);
    let first = slab.insert(1).unwrap();
    assert!(slab.insert(2).is_none(), "full");
    assert_eq!(slab.remove(first), Some(1));
    let second = slab.insert(3).unwrap();
    assert_eq!(slab.get(first), None);
    assert_eq!(slab.remove(first), None);
    assert_eq!(slab.get(second), Some(&3));
}

#[test]
fn timers_expire_in_order_whatever_was_cancelled() {
    let mut rng = Rng::secret([7; 32]);
    let mut timers: Timers<u64> = Timers::new(10_000);
    let mut armed = Vec::new();
    for n in 0..5_000_u64 {
        let at = Instant::from_nanos(rng.next_u64() % 1_000);
        armed.push((at, n, timers.arm(at, n).unwrap()));
    }
    armed.retain(|&(_, n, key)| {
        if n % 3 == 0 {
            timers.cancel(key);
            timers.cancel(key);
        }
        n % 3 != 0
    });
    armed.sort();
    for (at, n, _) in armed {
        assert_eq!(timers.next(), Some(at));
        assert_eq!(timers.pop_due(at), Some(n));
    }
    assert!(timers.is_empty());
    assert_eq!(timers.pop_due(Instant::ZERO + Duration::MAX), None);
}
