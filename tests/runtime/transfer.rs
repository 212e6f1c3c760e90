//! Transfers through the handles, in all three roles.

use super::{Pair, connect, in_call, loudness, or, peer, soon, until, zip};
use crate::rt::{AudioFrame, Call, CallEvent, Dialing, EndReason, PeerError, SimplePeer, TransferRequest};

super::on_runtime! {
    the_other_side_calls_somebody_else,
    nobody_is_transferred_without_consent,
    a_target_that_refuses_leaves_the_call_as_it_was,
    two_calls_become_one,
    a_transfer_can_be_done_after_the_end,
    a_transfer_fails_with_its_call,
    a_target_that_is_no_address_is_refused,
}

/// Waits for the other side's request.
async fn request(call: &Call) -> TransferRequest {
    loop {
        match soon(call.next_event()).await.expect("the call is up") {
            CallEvent::TransferRequested(request) => return request,
            other => drop(other),
        }
    }
}

async fn answer(peer: &SimplePeer) -> Call {
    soon(peer.get_incoming_call()).await.unwrap().accept().await.unwrap()
}

/// Loud audio goes both ways.
async fn talk(one: &Call, other: &Call) {
    for (from, by) in [(one, other), (other, one)] {
        let speak = async { while from.send_audio(AudioFrame::tone(440, 40)).await.is_ok() {} };
        let hear = async { while loudness(&by.recv_audio().await.unwrap().samples) < 1000 {} };
        soon(or(hear, speak)).await;
    }
}

async fn the_other_side_calls_somebody_else() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let carol = peer("carol").await;
    let target = carol.uri();
    let consent = async {
        let request = request(to_alice).await;
        assert_eq!(request.target(), target);
        assert!(request.referred_by().unwrap().contains("alice"), "{request:?}");
        assert!(!request.is_attended());
        assert!(request.wishes().is_empty());
        let (new, carols) = soon(zip(request.accept().unwrap(), answer(&carol))).await;
        (new.unwrap(), carols)
    };
    let (outcome, (new, carols)) = soon(zip(to_bob.transfer(&target), consent)).await;
    outcome.unwrap();
    assert_eq!(soon(to_bob.ended()).await.reason, EndReason::Transferred);
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);
    talk(&new, &carols).await;
    // How it went was told on the way.
    let mut told = Vec::new();
    while let Some(event) = soon(to_bob.next_event()).await {
        match event {
            CallEvent::TransferProgress { status, done, .. } => told.push((status, done)),
            CallEvent::Ended(end) => assert_eq!(end.reason, EndReason::Transferred),
            _ => {}
        }
    }
    assert_eq!((told.first(), told.last()), (Some(&(100, false)), Some(&(200, true))), "{told:?}");
}

async fn nobody_is_transferred_without_consent() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let carol = peer("carol").await;
    let target = carol.uri();
    let refusals: [fn(TransferRequest); 2] = [drop, TransferRequest::reject];
    for refuse in refusals {
        let refuse = async { refuse(request(to_alice).await) };
        let (outcome, ()) = soon(zip(to_bob.transfer(&target), refuse)).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, PeerError::Refused { status: 603, .. }), "{error:?}");
    }
    // Whoever does not even look refuses with the end of its call at the latest.
    talk(to_bob, to_alice).await;
    assert_eq!(carol.counters().network.datagrams_received, 0);
}

async fn a_target_that_refuses_leaves_the_call_as_it_was() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let carol = peer("carol").await;
    let target = carol.uri();
    let busy = async {
        let dialing: Dialing = request(to_alice).await.accept().unwrap();
        let refuse = async { soon(carol.get_incoming_call()).await.unwrap().reject(486).await.unwrap() };
        let (called, ()) = soon(zip(dialing, refuse)).await;
        assert_eq!(called.unwrap_err().status(), Some(486));
    };
    let (outcome, ()) = soon(zip(to_bob.transfer(&target), busy)).await;
    assert_eq!(outcome.unwrap_err().status(), Some(486));
    talk(to_bob, to_alice).await;
}

async fn two_calls_become_one() {
    let Pair { alice, to_bob, to_alice, .. } = &in_call().await;
    let carol = peer("carol").await;
    let (to_carol, carols) = connect(alice, &carol).await;
    soon(to_bob.hold()).await.unwrap();
    let consent = async {
        let request = request(to_alice).await;
        assert!(request.is_attended());
        let answer = async {
            let incoming = soon(carol.get_incoming_call()).await.unwrap();
            assert!(incoming.is_answered(), "nobody is asked twice about one call");
            incoming.accept().await.unwrap()
        };
        let (new, at_carol) = soon(zip(request.accept().unwrap(), answer)).await;
        (new.unwrap(), at_carol)
    };
    let (outcome, (new, at_carol)) = soon(zip(to_bob.transfer_to(&to_carol), consent)).await;
    outcome.unwrap();
    let mut by = None;
    while let Some(event) = soon(carols.next_event()).await {
        if let CallEvent::Replaced { by: new } = event {
            by = Some(new);
        }
    }
    assert_eq!(by, Some(at_carol.id()));
    assert_eq!(carols.end().unwrap().reason, EndReason::Replaced);
    for call in [to_bob, to_alice, &to_carol] {
        soon(call.ended()).await;
    }
    talk(&new, &at_carol).await;
}

async fn a_transfer_can_be_done_after_the_end() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let carol = peer("carol").await;
    assert!(super::poll_once(to_bob.transfer(&carol.uri())).await.is_none());
    let request = request(to_alice).await;
    soon(to_bob.hangup()).await.unwrap();
    soon(to_alice.ended()).await;
    let (new, carols) = soon(zip(request.accept().unwrap(), answer(&carol))).await;
    talk(&new.unwrap(), &carols).await;
}

async fn a_transfer_fails_with_its_call() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let hangup = async {
        let _request = request(to_alice).await;
        to_alice.hangup().await.unwrap();
    };
    let (outcome, ()) = soon(zip(to_bob.transfer("carol@192.0.2.1"), hangup)).await;
    let error = outcome.unwrap_err();
    assert!(matches!(&error, PeerError::Ended(end) if end.reason == EndReason::RemoteHangup), "{error:?}");
    soon(to_bob.transfer("carol@192.0.2.1")).await.unwrap_err();
}

async fn a_target_that_is_no_address_is_refused() {
    let Pair { to_bob, .. } = &in_call().await;
    let stranger = in_call().await;
    for target in ["", "mailto:carol@192.0.2.1", "carol@192.0.2.1>\r\nX: y"] {
        let error = soon(to_bob.transfer(target)).await.unwrap_err();
        assert!(matches!(error, PeerError::BadArgument { .. }), "{target:?} {error:?}");
    }
    for other in [to_bob, &stranger.to_bob] {
        let error = soon(to_bob.transfer_to(other)).await.unwrap_err();
        assert!(matches!(error, PeerError::BadArgument { .. }), "{error:?}");
    }
    until(|| to_bob.end().is_none()).await;
}
