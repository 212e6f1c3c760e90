//! Bytes to messages and back; no state.

pub mod path;
