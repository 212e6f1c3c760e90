//! Limits, stale ids and arbitrary octets.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use proptest::prelude::{ProptestConfig, any, prop};
use proptest::proptest;

use crate::base::time::Instant;
use crate::media::{
    MediaCommand, MediaEvent, MediaPort, MediaSessionId, MediaShard, NoSuchMedia, SendBatch, ShardConfig,
    TransmitHead, Which,
};

use super::pair::{PORT, address, always, plan};

fn shard(streams_max: usize) -> MediaShard {
    let config = ShardConfig { streams_max, ..always() };
    MediaShard::new(config, [3; 32], Instant::ZERO)
}

fn open(shard: &mut MediaShard, slot: u32, generation: u32) -> MediaSessionId {
    let media = MediaSessionId { shard: 0, generation, slot };
    let port = MediaPort { key: slot, rtp: 4000, rtcp: 4001 };
    shard.handle_command(
        Instant::ZERO,
        MediaCommand::Open { media, port, plan: Arc::new(plan(1)), rationed: false },
    );
    media
}

#[test]
fn a_stale_id_finds_nothing() {
    let mut shard = shard(4);
    let old = open(&mut shard, 2, 1);
    let new = open(&mut shard, 2, 2);
    assert!(matches!(shard.poll_event(), Some(MediaEvent::Closed { media, .. }) if media == old));
    assert_eq!(shard.handle_audio(Instant::ZERO, old, &[0; 10]), Err(NoSuchMedia(old)));
    assert_eq!(shard.read_audio(old, &mut [0; 10]), Err(NoSuchMedia(old)));
    assert_eq!(shard.report(old), None);
    shard.handle_command(Instant::ZERO, MediaCommand::Close { media: old });
    assert_eq!(shard.len(), 1);
    assert_eq!(shard.handle_audio(Instant::ZERO, new, &[0; 10]), Ok(10));
    assert_eq!(alloc::format!("{new} {}", NoSuchMedia(old)), "media2.2@0 no media session media2.1@0");
}

#[test]
fn the_table_is_bounded() {
    let mut shard = shard(4);
    let far = open(&mut shard, 4, 1);
    assert!(matches!(shard.poll_event(), Some(MediaEvent::Closed { media, .. }) if media == far));
    let elsewhere = MediaSessionId { shard: 1, generation: 1, slot: 0 };
    let command =
        MediaCommand::Open { media: elsewhere, port: PORT, plan: Arc::new(plan(1)), rationed: false };
    shard.handle_command(Instant::ZERO, command);
    assert!(matches!(shard.poll_event(), Some(MediaEvent::Closed { media, .. }) if media == elsewhere));
    assert!(shard.is_empty());
}

#[test]
fn audio_is_taken_as_fast_as_it_is_sent() {
    let mut shard = shard(4);
    let media = open(&mut shard, 0, 1);
    assert_eq!(shard.handle_audio(Instant::ZERO, media, &[0; 5000]), Ok(1600));
    assert_eq!(shard.handle_audio(Instant::ZERO, media, &[0; 5000]), Ok(0));
    shard.handle_timeout(Instant::from_millis(25));
    assert_eq!(shard.handle_audio(Instant::from_millis(25), media, &[0; 5000]), Ok(160));
}

#[test]
fn a_slow_reader_loses_the_oldest_frames() {
    let mut heard = Vec::new();
    let mut shard = shard(1);
    let media = open(&mut shard, 0, 1);
    for n in 0..100_u16 {
        let now = Instant::from_millis(u64::from(n) * 20);
        let mut bytes = vec![0x80, 0];
        bytes.extend_from_slice(&n.to_be_bytes());
        bytes.extend_from_slice(&(u32::from(n) * 160).to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 1]);
        bytes.extend_from_slice(&[n as u8; 160]);
        shard.handle_datagram(now, 0, Which::Rtp, address(1, 4000), &bytes);
        shard.handle_timeout(now);
    }
    let dropped = shard.report(media).unwrap().dropped_audio_frames;
    assert!((70..=73).contains(&dropped), "{dropped}");
    let mut out = [0; 999];
    while let Ok(count @ 1..) = shard.read_audio(media, &mut out) {
        heard.extend_from_slice(&out[..count]);
    }
    assert_eq!(heard.len(), 25 * 160);
    assert!(shard.poll_audio().is_none());
}

#[test]
fn streams_share_phases_evenly_and_leave_them() {
    let mut shard = shard(100);
    let all: Vec<_> = (0..100).map(|slot| open(&mut shard, slot, 1)).collect();
    for ms in 0..=1_020 {
        let now = Instant::from_millis(ms);
        shard.handle_timeout(now);
        let mut count = 0;
        shard.for_each_transmit(|packet| count += u32::from(packet.which == Which::Rtp));
        if ms >= 20 {
            assert_eq!(count, 5, "at {ms} ms");
        }
        assert!(shard.poll_timeout().unwrap() <= Instant::from_millis(ms + 1));
    }
    for media in all.iter().step_by(2).chain(all.iter().skip(1).step_by(2)) {
        shard.handle_command(Instant::from_millis(1_021), MediaCommand::Close { media: *media });
    }
    shard.for_each_transmit(|_| ());
    while shard.poll_event().is_some() {}
    assert_eq!(shard.poll_timeout(), None);
    open(&mut shard, 7, 2);
    assert!(shard.poll_timeout().unwrap() > Instant::from_millis(1_020));
}

#[test]
fn packets_fit_into_the_memory_of_the_caller() {
    let mut shard = shard(8);
    (0..8).for_each(|slot| {
        open(&mut shard, slot, 1);
    });
    shard.handle_timeout(Instant::from_millis(20));
    let (mut bytes, mut heads) = ([0; 400], [TransmitHead::VACANT; 3]);
    let mut total = 0;
    let mut batch = SendBatch::new(&mut bytes, &mut heads);
    while shard.poll_transmit(&mut batch) {
        assert_eq!(batch.iter().count(), 2, "two of 172 octets fit into 400");
        total += batch.iter().map(|packet| packet.bytes.len()).sum::<usize>();
        batch.clear();
    }
    assert_eq!(total, 8 * 172);
    assert!(batch.is_empty());
}

#[test]
fn time_that_goes_back_is_taken_as_standing_still() {
    let mut shard = shard(1);
    let media = open(&mut shard, 0, 1);
    shard.handle_timeout(Instant::from_millis(500));
    let sent = shard.report(media).unwrap().sent_packets;
    shard.handle_timeout(Instant::from_millis(100));
    assert_eq!(shard.report(media).unwrap().sent_packets, sent);
}

#[test]
fn a_very_late_timer_sends_few_packets() {
    let mut shard = shard(1);
    let media = open(&mut shard, 0, 1);
    shard.handle_timeout(Instant::from_millis(20));
    let before = shard.report(media).unwrap().sent_packets;
    shard.handle_timeout(Instant::from_millis(3_600_020));
    let sent = shard.report(media).unwrap().sent_packets - before;
    assert!((1..=6).contains(&sent), "{sent}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_octets_do_no_harm(
        datagrams in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..80), any::<bool>(), 0..50_u64, 0..4_u8, any::<u8>()),
            1..60,
        )
    ) {
        let mut shard = shard(1);
        let media = open(&mut shard, 0, 1);
        let mut now = Instant::ZERO;
        for (mut bytes, rtcp, wait, kind, port) in datagrams {
            // Arbitrary, or nearly right.
            match (kind, bytes.as_mut_slice()) {
                (1, [first, second, ..]) => {
                    *first = 0x80 | *first & 0x3f;
                    *second = [0, 101, 0x80, 0xe5][usize::from(*second % 4)];
                }
                (2, [first, second, rest @ ..]) => {
                    *first = 0x80 | *first & 0x0f;
                    *second = 200 + *second % 5;
                    let words = (rest.len() + 2) / 4;
                    if let [high, low, ..] = rest {
                        (*high, *low) = (0, words.saturating_sub(1) as u8);
                    }
                }
                (3, [first, second, _, _, _, _, _, _, a, b, c, d, ..]) => {
                    (*first, *second) = (0x80, if *second % 2 == 0 { 0 } else { 101 });
                    (*a, *b, *c, *d) = (0, 0, 0, *d % 2);
                }
                _ => (),
            }
            now = now + Duration::from_millis(wait);
            let which = if rtcp { Which::Rtcp } else { Which::Rtp };
            let remote = address(1 + port % 2, 4000 + u16::from(port % 3));
            shard.handle_datagram(now, 0, which, remote, &bytes);
            shard.handle_timeout(now);
            shard.for_each_transmit(|packet| assert!(packet.bytes.len() < 1500));
            while shard.poll_audio().is_some() {}
            while shard.poll_event().is_some() {}
        }
        assert!(shard.report(media).is_some());
    }
}

#[test]
fn a_stream_of_which_nobody_has_heard_is_small() {
    // Thousands of calls may be held of which nothing is ever heard. The room for audio comes with the audio.
    let size = size_of::<crate::media::stream::Stream>();
    assert!(size <= 1600, "{size}");
}
