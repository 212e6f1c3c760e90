//! Holding and resuming, and the stream of events of a call.

use super::{Pair, connect, in_call, loudness, peer, poll_once, soon, until, zip};
use crate::rt::{
    AudioFrame, Call, CallEvent, Codec, Direction, EndReason, Event, Modification, PeerError, SimplePeer,
};

super::on_runtime! {
    the_other_side_is_held_and_taken_back,
    audio_stops_and_comes_back,
    who_is_held_can_be_played_to,
    both_hold_each_other,
    the_last_wish_wins,
    a_hold_that_is_not_awaited_is_a_hold,
    a_refused_change_leaves_the_call_as_it_was,
    the_codec_changes,
    nothing_is_held_after_the_end,
    every_key_is_told_twice,
    the_end_is_the_last_event,
    old_events_make_room,
    sessions_are_commanded_by_name,
}

/// The next event, as words.
async fn event(call: &Call) -> String {
    match soon(call.next_event()).await {
        Some(CallEvent::MediaChanged(plan)) => format!("media {:?}", plan.direction),
        Some(CallEvent::Dtmf(key)) => format!("key {}", key.digit),
        Some(CallEvent::Ended(end)) => format!("ended {:?}", end.reason),
        Some(other) => format!("{other:?}"),
        None => String::from("nothing more"),
    }
}

async fn events(call: &Call, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(event(call).await);
    }
    told
}

async fn the_other_side_is_held_and_taken_back() {
    let pair = in_call().await;
    assert!(!pair.to_bob.is_held() && !pair.to_alice.is_held_by_peer());
    soon(pair.to_bob.hold()).await.unwrap();
    assert!(pair.to_bob.is_held() && !pair.to_bob.is_held_by_peer());
    assert_eq!(events(&pair.to_alice, 2).await, ["media RecvOnly", "Held"]);
    assert!(pair.to_alice.is_held_by_peer() && !pair.to_alice.is_held());
    // It is so already: nothing needs to be asked.
    assert!(poll_once(pair.to_bob.hold()).await.unwrap().is_ok());
    soon(pair.to_bob.resume()).await.unwrap();
    assert!(!pair.to_bob.is_held());
    assert_eq!(events(&pair.to_alice, 2).await, ["media SendRecv", "Resumed"]);
    assert!(!pair.to_alice.is_held_by_peer());
    assert_eq!(events(&pair.to_bob, 2).await, ["media SendOnly", "media SendRecv"]);
}

/// Sends loud audio until the other side hears it.
async fn is_heard(from: &Call, by: &Call) {
    let speak = async { while from.send_audio(AudioFrame::tone(440, 40)).await.is_ok() {} };
    let hear = async { while loudness(&by.recv_audio().await.unwrap().samples) < 1000 {} };
    soon(super::or(hear, speak)).await;
}

async fn audio_stops_and_comes_back() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    zip(is_heard(to_bob, to_alice), is_heard(to_alice, to_bob)).await;
    soon(to_bob.hold()).await.unwrap();
    assert_eq!(events(to_alice, 2).await, ["media RecvOnly", "Held"]);
    // Neither side is made to wait for ever, and none of it arrives.
    let speak = |call: &'static str| AudioFrame::tone(if call == "alice" { 440 } else { 880 }, 1000);
    let (heard_before, muted) = (to_bob.stats().received_packets, to_bob.stats().muted_audio_frames);
    let (one, other) = soon(zip(to_bob.send_audio(speak("alice")), to_alice.send_audio(speak("bob")))).await;
    one.unwrap();
    other.unwrap();
    assert!(to_bob.stats().muted_audio_frames > muted + 30);
    assert!(to_alice.stats().muted_audio_frames > 30);
    assert!(to_bob.stats().received_packets < heard_before + 10);
    let mut last = 0;
    while let Some(frame) = poll_once(to_alice.recv_audio()).await {
        last = loudness(&frame.unwrap().samples);
    }
    assert!(last < 10, "{last}");
    soon(to_bob.resume()).await.unwrap();
    zip(is_heard(to_bob, to_alice), is_heard(to_alice, to_bob)).await;
}

async fn who_is_held_can_be_played_to() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    soon(to_bob.modify(Modification::direction(Direction::SendOnly))).await.unwrap();
    assert!(to_bob.is_held());
    is_heard(to_bob, to_alice).await;
    assert!(to_alice.is_held_by_peer());
}

async fn both_hold_each_other() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let (one, other) = soon(zip(to_bob.hold(), to_alice.hold())).await;
    one.unwrap();
    other.unwrap();
    until(|| [to_bob, to_alice].iter().all(|call| call.is_held() && call.is_held_by_peer())).await;
    soon(to_bob.resume()).await.unwrap();
    until(|| !to_alice.is_held_by_peer()).await;
    assert!(to_alice.is_held() && to_bob.is_held_by_peer());
    soon(to_alice.resume()).await.unwrap();
    until(|| !to_bob.is_held_by_peer()).await;
    zip(is_heard(to_bob, to_alice), is_heard(to_alice, to_bob)).await;
}

async fn the_last_wish_wins() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    for _ in 0..3 {
        let (first, (second, third)) = soon(zip(to_bob.hold(), zip(to_bob.resume(), to_bob.hold()))).await;
        first.and(second).and(third).unwrap();
        assert!(to_bob.is_held());
        let (first, second) = soon(zip(to_bob.hold(), to_bob.resume())).await;
        first.and(second).unwrap();
        assert!(!to_bob.is_held());
    }
    until(|| !to_alice.is_held_by_peer()).await;
    zip(is_heard(to_bob, to_alice), is_heard(to_alice, to_bob)).await;
}

async fn a_hold_that_is_not_awaited_is_a_hold() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    // The future is dropped after its first poll.
    assert!(poll_once(to_bob.hold()).await.is_none_or(|done| done.is_ok()));
    until(|| to_bob.is_held() && to_alice.is_held_by_peer()).await;
}

/// Bob knows only one codec.
async fn with_simple_bob() -> (SimplePeer, SimplePeer, Call, Call) {
    let alice = peer("alice").await;
    let bob = SimplePeer::builder("bob")
        .bind(super::LOOPBACK)
        .codecs("pcmu".parse().unwrap())
        .start()
        .await
        .unwrap();
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    (alice, bob, to_bob, to_alice)
}

async fn a_refused_change_leaves_the_call_as_it_was() {
    let (_alice, _bob, to_bob, to_alice) = with_simple_bob().await;
    let pcma = Modification::codecs("pcma".parse().unwrap());
    let error = soon(to_bob.modify(pcma)).await.unwrap_err();
    assert!(matches!(error, PeerError::Refused { status: 488, .. }), "{error:?}");
    assert_eq!(error.status(), Some(488));
    assert!(error.to_string().starts_with("the other side refused the change of the media: 488"), "{error}");
    zip(is_heard(&to_bob, &to_alice), is_heard(&to_alice, &to_bob)).await;
    // An old refusal is no answer to a new wish.
    soon(to_bob.resume()).await.unwrap();
    soon(to_bob.hold()).await.unwrap();
}

async fn the_codec_changes() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    let pcma = Modification::codecs("pcma".parse().unwrap());
    soon(to_bob.modify(pcma.by_update())).await.unwrap();
    for call in [to_bob, to_alice] {
        let Some(CallEvent::MediaChanged(plan)) = soon(call.next_event()).await else { panic!("no change") };
        assert_eq!((plan.codec, call.plan().unwrap().codec), (Codec::Pcma, Codec::Pcma));
    }
    zip(is_heard(to_bob, to_alice), is_heard(to_alice, to_bob)).await;
}

async fn nothing_is_held_after_the_end() {
    let Pair { to_bob, to_alice, .. } = in_call().await;
    // The end comes while the question is open.
    let (held, ended) = soon(zip(to_bob.hold(), to_bob.hangup())).await;
    ended.unwrap();
    let ends =
        |error: PeerError| matches!(error, PeerError::Ended(end) if end.reason == EndReason::LocalHangup);
    // Unless the other side was faster than we.
    assert!(held.err().is_none_or(ends));
    assert!(ends(soon(to_bob.resume()).await.unwrap_err()));
    soon(to_alice.ended()).await;
    soon(to_alice.hold()).await.unwrap_err();
}

async fn every_key_is_told_twice() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    soon(to_bob.send_dtmf("12#")).await.unwrap();
    assert_eq!(events(to_alice, 3).await, ["key 1", "key 2", "key #"]);
    for digit in "12#".chars() {
        assert_eq!(soon(to_alice.recv_dtmf()).await.unwrap().digit, digit);
    }
}

async fn the_end_is_the_last_event() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    soon(to_bob.send_dtmf("9")).await.unwrap();
    soon(to_bob.hold()).await.unwrap();
    assert_eq!(soon(to_alice.recv_dtmf()).await.unwrap().digit, '9');
    soon(to_bob.hangup()).await.unwrap();
    let told = events(to_alice, 6).await;
    let words = ["media RecvOnly", "Held", "key 9", "ended RemoteHangup", "nothing more", "nothing more"];
    assert_eq!(told, words);
    let mut last = event(to_bob).await;
    while last.starts_with("media") {
        last = event(to_bob).await;
    }
    assert_eq!(last, "ended LocalHangup");
    assert!(soon(to_bob.next_event()).await.is_none());
}

async fn old_events_make_room() {
    let Pair { to_bob, to_alice, .. } = &in_call().await;
    assert_eq!(to_alice.missed_events(), 0);
    for _ in 0..20 {
        soon(to_bob.hold()).await.unwrap();
        soon(to_bob.resume()).await.unwrap();
    }
    until(|| to_alice.missed_events() == 16).await;
    assert_eq!(events(to_alice, 2).await, ["media RecvOnly", "Held"]);
}

async fn sessions_are_commanded_by_name() {
    let Pair { alice, to_bob, to_alice, .. } = &in_call().await;
    let (coordinator, id) = (alice.coordinator(), to_bob.id());
    let mut events = coordinator.events();
    coordinator.hold(id).unwrap();
    until(|| to_alice.is_held_by_peer()).await;
    coordinator.resume(id).unwrap();
    until(|| !to_alice.is_held_by_peer()).await;
    coordinator.modify(id, Modification::direction(Direction::SendOnly)).unwrap();
    until(|| to_bob.is_held()).await;
    coordinator.send_dtmf(id, "7").unwrap();
    assert_eq!(soon(to_alice.recv_dtmf()).await.unwrap().digit, '7');
    coordinator.transfer(id, "carol@192.0.2.1").unwrap();
    assert!(matches!(coordinator.transfer_to(id, id), Err(PeerError::BadArgument { .. })));
    coordinator.hangup(id).unwrap();
    assert_eq!(soon(to_alice.ended()).await.reason, EndReason::RemoteHangup);
    until(|| to_bob.end().is_some()).await;
    coordinator.hold(id).unwrap_err();
    let mut told = 0;
    while !matches!(soon(events.next()).await, Some(Event::Ended { .. })) {
        told += 1;
    }
    assert!(told >= 4, "{told}");
}
