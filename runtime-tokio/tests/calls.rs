//! Whole calls between two peers on real sockets.

mod common;

use common::{LOOPBACK, in_call, loudness, peer, soon};
use offhook_tokio::{AudioFrame, EndReason, PeerError, SimplePeer, Timing};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_made_heard_and_ended() {
    let pair = in_call().await;
    assert_eq!(pair.to_alice.remote_uri(), pair.alice.uri());
    assert_eq!(pair.to_bob.remote_uri(), pair.bob.uri());
    assert!(pair.to_bob.plan().is_some());

    let talk = |call| async move {
        let call: &offhook_tokio::Call = call;
        call.send_audio(AudioFrame::tone(440, 600)).await.unwrap();
        let mut heard = Vec::new();
        while loudness(heard.get(heard.len().saturating_sub(160)..).unwrap()) < 1000 || heard.len() < 3200 {
            let frame = call.recv_audio().await.unwrap();
            assert_eq!((frame.rate, frame.samples.len()), (8000, 160));
            assert_eq!(frame.timestamp, u64::try_from(heard.len()).unwrap());
            heard.extend(frame.samples);
        }
    };
    soon(async { tokio::join!(talk(&pair.to_bob), talk(&pair.to_alice)) }).await;

    soon(pair.to_bob.hangup()).await.unwrap();
    let end = soon(pair.to_alice.ended()).await;
    assert_eq!(end.reason, EndReason::RemoteHangup);
    assert_eq!(pair.to_bob.end().unwrap().reason, EndReason::LocalHangup);
    while soon(pair.to_alice.recv_audio()).await.is_some() {}
    assert!(pair.to_alice.stats().received_packets > 10);
    assert!(matches!(
        pair.to_alice.send_audio(AudioFrame::silence(20)).await,
        Err(PeerError::Ended(end)) if end.reason == EndReason::RemoteHangup
    ));
    soon(async { tokio::join!(pair.alice.shutdown(), pair.bob.shutdown()) }).await;
}
