#![allow(clippy::unwrap_used, reason = "tests")]

mod alive;
mod audio;
mod bounds;
mod collision;
mod figures;
mod idle;
mod jitter;
mod keys;
mod live;
mod pair;
mod proof;
mod races;
mod source;
mod sources_model;
mod stalls;
