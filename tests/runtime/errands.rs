//! INFO, MESSAGE, OPTIONS.

use super::{LOOPBACK, Pair, connect, hasty, in_call, peer, poll_once, soon, until, zip};
use crate::rt::{
    Call, CallEvent, EndReason, Event, Events, PeerError, SimplePeer, SubscriptionId, SubscriptionState,
};

super::on_runtime! {
    information_reaches_the_other_side,
    keys_go_by_info_where_nothing_else_goes,
    messages_are_for_those_who_want_them,
    one_can_ask_what_somebody_can_do,
    nobody_waits_for_ever,
    one_can_be_kept_informed,
}

/// Who wants messages.
async fn reader(user: &str) -> SimplePeer {
    SimplePeer::builder(user).bind(LOOPBACK).messages(true).start().await.unwrap()
}

async fn information_reaches_the_other_side() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    soon(to_bob.info("text/plain", b"the door is open")).await.unwrap();
    let Some(CallEvent::Info(info)) = soon(to_alice.next_event()).await else { panic!("no INFO") };
    assert_eq!((info.package, info.content_type.as_str()), (None, "text/plain"));
    assert_eq!(info.body.as_ref(), b"the door is open");
    let error = soon(to_bob.info("text\r\nplain", b"")).await.unwrap_err();
    assert!(matches!(error, PeerError::BadArgument { .. }), "{error:?}");
    // Who does not wait for the outcome is served all the same.
    drop(poll_once(to_bob.info("text/plain", b"and shut")).await);
    let Some(CallEvent::Info(info)) = soon(to_alice.next_event()).await else { panic!("no INFO") };
    assert_eq!(info.body.as_ref(), b"and shut");
}

async fn keys_go_by_info_where_nothing_else_goes() {
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).dtmf(false).start().await.unwrap();
    let bob = peer("bob").await;
    let (to_bob, to_alice) = &connect(&alice, &bob).await;
    let mut keys = String::new();
    for (from, by) in [(to_bob, to_alice), (to_alice, to_bob)] {
        soon(from.send_dtmf("1#")).await.unwrap();
        soon(from.send_dtmf("2")).await.unwrap();
        for _ in 0..3 {
            keys.push(soon(by.recv_dtmf()).await.unwrap().digit);
            assert!(matches!(soon(by.next_event()).await, Some(CallEvent::Dtmf(_))));
        }
    }
    assert_eq!(keys, "1#21#2");
}

async fn message_of(call: &Call) -> Vec<u8> {
    match soon(call.next_event()).await {
        Some(CallEvent::Message(message)) => message.body().to_vec(),
        other => panic!("{other:?}"),
    }
}

async fn messages_are_for_those_who_want_them() {
    let (alice, bob) = (peer("alice").await, reader("bob").await);
    let mut events = bob.coordinator().events();
    let reply = soon(alice.coordinator().message(&bob.uri(), "text/plain", b"hello")).await.unwrap();
    assert_eq!((reply.status, reply.message.unwrap().status()), (200, Some(200)));
    let Some(Event::Message { session: None, message, .. }) = soon(events.next()).await else {
        panic!("no message")
    };
    assert_eq!((message.body(), message.from_uri().contains("alice")), (&b"hello"[..], true));
    let refused = soon(bob.coordinator().message(&alice.uri(), "text/plain", b"hello")).await;
    assert!(matches!(refused, Err(PeerError::Refused { status: 405, .. })), "{refused:?}");

    let (to_bob, to_alice) = &connect(&alice, &bob).await;
    soon(to_bob.message("text/plain", b"in the call")).await.unwrap();
    assert_eq!(message_of(to_alice).await, b"in the call");
    let refused = soon(to_alice.message("text/plain", b"back")).await.unwrap_err();
    assert_eq!(refused.status(), Some(405));
    assert!(to_alice.end().is_none(), "the call goes on");
}

async fn one_can_ask_what_somebody_can_do() {
    let (alice, bob) = (peer("alice").await, peer("bob").await);
    let reply = soon(alice.coordinator().options(&bob.uri())).await.unwrap();
    assert_eq!((reply.status, reply.phrase.as_str()), (200, "OK"));
    let message = reply.message.unwrap();
    for method in ["INVITE", "REFER", "UPDATE", "PRACK"] {
        assert!(message.header("Allow").unwrap().contains(method), "{message:?}");
    }
}

/// The next event of a subscription.
async fn news(events: &mut Events) -> Event {
    loop {
        match soon(events.next()).await.unwrap() {
            event @ (Event::Subscribed { .. }
            | Event::Notified { .. }
            | Event::SubscriptionRequested { .. }
            | Event::SubscriptionEnded { .. }) => return event,
            other => drop(other),
        }
    }
}

/// The next request to subscribe.
async fn wanted(events: &mut Events) -> SubscriptionId {
    loop {
        if let Event::SubscriptionRequested { subscription, .. } = news(events).await {
            return subscription;
        }
    }
}

async fn one_can_be_kept_informed() {
    let mut builder = SimplePeer::builder("bob").bind(LOOPBACK);
    builder.config().core.event_packages = vec![String::from("presence")];
    let (alice, bob) = (peer("alice").await, builder.start().await.unwrap());
    let (alice, target, bob) = (alice.coordinator(), bob.uri(), bob.coordinator());
    let (mut ours, mut theirs) = (alice.events(), bob.events());
    let hour = std::time::Duration::from_secs(3600);

    let asked = alice.subscribe(&target, "presence", hour).unwrap();
    let given = wanted(&mut theirs).await;
    bob.accept_subscription(given, Some(("text/plain", b"here"))).unwrap();
    bob.notify(given, &SubscriptionState::Active, "text/plain", b"away").unwrap();
    let (mut told, mut granted) = (Vec::new(), None);
    while told.len() < 2 || granted.is_none() {
        match news(&mut ours).await {
            Event::Notified { message, .. } => told.push(message.body().to_vec()),
            Event::Subscribed { subscription, expires } => granted = Some((subscription, expires)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((told, granted), (vec![b"here".to_vec(), b"away".to_vec()], Some((asked, 3600))));
    alice.unsubscribe(asked).unwrap();
    while !matches!(news(&mut ours).await, Event::SubscriptionEnded { .. }) {}
    alice.unsubscribe(asked).unwrap_err();

    alice.subscribe(&target, "presence", hour).unwrap();
    bob.reject_subscription(wanted(&mut theirs).await, 403).unwrap();
    assert!(matches!(news(&mut ours).await, Event::SubscriptionEnded { status: Some(403), .. }));
}

async fn nobody_waits_for_ever() {
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).timing(hasty()).start().await.unwrap();
    let deaf = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let target = format!("sip:nobody@{}", deaf.local_addr().unwrap());
    let reply = soon(alice.coordinator().options(&target)).await.unwrap();
    assert_eq!((reply.status, reply.message), (408, None));

    let bob = peer("bob").await;
    let (to_bob, to_alice) = &connect(&alice, &bob).await;
    let (told, ended) = soon(zip(to_bob.info("text/plain", b"late"), to_bob.hangup())).await;
    ended.unwrap();
    drop(told);
    let error = soon(to_bob.info("text/plain", b"too late")).await.unwrap_err();
    assert!(matches!(&error, PeerError::Ended(end) if end.reason == EndReason::LocalHangup), "{error:?}");
    until(|| to_alice.end().is_some()).await;

    let coordinator = alice.coordinator().clone();
    let (asked, ()) = soon(zip(coordinator.options(&target), alice.shutdown())).await;
    assert!(asked.is_err() || asked.is_ok_and(|reply| reply.status == 408));
    soon(coordinator.options(&target)).await.unwrap_err();
}
