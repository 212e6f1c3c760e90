//! The blocking runtime of `examples/std_runtime.rs` against a peer on tokio: it is called, and it calls.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "its command line is not used here")]
#[path = "../examples/std_runtime.rs"]
mod std_runtime;

use std::time::Duration;

use offhook_tokio::{AudioFrame, EndReason, SimplePeer};
use std_runtime::Phone;
use tokio::time::timeout;

const HERE: &str = "127.0.0.1:0";

async fn peer() -> SimplePeer {
    SimplePeer::builder("alice").bind(HERE.parse().unwrap()).start().await.unwrap()
}

/// Frames with sound until the call is over.
async fn loud(call: &offhook_tokio::Call) -> u32 {
    let mut loud = 0;
    while let Some(frame) = call.recv_audio().await {
        loud += u32::from(frame.samples.iter().any(|sample| sample.unsigned_abs() > 1000));
    }
    loud
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_called() {
    let mut phone = Phone::start(HERE.parse().unwrap()).unwrap();
    let uri = format!("sip:std@{}", phone.local);
    let thread = std::thread::spawn(move || (phone.run(None).unwrap(), phone.heard));
    let talk = async {
        let alice = peer().await;
        let call = alice.call(&uri).await.unwrap();
        let speak = async {
            call.send_audio(AudioFrame::tone(440, 1000)).await.unwrap();
            call.flush_audio().await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            call.hangup().await.unwrap();
        };
        let ((), heard) = tokio::join!(speak, loud(&call));
        alice.shutdown().await;
        heard
    };
    let heard = timeout(Duration::from_secs(20), talk).await.expect("this takes too long");
    let (end, heard_there) = thread.join().unwrap();
    assert_eq!(end, EndReason::RemoteHangup);
    assert!(heard > 40 && heard_there > 40, "{heard} {heard_there}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_calls_and_hangs_up() {
    let bob = peer().await;
    let uri = bob.uri();
    let mut phone = Phone::start(HERE.parse().unwrap()).unwrap();
    let thread =
        std::thread::spawn(move || (phone.run(Some((&uri, Duration::from_secs(1)))).unwrap(), phone.heard));
    let talk = async {
        let call = bob.get_incoming_call().await.unwrap().accept().await.unwrap();
        call.send_audio(AudioFrame::tone(440, 600)).await.unwrap();
        let heard = loud(&call).await;
        assert_eq!(call.ended().await.reason, EndReason::RemoteHangup);
        heard
    };
    let heard = timeout(Duration::from_secs(20), talk).await.expect("this takes too long");
    let (end, heard_there) = thread.join().unwrap();
    assert_eq!(end, EndReason::LocalHangup);
    assert!(heard > 40 && heard_there > 20, "{heard} {heard_there}");
}

#[test]
fn a_target_out_of_reach_is_an_end_with_a_reason() {
    let mut phone = Phone::start(HERE.parse().unwrap()).unwrap();
    let end = phone.run(Some(("sip:x@[::1]:5060", Duration::from_secs(1)))).unwrap();
    assert_eq!(end, EndReason::NameFailure);
}
