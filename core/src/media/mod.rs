//! Media without sockets and clocks: RTP, RTCP, G.711, telephone-event and the jitter buffer.
//!
//! [`MediaShard`] runs any number of sessions. It shares nothing with the signalling side but the
//! [`MediaPlan`](crate::sdp::plan::MediaPlan) and exchanges [`MediaCommand`]s and [`MediaEvent`]s with it,
//! so that shards can run on other threads.
//!
//! RTP and RTCP are read and written here and not by a crate. The builders of `rtp-types` and `rtcp-types`
//! take the payload as octets that exist already, and are made anew for each packet; here a packet's twelve
//! octets go straight into the arena of outgoing packets and its samples are encoded behind them, without
//! an allocation or a copy.

mod alive;
mod api;
mod codec;
mod config;
mod flow;
mod frames;
mod jitter;
mod leftover;
mod listener;
mod outbox;
mod proof;
mod rtcp;
mod rtp;
mod shard;
mod source;
mod stream;
mod unproven;

#[cfg(test)]
mod tests;

pub use api::{
    Audio, FRAME_SAMPLES, MediaCommand, MediaEvent, MediaPort, MediaReport, MediaSessionId, NoSuchMedia,
    Which,
};
pub use codec::dtmf::{DIGITS_MAX, DtmfDigits, DtmfError};
pub use config::{SendSilence, ShardConfig, ntp_from_unix};
pub use outbox::{MediaTransmit, SendBatch, TransmitHead};
pub use shard::MediaShard;
pub use source::{SourceLearning, source_page};
