#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::vec::Vec;

use super::header::{RtpHeader, is_rtcp};
use super::sequence::{Order, Sequence};

const HEADER: [u8; 12] = [0x80, 0x80 | 101, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = HEADER.to_vec();
    packet[0] = first;
    packet.extend_from_slice(rest);
    packet
}

#[test]
fn a_header_is_read_and_written() {
    let bytes = packet(0x80, b"abc");
    let (header, payload) = RtpHeader::parse(&bytes).unwrap();
    let expected = RtpHeader {
        marker: true,
        payload_type: 101,
        sequence: 0x0102,
        timestamp: 0x0304_0506,
        ssrc: 0x0708_090a,
    };
    assert_eq!((header, payload), (expected, &b"abc"[..]));
    let mut out = Vec::new();
    header.write(&mut out);
    assert_eq!(out, HEADER);
}

/// RFC 3550 sections 5.1 and 5.3.1.
#[test]
fn csrcs_extension_and_padding_are_taken_off() {
    let mut rest = [0; 8].to_vec(); // two CSRCs
    rest.extend_from_slice(&[0xbe, 0xde, 0, 1, 9, 9, 9, 9]); // one word of extension
    rest.extend_from_slice(b"abc");
    rest.extend_from_slice(&[0, 0, 3]); // three octets of padding
    assert_eq!(RtpHeader::parse(&packet(0xb2, &rest)).unwrap().1, b"abc");
}

#[test]
fn contradictions_are_refused() {
    for (first, rest) in [
        (0x40, &b"abc"[..]),
        (0xa0, &[]),
        (0xa0, &[1, 2, 0]),
        (0xa0, &[1, 2, 4]),
        (0x81, &[1, 2, 3]),
        (0x90, &[0, 0, 0]),
        (0x90, &[0, 0, 0, 1, 2, 3]),
        (0x90, &[0, 0, 0xff, 0xff, 2, 3]),
    ] {
        assert_eq!(RtpHeader::parse(&packet(first, rest)), None, "{first:x} {rest:?}");
    }
    assert_eq!(RtpHeader::parse(&HEADER[..11]), None);
}

/// RFC 5761 section 4.
#[test]
fn rtcp_is_told_from_rtp() {
    assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x80, 207]));
    assert!(!is_rtcp(&[0x80, 0]) && !is_rtcp(&[0x80, 0x80 | 101]) && !is_rtcp(&[0x80]));
}

#[test]
fn sequence_numbers_are_counted_across_the_wrap() {
    let mut sequence = Sequence::new(65_534);
    for (number, order) in [
        (65_535, Order::Newest),
        (1, Order::Newest),
        (0, Order::Reordered),
        (0, Order::Duplicate),
        (65_533, Order::Reordered),
        (4, Order::Newest),
        (4, Order::Duplicate),
        (5_000, Order::Jump),
        (65_000, Order::Jump),
    ] {
        assert_eq!(sequence.observe(number), order, "{number}");
    }
    assert_eq!((sequence.expected(), sequence.lost()), (8, 2));
    assert_eq!(sequence.cumulative_lost(), 0, "duplicates count as received");
    assert_eq!(sequence.extended_highest(), 65_536 + 4);
}

/// RFC 3550 appendix A.3.
#[test]
fn loss_is_told_per_interval() {
    let mut sequence = Sequence::new(0);
    (1..100).for_each(|n| {
        sequence.observe(n);
    });
    assert_eq!(sequence.take_fraction_lost(), 0);
    (100..200).filter(|n| n % 4 != 0).for_each(|n| {
        sequence.observe(n);
    });
    assert_eq!(sequence.take_fraction_lost(), 64, "a quarter of 256");
    assert_eq!(sequence.take_fraction_lost(), 0);
    assert_eq!(sequence.lost(), 25);
}
