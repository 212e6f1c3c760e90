//! Record and replay: every input of a coordinator in a compact file, and the same run again, offline.
//!
//! A [`Recorder`] goes into the coordinator when it is made
//! ([`UnifiedCoordinator::with_recorder`](crate::coordinator::UnifiedCoordinator::with_recorder)) and writes the seed,
//! the settings, every input, every decision of the handler and every output, in order. [`Trace::parse`] reads that
//! back, and [`replay`] feeds it to a fresh coordinator, compares what comes out octet for octet, and draws the
//! [`Ladder`](crate::ladder::Ladder).
//!
//! ```
//! use offhook_core::base::time::Instant;
//! use offhook_core::coordinator::{CoordinatorConfig, UnifiedCoordinator};
//! use offhook_core::signaling::DefaultSignalingHandler;
//! use offhook_core::trace::{Recorder, Trace, replay};
//! use std::sync::{Arc, Mutex};
//!
//! let file = Arc::new(Mutex::new(Vec::new()));
//! let sink = Arc::clone(&file);
//! let recorder = Recorder::new(move |octets: &[u8]| {
//!     sink.lock().unwrap().extend_from_slice(octets);
//!     Ok(())
//! });
//! let (config, handler) = (CoordinatorConfig::default(), Box::new(DefaultSignalingHandler));
//! let mut phone = UnifiedCoordinator::with_recorder(config, handler, [7; 32], Instant::ZERO, recorder);
//! while phone.poll_output().is_some() {}
//! phone.media_ports_exhausted();
//!
//! let file = file.lock().unwrap();
//! let replayed = replay(&Trace::parse(&file)?)?;
//! assert!(replayed.is_identical());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The file
//!
//! Eight octets of magic, one of version, then records: a length (a varint), that many octets, and a checksum of four
//! octets. The checksum is a CRC-32 over the whole file up to there, other checksums left out, so a record can be neither changed nor taken out
//! nor moved. Numbers are varints (LEB128), moments are differences to the moment before. A record is written when
//! its input comes, before the coordinator acts on it: what is lost in a crash is at most what came of the last input.
//! A file that is cut anywhere is read up to its last whole record.
//!
//! A trace holds the seed, and with it every tag and branch that the recorded coordinator will ever make: keep it from
//! strangers while that coordinator runs. [`Redaction`] says what else can be left out.
//!
//! Outputs other than messages are kept as text. That is enough to compare them and to read what was expected, and
//! it means that a trace can be compared only by a build that tells the same things in the same words.

mod asked;
mod command;
mod config;
mod pack;
mod read;
mod record;
mod recorder;
mod redact;
mod replay;
mod settings;
#[cfg(test)]
mod tests;

pub use asked::{Asked, Fields};
pub use command::Command;
pub use read::{Place, Records, Trace, TraceError, TraceFault};
pub use record::{Decided, Record};
pub use recorder::{Recorder, RecordingState, RecordingStats, Sink, SinkError};
pub use redact::Redaction;
pub use replay::{Divergence, Replay, ReplayError, replay, replay_with_table};

/// How every trace begins.
const MAGIC: [u8; 8] = *b"\x89OFFHOOK";
/// The version that this build writes, and the newest that it reads.
const VERSION: u8 = 2;
/// The octets before the first record.
const HEADER_LEN: usize = MAGIC.len() + 1;
/// Octets of a checksum.
const CHECK_LEN: usize = 4;
/// The longest record: a datagram of the largest size with room to spare. A longer one is impossible.
const RECORD_MAX: usize = 1 << 20;
