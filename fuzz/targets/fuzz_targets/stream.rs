//! Hands octets to the target `stream` of `offhook-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| offhook_fuzz::run("stream", octets));
