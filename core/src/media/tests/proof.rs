//! Who is sent to: what an address gets that has not shown that it wants anything.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::base::time::Instant;
use crate::media::rtp::header::RtpHeader;
use crate::media::{
    FRAME_SAMPLES, MediaCommand, MediaEvent, MediaPort, MediaSessionId, MediaShard, ShardConfig, Which,
};
use crate::sdp::plan::{Direction, MediaPlan};

use super::pair::{address, always, plan};

const CALLER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

const fn id(slot: u32) -> MediaSessionId {
    MediaSessionId { shard: 0, generation: 1, slot }
}

/// Streams that speak for as long as they may, to addresses that somebody has named.
struct Desk {
    shard: MediaShard,
    now: Instant,
    streams: u32,
}

impl Desk {
    fn new(streams: u32, source: Option<IpAddr>) -> Self {
        Self::with(always(), streams, source, &plan(66))
    }

    fn with(config: ShardConfig, streams: u32, source: Option<IpAddr>, plan: &MediaPlan) -> Self {
        let mut shard = MediaShard::new(config, [1; 32], Instant::ZERO);
        for slot in 0..streams {
            let port = MediaPort { key: slot, rtp: 4000, rtcp: 4001 };
            let plan = Arc::new(MediaPlan { sip_peer: source, ..plan.clone() });
            let rationed = source.is_some();
            shard.handle_command(Instant::ZERO, MediaCommand::Open { media: id(slot), port, plan, rationed });
        }
        Self { shard, now: Instant::ZERO, streams }
    }

    /// Packets and octets that leave in so many seconds.
    fn run(&mut self, seconds: u64) -> (u64, usize) {
        let (mut packets, mut octets) = (0, 0);
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now = self.now + Duration::from_millis(1);
            if self.now.as_millis().is_multiple_of(20) {
                for slot in 0..self.streams {
                    self.shard.handle_audio(self.now, id(slot), &[900; FRAME_SAMPLES]).unwrap();
                }
            }
            self.shard.handle_timeout(self.now);
            self.shard.for_each_transmit(|packet| {
                packets += 1;
                octets += packet.bytes.len() + 28;
            });
        }
        (packets, octets)
    }

    fn questions(&mut self) -> usize {
        core::iter::from_fn(|| self.shard.poll_event())
            .filter(|event| matches!(event, MediaEvent::Unproven { .. }))
            .count()
    }

    /// Something comes from there.
    fn hear(&mut self, from: SocketAddr, sequence: u16) {
        let mut packet = Vec::new();
        let timestamp = u32::from(sequence) * 160;
        RtpHeader { marker: false, payload_type: 0, sequence, timestamp, ssrc: 9 }.write(&mut packet);
        packet.extend([0xff; FRAME_SAMPLES]);
        self.shard.handle_datagram(self.now, 0, Which::Rtp, from, &packet);
    }
}

#[test]
fn an_address_that_never_asked_gets_five_seconds_and_no_more() {
    for plan in [
        plan(66),
        MediaPlan { direction: Direction::SendOnly, ..plan(66) },
        MediaPlan { rtcp_mux: true, ..plan(66) },
    ] {
        for config in [always(), ShardConfig::default()] {
            let mut desk = Desk::with(config, 1, Some(CALLER), &plan);
            let (packets, octets) = desk.run(6);
            assert!((240..=251).contains(&packets), "{packets}");
            assert!(octets <= 50_500, "{octets}");
            assert!(desk.questions() >= 1, "the signalling is asked in time");
            // Not even a report, and not after a new description that names another address that is none the wiser.
            assert_eq!(desk.run(60), (0, 0));
            let plan = Arc::new(MediaPlan {
                remote_rtp: Some(address(67, 4000)),
                remote_rtcp: None,
                ..plan.clone()
            });
            desk.shard.handle_command(desk.now, MediaCommand::Update { media: id(0), plan });
            assert_eq!(desk.run(10), (0, 0));
            assert!(desk.shard.report(id(0)).unwrap().withheld_frames > 0);
        }
    }
}

#[test]
fn whoever_sends_or_is_vouched_for_is_sent_to_for_ever() {
    let mut desk = Desk::new(1, Some(CALLER));
    desk.run(60);
    let asked = desk.questions();
    assert!((8..=30).contains(&asked), "{asked} questions in a minute");
    desk.hear(address(66, 4000), 1);
    assert!(desk.run(20).0 >= 995, "RTP from there proves it");
    assert_eq!(desk.questions(), 0);
}

#[test]
fn a_listener_that_the_signalling_vouches_for_goes_on() {
    let mut desk = Desk::new(1, Some(CALLER));
    desk.run(4);
    assert!(desk.questions() >= 1);
    let ip = address(66, 1).ip();
    desk.shard.handle_command(desk.now, MediaCommand::Vouch { media: id(0), ip });
    assert!(desk.run(20).0 >= 995);
    assert_eq!(desk.questions(), 0);
    // For this address, and no other.
    let plan = Arc::new(plan(67));
    desk.shard.handle_command(desk.now, MediaCommand::Update { media: id(0), plan });
    desk.run(10);
    assert_eq!(desk.run(10), (0, 0));
}

#[test]
fn a_source_of_signalling_has_a_hundred_packets_a_second() {
    let mut desk = Desk::new(50, Some(CALLER));
    for second in 0..8 {
        let (packets, _) = desk.run(1);
        assert!(packets <= 105, "{packets} in second {second}");
        assert!(packets >= 90, "{packets} in second {second}: what is allowed is used");
    }
    // Whom we call, or trust, has none.
    let mut desk = Desk::new(50, None);
    assert!(desk.run(2).0 >= 4_900);
}

#[test]
fn a_port_where_nobody_listens_is_sent_nothing_until_somebody_speaks() {
    let mut desk = Desk::new(1, None);
    desk.hear(address(66, 4000), 1);
    assert!(desk.run(1).0 >= 49);
    // Not ours, and not that of the reports.
    desk.shard.handle_unreachable(desk.now, 0, Which::Rtp, address(67, 4000));
    desk.shard.handle_unreachable(desk.now, 0, Which::Rtcp, address(66, 4001));
    assert!(desk.run(1).0 >= 49);
    desk.shard.handle_unreachable(desk.now, 0, Which::Rtp, address(66, 4000));
    assert!(desk.run(1).0 >= 49, "one may be forged");
    desk.shard.handle_unreachable(desk.now, 0, Which::Rtp, address(66, 4000));
    assert_eq!(desk.run(30), (0, 0));
    desk.hear(address(66, 4000), 2);
    assert!(desk.run(1).0 >= 49);
    for _ in 0..2 {
        desk.shard.handle_unreachable(desk.now, 0, Which::Rtp, address(66, 4000));
    }
    assert_eq!(desk.run(1), (0, 0));
    let plan = Arc::new(MediaPlan { remote_rtp: Some(address(66, 4002)), ..plan(66) });
    desk.shard.handle_command(desk.now, MediaCommand::Update { media: id(0), plan });
    assert!(desk.run(1).0 >= 49, "something else was agreed on");
}
