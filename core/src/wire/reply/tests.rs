#![allow(clippy::unwrap_used, reason = "tests")]

use core::net::SocketAddr;

use super::super::{Frame, HeaderName, Path, WireLimits};
use super::*;
use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
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
    assert_eq!(contacts, [&b"\"a, b\" <sip:alice@[::1]:5062;x=1,2>;q=0.5"[..], b"<sip:c@d>"]);
    let head = ReplyHead::new(&frame, Some(&facts), &path());
    let reply = head.respond(180, "Ringing", Some(b"zz"), true, &[("Contact", b"<sip:me\r\n@x>")], None);
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

fn answer(via: &str, to: &str, tagged: bool) -> String {
    let request = alloc::format!("BYE sip:a@b SIP/2.0\r\nVia: {via}\r\nTo: {to}\r\n\r\n");
    let frame = Frame::parse(request.as_bytes(), &WireLimits::default()).unwrap();
    let head = ReplyHead::new(&frame, None, &path());
    assert_eq!(head.has_to_tag(), tagged, "{to}");
    let reply = head.respond(400, "Bad Request", Some(b"mine"), false, &[], None);
    String::from_utf8(reply.to_vec()).unwrap()
}

/// RFC 3261 section 18.2.1, RFC 3581 section 4.
#[test]
fn received_is_added_where_the_sender_is_not_who_it_says() {
    let via = |via: &str| answer(via, "<sip:a@b>", false).lines().nth(1).unwrap().trim().to_owned();
    assert_eq!(via("SIP/2.0/UDP 192.0.2.99:9;branch=x"), "Via: SIP/2.0/UDP 192.0.2.99:9;branch=x");
    assert_eq!(via("SIP/2.0/UDP 192.0.2.98"), "Via: SIP/2.0/UDP 192.0.2.98;received=192.0.2.99");
    assert_eq!(via("SIP/2.0/UDP name;received=1.1.1.1"), "Via: SIP/2.0/UDP name;received=192.0.2.99");
    assert_eq!(
        via("SIP/2.0/UDP 192.0.2.99;RPORT=1;a=\"b\""),
        "Via: SIP/2.0/UDP 192.0.2.99;a=\"b\";received=192.0.2.99;rport=40000"
    );
    assert_eq!(via("SIP/2.0/UDP ;;,"), "Via: SIP/2.0/UDP ;;,", "a broken one goes back as it came");
}

#[test]
fn a_tag_is_added_once() {
    assert!(answer("x", "<sip:a@b>", false).contains("To: <sip:a@b>;tag=mine\r\n"));
    assert!(answer("x", "<sip:a@b>;tag=yours", true).contains("To: <sip:a@b>;tag=yours\r\n"));
    answer("x", "\"<sip:a@b>; TAG =yours", true);
    assert!(answer("x", "\"a <sip:a@b>", false).contains("To: \"a <sip:a@b>;tag=mine\r\n"));
}

/// RFC 3261 sections 18.2.2 and 19.1.2.
#[test]
fn responses_go_where_18_2_2_says() {
    let to = |via: &str| reply_path(&Via::parse(via.as_bytes()).unwrap(), &path()).remote;
    assert_eq!(to("SIP/2.0/UDP h"), "192.0.2.99:5060".parse().unwrap());
    assert_eq!(to("SIP/2.0/UDP h:7;maddr=1.2.3.4;received=1.2.3.4"), "192.0.2.99:7".parse().unwrap());
    assert_eq!(to("SIP/2.0/UDP h:7;rport"), path().remote);
    let broken = Frame::parse(b"BYE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", &WireLimits::default()).unwrap();
    assert_eq!(ReplyHead::reply_path_of(&broken, &path()), path());
}

#[test]
fn without_a_to_nothing_of_the_routes_is_left() {
    let request =
        b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\nFrom: <sip:d@e>\r\nRecord-Route: <sip:p1;lr>\r\n\r\n";
    let frame = Frame::parse(request, &WireLimits::default()).unwrap();
    let head = ReplyHead::new(&frame, None, &path());
    for (routed, routes) in [(false, ""), (true, "Record-Route: <sip:p1;lr>\r\n")] {
        let reply = head.respond(400, "Missing To", Some(b"zz"), routed, &[], None);
        let expected = format!(
            "SIP/2.0 400 Missing To\r\nVia: SIP/2.0/UDP c;received=192.0.2.99\r\nFrom: <sip:d@e>\r\n\
             {routes}Content-Length: 0\r\n\r\n"
        );
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}
