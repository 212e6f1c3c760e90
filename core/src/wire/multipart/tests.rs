#![allow(clippy::unwrap_used, reason = "tests")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;

const SDP: &str = "v=0\r\nm=audio 5 RTP/AVP 0\r\n";
const SDP_PART: &str = "Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio 5 RTP/AVP 0\r\n";
const ISUP: &str = "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\x00\u{1}";
const NEEDED: &str = "Content-Type: application/x-needed\r\n\r\nx";

fn message(kind: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n{body}"
    )
}

fn several(boundary: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
    format!("{parts}--{boundary}--\r\n")
}

fn limits() -> WireLimits {
    WireLimits::default()
}

/// What is found in a body, and whether a request may bring it, where the application takes nothing.
fn read(kind: &str, body: &str) -> (String, Result<(), BodyFault>) {
    let text = message(kind, body);
    let frame = Frame::parse(text.as_bytes(), &limits()).unwrap();
    let found = String::from_utf8(description(&frame, &limits()).to_vec()).unwrap();
    (found, check(&frame, &|_| false, &limits()))
}

/// The short way gives what the long way gives: whatever else is said of the body, it is not taken.
#[test]
fn what_is_only_a_description_is_found_at_once() {
    let read = |lines: &str| {
        let text = format!(
            "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{lines}Content-Length: 5\r\n\r\nv=0\r\n"
        );
        let limits = WireLimits::default();
        let frame = Frame::parse(text.as_bytes(), &limits).unwrap();
        (only_description(&frame).is_some(), check(&frame, &|_| false, &limits))
    };
    for lines in
        ["Content-Type: application/sdp\r\n", "c: Application/SDP\r\nX-Content-Disposition: alert\r\n"]
    {
        assert_eq!(read(lines), (true, Ok(())), "{lines}");
    }
    let sdp = "Content-Type: application/sdp\r\n";
    for (lines, outcome) in [
        ("Content-Type: application/sdp;charset=utf-8\r\n".into(), Ok(())),
        (format!("{sdp}Content-Disposition: session\r\n"), Ok(())),
        (format!("{sdp}content-disposition: alert\r\n"), Err(BodyFault::Unknown)),
        (format!("{sdp}e: gzip\r\n"), Err(BodyFault::Encoded)),
        (format!("{sdp}Content-Transfer-Encoding: base64\r\n"), Err(BodyFault::Encoded)),
        (format!("Content-Type: text/html\r\n{sdp}"), Err(BodyFault::Unknown)),
        (String::new(), Err(BodyFault::Unknown)),
    ] {
        assert_eq!(read(&lines), (false, outcome), "{lines}");
    }
}

/// RFC 2046 sections 5.1 and 5.1.1.
#[test]
fn the_description_is_found_among_other_parts() {
    let found = (String::from(SDP.trim_end()), Ok(()));
    for parts in [[SDP_PART.trim_end(), ISUP], [ISUP, SDP_PART.trim_end()]] {
        for (kind, boundary) in [
            ("multipart/mixed;boundary=b1", "b1"),
            ("multipart/mixed; boundary=\"b 1:=?\"", "b 1:=?"),
            ("Multipart/Mixed ; charset=x;\r\n BOUNDARY = \"a\\\"b\"; x=y", "a\"b"),
            ("multipart/mixed;boundary=----=_Part_0_1.2", "----=_Part_0_1.2"),
            ("multipart/related;boundary=b1", "b1"),
            ("multipart/alternative;boundary=b1", "b1"),
            ("multipart/x-unknown;boundary=b1", "b1"),
        ] {
            assert_eq!(read(kind, &several(boundary, &parts)), found, "{kind}");
        }
    }
    let kind = "multipart/mixed;boundary=b";
    let plain = several("b", &[SDP_PART.trim_end(), ISUP]);
    for body in [
        format!("a preamble\r\n--bc\r\n{plain}an epilogue"),
        plain.replace("\r\n", "\n").replace("v=0\nm", "v=0\r\nm"),
        plain.replace("--b\r\n", "--b \t\r\n"),
        plain.replace("--b--\r\n", ""),
        plain.replace("--b--\r\n", "--b--"),
        plain.replace("Content-Type: ", "c : "),
        plain.replace("Content-Type: ", "X: y\r\n z\r\nCONTENT-TYPE:\r\n "),
    ] {
        let (description, checked) = read(kind, &body);
        assert_eq!((description.trim_end(), checked), (SDP.trim_end(), Ok(())), "{body}");
    }
}

/// RFC 2046 section 5.1.4 for the alternatives.
#[test]
fn parts_may_be_nested() {
    let inner = format!(
        "Content-Type: multipart/alternative;boundary=in\r\n\r\n{}",
        several("in", &[SDP_PART.trim_end(), NEEDED])
    );
    let found = (String::from(SDP.trim_end()), Ok(()));
    assert_eq!(
        read("multipart/mixed;boundary=out", &several("out", &[ISUP, &inner])),
        found,
        "one alternative will do"
    );
    // The inner boundary begins like the outer one.
    let inner = inner.replace("boundary=in", "boundary=out1").replace("--in", "--out1");
    assert_eq!(read("multipart/mixed;boundary=out", &several("out", &[ISUP, &inner])), found);
    let nest = |depth: usize| {
        let mut body = String::from(SDP_PART.trim_end());
        for n in 0..depth {
            body = format!(
                "Content-Type: multipart/mixed;boundary=b{n}\r\n\r\n{}",
                several(&format!("b{n}"), &[&body])
            );
        }
        let (head, body) = body.split_once("\r\n\r\n").unwrap();
        read(head.strip_prefix("Content-Type: ").unwrap(), body)
    };
    assert_eq!(nest(limits().body_depth_max), found);
    assert_eq!(nest(limits().body_depth_max + 1), (String::new(), Err(BodyFault::TooMany)));
    assert_eq!(nest(200).1, Err(BodyFault::TooMany));
    let many = |count: usize| {
        read(
            "multipart/mixed;boundary=b",
            &several("b", &[&vec![ISUP; count - 1][..], &[SDP_PART.trim_end()]].concat()),
        )
    };
    assert_eq!(many(limits().body_parts_max), found);
    assert_eq!(many(limits().body_parts_max + 1).1, Err(BodyFault::TooMany));
}

/// RFC 3261 section 20.11.
#[test]
fn what_must_be_handled_is_told_from_what_may_be_left() {
    let check = |kind: &str, parts: &[&str]| read(&format!("{kind};boundary=b"), &several("b", parts)).1;
    let sdp = SDP_PART.trim_end();
    assert_eq!(check("multipart/mixed", &[sdp, NEEDED]), Err(BodyFault::Unknown));
    assert_eq!(
        check("multipart/mixed", &[sdp, "plain text"]),
        Err(BodyFault::Unknown),
        "text/plain by default"
    );
    assert_eq!(check("multipart/related", &[sdp, NEEDED]), Ok(()), "the root knows what to do with it");
    assert_eq!(
        check("multipart/alternative", &[NEEDED, ISUP.replace("optional", "required").as_str()]),
        Err(BodyFault::Unknown)
    );
    let optional =
        NEEDED.replace("\r\n\r\n", "\r\nContent-Disposition: icon ; Handling = \"OPTIONAL\"\r\n\r\n");
    assert_eq!(check("multipart/mixed", &[sdp, &optional]), Ok(()));
    let early = sdp.replace("\r\n\r\n", "\r\nContent-Disposition: early-session\r\n\r\n");
    assert_eq!(check("multipart/mixed", &[sdp, &early]), Err(BodyFault::Unknown), "RFC 3959 is not known");
    for purpose in ["session", "Session;handling=required", "render"] {
        let said = sdp.replace("\r\n\r\n", &format!("\r\nContent-Disposition: {purpose}\r\n\r\n"));
        assert_eq!(check("multipart/mixed", &[&said]), Ok(()), "{purpose}");
    }
    let packed = sdp.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n");
    assert_eq!(check("multipart/mixed", &[&packed]), Err(BodyFault::Encoded));
    let packed = sdp.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
    assert_eq!(check("multipart/mixed", &[&packed]), Err(BodyFault::Encoded));
    let binary = sdp.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: binary\r\n\r\n");
    assert_eq!(check("multipart/mixed", &[&binary]), Ok(()));
    // The application may take it.
    let text = message("multipart/mixed;boundary=b", &several("b", &[sdp, NEEDED]));
    let frame = Frame::parse(text.as_bytes(), &limits()).unwrap();
    assert_eq!(super::check(&frame, &|kind| is_type(kind, "application/X-needed"), &limits()), Ok(()));
}

/// RFC 2046 section 5.1.1: 70 octets are the most that a boundary may have.
#[test]
fn what_is_not_well_formed_is_told() {
    for (kind, body) in [
        ("multipart/mixed", several("b", &[SDP_PART])),
        ("multipart/mixed;boundary=", several("", &[SDP_PART])),
        ("multipart/mixed;boundary=\"\"", several("", &[SDP_PART])),
        ("multipart/mixed;boundary=\"b", several("b", &[SDP_PART])),
        ("multipart/mixed;boundary=c", several("b", &[SDP_PART])),
        ("multipart/mixed;boundary=b", String::from(SDP)),
        ("multipart/mixed;boundary=b", String::from("x--b\r\n\r\n--b--")),
    ] {
        let (found, checked) = read(kind, &body);
        assert!(found.is_empty(), "{kind}: {found}");
        assert!(checked.is_err() || body.contains("x--b"), "{kind}: {checked:?}");
    }
    let long = "b".repeat(71);
    assert_eq!(
        read(&format!("multipart/mixed;boundary={long}"), &several(&long, &[SDP_PART])).1,
        Err(BodyFault::Malformed)
    );
}

#[test]
fn every_leaf_is_listed_with_its_headers() {
    let inner =
        format!("Content-Type: multipart/mixed;boundary=in\r\n\r\n{}", several("in", &[NEEDED, "\r\nbare"]));
    let text = message("multipart/mixed;boundary=b", &several("b", &[SDP_PART.trim_end(), &inner, ISUP]));
    let frame = Frame::parse(text.as_bytes(), &limits()).unwrap();
    let leaves = leaves(Entity::of(&frame), &limits());
    let bodies: Vec<_> = leaves.iter().map(|leaf| leaf.body).collect();
    assert_eq!(bodies, [SDP.trim_end().as_bytes(), b"x", b"bare", b"\x01\x00\x01"]);
    let headers: Vec<_> = leaves[3].headers().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    assert_eq!(headers[1], (b"Content-Disposition".to_vec(), b"signal;handling=optional".to_vec()));
    assert_eq!((headers.len(), leaves[2].headers().count()), (2, 0));
    let text = message("text/plain", "hello");
    let frame = Frame::parse(text.as_bytes(), &limits()).unwrap();
    let leaves = super::leaves(Entity::of(&frame), &limits());
    assert_eq!((leaves.len(), leaves[0].body), (1, &b"hello"[..]));
}

#[test]
fn what_we_write_is_what_we_read() {
    let parts = [
        PartText { head: b"Content-Type: application/sdp\r\n", body: SDP.as_bytes() },
        PartText { head: b"", body: b"" },
        PartText { head: b"Content-Type: application/octet-stream\r\n", body: b"\r\n--x\r\n--\0\xff" },
    ];
    assert!(!is_boundary_of(b"x", &parts) && is_boundary_of(b"y1", &parts));
    let body = write(&parts, b"y1");
    let whole =
        Entity { content_type: Some(b"multipart/mixed;boundary=y1"), body: &body, ..Entity::default() };
    let read: Vec<_> = leaves(whole, &limits()).iter().map(|leaf| leaf.body).collect();
    assert_eq!(read, parts.map(|part| part.body));
}

#[test]
fn a_type_may_have_a_comment_behind_it_as_in_mail() {
    for kind in
        ["application/sdp (offer)", "application/sdp(x);y=z", "Application/SDP ; x", "application / sdp"]
    {
        assert!(is_type(kind.as_bytes(), "application/sdp"), "{kind}");
        let text = message(kind, SDP);
        let frame = Frame::parse(text.as_bytes(), &limits()).unwrap();
        assert_eq!(check(&frame, &|_| false, &limits()), Ok(()), "{kind}");
    }
    assert!(!is_type(b"(x) application/sdp", "application/sdp"));
}
