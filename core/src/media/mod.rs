//! Media without sockets and clocks: RTP, RTCP, G.711, telephone-event and the jitter buffer.
//!
//! [`MediaShard`] runs any number of sessions. It shares nothing with the signalling side but the
//! [`MediaPlan`](crate::sdp::plan::MediaPlan) and exchanges [`MediaCommand`]s and [`MediaEvent`]s with it,
//! so that shards can run on other threads.
//!
//! RTP and RTCP are read and written here and not by a crate: what there is (`rtp-types`, `rtcp-types`)
//! writes through builders into a slice whose length must be asked for first and reads through views that
//! must then be copied; a hundred lines do both in place, in the arena of outgoing packets, without any
//! allocation.

mod api;
mod codec;
mod config;
mod flow;
mod frames;
mod jitter;
mod outbox;
mod rtcp;
mod rtp;
mod shard;
mod stream;
mod unproven;

#[cfg(test)]
mod tests;

pub use api::{
    Audio, FRAME_SAMPLES, MediaCommand, MediaEvent, MediaPort, MediaReport, MediaSessionId, NoSuchMedia,
    Which,
};
pub use codec::dtmf::{DIGITS_MAX, DtmfDigits, DtmfError};
pub use config::{ShardConfig, ntp_from_unix};
pub use outbox::{MediaTransmit, SendBatch, TransmitHead};
pub use shard::MediaShard;
