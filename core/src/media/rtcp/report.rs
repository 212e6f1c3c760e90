//! What we report of the peer's stream, and what the peer's reports tell of ours.

use core::time::Duration;

use crate::base::time::Instant;
use crate::media::api::MediaReport;
use crate::media::rtp::receive::Reception;

use super::packet::ReportBlock;

/// NTP time of a moment (RFC 3550 section 4).
pub(crate) fn ntp(at_zero: u64, now: Instant) -> u64 {
    let elapsed = (u128::from(now.as_nanos()) << 32) / 1_000_000_000;
    at_zero.wrapping_add(elapsed as u64)
}

/// The middle 32 bits, in which round trips are counted.
pub(crate) const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The report block about the source we hear. Its loss interval starts anew.
pub(crate) fn block(now: Instant, reception: &mut Reception) -> ReportBlock {
    let (last_sender_report, delay_since) = reception.last_sender_report(now);
    ReportBlock {
        ssrc: reception.ssrc,
        fraction_lost: reception.sequence.take_fraction_lost(),
        cumulative_lost: reception.sequence.cumulative_lost(),
        extended_highest: reception.sequence.extended_highest(),
        jitter: reception.jitter(),
        last_sender_report,
        delay_since,
    }
}

/// Takes over what a block says about our stream (RFC 3550 section 6.4.1).
pub(crate) fn take(now_ntp: u64, block: &ReportBlock, stats: &mut MediaReport) {
    stats.remote_loss_fraction = f32::from(block.fraction_lost) / 256.0;
    stats.remote_lost = block.cumulative_lost;
    stats.remote_jitter = Duration::from_nanos(u64::from(block.jitter) * 125_000);
    if block.last_sender_report == 0 {
        return;
    }
    let passed = middle(now_ntp).wrapping_sub(block.last_sender_report).wrapping_sub(block.delay_since);
    // A peer whose figures make the trip negative, or absurdly long, has told nothing.
    if passed < 1 << 20 {
        stats.round_trip = Some(Duration::from_nanos((u64::from(passed) * 1_000_000_000) >> 16));
    }
}
