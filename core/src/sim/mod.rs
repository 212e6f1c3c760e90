//! Simulation: whole telephones on a network that loses, repeats, delays and translates, in virtual time.
//!
//! A [`World`] has hosts, links between them, and a clock that jumps to whatever happens next. What runs on its hosts
//! are the real handles, drivers and machines; only sockets, timers and randomness are the world's ([`SimHost`] is one
//! more [`Runtime`](crate::peer::Runtime)). One `u64` fixes everything: the same seed gives the same octets on the
//! wire, on any machine. A minute of telephony takes a moment, so a program that uses Offhook can be tested against
//! loss and disorder by the thousand.
//!
//! [`worlds`] visits every order of a short script, [`model`] checks random ones against a reference, and [`check`]
//! knows what may go over the wire.
//!
//! ```
//! use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use offhook_core::peer::{AudioFrame, PeerError, Runtime, SignalingDecision, SignalingHandler, UnifiedCoordinator};
//! use offhook_core::signaling::InviteDetails;
//! use offhook_core::sim::net::{Chance, Link};
//! use offhook_core::sim::{SimHost, World};
//!
//! /// One of two agents, who is free again when this is dropped: wherever the call ends, and whoever drops it.
//! struct Agent(Arc<AtomicUsize>);
//!
//! impl Agent {
//!     fn free_one(busy: &Arc<AtomicUsize>) -> Option<Self> {
//!         let taken = busy.fetch_update(SeqCst, SeqCst, |busy| (busy < 2).then_some(busy + 1));
//!         taken.ok().map(|_| Self(Arc::clone(busy)))
//!     }
//! }
//!
//! impl Drop for Agent {
//!     fn drop(&mut self) {
//!         self.0.fetch_sub(1, SeqCst);
//!     }
//! }
//!
//! /// What is to be tested: whoever calls when both agents are busy waits up to half a minute for one.
//! struct Queue {
//!     host: SimHost,
//!     busy: Arc<AtomicUsize>,
//! }
//!
//! impl SignalingHandler for Queue {
//!     async fn on_incoming_invite(&self, _: InviteDetails) -> SignalingDecision {
//!         for _ in 0..30 {
//!             if let Some(agent) = Agent::free_one(&self.busy) {
//!                 let host = self.host.clone();
//!                 // The agent goes with the decision: if the caller gives up before it is carried out, both are dropped.
//!                 return SignalingDecision::custom(move |incoming| {
//!                     host.clone().spawn(async move {
//!                         if let Ok(call) = incoming.accept().await {
//!                             call.send_audio(AudioFrame::tone(440, 1000)).await.ok();
//!                             host.sleep(Duration::from_secs(20)).await;
//!                         } // the call is dropped: the agent hangs up
//!                         drop(agent);
//!                     });
//!                 });
//!             }
//!             self.host.sleep(Duration::from_secs(1)).await;
//!         }
//!         SignalingDecision::Reject(480)
//!     }
//! }
//!
//! let world = World::new(42);
//! world.network(|net| net.set_default_link(Link::default().loss(Chance::percent(10))));
//! let (host, busy) = (world.host([10, 0, 0, 1]), Arc::new(AtomicUsize::new(0)));
//! let queue = Queue { host: host.clone(), busy: Arc::clone(&busy) };
//! let desk = UnifiedCoordinator::with_handler_on(host.clone(), host.config("desk"), queue)?;
//!
//! // Five people call at once, each from a telephone of their own.
//! let told = Arc::new(Mutex::new(Vec::new()));
//! for caller in 1..=5 {
//!     let (host, told) = (world.host([10, 0, 1, caller]), Arc::clone(&told));
//!     host.clone().spawn(async move {
//!         let caller = host.peer("caller").start().await.unwrap();
//!         let outcome = match caller.call("sip:desk@10.0.0.1").await {
//!             Ok(call) => {
//!                 let mut loud = 0;
//!                 while let Some(frame) = call.recv_audio().await {
//!                     loud += usize::from(frame.samples.iter().any(|sample| *sample > 1000));
//!                 }
//!                 assert!(loud >= 40, "of 50 frames, 10 % lost and made up for, {loud} were heard");
//!                 "answered"
//!             }
//!             Err(PeerError::Rejected { status: 480, .. }) => "not in time",
//!             Err(error) => panic!("{error}"),
//!         };
//!         told.lock().unwrap().push(outcome);
//!     });
//! }
//! world.run(world.sleep(Duration::from_secs(120)))?;
//! assert_eq!(*told.lock().unwrap(), ["answered", "answered", "not in time", "answered", "answered"]);
//! assert_eq!(busy.load(SeqCst), 0, "nobody is busy with a call that is over");
//! drop(desk);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod byes;
pub mod calls;
pub mod check;
pub mod model;
pub mod net;
mod world;
pub mod worlds;

pub use world::{Sent, SimHost, SimPeer, SimSocket, SimTask, SimTimer, World, WorldError};

use crate::base::rng::Rng;

/// The generator that belongs to a seed.
fn rng(seed: u64) -> Rng {
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *place = byte;
    }
    Rng::secret(bytes)
}
