//! Key presses (RFC 4733).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::media::rtp::header::RtpHeader;
use crate::media::{DtmfDigits, DtmfError, MediaCommand, MediaEvent, ShardConfig, Which};
use crate::sdp::plan::Codec;

use super::pair::{Link, MEDIA, PORT, Pair, address, plan, position, speech, through};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn press(pair: &mut Pair, digits: &str) {
    let digits = DtmfDigits::new(digits).unwrap();
    pair.command(0, MediaCommand::SendDtmf { media: MEDIA, digits });
}

fn pressed(pair: &Pair) -> (String, Vec<u32>) {
    let presses = pair.peers[1].events.iter().filter_map(|event| match event {
        MediaEvent::Dtmf { digit, duration_ms, .. } => Some((*digit, *duration_ms)),
        _ => None,
    });
    presses.unzip()
}

#[test]
fn texts_are_checked() {
    assert_eq!(DtmfDigits::new("12*#aD").unwrap().iter().collect::<String>(), "12*#AD");
    assert_eq!(DtmfDigits::new(""), Err(DtmfError::Empty));
    assert_eq!(DtmfDigits::new("12x"), Err(DtmfError::NoSuchKey { found: 'x', at: 2 }));
    assert_eq!(DtmfDigits::new(&"1".repeat(33)), Err(DtmfError::TooLong));
    assert!(DtmfDigits::new(&"1".repeat(32)).is_ok());
}

#[test]
fn every_key_arrives_once_and_in_order() {
    let mut pair = Pair::perfect();
    press(&mut pair, "0123456789*#ABCD");
    press(&mut pair, "5577");
    pair.run(MS(4_000));
    let (keys, durations) = pressed(&pair);
    assert_eq!(keys, "0123456789*#ABCD5577");
    assert!(durations.iter().all(|&ms| ms == 100), "{durations:?}");
    let sent = MediaEvent::DtmfSent { media: MEDIA };
    assert_eq!(pair.peers[0].events, [sent.clone(), sent]);
    let report = pair.report(1);
    assert_eq!((report.concealed_frames, report.lost), (0, 0), "a key is no gap in the audio");
}

/// RFC 4733 sections 2.3 and 2.5.1.4.
#[test]
fn the_packets_are_those_of_the_rfc() {
    let mut pair = Pair::perfect();
    pair.run(MS(100));
    press(&mut pair, "7");
    pair.run(MS(400));
    let mut before: Option<RtpHeader> = None;
    let mut events = Vec::new();
    for (from, _, which, bytes) in &pair.sent {
        if *from != 0 || *which != Which::Rtp {
            continue;
        }
        let (header, payload) = RtpHeader::parse(bytes).unwrap();
        if let Some(before) = before {
            assert_eq!(header.sequence, before.sequence.wrapping_add(1), "one sequence space");
            assert_eq!(header.ssrc, before.ssrc);
        }
        if header.payload_type == 101 {
            let duration = u16::from_be_bytes([payload[2], payload[3]]);
            events.push((header.marker, header.timestamp, payload[0], payload[1] >> 7, duration));
        }
        before = Some(header);
    }
    let start = events[0].1;
    let shape: Vec<_> = events.iter().map(|event| (event.0, event.3, event.4)).collect();
    assert!(events.iter().all(|event| event.1 == start && event.2 == 7));
    assert_eq!(
        shape,
        [
            (true, 0, 160),
            (false, 0, 320),
            (false, 0, 480),
            (false, 0, 640),
            (false, 1, 800),
            (false, 1, 800),
            (false, 1, 800)
        ]
    );
}

#[test]
fn audio_waits_while_keys_are_sent() {
    let mut pair = Pair::perfect();
    let audio = speech(1, 8000 * 2);
    pair.peers[0].to_send = audio.clone();
    pair.run(MS(500));
    press(&mut pair, "1");
    pair.run(MS(2_500));
    let heard: Vec<i16> = pair.peers[1].heard.iter().copied().filter(|&sample| sample != 0).collect();
    let sent: Vec<i16> = through(Codec::Pcmu, &audio).into_iter().filter(|&sample| sample != 0).collect();
    assert!(position(&heard, &sent).is_some(), "no sample is lost under the key");
    assert_eq!(pair.report(1).concealed_frames, 0);
}

#[test]
fn a_poor_link_adds_and_loses_no_key() {
    for (seed, loss_percent) in [(1, 10), (2, 20), (3, 20)] {
        let link = Link { loss_percent, duplicate_percent: 20, delay_ms: 20, jitter_ms: 40 };
        let mut pair = Pair::new(link, [plan(2), plan(1)]);
        pair.rng = crate::base::rng::Rng::wire([seed; 32]);
        press(&mut pair, "1122334455667788990*#ABCD");
        pair.run(MS(5_000));
        // With seven packets each, all of them lost is not to be expected.
        assert_eq!(pressed(&pair).0, "1122334455667788990*#ABCD", "seed {seed}");
    }
}

struct Hand {
    pair: Pair,
    sequence: u16,
    ssrc: u32,
}

impl Hand {
    fn new() -> Self {
        let mut pair = Pair::perfect();
        pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
        Self { pair, sequence: 0, ssrc: 5 }
    }

    fn event(&mut self, timestamp: u32, event: u8, end: bool, duration: u16) {
        let Self { sequence, ssrc, .. } = *self;
        let header = RtpHeader { marker: false, payload_type: 101, sequence, timestamp, ssrc };
        self.sequence += 1;
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(&[event, u8::from(end) << 7 | 10]);
        bytes.extend_from_slice(&duration.to_be_bytes());
        let now = self.pair.now;
        self.pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, address(1, 4000), &bytes);
        self.pair.run(MS(20));
    }

    /// A key of 100 ms.
    fn press(&mut self, timestamp: u32, event: u8) {
        for n in 1..=8_u16 {
            self.event(timestamp, event, n > 5, 160 * n.min(5));
        }
    }

    /// The keys that were heard, and for how long.
    fn heard(mut self) -> (String, Vec<u32>) {
        self.pair.run(MS(600));
        pressed(&self.pair)
    }
}

#[test]
fn lost_starts_and_ends_are_made_up_for() {
    let mut hand = Hand::new();
    hand.event(1000, 1, true, 800); // only an end
    hand.event(3000, 2, false, 160); // no end, but another press
    hand.event(3000, 2, false, 320);
    hand.event(5000, 2, false, 160); // no end, and nothing after
    hand.pair.run(MS(400));
    hand.event(5000, 2, true, 800); // late repeats of what was reported
    hand.event(1000, 1, true, 800);
    hand.event(9000, 16, true, 800); // a flash is no key
    hand.pair.run(MS(400));
    let expected = ("122".into(), [100, 40, 20].to_vec());
    assert_eq!(pressed(&hand.pair), expected);
}

#[test]
fn a_press_longer_than_the_duration_field_is_one_press() {
    let mut hand = Hand::new();
    let mut timestamp = u32::MAX - 10_000;
    for segment in 0..3 {
        for duration in (0..=u16::MAX).step_by(160).skip(1) {
            hand.event(timestamp, 9, segment == 2 && duration > 16_000, duration);
            if segment == 2 && duration > 16_000 {
                break;
            }
        }
        timestamp = timestamp.wrapping_add(u32::from(u16::MAX));
    }
    let (keys, durations) = pressed(&hand.pair);
    assert_eq!(keys, "9");
    assert!((18_300..18_450).contains(&durations[0]), "{durations:?}");
}

/// Some senders move the timestamp with every packet of a press, or with every repeat of its end.
#[test]
fn a_press_whose_packets_have_timestamps_of_their_own_is_one_press() {
    // Ends that move on, as many as ten.
    let mut hand = Hand::new();
    for duration in [160, 320, 480, 640] {
        hand.event(1_000, 4, false, duration);
    }
    for n in 0..10 {
        hand.event(1_000 + 160 * n, 4, true, 800);
    }
    hand.pair.run(MS(600));
    assert_eq!(pressed(&hand.pair), ("4".into(), [100].to_vec()), "moving ends");
    // Everything moves, and the ends lie behind the press.
    let mut hand = Hand::new();
    for n in 0..5 {
        hand.event(1_000 + 160 * n, 4, false, 160 * (n as u16 + 1));
    }
    for n in 5..8 {
        hand.event(1_000 + 160 * n, 4, true, 800);
    }
    // The same key again, 40 ms later, is another press; and so is another key at once.
    hand.event(1_000 + 160 * 7 + 800 + 320, 4, true, 400);
    hand.event(1_000 + 160 * 7 + 800 + 320 + 80, 5, true, 400);
    hand.pair.run(MS(600));
    assert_eq!(pressed(&hand.pair), ("445".into(), [100, 50, 50].to_vec()), "everything moves");
    // Only ends have come, in the wrong order.
    let mut hand = Hand::new();
    for n in [2, 0, 1] {
        hand.event(5_000 + 160 * n, 7, true, 800);
    }
    assert_eq!(pressed(&hand.pair), ("7".into(), [100].to_vec()), "ends out of order");
    // A second press that lies within what the first claimed, but comes long after it, is a press.
    let mut hand = Hand::new();
    hand.event(1_000, 9, true, u16::MAX);
    hand.pair.run(MS(1_000));
    hand.event(9_000, 9, true, 800);
    assert_eq!(pressed(&hand.pair).0, "99", "a false duration");
}

/// A press over which the numbers of the packets jump.
#[test]
fn a_press_goes_on_when_the_sender_counts_anew() {
    for step in [30, 60, 200, 30_000] {
        let mut hand = Hand::new();
        hand.sequence = 40_000;
        for n in 1..=3_u16 {
            hand.event(1_000, 4, false, 160 * n);
        }
        hand.sequence -= step;
        for n in 4..=6_u16 {
            hand.event(1_000, 4, n > 4, 160 * n.min(5));
        }
        hand.pair.run(MS(600));
        assert_eq!(pressed(&hand.pair).0, "4", "{step}");
    }
}

/// The timestamp tells presses apart, but not alone: some senders have the same for all of them.
#[test]
fn presses_that_have_one_timestamp_are_told_apart() {
    let mut hand = Hand::new();
    hand.press(1_000, 4);
    hand.press(1_000, 5);
    assert_eq!(hand.heard().0, "45", "another key");
    let mut hand = Hand::new();
    for (event, duration) in [(4, 160), (4, 320), (5, 480), (5, 640), (4, 320)] {
        hand.event(1_000, event, false, duration);
    }
    hand.event(1_000, 5, true, 640);
    assert_eq!(hand.heard(), ("45".into(), [40, 80].to_vec()), "another key, before the end of the first");
    let mut hand = Hand::new();
    hand.press(1_000, 4);
    hand.pair.run(MS(3_000));
    hand.press(1_000, 4);
    assert_eq!(hand.heard().0, "44", "the same key, seconds later");
    let mut hand = Hand::new();
    hand.press(1_000, 4);
    hand.pair.run(MS(1_000));
    hand.event(1_000, 4, true, 800);
    assert_eq!(hand.heard().0, "4", "a repeat that was long on its way");
}

#[test]
fn a_key_that_is_pressed_again_after_20_ms_is_pressed_twice() {
    let mut hand = Hand::new();
    hand.press(1_000, 4);
    hand.press(1_000 + 800 + 160, 4);
    assert_eq!(hand.heard(), ("44".into(), [100, 100].to_vec()));
}

/// What is between two telephones may take over, and count on or anew, while a key is pressed.
#[test]
fn a_press_goes_on_when_another_source_takes_over() {
    for (at, timestamp) in [(3, 1_000), (3, 91_000), (6, 1_000), (7, 1_000), (1, 7)] {
        let mut hand = Hand::new();
        for n in 1..=8_u16 {
            if n == at + 1 {
                hand.ssrc = 6;
            }
            let timestamp = if n > at { timestamp } else { 1_000 };
            hand.event(timestamp, 4, n > 5, 160 * n.min(5));
        }
        assert_eq!(hand.heard(), ("4".into(), [100].to_vec()), "after {at} packets, {timestamp}");
    }
    let mut hand = Hand::new();
    hand.event(1_000, 4, false, 160);
    hand.event(1_000, 4, false, 320);
    hand.ssrc = 6;
    hand.press(50_000, 4);
    assert_eq!(hand.heard(), ("44".into(), [40, 100].to_vec()), "a new press begins anew");
    let mut hand = Hand::new();
    hand.event(1_000, 4, false, 160);
    hand.ssrc = 6;
    hand.press(50_000, 5);
    assert_eq!(hand.heard(), ("45".into(), [20, 100].to_vec()));
}

#[test]
fn a_long_press_goes_on_when_the_end_of_a_segment_is_lost() {
    for lost in [1, 6, 12] {
        let mut hand = Hand::new();
        let packets = u16::MAX / 160 - lost;
        for n in 1..=packets {
            hand.event(1_000, 9, false, 160 * n);
        }
        hand.sequence += lost;
        hand.pair.run(MS(20 * u64::from(lost - 1)));
        for n in 1..=10_u16 {
            hand.event(1_000 + u32::from(u16::MAX), 9, n > 7, 160 * n.min(8));
        }
        assert_eq!(hand.heard(), ("9".into(), [8_351].to_vec()), "{lost} packets");
    }
}

/// A press that is longer than the field can tell goes out in segments (RFC 4733 section 2.5.1.3).
#[test]
fn a_key_held_for_twenty_seconds_is_sent_in_segments_and_heard_once() {
    for (tone_ms, segments) in [(8_180, 1), (8_200, 2), (16_380, 2), (16_400, 3), (20_000, 3)] {
        let config = ShardConfig { dtmf_tone: MS(tone_ms), ..ShardConfig::default() };
        let mut pair = Pair::with(config, Link { delay_ms: 10, ..Link::default() }, [plan(2), plan(1)]);
        press(&mut pair, "5");
        pair.run(MS(tone_ms + 1_000));
        let (keys, durations) = pressed(&pair);
        assert_eq!(keys, "5", "{tone_ms}");
        assert!((tone_ms..tone_ms + 40).contains(&u64::from(durations[0])), "{tone_ms}: {durations:?}");
        let sent = pair.sent.iter().filter(|(n, _, which, _)| *n == 0 && *which == Which::Rtp);
        let events = sent.filter_map(|(_, _, _, bytes)| RtpHeader::parse(bytes));
        let mut stamps: Vec<u32> = Vec::new();
        for (header, payload) in events.filter(|(header, _)| header.payload_type == 101) {
            assert_eq!(header.marker, stamps.is_empty(), "one press has one beginning");
            if stamps.last() != Some(&header.timestamp) {
                stamps.push(header.timestamp);
            }
            let ends = payload[1] & 0x80 != 0;
            assert!(!ends || stamps.len() == segments, "the end comes in the last segment");
        }
        assert_eq!(stamps.len(), segments, "{tone_ms}");
        assert!(stamps.windows(2).all(|two| two[1].wrapping_sub(two[0]) == 0xFFFF));
    }
}

#[test]
fn keys_that_the_peer_does_not_take_are_refused_at_once() {
    let mut plans = [plan(2), plan(1)];
    plans[0].send_dtmf = None;
    let mut pair = Pair::new(Link::default(), plans);
    press(&mut pair, "1");
    pair.run(MS(5));
    assert_eq!(pair.peers[0].events, [MediaEvent::DtmfSent { media: MEDIA }]);
    assert_eq!(pair.report(0).dtmf_refused, 1);
}
