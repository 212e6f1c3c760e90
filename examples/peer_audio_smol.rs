//! The call of `peer_audio` in a program of smol: the same names, the same behaviour, no tokio.
//!
//! ```text
//! cargo run --example peer_audio_smol
//! ```

#[path = "support/conversation.rs"]
mod conversation;

use std::process::ExitCode;

use offhook_smol::Smol;

fn main() -> ExitCode {
    smol::block_on(conversation::main::<Smol>("peer_audio_smol"))
}
