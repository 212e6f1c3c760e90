//! Streams of calls that are over and still run: who missed our BYE goes on sending to a port that another call may have got.

use core::time::Duration;

use crate::base::time::Instant;

use super::rtp::header::RtpHeader;
use super::rtp::receive::Reception;

/// For how long they are known after the end: 64·T1, when the BYE has been answered or given up (RFC 3261 section 17.1.2).
const KEPT: Duration = Duration::from_secs(32);
/// So far ahead of its last packet a stream goes on: half a minute of packets of 10 ms.
const STEP_MAX: u16 = 3_200;
/// So far behind it a packet was only late.
const LATE_MAX: u16 = 100;

/// The stream of a call that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leftover {
    ssrc: u32,
    /// The number of its newest packet.
    sequence: u16,
}

impl Leftover {
    pub(crate) fn of(reception: &Reception) -> Self {
        Self { ssrc: reception.ssrc, sequence: reception.sequence.extended_highest() as u16 }
    }

    /// Whether it has the SSRC of a packet.
    pub(crate) const fn has(&self, header: &RtpHeader) -> bool {
        header.ssrc == self.ssrc
    }

    /// Whether a packet belongs to it. Whoever uses an SSRC again in another call begins with other numbers (RFC 3550
    /// section 5.1).
    pub(crate) const fn goes_on(&mut self, header: &RtpHeader) -> bool {
        let step = header.sequence.wrapping_sub(self.sequence).wrapping_add(LATE_MAX);
        let goes_on = header.ssrc == self.ssrc && step < LATE_MAX + STEP_MAX;
        if goes_on {
            self.sequence = header.sequence;
        }
        goes_on
    }
}

/// What the last call on a port has left, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    leftover: Leftover,
    since: Instant,
}

impl Kept {
    pub(crate) const fn new(leftover: Leftover, since: Instant) -> Self {
        Self { leftover, since }
    }

    /// What may still be heard of it.
    pub(crate) fn at(&self, now: Instant) -> Option<Leftover> {
        (now.saturating_since(self.since) < KEPT).then_some(self.leftover)
    }
}
