//! Settings that show, and figures that tell.

use super::{LOOPBACK, Pair, connect, in_call, peer, soon};
use crate::rt::{
    Codec, Config, InviteDetails, PeerError, R, SignalingDecision, SignalingHandler, SimplePeer,
    UnifiedCoordinator,
};
use offhook_core::peer::Runtime as _;

super::on_runtime! {
    settings_reach_the_other_side,
    keys_can_be_left_out,
    a_port_is_chosen,
    what_was_counted_is_told,
    a_coordinator_calls_too,
    a_runtime_can_be_named,
    values_can_be_printed,
}

async fn settings_reach_the_other_side() {
    let mut builder = SimplePeer::builder("alice")
        .bind(LOOPBACK)
        .display_name("Alice A.")
        .session_expires(std::time::Duration::from_secs(1800))
        .codecs("pcma".parse().unwrap())
        .descriptors_kept(8)
        .rtp_ports(0..=0);
    builder.config().core.limits.sessions_max = 1;
    let alice = builder.start().await.unwrap();
    let bob = peer("bob").await;
    let target = bob.uri();
    let answer = async {
        let incoming = bob.get_incoming_call().await.unwrap();
        assert!(incoming.details().header("Session-Expires").unwrap().starts_with("1800"));
        assert_eq!(incoming.from_display().as_deref(), Some("Alice A."));
        let id = incoming.id();
        let call = incoming.accept().await.unwrap();
        assert_eq!(call.id(), id);
        call
    };
    let (to_bob, to_alice) = soon(super::zip(alice.call(&target), answer)).await;
    let to_bob = to_bob.unwrap();
    for call in [&to_bob, &to_alice] {
        assert_eq!(call.plan().unwrap().codec, Codec::Pcma);
    }
    let error = soon(alice.call(&target)).await.unwrap_err();
    assert!(matches!(error, PeerError::Full { .. }), "{error:?}");
}

async fn keys_can_be_left_out() {
    let mut builder = SimplePeer::builder("alice").bind(LOOPBACK).dtmf(false);
    builder.config().core.dtmf_by_info = false;
    let alice = builder.start().await.unwrap();
    let mut builder = SimplePeer::builder("bob").bind(LOOPBACK);
    builder.config().core.dtmf_by_info = false;
    let bob = builder.start().await.unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    soon(to_bob.send_dtmf("1")).await.unwrap_err();
    soon(to_alice.send_dtmf("1")).await.unwrap_err();
}

async fn a_port_is_chosen() {
    let alice = SimplePeer::builder("alice").port(0).start().await.unwrap();
    assert_ne!(alice.local_addr().port(), 0);
    assert!(alice.local_addr().ip().is_unspecified());
    assert_eq!(alice.uri(), format!("sip:alice@127.0.0.1:{}", alice.local_addr().port()));
    assert_eq!(alice.coordinator().uri(), alice.uri());
    assert_eq!(alice.coordinator().local_addr(), alice.local_addr());
    let bob = SimplePeer::new("bob", 0).await.unwrap();
    drop(connect(&alice, &bob).await);
}

async fn what_was_counted_is_told() {
    let Pair { alice, bob, to_bob, .. } = in_call().await;
    soon(to_bob.hangup()).await.unwrap();
    soon(super::zip(alice.shutdown(), bob.shutdown())).await;
    let (ours, theirs) = (alice.counters(), bob.coordinator().counters());
    // INVITE, ACK and BYE one way; 180 and two times 200 the other, and a 100 if it was due.
    assert!(theirs.network.datagrams_received >= 3, "{theirs:?}");
    assert!(ours.network.datagrams_received >= 3, "{ours:?}");
    assert_eq!(ours.network.datagrams_sent, theirs.network.datagrams_received);
    assert_eq!(ours.network.receive_errors + theirs.network.receive_errors, 0);
}

async fn a_coordinator_calls_too() {
    let config = |user: &str| Config::new(user, LOOPBACK);
    let alice = UnifiedCoordinator::new(config("alice")).await.unwrap();
    let bob = UnifiedCoordinator::new(config("bob").auto_answer(true)).await.unwrap();
    let call = soon(alice.call(&bob.uri())).await.unwrap();
    assert_eq!(alice.registry().sessions(), [call.id()]);
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    let answered = soon(incoming.accept()).await.unwrap();
    soon(answered.hangup()).await.unwrap();
    soon(call.ended()).await;
    assert!(!bob.is_stopping());
    soon(bob.shutdown()).await;
    assert!(bob.is_stopping());
}

async fn values_can_be_printed() {
    let Pair { alice, bob, to_bob, .. } = in_call().await;
    let mut dialing = alice.dial(&bob.uri());
    soon(dialing.progress()).await.unwrap();
    let incoming = soon(bob.get_incoming_call()).await.unwrap();
    let coordinator = alice.coordinator();
    let shown = format!(
        "{alice:?} {coordinator:?} {:?} {:?} {dialing:?} {incoming:?} {to_bob:?} {:?}",
        coordinator.events(),
        coordinator.registry(),
        SimplePeer::builder("carol"),
    );
    for name in
        ["SimplePeer", "UnifiedCoordinator", "Events", "RegistryView", "Dialing", "IncomingCall", "Call"]
    {
        assert!(shown.contains(name), "{shown}");
    }
}

struct Busy;

impl SignalingHandler for Busy {
    async fn on_incoming_invite(&self, _: InviteDetails) -> SignalingDecision {
        SignalingDecision::Reject(486)
    }
}

async fn a_runtime_can_be_named() {
    let runtime = || R::current().unwrap();
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).on(runtime()).start().await.unwrap();
    let config = Config::new("bob", LOOPBACK).auto_answer(true);
    let bob = UnifiedCoordinator::start_on(runtime(), config).unwrap();
    let busy = UnifiedCoordinator::with_handler_on(runtime(), Config::new("carol", LOOPBACK), Busy).unwrap();
    soon(alice.call(&bob.uri())).await.unwrap();
    assert_eq!(soon(alice.call(&busy.uri())).await.unwrap_err().status(), Some(486));
}
