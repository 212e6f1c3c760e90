//! Audio through the handles: back-pressure, slow readers, dropped futures.

use std::time::{Duration, Instant};

use super::{in_call, loudness, poll_once, soon, yield_now, zip};
use crate::rt::{self, AudioFrame};

super::on_runtime! {
    a_sender_is_held_back,
    whoever_is_interrupted_falls_silent,
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
