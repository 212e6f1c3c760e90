#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::vec::Vec;

use super::packet::{Compound, Item, ReportBlock, SenderInfo, write_bye, write_cname, write_report};

/// RFC 3550 sections 6, 6.4.1 and 6.6.
#[test]
fn what_is_written_is_read() {
    let info = SenderInfo { ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };
    for cumulative_lost in [0, 1, -1, 0x7f_ffff, -0x80_0000] {
        let block = ReportBlock {
            ssrc: 7,
            fraction_lost: 255,
            cumulative_lost,
            extended_highest: 1,
            jitter: 2,
            last_sender_report: 3,
            delay_since: 4,
        };
        for (sender, report) in
            [(Some(info), Some(block)), (None, Some(block)), (Some(info), None), (None, None)]
        {
            let mut out = Vec::new();
            write_report(&mut out, 5, sender, report);
            write_cname(&mut out, 5, "name");
            write_bye(&mut out, 5);
            let items: Vec<_> = Compound::parse(&out).unwrap().collect();
            let [Item::Report { ssrc: 5, sender: read, mut blocks }, Item::Other, Item::Bye(mut sources)] =
                items[..]
            else {
                panic!("{items:?}")
            };
            assert_eq!((read, blocks.next(), sources.next()), (sender, report, Some(5)));
        }
    }
}

/// RFC 3550 section 6.5.1.
#[test]
fn names_of_any_length_end_on_a_word() {
    for len in 0..300 {
        let mut out = Vec::new();
        write_cname(&mut out, 1, &"x".repeat(len));
        assert_eq!(out.len() % 4, 0);
        assert_eq!(usize::from(out[9]), len.min(255));
        assert_eq!(out.last(), Some(&0), "at least one null ends the items");
        assert!(Compound::parse(&out).is_some());
    }
}

/// RFC 3550 appendix A.2.
#[test]
fn contradictions_are_refused() {
    let bye = [0x81, 203, 0, 1, 0, 0, 0, 1];
    assert!(Compound::parse(&bye).is_some());
    for bad in [
        &[][..],
        &bye[..7],
        &[0x41, 203, 0, 1, 0, 0, 0, 1],
        &[0x81, 100, 0, 1, 0, 0, 0, 1],
        &[0x81, 203, 0, 9, 0, 0, 0, 1],
        &[0xa1, 203, 0, 1, 0, 0, 0, 0],
        &[0xa1, 203, 0, 1, 0, 0, 0, 5],
        &[0xa1, 203, 0, 1, 0, 0, 0, 4, 0x81, 203, 0, 1, 0, 0, 0, 1],
    ] {
        assert!(Compound::parse(bad).is_none(), "{bad:?}");
    }
    // More sources or blocks announced than there are: nothing is read from it.
    let items: Vec<_> = Compound::parse(&[0x9f, 203, 0, 1, 0, 0, 0, 1]).unwrap().collect();
    assert_eq!(items, [Item::Other]);
}
