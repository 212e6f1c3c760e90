//! A media shard with one stream, and what must hold of it.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use offhook_core::base::time::Instant;
use offhook_core::media::{
    MediaCommand, MediaEvent, MediaPort, MediaReport, MediaSessionId, MediaShard, ShardConfig, Which,
};
use offhook_core::sdp::plan::{Codec, Direction, MediaPlan};

use crate::octets::Octets;

const PORT: MediaPort = MediaPort { key: 7, rtp: 4000, rtcp: 4001 };
const QUEUE_MAX: usize = 64;
/// Frames of 20 ms that a reader who does not read keeps waiting.
const PLAYOUT_MAX: usize = 25;

pub(crate) struct Stage {
    shard: MediaShard,
    pub(crate) now: Instant,
    media: MediaSessionId,
    is_open: bool,
    heard: u64,
    /// Whether what waits to be sent may be of a plan with one port for RTP and RTCP, and whether the plan now is.
    muxed: (bool, bool),
    /// Whether every plan of the session has named an address.
    named: bool,
}

fn plan(choice: u8) -> MediaPlan {
    let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let rtcp_mux = choice & 1 != 0;
    let remote_rtp = (choice & 0xC0 != 0xC0).then(|| address(0));
    // From where the peer is, or from elsewhere; in no plan can the signalled address not be reached.
    let sip_peer =
        if choice & 0x80 == 0 { address(0).ip() } else { "198.51.100.5".parse().expect("an address") };
    let codec = if choice & 2 == 0 { Codec::Pcmu } else { Codec::Pcma };
    let payload_type = codec.static_payload_type().unwrap_or(96);
    MediaPlan {
        remote_rtp,
        remote_rtcp: if rtcp_mux { remote_rtp } else { Some(SocketAddr::new(address(0).ip(), 6001)) },
        sip_peer: Some(sip_peer),
        rtcp_mux,
        direction: directions[usize::from(choice >> 2 & 3)],
        codec,
        send_payload_type: payload_type,
        recv_payload_type: payload_type,
        recv_others: Default::default(),
        send_dtmf: (choice & 16 == 0).then_some(101),
        recv_dtmf: (choice & 16 == 0).then_some(101),
        ptime_ms: [20, 10, 30, 60][usize::from(choice >> 5 & 3)],
        cname: "cname".into(),
    }
}

/// Some addresses: of the peer, behind the peer's NAT, and of a stranger.
fn address(choice: u8) -> SocketAddr {
    let (host, port) = [(9, 6000), (9, 6001), (9, 7000), (66, 6000)][usize::from(choice & 3)];
    SocketAddr::from(([192, 0, 2, host], port))
}

impl Stage {
    /// The first octet chooses the plan.
    pub(crate) fn new(octets: &mut Octets<'_>) -> Self {
        let mut config = ShardConfig::default();
        config.streams_max = 2;
        (config.transmit_max, config.events_max) = (QUEUE_MAX, QUEUE_MAX);
        let shard = MediaShard::new(config, [3; 32], Instant::ZERO);
        let media = MediaSessionId { shard: 0, generation: 0, slot: 0 };
        let mut stage = Self {
            shard,
            now: Instant::ZERO,
            media,
            is_open: false,
            heard: 0,
            muxed: (false, false),
            named: false,
        };
        stage.open(octets.byte());
        stage
    }

    pub(crate) fn report(&self) -> Option<MediaReport> {
        self.shard.report(self.media)
    }

    fn plan(&mut self, choice: u8) -> MediaPlan {
        let plan = plan(choice);
        self.muxed = (self.muxed.0 | plan.rtcp_mux, plan.rtcp_mux);
        self.named &= plan.remote_rtp.is_some();
        plan
    }

    /// A session takes the place of the one before.
    pub(crate) fn open(&mut self, choice: u8) {
        self.media.generation += 1;
        self.heard = 0;
        self.named = true;
        let plan = self.plan(choice);
        let command =
            MediaCommand::Open { media: self.media, port: PORT, plan: Arc::new(plan), rationed: false };
        self.shard.handle_command(self.now, command);
        self.is_open = true;
    }

    pub(crate) fn update(&mut self, choice: u8) {
        let plan = self.plan(choice);
        self.shard.handle_command(self.now, MediaCommand::Update { media: self.media, plan: Arc::new(plan) });
    }

    pub(crate) fn close(&mut self) {
        self.shard.handle_command(self.now, MediaCommand::Close { media: self.media });
        self.is_open = false;
    }

    pub(crate) fn press(&mut self, digits: &[u8]) {
        let Some(digits) = core::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()) else {
            return;
        };
        self.shard.handle_command(self.now, MediaCommand::SendDtmf { media: self.media, digits });
    }

    pub(crate) fn arrive(&mut self, which: Which, from: u8, datagram: &[u8]) {
        let before = self.report();
        self.shard.handle_datagram(self.now, PORT.key, which, address(from), datagram);
        let (Some(before), Some(after)) = (before, self.report()) else { return };
        let heard = after.received_packets > before.received_packets;
        let stranger = address(3);
        // What could be heard before an address was signalled is left out.
        if self.named {
            assert_ne!(after.remote, Some(stranger), "the signalled address can be reached");
            assert!(!heard || address(from) != stranger, "a stranger is heard");
        }
        if heard && address(from) == address(0) && before.remote.is_some() {
            assert_eq!(after.remote, Some(address(0)), "who speaks from where it said is spoken to");
        }
        if after.remote != before.remote {
            assert!(heard, "nobody was heard, and another is spoken to");
            assert_eq!(after.remote, Some(address(from)));
        }
    }

    pub(crate) fn talk(&mut self, samples: &[u8]) {
        let samples: Vec<i16> = samples.iter().map(|&octet| i16::from(octet.cast_signed()) << 8).collect();
        match self.shard.handle_audio(self.now, self.media, &samples) {
            Ok(taken) => assert!(self.is_open && taken <= samples.len()),
            Err(_) => assert!(!self.is_open),
        }
    }

    pub(crate) fn read(&mut self, room: usize) {
        let mut heard = vec![0; room];
        match self.shard.read_audio(self.media, &mut heard) {
            Ok(read) => assert!(self.is_open && read <= room),
            Err(_) => assert!(!self.is_open),
        }
    }

    pub(crate) fn listen(&mut self) {
        let mut frames = 0;
        while self.shard.poll_audio().is_some() {
            frames += 1;
            assert!(frames <= PLAYOUT_MAX + 1, "audio without end");
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.shard.handle_timeout(self.now);
        self.drain();
    }

    /// Whoever should take what there is to send does not come, for so many frames.
    pub(crate) fn dawdle(&mut self, frames: u8) {
        for _ in 0..frames {
            self.now = self.now + Duration::from_millis(20);
            self.shard.handle_timeout(self.now);
        }
        self.drain();
    }

    /// Takes what there is to send and to tell.
    fn drain(&mut self) {
        let (muxed, mut sent) = (self.muxed.0, 0);
        self.muxed.0 = self.muxed.1;
        self.shard.for_each_transmit(|packet| {
            sent += 1;
            assert!(packet.bytes.len() < 1500, "a packet that would be cut into pieces");
            assert_eq!(packet.port_key, PORT.key);
            if packet.bytes.is_empty() {
                return assert_eq!(packet.which, Which::Rtp, "it keeps the path open");
            }
            assert_eq!(packet.bytes.first().map(|first| first >> 6), Some(2), "RFC 3550 section 5.1");
            let is_rtcp = packet.bytes.get(1).is_some_and(|kind| (192..224).contains(kind));
            match packet.which {
                Which::Rtp => assert!(!is_rtcp || muxed),
                Which::Rtcp => assert!(is_rtcp),
            }
            if is_rtcp {
                check_compound(packet.bytes);
            }
        });
        assert!(sent <= QUEUE_MAX);
        let mut told = 0;
        while let Some(event) = self.shard.poll_event() {
            told += 1;
            if let MediaEvent::Closed { report, .. } = event {
                check_report(&report);
            }
        }
        assert!(told <= 4 * QUEUE_MAX, "{told} events");
        assert_eq!(self.report().is_some(), self.is_open);
        if let Some(report) = self.report() {
            check_report(&report);
            assert!(report.received_packets >= self.heard);
            self.heard = report.received_packets;
        }
        assert!(self.shard.poll_timeout().is_none_or(|at| at >= self.now), "time stands still");
    }

    /// Everything ends, and nothing is left.
    pub(crate) fn end(&mut self) {
        self.wait(Duration::from_secs(6));
        self.close();
        self.wait(Duration::ZERO);
        assert!(self.shard.is_empty());
        assert_eq!(self.shard.poll_timeout(), None, "a timer for nobody");
        assert!(self.shard.poll_audio().is_none());
    }
}

fn check_report(report: &MediaReport) {
    assert!((0.0..=1.0).contains(&report.remote_loss_fraction), "{report:?}");
    assert!(report.duplicate <= report.received_packets, "{report:?}");
    assert!(report.late <= report.received_packets, "{report:?}");
}

/// RFC 3550 section 6.1: a report first, lengths that fill the packet.
fn check_compound(mut rest: &[u8]) {
    assert!(matches!(rest.get(1), Some(200 | 201)), "a report comes first");
    while let [first, _, high, low, ..] = rest {
        assert_eq!(first >> 6, 2);
        let length = 4 + 4 * usize::from(u16::from_be_bytes([*high, *low]));
        rest = rest.get(length..).expect("a part is as long as it says");
    }
    assert!(rest.is_empty());
}
