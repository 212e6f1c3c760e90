//! Offhook on tokio: telephone calls over SIP and RTP, with sockets, clock and tasks from tokio.
//!
//! Call somebody and play a tone:
//!
//! ```
//! use offhook_tokio::{AudioFrame, SimplePeer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #   let bob = SimplePeer::builder("bob").bind("127.0.0.1:15060".parse()?).auto_answer(true).start().await?;
//!     let alice = SimplePeer::new("alice", 0).await?;
//!     let call = alice.call("sip:bob@127.0.0.1:15060").await?;
//!     call.send_audio(AudioFrame::tone(440, 1000)).await?;
//!     call.flush_audio().await;
//!     call.hangup().await?;
//! #   assert!(call.stats().sent_packets >= 50);
//! #   bob.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! Answer a call and record it:
//!
//! ```
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #   std::env::set_current_dir(std::env::temp_dir())?;
//!     let bob = offhook_tokio::SimplePeer::new("bob", 15062).await?;
//! #   tokio::spawn(async {
//! #       let alice = offhook_tokio::SimplePeer::new("alice", 0).await.unwrap();
//! #       let call = alice.call("bob@127.0.0.1:15062").await.unwrap();
//! #       call.send_audio(offhook_tokio::AudioFrame::tone(440, 500)).await.unwrap();
//! #       call.flush_audio().await;
//! #       alice.shutdown().await;
//! #   });
//!     let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
//!     let (call, mut wav) = (bob.get_incoming_call().await.unwrap().accept().await?, hound::WavWriter::create("heard.wav", spec)?);
//!     while let Some(frame) = call.recv_audio().await { for s in frame.samples { wav.write_sample(s)? } }
//! #   assert!(wav.duration() >= 2400, "{}", wav.duration());
//!     Ok(wav.finalize()?)
//! }
//! ```
//!
//! A machine that hears and speaks, one task for each, and falls silent when it is spoken to:
//!
//! ```
//! use offhook_tokio::{AudioFrame, PeerError, SimplePeer};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), PeerError> {
//!     let bot = SimplePeer::new("bot", 15064).await?;
//! #   tokio::spawn(async {
//! #       let alice = SimplePeer::new("alice", 0).await.unwrap();
//! #       let call = alice.call("bot@127.0.0.1:15064").await.unwrap();
//! #       for _ in 0..20 { call.recv_audio().await; }
//! #       call.send_audio(AudioFrame::tone(660, 300)).await.unwrap();
//! #       call.flush_audio().await;
//! #       alice.shutdown().await;
//! #   });
//!     let call = std::sync::Arc::new(bot.get_incoming_call().await.unwrap().accept().await?);
//!     let mouth = tokio::spawn({
//!         let call = call.clone();
//! #       let mut interrupted = 0;
//!         async move {
//!             let mut speech = call.speak();
//!             loop {
//!                 match speech.send_audio(AudioFrame::tone(440, 60)).await {
//!                     Ok(()) => {}
//!                     // Here it would think of something else to say.
//!                     Err(PeerError::Interrupted) => {
//!                         speech = call.speak();
//! #                       interrupted += 1;
//!                     }
//!                     Err(over) => {
//! #                       assert!(interrupted > 0, "{over}");
//!                         break println!("{over}")
//!                     }
//!                 }
//!             }
//!         }
//!     });
//!     while let Some(frame) = call.recv_audio().await {
//!         if frame.samples.iter().any(|sample| sample.abs() > 4000) {
//!             call.discard_audio(); // what waits to be sent, and whoever waits to send it
//!         }
//!     }
//!     mouth.await.unwrap();
//!     Ok(())
//! }
//! ```
//!
//! [`SimplePeer`] is the telephone; [`UnifiedCoordinator`] gives full control: a [`SignalingHandler`] that decides
//! about calls before they exist, all [`Events`], the registry. Everything here works the same in `offhook-smol`: what
//! a handle does is written once, in [`offhook_core::peer`], and this crate brings the tokio part of it ([`Tokio`]).
//!
//! Every future may be dropped at any await: no call, no audio and no message is lost by that, except that dropping
//! the future of an outgoing call cancels the call.

mod loop_thread;
mod runtime;
mod socket;

pub use offhook_common::raise_descriptor_limit;
#[cfg(feature = "trace")]
pub use offhook_common::record_to_file;
pub use offhook_core::peer::prelude::*;
pub use runtime::Tokio;

/// The samples of the README are compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// A telephone on tokio. See [`offhook_core::peer::SimplePeer`].
pub type SimplePeer = offhook_core::peer::SimplePeer<Tokio>;
/// A [`SimplePeer`] that is not started yet. See [`offhook_core::peer::PeerBuilder`].
pub type PeerBuilder = offhook_core::peer::PeerBuilder<Tokio>;
/// A running coordinator on tokio. See [`offhook_core::peer::UnifiedCoordinator`].
pub type UnifiedCoordinator = offhook_core::peer::UnifiedCoordinator<Tokio>;
