//! Pauses of the network and of the machine.

use alloc::vec::Vec;
use core::time::Duration;

use crate::media::rtp::header::RtpHeader;
use crate::media::{Which, tests::pair::PORT};
use crate::sdp::plan::Codec;

use super::pair::{Link, Pair, address, position, speech, through};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// All of `audio` is heard in a row.
fn is_heard(pair: &Pair, audio: &[i16], what: &str) {
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, audio)).is_some(), "{what}");
}

#[test]
fn a_machine_that_is_stuck_for_100_ms_loses_nothing() {
    for who in [&[0][..], &[1], &[0, 1]] {
        for stuck in [30, 60, 90, 100] {
            let mut pair = Pair::perfect();
            let audio = speech(1, 8000 * 4);
            pair.peers[0].to_send = audio.clone();
            for _ in 0..7 {
                pair.run(MS(403));
                for &n in who {
                    pair.peers[n].stuck_until = pair.now + MS(stuck);
                }
            }
            pair.run(MS(1_500));
            is_heard(&pair, &audio, &alloc::format!("{who:?} stuck for {stuck} ms"));
        }
    }
}

#[test]
fn after_a_stall_the_next_packets_are_played_in_full() {
    for stall in [150, 300, 1_000, 10_000] {
        for kind in ["lost", "late", "sender", "receiver"] {
            let mut pair = Pair::perfect();
            pair.peers[0].to_send = speech(2, 8000);
            pair.run(MS(1_500));
            match kind {
                "lost" => {
                    pair.link.loss_percent = 100;
                    pair.run(MS(stall));
                }
                "late" => {
                    // What is under way comes in one burst at the end.
                    let end = pair.now + MS(stall);
                    pair.run_until_delivered_at(end);
                }
                "sender" => {
                    pair.peers[0].stuck_until = pair.now + MS(stall);
                    pair.run(MS(stall));
                }
                _ => {
                    pair.peers[1].stuck_until = pair.now + MS(stall);
                    pair.run(MS(stall));
                    pair.peers[1].heard.clear();
                }
            }
            pair.link = Link { delay_ms: 10, ..Link::default() };
            // The very next packets.
            let audio = speech(3, 8000 * 2);
            pair.peers[0].to_send = audio.clone();
            pair.run(MS(3_000));
            is_heard(&pair, &audio, &alloc::format!("{kind} for {stall} ms"));
        }
    }
}

fn packet(header: RtpHeader, audio: &[i16]) -> Vec<u8> {
    let mut out = Vec::new();
    header.write(&mut out);
    out.extend(audio.iter().map(|&sample| audio_codec_algorithms::encode_ulaw(sample)));
    out
}

/// A hand-made sender whose numbers jump now and then.
fn with_jumps(mut jump: impl FnMut(usize, &mut RtpHeader)) -> (Pair, Vec<i16>) {
    let mut pair = Pair::perfect();
    pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
    let audio = speech(4, 8000 * 3);
    let mut header =
        RtpHeader { marker: true, payload_type: 0, sequence: 65_500, timestamp: u32::MAX - 4000, ssrc: 1 };
    for (n, frame) in audio.chunks(160).enumerate() {
        jump(n, &mut header);
        let bytes = packet(header, frame);
        let now = pair.now;
        pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, address(1, 4000), &bytes);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(160);
        header.marker = false;
        pair.run(MS(20));
    }
    pair.run(MS(300));
    (pair, audio)
}

#[test]
fn numbers_may_wrap() {
    let (pair, audio) = with_jumps(|_, _| ());
    is_heard(&pair, &audio, "wrapping numbers");
}

#[test]
fn a_timestamp_that_jumps_loses_nothing() {
    for by in [8_000_u32, 1 << 30, 1 << 31, u32::MAX - 100_000] {
        let (pair, audio) = with_jumps(|n, header| {
            if n == 70 {
                header.timestamp = header.timestamp.wrapping_add(by);
            }
        });
        is_heard(&pair, &audio, &alloc::format!("jump of {by}"));
    }
}

#[test]
fn another_ssrc_loses_nothing() {
    let (pair, audio) = with_jumps(|n, header| {
        if n == 70 {
            *header = RtpHeader { ssrc: 2, sequence: 9, timestamp: 1_234_567, ..*header };
        }
    });
    is_heard(&pair, &audio, "another SSRC");
    assert_eq!(pair.report(1).lost, 0);
}

#[test]
fn a_sequence_that_starts_again_loses_nothing() {
    let (pair, audio) = with_jumps(|n, header| {
        if n == 70 {
            header.sequence = 20_000;
        }
    });
    is_heard(&pair, &audio, "restarted sequence");
    assert_eq!(pair.report(1).lost, 0);
}

#[test]
fn one_stray_ssrc_changes_nothing() {
    let mut own = (0, 0);
    let (pair, audio) = with_jumps(|n, header| {
        if n == 70 {
            own = (header.ssrc, header.sequence);
            header.ssrc = 99;
        } else if n == 71 {
            header.ssrc = own.0;
        }
    });
    is_heard(&pair, &audio[71 * 160..], "after the stray packet");
    is_heard(&pair, &audio[..70 * 160], "before the stray packet");
    assert_eq!(pair.report(1).lost, 1);
}

/// A sender whose clock is off by 5000 ppm, far beyond any real one, for most of a minute.
fn drifting(step_ms: u64, quiet: bool) -> (Pair, Vec<i16>) {
    let mut pair = Pair::perfect();
    pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
    let mut audio = speech(8, 8000 * 36);
    if quiet {
        audio.chunks_mut(4000).skip(1).step_by(4).for_each(|pause| pause.fill(0));
    }
    let mut header = RtpHeader { marker: true, payload_type: 0, sequence: 1, timestamp: 1, ssrc: 1 };
    for (n, frame) in audio.chunks(160).enumerate() {
        let bytes = packet(header, frame);
        let now = pair.now;
        pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, address(1, 4000), &bytes);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(160);
        pair.run(MS(if n % 10 == 0 { step_ms } else { 20 }));
    }
    (pair, audio)
}

/// The audio without its pauses is heard in a row, but for what is still under way.
fn talk_is_heard(pair: &Pair, audio: &[i16]) {
    let talk = |samples: &[i16]| samples.iter().copied().filter(|sample| *sample != 0).collect::<Vec<_>>();
    let (heard, sent) = (talk(&pair.peers[1].heard), talk(&through(Codec::Pcmu, audio)));
    assert!(position(&heard, &sent[..sent.len() - 2_000]).is_some());
}

#[test]
fn a_clock_that_runs_slow_costs_no_sample() {
    let (pair, audio) = drifting(21, false);
    let report = pair.report(1);
    assert_eq!((report.concealed_frames, report.late, report.skipped_frames), (0, 0, 0), "{report:?}");
    is_heard(&pair, &audio[..audio.len() - 2_000], "a slow sender");
    let (pair, audio) = drifting(21, true);
    assert_eq!((pair.report(1).concealed_frames, pair.report(1).late), (0, 0));
    talk_is_heard(&pair, &audio);
}

#[test]
fn a_clock_that_runs_fast_is_followed_in_the_pauses() {
    let (pair, audio) = drifting(19, true);
    let report = pair.report(1);
    assert_eq!((report.concealed_frames, report.late), (0, 0), "{report:?}");
    // 180 ms too much have come, of which 60 may stay.
    assert!((3..=9).contains(&report.skipped_frames), "{report:?}");
    talk_is_heard(&pair, &audio);
}

#[test]
fn the_last_samples_are_heard_though_they_fill_no_packet() {
    for ptime_ms in [10, 20, 40, 60] {
        let mut plans = [super::pair::plan(2), super::pair::plan(1)];
        plans[0].ptime_ms = ptime_ms;
        let mut pair = Pair::new(Link { delay_ms: 10, ..Link::default() }, plans);
        let audio = speech(9, 8000 + 77);
        pair.peers[0].to_send = audio.clone();
        pair.run(MS(1_500));
        is_heard(&pair, &audio, &alloc::format!("tail at {ptime_ms} ms"));
    }
}
