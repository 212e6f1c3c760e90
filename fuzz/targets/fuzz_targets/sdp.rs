//! Hands octets to the target `sdp` of `offhook-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| offhook_fuzz::run("sdp", octets));
