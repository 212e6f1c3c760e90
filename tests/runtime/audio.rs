//! Audio through the handles: back-pressure, slow readers, dropped futures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    LOOPBACK, connect, in_call, loudness, peer, poll_once, sleep, soon, until, within, yield_now, zip,
};
use crate::rt::{self, AudioFrame, CallEvent, EndReason, PeerError, SendSilence, SimplePeer};

super::on_runtime! {
    a_sender_is_held_back,
    whoever_is_interrupted_falls_silent,
    one_hears_and_one_speaks,
    whoever_makes_audio_piece_by_piece_is_interrupted_between_two,
    what_finds_no_room_is_not_taken,
    the_queue_of_a_live_source_shrinks,
    reading_begins_now,
    whoever_never_speaks_sends_nothing,
    silence_is_sent_from_the_beginning_where_that_is_set,
    a_silent_side_is_told_of,
    nothing_at_all_ends_the_call,
    a_slow_reader_loses_the_oldest,
    dropped_futures_lose_no_frame,
    a_dropped_send_sends_all_or_nothing,
    what_was_heard_can_be_read_after_the_end,
    readers_and_writers_share_a_call,
}

async fn a_sender_is_held_back() {
    let pair = in_call().await;
    let start = Instant::now();
    // A second of audio: 200 ms are queued, the rest waits its turn.
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 1000))).await.unwrap();
    let taken = start.elapsed();
    assert!(taken >= Duration::from_millis(700), "{taken:?}");
    assert!(taken < Duration::from_millis(2000), "{taken:?}");
    soon(pair.to_bob.flush_audio()).await;
    let sent = start.elapsed();
    assert!(sent >= Duration::from_millis(900), "{sent:?}");
    assert!(pair.to_bob.stats().sent_packets >= 48);
}

/// Speech that is made faster than it is spoken, and interrupted.
async fn whoever_is_interrupted_falls_silent() {
    let pair = in_call().await;
    let speech = AudioFrame::tone(440, 10_000);
    // All that can be taken at once is taken; the rest waits in the future, which is dropped.
    assert!(poll_once(pair.to_bob.send_audio(speech)).await.is_none());
    let unsaid = pair.to_bob.discard_audio();
    assert!(unsaid > Duration::from_millis(100) && unsaid < Duration::from_millis(300), "{unsaid:?}");
    assert_eq!(pair.to_bob.discard_audio(), Duration::ZERO);
    soon(pair.to_bob.flush_audio()).await;
    // What is said next is all that is heard after the few packets that had left.
    soon(pair.to_bob.send_audio(AudioFrame::tone(880, 100))).await.unwrap();
    let mut loud = 0;
    for _ in 0..25 {
        let frame = soon(pair.to_alice.recv_audio()).await.unwrap();
        loud += u32::from(loudness(&frame.samples) > 1000);
    }
    assert!((5..=7).contains(&loud), "{loud} frames of 20 ms");
}

/// The obvious program: one task hears, one speaks, and whoever is spoken to falls silent.
async fn one_hears_and_one_speaks() {
    let pair = in_call().await;
    let call = Arc::new(pair.to_bob);
    let speaker = rt::spawn({
        let call = Arc::clone(&call);
        async move {
            loop {
                if let Err(error) = call.send_audio(AudioFrame::tone(440, 60)).await {
                    break error;
                }
            }
        }
    });
    // It speaks, and its queue is full: it waits.
    for _ in 0..20 {
        soon(pair.to_alice.recv_audio()).await.unwrap();
    }
    let mut speaker = std::pin::pin!(speaker);
    let error = soon(async {
        loop {
            until(|| call.queued_audio() > Duration::from_millis(140)).await;
            call.discard_audio();
            // Between two calls of `send_audio` nobody waits.
            if let Some(error) = within(Duration::from_millis(500), &mut speaker).await {
                break error;
            }
        }
    })
    .await;
    assert!(matches!(error, PeerError::Interrupted), "{error}");
    assert_eq!(call.queued_audio(), Duration::ZERO);
    // What is sent after that is not interrupted.
    soon(call.send_audio(AudioFrame::tone(880, 20))).await.unwrap();
}

/// Whoever needs time to make what it says is not always in `send_audio` when somebody talks to it.
async fn whoever_makes_audio_piece_by_piece_is_interrupted_between_two() {
    let pair = in_call().await;
    let mut speech = pair.to_bob.speak();
    soon(speech.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    // It thinks of the next piece.
    pair.to_bob.discard_audio();
    for _ in 0..2 {
        let error = soon(speech.send_audio(AudioFrame::tone(440, 20))).await.unwrap_err();
        assert!(matches!(error, PeerError::Interrupted), "{error}");
    }
    assert_eq!(pair.to_bob.queued_audio(), Duration::ZERO);
    // What it says next is another matter, and so is what it says without.
    let mut speech = pair.to_bob.speak();
    soon(speech.send_audio(AudioFrame::tone(880, 100))).await.unwrap();
    soon(pair.to_bob.send_audio(AudioFrame::tone(880, 20))).await.unwrap();
    // While it waits it is interrupted as everybody is.
    assert!(poll_once(speech.send_audio(AudioFrame::tone(880, 1000))).await.is_none());
    pair.to_bob.discard_audio();
    let error = soon(speech.send_audio(AudioFrame::tone(880, 20))).await.unwrap_err();
    assert!(matches!(error, PeerError::Interrupted), "{error}");
    let rate = pair.to_bob.speak().send_audio(AudioFrame::new(vec![0; 320], 16_000)).await.unwrap_err();
    assert!(matches!(rate, PeerError::UnsupportedRate { .. }), "{rate}");
    soon(pair.to_bob.hangup()).await.unwrap();
    let over = soon(pair.to_bob.speak().send_audio(AudioFrame::tone(440, 20))).await.unwrap_err();
    assert!(matches!(over, PeerError::Ended(_)), "{over}");
}

async fn what_finds_no_room_is_not_taken() {
    let pair = in_call().await;
    pair.to_bob.try_send_audio(AudioFrame::tone(440, 160)).unwrap();
    let queued = pair.to_bob.queued_audio();
    assert!(queued > Duration::from_millis(100), "{queued:?}");
    let full = pair.to_bob.try_send_audio(AudioFrame::tone(440, 200)).unwrap_err();
    assert!(matches!(full, PeerError::Full { .. }), "{full}");
    assert!(pair.to_bob.queued_audio() <= queued, "all or nothing");
    let rate = pair.to_bob.try_send_audio(AudioFrame::new(vec![0; 320], 16_000)).unwrap_err();
    assert!(matches!(rate, PeerError::UnsupportedRate { .. }), "{rate}");
    soon(pair.to_bob.hangup()).await.unwrap();
    let over = pair.to_bob.try_send_audio(AudioFrame::tone(440, 20)).unwrap_err();
    assert!(matches!(over, PeerError::Ended(_)), "{over}");
    assert_eq!(pair.to_bob.queued_audio(), Duration::ZERO);
}

async fn the_queue_of_a_live_source_shrinks() {
    let pair = in_call().await;
    pair.to_bob.live(Duration::from_millis(200));
    // Ten frames at once, as after a pause; then one every 20 ms.
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 200))).await.unwrap();
    let start = Instant::now();
    let mut given = 0;
    while start.elapsed() < Duration::from_millis(1100) {
        while given < start.elapsed().as_millis() / 20 {
            pair.to_bob.try_send_audio(AudioFrame::tone(440, 20)).unwrap();
            given += 1;
        }
        sleep(Duration::from_millis(5)).await;
    }
    let (queued, cut) = (pair.to_bob.queued_audio(), pair.to_bob.stats().cut_audio_frames);
    assert!(queued <= Duration::from_millis(60), "{queued:?}");
    assert!(cut >= 5, "{cut}");
}

async fn reading_begins_now() {
    let pair = in_call().await;
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 600))).await.unwrap();
    soon(pair.to_bob.flush_audio()).await;
    until(|| pair.to_alice.stats().received_packets >= 30).await;
    sleep(Duration::from_millis(200)).await;
    let old = pair.to_alice.discard_received();
    assert!(old >= Duration::from_millis(400), "{old:?}");
    let frame = soon(pair.to_alice.recv_audio()).await.unwrap();
    assert!(frame.timestamp >= 400 * 8, "{}", frame.timestamp);
    assert!(loudness(&frame.samples) < 100, "the prompt is over");
}

async fn whoever_never_speaks_sends_nothing() {
    let pair = in_call().await;
    sleep(Duration::from_millis(600)).await;
    for call in [&pair.to_bob, &pair.to_alice] {
        let stats = call.stats();
        assert!((1..=2).contains(&stats.sent_packets), "{stats:?}");
        assert_eq!(stats.sent_octets, 0, "what opens the path has no sound in it");
    }
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    let mut loud = 0;
    while loud < 5 {
        let frame = soon(pair.to_alice.recv_audio()).await.unwrap();
        loud += u32::from(loudness(&frame.samples) > 1000);
    }
}

async fn silence_is_sent_from_the_beginning_where_that_is_set() {
    let builder = SimplePeer::builder("alice").bind(LOOPBACK).send_silence(SendSilence::Always);
    let (alice, bob) = (builder.start().await.unwrap(), peer("bob").await);
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    until(|| to_alice.stats().received_packets >= 25).await;
    assert!(to_bob.stats().sent_octets >= 25 * 160, "{:?}", to_bob.stats());
    assert_eq!(to_alice.stats().sent_octets, 0, "nobody else does");
}

async fn a_silent_side_is_told_of() {
    let builder = SimplePeer::builder("alice").bind(LOOPBACK).silence(Duration::from_millis(200));
    let (alice, bob) = (builder.start().await.unwrap(), peer("bob").await);
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    let Some(CallEvent::Silent(lasted)) = soon(to_bob.next_event()).await else { panic!("something else") };
    assert!(lasted >= Duration::from_millis(200), "{lasted:?}");
    soon(to_alice.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    while !matches!(soon(to_bob.next_event()).await.unwrap(), CallEvent::Heard) {}
    assert!(to_bob.end().is_none());
}

async fn nothing_at_all_ends_the_call() {
    let alice = SimplePeer::builder("alice").bind(LOOPBACK).media_timeout(Duration::from_millis(300));
    let alice = alice.start().await.unwrap();
    // What Bob opens the path with is all that comes before his first report.
    let bob = peer("bob").await;
    let (to_bob, to_alice) = connect(&alice, &bob).await;
    let end = soon(to_bob.ended()).await;
    assert_eq!(end.reason, EndReason::MediaTimeout, "{end}");
    let end = soon(to_alice.ended()).await;
    assert_eq!(end.reason, EndReason::RemoteHangup, "{end}");
    let said = end.message.unwrap();
    assert_eq!(said.header("Reason").as_deref(), Some("SIP;cause=408;text=\"No Media\""));
}

async fn a_slow_reader_loses_the_oldest() {
    let pair = in_call().await;
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 2000))).await.unwrap();
    soon(pair.to_bob.flush_audio()).await;
    let dropped = pair.to_alice.stats().dropped_audio_frames;
    assert!(dropped > 20, "{dropped}");
    let first = soon(pair.to_alice.recv_audio()).await.unwrap();
    assert!(first.timestamp >= dropped * 160, "{} {dropped}", first.timestamp);
    assert!(loudness(&first.samples) > 1000);
}

async fn dropped_futures_lose_no_frame() {
    let pair = in_call().await;
    let send = async {
        for _ in 0..50 {
            soon(pair.to_bob.send_audio(AudioFrame::tone(440, 20))).await.unwrap();
        }
    };
    let receive = async {
        let (mut next, mut dropped) = (0, 0);
        while next < 50 * 160 {
            // Polled once and dropped, most of the time.
            let Some(frame) = poll_once(pair.to_alice.recv_audio()).await else {
                dropped += 1;
                yield_now().await;
                continue;
            };
            let frame = frame.unwrap();
            assert_eq!(frame.timestamp, next);
            next += 160;
        }
        assert!(dropped > 0);
    };
    soon(zip(send, receive)).await;
    assert_eq!(pair.to_alice.stats().dropped_audio_frames, 0);
}

async fn a_dropped_send_sends_all_or_nothing() {
    let pair = in_call().await;
    // Fill the queue, then abandon frames that find no room.
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 200))).await.unwrap();
    let mut taken = 200;
    for _ in 0..20 {
        if let Some(sent) = poll_once(pair.to_bob.send_audio(AudioFrame::tone(440, 60))).await {
            sent.unwrap();
            taken += 60;
        }
    }
    soon(pair.to_bob.flush_audio()).await;
    let mut loud = 0;
    while loud * 20 < taken {
        let frame = soon(pair.to_alice.recv_audio()).await.unwrap();
        loud += u32::from(loudness(&frame.samples) > 1000);
    }
    assert_eq!(loud * 20, taken);
}

async fn what_was_heard_can_be_read_after_the_end() {
    let pair = in_call().await;
    soon(pair.to_bob.send_audio(AudioFrame::tone(440, 400))).await.unwrap();
    soon(pair.to_bob.flush_audio()).await;
    soon(pair.to_bob.hangup()).await.unwrap();
    soon(pair.to_alice.ended()).await;
    let mut frames = 0;
    while let Some(frame) = soon(pair.to_alice.recv_audio()).await {
        frames += u32::from(loudness(&frame.samples) > 1000);
    }
    assert!(frames > 10, "{frames}");
    let stats = pair.to_alice.stats();
    assert!(stats.received_packets > 15, "{stats:?}");
}

async fn readers_and_writers_share_a_call() {
    let pair = in_call().await;
    let call = std::sync::Arc::new(pair.to_bob);
    let writer = rt::spawn({
        let call = std::sync::Arc::clone(&call);
        async move { while call.send_audio(AudioFrame::tone(440, 100)).await.is_ok() {} }
    });
    let reader = rt::spawn({
        let call = std::sync::Arc::clone(&call);
        async move { while call.recv_audio().await.is_some() {} }
    });
    assert!(soon(pair.to_alice.recv_audio()).await.is_some());
    soon(pair.to_alice.send_audio(AudioFrame::tone(440, 100))).await.unwrap();
    soon(call.hangup()).await.unwrap();
    soon(writer).await;
    soon(reader).await;
}
