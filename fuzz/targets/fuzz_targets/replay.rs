//! Hands octets to the target `replay` of `offhook-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| offhook_fuzz::run("replay", octets));
