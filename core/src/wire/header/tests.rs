#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::format;
use alloc::vec::Vec;

use super::*;

/// RFC 3261 section 20.42.
#[test]
fn via_forms() {
    let via = Via::parse(b" SIP / 2.0 / UDP  [2001:db8::1] : 5062 ; branch = z9hG4bKx ;rport; ttl=1;maddr=h")
        .unwrap();
    assert_eq!((via.transport_text, via.host, via.port), (&b"UDP"[..], &b"[2001:db8::1]"[..], Some(5062)));
    assert_eq!(via.branch, Some(&b"z9hG4bKx"[..]));
    assert_eq!((via.rport, via.received, via.maddr), (Some(None), None, Some(&b"h"[..])));
    assert_eq!(via.param("TTL"), Some(Some(&b"1"[..])));
    let via = Via::parse(b"sip/2.0/udp h;received=2001:db8::1;rport=9").unwrap();
    assert_eq!((via.rport, via.received, via.branch), (Some(Some(9)), Some(&b"2001:db8::1"[..]), None));
    let broken = [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 UDP h",
        "SIP/2.0/UDPh",
        "HTTP/1.1/TCP h",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;;a",
        "SIP/2.0/UDP h;a=",
        "SIP/2.0/UDP h;a=\"b",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP ::1",
        "SIP/2.0/UDP h k;a",
    ];
    for text in broken {
        assert_eq!(Via::parse(text.as_bytes()), None, "{text}");
    }
}

/// RFC 3261 sections 20.10 and 25.1.
#[test]
fn name_addr_forms() {
    let read = |text: &'static str| {
        NameAddr::parse(text.as_bytes()).map(|found| (found.display, found.uri, found.tag()))
    };
    let uri = &b"sip:a@b"[..];
    let tag = Some(&b"1"[..]);
    assert_eq!(read("sip:a@b"), Some((None, uri, None)));
    assert_eq!(read("sip:a@b;tag=1"), Some((None, uri, tag)));
    assert_eq!(read("<sip:a@b>;x;TAG = 1"), Some((None, uri, tag)));
    assert_eq!(read("A. Bell<sip:a@b>\r\n ;tag=1"), Some((Some(&b"A. Bell"[..]), uri, tag)));
    assert_eq!(read("\"<,;>\\\"\" <sip:a@b>;tag=1"), Some((Some(&b"\"<,;>\\\"\""[..]), uri, tag)));
    assert_eq!(read("Jos\u{e9} <sip:a@b>;tag=1"), Some((Some("Jos\u{e9}".as_bytes()), uri, tag)));
    assert_eq!(read("<tel:+1;phone-context=x>;tag=1"), Some((None, &b"tel:+1;phone-context=x"[..], tag)));
    let broken = [
        "",
        "*",
        "a@b",
        "<a@b>",
        "<>",
        "< sip:a@b>",
        "<sip:a@b >",
        "<sip:a@b",
        "\"x <sip:a@b>",
        "\"x\" y <sip:a@b>",
        "x\" <sip:a@b>",
        "<sip:a@b> junk",
        "<sip:a@b>;",
        "<sip:a@b>;;tag=1",
        "sip:a@b?x=y",
        "sip:a b@c",
    ];
    for text in broken {
        assert_eq!(NameAddr::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn values_split_at_top_level_commas_only() {
    let split = |text: &'static str| split_values(text.as_bytes()).collect::<Vec<_>>();
    assert_eq!(split("a , b,,\r\n c,"), [&b"a"[..], b"b", b"c"]);
    assert_eq!(split("\"a,\\\",b\" <x,y>;q=\"1,2\",z"), [&b"\"a,\\\",b\" <x,y>;q=\"1,2\""[..], b"z"]);
    assert_eq!(split("<a\"b>,c"), [&b"<a\"b>"[..], b"c"], "a quote means nothing inside <>");
    assert_eq!(split("\"open,a"), [&b"\"open,a"[..]]);
    assert!(split(" , ,").is_empty());
}

/// What people write without the quotes that it needs (RFC 4475 section 3.1.2.15).
#[test]
fn names_without_their_quotes_are_read_and_written_with_them() {
    for (display, written) in [
        ("Bell, Alexander", "Bell, Alexander"),
        ("R & D (2nd floor)", "R & D (2nd floor)"),
        ("Smith; John", "Smith; John"),
        ("Room: 5/7 @ home = [x] {y}?", "Room: 5/7 @ home = [x] {y}?"),
        ("John \"Jack\" Smith", "John \\\"Jack\\\" Smith"),
        ("back\\slash", "back\\\\slash"),
        ("Jos\u{e9}", "Jos\u{e9}"),
        ("a,\r\n\tb", "a, b"),
        ("1000@h", "1000@h"),
    ] {
        let text = format!("{display} <sip:a@b;x=1>;tag=1");
        let addr = NameAddr::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (addr.display, addr.uri, addr.tag()),
            (Some(display.as_bytes()), &b"sip:a@b;x=1"[..], Some(&b"1"[..]))
        );
        let quoted = addr.quoted_display().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(quoted, format!("\"{written}\"").into_bytes(), "{text}");
        assert_eq!(quoted_end(&quoted), Some(quoted.len()), "one quoted-string and nothing more");
    }
    for text in ["<sip:a@b>", "A. Bell <sip:a@b>", "\"a,b\" <sip:a@b>", "sip:a@b;x=1", "sip:a@b;x=\"<\""] {
        assert_eq!(NameAddr::parse(text.as_bytes()).expect(text).quoted_display(), None, "{text}");
    }
    for text in [
        "a,b",
        "a\0,b <sip:a@b>",
        "a>b <sip:a@b>",
        "a \"<sip:x@y>\" b <sip:a@b>",
        "a \" b <sip:a@b>",
        "a, <sip:a@b> , <sip:c@d>",
        "x;y",
    ] {
        assert_eq!(NameAddr::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn a_comma_in_a_name_without_quotes_parts_no_addresses() {
    let split = |text: &'static str| split_addresses(text.as_bytes()).collect::<Vec<_>>();
    assert_eq!(
        split("Bell, A. <sip:a@b>;q=1, sip:c@d , , e@f,"),
        [&b"Bell, A. <sip:a@b>;q=1"[..], b"sip:c@d", b"e@f"]
    );
    assert_eq!(split("*"), [b"*"]);
    assert_eq!(split("a,b,c"), [b"a", b"b", b"c"]);
    assert_eq!(
        split("<sip:a@b>,Bell,,B,\"x,y\" <sip:c@d>"),
        [&b"<sip:a@b>"[..], b"Bell,,B,\"x,y\" <sip:c@d>"]
    );
    assert_eq!(split("\"a,b\" <sip:a@b>,sip:c@d"), [&b"\"a,b\" <sip:a@b>"[..], b"sip:c@d"]);
}
