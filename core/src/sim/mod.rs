//! Simulated networks and virtual time around the real machines.

pub mod check;
