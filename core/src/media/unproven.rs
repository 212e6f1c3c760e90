//! Sources that are not believed yet. Their last packet is kept, so that nothing is lost of those that
//! prove to be the peer.

use core::net::SocketAddr;

use super::rtp::header::RtpHeader;

/// Sources watched at a time: a flood of strangers cannot use up more memory than this.
const SOURCES: usize = 4;
/// Octets of payload that are kept: 60 ms.
const STASH: usize = 480;
/// A packet this many or more steps after the last one proves nothing.
const STEP_MAX: u16 = 16;

/// The payload of the packet before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stash {
    octets: [u8; STASH],
    len: usize,
}

impl Stash {
    fn new(payload: &[u8]) -> Self {
        let mut octets = [0; STASH];
        // A longer payload is not kept at all: part of a packet is of no use.
        let len = match octets.get_mut(..payload.len()) {
            Some(room) => {
                room.copy_from_slice(payload);
                payload.len()
            }
            None => 0,
        };
        Self { octets, len }
    }

    pub(crate) fn get(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&[])
    }
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    remote: SocketAddr,
    header: RtpHeader,
    stash: Stash,
}

/// The sources.
#[derive(Debug)]
pub(crate) struct Unproven {
    candidates: [Option<Candidate>; SOURCES],
    next: usize,
}

impl Unproven {
    pub(crate) const fn new() -> Self {
        Self { candidates: [None; SOURCES], next: 0 }
    }

    /// Takes a packet in. If it follows the one before from the same source, that one is given back and all
    /// others are forgotten.
    pub(crate) fn observe(
        &mut self,
        remote: SocketAddr,
        header: &RtpHeader,
        payload: &[u8],
    ) -> Option<(RtpHeader, Stash)> {
        let fresh = Candidate { remote, header: *header, stash: Stash::new(payload) };
        let known = self
            .candidates
            .iter_mut()
            .flatten()
            .find(|candidate| candidate.remote == remote && candidate.header.ssrc == header.ssrc);
        if let Some(known) = known {
            let step = header.sequence.wrapping_sub(known.header.sequence);
            if (1..STEP_MAX).contains(&step) {
                let proven = (known.header, known.stash);
                *self = Self::new();
                return Some(proven);
            }
            *known = fresh;
            return None;
        }
        if let Some(place) = self.candidates.get_mut(self.next) {
            *place = Some(fresh);
        }
        self.next = (self.next + 1) % SOURCES;
        None
    }
}
