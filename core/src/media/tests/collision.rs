//! Our own SSRC in the packets of somebody else (RFC 3550 section 8.2).

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaEvent, Which};
use crate::sdp::plan::Codec;

use super::pair::{Link, PORT, Pair, address, plan, position, speech, through};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SENDER_REPORT: u8 = 200;
const BYE: u8 = 203;

/// A pair whose first peer is played by hand, after our first packets.
fn hand() -> (Pair, u32) {
    let mut pair = Pair::new(Link { delay_ms: 10, ..Link::default() }, [plan(2), plan(1)]);
    pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
    pair.run(MS(200));
    let own = rtp(&pair)[0].ssrc;
    (pair, own)
}

/// Packets of 20 ms under this SSRC.
fn speak(pair: &mut Pair, from: SocketAddr, ssrc: u32, audio: &[i16]) {
    for (frame, sequence) in audio.chunks(160).zip(7_u16..) {
        let timestamp = 900 + u32::from(sequence) * 160;
        let mut bytes = Vec::new();
        RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc }.write(&mut bytes);
        bytes.extend(frame.iter().map(|&sample| audio_codec_algorithms::encode_ulaw(sample)));
        let now = pair.now;
        pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, from, &bytes);
        pair.run(MS(20));
    }
}

fn rtp(pair: &Pair) -> Vec<RtpHeader> {
    let ours = pair.sent.iter().filter(|(n, _, which, _)| *n == 1 && *which == Which::Rtp);
    ours.map(|(_, _, _, bytes)| RtpHeader::parse(bytes).unwrap().0).collect()
}

/// The SSRCs that we sent with, in order.
fn used(pair: &Pair) -> Vec<u32> {
    let mut used: Vec<u32> = rtp(pair).iter().map(|header| header.ssrc).collect();
    used.dedup();
    used
}

/// One packet of a compound: type, SSRC, and all its octets.
type Part = (u8, u32, Vec<u8>);

/// Our compounds, each in its packets.
fn rtcp(pair: &Pair) -> Vec<Vec<Part>> {
    let ours = pair.sent.iter().filter(|(n, _, which, _)| *n == 1 && *which == Which::Rtcp);
    ours.map(|(_, _, _, bytes)| {
        let (mut parts, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            let len = 4 * (1 + usize::from(u16::from_be_bytes([rest[2], rest[3]])));
            let ssrc = u32::from_be_bytes(rest[4..8].try_into().unwrap());
            parts.push((rest[1], ssrc, rest[..len].to_vec()));
            rest = &rest[len..];
        }
        parts
    })
    .collect()
}

fn has_bye(compound: &[Part]) -> bool {
    compound.iter().any(|(kind, ..)| *kind == BYE)
}

/// RFC 3550 section 8.2.
#[test]
fn a_collision_costs_one_change_and_no_word() {
    let (mut pair, own) = hand();
    let audio = speech(6, 8000 * 12);
    speak(&mut pair, address(1, 4000), own, &audio);
    pair.run(MS(300));
    let used = used(&pair);
    assert_eq!((used.len(), used[0]), (2, own));
    let heard = &pair.peers[1].heard;
    assert!(
        position(heard, &through(Codec::Pcmu, &audio)).is_some(),
        "the peer is heard from its first word on"
    );
    for two in rtp(&pair).windows(2) {
        assert_eq!(two[1].timestamp, two[0].timestamp.wrapping_add(160), "our clock goes on");
    }
    let new = used[1];
    let compounds = rtcp(&pair);
    let leave = compounds.iter().position(|compound| has_bye(compound)).unwrap();
    let kinds: Vec<_> = compounds[leave].iter().map(|(kind, ssrc, _)| (*kind, *ssrc)).collect();
    assert_eq!(kinds, [(SENDER_REPORT, own), (202, own), (BYE, own)]);
    assert!(compounds.len() > leave + 2);
    let mut before = 0;
    for compound in &compounds[leave + 1..] {
        assert!(!has_bye(compound), "leave is taken once");
        assert!(compound.iter().all(|(_, ssrc, _)| *ssrc == new), "and the old SSRC is used no more");
        let (kind, _, report) = &compound[0];
        assert_eq!(*kind, SENDER_REPORT);
        let packets = u32::from_be_bytes(report[20..24].try_into().unwrap());
        let in_all = rtp(&pair).iter().filter(|header| header.ssrc == new).count();
        assert!(packets > before && packets as usize <= in_all, "counted anew (section 6.4.1)");
        before = packets;
    }
}

/// A mirror: a minute of everything we send, sent back as it is.
#[test]
fn a_minute_of_echo_is_heard_and_costs_one_change() {
    let (mut pair, _) = hand();
    let audio = speech(3, 8000 * 60);
    pair.peers[1].to_send = audio.clone();
    let mut mirrored = pair.sent.len();
    for _ in 0..3_050 {
        pair.run(MS(20));
        pair.flying.clear();
        let new = pair.sent[mirrored..].to_vec();
        mirrored += new.len();
        for (_, _, which, bytes) in new {
            let from = address(1, if which == Which::Rtp { 4000 } else { 4001 });
            let now = pair.now;
            pair.peers[1].shard.handle_datagram(now, PORT.key, which, from, &bytes);
        }
    }
    assert_eq!(used(&pair).len(), 2);
    assert_eq!(rtcp(&pair).iter().filter(|compound| has_bye(compound)).count(), 1);
    let heard = &pair.peers[1].heard;
    assert!(position(heard, &through(Codec::Pcmu, &audio[8_000..])).is_some(), "but for its beginning");
    let report = pair.report(1);
    assert!(report.own_ssrc > 2_900 && report.lost == 0 && report.rejected_source == 0);
    assert!(!pair.peers[1].events.iter().any(|event| matches!(event, MediaEvent::PeerLeft { .. })));
}

/// Who is not known to be the peer cannot make us change.
#[test]
fn one_packet_of_a_stranger_is_no_collision() {
    for (stranger, proves) in [(address(66, 4000), false), (address(1, 5000), true)] {
        let (mut pair, own) = hand();
        speak(&mut pair, stranger, own, &speech(1, 640));
        assert_eq!(used(&pair), [own]);
        // Five in a row prove it to be the peer, where it can be.
        speak(&mut pair, stranger, own, &speech(1, 960));
        assert_eq!(used(&pair).len(), 1 + usize::from(proves));
    }
}

/// Before our first packet the SSRC is nobody's: there is nothing to take leave of.
/// RFC 3550 section 6.3.7.
#[test]
fn a_collision_before_our_first_packet_is_left_without_bye() {
    let (_, own) = hand();
    let mut pair = Pair::new(Link::default(), [plan(2), plan(1)]);
    pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
    speak(&mut pair, address(1, 4000), own, &speech(1, 1_600));
    assert!(used(&pair).iter().all(|ssrc| *ssrc != own));
    assert!(!rtcp(&pair).iter().any(|compound| has_bye(compound)));
}
