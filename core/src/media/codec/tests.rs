#![allow(clippy::unwrap_used, reason = "tests")]

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use super::dtmf::EventPayload;

/// Character signals and decision values of ITU-T G.711 tables 1a/1b and 2a/2b, scaled to 16 bits.
#[test]
fn decoding_gives_the_values_of_the_standard() {
    for (code, value) in [
        (0x80, 32124),
        (0x8f, 16764),
        (0x9f, 8316),
        (0xaf, 4092),
        (0xbf, 1980),
        (0xcf, 924),
        (0xdf, 396),
        (0xef, 132),
        (0xfe, 8),
        (0xff, 0),
    ] {
        assert_eq!(decode_ulaw(code), value, "µ-law {code:02x}");
        assert_eq!(decode_ulaw(code & 0x7f), -value, "µ-law {:02x}", code & 0x7f);
    }
    for (code, value) in [
        (0xaa, 32256),
        (0xa5, 16896),
        (0xb5, 8448),
        (0x85, 4224),
        (0x95, 2112),
        (0xe5, 1056),
        (0xf5, 528),
        (0xc5, 264),
        (0xd5, 8),
        (0xd4, 24),
    ] {
        assert_eq!(decode_alaw(code), value, "A-law {code:02x}");
        assert_eq!(decode_alaw(code & 0x7f), -value, "A-law {:02x}", code & 0x7f);
    }
}

#[test]
fn a_decoded_code_encodes_to_itself() {
    for code in 0..=255_u8 {
        let alaw = decode_alaw(code);
        assert_eq!(encode_alaw(alaw), code, "A-law {code:02x}");
        let ulaw = decode_ulaw(code);
        // µ-law has two zeros; the positive one is used.
        let expected = if code == 0x7f { 0xff } else { code };
        assert_eq!(encode_ulaw(ulaw), expected, "µ-law {code:02x}");
    }
}

/// Decision values at the ends of the segments, ITU-T G.711 tables 1a and 2a, scaled to 16 bits.
#[test]
fn encoding_decides_where_the_standard_does() {
    let ulaw = |sample| decode_ulaw(encode_ulaw(sample));
    for edge in [31, 95, 223, 479, 991, 2015, 4063_i16].map(|edge| edge * 4) {
        assert!(ulaw(edge) > edge && ulaw(edge - 1) < edge, "µ-law at {edge}");
        assert!(ulaw(!edge) < !edge && ulaw(!(edge - 1)) > !edge, "µ-law at -{edge}");
    }
    let alaw = |sample| decode_alaw(encode_alaw(sample));
    for edge in [512, 1024, 2048, 4096, 8192, 16384] {
        assert!(alaw(edge) > edge && alaw(edge - 1) < edge, "A-law at {edge}");
        assert!(alaw(!edge) < !edge && alaw(!(edge - 1)) > !edge, "A-law at -{edge}");
    }
}

#[test]
fn louder_samples_get_louder_codes() {
    for pass in [|sample| decode_ulaw(encode_ulaw(sample)), |sample| decode_alaw(encode_alaw(sample))] {
        for sample in i16::MIN..i16::MAX {
            assert!(pass(sample) <= pass(sample + 1), "{sample}");
            let error = (i32::from(pass(sample)) - i32::from(sample)).abs();
            // Half of the widest step, and what lies beyond the loudest code.
            let allowed = i32::from(sample).abs() / 32 + 8 + (i32::from(sample).abs() - 32_600).max(0) * 4;
            assert!(error <= allowed, "{sample}: error {error}");
        }
    }
}

/// RFC 4733 section 2.5.1.5: events may share a packet. The first is read.
#[test]
fn of_several_events_in_a_packet_the_first_is_read() {
    let read = EventPayload::parse(&[5, 0x8a, 0x03, 0x20, 6, 0x0a, 0x00, 0xa0]);
    assert_eq!(read, Some(EventPayload { event: 5, end: true, duration: 800 }));
    assert_eq!(EventPayload::parse(&[5, 0x8a, 0x03]), None);
}
