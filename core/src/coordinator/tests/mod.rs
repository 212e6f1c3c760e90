#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod attacks;
mod audit;
mod calls;
mod net;
mod offers;
mod peer;
mod referrals;
mod rows;
mod transfers;
mod walks;
