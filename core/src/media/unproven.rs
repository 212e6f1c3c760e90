//! Sources that are not believed yet. Their packets are kept, so that nothing is lost of those that prove to be the peer.

use alloc::boxed::Box;
#[cfg(test)]
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::time::Instant;

use super::rtp::header::RtpHeader;
use super::source::Decision;

/// Sources watched at a time: a flood of strangers cannot use up more memory than this.
const SOURCES: usize = 4;
/// Packets kept of each: as many as it takes to prove it, without the last.
const PACKETS: usize = 4;
/// Octets of payload kept of each: four packets of 30 ms. What does not fit is lost.
const STASH: usize = 960;
/// A packet this many or more steps after the last one begins a new proof.
const STEP_MAX: u16 = 16;
/// A source that pauses for so long begins anew, and makes room for others first.
const STALE: Duration = Duration::from_secs(2);

/// The packets of a source before the one that proved it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stash {
    packets: [Option<(RtpHeader, u16)>; PACKETS],
    octets: [u8; STASH],
    used: u16,
}

impl Stash {
    const fn new() -> Self {
        Self { packets: [None; PACKETS], octets: [0; STASH], used: 0 }
    }

    /// Keeps a packet, whole or not at all: part of one is of no use.
    fn keep(&mut self, header: &RtpHeader, payload: &[u8]) {
        let from = usize::from(self.used);
        let Some(place) = self.packets.iter_mut().find(|place| place.is_none()) else { return };
        let Some(room) = self.octets.get_mut(from..from + payload.len()) else { return };
        room.copy_from_slice(payload);
        let len = payload.len() as u16;
        *place = Some((*header, len));
        self.used += len;
    }

    /// The packets, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RtpHeader, &[u8])> {
        let mut at = 0;
        self.packets.iter().flatten().filter_map(move |(header, len)| {
            let from = at;
            at += usize::from(*len);
            Some((header, self.octets.get(from..at)?))
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    remote: SocketAddr,
    ssrc: u32,
    sequence: u16,
    /// Packets in sequence.
    count: u8,
    /// A packet of the source that we hear, taken in between, undoes what was proven.
    unbroken: bool,
    at: Instant,
    stash: Stash,
}

impl Candidate {
    fn new(now: Instant, remote: SocketAddr, header: &RtpHeader, unbroken: bool) -> Self {
        let RtpHeader { ssrc, sequence, .. } = *header;
        Self { remote, ssrc, sequence, count: 1, unbroken, at: now, stash: Stash::new() }
    }
}

/// The sources.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    candidates: [Option<Candidate>; SOURCES],
}

impl Unproven {
    pub(crate) const fn new() -> Self {
        Self { candidates: [None; SOURCES] }
    }

    /// Takes a packet in, of which the policy has decided `decision`. If it is the last of a proof, those before it are
    /// given back.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        header: &RtpHeader,
        payload: &[u8],
        decision: Decision,
    ) -> Option<Box<Stash>> {
        let unbroken = decision.is_unbroken();
        let mut fresh = Candidate::new(now, remote, header, unbroken);
        let mut candidates = self.candidates.iter_mut().flatten();
        let known = candidates.find(|known| (known.remote, known.ssrc) == (remote, header.ssrc));
        let Some(known) = known else {
            fresh.stash.keep(header, payload);
            self.admit(now, fresh);
            return None;
        };
        let step = header.sequence.wrapping_sub(known.sequence);
        let again = step == 0 || step > u16::MAX - STEP_MAX;
        if now.saturating_since(known.at) >= STALE || (!again && step >= STEP_MAX) {
            fresh.stash.keep(header, payload);
            *known = fresh;
            return None;
        }
        known.at = now;
        known.unbroken = unbroken;
        if again {
            // The network repeats or reorders: that proves nothing and disproves nothing.
            return None;
        }
        known.sequence = header.sequence;
        known.count = known.count.saturating_add(1);
        if known.count >= decision.proof() {
            return Some(Box::new(known.stash));
        }
        known.stash.keep(header, payload);
        None
    }

    /// Puts a new source in the place of one that pauses, else of the one that has proven least.
    fn admit(&mut self, now: Instant, fresh: Candidate) {
        let worth = |place: &Option<Candidate>| match place {
            Some(known) if now.saturating_since(known.at) < STALE => (known.count, known.at),
            Some(_) | None => (0, Instant::ZERO),
        };
        if let Some(place) = self.candidates.iter_mut().min_by_key(|place| worth(place)) {
            *place = Some(fresh);
        }
    }

    /// A packet of the source that we hear was taken.
    pub(crate) fn interrupt(&mut self) {
        for place in &mut self.candidates {
            place.take_if(|known| known.unbroken);
        }
    }

    /// How far each source is that does not pause, in no order, for a model of the policy.
    #[cfg(test)]
    pub(crate) fn counts(&self, now: Instant) -> Vec<(SocketAddr, u32, u8, bool)> {
        let fresh = self.candidates.iter().flatten().filter(|known| now.saturating_since(known.at) < STALE);
        let mut counts: Vec<_> =
            fresh.map(|known| (known.remote, known.ssrc, known.count, known.unbroken)).collect();
        counts.sort_unstable();
        counts
    }
}
