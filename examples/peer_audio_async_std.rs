//! The call of `peer_audio` in a program of async-std. It uses the smol runtime as it is: both stand on one reactor.
//!
//! Async-std is no longer maintained; this shows the way in for programs that are still on it.
//!
//! ```text
//! cargo run --example peer_audio_async_std
//! ```

#[path = "support/conversation.rs"]
mod conversation;

use std::process::ExitCode;

use offhook_smol::Smol;

fn main() -> ExitCode {
    // As any task of such a program would do it.
    async_std::task::block_on(async_std::task::spawn(conversation::main::<Smol>("peer_audio_async_std")))
}
