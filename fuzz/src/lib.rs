//! What the fuzz targets run: each a function over any octets. A panic is a finding.
//!
//! The targets themselves are in `targets`, a package of its own that needs libFuzzer; here they are functions that
//! an ordinary `cargo test` runs over the committed corpus. CONTRIBUTING.md says how to fuzz and what to do with a
//! finding.

mod calls;
mod coordinator;
mod input;
mod media;
mod messages;
mod replay;

pub use calls::calls;
pub use coordinator::coordinator;
pub use media::{rtcp, rtp};
pub use messages::{frame, sdp, stream};
pub use replay::replay;

/// What a target runs.
pub type Body = fn(&[u8]);

/// Every target by its name, which is also that of its folder in the corpus.
pub const TARGETS: &[(&str, Body)] = &[
    ("frame", frame),
    ("stream", stream),
    ("sdp", sdp),
    ("rtp", rtp),
    ("rtcp", rtcp),
    ("coordinator", coordinator),
    ("calls", calls),
    ("replay", replay),
];
