//! Whom a stream listens to: each packet is put before the policy ([`source`](super::source)), and what it decides is done.

use alloc::boxed::Box;
use core::net::SocketAddr;

use crate::base::time::Instant;
use crate::sdp::plan::MediaPlan;

use super::config::ShardConfig;
use super::flow::Flow;
use super::leftover::Leftover;
use super::rtp::header::RtpHeader;
use super::rtp::receive::Reception;
use super::rtp::sequence::Order;
use super::source::{Decision, Ssrc};
use super::unproven::{Stash, Unproven};

/// What becomes of a packet.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is nobody's that we listen to.
    Stranger,
    /// It may be the peer's, and more of the kind will prove it.
    Unproven,
    /// It would begin a stream, were its payload type one that was agreed.
    Unexpected,
    /// The stream that we hear goes on.
    GoesOn(Order),
    /// Another begins, or the same anew: with the packets that have proven it, if that was needed.
    Begins(Clock, Option<Box<Stash>>),
}

/// What a new stream has to do with the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clock {
    /// It is the first.
    First,
    /// Only its numbers are new.
    GoesOn,
    /// So are its timestamps.
    Anew,
}

/// Whom a stream listens to.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) flow: Flow,
    /// What is heard.
    /// There is none before the first packet, and many a call is held without one.
    pub(crate) reception: Option<Box<Reception>>,
    unproven: Option<Box<Unproven>>,
    /// The SSRC that was heard before the present one.
    ssrc_before: Option<u32>,
    /// What the call before has left on our port.
    leftover: Option<Leftover>,
    /// Packets lost of all that was heard before.
    lost_before: u64,
}

impl Listener {
    pub(crate) fn new(
        config: &ShardConfig,
        now: Instant,
        plan: &MediaPlan,
        leftover: Option<Leftover>,
    ) -> Self {
        Self {
            flow: Flow::rtp(config, now, plan),
            reception: None,
            unproven: None,
            ssrc_before: None,
            leftover,
            lost_before: 0,
        }
    }

    /// An offer/answer exchange. Whether the peer has moved.
    pub(crate) fn update(&mut self, now: Instant, plan: &MediaPlan) -> bool {
        self.unproven = None;
        self.flow.update(now, plan, plan.remote_rtp)
    }

    /// Takes a packet in. `expected`: whether its payload type was agreed.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        header: &RtpHeader,
        payload: &[u8],
        expected: impl FnOnce() -> bool,
    ) -> Verdict {
        let ssrc = self.relation(remote, header);
        let decision = self.flow.judge(now, remote, ssrc);
        if decision == Decision::Drop {
            return Verdict::Stranger;
        }
        let proven = matches!(decision, Decision::Take | Decision::Hear);
        if proven && self.reception.as_ref().is_some_and(|reception| reception.goes_on(header)) {
            self.take(now, remote);
            return Verdict::GoesOn(self.count(header));
        }
        if !expected() {
            return Verdict::Unexpected;
        }
        if proven {
            return Verdict::Begins(self.begin(now, remote, header), None);
        }
        let unproven = self.unproven.get_or_insert_with(|| Box::new(Unproven::new()));
        let Some(stash) = unproven.observe(now, remote, header, payload, decision) else {
            return Verdict::Unproven;
        };
        self.flow.learn(remote);
        let first = stash.iter().next().map_or(*header, |(first, _)| *first);
        Verdict::Begins(self.begin(now, remote, &first), Some(stash))
    }

    /// What the SSRC of a packet says.
    fn relation(&mut self, remote: SocketAddr, header: &RtpHeader) -> Ssrc {
        let is_leftover = self.leftover.as_ref().is_some_and(|leftover| leftover.has(header));
        if self.reception.as_ref().is_some_and(|reception| reception.goes_on(header))
            && (!is_leftover || self.flow.is_source(remote))
        {
            // A stream does not change its IP without a word.
            return if self.flow.is_known_ip(remote) { Ssrc::GoesOn } else { Ssrc::Other };
        }
        if self.leftover.as_mut().is_some_and(|leftover| leftover.goes_on(header)) {
            return Ssrc::Leftover;
        }
        if self.ssrc_before == Some(header.ssrc) { Ssrc::Left } else { Ssrc::Other }
    }

    fn take(&mut self, now: Instant, remote: SocketAddr) {
        if !self.flow.is_source(remote) {
            self.unproven = None;
        } else if let Some(unproven) = &mut self.unproven {
            unproven.interrupt();
        }
        self.flow.take(now, remote);
    }

    fn begin(&mut self, now: Instant, remote: SocketAddr, first: &RtpHeader) -> Clock {
        self.unproven = None;
        self.take(now, remote);
        let Some(old) = self.reception.replace(Box::new(Reception::new(first))) else { return Clock::First };
        self.lost_before += old.sequence.lost();
        if old.ssrc != first.ssrc {
            // What the call before has left does not make another wait that was heard before it.
            let is_leftover = self.leftover.as_ref().is_some_and(|leftover| leftover.has(first));
            self.ssrc_before = (!is_leftover).then_some(old.ssrc);
        }
        if old.goes_on_in_time(first) { Clock::GoesOn } else { Clock::Anew }
    }

    /// Counts a packet of the SSRC that is heard.
    pub(crate) fn count(&mut self, header: &RtpHeader) -> Order {
        let Some(reception) = &mut self.reception else { return Order::Newest };
        match reception.observe(header) {
            Order::Restart => {
                self.lost_before += reception.restart(header);
                Order::Newest
            }
            order => order,
        }
    }

    /// Packets that never came.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_before + self.reception.as_ref().map_or(0, |reception| reception.sequence.lost())
    }

    /// What the next call on our port may still hear of this one.
    pub(crate) fn leftover(&self) -> Option<Leftover> {
        self.reception.as_deref().map(Leftover::of).or(self.leftover)
    }

    /// Everything that decides about packets to come, for a model of the policy.
    #[cfg(test)]
    pub(crate) fn state(&self, now: Instant) -> impl Ord + use<> {
        let heard = self.reception.as_ref().map(|reception| reception.ssrc);
        let counts = self.unproven.as_ref().map(|unproven| unproven.counts(now)).unwrap_or_default();
        (self.flow.state(now), heard, self.ssrc_before, counts)
    }
}
