#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod attacks;
mod audit;
mod calls;
mod challenges;
mod challenges_within;
mod closing;
mod early;
mod late;
mod media;
mod net;
mod networks;
mod offers;
mod overload;
mod peer;
mod referrals;
mod registrations;
mod rows;
mod shares;
mod strangers;
mod subscriptions;
mod transfers;
mod unanswered;
mod walks;
