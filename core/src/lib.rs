//! The pure core of Offhook.
#![cfg_attr(not(any(test, feature = "peer")), no_std)]

extern crate alloc;

mod adapter;
pub mod api;
pub mod base;
pub mod coordinator;
pub mod dialog;
pub mod media;
#[cfg(feature = "peer")]
pub mod peer;
pub mod registry;
pub mod sdp;
pub mod session;
pub mod signaling;
pub mod transaction;
pub mod wire;
