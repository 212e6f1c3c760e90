#![allow(clippy::unwrap_used, reason = "tests")]

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

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

#[test]
fn every_sample_goes_to_a_nearest_code() {
    for (name, decode, compress) in [
        (
            "µ-law",
            decode_ulaw as fn(u8) -> i16,
            encode_ulaw as fn(i16) -> u8,
        ),
        (
            "A-law",
            decode_alaw as fn(u8) -> i16,
            encode_alaw as fn(i16) -> u8,
        ),
    ] {
        let table: [i16; 256] = core::array::from_fn(|code| decode(code as u8));
        for sample in i16::MIN..=i16::MAX {
            let got = i32::from(table[usize::from(compress(sample))]);
            let error = (got - i32::from(sample)).abs();
            let best = table
                .iter()
                .map(|&value| (i32::from(value) - i32::from(sample)).abs())
                .min()
                .unwrap();
            // µ-law decides on 14 bits and A-law on 13: the lowest bits of a sample cannot move a decision.
            assert!(error <= best + 8, "{name} {sample}: error {error}, best {best}");
        }
    }
}
