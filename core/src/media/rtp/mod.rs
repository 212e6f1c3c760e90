//! RTP (RFC 3550, RFC 3551).

pub(crate) mod header;
pub(crate) mod live;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod sequence;

#[cfg(test)]
mod tests;
