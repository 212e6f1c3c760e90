//! Whose packets are taken, and where ours go.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::media::rtp::header::RtpHeader;
use crate::media::{MediaCommand, Which};

use super::pair::{MEDIA, PORT, Pair, address, plan};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A pair whose first peer is played by hand.
struct Hand {
    pair: Pair,
}

impl Hand {
    fn new() -> Self {
        let mut pair = Pair::perfect();
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
fn another_port_of_the_peer_is_learned_and_loses_no_packet() {
    let mut hand = Hand::new();
    hand.send(OTHER_PORT(), 1, 0, 0..10);
    assert_eq!(hand.remote(), OTHER_PORT());
    assert_eq!(hand.pair.report(1).received_packets, 10);
    // The signalled port wakes up too late: the source is alive.
    hand.send(STRANGER(), 2, 0, 0..10);
    assert_eq!(hand.remote(), OTHER_PORT());
}

#[test]
fn behind_nat_the_first_proven_source_is_learned_until_the_signalled_one_speaks() {
    let mut hand = Hand::new();
    hand.send(STRANGER(), 1, 0, 0..10);
    assert_eq!(hand.remote(), STRANGER());
    hand.send(address(67, 1), 2, 0, 0..10);
    assert_eq!(hand.remote(), STRANGER());
    hand.send(PEER(), 3, 0, 0..3);
    assert_eq!(hand.remote(), PEER(), "the address of the SDP has the last word");
    hand.send(STRANGER(), 1, 0, 10..20);
    assert_eq!(hand.remote(), PEER());
}

#[test]
fn the_window_closes_and_opens_with_a_new_address() {
    let mut hand = Hand::new();
    hand.pair.run(Duration::from_secs(11));
    hand.send(OTHER_PORT(), 1, 0, 0..10);
    assert_eq!(hand.remote(), PEER(), "too late");
    let update = |hand: &mut Hand, host: u8| {
        let plan = Arc::new(plan(host));
        hand.pair.command(1, MediaCommand::Update { media: MEDIA, plan });
    };
    update(&mut hand, 1);
    hand.send(OTHER_PORT(), 1, 0, 10..20);
    assert_eq!(hand.remote(), PEER(), "the same address opens nothing");
    update(&mut hand, 3);
    assert_eq!(hand.remote(), address(3, 4000));
    hand.send(address(3, 777), 9, 0, 0..10);
    assert_eq!(hand.remote(), address(3, 777));
}

#[test]
fn while_the_peer_moves_its_old_source_is_heard_but_not_sent_to() {
    let mut hand = Hand::new();
    hand.send(PEER(), 1, 0, 0..10);
    let plan = Arc::new(plan(3));
    hand.pair.command(1, MediaCommand::Update { media: MEDIA, plan });
    hand.send(PEER(), 1, 0, 10..20);
    assert_eq!(hand.remote(), address(3, 4000));
    assert_eq!(hand.pair.report(1).received_packets, 20);
    hand.send(address(3, 4000), 7, 0, 0..10);
    hand.send(PEER(), 1, 0, 20..30);
    assert_eq!(hand.pair.report(1).received_packets, 30);
    assert!(hand.heard(7));
}
