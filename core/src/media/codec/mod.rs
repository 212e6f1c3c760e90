//! Samples ↔ payload octets.
//!
//! The mathematics of G.711 is `audio-codec-algorithms`: `no_std`, no dependency, no unsafe code, no panic.
//! Of the other crates looked at, one needs an async runtime to build, and one puts A-law samples near the
//! edges of an interval into the wrong one, so that a second encoding changes the signal. The tests hold
//! the one chosen to the values of ITU-T G.711.

use alloc::vec::Vec;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use crate::sdp::plan::Codec;

pub(crate) mod dtmf;

#[cfg(test)]
mod tests;

/// Appends the payload for `samples`.
pub(crate) fn encode(codec: Codec, samples: impl Iterator<Item = i16>, out: &mut Vec<u8>) {
    match codec {
        Codec::Pcmu => out.extend(samples.map(encode_ulaw)),
        Codec::Pcma => out.extend(samples.map(encode_alaw)),
    }
}

/// What turns one octet of a payload into its sample.
pub(crate) fn decoder(codec: Codec) -> fn(u8) -> i16 {
    match codec {
        Codec::Pcmu => |octet| decode_ulaw(octet),
        Codec::Pcma => |octet| decode_alaw(octet),
    }
}
