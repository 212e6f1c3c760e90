//! A hostile trace.

use offhook_core::trace::{Trace, replay};

use crate::octets::Octets;

/// What a trace of the first version begins with.
const BEGINNING: &[u8] = b"\x89OFFHOOK\x01";

/// With an even first octet the rest is a file as it is. Else it is a list of records, each with two octets for its
/// length, and lengths and checksums are put right: no fuzzer would find them.
pub(crate) fn run(octets: &[u8]) {
    let mut octets = Octets(octets);
    if octets.byte() & 1 == 0 {
        return read(octets.0);
    }
    let mut file = Vec::with_capacity(2 * octets.0.len());
    file.extend_from_slice(BEGINNING);
    let mut checksum = crc32(0, &file);
    while !octets.is_empty() {
        let len = usize::from(octets.word());
        let body = octets.take(len);
        let start = file.len();
        let mut prefix = body.len();
        while prefix >= 0x80 {
            file.push(prefix as u8 | 0x80);
            prefix >>= 7;
        }
        file.push(prefix as u8);
        file.extend_from_slice(body);
        checksum = crc32(checksum, &file[start..]);
        file.extend_from_slice(&checksum.to_le_bytes());
    }
    read(&file);
}

/// CRC-32 as in zip, going on from `crc`.
fn crc32(crc: u32, octets: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    !octets.iter().fold(!crc, |crc, &octet| (0..8).fold(crc ^ u32::from(octet), |crc, _| step(crc)))
}

fn read(file: &[u8]) {
    let trace = match Trace::parse(file) {
        Ok(trace) => trace,
        Err(error) => {
            assert!(error.offset <= file.len());
            return assert!(!error.to_string().is_empty());
        }
    };
    let mut last = 0;
    for record in trace.records() {
        match record {
            Ok((place, _)) => {
                assert!(place.number == 0 || place.offset > last);
                last = place.offset;
            }
            Err(error) => assert!(error.offset <= file.len() && !error.to_string().is_empty()),
        }
    }
    match replay(&trace) {
        Ok(replayed) => {
            let ladder = replayed.ladder;
            assert!(!ladder.to_text().contains('\u{1b}'), "what is printed moves no cursor");
            assert!(!ladder.to_html().contains("<img"), "what peers wrote is shown as text");
            drop(replayed.divergence.map(|divergence| divergence.to_string()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
