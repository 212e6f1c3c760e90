//! Beginning and end of a peer.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{LOOPBACK, in_call, peer, soon};
use offhook_tokio::{EndReason, Event, PeerError, SimplePeer, State};

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_live_calls() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut calls = Vec::new();
    for _ in 0..5 {
        let target = bob.uri();
        let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
        let (out, back) = soon(async { tokio::join!(alice.call(&target), answer) }).await;
        calls.push((out.unwrap(), back));
    }
    let mut ringing = alice.dial(&bob.uri());
    soon(ringing.progress()).await.unwrap();
    soon(alice.shutdown()).await;
    for (out, back) in &calls {
        assert_eq!(out.end().unwrap().reason, EndReason::LocalHangup);
        assert_eq!(soon(back.ended()).await.reason, EndReason::RemoteHangup);
    }
    assert!(matches!(soon(ringing).await, Err(PeerError::Cancelled)));
    assert!(matches!(soon(alice.call(&bob.uri())).await, Err(PeerError::ShuttingDown)));
    assert!(alice.get_incoming_call().await.is_none());
    // Once more does no harm.
    soon(alice.shutdown()).await;
    SimplePeer::builder("carol").bind(alice.local_addr()).start().await.expect("the port is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_get_incoming_call_ends_with_the_shutdown() {
    let alice = peer("alice").await;
    let waiting = tokio::spawn({
        let alice = alice.clone();
        async move { alice.get_incoming_call().await.is_none() }
    });
    tokio::task::yield_now().await;
    soon(alice.shutdown()).await;
    assert!(soon(waiting).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_handle_closes_all() {
    let pair = in_call().await;
    let addr = pair.alice.local_addr();
    drop(pair.alice);
    assert!(pair.to_alice.end().is_none(), "the call holds its peer");
    drop(pair.to_bob);
    assert_eq!(soon(pair.to_alice.ended()).await.reason, EndReason::RemoteHangup);
    // The socket closes in the background.
    soon(async {
        while SimplePeer::builder("carol").bind(addr).start().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_registry_show_a_call() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut events = alice.coordinator().events();
    let registry = alice.coordinator().registry();
    assert!(registry.is_empty());
    let target = bob.uri();
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (call, other) = soon(async { tokio::join!(alice.call(&target), answer) }).await;
    let call = call.unwrap();
    let session = call.id();
    assert_eq!(registry.state(session), Some(State::Active));
    let dialogs = registry.dialogs_of(session);
    assert_eq!(dialogs.len(), 1);
    assert_eq!(registry.session_of_dialog(dialogs[0]), Some(session));
    let media = registry.media_of(session).unwrap();
    assert_eq!(registry.session_of_media(media), Some(session));
    assert_eq!(registry.sessions(), [session]);
    // From another thread, while the call runs.
    let seen = tokio::task::spawn_blocking({
        let registry = registry.clone();
        move || registry.state(session)
    });
    assert_eq!(soon(seen).await.unwrap(), Some(State::Active));

    soon(other.hangup()).await.unwrap();
    soon(call.ended()).await;
    soon(alice.shutdown()).await;
    let mut kinds = Vec::new();
    while let Some(event) = soon(events.next()).await {
        kinds.push(match event {
            Event::Progress { status, .. } => format!("progress {status}"),
            Event::Answered { media: stream, .. } => {
                assert_eq!(stream, media);
                String::from("answered")
            }
            Event::Ended { reason, .. } => format!("ended: {reason}"),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(kinds, ["progress 180", "answered", "ended: the other side hung up"]);
    assert_eq!(events.missed(), 0);
}

#[test]
fn a_peer_needs_a_runtime() {
    let start = std::pin::pin!(SimplePeer::new("alice", 0));
    let waker = std::task::Waker::noop();
    let outcome = start.poll(&mut std::task::Context::from_waker(waker));
    let std::task::Poll::Ready(Err(error)) = outcome else { panic!("it must fail at once") };
    assert!(matches!(error, PeerError::Runtime(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_come_and_go_without_a_trace() {
    let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let cycle = async || {
        let alice = peer("alice").await;
        let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
        let call = soon(alice.call(&bob.uri())).await.unwrap();
        soon(async { tokio::join!(alice.shutdown(), bob.shutdown()) }).await;
        drop(call);
    };
    cycle().await;
    let files_before = files();
    for _ in 0..20 {
        cycle().await;
    }
    // The last task ends right after it has told so.
    soon(async {
        while tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Other tests of this program have files open too, but not this many.
    let files_after = files();
    assert!(files_after < files_before + 60, "{files_before} {files_after}");
}
