//! The RTP header (RFC 3550 section 5.1).
//!
//! Ours rather than a crate's because it is read from the caller's memory and written into the shard's
//! outgoing arena without an allocation or a builder in between.

use alloc::vec::Vec;

/// The fields of a header that a plain audio stream uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RtpHeader {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
}

/// Length of a header without CSRCs and extension.
pub(crate) const HEADER_LEN: usize = 12;

impl RtpHeader {
    /// Header and payload of a packet; `None` if the lengths in it contradict each other.
    pub(crate) fn parse(packet: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = packet.split_first_chunk::<HEADER_LEN>()?;
        let [b0, b1, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *head;
        if b0 >> 6 != 2 {
            return None;
        }
        let csrcs = usize::from(b0 & 0x0f) * 4;
        let mut rest = rest.get(csrcs..)?;
        if b0 & 0x10 != 0 {
            // RFC 3550 section 5.3.1: profile, then the length in words without these four octets.
            let (extension, after) = rest.split_first_chunk::<4>()?;
            let words = usize::from(u16::from_be_bytes([extension[2], extension[3]]));
            rest = after.get(words * 4..)?;
        }
        if b0 & 0x20 != 0 {
            let padding = usize::from(*rest.last()?);
            if padding == 0 {
                return None;
            }
            rest = rest.get(..rest.len().checked_sub(padding)?)?;
        }
        let header = Self {
            marker: b1 & 0x80 != 0,
            payload_type: b1 & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
        };
        Some((header, rest))
    }

    /// Appends the twelve octets.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x80, u8::from(self.marker) << 7 | self.payload_type & 0x7f]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Whether a datagram on a port shared by RTP and RTCP is RTCP (RFC 5761 section 4).
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [_, 192..=223, ..])
}
