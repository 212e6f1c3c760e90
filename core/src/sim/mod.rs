//! Simulated networks and virtual time around the real machines.
