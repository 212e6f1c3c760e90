//! Alice calls Bob: two peers on real UDP sockets, real SIP, real RTP, both speak, both are recorded.
//!
//! ```text
//! cargo run --example peer_audio
//! cargo run --example peer_audio -- --out DIR --alice FILE.wav --bob FILE.wav --seconds 10
//! ```
//!
//! Each side plays its own voice (synthesised, or your WAV file) and saves what it hears. The program prints the
//! ladder of the call, the RTP figures and a verdict for each direction, and leaves `alice_said.wav`,
//! `bob_said.wav`, `alice_heard.wav` and `bob_heard.wav` in `target/peer_audio`. It exits with success only if
//! each side heard the whole of what the other side said.

#[path = "support/conversation.rs"]
mod conversation;

use std::process::ExitCode;

use offhook_tokio::Tokio;

#[tokio::main]
async fn main() -> ExitCode {
    conversation::main::<Tokio>("peer_audio").await
}
