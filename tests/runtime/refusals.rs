//! Calls that do not come about, each with an error that says why.

use std::time::Duration;

use super::{LOOPBACK, hasty, in_call, or, peer, poll_once, soon, zip};
use crate::rt::{self, AudioFrame, EndReason, PeerError, SimplePeer};

super::on_runtime! {
    busy,
    a_status_that_refuses_nothing_is_refused,
    an_incoming_call_that_is_dropped_is_refused,
    the_caller_cancels_while_it_rings,
    a_dropped_dialing_is_cancelled,
    a_call_nobody_fetched_in_time_is_left_out,
    nobody_answers,
    a_port_in_use_is_named,
    an_address_of_another_machine_cannot_be_bound,
    a_host_without_address_is_named,
    a_name_is_looked_up,
    a_closed_port_is_noticed_at_once,
    silence_is_noticed_in_time,
    bad_arguments_are_named,
    a_rate_that_does_not_fit_is_named,
    a_range_of_media_ports_runs_out_and_recovers,
    media_get_both_ports_of_a_pair_or_none,
}

async fn busy() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let refuse = async { bob.get_incoming_call().await.unwrap().reject(486).await.unwrap() };
    let (call, ()) = soon(zip(alice.call(&target), refuse)).await;
    let error = call.unwrap_err();
    assert_eq!(error.status(), Some(486));
    assert_eq!(error.to_string(), "the call was refused: 486 Busy Here");
}

async fn a_status_that_refuses_nothing_is_refused() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let refuse = async { bob.get_incoming_call().await.unwrap().reject(200).await.unwrap_err() };
    let (call, error) = soon(zip(alice.call(&target), refuse)).await;
    assert!(matches!(error, PeerError::BadArgument { what: "status", .. }), "{error}");
    assert_eq!(call.unwrap_err().status(), Some(480));
}

async fn an_incoming_call_that_is_dropped_is_refused() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let ignore = async { drop(bob.get_incoming_call().await.unwrap()) };
    let (call, ()) = soon(zip(alice.call(&target), ignore)).await;
    assert_eq!(call.unwrap_err().status(), Some(480));
}

async fn the_caller_cancels_while_it_rings() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut dialing = alice.dial(&bob.uri());
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    dialing.cancel();
    assert_eq!(soon(incoming.cancelled()).await.reason, EndReason::Cancelled);
    assert!(matches!(soon(dialing).await, Err(PeerError::Cancelled)));
    let error = soon(incoming.accept()).await.unwrap_err();
    assert!(matches!(error, PeerError::CallerGaveUp), "{error}");
}

async fn a_dropped_dialing_is_cancelled() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = bob.uri();
    let calling = async {
        alice.call(&target).await.unwrap();
        panic!("nobody answers")
    };
    let incoming = soon(or(calling, bob.get_incoming_call())).await.unwrap();
    assert_eq!(soon(incoming.cancelled()).await.reason, EndReason::Cancelled);
    assert!(matches!(incoming.reject(486).await, Err(PeerError::CallerGaveUp)));
}

async fn a_call_nobody_fetched_in_time_is_left_out() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let mut first = alice.dial(&bob.uri());
    soon(first.progress()).await.unwrap();
    let mut events = bob.coordinator().events();
    drop(first);
    while !matches!(soon(events.next()).await.unwrap(), rt::Event::Ended { .. }) {}
    let mut second = alice.dial(&bob.uri()).with_header("Subject", "second");
    soon(second.progress()).await.unwrap();
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    assert_eq!(incoming.details().header("Subject").as_deref(), Some("second"));
}

async fn nobody_answers() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let error = soon(alice.dial(&bob.uri()).ring_timeout(Duration::from_millis(50))).await.unwrap_err();
    assert!(matches!(error, PeerError::NoAnswer), "{error}");

    let carol = SimplePeer::builder("carol").bind(LOOPBACK).answer_timeout(Duration::from_millis(50));
    let carol = carol.start().await.unwrap();
    let mut dialing = alice.dial(&carol.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = soon(carol.get_incoming_call()).await.unwrap();
    assert_eq!(soon(dialing).await.unwrap_err().status(), Some(480));
    assert_eq!(soon(incoming.cancelled()).await.reason, EndReason::Undecided);
}

async fn a_port_in_use_is_named() {
    let alice = peer("alice").await;
    let addr = alice.local_addr();
    let error = SimplePeer::builder("bob").bind(addr).start().await.unwrap_err();
    assert!(matches!(error, PeerError::BindFailed { addr: named, .. } if named == addr));
    let port = addr.port();
    assert!(error.to_string().contains(&format!("port {port} is in use")), "{error}");
    soon(alice.shutdown()).await;
    SimplePeer::builder("bob").bind(addr).start().await.expect("the port is free again");
}

async fn an_address_of_another_machine_cannot_be_bound() {
    let addr = "192.0.2.1:5060".parse().unwrap();
    let error = SimplePeer::builder("bob").bind(addr).start().await.unwrap_err();
    assert!(error.to_string().contains("192.0.2.1 is not an address of this machine"), "{error}");
}

async fn a_host_without_address_is_named() {
    let alice = peer("alice").await;
    let error = soon(alice.call("sip:bob@nowhere.invalid")).await.unwrap_err();
    assert!(matches!(&error, PeerError::Unresolvable { target, .. } if target == "sip:bob@nowhere.invalid"));
    assert!(error.to_string().starts_with("cannot resolve sip:bob@nowhere.invalid: "), "{error}");
}

async fn a_name_is_looked_up() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let target = format!("bob@localhost:{}", bob.local_addr().port());
    let answer = async { bob.get_incoming_call().await.unwrap().accept().await.unwrap() };
    let (to_bob, to_alice) = soon(zip(alice.call(&target), answer)).await;
    drop((to_bob.unwrap(), to_alice));
}

async fn a_closed_port_is_noticed_at_once() {
    // A port that was free a moment ago.
    let closed = std::net::UdpSocket::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let alice = peer("alice").await;
    // Timer B would take 32 seconds.
    let error = soon(alice.call(&format!("sip:bob@{closed}"))).await.unwrap_err();
    assert!(matches!(error, PeerError::NetworkLost { .. }), "{error:?}");
    assert!(alice.counters().network.icmp_errors > 0);
    // The socket is as good as before.
    let bob = peer("bob").await;
    let mut dialing = alice.dial(&bob.uri());
    assert_eq!(soon(dialing.progress()).await.unwrap().status, 180);
}

async fn silence_is_noticed_in_time() {
    let mute = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).timing(hasty()).start().await.unwrap();
    let error = soon(alice.call(&format!("sip:bob@{}", mute.local_addr().unwrap()))).await.unwrap_err();
    assert!(matches!(error, PeerError::NoResponse { .. }), "{error:?}");
    // A call that is given up before anything came back ends as well, and so does a shutdown.
    let mut dialing = alice.dial(&format!("sip:bob@{}", mute.local_addr().unwrap()));
    assert!(poll_once(&mut dialing).await.is_none());
    dialing.cancel();
    soon(alice.shutdown()).await;
    assert!(matches!(soon(dialing).await, Err(PeerError::Cancelled)));
}

async fn bad_arguments_are_named() {
    let alice = peer("alice").await;
    for (target, word) in
        [("", "target"), ("sip:", "target"), ("http://example.com", "target"), ("sip:a b@c", "target")]
    {
        let error = soon(alice.call(target)).await.unwrap_err();
        assert!(
            matches!(&error, PeerError::BadArgument { what, .. } if *what == word),
            "{target}: {error:?}"
        );
    }
    let error =
        soon(alice.dial("sip:bob@127.0.0.1").with_header("Subject", "a\r\nVia: b")).await.unwrap_err();
    assert!(matches!(error, PeerError::BadArgument { .. }), "{error:?}");
    for ports in [9..=9, 1..=1] {
        let error = SimplePeer::builder("bob").bind(LOOPBACK).rtp_ports(ports).start().await.unwrap_err();
        assert!(matches!(error, PeerError::BadArgument { .. }), "{error:?}");
    }
}

async fn a_rate_that_does_not_fit_is_named() {
    let pair = in_call().await;
    let error = pair.to_bob.send_audio(AudioFrame::new(vec![0; 960], 48_000)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot send audio of 48000 Hz: this call takes 8000 Hz, resample it first"
    );
}

async fn a_range_of_media_ports_runs_out_and_recovers() {
    let narrow =
        SimplePeer::builder("alice").bind(LOOPBACK).rtp_ports(40_000..=40_001).start().await.unwrap();
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).auto_answer(true).start().await.unwrap();
    let first = soon(narrow.call(&bob.uri())).await.unwrap();
    let error = soon(narrow.call(&bob.uri())).await.unwrap_err();
    assert!(matches!(error, PeerError::Full { .. }), "{error:?}");
    soon(first.hangup()).await.unwrap();
    soon(narrow.call(&bob.uri())).await.expect("the port is free again");
}

/// RTP is at an even port and RTCP at the odd one after it (RFC 3550 section 11); of a pair that is half taken neither is
/// kept.
async fn media_get_both_ports_of_a_pair_or_none() {
    let bind = |port: u16| std::net::UdpSocket::bind((LOOPBACK.ip(), port));
    let low = (41_000..49_000).step_by(8).find(|&low| (low..low + 4).all(|port| bind(port).is_ok())).unwrap();
    // The odd port of the first pair is somebody else's.
    let other = bind(low + 1).unwrap();
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).rtp_ports(low..=low + 3).start().await.unwrap();
    let bob = SimplePeer::builder("bob").bind(LOOPBACK).start().await.unwrap();
    let (to_bob, to_alice) = super::connect(&alice, &bob).await;
    let plan = to_alice.plan().unwrap();
    assert_eq!(plan.remote_rtp.map(|addr| addr.port()), Some(low + 2));
    assert_eq!(plan.remote_rtcp.map(|addr| addr.port()), Some(low + 3));
    bind(low).expect("the even port beside it was let go");
    let error = soon(alice.call(&bob.uri())).await.unwrap_err();
    assert!(matches!(error, PeerError::Full { .. }), "{error:?}");
    drop(other);
    soon(to_bob.hangup()).await.unwrap();
}
