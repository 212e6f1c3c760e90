#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::{Frame, HeaderName, WireLimits};
use super::*;

#[test]
fn no_value_ends_its_line() {
    let mut writer = Writer::request("OPTIONS", b"sip:a@b\r\nEvil: 1");
    writer.header("Via", b"SIP/2.0/UDP h");
    writer.header_parts("X", &[b"a\r\n", b"\nVia: b", b"\rc"]);
    writer.number("Max-Forwards", 70);
    writer.raw(b"Y: z\r\n");
    let bytes = writer.finish_with("text/plain\nEvil: 2", b"\r\nbody");
    let frame = Frame::parse(&bytes, &WireLimits::default()).unwrap();
    assert!(frame.headers().map(|header| header.name_text).eq([
        &b"Via"[..],
        b"X",
        b"Max-Forwards",
        b"Y",
        b"Content-Type",
        b"Content-Length"
    ]));
    assert_eq!(frame.first(HeaderName::MaxForwards), Some(&b"70"[..]));
    assert_eq!(frame.body(), b"\r\nbody");
}

/// RFC 3261 section 21.
#[test]
fn names_and_phrases_are_complete() {
    for status in 100..700 {
        assert!(!reason_phrase(status).is_empty(), "{status}");
    }
    assert_eq!(reason_phrase(486), "Busy Here");
    assert_eq!(
        Writer::response(200, reason_phrase(200)).finish(),
        &b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"[..]
    );
    for name in [HeaderName::Via, HeaderName::CallId, HeaderName::WwwAuthenticate, HeaderName::MinSe] {
        assert_eq!(HeaderName::from_text(name.as_str().as_bytes()), name);
        assert_eq!(HeaderName::from_text(name.as_str().to_ascii_uppercase().as_bytes()), name);
    }
}
