//! The bridge to rsip: exact or refused. rsip is the oracle where it is right; where it is known to be wrong the row is
//! pinned here.

#![cfg(feature = "rsip")]

use offhook_core::wire::rsip::{
    RsipHeaders as _, from_rsip_header, from_rsip_request, from_rsip_response, from_rsip_uri,
    to_rsip_request, to_rsip_response, to_rsip_uri,
};
use offhook_core::wire::{Frame, HeaderName, NameAddr, Uri, WireLimits};
use proptest::prelude::*;
use rsip::headers::{ToTypedHeader as _, UntypedHeader as _};

fn request(lines: &str) -> String {
    format!(
        "INVITE sip:bob@192.0.2.7:5070 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n\
         Max-Forwards: 70\r\nFrom: Alice <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.7>\r\n\
         Call-ID: 1\r\nCSeq: 7 INVITE\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

fn frame(text: &str) -> Frame<'_> {
    static LIMITS: WireLimits = WireLimits::NONE;
    Frame::parse(text.as_bytes(), &LIMITS).expect("a message")
}

#[test]
fn an_ordinary_request_crosses_both_ways() {
    let text = request("Contact: <sip:alice@192.0.2.1:5060>\r\nSubject: Hello\r\nX-Own: a; b\r\n");
    let theirs = to_rsip_request(&frame(&text)).expect("it crosses");
    assert_eq!(theirs.method, rsip::Method::Invite);
    assert_eq!(theirs.uri.to_string(), "sip:bob@192.0.2.7:5070");
    assert_eq!(theirs.headers.iter().count(), 10);
    let back = from_rsip_request(&theirs).expect("and back");
    let again = to_rsip_request(&frame(core::str::from_utf8(&back).expect("text"))).expect("and again");
    assert_eq!(again, theirs);
}

#[test]
fn an_ordinary_response_crosses_both_ways() {
    let text = request("").replace("INVITE sip:bob@192.0.2.7:5070 SIP/2.0", "SIP/2.0 486 Busy Here");
    let theirs = to_rsip_response(&frame(&text)).expect("it crosses");
    assert_eq!(theirs.status_code, rsip::StatusCode::BusyHere);
    let back = from_rsip_response(&theirs).expect("and back");
    assert!(back.starts_with(b"SIP/2.0 486 Busy Here\r\n"), "rsip alone would write BusyHere");
    assert_eq!(to_rsip_response(&frame(core::str::from_utf8(&back).expect("text"))), Ok(theirs));
}

#[test]
fn what_a_header_must_not_hold_is_refused() {
    let bad = rsip::Header::Subject(rsip::headers::Subject::new("a\r\nEvil: yes"));
    assert!(from_rsip_header(&bad).is_err());
    let bad = rsip::Header::Other("X Y".into(), "a".into());
    assert!(from_rsip_header(&bad).is_err());
    let good = rsip::Header::Other("X-Y".into(), "a".into());
    assert_eq!(from_rsip_header(&good), Ok(("X-Y".into(), "a".into())));
}

/// Whether rsip by itself reads the whole request and its typed headers. (What it reads may be wrong even so.)
fn rsip_alone(text: &str) -> bool {
    let Ok(request) = rsip::Request::try_from(text.as_bytes()) else { return false };
    let mut good = true;
    for header in request.headers.iter() {
        good &= match header {
            rsip::Header::Via(header) => header.typed().is_ok(),
            rsip::Header::From(header) => header.typed().is_ok(),
            rsip::Header::To(header) => header.typed().is_ok(),
            rsip::Header::Contact(header) => header.typed().is_ok(),
            rsip::Header::CSeq(header) => header.typed().is_ok(),
            rsip::Header::Other(name, _) => name.len() > 1,
            _ => true,
        };
    }
    good
}

/// What the bridge does where rsip alone goes wrong.
#[derive(Debug, PartialEq, Eq)]
enum Bridge {
    /// It hands out the right thing all the same.
    Mends,
    /// It says which header cannot cross.
    Refuses,
}

#[test]
fn the_known_wrong_rows_of_rsip_are_mended_or_refused() {
    use Bridge::{Mends, Refuses};
    let from = |value: &str| request("").replace("From: Alice <sip:alice@192.0.2.1>;tag=1", value);
    let via =
        |value: &str| request("").replace("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport", value);
    let rows: Vec<(&str, String, Bridge)> = vec![
        ("compact From", from("f: <sip:alice@192.0.2.1>;tag=1"), Mends),
        ("compact Via", via("v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), Mends),
        ("compact Contact", request("m: <sip:a@h>\r\n"), Mends),
        ("compact Call-ID", request("").replace("Call-ID: 1", "i: 1"), Mends),
        ("compact To", request("").replace("To: ", "t: "), Mends),
        ("compact Content-Length", request("").replace("Content-Length: 0", "l: 0"), Mends),
        ("folded header", request("Subject: one\r\n two\r\n"), Mends),
        ("folded From", from("From: <sip:alice@192.0.2.1>\r\n ;tag=1"), Refuses),
        ("space before the colon", request("Subject : one\r\n"), Mends),
        ("no space after the colon in a list", request("Contact: <sip:a@h>,<sip:b@h>\r\n"), Mends),
        ("list of contacts", request("Contact: <sip:a@h>, <sip:b@h>\r\n"), Mends),
        ("list of Vias", via("Via: SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP i;branch=z9hG4bK2"), Mends),
        ("IPv6 in Via", via("Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK1"), Refuses),
        ("IPv6 in a URI", from("From: <sip:a@[2001:db8::1]>;tag=1"), Refuses),
        ("unknown transport", via("Via: SIP/2.0/DCCP h;branch=z9hG4bK1"), Refuses),
        ("quoted pair in a display name", from("From: \"A \\\"B\\\" C\" <sip:a@h>;tag=1"), Refuses),
        ("angle bracket in a display name", from("From: \"A <B>\" <sip:a@h>;tag=1"), Refuses),
        ("quoted parameter", request("Contact: <sip:a@h>;x=\"a;b\"\r\n"), Refuses),
        ("wildcard contact", request("Contact: *\r\n"), Refuses),
        ("dot in the user", from("From: <sip:john.doe@h>;tag=1"), Refuses),
        (
            "semicolon in the user of the Request-URI",
            request("").replace("sip:bob@192.0.2.7:5070", "sip:a;x=y@h"),
            Mends,
        ),
        ("headers in a URI", from("From: <sip:a@h?Subject=x>;tag=1"), Refuses),
        ("tel URI", from("From: <tel:+15551234>;tag=1"), Refuses),
        ("other scheme", from("From: <urn:service:sos>;tag=1"), Refuses),
        ("octets that are no UTF-8", request("Subject: ok\r\n"), Mends),
        ("unknown method", request("").replace("INVITE", "DANCE"), Refuses),
        ("space around the slash of Via", via("Via: SIP / 2.0 / UDP h;branch=z9hG4bK1"), Refuses),
    ];
    assert!(rows.len() >= 25);
    let mut wrong = Vec::new();
    for (what, text, expected) in rows {
        let frame = frame(&text);
        assert!(frame.fault().is_none() && frame.facts().is_ok(), "{what}: we read it");
        let crossed = to_rsip_request(&frame);
        let found = if crossed.is_ok() { Mends } else { Refuses };
        if found != expected {
            wrong.push(format!("{what}: {crossed:?}; rsip alone reads it: {}", rsip_alone(&text)));
        }
        // Whatever crossed, its values are ours.
        let Ok(crossed) = crossed else { continue };
        let vias = crossed.headers.iter().filter(|header| matches!(header, rsip::Header::Via(_))).count();
        assert_eq!(vias, frame.values(HeaderName::Via).count(), "{what}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rsip_by_itself_is_wrong_about_these() {
    // If one of these gets right, the bridge may open a little wider.
    assert!(!rsip_alone(&request("Subject: one\r\n two\r\n")), "folding");
    assert!(rsip::Request::try_from(request("").replace("Call-ID: 1", "i: 1").as_bytes()).is_ok_and(
        |request| { request.headers.iter().all(|header| !matches!(header, rsip::Header::CallId(_))) }
    ));
    assert!(!rsip_alone(&request("Contact: <sip:a@[2001:db8::1]>\r\n")), "IPv6");
    let long = request("").replace("Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nabNOISE");
    let read = rsip::Request::try_from(long.as_bytes()).expect("rsip reads it");
    assert_eq!(read.body, b"abNOISE", "Content-Length is not applied");
    let ours = frame(&long);
    assert_eq!(ours.body(), b"ab");
    let plus = rsip::Uri::try_from("tel:+1555").map(|uri| uri.to_string()).unwrap_or_default();
    assert_ne!(plus, "tel:+1555", "the plus is lost");
    assert_ne!(rsip::StatusCode::BusyHere.to_string(), "486 Busy Here");
}

#[test]
fn the_valid_torture_messages_cross_exactly_or_are_refused() {
    for name in [
        "wsinv",
        "intmeth",
        "esc01",
        "escnull",
        "esc02",
        "lwsdisp",
        "longreq",
        "dblreq",
        "semiuri",
        "transports",
        "mpart01",
    ] {
        let path = format!("{}/tests/data/rfc4475/{name}.dat", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).expect("the file is there");
        let frame = Frame::parse(&bytes, &WireLimits::NONE).expect("a message");
        if let Ok(request) = to_rsip_request(&frame) {
            assert_eq!(request.body, frame.body(), "{name}");
            let back = from_rsip_request(&request).expect("what came across goes back");
            let again = Frame::parse(&back, &WireLimits::NONE).expect("a message");
            assert_eq!(again.body(), frame.body(), "{name}");
        }
    }
}

fn user() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9._%;+-]{0,8}"
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}(\\.[a-z]{2,5}){1,2}",
        "[1-9][0-9]?\\.0\\.2\\.[1-9]",
        Just("[2001:db8::1]".to_owned())
    ]
}

fn params() -> impl Strategy<Value = String> {
    "(;(lr|transport=udp|transport=tcp|user=phone|x=[a-z0-9]{1,4})){0,3}"
}

proptest! {
    #[test]
    fn a_uri_crosses_exactly_or_not_at_all(user in proptest::option::of(user()), host in host(), port in proptest::option::of(1_u16..), params in params()) {
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("sip:{user}{host}{port}{params}");
        if let Ok(theirs) = to_rsip_uri(text.as_bytes()) {
            prop_assert_eq!(theirs.to_string(), text.clone());
            let ours = Uri::parse(text.as_bytes()).expect("we read it");
            prop_assert_eq!(theirs.user().map(str::as_bytes), ours.user);
            prop_assert_eq!(from_rsip_uri(&theirs), Ok(text.into_bytes()));
        }
    }

    #[test]
    fn arbitrary_octets_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let uri = to_rsip_uri(&bytes);
        prop_assert!(uri.is_err() || Uri::parse(&bytes).is_ok());
        if let Ok(frame) = Frame::parse(&bytes, &WireLimits::NONE) {
            prop_assert!(to_rsip_request(&frame).is_err() || frame.facts().is_ok());
        }
    }

    #[test]
    fn a_damaged_request_crosses_as_we_read_it_or_not_at_all(at in 0_usize..400, octet in any::<u8>(), lines in "(Contact: (\"[A-Z <>]{0,4}\" )?<sip:[a-z.]{1,5}@[a-z]{1,4}>(;[a-z]=[a-z\"]{0,3})?\r\n)?") {
        let mut bytes = request(&lines).into_bytes();
        let at = at % bytes.len();
        bytes[at] = octet;
        if let Ok(frame) = Frame::parse(&bytes, &WireLimits::NONE)
            && let Ok(theirs) = to_rsip_request(&frame)
        {
            let contact = frame.typed::<rsip::typed::Contact>();
            let ours = frame.values(HeaderName::Contact).next().and_then(NameAddr::parse);
            if let (Some(Ok(contact)), Some(ours)) = (contact, ours) {
                prop_assert_eq!(contact.uri.to_string().into_bytes(), ours.uri.to_vec());
            }
            prop_assert_eq!(&theirs.body[..], frame.body());
        }
    }
}
