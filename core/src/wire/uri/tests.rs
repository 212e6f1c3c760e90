#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::string::ToString as _;

use super::*;

/// RFC 3261 sections 19.1.1 and 19.1.4: names of parameters are compared without case, and once unescaped.
#[test]
fn the_next_hop_is_the_maddr_if_it_names_a_host() {
    let hop = |text: &str| Uri::parse(text.as_bytes()).unwrap().next_hop().to_string();
    assert_eq!(hop("sip:a@192.0.2.1:5070;maddr=127.0.0.1"), "127.0.0.1");
    assert_eq!(hop("sip:a@h;lr;MAddr=[2001:db8::1];x"), "[2001:db8::1]");
    assert_eq!(hop("sip:a@h;m%61ddr=other.example"), "other.example");
    for none in [
        "sip:a@h",
        "sip:a@h;maddr",
        "sip:a@h;maddr=",
        "sip:a@h;maddr=a%20b",
        "sip:a;maddr=x@h",
        "sip:a@h?maddr=x",
    ] {
        assert_eq!(hop(none), "h", "{none}");
    }
    let uri = Uri::parse(b"sip:a@h:5070;maddr=192.0.2.7").unwrap();
    assert_eq!(uri.address(), Some("192.0.2.7:5070".parse().unwrap()), "the port is that of the URI");
}

/// RFC 3261 sections 19.1 and 19.1.1.
#[test]
fn parts_of_a_uri() {
    let uri = Uri::parse(b"SIPS:alice;x:pw@[2001:db8::1]:5061;transport=TCP;lr?Subject=a%20b&x=y").unwrap();
    assert!(uri.is_sips() && !uri.is_sip());
    assert_eq!((uri.user, uri.password), (Some(&b"alice;x"[..]), Some(&b"pw"[..])));
    assert_eq!(uri.host, Host::V6("2001:db8::1".parse().unwrap()));
    assert_eq!(uri.host.to_string(), "[2001:db8::1]");
    assert_eq!(uri.port, Some(5061));
    assert_eq!(uri.transport(), Some(&b"TCP"[..]));
    assert_eq!((uri.param("LR"), uri.param("maddr")), (Some(None), None));
    assert_eq!(uri.headers, Some(&b"Subject=a%20b&x=y"[..]));
    let uri = Uri::parse(b"sip:192.0.2.1").unwrap();
    assert_eq!((uri.user, uri.host, uri.port), (None, Host::V4([192, 0, 2, 1].into()), None));
    assert_eq!(uri.host.ip(), Some([192, 0, 2, 1].into()));
    assert_eq!(Uri::parse(b"sip:*98#@h.example").unwrap().user, Some(&b"*98#"[..]));
}

#[test]
fn what_is_no_sip_uri() {
    let broken = [
        "",
        "sip",
        "sip:",
        "sip:@h",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@b:0",
        "sip:a@[::1",
        "sip:a@::1",
        "sip:a@[::1]5060",
        "sip:a b@c",
        "sip:<a@c>",
        "sip:a@b\0",
        ":a@b",
        "1sip:a@b",
    ];
    for text in broken {
        assert_eq!(Uri::parse(text.as_bytes()), Err(UriError::Malformed), "{text}");
    }
    for text in ["tel:+1234", "http://x", "isbn:29"] {
        assert_eq!(Uri::parse(text.as_bytes()), Err(UriError::Scheme), "{text}");
    }
    assert_eq!(Uri::scheme_of(b"tel:+1234"), Some(&b"tel"[..]));
}

/// RFC 3261 section 19.1.2.
#[test]
fn escapes_are_undone_once() {
    assert_eq!(unescape(b"%2541%zz%4").as_ref(), b"%41%zz%4");
    assert_eq!(unescape(b"a%00b").as_ref(), b"a\0b");
}
