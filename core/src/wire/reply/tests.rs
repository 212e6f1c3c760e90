#![allow(clippy::unwrap_used, reason = "tests")]

use core::net::SocketAddr;

use super::super::{Frame, HeaderName, Path, WireLimits};
use super::*;
use alloc::vec::Vec;

const INVITE: &[u8] = b"INVITE sip:bob@[2001:db8::1]:5070 SIP/2.0\r\n\
    Via: SIP/2.0/UDP [2001:db8::9]:5071;rport;received=1.2.3.4;branch=z9hG4bKa, SIP/2.0/TCP x.example;branch=z9hG4bKb\r\n\
    v: SIP/2.0/UDP 192.0.2.1\r\n\
    Max-Forwards: 70\r\n\
    f: Alice\r\n  <sip:alice@example.com>;tag=1\r\n\
    t: <sip:bob@example.com>\r\n\
    i: a@b\r\n\
    CSeq: 1 INVITE\r\n\
    Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n\
    Contact: \"a, b\" <sip:alice@[::1]:5062;x=1,2>;q=0.5, <sip:c@d>\r\n\
    Content-Length: 4\r\n\r\nbodytrailing";

fn path() -> Path {
    let local: SocketAddr = "192.0.2.10:5060".parse().unwrap();
    Path::udp(local, "192.0.2.99:40000".parse().unwrap())
}

#[test]
fn a_response_says_where_the_request_came_from() {
    let frame = Frame::parse(INVITE, &WireLimits::default()).unwrap();
    assert_eq!(frame.fault(), None);
    assert_eq!(frame.body(), b"body");
    let facts = frame.facts().unwrap();
    assert_eq!(facts.via.host, b"[2001:db8::9]");
    assert_eq!(facts.via.port, Some(5071));
    assert_eq!(facts.via.rport, Some(None));
    let contacts: Vec<_> = frame.values(HeaderName::Contact).collect();
    assert_eq!(
        contacts,
        [&b"\"a, b\" <sip:alice@[::1]:5062;x=1,2>;q=0.5"[..], b"<sip:c@d>"]
    );
    let head = ReplyHead::new(&frame, Some(&facts), &path());
    let reply = head.respond(
        180,
        "Ringing",
        Some(b"zz"),
        true,
        &[("Contact", b"<sip:me\r\n@x>")],
        None,
    );
    let expected = "SIP/2.0 180 Ringing\r\n\
        Via: SIP/2.0/UDP [2001:db8::9]:5071;branch=z9hG4bKa;received=192.0.2.99;rport=40000, \
        SIP/2.0/TCP x.example;branch=z9hG4bKb\r\n\
        Via: SIP/2.0/UDP 192.0.2.1\r\n\
        From: Alice <sip:alice@example.com>;tag=1\r\n\
        Call-ID: a@b\r\nCSeq: 1 INVITE\r\n\
        To: <sip:bob@example.com>;tag=zz\r\n\
        Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n\
        Contact: <sip:me @x>\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(core::str::from_utf8(&reply).unwrap(), expected);
    assert_eq!(reply_path(&facts.via, &path()), path());
}
