//! Offhook on smol: telephone calls over SIP and RTP, with sockets, clock and tasks from smol. A program of async-std
//! uses this crate as it is: both stand on the same reactor.
//!
//! Call somebody and play a tone:
//!
//! ```
//! use offhook_smol::{AudioFrame, SimplePeer};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//! #       let bob = SimplePeer::builder("bob").bind("127.0.0.1:15070".parse()?).auto_answer(true).start().await?;
//!         let alice = SimplePeer::new("alice", 0).await?;
//!         let call = alice.call("sip:bob@127.0.0.1:15070").await?;
//!         call.send_audio(AudioFrame::tone(440, 1000)).await?;
//!         call.flush_audio().await;
//!         call.hangup().await?;
//! #       assert!(call.stats().sent_packets >= 50);
//! #       bob.shutdown().await;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! Answer a call and record it:
//!
//! ```
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!   smol::block_on(async {
//! #   let folder = std::env::temp_dir().join("offhook-smol-doc");
//! #   std::fs::create_dir_all(&folder)?;
//! #   std::env::set_current_dir(folder)?;
//!     let bob = offhook_smol::SimplePeer::new("bob", 15072).await?;
//! #   smol::spawn(async {
//! #       let alice = offhook_smol::SimplePeer::new("alice", 0).await.unwrap();
//! #       let call = alice.call("bob@127.0.0.1:15072").await.unwrap();
//! #       call.send_audio(offhook_smol::AudioFrame::tone(440, 500)).await.unwrap();
//! #       call.flush_audio().await;
//! #       alice.shutdown().await;
//! #   }).detach();
//!     let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
//!     let (call, mut wav) = (bob.get_incoming_call().await.unwrap().accept().await?, hound::WavWriter::create("heard.wav", spec)?);
//!     while let Some(frame) = call.recv_audio().await { for s in frame.samples { wav.write_sample(s)? } }
//! #   assert!(wav.duration() >= 2400, "{}", wav.duration());
//!     Ok(wav.finalize()?)
//!   })
//! }
//! ```
//!
//! [`SimplePeer`] is the telephone; [`UnifiedCoordinator`] gives full control: a [`SignalingHandler`] that decides
//! about calls before they exist, all [`Events`], the registry. Everything here works the same in `offhook-tokio`: what
//! a handle does is written once, in [`offhook_core::peer`], and this crate brings the smol part of it ([`Smol`]).
//!
//! Every future may be dropped at any await: no call, no audio and no message is lost by that, except that dropping
//! the future of an outgoing call cancels the call.

mod runtime;
mod socket;

pub use offhook_common::raise_descriptor_limit;
#[cfg(feature = "trace")]
pub use offhook_common::record_to_file;
pub use offhook_core::peer::prelude::*;
pub use runtime::Smol;

/// A telephone on smol. See [`offhook_core::peer::SimplePeer`].
pub type SimplePeer = offhook_core::peer::SimplePeer<Smol>;
/// A [`SimplePeer`] that is not started yet. See [`offhook_core::peer::PeerBuilder`].
pub type PeerBuilder = offhook_core::peer::PeerBuilder<Smol>;
/// A running coordinator on smol. See [`offhook_core::peer::UnifiedCoordinator`].
pub type UnifiedCoordinator = offhook_core::peer::UnifiedCoordinator<Smol>;
