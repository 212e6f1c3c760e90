//! Whole calls between two peers on real sockets.

use super::{LOOPBACK, connect, in_call, loudness, peer, soon, zip};
use crate::rt::{self, AudioFrame, BodyPart, EndReason, PeerError, SimplePeer};

super::on_runtime! {
    a_call_is_made_heard_and_ended,
    a_call_over_ipv6,
    an_ipv4_peer_cannot_call_ipv6,
    keys_are_heard_both_ways,
    two_peers_call_each_other_at_once,
    a_peer_calls_itself,
    a_dropped_call_is_hung_up,
    auto_answer_needs_nobody,
    progress_and_headers_are_seen,
    answers_leave_from_the_address_that_was_called,
    what_asks_for_another_transport_is_refused_in_its_name,
    numbers_and_names_are_called_at_home,
    body_parts_go_both_ways,
    the_invite_is_kept_no_longer_than_its_incoming_call,
}

async fn what_asks_for_another_transport_is_refused_in_its_name() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    for transport in ["tls", "tcp", "ws", "sctp"] {
        let target = format!("{};transport={transport}", bob.uri());
        let error = soon(alice.call(&target)).await.unwrap_err();
        assert!(matches!(error, PeerError::UnsupportedTransport { .. }), "{error}");
        assert!(error.to_string().contains(transport), "{error}");
        let error = soon(alice.register(&target, std::time::Duration::from_secs(60))).await.unwrap_err();
        assert!(matches!(error, PeerError::UnsupportedTransport { .. }), "{error}");
    }
    soon(zip(alice.shutdown(), bob.shutdown())).await;
}

/// The INVITE may be some thousand octets, and a call hours long.
async fn the_invite_is_kept_no_longer_than_its_incoming_call() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let answer = async {
        let incoming = bob.get_incoming_call().await.unwrap();
        let kept = std::sync::Arc::downgrade(incoming.details());
        assert!(kept.upgrade().is_some_and(|details| details.called_user().as_deref() == Some("bob")));
        (incoming.accept().await.unwrap(), kept)
    };
    let (ours, (theirs, kept)) = soon(zip(alice.call(&target), answer)).await;
    assert!(kept.upgrade().is_none(), "nobody holds it any more");
    drop((ours, theirs));
    soon(zip(alice.shutdown(), bob.shutdown())).await;
}

async fn numbers_and_names_are_called_at_home() {
    let bob = peer("bob").await;
    let homeless = peer("carol").await;
    for target in ["1000", "+49 30 123-45", "bob", "tel:+1-201-555-0123"] {
        let error = soon(homeless.call(target)).await.unwrap_err();
        assert!(matches!(&error, PeerError::NoDomain { target: named } if named == target), "{error}");
    }
    let home = format!("alice@{}", bob.local_addr());
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).address_of_record(&home).start().await.unwrap();
    for (target, user) in
        [("1000", "1000"), ("+49 30 123-45", "+493012345"), ("bob", "bob"), ("tel:+1-2", "+12")]
    {
        let called = async {
            let call = bob.get_incoming_call().await.unwrap();
            let user = call.details().called_user().unwrap().into_owned();
            call.reject(486).await.unwrap();
            user
        };
        let (refused, called) = soon(zip(alice.call(target), called)).await;
        assert_eq!(refused.unwrap_err().status(), Some(486), "{target}");
        assert_eq!(called, user);
    }
    soon(zip(zip(alice.shutdown(), bob.shutdown()), homeless.shutdown())).await;
}

async fn body_parts_go_both_ways() {
    let keep = |name: &str| {
        let mut builder = SimplePeer::builder(name).bind(LOOPBACK).body_type("application/isup");
        builder.config().core.keep_messages = true;
        builder
    };
    let (alice, bob) = (keep("alice").start().await.unwrap(), keep("bob").start().await.unwrap());
    let part = |octet: u8| BodyPart::new("application/isup;version=x", vec![octet, 0, 255]);
    let answer = async {
        let call = bob.get_incoming_call().await.unwrap();
        let parts = call.details().parts();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1], part(1));
        call.set_parts(&[part(2)]).unwrap();
        call.accept().await.unwrap()
    };
    let (to_bob, to_alice) = soon(zip(alice.dial(&bob.uri()).with_part(part(1)), answer)).await;
    assert!(to_bob.unwrap().plan().is_some() && to_alice.plan().is_some(), "the descriptions were found");
    // What nobody takes, and must be taken, is refused.
    let strange = alice.dial(&bob.uri()).with_part(BodyPart::new("image/png", &b"png"[..]));
    assert_eq!(soon(strange).await.unwrap_err().status(), Some(415));
    let broken = alice.dial(&bob.uri()).with_part(BodyPart::new("image/png\r\nX: y", &b"png"[..]));
    assert!(matches!(soon(broken).await, Err(PeerError::BadArgument { .. })));
    soon(zip(alice.shutdown(), bob.shutdown())).await;
}

async fn a_call_is_made_heard_and_ended() {
    let pair = in_call().await;
    assert_eq!(pair.to_alice.remote_uri(), pair.alice.uri());
    assert_eq!(pair.to_bob.remote_uri(), pair.bob.uri());
    assert!(pair.to_bob.plan().is_some());

    let talk = |call| async move {
        let call: &rt::Call = call;
        call.send_audio(AudioFrame::tone(440, 600)).await.unwrap();
        let mut heard = Vec::new();
        while loudness(heard.get(heard.len().saturating_sub(160)..).unwrap()) < 1000 || heard.len() < 3200 {
            let frame = call.recv_audio().await.unwrap();
            assert_eq!((frame.rate, frame.samples.len()), (8000, 160));
            assert_eq!(frame.timestamp, u64::try_from(heard.len()).unwrap());
            heard.extend(frame.samples);
        }
    };
    soon(zip(talk(&pair.to_bob), talk(&pair.to_alice))).await;

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
    soon(zip(pair.alice.shutdown(), pair.bob.shutdown())).await;
}

async fn a_call_over_ipv6() {
    let here = "[::1]:0".parse().unwrap();
    let alice = SimplePeer::builder("alice").bind(here).start().await.unwrap();
    let bob = SimplePeer::builder("bob").bind(here).start().await.unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    assert!(to_bob.plan().unwrap().remote_rtp.unwrap().is_ipv6());
    soon(to_bob.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    assert!(soon(to_alice.recv_audio()).await.is_some());
    soon(to_alice.hangup()).await.unwrap();
    assert_eq!(soon(to_bob.ended()).await.reason, EndReason::RemoteHangup);
}

async fn an_ipv4_peer_cannot_call_ipv6() {
    let alice = peer("alice").await;
    let error = soon(alice.call("sip:bob@[::1]:5070")).await.unwrap_err();
    assert!(error.to_string().contains("bound to IPv4"), "{error}");
}

async fn keys_are_heard_both_ways() {
    let pair = in_call().await;
    let press_and_hear = |press: &'static str, hear: &'static str, call| async move {
        let call: &rt::Call = call;
        let hear = async {
            let mut heard = String::new();
            while heard.len() < hear.len() {
                heard.push(call.recv_dtmf().await.unwrap().digit);
            }
            assert_eq!(heard, hear);
        };
        let (pressed, ()) = zip(call.send_dtmf(press), hear).await;
        pressed.unwrap();
    };
    soon(zip(press_and_hear("12#", "*0D", &pair.to_bob), press_and_hear("*0D", "12#", &pair.to_alice))).await;
    let error = pair.to_bob.send_dtmf("1x").await.unwrap_err();
    assert!(matches!(error, PeerError::BadArgument { what: "digits", .. }), "{error}");
    drop(pair.to_alice);
    soon(pair.to_bob.ended()).await;
    assert!(matches!(pair.to_bob.send_dtmf("1").await, Err(PeerError::Ended(_))));
    assert_eq!(soon(pair.to_bob.recv_dtmf()).await, None);
}

async fn two_peers_call_each_other_at_once() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let answer =
        |peer: SimplePeer| async move { peer.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (to_alice, to_bob) = (alice.uri(), bob.uri());
    let out = zip(alice.call(&to_bob), bob.call(&to_alice));
    let back = zip(answer(alice.clone()), answer(bob.clone()));
    let ((alice_out, bob_out), (alice_back, bob_back)) = soon(zip(out, back)).await;
    assert_eq!(alice.coordinator().registry().len(), 2);
    soon(alice_out.unwrap().hangup()).await.unwrap();
    soon(bob_back.ended()).await;
    assert!(alice_back.end().is_none(), "the other call lives");
    soon(bob_out.unwrap().hangup()).await.unwrap();
    soon(alice_back.ended()).await;
}

async fn a_peer_calls_itself() {
    let alice = peer("alice").await;
    let (out, back) = connect(&alice, &alice).await;
    assert_ne!(out.id(), back.id());
    soon(out.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    assert!(soon(back.recv_audio()).await.is_some());
    soon(back.hangup()).await.unwrap();
    assert_eq!(soon(out.ended()).await.reason, EndReason::RemoteHangup);
}

async fn a_dropped_call_is_hung_up() {
    let pair = in_call().await;
    drop(pair.to_bob);
    assert_eq!(soon(pair.to_alice.ended()).await.reason, EndReason::RemoteHangup);
    // Hanging up what is over is no error.
    soon(pair.to_alice.hangup()).await.unwrap();
    soon(pair.to_alice.hangup()).await.unwrap();
}

async fn auto_answer_needs_nobody() {
    let alice = peer("alice").await;
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
    // Without a scheme, as people type it.
    let target = bob.uri().split_off("sip:".len());
    let to_bob = soon(alice.call(&target)).await.unwrap();
    let to_alice = soon(bob.get_incoming_call()).await.unwrap();
    let to_alice = soon(to_alice.accept()).await.unwrap();
    soon(to_bob.hangup()).await.unwrap();
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);

    // A call that nobody fetches ends like any other.
    let to_bob = soon(alice.call(&target)).await.unwrap();
    soon(to_bob.hangup()).await.unwrap();
    soon(bob.shutdown()).await;
    assert!(bob.get_incoming_call().await.is_none());
}

async fn progress_and_headers_are_seen() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri()).with_header("Subject", "lunch");
    assert_eq!(dialing.id(), None);
    let progress = soon(dialing.progress()).await.unwrap();
    assert_eq!((progress.status, progress.phrase.as_str()), (180, "Ringing"));
    assert!(dialing.id().is_some());
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    assert_eq!(incoming.from(), alice.uri());
    assert_eq!(incoming.to(), bob.uri());
    assert_eq!(incoming.details().header("Subject").as_deref(), Some("lunch"));
    assert_eq!(incoming.details().called_user().as_deref(), Some("bob"));
    let (call, answered) = soon(zip(&mut dialing, incoming.accept())).await;
    assert_eq!(soon(dialing.progress()).await, None);
    soon(call.unwrap().hangup()).await.unwrap();
    soon(answered.unwrap().ended()).await;
}

#[test]
fn one_thread_is_enough() {
    rt::run_alone(async {
        let pair = in_call().await;
        soon(pair.to_bob.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
        assert!(soon(pair.to_alice.recv_audio()).await.is_some());
        soon(pair.to_bob.hangup()).await.unwrap();
        soon(zip(pair.alice.shutdown(), pair.bob.shutdown())).await;
    });
}

async fn answers_leave_from_the_address_that_was_called() {
    let alice = peer("alice").await;
    let bob = SimplePeer::new("bob", 0).await.unwrap();
    let here = "127.0.0.2".parse::<std::net::IpAddr>().unwrap();
    let target = format!("sip:bob@{here}:{}", bob.local_addr().port());
    let answer = async {
        let incoming = bob.get_incoming_call().await.unwrap();
        assert_eq!(incoming.details().source().local.ip(), here);
        incoming.accept().await.unwrap()
    };
    let (to_bob, to_alice) = soon(zip(alice.call(&target), answer)).await;
    let to_bob = to_bob.unwrap();
    assert_eq!(to_bob.plan().unwrap().remote_rtp.unwrap().ip(), here);
    for (from, to) in [(&to_bob, &to_alice), (&to_alice, &to_bob)] {
        soon(from.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
        assert!(soon(to.recv_audio()).await.is_some());
        assert_eq!(to.stats().rejected_source, 0);
    }
    soon(to_bob.hangup()).await.unwrap();
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);
    // Its own calls name the address they come from.
    let (_to_alice, to_bob) = connect(&bob, &alice).await;
    assert_eq!(to_bob.remote_uri(), bob.uri());
}
