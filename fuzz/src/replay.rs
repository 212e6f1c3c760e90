//! Files that claim to be recordings.

use offhook_core::trace::{Trace, replay as play};

/// Octets before the first record.
const HEADER_LEN: usize = 9;

/// Any file is read and replayed as far as it goes: as it is, and with its checksums made right.
pub fn replay(bytes: &[u8]) {
    run(bytes);
    run(&sealed(bytes));
}

fn run(bytes: &[u8]) {
    if let Ok(trace) = Trace::parse(bytes) {
        let wrong = trace.records().filter(Result::is_err).count();
        assert!(wrong <= 1, "reading ends with the first error");
        if let Ok(replay) = play(&trace) {
            drop((replay.ladder.to_text(), replay.ladder.to_html()));
        }
    }
}

/// The same file, as if its writer had meant it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut crc = crc32(0, bytes.get(..HEADER_LEN).unwrap_or_default());
    let mut at = HEADER_LEN;
    while let Some((len, prefix)) = varint(out.get(at..).unwrap_or_default()) {
        let end = at + prefix + len;
        let Some(framed) = out.get(at..end) else { break };
        crc = crc32(crc, framed);
        let Some(check) = out.get_mut(end..end + 4) else { break };
        check.copy_from_slice(&crc.to_le_bytes());
        at = end + 4;
    }
    out
}

fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
