#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::borrow::Cow;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::text::{find_near, is_token_octet, token_len, unfold};
use super::super::{NameAddr, Path, ReplyHead, Uri, split_values};
use super::*;

const CORPUS: [&[u8]; 6] = [
    include_bytes!("../../../tests/data/rfc4475/wsinv.dat"),
    include_bytes!("../../../tests/data/rfc4475/intmeth.dat"),
    include_bytes!("../../../tests/data/rfc4475/longreq.dat"),
    include_bytes!("../../../tests/data/rfc4475/esc01.dat"),
    include_bytes!("../../../tests/data/rfc4475/transports.dat"),
    include_bytes!("../../../tests/data/rfc4475/unreason.dat"),
];

fn parse(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    Frame::parse(bytes, &WireLimits::default())
}

fn with_headers(headers: &str) -> Vec<u8> {
    let mut text =
        b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCSeq: 1 OPTIONS\r\n".to_vec();
    text.extend(b"i: c\r\nf: <sip:a@b>;tag=1\r\nt: <sip:a@b>\r\n");
    text.extend(headers.as_bytes());
    text.extend(b"\r\n");
    text
}

fn fault_of(headers: &str) -> Option<&'static str> {
    let text = with_headers(headers);
    let frame = parse(&text).unwrap();
    frame.fault().or_else(|| frame.facts().err()).map(|fault| fault.reason)
}

/// RFC 3261 sections 7, 7.1, 7.2 and 7.5.
#[test]
fn what_is_no_message_is_told_apart() {
    assert_eq!(parse(b"").unwrap_err(), FrameError::KeepAlive);
    assert_eq!(parse(b"\r\n\r\n").unwrap_err(), FrameError::KeepAlive);
    assert_eq!(parse(b"hello world\r\n\r\n").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"GET / HTTP/1.1\r\nVia: x\r\n\r\n").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"\x80\x00\x01\x02").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"SIP/2.0 99 x\r\n\r\n").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"SIP/2.0 700 x\r\n\r\n").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"SIP/2.0 2000 x\r\n\r\n").unwrap_err(), FrameError::StartLine);
    assert_eq!(parse(b"SIP/2.0 200\r\n\r\n").unwrap().status(), Some(200));
    let leading = [b"\r\n\r\n", &with_headers("")[..]].concat();
    assert!(parse(&leading).unwrap().facts().is_ok());
}

/// RFC 3261 sections 21.4.11 and 21.5.7: which of the two is too large decides.
#[test]
fn limits_hold() {
    let text = with_headers("");
    let status = |text: &[u8], limits| {
        let frame = Frame::parse(text, &limits).unwrap();
        assert_eq!(frame.body(), b"");
        assert!(frame.facts().is_ok(), "what an answer needs is read");
        frame.fault().map(|fault| fault.status)
    };
    for headers_max in 0..5 {
        assert_eq!(status(&text, WireLimits { headers_max, ..WireLimits::default() }), Some(513));
    }
    let small = |message_octets_max| WireLimits { message_octets_max, ..WireLimits::default() };
    assert_eq!(status(&text, small(text.len())), None);
    assert_eq!(status(&text, small(text.len() - 1)), Some(513));
    let body = [&text[..], b"too much"].concat();
    assert_eq!(status(&body, small(body.len() - 1)), Some(413));
    let long = with_headers(&alloc::format!("X: {}\r\n", "x".repeat(70_000)));
    let limits = WireLimits { message_octets_max: 100_000, ..WireLimits::default() };
    assert_eq!(Frame::parse(&long, &limits).unwrap_err(), FrameError::TooLarge);
    let many = with_headers(&"X: 1\r\n".repeat(100));
    assert_eq!(parse(&many).unwrap().headers().count(), 105);
}

#[test]
fn faults_are_found() {
    assert_eq!(fault_of(""), None);
    assert_eq!(fault_of("Max-Forwards: 255\r\n"), None);
    assert_eq!(fault_of("Max-Forwards: 256\r\n"), Some("Malformed Max-Forwards"));
    assert_eq!(fault_of("Max-Forwards: -1\r\n"), Some("Malformed Max-Forwards"));
    assert_eq!(fault_of("Call-ID: c\r\n"), Some("Multiple Call-ID"));
    assert_eq!(fault_of("l: 0\r\nContent-Length: 0\r\n"), Some("Multiple Content-Length"));
    assert_eq!(fault_of("l: 1\r\n"), Some("Content-Length Larger Than Message"));
    assert_eq!(fault_of("l: 99999999999999999999999\r\n"), Some("Malformed Content-Length"));
    assert_eq!(fault_of("l: +0\r\n"), Some("Malformed Content-Length"));
    assert_eq!(fault_of("no colon\r\n"), Some("Malformed Header Line"));
    assert_eq!(fault_of(": no name\r\n"), Some("Malformed Header Line"));
    assert_eq!(fault_of("X: a\rVia: b\r\n"), Some("Stray Carriage Return"));
}

/// RFC 3261 section 7.1.
#[test]
fn a_request_line_without_a_version_is_answered_only_if_there_is_a_via() {
    let line = b"INVITE sip:a@b\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n";
    let frame = parse(line).unwrap();
    assert_eq!(frame.fault(), Some(BAD_REQUEST_LINE));
    assert_eq!(frame.uri(), Some(&b"sip:a@b"[..]));
    assert_eq!(parse(b"INVITE sip:a@b\r\nTo: x\r\n\r\n").unwrap_err(), FrameError::StartLine);
}

#[test]
fn an_empty_topmost_via_is_a_fault() {
    let text = b"OPTIONS sip:a@b SIP/2.0\r\nVia: , SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n";
    assert_eq!(parse(text).unwrap().facts().unwrap_err().reason, "Malformed Via");
}

#[test]
fn cseq_and_tags_keep_to_their_range() {
    let text = |cseq: &str, to: &str| {
        let head =
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\ni: c\r\nf: <sip:a@b>;tag=1\r\n";
        alloc::format!("{head}CSeq: {cseq}\r\nTo: {to}\r\n\r\n").into_bytes()
    };
    let fault = |cseq: &str, to: &str| {
        let text = text(cseq, to);
        parse(&text).unwrap().facts().err().map(|fault| fault.reason)
    };
    assert_eq!(fault("2147483647 OPTIONS", "<sip:a@b>"), None);
    assert_eq!(fault("2147483648 OPTIONS", "<sip:a@b>"), Some("Malformed CSeq"));
    assert_eq!(fault("4294967297 OPTIONS", "<sip:a@b>"), Some("Malformed CSeq"));
    assert_eq!(fault("1 OPTIONS x", "<sip:a@b>"), Some("Malformed CSeq"));
    assert_eq!(fault("1", "<sip:a@b>"), Some("Malformed CSeq"));
    assert_eq!(fault("1 options", "<sip:a@b>"), Some("CSeq Method Mismatch"));
    assert_eq!(fault("1 OPTIONS", "<sip:a@b>;tag=\"x\""), Some("Malformed To"));
    assert_eq!(fault("1 OPTIONS", "<sip:a@b>;tag"), Some("Malformed To"));
}

/// RFC 3261 sections 7.3.1 and 7.3.3.
#[test]
fn compact_names_and_folds_are_read() {
    let text = with_headers(
        "m :\r\n <sip:x@[::1]:5062>\r\n ,\t\"a,b\\\"\"\r\n\t<sip:y@h;lr>;q=1\r\nK: 100rel,timer\r\nx: 90\r\n",
    );
    let frame = parse(&text).unwrap();
    assert_eq!(frame.fault(), None);
    let contacts: Vec<_> = frame.values(HeaderName::Contact).filter_map(NameAddr::parse).collect();
    assert_eq!(contacts.len(), 2);
    assert_eq!(Uri::parse(contacts[0].uri).unwrap().port, Some(5062));
    assert_eq!(contacts[1].display, Some(&br#""a,b\"""#[..]));
    assert_eq!(contacts[1].param("Q"), Some(&b"1"[..]));
    assert!(frame.values(HeaderName::Supported).eq([&b"100rel"[..], b"timer"]));
    assert_eq!(frame.named("session-expires"), Some(&b"90"[..]));
    assert_eq!(frame.named("X"), Some(&b"90"[..]));
    assert_eq!(frame.named("Y"), None);
}

#[test]
fn lines_may_end_in_lf_alone() {
    let text = with_headers("l: 2\r\n")
        .into_iter()
        .filter(|&octet| octet != b'\r')
        .chain(*b"ab")
        .collect::<Vec<_>>();
    let frame = parse(&text).unwrap();
    assert_eq!(frame.fault(), None);
    assert_eq!(frame.body(), b"ab");
    assert!(frame.facts().is_ok());
}

fn path() -> Path {
    Path::udp("127.0.0.1:5060".parse().unwrap(), "[::ffff:10.0.0.1]:7".parse().unwrap())
}

/// Calls every reader; none may panic.
fn read_all(bytes: &[u8]) {
    let Ok(frame) = parse(bytes) else {
        return;
    };
    for header in frame.headers() {
        for value in split_values(header.value) {
            if let Some(via) = Via::parse(value) {
                Via::param(&via, "ttl");
            }
            if let Some(address) = NameAddr::parse(value) {
                address.tag();
                if let Ok(uri) = Uri::parse(address.uri) {
                    uri.param("lr");
                }
            }
        }
    }
    let facts = frame.facts();
    let best_effort = ReplyHead::new(&frame, None, &path());
    let reply = best_effort.respond(400, "Bad Request", Some(b"t"), true, &[], Some(("a/b", b"c")));
    let reply = parse(&reply).unwrap();
    assert_eq!(reply.fault(), None, "whatever was copied, our own framing holds");
    assert_eq!(reply.body(), b"c");
    if let (Ok(facts), true) = (facts, frame.is_request()) {
        same_after_reply(&frame, &facts);
    }
}

fn same_after_reply(frame: &Frame<'_>, facts: &Facts<'_>) {
    let head = ReplyHead::new(frame, Some(facts), &path());
    let bytes = head.respond(200, "OK", Some(b"mine"), true, &[], None);
    let reply = parse(&bytes).unwrap();
    let found = reply.facts().unwrap();
    assert_eq!(
        (found.via.host, found.via.port, found.via.branch),
        (facts.via.host, facts.via.port, facts.via.branch)
    );
    assert_eq!(found.via.received, Some(&b"10.0.0.1"[..]));
    assert_eq!(found.via.rport, facts.via.rport.map(|_| Some(7)));
    assert_eq!((found.from.uri, found.from_tag), (facts.from.uri, facts.from_tag));
    assert_eq!(found.from.display.map(unfold), facts.from.display.map(unfold));
    assert_eq!((found.to.uri, found.to_tag), (facts.to.uri, facts.to_tag.or(Some(b"mine"))));
    assert_eq!(
        (found.call_id, found.cseq, found.cseq_method),
        (facts.call_id, facts.cseq, facts.cseq_method)
    );
    let vias = |frame: &Frame<'_>| -> Vec<Vec<u8>> {
        frame.values(HeaderName::Via).skip(1).map(unfold).map(Cow::into_owned).collect()
    };
    assert_eq!(vias(&reply), vias(frame));
    let routes = |frame: &Frame<'_>| -> Vec<Vec<u8>> {
        frame.values(HeaderName::RecordRoute).map(unfold).map(Cow::into_owned).collect()
    };
    assert_eq!(routes(&reply), routes(frame));
}

use core::net::Ipv4Addr;

use super::super::{Host, Via};

proptest! {
    #[test]
    fn octets_are_found_like_one_by_one(bytes in prop::collection::vec(prop_oneof![Just(b';'), any::<u8>(), Just(b':')], 0..64)) {
        prop_assert_eq!(find_near(&bytes, b';'), bytes.iter().position(|&octet| octet == b';'));
    }

    #[test]
    fn tokens_end_where_their_octets_do(text in "[!-Z]{0,20}") {
        let end = text.bytes().position(|octet| !is_token_octet(octet));
        prop_assert_eq!(token_len(text.as_bytes()), end.unwrap_or(text.len()));
    }

    #[test]
    fn addresses_are_read_as_the_library_reads_them(text in "[0-9]{0,3}\\.[0-2]{1,4}\\.([0-9]{1,3}\\.){0,2}[0-9]{1,3}") {
        let host = Host::parse(text.as_bytes());
        match text.parse::<Ipv4Addr>() {
            Ok(address) => prop_assert_eq!(host, Some(Host::V4(address))),
            Err(_) => prop_assert_eq!(host, Some(Host::Name(text.as_bytes()))),
        }
    }

    #[test]
    fn arbitrary_octets_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_all(&bytes);
        let after_line = [&b"OPTIONS sip:a@b SIP/2.0\r\n"[..], &bytes].concat();
        read_all(&after_line);
        Uri::parse(&bytes).ok();
        NameAddr::parse(&bytes);
        Via::parse(&bytes);
    }

    #[test]
    fn marks_in_any_order_do_no_harm(headers in prop::collection::vec("(Via|To|From|v|t|f|i|CSeq|Record-Route|l)[ \t]?:(SIP/2.0/UDP )?[ \t\r\n\"\\\\<>;,=:@sip\\[\\]a1%]{0,24}\r\n", 0..8)) {
        let text = [&b"OPTIONS sip:a@b SIP/2.0\r\n"[..], headers.concat().as_bytes(), b"\r\n"].concat();
        read_all(&text);
        read_all(&with_headers(&headers.concat()));
    }

    #[test]
    fn changed_messages_do_no_harm(
        which in 0..CORPUS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(&b" \t\r\n\";,<>:=@\\"[..])], 0_u8..3), 0..6),
    ) {
        let mut bytes = CORPUS[which].to_vec();
        for (at, octet, kind) in changes {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = octet,
                1 => bytes.insert(at, octet),
                _ => { bytes.remove(at); }
            }
        }
        read_all(&bytes);
    }

    #[test]
    fn any_start_of_a_message_does_no_harm(which in 0..CORPUS.len(), end in any::<prop::sample::Index>()) {
        read_all(&CORPUS[which][..end.index(CORPUS[which].len())]);
    }
}
