//! Audio from end to end.

use alloc::vec::Vec;
use core::time::Duration;

use audio_codec_algorithms::{decode_ulaw, encode_ulaw};

use super::pair::{Pair, speech};

fn through_pcmu(samples: &[i16]) -> Vec<i16> {
    samples
        .iter()
        .map(|&sample| decode_ulaw(encode_ulaw(sample)))
        .collect()
}

/// Where `needle` begins in `hay`.
fn position(hay: &[i16], needle: &[i16]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}

#[test]
fn a_perfect_link_is_sample_exact() {
    let mut pair = Pair::perfect();
    let audio = speech(1, 8000 * 10);
    pair.peers[0].to_send = audio.clone();
    pair.run(Duration::from_secs(11));
    let heard = &pair.peers[1].heard;
    assert!(position(heard, &through_pcmu(&audio)).is_some(), "not contiguous");
    let report = pair.report(1);
    assert_eq!(
        (
            report.lost,
            report.late,
            report.concealed_frames,
            report.skipped_frames
        ),
        (0, 0, 0, 0)
    );
    assert!(report.received_packets > 540);
}
