//! Beginning and end of a peer.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::{LOOPBACK, connect, hasty, in_call, or, peer, sleep, soon, until, yield_now, zip};
use crate::rt::{self, EndReason, Event, PeerError, SimplePeer, State};

super::on_runtime! {
    shutdown_waits_for_live_calls,
    a_waiting_get_incoming_call_ends_with_the_shutdown,
    the_last_handle_closes_all,
    a_shutdown_does_not_wait_for_the_dead,
    a_shutdown_waits_for_no_cancel_either,
    a_drained_peer_ends_with_its_last_call,
    a_drained_peer_has_patience_for_so_long,
    a_drained_peer_without_calls_ends_at_once,
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

/// The next datagram to a socket that nobody serves, as text.
pub async fn heard(socket: &UdpSocket) -> String {
    socket.set_nonblocking(true).unwrap();
    let mut memory = [0; 2000];
    soon(async {
        loop {
            if let Ok(length) = socket.recv(&mut memory) {
                return String::from_utf8_lossy(&memory[..length]).into_owned();
            }
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

/// Somebody calls, is answered, and says nothing more: no ACK, no answer to our BYE.
async fn a_shutdown_does_not_wait_for_the_dead() {
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
    let dead = UdpSocket::bind(LOOPBACK).unwrap();
    let here = dead.local_addr().unwrap();
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=sendonly\r\n";
    let invite = format!(
        "INVITE {} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKdead;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:dead@{here}>;tag=dead\r\nTo: <{}>\r\nCall-ID: dead\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:dead@{here}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        bob.uri(),
        bob.uri(),
        sdp.len()
    );
    dead.send_to(invite.as_bytes(), bob.local_addr()).unwrap();
    while !heard(&dead).await.starts_with("SIP/2.0 200 ") {}
    let call = soon(bob.get_incoming_call()).await.unwrap().accept().await.unwrap();
    let begun = Instant::now();
    soon(bob.shutdown_within(Duration::from_millis(200))).await;
    assert!((200..10_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(call.end().unwrap().reason, EndReason::LocalHangup);
    while !heard(&dead).await.starts_with("BYE ") {}
}

async fn a_shutdown_waits_for_no_cancel_either() {
    let alice = peer("alice").await;
    let dead = UdpSocket::bind(LOOPBACK).unwrap();
    let dialing = alice.dial(&format!("sip:dead@{}", dead.local_addr().unwrap()));
    let (outcome, ()) = soon(zip(dialing, async {
        let invite = heard(&dead).await;
        // Nobody can cancel what nobody has answered (RFC 3261 section 9.1).
        assert!(invite.starts_with("INVITE "), "{invite}");
        let begun = Instant::now();
        alice.shutdown_within(Duration::from_millis(100)).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }))
    .await;
    let Err(PeerError::Ended(end)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(end.reason, EndReason::Unconfirmed);
}

async fn a_drained_peer_ends_with_its_last_call() {
    let pair = in_call().await;
    let carol = peer("carol").await;
    let (alice, addr) = (pair.alice.clone(), pair.alice.local_addr());
    let drained = rt::spawn(async move { alice.drain().await });
    until(|| pair.alice.coordinator().is_stopping()).await;
    let error = soon(carol.call(&pair.alice.uri())).await.unwrap_err();
    assert_eq!(error.status(), Some(503), "{error}");
    assert!(matches!(soon(pair.alice.call(&carol.uri())).await, Err(PeerError::ShuttingDown)));
    assert!(pair.to_bob.end().is_none() && pair.to_alice.end().is_none(), "the call goes on");
    pair.to_alice.hangup().await.unwrap();
    soon(drained).await;
    assert_eq!(pair.to_bob.end().unwrap().reason, EndReason::RemoteHangup);
    assert!(pair.alice.get_incoming_call().await.is_none());
    SimplePeer::builder("dave").bind(addr).start().await.expect("the port is free");
}

async fn a_drained_peer_has_patience_for_so_long() {
    let pair = in_call().await;
    // It goes on if nobody waits for it.
    or(pair.alice.drain(), async { yield_now().await }).await;
    assert!(pair.to_bob.end().is_none());
    soon(pair.alice.drain_within(Duration::from_millis(50))).await;
    assert_eq!(pair.to_bob.end().unwrap().reason, EndReason::LocalHangup);
    assert_eq!(soon(pair.to_alice.ended()).await.reason, EndReason::RemoteHangup);
}

async fn a_drained_peer_without_calls_ends_at_once() {
    let pair = in_call().await;
    soon(pair.to_bob.hangup()).await.unwrap();
    // What lingers to answer late repeats holds up nobody.
    soon(zip(pair.alice.drain(), pair.bob.drain())).await;
}
