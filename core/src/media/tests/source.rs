//! Whose packets are taken, and where ours go.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaCommand, MediaEvent, MediaSessionId, ShardConfig, SourceLearning, Which};
use crate::sdp::plan::{Direction, MediaPlan};

use super::pair::{Link, MEDIA, PORT, Pair, address, plan};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A pair whose first peer is played by hand.
struct Hand {
    pair: Pair,
}

impl Hand {
    fn new() -> Self {
        Self::with(ShardConfig::default(), plan(1))
    }

    fn with(config: ShardConfig, of_peer: MediaPlan) -> Self {
        let mut pair = Pair::with(config, Link { delay_ms: 10, ..Link::default() }, [plan(2), of_peer]);
        pair.peers[0].stuck_until = pair.now + Duration::from_secs(1_000);
        Self { pair }
    }

    fn send(&mut self, from: SocketAddr, ssrc: u32, payload_type: u8, sequences: core::ops::Range<u16>) {
        for sequence in sequences {
            let timestamp = u32::from(sequence) * 160;
            let header = RtpHeader { marker: false, payload_type, sequence, timestamp, ssrc };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            bytes.extend_from_slice(&[ssrc as u8; 160]);
            let now = self.pair.now;
            self.pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, from, &bytes);
            self.pair.run(MS(20));
        }
    }

    fn update(&mut self, plan: MediaPlan) {
        self.pair.command(1, MediaCommand::Update { media: MEDIA, plan: Arc::new(plan) });
    }

    fn rtcp(&mut self, from: SocketAddr, kind: u8, ssrc: u32) {
        let mut bytes = alloc::vec![0x80, kind, 0, if kind == 200 { 6 } else { 1 }];
        if kind == 203 {
            bytes[0] = 0x81;
        }
        bytes.extend_from_slice(&ssrc.to_be_bytes());
        bytes.resize(if kind == 200 { 28 } else { 8 }, 0);
        let now = self.pair.now;
        self.pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtcp, from, &bytes);
    }

    /// Where our reports go.
    fn reports_to(&mut self) -> SocketAddr {
        let mut to = None;
        for _ in 0..10_000 {
            self.pair.now = self.pair.now + MS(1);
            let shard = &mut self.pair.peers[1].shard;
            shard.handle_timeout(self.pair.now);
            shard.for_each_transmit(|packet| {
                if packet.which == Which::Rtcp {
                    to = Some(packet.remote);
                }
            });
        }
        to.unwrap()
    }

    fn remote(&self) -> SocketAddr {
        self.pair.report(1).remote.unwrap()
    }

    /// Whether anything of this source, whose samples tell its SSRC, was played.
    fn heard(&self, ssrc: u8) -> bool {
        let sample = audio_codec_algorithms::decode_ulaw(ssrc);
        self.pair.peers[1].heard.chunks(160).any(|frame| frame.iter().all(|&heard| heard == sample))
    }
}

const PEER: fn() -> SocketAddr = || address(1, 4000);
const OTHER_PORT: fn() -> SocketAddr = || address(1, 5000);
const STRANGER: fn() -> SocketAddr = || address(66, 4000);
const NAT: fn() -> SocketAddr = || address(55, 30_000);
const PRIVATE: fn() -> SocketAddr = || SocketAddr::from(([10, 0, 0, 1], 4000));

/// A plan with this address, signalled from the IP of another.
fn at(signalled: SocketAddr, sip_peer: SocketAddr) -> MediaPlan {
    MediaPlan {
        remote_rtp: Some(signalled),
        remote_rtcp: Some(SocketAddr::new(signalled.ip(), signalled.port() + 1)),
        sip_peer: Some(sip_peer.ip()),
        ..plan(1)
    }
}

#[test]
fn a_stranger_never_redirects_an_established_stream() {
    let mut hand = Hand::new();
    hand.send(PEER(), 1, 0, 0..10);
    for round in 0..50 {
        hand.send(STRANGER(), 2, 0, round * 10..round * 10 + 9);
        hand.send(STRANGER(), 1, 0, 10 + round..11 + round);
        hand.send(OTHER_PORT(), 3, 0, round * 10..round * 10 + 3);
        hand.send(PEER(), 1, 0, 10 + round..11 + round);
        assert_eq!(hand.remote(), PEER());
    }
    assert!(hand.heard(1) && !hand.heard(2) && !hand.heard(3));
    assert!(hand.pair.report(1).rejected_source >= 50 * 13);
}

#[test]
fn before_anything_comes_packets_go_where_sdp_says() {
    let hand = Hand::new();
    assert_eq!(hand.remote(), PEER());
}

#[test]
fn one_packet_or_a_wrong_one_teaches_nothing() {
    let mut hand = Hand::new();
    hand.send(STRANGER(), 2, 0, 0..1);
    hand.send(STRANGER(), 3, 0, 5..6);
    hand.send(STRANGER(), 3, 0, 4..5);
    hand.send(STRANGER(), 4, 18, 5..9);
    assert_eq!(hand.remote(), PEER());
    assert_eq!(hand.pair.report(1).received_packets, 0);
    assert!(hand.pair.peers[1].heard.is_empty());
}

#[test]
fn another_port_of_the_peer_is_learned_at_its_fifth_packet_and_loses_none() {
    let mut hand = Hand::new();
    hand.send(OTHER_PORT(), 1, 0, 0..4);
    assert_eq!((hand.remote(), hand.pair.report(1).received_packets), (PEER(), 0));
    hand.send(OTHER_PORT(), 1, 0, 4..10);
    assert_eq!((hand.remote(), hand.pair.report(1).received_packets), (OTHER_PORT(), 10));
    hand.send(STRANGER(), 2, 0, 0..10);
    assert_eq!(hand.remote(), OTHER_PORT());
}

/// Repeated and reordered packets neither prove nor disprove anything.
#[test]
fn a_source_is_learned_on_a_poor_link_too() {
    let mut hand = Hand::new();
    for sequence in [0, 0, 2, 1, 2, 4, 4, 3] {
        hand.send(OTHER_PORT(), 1, 0, sequence..sequence + 1);
    }
    assert_eq!(hand.remote(), PEER(), "0, 2 and 4 were in sequence");
    hand.send(OTHER_PORT(), 1, 0, 7..9);
    assert_eq!(hand.remote(), OTHER_PORT());
}

/// Whoever was first, on the peer's own IP or elsewhere.
#[test]
fn the_signalled_address_wins_with_its_first_packet() {
    for (signalled, stranger) in [(PEER(), OTHER_PORT()), (PRIVATE(), STRANGER()), (PRIVATE(), NAT())] {
        let mut hand = Hand::with(ShardConfig::default(), at(signalled, stranger));
        hand.send(stranger, 2, 0, 0..500);
        assert_eq!(hand.remote(), stranger, "nothing better is known");
        hand.send(signalled, 1, 0, 0..1);
        assert_eq!(hand.remote(), signalled, "the address of the SDP needs no proof");
        hand.send(stranger, 2, 0, 500..600);
        assert_eq!(hand.remote(), signalled, "and keeps it for good");
        hand.pair.run(Duration::from_secs(60));
        hand.send(stranger, 2, 0, 600..700);
        hand.send(stranger, 7, 0, 0..100);
        assert_eq!(hand.remote(), signalled);
        hand.send(signalled, 1, 0, 1..50);
        assert!(hand.heard(1) && !hand.heard(7));
        assert_eq!(hand.pair.report(1).received_packets, 550);
    }
}

#[test]
fn a_stranger_elsewhere_takes_nothing_where_the_signalled_address_can_be_reached() {
    let mut hand = Hand::new();
    hand.send(STRANGER(), 2, 0, 0..500);
    assert_eq!((hand.remote(), hand.pair.report(1).received_packets), (PEER(), 0));
    hand.send(PEER(), 1, 0, 0..10);
    assert_eq!((hand.remote(), hand.pair.report(1).received_packets), (PEER(), 10));
    // A private address whose signalling comes from there can be reached.
    let mut hand = Hand::with(ShardConfig::default(), at(PRIVATE(), PRIVATE()));
    hand.send(STRANGER(), 2, 0, 0..500);
    assert_eq!(hand.remote(), PRIVATE());
}

#[test]
fn behind_nat_the_sip_peers_own_address_goes_before_any_other() {
    let mut hand = Hand::with(ShardConfig::default(), at(PRIVATE(), NAT()));
    hand.send(STRANGER(), 2, 0, 0..10);
    assert_eq!(hand.remote(), STRANGER());
    hand.send(address(67, 1), 3, 0, 0..10);
    assert_eq!(hand.remote(), STRANGER(), "who is alive is not replaced by its like");
    hand.send(NAT(), 1, 0, 0..5);
    assert_eq!(hand.remote(), NAT());
    hand.send(STRANGER(), 2, 0, 10..30);
    assert_eq!(hand.remote(), NAT());
}

#[test]
fn every_address_that_cannot_be_reached_is_known_as_such() {
    let peer: IpAddr = "203.0.113.7".parse().unwrap();
    for (signalled, learned) in [
        ("10.1.2.3:4000", true),
        ("172.31.255.1:4000", true),
        ("172.32.0.1:4000", false),
        ("192.168.0.9:4000", true),
        ("100.64.0.1:4000", true),
        ("100.127.255.1:4000", true),
        ("100.128.0.1:4000", false),
        ("169.254.3.4:4000", true),
        ("127.0.1.1:4000", true),
        ("203.0.113.8:4000", false),
        ("[fd00::1]:4000", true),
        ("[fe80::1]:4000", true),
        ("[2001:db8::1]:4000", true),
    ] {
        let signalled: SocketAddr = signalled.parse().unwrap();
        let mut hand = Hand::with(ShardConfig::default(), at(signalled, SocketAddr::new(peer, 5060)));
        hand.send(STRANGER(), 2, 0, 0..10);
        let expected = if learned { STRANGER() } else { signalled };
        assert_eq!(hand.remote(), expected, "{signalled}");
    }
}

/// A NAT that moves its port, 15 seconds into the call: of the peer itself, and of one that was learned.
#[test]
fn a_port_that_moves_is_followed_by_the_stream_that_goes_on() {
    for signalled in [PEER(), PRIVATE()] {
        let (first, second) = (address(1, 4000), address(1, 4_321));
        let mut hand = Hand::with(ShardConfig::default(), at(signalled, address(77, 5060)));
        hand.send(first, 1, 0, 0..750);
        assert_eq!(hand.remote(), first);
        hand.send(second, 1, 0, 750..900);
        assert_eq!(hand.remote(), second, "after two seconds and five packets");
        let report = hand.pair.report(1);
        assert!((790..810).contains(&report.received_packets), "{report:?}");
        assert!(report.lost < 110 && report.rejected_source < 110, "{report:?}");
        // While the new port is alive the old one is nobody.
        hand.send(first, 1, 0, 900..1_000);
        assert_eq!(hand.remote(), if signalled == first { first } else { second });
    }
}

#[test]
fn another_stream_from_another_port_of_a_silent_peer_is_nobodys() {
    let mut hand = Hand::new();
    hand.send(PEER(), 1, 0, 0..50);
    hand.pair.run(Duration::from_secs(15));
    hand.send(OTHER_PORT(), 2, 0, 50..200);
    hand.send(STRANGER(), 1, 0, 50..60);
    assert_eq!(hand.remote(), PEER(), "one address has thousands of streams");
    assert_eq!(hand.pair.report(1).received_packets, 50);
    // An exchange opens learning, and only while the signalled address is silent.
    hand.update(plan(1));
    hand.send(OTHER_PORT(), 2, 0, 200..210);
    assert_eq!(hand.remote(), OTHER_PORT());
    hand.send(PEER(), 1, 0, 50..60);
    hand.update(plan(1));
    hand.send(OTHER_PORT(), 2, 0, 210..230);
    assert_eq!(hand.remote(), PEER());
}

#[test]
fn a_learned_source_that_is_silent_is_replaced_and_then_forgotten() {
    let mut hand = Hand::new();
    hand.send(OTHER_PORT(), 1, 0, 0..10);
    hand.pair.run(Duration::from_secs(3));
    hand.send(address(1, 6000), 2, 0, 0..10);
    assert_eq!(hand.remote(), address(1, 6000), "it may be replaced");
    hand.pair.run(Duration::from_secs(10));
    assert_eq!(hand.remote(), address(1, 6000), "whoever is muted wants to hear");
    hand.pair.run(Duration::from_secs(6));
    assert_eq!(hand.remote(), PEER(), "it is forgotten");
    // Where the signalled address cannot be reached nothing better is known.
    let mut hand = Hand::with(ShardConfig::default(), at(PRIVATE(), NAT()));
    hand.send(NAT(), 1, 0, 0..10);
    hand.pair.run(Duration::from_secs(60));
    assert_eq!(hand.remote(), NAT());
    hand.send(NAT(), 1, 0, 10..11);
    assert_eq!(hand.pair.report(1).received_packets, 11, "it goes on at once");
}

#[test]
fn nothing_is_learned_on_a_stream_that_the_peer_does_not_send_on() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let mut hand = Hand::with(ShardConfig::default(), MediaPlan { direction, ..at(PRIVATE(), NAT()) });
        hand.send(NAT(), 1, 0, 0..50);
        hand.rtcp(NAT(), 200, 1);
        assert_eq!(hand.remote(), PRIVATE());
        hand.update(at(PRIVATE(), NAT()));
        hand.send(NAT(), 1, 0, 50..60);
        assert_eq!(hand.remote(), NAT(), "{direction:?}");
    }
}

#[test]
fn the_setting_narrows_and_widens() {
    for (learning, same_ip, elsewhere) in [
        (SourceLearning::Never, false, false),
        (SourceLearning::Private, true, false),
        (SourceLearning::Any, true, true),
    ] {
        for (from, learned) in [(OTHER_PORT(), same_ip), (STRANGER(), elsewhere)] {
            let config = ShardConfig { source_learning: learning, ..ShardConfig::default() };
            let mut hand = Hand::with(config, plan(1));
            hand.send(from, 2, 0, 0..10);
            assert_eq!(hand.remote() == from, learned, "{learning:?} {from}");
            hand.send(PEER(), 1, 0, 0..1);
            assert_eq!(hand.remote(), PEER());
        }
    }
}

#[test]
fn two_icmp_reports_open_learning_and_one_does_not() {
    let mut hand = Hand::new();
    let unreachable = |hand: &mut Hand, remote| {
        let now = hand.pair.now;
        hand.pair.peers[1].shard.handle_unreachable(now, PORT.key, Which::Rtp, remote);
    };
    unreachable(&mut hand, PEER());
    hand.send(STRANGER(), 2, 0, 0..10);
    assert_eq!(hand.remote(), PEER(), "one may be forged");
    unreachable(&mut hand, PEER());
    hand.send(STRANGER(), 2, 0, 10..20);
    assert_eq!(hand.remote(), STRANGER());
    unreachable(&mut hand, STRANGER());
    assert_eq!(hand.remote(), PEER(), "a learned address is forgotten at once");
}

/// The call before us on this port goes on, from the trunk that ours comes from too.
#[test]
fn what_the_call_before_has_left_is_not_heard() {
    for signalled in [PEER(), PRIVATE()] {
        let mut hand = Hand::with(ShardConfig::default(), at(signalled, OTHER_PORT()));
        hand.send(OTHER_PORT(), 2, 0, 0..50);
        assert_eq!(hand.remote(), OTHER_PORT());
        hand.pair.command(1, MediaCommand::Close { media: MEDIA });
        hand.pair.run(MS(500));
        let media = MediaSessionId { generation: 2, ..MEDIA };
        let open = MediaCommand::Open {
            media,
            port: PORT,
            plan: Arc::new(at(signalled, OTHER_PORT())),
            rationed: false,
        };
        hand.pair.command(1, open);
        let report = |hand: &Hand| hand.pair.peers[1].shard.report(media).unwrap();
        hand.send(OTHER_PORT(), 2, 0, 75..200);
        assert_eq!((report(&hand).remote, report(&hand).received_packets), (Some(signalled), 0));
        // The same SSRC with other numbers is a phone that always has the same.
        hand.send(OTHER_PORT(), 2, 0, 20_000..20_010);
        assert_eq!((report(&hand).remote, report(&hand).received_packets), (Some(OTHER_PORT()), 10));
        hand.send(signalled, 1, 0, 0..1);
        assert_eq!((report(&hand).remote, report(&hand).received_packets), (Some(signalled), 11));
    }
}

/// Two streams from the signalled address itself: whoever begins anew is heard, and what it replaced does not come back
/// between its packets.
#[test]
fn of_two_streams_from_one_address_the_newer_is_heard() {
    let mut hand = Hand::new();
    hand.send(PEER(), 1, 0, 0..10);
    for round in 10..60 {
        hand.send(PEER(), 1, 0, round..round + 1);
        hand.send(PEER(), 2, 0, round..round + 1);
    }
    // 12 before the second packet of the newer, then 50 of it but for none.
    assert_eq!(hand.pair.report(1).received_packets, 12 + 50);
    hand.send(PEER(), 1, 0, 60..70);
    assert_eq!(hand.pair.report(1).received_packets, 12 + 50 + 10, "alone it is heard again");
}

#[test]
fn reports_come_and_go_by_the_same_policy() {
    let left = |hand: &Hand| hand.pair.peers[1].events.contains(&MediaEvent::PeerLeft { media: MEDIA });
    let mut hand = Hand::with(ShardConfig::default(), at(PRIVATE(), NAT()));
    let (mapped, private) = (address(55, 30_001), SocketAddr::new(PRIVATE().ip(), 4001));
    hand.rtcp(mapped, 200, 1);
    assert_eq!(hand.reports_to(), private, "whose reports are they?");
    hand.send(NAT(), 1, 0, 0..10);
    hand.rtcp(mapped, 200, 9);
    hand.rtcp(STRANGER(), 200, 1);
    assert_eq!(hand.reports_to(), private, "not those of what we hear, or not from there");
    hand.rtcp(mapped, 200, 1);
    assert_eq!(hand.reports_to(), mapped);
    hand.rtcp(private, 200, 1);
    assert_eq!(hand.reports_to(), private, "the signalled address has the last word");
    hand.rtcp(private, 200, 1);
    hand.rtcp(STRANGER(), 203, 1);
    hand.rtcp(address(55, 9), 203, 1);
    hand.pair.run(MS(20));
    assert!(!left(&hand), "a stranger does not say that the peer leaves");
    hand.rtcp(private, 203, 1);
    hand.pair.run(MS(20));
    assert!(left(&hand));
}

#[test]
fn while_the_peer_moves_its_old_source_is_heard_but_not_sent_to() {
    let mut hand = Hand::new();
    hand.send(PEER(), 1, 0, 0..10);
    hand.update(plan(3));
    hand.send(PEER(), 1, 0, 10..20);
    assert_eq!(hand.remote(), address(3, 4000));
    assert_eq!(hand.pair.report(1).received_packets, 20);
    hand.send(address(3, 4000), 7, 0, 0..10);
    hand.send(PEER(), 1, 0, 20..30);
    assert_eq!(hand.pair.report(1).received_packets, 30);
    assert!(hand.heard(7));
}

/// Before any address is signalled somebody may speak; once one is, only who fits to it goes on.
#[test]
fn early_audio_is_heard_on_only_from_where_it_fits() {
    for (from, fits) in [(PEER(), true), (OTHER_PORT(), true), (STRANGER(), false)] {
        let waiting = MediaPlan { remote_rtp: None, remote_rtcp: None, ..plan(1) };
        let mut hand = Hand::with(ShardConfig::default(), waiting);
        hand.send(from, 1, 0, 0..10);
        assert_eq!(hand.pair.report(1).received_packets, 10, "from its first packet on");
        hand.update(plan(1));
        hand.send(from, 1, 0, 10..20);
        assert_eq!(hand.remote(), PEER());
        assert_eq!(hand.pair.report(1).received_packets, if fits { 20 } else { 10 }, "{from}");
    }
}

/// Some gateways count anew within a stream: by so little that it looks like repetition, or by so much that it is a jump.
#[test]
fn numbers_that_step_back_lose_no_word_while_timestamps_go_on() {
    let mut concealed_after = None;
    for step in [0_u16, 1, 60, 99, 100, 5_000, 40_000] {
        let mut hand = Hand::new();
        for n in 0..100_u16 {
            let number = (20_000 + n).wrapping_sub(if n < 50 { 0 } else { step });
            let header = RtpHeader {
                marker: false,
                payload_type: 0,
                sequence: number,
                timestamp: u32::from(n) * 160,
                ssrc: 1,
            };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            bytes.extend_from_slice(&[n as u8; 160]);
            let now = hand.pair.now;
            hand.pair.peers[1].shard.handle_datagram(now, PORT.key, Which::Rtp, PEER(), &bytes);
            hand.pair.run(MS(20));
        }
        hand.pair.run(MS(200));
        let report = hand.pair.report(1);
        assert_eq!((report.received_packets, report.duplicate, report.lost), (100, 0, 0), "{step}");
        let frames = (0..100_u8).filter(|&n| hand.heard(n)).count();
        assert_eq!(frames, 100, "{step}");
        let concealed = *concealed_after.get_or_insert(report.concealed_frames);
        assert_eq!(report.concealed_frames, concealed, "{step}: as many as after an even stream");
    }
}
