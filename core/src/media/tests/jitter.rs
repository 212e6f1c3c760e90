//! What the jitter buffer does about jitter, loss and packets of changing length.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::rng::Rng;
use crate::media::codec::encode;
use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaReport, Which};
use crate::sdp::plan::Codec;

use super::pair::{PORT, Pair, address, position, speech, through};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn deaf_pair() -> Pair {
    let mut pair = Pair::perfect();
    pair.peers[0].stuck_until = pair.now + Duration::from_secs(10_000);
    pair
}

/// One packet of the peer's arrives.
fn arrives(pair: &mut Pair, header: RtpHeader, audio: &[i16]) {
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    encode(Codec::Pcmu, audio.iter().copied(), &mut bytes);
    let now = pair.now;
    pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, address(1, 4000), &bytes);
}

const FIRST: RtpHeader =
    RtpHeader { marker: true, payload_type: 0, sequence: 100, timestamp: 5_000, ssrc: 1 };

/// The peer changes the length of its packets as it likes; nothing has to be said before (RFC 3551 section 4.2).
#[test]
fn packets_may_change_their_length_at_any_moment() {
    let mut pair = deaf_pair();
    let audio = speech(9, 8000 * 4);
    let (mut header, mut rest, mut lengths) = (FIRST, &audio[..], [20, 30, 60, 10, 40].into_iter().cycle());
    let mut ms = 20;
    while !rest.is_empty() {
        if header.sequence % 7 == 0 {
            ms = lengths.next().unwrap();
        }
        let (packet, more) = rest.split_at((ms * 8).min(rest.len()));
        // A packet leaves when its audio is complete.
        pair.run(MS(packet.len() as u64 / 8));
        arrives(&mut pair, header, packet);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(packet.len() as u32);
        header.marker = false;
        rest = more;
    }
    let report = pair.report(1);
    assert_eq!((report.concealed_frames, report.late, report.skipped_frames), (0, 0, 0), "{report:?}");
    pair.run(MS(300));
    assert!(position(&pair.peers[1].heard, &through(Codec::Pcmu, &audio[..audio.len() - 800])).is_some());
}

/// A link that loses packets in bursts (the model of Gilbert): so many of a thousand, three in a row on average.
fn bursts(seed: u8, per_mille: u32) -> (MediaReport, u64, Vec<bool>, Vec<i16>) {
    let mut pair = deaf_pair();
    let mut rng = Rng::wire([seed; 32]);
    let (mut header, mut losing, mut lost, mut fates) = (FIRST, false, 0, Vec::new());
    for frame in speech(seed, 8000 * 60).chunks(160) {
        pair.run(MS(20));
        // One in three bursts ends with each packet.
        losing = if losing { !rng.next_u32().is_multiple_of(3) } else { rng.next_u32() % 3_000 < per_mille };
        let is_first = header == FIRST;
        losing &= !is_first;
        if losing {
            lost += 1;
        } else {
            arrives(&mut pair, header, frame);
        }
        fates.push(losing);
        header.sequence = header.sequence.wrapping_add(1);
        header.timestamp = header.timestamp.wrapping_add(160);
    }
    let heard = core::mem::take(&mut pair.peers[1].heard);
    (pair.report(1), lost, fates, heard)
}

#[test]
fn bursts_of_loss_are_counted_concealed_and_fade() {
    for (seed, per_mille) in [(1, 10), (2, 30), (3, 100)] {
        let (report, lost, fates, heard) = bursts(seed, per_mille);
        let share = lost * 1000 / fates.len() as u64;
        assert!(
            (u64::from(per_mille) / 2..u64::from(per_mille) * 2).contains(&share),
            "{share} of {per_mille}"
        );
        assert!(report.lost.abs_diff(lost) <= 3, "{lost} lost: {report:?}");
        // What is made up is counted, up to the silence that a long burst ends in.
        assert!(
            report.concealed_frames <= lost + 5 && report.concealed_frames * 10 >= lost * 7,
            "{lost}: {report:?}"
        );
        assert_eq!((report.late, report.skipped_frames), (0, 0), "{report:?}");
        // All that arrived is heard. A burst of 80 ms and more may end with another delay: the buffer starts anew.
        let exact = through(Codec::Pcmu, &speech(seed, 8000 * 60));
        let start = position(&heard, &exact[..1_600.min(first_loss(&fates) * 160)]).unwrap();
        let frames: Vec<&[i16]> = heard[start..].chunks(160).collect();
        let (mut at, mut burst) = (0, 0);
        for (n, &lost) in fates.iter().enumerate().take(fates.len() - 20) {
            if lost {
                // After 100 ms of what is made up there is silence, until audio can be back whatever the delay.
                if (5..=7).contains(&burst) && fates[n..].iter().take(4).all(|lost| *lost) {
                    assert!(frames[at].iter().all(|sample| sample.abs() < 32), "frame {n} of {per_mille}");
                }
                (at, burst) = (at + 1, burst + 1);
                continue;
            }
            let sent = &exact[n * 160..][..160];
            if burst >= 4 {
                at = (at - 3..at + 4).find(|&at| frames[at] == sent).unwrap();
            }
            assert_eq!(frames[at], sent, "frame {n} of {per_mille}");
            (at, burst) = (at + 1, 0);
        }
    }
}

fn first_loss(fates: &[bool]) -> usize {
    fates.iter().position(|lost| *lost).unwrap()
}

/// Jitter is followed as soon as it comes; what it cost in delay is given back slowly, in pauses.
#[test]
fn the_delay_grows_at_once_and_shrinks_slowly() {
    let mut pair = Pair::perfect();
    let mut audio = speech(5, 8000 * 130);
    audio.chunks_mut(4_000).skip(1).step_by(2).for_each(|pause| pause.fill(0));
    pair.peers[0].to_send = audio;
    pair.run(Duration::from_secs(5));
    let least = (0..50).map(|_| delay_after(&mut pair, 20)).max().unwrap();
    assert!(least <= MS(80), "{least:?} on a perfect link");
    pair.link.jitter_ms = 100;
    let grown = (0..150).map(|_| delay_after(&mut pair, 20)).max().unwrap();
    assert!(grown >= MS(100), "{grown:?} after three seconds of jitter");
    let before = pair.report(1);
    pair.run(Duration::from_secs(10));
    let report = pair.report(1);
    let spoilt = report.concealed_frames + report.late - before.concealed_frames - before.late;
    assert!(spoilt <= 10, "{spoilt} of 500 frames, once the delay has grown: {report:?}");
    pair.link.jitter_ms = 0;
    let soon = (0..100).map(|_| delay_after(&mut pair, 20)).min().unwrap();
    assert!(soon > least, "{soon:?}: it is not given up in two seconds");
    pair.run(Duration::from_secs(100));
    let late = (0..50).map(|_| delay_after(&mut pair, 20)).max().unwrap();
    assert!(late < grown && late <= MS(100), "{late:?} after 100 seconds without jitter");
}

fn delay_after(pair: &mut Pair, ms: u64) -> Duration {
    pair.run(MS(ms));
    pair.report(1).playout_delay
}
