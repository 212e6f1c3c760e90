//! Two runtimes in one program: their peers call each other and hear each other.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use futures_lite::future::{or, zip};
use offhook_core::peer::prelude::{AudioFrame, Call, EndReason};
use offhook_core::peer::{Runtime, SimplePeer};
use offhook_smol::Smol;
use offhook_tokio::Tokio;

/// Frames of 20 ms that each side must hear of the other.
const FRAMES: u32 = 25;

async fn start<R: Runtime>(user: &str) -> SimplePeer<R> {
    SimplePeer::builder(user).bind("127.0.0.1:0".parse().unwrap()).start().await.unwrap()
}

/// Speaks, and listens until it has heard enough.
async fn talk(call: &Call) {
    let speak = async { call.send_audio(AudioFrame::tone(440, FRAMES * 40)).await.unwrap() };
    let listen = async {
        let mut loud = 0;
        while loud < FRAMES {
            let frame = call.recv_audio().await.expect("the call is up");
            loud += u32::from(frame.samples.iter().any(|sample| sample.unsigned_abs() > 1000));
        }
    };
    zip(speak, listen).await;
}

/// `caller` calls `callee`: both speak, both hear, the caller hangs up, both shut down.
async fn meet<A: Runtime, B: Runtime>() {
    let (caller, callee) = (start::<A>("alice").await, start::<B>("bob").await);
    let target = callee.uri();
    let answer = async { callee.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (out, back) = zip(caller.call(&target), answer).await;
    let out = out.unwrap();
    zip(talk(&out), talk(&back)).await;
    out.hangup().await.unwrap();
    assert_eq!(back.ended().await.reason, EndReason::RemoteHangup);
    assert_eq!(out.stats().lost + back.stats().lost, 0);
    zip(caller.shutdown(), callee.shutdown()).await;
}

async fn in_time(test: impl Future<Output = ()>) {
    let late = async {
        smol::Timer::after(Duration::from_secs(20)).await;
        panic!("this takes too long");
    };
    or(test, late).await;
}

#[tokio::test]
async fn tokio_calls_smol() {
    in_time(meet::<Tokio, Smol>()).await;
}

#[tokio::test]
async fn smol_calls_tokio() {
    in_time(meet::<Smol, Tokio>()).await;
}
