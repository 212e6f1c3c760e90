//! What is known of the source we listen to (RFC 3550 section 6.4 and appendix A).

use core::time::Duration;

use crate::base::time::Instant;

use super::sequence::Sequence;

/// Nanoseconds per tick of an 8 kHz RTP clock.
const NANOS_PER_TICK: u64 = 125_000;

/// Reception of one SSRC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    pub(crate) sequence: Sequence,
    transit: Option<u32>,
    /// Interarrival jitter times sixteen, in timestamp units (appendix A.8).
    jitter_16: u32,
    last_sender_report: Option<(u32, Instant)>,
}

impl Reception {
    /// The state after the first packet.
    pub(crate) const fn new(ssrc: u32, first: u16) -> Self {
        let sequence = Sequence::new(first);
        Self { ssrc, sequence, transit: None, jitter_16: 0, last_sender_report: None }
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
