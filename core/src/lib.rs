//! The pure core of Offhook: SIP calls as a state machine, without sockets, clocks, threads or ambient randomness.
//!
//! Two machines do the work. [`UnifiedCoordinator`](coordinator::UnifiedCoordinator) holds every call's signalling,
//! [`MediaShard`](media::MediaShard) the RTP of many calls. They share nothing and exchange values: the coordinator
//! puts out [`MediaCommand`](media::MediaCommand)s, the shard [`MediaEvent`](media::MediaEvent)s. Whoever drives them
//! brings datagrams, the time and a seed, and carries out what comes out; the same inputs give the same outputs,
//! byte for byte.
//!
//! # The way of a datagram
//!
//! [`wire`] makes a checked view of it. The [`transaction`] layer absorbs what is a repeat. A request within a dialog
//! finds its session in the [`registry`]; an INVITE for no session meets the
//! [`SignalingInterceptor`](signaling::SignalingInterceptor), which asks a
//! [`SignalingHandler`](signaling::SignalingHandler), and only what it admits becomes a session. Then the table-driven
//! [`StateMachine`](session::StateMachine) says what to do, and the adapters do it: SIP goes out, media plans go to
//! the shard, the application is told.
//!
//! # Driving it
//!
//! ```
//! use core::time::Duration;
//! use offhook_core::base::time::Instant;
//! use offhook_core::coordinator::{CoordinatorConfig, Event, Output, UnifiedCoordinator};
//! use offhook_core::media::MediaPort;
//! use offhook_core::wire::Path;
//!
//! let mut now = Instant::ZERO;
//! let path = Path::udp("192.0.2.1:5060".parse()?, "192.0.2.2:5060".parse()?);
//! let mut config = CoordinatorConfig::default();
//! // A stranger is sent six times at most what it sent, and this INVITE is short.
//! config.trusted_sources.push(path.remote.ip().into());
//! let mut phone = UnifiedCoordinator::new(config, [7; 32], now);
//! let invite = "INVITE sip:alice@192.0.2.1 SIP/2.0\r\n\
//!     Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
//!     From: <sip:bob@192.0.2.2>;tag=b\r\nTo: <sip:alice@192.0.2.1>\r\n\
//!     Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@192.0.2.2>\r\nContent-Length: 0\r\n\r\n";
//!
//! let mut sent = Vec::new();
//! let mut inputs = vec![invite];
//! loop {
//!     // Everything that came out is carried out before the next input.
//!     while let Some(output) = phone.poll_output() {
//!         match output {
//!             Output::Send(transmit) => sent.push(transmit.payload),
//!             Output::NeedMediaPorts(count) => {
//!                 for key in 0..count as u32 {
//!                     let rtp = 16_384 + 2 * key as u16;
//!                     phone.add_media_port(MediaPort { key, rtp, rtcp: rtp + 1 });
//!                 }
//!             }
//!             Output::Event(Event::Incoming { session, .. }) => phone.answer(now, session)?,
//!             _ => {}
//!         }
//!     }
//!     match inputs.pop() {
//!         Some(datagram) => phone.handle_datagram(now, path, datagram.as_bytes()),
//!         None => break,
//!     }
//! }
//! assert!(sent[0].starts_with(b"SIP/2.0 180 "));
//! assert!(sent[1].starts_with(b"SIP/2.0 200 "));
//!
//! // Nobody acknowledges: half a second later the 200 is due again.
//! assert_eq!(phone.poll_timeout(), Some(now + Duration::from_millis(500)));
//! now = now + Duration::from_millis(500);
//! phone.handle_timeout(now);
//! assert!(matches!(phone.poll_output(), Some(Output::Send(again)) if again.payload == sent[1]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(any(test, feature = "peer")), no_std)]

extern crate alloc;

mod adapter;
pub mod api;
mod auth;
pub mod base;
pub mod coordinator;
pub mod dialog;
#[cfg(feature = "trace")]
pub mod ladder;
pub mod media;
#[cfg(feature = "peer")]
pub mod peer;
pub mod registration;
pub mod registry;
pub mod sdp;
pub mod session;
pub mod signaling;
#[cfg(feature = "sim")]
pub mod sim;
pub mod subscription;
#[cfg(feature = "trace")]
pub mod trace;
pub mod transaction;
pub mod wire;
