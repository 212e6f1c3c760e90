//! Live sources: what piles up does not stay.

use alloc::vec::Vec;
use core::time::Duration;

use crate::media::FRAME_SAMPLES;

use super::pair::{MEDIA, Pair, speech};

const MS: fn(u64) -> Duration = Duration::from_millis;
const FRAME: usize = FRAME_SAMPLES;

/// A source that gives a frame each 20 ms, but for a pause of `pause` frames after a second, whose frames come all at once
/// afterwards. What lies in the queue each 20 ms, in samples, just after a frame was given.
fn queued(live: bool, source: &[i16], pause: usize) -> (Vec<usize>, Pair) {
    let mut pair = Pair::perfect();
    let most = live.then_some(MS(200));
    pair.peers[0].shard.live(MEDIA, most).unwrap();
    let mut queued = Vec::new();
    for (n, frame) in source.chunks(FRAME).enumerate() {
        pair.peers[0].to_send.extend_from_slice(frame);
        if (50..50 + pause).contains(&n) {
            let waiting = core::mem::take(&mut pair.peers[0].to_send);
            pair.run(MS(20));
            pair.peers[0].to_send = waiting;
        } else {
            pair.run(MS(20));
        }
        queued.push(pair.peers[0].shard.audio_queued(MEDIA).unwrap());
    }
    (queued, pair)
}

#[test]
fn the_queue_of_a_live_source_is_back_to_one_frame_within_a_second() {
    let loud = speech(3, 200 * FRAME);
    let mut pausing = loud.clone();
    // A pause of 60 ms in each 300 ms of speech.
    for word in pausing.chunks_mut(15 * FRAME) {
        word.iter_mut().take(3 * FRAME).for_each(|sample| *sample /= 200);
    }
    for source in [&loud, &pausing] {
        for pause in [3, 5, 8] {
            let (stays, _) = queued(false, source, pause);
            assert!(*stays.iter().skip(52 + pause).min().unwrap() >= (pause - 1) * FRAME, "it is not live");
            let (queued, pair) = queued(true, source, pause);
            let most = queued.iter().skip(50 + pause + 50).max().unwrap();
            assert!(*most <= FRAME, "{pause} frames late: {most} samples after a second: {queued:?}");
            let cut = pair.report(0).cut_audio_frames;
            assert!(cut.abs_diff(pause as u64) <= 1, "{cut} of {pause}");
        }
    }
}

#[test]
fn pauses_are_taken_out_before_speech() {
    let mut source = speech(3, 200 * FRAME);
    for word in source.chunks_mut(10 * FRAME) {
        word.iter_mut().skip(FRAME).take(3 * FRAME).for_each(|sample| *sample = 0);
    }
    let loud = |samples: &[i16]| samples.iter().filter(|sample| sample.abs() > 1000).count();
    let given = loud(&source);
    let (_, mut pair) = queued(true, &source, 3);
    assert!(pair.report(0).cut_audio_frames >= 2);
    pair.run(MS(500));
    let heard = loud(&pair.peers[1].heard);
    assert!(heard + FRAME >= given, "{heard} loud samples of {given}");
}

#[test]
fn a_steady_source_of_any_rhythm_is_left_alone() {
    for burst in [1, 2, 3, 5] {
        let mut pair = Pair::perfect();
        pair.peers[0].shard.live(MEDIA, Some(MS(200))).unwrap();
        for chunk in speech(4, 300 * FRAME).chunks(burst * FRAME) {
            pair.peers[0].to_send.extend_from_slice(chunk);
            pair.run(MS(20 * burst as u64));
        }
        assert_eq!(pair.report(0).cut_audio_frames, 0, "{burst} frames at a time");
    }
}

#[test]
fn a_live_source_is_never_held_up_and_loses_its_oldest() {
    let mut pair = Pair::perfect();
    pair.peers[0].shard.live(MEDIA, Some(MS(60))).unwrap();
    let shard = &mut pair.peers[0].shard;
    assert_eq!(shard.handle_audio(pair.now, MEDIA, &[5; 10 * FRAME]), Ok(10 * FRAME));
    assert_eq!(shard.audio_queued(MEDIA), Ok(3 * FRAME));
    assert_eq!(shard.handle_audio(pair.now, MEDIA, &[6; FRAME]), Ok(FRAME));
    assert_eq!(shard.audio_queued(MEDIA), Ok(3 * FRAME));
    assert_eq!(pair.report(0).cut_audio_frames, 8);
    pair.peers[0].shard.live(MEDIA, None).unwrap();
    assert_eq!(pair.peers[0].shard.audio_room(MEDIA), Ok(7 * FRAME), "it waits again");
}
