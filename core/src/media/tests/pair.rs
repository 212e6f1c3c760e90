//! Two shards in virtual time with a link between them.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::media::{
    MediaCommand, MediaEvent, MediaPort, MediaReport, MediaSessionId, MediaShard, SendSilence, ShardConfig,
    Which,
};
use crate::sdp::plan::{Codec, Direction, MediaPlan};

pub(crate) fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, host)), port)
}

pub(crate) fn plan(remote_host: u8) -> MediaPlan {
    MediaPlan {
        remote_rtp: Some(address(remote_host, 4000)),
        remote_rtcp: Some(address(remote_host, 4001)),
        sip_peer: Some(address(remote_host, 0).ip()),
        rtcp_mux: false,
        direction: Direction::SendRecv,
        codec: Codec::Pcmu,
        send_payload_type: 0,
        recv_payload_type: 0,
        recv_others: Default::default(),
        send_dtmf: Some(101),
        recv_dtmf: Some(101),
        ptime_ms: 20,
        cname: "offhook@test".to_string(),
    }
}

pub(crate) const MEDIA: MediaSessionId = MediaSessionId { shard: 0, generation: 1, slot: 0 };
pub(crate) const PORT: MediaPort = MediaPort { key: 7, rtp: 4000, rtcp: 4001 };

/// Silence flows from the start, as from a telephone with a microphone.
pub(crate) fn always() -> ShardConfig {
    ShardConfig { send_silence: SendSilence::Always, ..ShardConfig::default() }
}

/// What a link does to packets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Link {
    pub(crate) loss_percent: u32,
    pub(crate) duplicate_percent: u32,
    pub(crate) delay_ms: u64,
    pub(crate) jitter_ms: u64,
}

pub(crate) struct Flying {
    pub(crate) arrival: Instant,
    pub(crate) order: u64,
    pub(crate) to: usize,
    pub(crate) from: SocketAddr,
    pub(crate) which: Which,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Peer {
    pub(crate) shard: MediaShard,
    pub(crate) address: u8,
    pub(crate) heard: Vec<i16>,
    pub(crate) concealed: Vec<bool>,
    pub(crate) stamps: Vec<u32>,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) to_send: Vec<i16>,
    /// Until then the whole machine is stuck: it neither reads nor serves timers.
    pub(crate) stuck_until: Instant,
}

pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) peers: [Peer; 2],
    pub(crate) link: Link,
    pub(crate) flying: Vec<Flying>,
    pub(crate) sent: Vec<(usize, Instant, Which, Vec<u8>)>,
    pub(crate) rng: Rng,
    order: u64,
}

impl Pair {
    pub(crate) fn new(link: Link, plans: [MediaPlan; 2]) -> Self {
        Self::with(always(), link, plans)
    }

    pub(crate) fn with(config: ShardConfig, link: Link, plans: [MediaPlan; 2]) -> Self {
        let now = Instant::from_millis(5_000);
        let peers = [0_u8, 1].map(|n| {
            let config = ShardConfig { ntp_at_zero: 77 << 32, ..config.clone() };
            let mut shard = MediaShard::new(config, [n + 1; 32], now);
            let plan = Arc::new(plans[usize::from(n)].clone());
            shard.handle_command(now, MediaCommand::Open { media: MEDIA, port: PORT, plan, rationed: false });
            Peer {
                shard,
                address: n + 1,
                heard: Vec::new(),
                concealed: Vec::new(),
                stamps: Vec::new(),
                events: Vec::new(),
                to_send: Vec::new(),
                stuck_until: now,
            }
        });
        Self { now, peers, link, flying: Vec::new(), sent: Vec::new(), rng: Rng::wire([9; 32]), order: 0 }
    }

    pub(crate) fn perfect() -> Self {
        Self::new(Link { delay_ms: 10, ..Link::default() }, [plan(2), plan(1)])
    }

    fn percent(&mut self) -> u32 {
        self.rng.next_u32() % 100
    }

    /// Lets the network and both machines run for a while, a millisecond at a time.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
            self.now = self.now + Duration::from_millis(1);
        }
    }

    fn step(&mut self) {
        let now = self.now;
        self.flying.sort_by_key(|packet| (packet.arrival, packet.order));
        for n in 0..2 {
            if self.peers[n].stuck_until > now {
                continue;
            }
            let peer = &mut self.peers[n];
            let is_there = |packet: &mut Flying| packet.to == n && packet.arrival <= now;
            for packet in self.flying.extract_if(.., is_there) {
                peer.shard.handle_datagram(now, PORT.key, packet.which, packet.from, &packet.bytes);
            }
            if peer.shard.poll_timeout().is_some_and(|due| due <= now) {
                peer.shard.handle_timeout(now);
            }
            let accepted = peer.shard.handle_audio(now, MEDIA, &peer.to_send).unwrap_or(0);
            peer.to_send.drain(..accepted);
            while let Some(audio) = peer.shard.poll_audio() {
                peer.heard.extend_from_slice(audio.samples);
                peer.concealed.push(audio.concealed);
                peer.stamps.push(audio.timestamp);
            }
            while let Some(event) = peer.shard.poll_event() {
                peer.events.push(event);
            }
            self.transmit(n);
        }
    }

    fn transmit(&mut self, n: usize) {
        let mut out = Vec::new();
        self.peers[n].shard.for_each_transmit(|packet| out.push((packet.which, packet.bytes.to_vec())));
        for (which, bytes) in out {
            self.sent.push((n, self.now, which, bytes.clone()));
            let copies = 1 + u32::from(self.percent() < self.link.duplicate_percent);
            for _ in 0..copies {
                if self.percent() < self.link.loss_percent {
                    continue;
                }
                let wobble = u64::from(self.rng.next_u32()) % (self.link.jitter_ms + 1);
                let arrival = self.now + Duration::from_millis(self.link.delay_ms + wobble);
                let port = if which == Which::Rtp { 4000 } else { 4001 };
                let from = address(self.peers[n].address, port);
                self.order += 1;
                let bytes = bytes.clone();
                self.flying.push(Flying { arrival, order: self.order, to: 1 - n, from, which, bytes });
            }
        }
    }

    pub(crate) fn report(&self, n: usize) -> MediaReport {
        self.peers[n].shard.report(MEDIA).unwrap()
    }

    pub(crate) fn command(&mut self, n: usize, command: MediaCommand) {
        self.peers[n].shard.handle_command(self.now, command);
    }
}

/// A signal without silence or repetition, different for each seed.
pub(crate) fn speech(seed: u8, samples: usize) -> Vec<i16> {
    let mut rng = Rng::wire([seed; 32]);
    let (mut phase, mut pitch) = (0.0_f64, 200.0_f64);
    (0..samples)
        .map(|_| {
            pitch = (pitch + f64::from(rng.next_u32() % 100) / 50.0 - 0.99).clamp(100.0, 900.0);
            phase += pitch / 8000.0;
            phase -= phase.floor();
            let noise = (rng.next_u32() % 400) as i16 - 200;
            ((core::f64::consts::TAU * phase).sin() * 9000.0) as i16 + noise
        })
        .collect()
}

/// What the far end hears of `samples`.
pub(crate) fn through(codec: Codec, samples: &[i16]) -> Vec<i16> {
    use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
    let pass = |&sample: &i16| match codec {
        Codec::Pcmu => decode_ulaw(encode_ulaw(sample)),
        Codec::Pcma => decode_alaw(encode_alaw(sample)),
    };
    samples.iter().map(pass).collect()
}

/// Where `needle` begins in `hay`.
pub(crate) fn position(hay: &[i16], needle: &[i16]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

impl Pair {
    /// Runs until `end`; all that is sent meanwhile arrives only then.
    pub(crate) fn run_until_delivered_at(&mut self, end: Instant) {
        while self.now < end {
            self.run(Duration::from_millis(1));
            for packet in &mut self.flying {
                packet.arrival = end;
            }
        }
    }
}
