//! Beginning and end of a peer.

use super::{LOOPBACK, connect, hasty, in_call, peer, soon, until, yield_now};
use crate::rt::{self, EndReason, Event, PeerError, SimplePeer, State};

super::on_runtime! {
    shutdown_waits_for_live_calls,
    a_waiting_get_incoming_call_ends_with_the_shutdown,
    the_last_handle_closes_all,
    a_call_is_forgotten_in_time,
    events_and_registry_show_a_call,
}

async fn shutdown_waits_for_live_calls() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(connect(&alice, &bob).await);
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

async fn a_waiting_get_incoming_call_ends_with_the_shutdown() {
    let alice = peer("alice").await;
    let waiting = rt::spawn({
        let alice = alice.clone();
        async move { alice.get_incoming_call().await.is_none() }
    });
    yield_now().await;
    soon(alice.shutdown()).await;
    assert!(soon(waiting).await);
}

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
            yield_now().await;
        }
    })
    .await;
}

async fn a_call_is_forgotten_in_time() {
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).timing(hasty()).start().await.unwrap();
    let bob = peer("bob").await;
    for _ in 0..3 {
        drop(connect(&alice, &bob).await);
    }
    let registry = alice.coordinator().registry();
    until(|| registry.is_empty()).await;
}

async fn events_and_registry_show_a_call() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut events = alice.coordinator().events();
    let registry = alice.coordinator().registry();
    assert!(registry.is_empty());
    let (call, other) = connect(&alice, &bob).await;
    let session = call.id();
    assert_eq!(registry.state(session), Some(State::Active));
    let dialogs = registry.dialogs_of(session);
    assert_eq!(dialogs.len(), 1);
    assert_eq!(registry.session_of_dialog(dialogs[0]), Some(session));
    let media = registry.media_of(session).unwrap();
    assert_eq!(registry.session_of_media(media), Some(session));
    assert_eq!(registry.sessions(), [session]);
    // From another thread, while the call runs.
    let seen = std::thread::spawn({
        let registry = registry.clone();
        move || registry.state(session)
    });
    assert_eq!(seen.join().unwrap(), Some(State::Active));

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
