//! What every test here needs: peers on the loopback interface.
#![allow(dead_code, reason = "every test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use offhook_tokio::{Call, SimplePeer};

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A peer on any free port of the loopback interface.
pub(crate) async fn peer(user: &str) -> SimplePeer {
    SimplePeer::builder(user).bind(LOOPBACK).start().await.unwrap()
}

/// The future's outcome; a test that hangs fails instead.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("this takes too long")
}

/// Two peers in a call: caller's peer and call, callee's peer and call.
pub(crate) struct Pair {
    pub(crate) alice: SimplePeer,
    pub(crate) bob: SimplePeer,
    pub(crate) to_bob: Call,
    pub(crate) to_alice: Call,
}

/// Alice has called Bob, who has answered.
pub(crate) async fn in_call() -> Pair {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (to_bob, to_alice) = soon(async { tokio::join!(alice.call(&target), answer) }).await;
    Pair { to_bob: to_bob.unwrap(), to_alice, alice, bob }
}

/// Mean magnitude of the samples.
pub(crate) fn loudness(samples: &[i16]) -> u32 {
    let sum: u64 = samples.iter().map(|sample| u64::from(sample.unsigned_abs())).sum();
    u32::try_from(sum / u64::try_from(samples.len().max(1)).unwrap()).unwrap()
}
