#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod attacks;
mod audit;
mod calls;
mod net;
mod offers;
mod peer;
mod rows;
mod walks;
