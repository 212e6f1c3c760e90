#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod calls;
mod net;
mod peer;
mod rows;
