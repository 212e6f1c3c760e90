//! What the fuzzers of Offhook do with octets.
//!
//! A [`Target`] takes any octets and panics when something is wrong: in the core, or in what it says of itself. The
//! fuzzer's own programs in `targets/` only hand octets over; so `cargo test` compiles all of this without a fuzzer
//! and replays the corpora in `corpus/`.
#![forbid(unsafe_code)]

mod calls;
mod coordinator;
mod frame;
mod honest;
mod media;
mod octets;
mod peer;
mod replay;
mod rtcp;
mod rtp;
mod sdp;
mod stream;

pub use coordinator::cells;

/// One thing to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its program and of its folder in `corpus/`.
    pub name: &'static str,
    /// Takes any octets.
    pub run: fn(&[u8]),
}

/// All there are.
pub const TARGETS: &[Target] = &[
    Target { name: "calls", run: calls::run },
    Target { name: "coordinator", run: coordinator::run },
    Target { name: "frame", run: frame::run },
    Target { name: "replay", run: replay::run },
    Target { name: "rtcp", run: rtcp::run },
    Target { name: "rtp", run: rtp::run },
    Target { name: "sdp", run: sdp::run },
    Target { name: "stream", run: stream::run },
];

/// Hands octets to a target. It panics when there is none of that name.
pub fn run(target: &str, octets: &[u8]) {
    let found = TARGETS.iter().find(|known| known.name == target);
    (found.expect("a program is named after its target").run)(octets);
}
