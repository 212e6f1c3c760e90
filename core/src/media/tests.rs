#![allow(clippy::unwrap_used, reason = "tests")]

mod alive;
mod audio;
mod bounds;
mod collision;
mod figures;
mod jitter;
mod keys;
mod pair;
mod races;
mod source;
mod sources_model;
mod stalls;
