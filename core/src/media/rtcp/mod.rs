//! RTCP (RFC 3550 section 6).
//!
//! Ours rather than a crate's for the same reason as the RTP header: compound packets are written straight
//! into the outgoing arena and read from the caller's memory.

pub(crate) mod packet;
pub(crate) mod report;
pub(crate) mod schedule;

#[cfg(test)]
mod tests;
