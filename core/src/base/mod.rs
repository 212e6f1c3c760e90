//! Ground floor: time, randomness, keyed storage and timers. Knows nothing of SIP.

mod chunks;
pub mod ids;
pub mod index;
pub(crate) mod rates;
pub mod rng;
pub(crate) mod shares;
pub mod side;
pub mod slab;
pub mod sources;
pub mod time;
pub mod timers;
#[cfg(any(test, feature = "sim"))]
pub mod violation;

#[cfg(test)]
mod tests;
