//! The pure core of Offhook.
#![cfg_attr(not(any(test, feature = "peer")), no_std)]

extern crate alloc;

pub mod base;
pub mod media;
pub mod sdp;
pub mod wire;
