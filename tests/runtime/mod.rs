//! What holds on every runtime. `tests/on_*.rs` run it, each with a module `rt` that says which runtime it is: the names
//! of its crate, its type as `R`, and `run`, `run_alone` and `spawn`. Nothing else here knows.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use offhook_core::peer::{Runtime, Timer};
// These belong to no runtime.
pub use futures_lite::future::{or, poll_once, yield_now, zip};

use crate::rt::{Call, R, SimplePeer, Timing};

mod audio;
mod calls;
mod cancel;
mod early;
mod errands;
mod handler;
mod hold;
mod keys;
mod life;
mod look;
mod parts;
mod policies;
mod refusals;
mod register;
mod sources;
mod trace;
mod transfer;
mod trouble;

/// Makes tests of async functions.
macro_rules! on_runtime {
    ($($name:ident),* $(,)?) => {
        mod on_runtime {
            $(#[test]
            fn $name() {
                crate::rt::run(super::$name());
            })*
        }
    };
}
use on_runtime;

pub const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A peer on any free port of the loopback interface.
pub async fn peer(user: &str) -> SimplePeer {
    SimplePeer::builder(user).bind(LOOPBACK).start().await.unwrap()
}

/// Ready after `time`, by the runtime's own timer.
pub async fn sleep(time: Duration) {
    let runtime = R::current().unwrap();
    let mut timer = runtime.timer();
    timer.set(runtime.now() + time);
    std::future::poll_fn(|cx| timer.poll(cx)).await;
}

/// The future's outcome, or `None` after `time`.
pub async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        sleep(time).await;
        None
    };
    or(async { Some(future.await) }, late).await
}

/// The future's outcome; a test that hangs fails instead.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    within(Duration::from_secs(20), future).await.expect("this takes too long")
}

/// Waits until `done`; a test that hangs fails instead.
pub async fn until(mut done: impl FnMut() -> bool) {
    soon(async {
        while !done() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Two peers in a call: caller's peer and call, callee's peer and call.
pub struct Pair {
    pub alice: SimplePeer,
    pub bob: SimplePeer,
    pub to_bob: Call,
    pub to_alice: Call,
}

/// Alice calls Bob, who answers.
pub async fn connect(alice: &SimplePeer, bob: &SimplePeer) -> (Call, Call) {
    let target = bob.uri();
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (to_bob, to_alice) = soon(zip(alice.call(&target), answer)).await;
    (to_bob.unwrap(), to_alice)
}

/// Alice has called Bob, who has answered.
pub async fn in_call() -> Pair {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    Pair { to_bob, to_alice, alice, bob }
}

/// Timers short enough for a test.
pub fn hasty() -> Timing {
    Timing { t1: Duration::from_millis(10), t2: Duration::from_millis(80), t4: Duration::from_millis(100) }
}

/// Mean magnitude of the samples.
pub fn loudness(samples: &[i16]) -> u32 {
    let sum: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
    u32::try_from(sum / u64::try_from(samples.len().max(1)).unwrap()).unwrap()
}
