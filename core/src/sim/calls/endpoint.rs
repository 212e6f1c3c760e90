//! One telephone: the real coordinator and the real media shard, driven by hand.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::api::{CoordinatorConfig, InviteParams};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{
    FRAME_SAMPLES, MediaCommand, MediaEvent, MediaPort, MediaSessionId, MediaShard, ShardConfig, Which,
};
use crate::signaling::SignalingHandler;
use crate::sim::byes;
use crate::wire::Path;

/// Where every endpoint listens for SIP.
pub(super) const SIP_PORT: u16 = 5060;
/// The first port for RTP.
const RTP_FIRST: u16 = 20_000;
/// Loud enough to be told from silence and from comfort noise.
const LOUD: i16 = 1_000;

/// A telephone on the simulated network.
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    pub(super) core: UnifiedCoordinator,
    pub(super) shard: MediaShard,
    /// Which call a session is of; none for one that nobody here has asked for.
    pub(super) sessions: BTreeMap<SessionId, Option<usize>>,
    /// Ports of open streams.
    streams: BTreeMap<MediaSessionId, MediaPort>,
    /// Which call a stream is of.
    pub(super) voices: BTreeMap<MediaSessionId, usize>,
    /// Ports that are bound.
    bound: BTreeSet<u16>,
    next_port: u16,
}

impl Endpoint {
    pub(super) fn new(
        ip: IpAddr,
        user: &str,
        handler: Box<dyn SignalingHandler>,
        seed: [u8; 32],
        interval: Option<Duration>,
        byes_early: bool,
    ) -> Self {
        let mut config = CoordinatorConfig { user: user.into(), ..CoordinatorConfig::default() };
        config.limits.sessions_max = 512;
        config.limits.transactions_max = 8_192;
        config.limits.half_open_per_source_max = 16;
        config.answer_timeout = Duration::from_secs(50);
        config.session_expires = interval;
        let now = Instant::ZERO;
        let mut core = UnifiedCoordinator::with_handler(config, handler, seed, now);
        if byes_early && let Err(error) = core.set_table(&byes::table()) {
            // A test checks that table.
            tracing::error!(%error, "the default table is used");
        }
        Self {
            ip,
            core,
            shard: MediaShard::new(ShardConfig::default(), seed, now),
            sessions: BTreeMap::new(),
            streams: BTreeMap::new(),
            voices: BTreeMap::new(),
            bound: BTreeSet::new(),
            next_port: RTP_FIRST,
        }
    }

    pub(super) fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.ip, SIP_PORT)
    }

    /// When this endpoint has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        match (self.core.poll_timeout(), self.shard.poll_timeout()) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (left, right) => left.or(right),
        }
    }

    /// Whether nothing is left: no call, no transaction, no timer, no stream, no port but those that lie ready.
    pub(super) fn leftovers(&self) -> Option<String> {
        let left = [
            ("sessions", self.core.registry().len()),
            ("dialogs", self.core.registry().dialogs_len()),
            ("media streams", self.core.registry().media_len()),
            ("transactions", self.core.transactions().len()),
            ("streams of the shard", self.shard.len()),
            ("ports in use", self.bound.len().saturating_sub(self.core.media_ports_ready())),
            ("deadlines", usize::from(self.next().is_some())),
        ];
        let found = left.into_iter().find(|&(_, count)| count > 0);
        found.map(|(what, count)| alloc::format!("{count} {what}"))
    }

    pub(super) fn bind(&mut self, count: usize) {
        for _ in 0..count {
            while self.bound.contains(&self.next_port) {
                self.next_port = self.next_port.checked_add(2).unwrap_or(RTP_FIRST);
            }
            let rtp = self.next_port;
            self.next_port = rtp.checked_add(2).unwrap_or(RTP_FIRST);
            self.bound.insert(rtp);
            self.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
        }
    }

    pub(super) fn command(&mut self, now: Instant, command: MediaCommand) {
        if let MediaCommand::Open { media, port, .. } = &command {
            self.streams.insert(*media, *port);
        }
        self.shard.handle_command(now, command);
    }

    pub(super) fn dial(&mut self, now: Instant, target: &str, patience: Duration) -> Option<SessionId> {
        let params = InviteParams { ring_timeout: Some(patience), ..InviteParams::new(target) };
        self.core.invite(now, params).ok()
    }

    /// Takes a datagram: true if it was for the coordinator.
    pub(super) fn receive(&mut self, now: Instant, to: SocketAddr, from: SocketAddr, payload: &[u8]) -> bool {
        if to.port() == SIP_PORT {
            self.core.handle_datagram(now, Path::udp(to, from), payload);
            return true;
        }
        let (key, which) = match to.port() % 2 {
            0 => (to.port(), Which::Rtp),
            _ => (to.port() - 1, Which::Rtcp),
        };
        if self.bound.contains(&key) {
            self.shard.handle_datagram(now, u32::from(key), which, from, payload);
        }
        false
    }

    /// Speaks into a stream; false when it has ended.
    pub(super) fn speak(&mut self, now: Instant, media: MediaSessionId, frames: usize) -> bool {
        let mut tone = [8_000; FRAME_SAMPLES];
        for sample in tone.iter_mut().skip(1).step_by(2) {
            *sample = -8_000;
        }
        (0..frames).all(|_| self.shard.handle_audio(now, media, &tone).is_ok())
    }

    /// Listens to all that was played: whose voice came in a frame that is not silent.
    pub(super) fn listen(&mut self, mut heard: impl FnMut(MediaSessionId)) {
        while let Some(audio) = self.shard.poll_audio() {
            if audio.samples.iter().any(|&sample| sample > LOUD) {
                heard(audio.media);
            }
        }
    }

    /// Events of the shard, as its runtime would hand them on.
    pub(super) fn media_event(&mut self, now: Instant) -> bool {
        let Some(event) = self.shard.poll_event() else { return false };
        if let MediaEvent::Closed { media, .. } = &event {
            if let Some(port) = self.streams.remove(media) {
                self.bound.remove(&port.rtp);
            }
            self.voices.remove(media);
        }
        self.core.handle_media(now, event);
        true
    }

    /// Hands a port over that was handed over before.
    #[cfg(test)]
    pub(super) fn bind_again(&mut self) {
        let rtp = self.next_port - 2;
        self.core.add_media_port(MediaPort { key: u32::from(rtp), rtp, rtcp: rtp + 1 });
    }

    /// Binds a port that nobody will ever close.
    #[cfg(test)]
    pub(super) fn leak(&mut self) {
        self.bound.insert(u16::MAX);
    }
}
