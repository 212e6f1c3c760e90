//! Hands octets to the target `rtcp` of `offhook-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| offhook_fuzz::run("rtcp", octets));
