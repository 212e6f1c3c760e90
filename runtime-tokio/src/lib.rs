//! Offhook on tokio: telephone calls over SIP and RTP, with sockets, clock and tasks from tokio.
//!
//! Call somebody and play a tone:
//!
//! ```
//! # async fn bob(peer: offhook_tokio::SimplePeer) -> Result<(), offhook_tokio::PeerError> {
//! #     let call = peer.get_incoming_call().await.unwrap().accept().await?;
//! #     while call.recv_audio().await.is_some() {}
//! #     Ok(())
//! # }
//! # mod real { #[allow(dead_code)]
//! use offhook_tokio::{AudioFrame, SimplePeer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let alice = SimplePeer::new("alice", 5060).await?;
//!     let call = alice.call("sip:bob@192.0.2.7").await?;
//!     call.send_audio(AudioFrame::tone(440, 2000)).await?;
//!     call.flush_audio().await;
//!     call.hangup().await?;
//!     Ok(())
//! }
//! # }
//! # use offhook_tokio::{AudioFrame, SimplePeer};
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! #     let bob_peer = SimplePeer::builder("bob").bind(([127, 0, 0, 1], 0).into()).start().await.unwrap();
//! #     let target = bob_peer.uri();
//! #     let answering = tokio::spawn(bob(bob_peer));
//! #     let alice = SimplePeer::builder("alice").bind(([127, 0, 0, 1], 0).into()).start().await.unwrap();
//! #     let call = alice.call(&target).await.unwrap();
//! #     call.send_audio(AudioFrame::tone(440, 200)).await.unwrap();
//! #     call.flush_audio().await;
//! #     call.hangup().await.unwrap();
//! #     answering.await.unwrap().unwrap();
//! # });
//! ```
//!
//! Answer a call and record it:
//!
//! ```no_run
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let bob = offhook_tokio::SimplePeer::new("bob", 5060).await?;
//!     let call = bob.get_incoming_call().await.unwrap().accept().await?;
//!     let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
//!     let mut wav = hound::WavWriter::create("heard.wav", spec)?;
//!     while let Some(frame) = call.recv_audio().await { for s in frame.samples { wav.write_sample(s)? } }
//!     Ok(wav.finalize()?)
//! }
//! ```
//!
//! [`SimplePeer`] is the telephone; [`UnifiedCoordinator`] gives full control: a [`SignalingHandler`] that decides
//! about calls before they exist, all [`Events`], the registry. Everything here works the same in `offhook-smol`: what
//! a handle does is written once, in [`offhook_core::peer`], and this crate brings the tokio part of it ([`Tokio`]).
//!
//! Every future may be dropped at any await: no call, no audio and no message is lost by that, except that dropping
//! the future of an outgoing call cancels the call.

mod runtime;
mod socket;
mod system;

pub use offhook_core::api::{CoordinatorConfig, Counter, Counters, EndReason, Event, Limits};
pub use offhook_core::base::ids::{DialogId, SessionId};
pub use offhook_core::base::time::Instant;
pub use offhook_core::media::{MediaReport, MediaSessionId};
pub use offhook_core::peer::{
    AudioFrame, Call, CallEnd, Config, CustomAction, Dialing, Dtmf, Events, IncomingCall, NetworkCounters,
    PeerCounters, PeerError, Progress, RegistryView, SignalingDecision, SignalingHandler,
};
pub use offhook_core::sdp::CodecList;
pub use offhook_core::sdp::plan::{Codec, Direction, MediaPlan};
pub use offhook_core::session::State;
pub use offhook_core::signaling::{Deferral, InviteDetails};
pub use offhook_core::transaction::Timing;
pub use runtime::Tokio;

/// A telephone on tokio. See [`offhook_core::peer::SimplePeer`].
pub type SimplePeer = offhook_core::peer::SimplePeer<Tokio>;
/// A [`SimplePeer`] that is not started yet. See [`offhook_core::peer::PeerBuilder`].
pub type PeerBuilder = offhook_core::peer::PeerBuilder<Tokio>;
/// A running coordinator on tokio. See [`offhook_core::peer::UnifiedCoordinator`].
pub type UnifiedCoordinator = offhook_core::peer::UnifiedCoordinator<Tokio>;
