//! The addresses of one stream: what the policy ([`source`](super::source)) is asked with, and what follows from its
//! answer.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::base::time::Instant;
use crate::sdp::plan::MediaPlan;

use super::config::ShardConfig;
use super::source::{Decision, Heard, Kind, SourceLearning, Ssrc, decide, is_private};

/// So many reports that the signalled address cannot be reached are believed; one may be forged.
const UNREACHABLE: u8 = 2;

/// Addresses of one stream, RTP or RTCP.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    signalled: Option<SocketAddr>,
    /// The last one that was not hold.
    signalled_last: Option<SocketAddr>,
    sip_peer: Option<IpAddr>,
    learned: Option<SocketAddr>,
    /// The source before the address changed: heard until the new one speaks, never sent to.
    previous: Option<SocketAddr>,
    /// Where the last packet came from that was taken.
    source: Option<SocketAddr>,
    /// The signalled address has spoken since it was signalled.
    spoke: bool,
    /// Another address may be learned once the signalled one is silent.
    open: bool,
    /// The peer has agreed to send.
    expects: bool,
    /// Reports that the signalled address cannot be reached.
    unreachable: u8,
    last_heard: Instant,
    /// When the source was last known to be there: also by its RTCP.
    last_sign: Instant,
    learning: SourceLearning,
    /// Milliseconds, of which there are two for every stream.
    silence_ms: u32,
    forgotten_ms: u32,
}

/// A setting in milliseconds, rounded up: none becomes nothing.
fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

impl Flow {
    /// The flow of a stream's RTP.
    pub(crate) fn rtp(config: &ShardConfig, now: Instant, plan: &MediaPlan) -> Self {
        Self::new(config, now, plan, plan.remote_rtp, config.source_silence)
    }

    /// The flow of its RTCP. Whoever leaves out two reports is silent.
    pub(crate) fn rtcp(config: &ShardConfig, now: Instant, plan: &MediaPlan) -> Self {
        Self::new(config, now, plan, plan.remote_rtcp, config.rtcp_interval.saturating_mul(2))
    }

    fn new(
        config: &ShardConfig,
        now: Instant,
        plan: &MediaPlan,
        signalled: Option<SocketAddr>,
        silence: Duration,
    ) -> Self {
        Self {
            signalled,
            signalled_last: signalled,
            sip_peer: plan.sip_peer.map(|ip| ip.to_canonical()),
            learned: None,
            previous: None,
            source: None,
            spoke: false,
            open: true,
            expects: plan.direction.receives(),
            unreachable: 0,
            last_heard: now,
            last_sign: now,
            learning: config.source_learning,
            silence_ms: millis(silence),
            forgotten_ms: millis(config.source_forgotten.max(silence)),
        }
    }

    const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms as u64)
    }

    const fn forgotten(&self) -> Duration {
        Duration::from_millis(self.forgotten_ms as u64)
    }

    /// Where to send.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        // Without a signalled address the peer wants nothing.
        self.signalled.map(|signalled| self.learned.unwrap_or(signalled))
    }

    /// An offer/answer exchange: learning is open again. Whether the peer has moved.
    pub(crate) fn update(&mut self, now: Instant, plan: &MediaPlan, signalled: Option<SocketAddr>) -> bool {
        if plan.direction.receives() != self.expects {
            self.expects = plan.direction.receives();
            self.last_sign = now;
        }
        self.signalled = signalled;
        self.sip_peer = plan.sip_peer.map(|ip| ip.to_canonical());
        self.open = true;
        self.unreachable = 0;
        let Some(address) = signalled.filter(|_| signalled != self.signalled_last) else { return false };
        let before = self.learned.take().or_else(|| self.signalled_last.filter(|_| self.spoke));
        let unnamed = self.signalled_last.is_none();
        self.signalled_last = signalled;
        self.spoke = false;
        // Whoever spoke before any address was signalled is heard on only where it fits to what is signalled now.
        let fits = |source: &SocketAddr| {
            !unnamed || source.ip() == address.ip() || self.sip_peer == Some(source.ip())
        };
        self.previous = before.or(self.previous).filter(fits);
        if unnamed {
            self.source = self.previous;
        }
        true
    }

    /// What becomes of a packet from `remote`.
    pub(crate) fn judge(&self, now: Instant, remote: SocketAddr, ssrc: Ssrc) -> Decision {
        let decision = decide(self.kind(remote, ssrc), ssrc, self.heard(now));
        let may_learn = self.expects && self.learning != SourceLearning::Never;
        if decision == Decision::Fifth && !may_learn { Decision::Drop } else { decision }
    }

    fn kind(&self, remote: SocketAddr, ssrc: Ssrc) -> Kind {
        if self.signalled_last == Some(remote) {
            return Kind::Signalled;
        }
        if self.learned == Some(remote) {
            return Kind::Learned;
        }
        let reachable = self.is_reachable();
        if self.previous == Some(remote) && ssrc == Ssrc::GoesOn && reachable {
            Kind::Previous
        } else if self.sip_peer == Some(remote.ip()) {
            Kind::SipPeer
        } else if !reachable || self.learning == SourceLearning::Any {
            Kind::Elsewhere
        } else {
            Kind::Stranger
        }
    }

    fn heard(&self, now: Instant) -> Heard {
        let alive = now.saturating_since(self.last_heard) < self.silence();
        match self.learned {
            Some(_) if !alive => Heard::LearnedSilent,
            Some(learned) if self.sip_peer == Some(learned.ip()) => Heard::LearnedAtPeer,
            Some(_) => Heard::LearnedElsewhere,
            None if self.spoke && alive => Heard::Signalled,
            None if self.spoke && !self.open => Heard::SignalledSilent,
            None => Heard::Nobody,
        }
    }

    /// Whether packets from here can arrive at the signalled address, as far as we know.
    fn is_reachable(&self) -> bool {
        let Some(ip) = self.signalled_last.map(|signalled| signalled.ip()) else { return false };
        let peer = self.sip_peer;
        // Whose signalling comes from there is there, be it private.
        let hidden = is_private(ip) && peer != Some(ip);
        let loopback = ip.is_loopback() && peer.is_some_and(|peer| !peer.is_loopback());
        let foreign = peer.is_some_and(|peer| peer.is_ipv4() != ip.is_ipv4());
        !hidden && !loopback && !foreign && self.unreachable < UNREACHABLE
    }

    /// A packet from `remote` has been taken.
    pub(crate) fn take(&mut self, now: Instant, remote: SocketAddr) {
        self.last_heard = now;
        self.last_sign = now;
        self.source = Some(remote);
        if self.signalled_last == Some(remote) {
            self.learned = None;
            self.previous = None;
            self.spoke = true;
            self.open = false;
            self.unreachable = 0;
        }
    }

    /// `remote` has proven to be the peer.
    pub(crate) fn learn(&mut self, remote: SocketAddr) {
        if self.signalled_last == Some(remote) || self.learned == Some(remote) {
            return;
        }
        tracing::debug!("media source learned");
        self.learned = Some(remote);
        self.previous = None;
        self.open = true;
    }

    /// The peer is there, whatever it says.
    pub(crate) const fn sign_of_life(&mut self, now: Instant) {
        self.last_sign = now;
    }

    /// Forgets a learned address from which nothing comes any more. Where the signalled one cannot be reached nothing
    /// better is known, and we go on speaking to it; another may take its place all the same.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.learned.is_some()
            && self.expects
            && now.saturating_since(self.last_sign) >= self.forgotten()
            && self.is_reachable()
        {
            tracing::debug!("media source forgotten");
            self.learned = None;
        }
    }

    /// When a learned address is forgotten, if nothing comes until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let forgets = self.learned.is_some() && self.expects && self.is_reachable();
        forgets.then(|| self.last_sign + self.forgotten())
    }

    /// The network says that nothing can be sent to `remote` (ICMP). Whether we send there, and believe it.
    pub(crate) fn handle_unreachable(&mut self, remote: SocketAddr) -> bool {
        if self.learned == Some(remote) {
            self.learned = None;
        } else if self.signalled == Some(remote) {
            self.unreachable = self.unreachable.saturating_add(1);
            return self.learned.is_none() && self.unreachable >= UNREACHABLE;
        }
        false
    }

    /// Whether what we hear comes from the IP of `remote`.
    pub(crate) fn is_known_ip(&self, remote: SocketAddr) -> bool {
        self.source.is_some_and(|source| source.ip() == remote.ip())
    }

    /// Whether what we hear comes from `remote`.
    pub(crate) fn is_source(&self, remote: SocketAddr) -> bool {
        self.source == Some(remote)
    }

    /// Everything that decides about packets to come, for a model of the policy.
    #[cfg(test)]
    pub(crate) fn state(&self, now: Instant) -> impl Ord + use<> {
        let alive = now.saturating_since(self.last_heard) < self.silence();
        let there = now.saturating_since(self.last_sign) < self.forgotten();
        let addresses = (self.signalled, self.learned, self.previous, self.source);
        (addresses, self.spoke, self.open, self.expects, self.unreachable, alive, there)
    }
}
