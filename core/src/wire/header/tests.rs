#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::vec::Vec;

use super::*;

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
        "a,b <sip:a@b>",
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
