//! Transactions: RFC 3261 section 17 with the corrections of RFC 6026.
//!
//! [`TransactionLayer`] repeats what the network loses, absorbs what it doubles, sends the ACK of failure
//! responses and the 100 of slow users, and tells its user what is new. What each machine does is data
//! ([`table`]); how long it waits is in [`timing`]; how a message finds its transaction is in [`key`].
//!
//! A response finds its client transaction by the branch, which names the slot; a request finds its server
//! transaction by a keyed hash of what RFC 3261 section 17.2.3 compares. The two never share a map, so that a
//! call to oneself, where both have the same branch, works.

#[cfg(any(test, feature = "sim"))]
mod audit;
mod budget;
mod client;
mod copy;
mod entry;
pub mod key;
mod layer;
mod reach;
mod server;
pub mod table;
mod tally;
pub mod timing;

#[cfg(test)]
mod tests;

pub use budget::{Causer, Room, Shortage};
pub use client::{ClientEvent, ClientEventKind};
pub use key::Branch;
pub use layer::{TransactionCounters, TransactionId, TransactionLayer, TxEvent};
pub use server::{Arrival, Received, Reply};
pub use timing::{Timer, Timing};
