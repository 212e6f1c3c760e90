//! Peers on real sockets that are recorded.

use std::path::PathBuf;

use offhook_core::trace::{Replay, Trace, replay};

use super::{LOOPBACK, soon, yield_now, zip};
use crate::rt::{
    Config, InviteDetails, RecordingState, Redaction, SignalingDecision, SignalingHandler, SimplePeer,
    UnifiedCoordinator, record_to_file,
};

super::on_runtime! { a_recorded_call_replays_on_both_sides, a_full_disk_ends_the_recording_and_no_call }

/// A file of this test run, gone with its guard.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("offhook-{}-{name}.trace", std::process::id())))
    }

    fn replay(&self) -> Replay {
        let bytes = std::fs::read(&self.0).unwrap();
        let replayed = replay(&Trace::parse(&bytes).unwrap()).unwrap();
        assert!(
            replayed.is_identical(),
            "{:?}\n{}",
            (replayed.divergence, replayed.damage),
            replayed.ladder.to_text()
        );
        replayed
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// An asynchronous handler: what it decides comes as a command.
struct Later;

impl SignalingHandler for Later {
    async fn on_incoming_invite(&self, invite: InviteDetails) -> SignalingDecision {
        yield_now().await;
        assert_eq!(invite.called_user().as_deref(), Some("bob"));
        SignalingDecision::Accept
    }
}

async fn a_recorded_call_replays_on_both_sides() {
    let (here, there) = (Scratch::new("here"), Scratch::new("there"));
    let record = |file: &Scratch| record_to_file(&file.0).unwrap().redact(Redaction::ALL);
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).record(record(&here)).start().await.unwrap();
    let config = Config::new("bob", LOOPBACK).record(record(&there));
    let bob = UnifiedCoordinator::with_handler(config, Later).await.unwrap();
    let target = bob.uri();
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (to_bob, to_alice) = soon(zip(alice.call(&target), answer)).await;
    let to_bob = to_bob.unwrap();
    soon(to_bob.send_dtmf("1")).await.unwrap();
    soon(to_bob.hangup()).await.unwrap();
    soon(to_alice.ended()).await;
    soon(zip(alice.shutdown(), bob.shutdown())).await;
    let stats = bob.recording().unwrap();
    assert_eq!(stats.state, RecordingState::Running);
    assert_eq!(stats.octets, std::fs::metadata(&there.0).unwrap().len());
    for (file, state) in [(&here, "Calling > "), (&there, "Ringing > Answered")] {
        let text = file.replay().ladder.to_text();
        assert!(text.contains(state) && text.contains("200 OK (BYE)"), "{text}");
    }
}

async fn a_full_disk_ends_the_recording_and_no_call() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let recorder = record_to_file("/dev/full").unwrap();
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).record(recorder).start().await.unwrap();
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
    let call = soon(alice.call(&bob.uri())).await.unwrap();
    soon(call.hangup()).await.unwrap();
    let stats = alice.coordinator().recording().unwrap();
    assert!(matches!(stats.state, RecordingState::Failed(_)) && stats.missed > 5, "{stats:?}");
    assert_eq!(bob.coordinator().recording(), None);
    soon(zip(alice.shutdown(), bob.shutdown())).await;
}
