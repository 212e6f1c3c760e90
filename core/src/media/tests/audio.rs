//! Audio from end to end.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::base::time::Instant;
use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaCommand, Which};
use crate::sdp::plan::{Codec, Direction};

use super::pair::{Link, MEDIA, Pair, plan, position, speech, through};

fn is_clean(pair: &Pair, n: usize) {
    let report = pair.report(n);
    let bad =
        (report.lost, report.late, report.concealed_frames, report.skipped_frames, report.inserted_frames);
    assert_eq!(bad, (0, 0, 0, 0, 0), "{report:?}");
}

#[test]
fn a_perfect_link_is_sample_exact() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        for ptime_ms in [10, 20, 30, 40, 50, 60] {
            let mut plans = [plan(2), plan(1)];
            for plan in &mut plans {
                plan.codec = codec;
                plan.ptime_ms = ptime_ms;
            }
            let mut pair = Pair::new(Link { delay_ms: 10, ..Link::default() }, plans);
            let audio = speech(1, 8000 * 2);
            pair.peers[0].to_send = audio.clone();
            pair.peers[1].to_send = audio.clone();
            // Not to the end of the audio, where nobody can know that no more comes.
            pair.run(Duration::from_millis(1_900));
            for n in 0..2 {
                is_clean(&pair, n);
            }
            pair.run(Duration::from_millis(500));
            for n in 0..2 {
                let found = position(&pair.peers[n].heard, &through(codec, &audio));
                assert!(found.is_some(), "{codec:?} {ptime_ms} ms is not contiguous");
            }
        }
    }
}

#[test]
fn a_long_call_with_a_constant_delay_is_never_touched() {
    let mut pair = Pair::new(Link { delay_ms: 80, jitter_ms: 15, ..Link::default() }, [plan(2), plan(1)]);
    let mut audio = speech(1, 8000 * 30);
    // Pauses, in which an eager buffer would adapt.
    for pause in audio.chunks_mut(8000).skip(1).step_by(3) {
        pause.fill(0);
    }
    pair.peers[0].to_send = audio.clone();
    pair.run(Duration::from_secs(29));
    is_clean(&pair, 1);
    pair.run(Duration::from_secs(2));
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, &audio)).is_some());
}

#[test]
fn odd_chunks_of_audio_make_whole_packets() {
    let mut pair = Pair::perfect();
    let audio = speech(2, 8000 * 4);
    // 100 samples every 12.5 ms: frames are never complete when the last piece comes.
    let (mut fed, mut ms) = (0, 0_usize);
    while fed < audio.len() {
        pair.run(Duration::from_millis(1));
        ms += 1;
        while fed + 100 <= audio.len() && (fed / 100) * 25 <= ms * 2 {
            pair.peers[0].to_send.extend_from_slice(&audio[fed..fed + 100]);
            fed += 100;
        }
    }
    pair.run(Duration::from_millis(500));
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, &audio)).is_some());
}

#[test]
fn packets_leave_on_a_grid_with_one_ssrc_and_one_sequence() {
    let mut pair = Pair::perfect();
    pair.peers[0].to_send = speech(3, 8000);
    pair.run(Duration::from_secs(3));
    let mut before: Option<(Instant, RtpHeader)> = None;
    let mut count = 0;
    for (from, at, which, bytes) in &pair.sent {
        if *from != 0 || *which != Which::Rtp {
            continue;
        }
        let (header, payload) = RtpHeader::parse(bytes).unwrap();
        assert_eq!((header.payload_type, payload.len()), (0, 160));
        if let Some((_, before)) = before {
            assert_eq!(header.sequence, before.sequence.wrapping_add(1));
            assert_eq!(header.timestamp, before.timestamp.wrapping_add(160));
            assert_eq!(header.ssrc, before.ssrc);
            assert!(!header.marker);
        } else {
            assert!(header.marker, "the first packet begins a talkspurt");
        }
        before = Some((*at, header));
        count += 1;
    }
    assert!((149..=151).contains(&count), "{count} packets in three seconds");
    // Another seed has other numbers.
    let first = |n: usize| {
        let packet = pair.sent.iter().find(|(from, _, which, _)| *from == n && *which == Which::Rtp).unwrap();
        RtpHeader::parse(&packet.3).unwrap().0
    };
    assert_ne!(first(0).ssrc, first(1).ssrc);
    assert_ne!(first(0).timestamp, first(1).timestamp);
}

#[test]
fn a_poor_link_is_survived_with_honest_figures() {
    let link = Link { loss_percent: 5, duplicate_percent: 10, delay_ms: 30, jitter_ms: 35 };
    let mut pair = Pair::new(link, [plan(2), plan(1)]);
    let audio = speech(4, 8000 * 20);
    pair.peers[0].to_send = audio.clone();
    pair.run(Duration::from_secs(20));
    let report = pair.report(1);
    assert!(report.reordered > 20 && report.duplicate > 50, "{report:?}");
    // Each packet is sent once or twice, so that fewer than 5 % are lost.
    assert!((25..=80).contains(&report.lost), "{report:?}");
    assert!(report.concealed_frames >= report.lost / 2, "{report:?}");
    assert!(report.concealed_frames <= report.lost + report.late + 10, "{report:?}");
    // Nearly everything else is exact.
    let exact = through(Codec::Pcmu, &audio);
    let frames: Vec<&[i16]> = pair.peers[1].heard.chunks(160).collect();
    let start =
        (0..200).find_map(|n| position(&exact, frames[n + 20]).map(|at| at as i64 - (n as i64 + 20) * 160));
    let start = start.unwrap();
    let same = frames.iter().enumerate().filter(|(n, frame)| {
        let at = start + *n as i64 * 160;
        at >= 0 && exact.get(at as usize..at as usize + 160) == Some(**frame)
    });
    let share = same.count() * 100 / frames.len();
    assert!(share >= 90, "{share} % of the frames are exact");
}

#[test]
fn hold_sends_nothing_and_resume_goes_on() {
    let mut pair = Pair::perfect();
    pair.peers[0].to_send = speech(5, 8000);
    pair.run(Duration::from_millis(1_100));
    let mut held = plan(2);
    held.direction = Direction::Inactive;
    pair.command(0, MediaCommand::Update { media: MEDIA, plan: Arc::new(held) });
    pair.run(Duration::from_millis(100));
    let before = pair.report(0).sent_packets;
    pair.peers[0].to_send = speech(6, 8000);
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.report(0).sent_packets, before);
    assert!(pair.peers[0].to_send.is_empty(), "audio does not pile up");
    assert!(pair.report(0).muted_audio_frames >= 40);
    pair.command(0, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan(2)) });
    let audio = speech(7, 8000);
    pair.peers[0].to_send = audio.clone();
    pair.run(Duration::from_secs(2));
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, &audio)).is_some());
    assert_eq!(pair.report(1).lost, 0);
}

#[test]
fn muted_audio_leaves_as_silence_at_its_own_pace() {
    let mut pair = Pair::perfect();
    pair.peers[0].shard.mute(MEDIA, true).unwrap();
    pair.peers[0].to_send = speech(5, 8000);
    pair.run(Duration::from_millis(500));
    assert!((1..8000).contains(&pair.peers[0].to_send.len()), "it is neither refused nor swallowed at once");
    pair.run(Duration::from_millis(1_000));
    assert!(pair.peers[0].to_send.is_empty());
    assert!(pair.report(0).sent_packets >= 70, "the stream goes on");
    assert!(pair.report(0).muted_audio_frames >= 49);
    assert!(pair.peers[1].heard.iter().all(|sample| sample.abs() < 10));
    pair.peers[0].shard.mute(MEDIA, false).unwrap();
    let audio = speech(7, 8000);
    pair.peers[0].to_send = audio.clone();
    pair.run(Duration::from_secs(2));
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, &audio)).is_some());
}

#[test]
fn the_clock_of_what_is_heard_goes_on_while_nothing_is() {
    let mut pair = Pair::perfect();
    pair.peers[0].to_send = speech(5, 8000);
    pair.run(Duration::from_millis(500));
    let heard = pair.peers[1].heard.len();
    let mut held = plan(1);
    held.direction = Direction::SendOnly;
    pair.command(1, MediaCommand::Update { media: MEDIA, plan: Arc::new(held) });
    pair.run(Duration::from_secs(2));
    assert!(pair.peers[1].heard.len() < heard + 320);
    pair.command(1, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan(1)) });
    let heard = pair.peers[1].stamps.len();
    pair.run(Duration::from_millis(500));
    let (before, after) = (pair.peers[1].stamps[heard - 1], pair.peers[1].stamps[heard]);
    let gap = after - before;
    assert!((2_000 * 8..=2_200 * 8).contains(&gap), "{gap}");
}
