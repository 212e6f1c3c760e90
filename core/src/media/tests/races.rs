//! Races of media with signalling and with each other.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::media::codec::encode;
use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaCommand, MediaEvent, Which};
use crate::sdp::plan::{Codec, MediaPlan};

use super::pair::{Link, MEDIA, PORT, Pair, address, plan, position, speech, through};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn update(pair: &mut Pair, n: usize, plan: MediaPlan) {
    pair.command(n, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan) });
}

/// A pair whose first peer is played by hand.
struct Hand {
    pair: Pair,
    next: RtpHeader,
}

impl Hand {
    fn new(plans: [MediaPlan; 2]) -> Self {
        let mut pair = Pair::new(Link { delay_ms: 10, ..Link::default() }, plans);
        pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
        Self {
            pair,
            next: RtpHeader { marker: false, payload_type: 0, sequence: 7, timestamp: 900, ssrc: 1 },
        }
    }

    /// One packet; 20 ms pass.
    fn packet(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        self.next.write(&mut bytes);
        bytes.extend_from_slice(payload);
        let now = self.pair.now;
        self.pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, address(1, 4000), &bytes);
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(160);
        self.pair.run(MS(20));
    }

    fn speech(&mut self, audio: &[i16]) {
        self.speak(Codec::Pcmu, audio);
    }

    fn speak(&mut self, codec: Codec, audio: &[i16]) {
        self.next.payload_type = codec.static_payload_type().unwrap();
        for frame in audio.chunks(160) {
            let mut payload = Vec::new();
            encode(codec, frame.iter().copied(), &mut payload);
            self.packet(&payload);
        }
    }
}

fn rtp(pair: &Pair, from: usize) -> Vec<RtpHeader> {
    let of = pair.sent.iter().filter(|(n, _, which, _)| *n == from && *which == Which::Rtp);
    of.map(|(_, _, _, bytes)| RtpHeader::parse(bytes).unwrap().0).collect()
}

#[test]
fn a_new_address_keeps_sequence_and_ssrc() {
    let mut pair = Pair::perfect();
    pair.peers[0].to_send = speech(1, 8000);
    pair.run(MS(500));
    update(&mut pair, 0, plan(3));
    assert_eq!(pair.report(0).remote, Some(address(3, 4000)), "at once");
    pair.run(MS(500));
    let sent = rtp(&pair, 0);
    assert!(sent.len() > 40);
    for two in sent.windows(2) {
        assert_eq!(two[1].ssrc, two[0].ssrc);
        assert_eq!(two[1].sequence, two[0].sequence.wrapping_add(1));
        assert_eq!(two[1].timestamp, two[0].timestamp.wrapping_add(160));
    }
}

/// Packets of the old codec are under way when the new one is agreed.
/// RFC 3264 section 8.3.2.
#[test]
fn a_removed_payload_type_is_heard_for_one_second_and_no_longer() {
    let mut hand = Hand::new([plan(2), plan(1)]);
    let audio = speech(2, 8000 * 2);
    hand.speech(&audio[..4000]);
    let new = MediaPlan { codec: Codec::Pcma, send_payload_type: 8, recv_payload_type: 8, ..plan(1) };
    update(&mut hand.pair, 1, new);
    hand.speech(&audio[4000..11_200]);
    assert_eq!(hand.pair.report(1).unexpected_payload, 0, "900 ms later it is still taken");
    hand.pair.run(MS(60));
    let heard = hand.pair.peers[1].heard.clone();
    assert!(position(&heard, &through(Codec::Pcmu, &audio[..10_000])).is_some(), "and decoded as what it is");
    hand.pair.run(MS(300));
    let before = hand.pair.report(1).unexpected_payload;
    hand.speech(&audio[11_200..12_800]);
    assert_eq!(hand.pair.report(1).unexpected_payload, before + 10, "then it is dropped");
}

/// The answer had two codecs, and the peer changes between them as it likes (RFC 3264 section 7).
#[test]
fn any_codec_of_the_answer_is_heard_at_any_moment() {
    let both = MediaPlan { recv_others: [(8, Codec::Pcma)].into_iter().collect(), ..plan(1) };
    let mut hand = Hand::new([plan(2), both]);
    let audio = speech(2, 8000 * 2);
    let mut expected = Vec::new();
    for (number, part) in audio.chunks(1_600).enumerate() {
        let codec = if number % 2 == 0 { Codec::Pcmu } else { Codec::Pcma };
        hand.speak(codec, part);
        expected.extend(through(codec, part));
    }
    hand.pair.run(MS(200));
    assert_eq!(hand.pair.report(1).unexpected_payload, 0);
    let heard = hand.pair.peers[1].heard.clone();
    assert!(position(&heard, &expected).is_some(), "to the sample, through every change");
}

#[test]
fn the_caller_hears_before_the_answer() {
    let waiting = MediaPlan { remote_rtp: None, remote_rtcp: None, ..plan(1) };
    let mut hand = Hand::new([plan(2), waiting]);
    let audio = speech(3, 8000);
    hand.speech(&audio[..4000]);
    update(&mut hand.pair, 1, plan(1));
    hand.speech(&audio[4000..]);
    hand.pair.run(MS(300));
    let heard = &hand.pair.peers[1].heard;
    assert!(position(heard, &through(Codec::Pcmu, &audio[..7_000])).is_some(), "from the first packet on");
}

#[test]
fn comfort_noise_and_pauses_lose_no_word() {
    for pause_ms in [200, 1_000, 5_000] {
        for noise in [false, true] {
            let mut hand = Hand::new([plan(2), plan(1)]);
            let (first, second) = (speech(4, 4000), speech(5, 4000));
            hand.speech(&first);
            if noise {
                hand.next.payload_type = 13;
                hand.packet(&[70]);
                hand.next.payload_type = 0;
            }
            hand.pair.run(MS(pause_ms));
            // The clock of the speaker went on.
            hand.next.timestamp = hand.next.timestamp.wrapping_add(pause_ms as u32 * 8);
            hand.next.marker = true;
            hand.speech(&second);
            hand.pair.run(MS(300));
            let heard = &hand.pair.peers[1].heard;
            let what = alloc::format!("{pause_ms} ms, noise {noise}");
            assert!(position(heard, &through(Codec::Pcmu, &first)).is_some(), "{what}");
            assert!(position(heard, &through(Codec::Pcmu, &second)).is_some(), "{what}");
            assert_eq!(hand.pair.report(1).lost, 0, "{what}");
        }
    }
}

#[test]
fn two_minutes_of_silence_lose_nothing() {
    for jump in [0_u16, 6_000] {
        let mut hand = Hand::new([plan(2), plan(1)]);
        hand.speech(&speech(7, 4000));
        hand.pair.run(Duration::from_secs(120));
        hand.next.sequence = hand.next.sequence.wrapping_add(jump);
        hand.next.timestamp = hand.next.timestamp.wrapping_add(120 * 8000);
        let audio = speech(8, 4000);
        hand.speech(&audio);
        hand.pair.run(MS(300));
        let heard = &hand.pair.peers[1].heard;
        assert!(position(heard, &through(Codec::Pcmu, &audio)).is_some(), "{jump}");
        assert_eq!(hand.pair.report(1).lost, 0, "{jump}");
    }
}

#[test]
fn reports_go_out_even_one_way() {
    let mut pair = Pair::perfect();
    let only_heard = MediaPlan { direction: crate::sdp::plan::Direction::RecvOnly, ..plan(1) };
    update(&mut pair, 1, only_heard);
    pair.run(Duration::from_secs(30));
    let reports =
        pair.sent.iter().filter(|(n, _, which, bytes)| *n == 1 && *which == Which::Rtcp && bytes[1] == 201);
    assert!(reports.count() >= 3, "receiver reports");
    assert!(pair.peers[0].events.iter().all(|event| !matches!(event, MediaEvent::PeerLeft { .. })));
}

/// Every subset of the packets of one press, as long as one arrives, is one press.
#[test]
fn any_packet_of_a_press_is_the_press() {
    let packets = [(160, 0), (320, 0), (480, 0), (640, 0), (800, 0x80), (800, 0x80), (800, 0x80)];
    for subset in 1_u32..1 << packets.len() {
        let mut hand = Hand::new([plan(2), plan(1)]);
        hand.next.payload_type = 101;
        let start = hand.next.timestamp;
        for (n, (duration, end)) in packets.iter().enumerate() {
            hand.next.timestamp = start;
            if subset & 1 << n == 0 {
                hand.next.sequence = hand.next.sequence.wrapping_add(1);
                hand.pair.run(MS(20));
                continue;
            }
            let [high, low] = u16::to_be_bytes(*duration);
            hand.packet(&[5, *end | 10, high, low]);
        }
        hand.pair.run(MS(500));
        let presses = hand.pair.peers[1]
            .events
            .iter()
            .filter(|event| matches!(event, MediaEvent::Dtmf { digit: '5', .. }));
        // A lone packet of an unheard source proves nothing and is no press.
        let expected = usize::from(subset.count_ones() >= 1);
        assert_eq!(presses.count(), expected, "{subset:07b}");
    }
}

#[test]
fn ten_seconds_of_speech_at_once_are_bounded_and_interrupted_within_a_frame() {
    let mut pair = Pair::perfect();
    let audio = speech(1, 8000 * 10);
    let mut taken = 0;
    for _ in 0..5 {
        let now = pair.now;
        taken += pair.peers[0].shard.handle_audio(now, MEDIA, &audio[taken..]).unwrap();
        pair.run(MS(20));
    }
    assert!(taken < 8 * 400, "{taken} samples are kept or said");
    pair.run(MS(100));
    let unsaid = pair.peers[0].shard.discard_audio(MEDIA).unwrap();
    let begun = pair.sent.len();
    pair.run(MS(500));
    // What has left was taken and was not thrown away: that is how far the listener got.
    let said = through(Codec::Pcmu, &audio[..taken - unsaid]);
    assert!(position(&pair.peers[1].heard, &said).is_some());
    let silence = |bytes: &[u8]| bytes[12..].iter().all(|&octet| octet == 0xff);
    let after = pair.sent[begun..].iter().filter(|(from, _, which, _)| (*from, *which) == (0, Which::Rtp));
    let loud = after.clone().filter(|(.., bytes)| !silence(bytes)).count();
    assert!(loud <= 1 && after.count() >= 20, "{loud} packets after the interruption");
    assert_eq!(pair.peers[0].shard.discard_audio(MEDIA), Ok(0));
}
