//! Hands octets to the target `rtp` of `offhook-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| offhook_fuzz::run("rtp", octets));
