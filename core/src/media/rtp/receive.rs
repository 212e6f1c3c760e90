//! What is known of the source we listen to (RFC 3550 section 6.4 and appendix A.8).

use core::time::Duration;

use crate::base::time::Instant;

use super::header::RtpHeader;
use super::sequence::{Order, Sequence};

/// Timestamps that lie further back than this, ten seconds, are of another clock.
const BACK_MAX: i32 = 80_000;
/// Timestamps that lie further ahead than this, half a second, do not go on.
const AHEAD_MAX: i32 = 4_000;

/// Nanoseconds per tick of an 8 kHz RTP clock.
const NANOS_PER_TICK: u64 = 125_000;

/// Reception of one SSRC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    pub(crate) sequence: Sequence,
    /// The newest timestamp. That of a key press is its beginning, and so may be older than what came before.
    newest: u32,
    transit: Option<u32>,
    /// Interarrival jitter times sixteen, in timestamp units (appendix A.8).
    jitter_16: u32,
    last_sender_report: Option<(u32, Instant)>,
}

impl Reception {
    /// The state after the first packet.
    pub(crate) const fn new(first: &RtpHeader) -> Self {
        let sequence = Sequence::new(first.sequence);
        Self {
            ssrc: first.ssrc,
            sequence,
            newest: first.timestamp,
            transit: None,
            jitter_16: 0,
            last_sender_report: None,
        }
    }

    /// Whether a packet can belong to what we hear: the same SSRC, and a number that is near.
    pub(crate) fn goes_on(&self, header: &RtpHeader) -> bool {
        header.ssrc == self.ssrc && self.sequence.is_near(header.sequence)
    }

    /// Whether a packet goes on by its timestamp, whatever its number says.
    pub(crate) const fn goes_on_in_time(&self, header: &RtpHeader) -> bool {
        let ahead = header.timestamp.wrapping_sub(self.newest) as i32;
        // All packets of a key press have the timestamp of its beginning.
        header.ssrc == self.ssrc && ahead >= 0 && ahead <= AHEAD_MAX
    }

    /// Takes one more packet of the SSRC in.
    pub(crate) fn observe(&mut self, header: &RtpHeader) -> Order {
        let ahead = header.timestamp.wrapping_sub(self.newest) as i32;
        let near = self.sequence.is_near(header.sequence);
        // Repeated and reordered packets are older by both their number and their timestamp.
        if near && ahead > 0 && !self.sequence.is_ahead(header.sequence) {
            return Order::Restart;
        }
        let order = self.sequence.observe(header.sequence);
        if order == Order::Newest && !(-BACK_MAX..=0).contains(&ahead) {
            self.newest = header.timestamp;
        }
        order
    }

    /// The source counts anew from this packet on; how many it had lost until then.
    pub(crate) fn restart(&mut self, header: &RtpHeader) -> u64 {
        let lost = self.sequence.lost();
        self.sequence = Sequence::new(header.sequence);
        self.newest = header.timestamp;
        lost
    }

    /// Feeds the jitter estimate (appendix A.8).
    pub(crate) fn observe_arrival(&mut self, now: Instant, timestamp: u32) {
        let arrival = (now.as_nanos() / NANOS_PER_TICK) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            // A jump of the timestamps is no jitter: more than ten seconds is cut to that.
            let distance = (transit.wrapping_sub(before) as i32).unsigned_abs().min(80_000);
            self.jitter_16 = (self.jitter_16 + distance).saturating_sub((self.jitter_16 + 8) >> 4);
        }
    }

    /// Interarrival jitter in timestamp units.
    pub(crate) const fn jitter(&self) -> u32 {
        self.jitter_16 >> 4
    }

    /// Interarrival jitter as time.
    pub(crate) fn jitter_time(&self) -> Duration {
        Duration::from_nanos(u64::from(self.jitter_16) * NANOS_PER_TICK / 16)
    }

    /// Keeps what the next report block must echo.
    pub(crate) const fn sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.last_sender_report = Some((ntp_middle, now));
    }

    /// LSR and DLSR of a report block, zero without a sender report.
    pub(crate) fn last_sender_report(&self, now: Instant) -> (u32, u32) {
        match self.last_sender_report {
            Some((middle, at)) => {
                let delay = now.saturating_since(at).as_nanos() << 16;
                (middle, u32::try_from(delay / 1_000_000_000).unwrap_or(u32::MAX))
            }
            None => (0, 0),
        }
    }
}
