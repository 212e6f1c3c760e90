//! The messages of RFC 4475 against the parser, as datagrams.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use offhook_core::wire::text::unfold;
use offhook_core::wire::uri::unescape;
use offhook_core::wire::{
    Facts, Fault, Frame, FrameError, HeaderName, Host, Method, NameAddr, ReplyHead, StartLine, Transport,
    Uri, UriError, Via, WireLimits,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475")
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.dat"))).unwrap()
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    Frame::parse(bytes, &WireLimits::default()).unwrap()
}

fn faultless(bytes: &[u8]) -> (Frame<'_>, Facts<'_>) {
    let frame = frame(bytes);
    assert_eq!(frame.fault(), None);
    let facts = frame.facts().unwrap();
    (frame, facts)
}

fn verdict(bytes: &[u8]) -> Result<(), String> {
    let frame = Frame::parse(bytes, &WireLimits::default()).map_err(|error| error.to_string())?;
    let fault = frame.fault().or_else(|| frame.facts().err());
    fault.map_or(Ok(()), |Fault { status, reason }| Err(format!("{status} {reason}")))
}

#[test]
fn every_message_is_judged_as_the_manifest_says() {
    let manifest = fs::read_to_string(folder().join("manifest.tsv")).unwrap();
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    let column = |name: &str| columns.iter().position(|&column| column == name).unwrap();
    let (file, size, judged) = (column("file"), column("bytes"), column("parse_datagram"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in lines {
        count += 1;
        let bytes = fs::read(folder().join(row[file])).unwrap();
        assert_eq!(bytes.len().to_string(), row[size], "{} was changed", row[file]);
        let verdict = verdict(&bytes);
        let may = |word: &str| row[judged].split('|').any(|choice| choice == word);
        let fits = match verdict {
            Ok(()) => may("accept") || may("repair"),
            Err(_) => may("reject"),
        };
        if !fits {
            wrong.push(format!("{}: {verdict:?}, not {}", row[file], row[judged]));
        }
    }
    assert_eq!(count, 50);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_name_the_status_that_the_request_deserves() {
    let status = |name: &str| {
        let bytes = bytes(name);
        let frame = frame(&bytes);
        frame.fault().or_else(|| frame.facts().err()).unwrap().status
    };
    assert_eq!(status("badvers"), 505);
    for name in [
        "badinv01",
        "clerr",
        "ncl",
        "scalar02",
        "quotbal",
        "ltgtruri",
        "lwsruri",
        "lwsstart",
        "trws",
        "badaspec",
        "baddn",
        "mismatch01",
        "mismatch02",
        "insuf",
        "multi01",
        "mcl01",
    ] {
        assert_eq!(status(name), 400, "{name}");
    }
    let parse = |name: &str| Frame::parse(&bytes(name), &WireLimits::default()).err();
    assert_eq!(parse("bigcode"), Some(FrameError::StartLine));
    assert_eq!(parse("test"), Some(FrameError::StartLine), "no Via: nobody to answer");
}

#[test]
fn baddn_is_read_in_spite_of_its_display_name() {
    let mut bytes = bytes("baddn");
    assert_eq!(frame(&bytes).fault().unwrap().reason, "Missing Empty Line After Headers");
    bytes.extend(b"\r\n");
    assert_eq!(frame(&bytes).fault(), None);
    let (_, facts) = faultless(&bytes);
    assert_eq!(facts.from.display, Some(&b"Bell, Alexander"[..]));
    assert_eq!(facts.from.uri, b"sip:a.g.bell@example.com");
}

#[test]
fn wsinv_is_read_through_all_its_white_space() {
    let bytes = bytes("wsinv");
    let (frame, facts) = faultless(&bytes);
    assert_eq!(frame.method(), Some(Method::Invite));
    assert_eq!(frame.uri(), Some(&b"sip:vivekg@chair-dnrc.example.com;unknownparam"[..]));
    assert_eq!(frame.body().len(), 150);
    assert_eq!(facts.to.uri, b"sip:vivekg@chair-dnrc.example.com");
    assert_eq!(facts.to_tag, Some(&b"1918181833n"[..]));
    assert_eq!(facts.from.display, Some(&br#""J Rosenberg \\\"""#[..]));
    assert_eq!(facts.from.uri, b"sip:jdrosen@example.com");
    assert_eq!(facts.from_tag, Some(&b"98asjd8"[..]));
    assert_eq!((facts.cseq, facts.cseq_method), (9, Method::Invite));
    assert_eq!((facts.via.host, facts.via.branch), (&b"192.0.2.2"[..], Some(&b"390skdjuw"[..])));
    let vias: Vec<_> = frame.values(HeaderName::Via).map(|via| Via::parse(via).unwrap()).collect();
    let transports: Vec<_> = vias.iter().map(|via| via.transport_text).collect();
    assert_eq!(transports, [&b"UDP"[..], b"TCP", b"UDP"]);
    assert_eq!(vias[1].host, b"spindle.example.com");
    assert_eq!(vias[1].branch, Some(&b"z9hG4bK9ikj8"[..]));
    assert_eq!(vias[2].branch, Some(&b"z9hG4bK30239"[..]));
    assert_eq!(frame.first(HeaderName::Subject), Some(&b""[..]));
    assert_eq!(frame.named("unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
    let folded = unfold(frame.named("NewFangledHeader").unwrap());
    assert_eq!(folded.as_ref(), b"newfangled value continued newfangled value");
    let contact = frame.values(HeaderName::Contact).next().and_then(NameAddr::parse).unwrap();
    assert_eq!(contact.display, Some(&br#""Quoted string \"\"""#[..]));
    assert_eq!(contact.param("newparam"), Some(&b"newvalue"[..]));
    assert_eq!(contact.param("secondparam"), Some(&b""[..]));
    assert_eq!(contact.param("q"), Some(&b"0.33"[..]));
    let route = frame.values(HeaderName::Route).next().and_then(NameAddr::parse).unwrap();
    assert_eq!(Uri::parse(route.uri).unwrap().param("lr"), Some(None));
}

#[test]
fn intmeth_keeps_every_odd_octet() {
    let bytes = bytes("intmeth");
    let (frame, facts) = faultless(&bytes);
    assert_eq!(frame.method(), Some(Method::Extension));
    assert_eq!(frame.method_text(), Some(&b"!interesting-Method0123456789_*+`.%indeed'~"[..]));
    assert_eq!((facts.cseq, facts.cseq_method), (139_122_385, Method::Extension));
    assert!(facts.to.display.unwrap().contains(&0), "NUL in a quoted-pair stays");
    assert_eq!(facts.from_tag, Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(facts.call_id, br#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#);
    assert_eq!(facts.via.transport_text, b"TCP");
    let uri = Uri::parse(frame.uri().unwrap()).unwrap();
    assert_eq!(uri.user, Some(&b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..]));
    assert_eq!(uri.password, Some(&b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..]));
    assert_eq!(uri.host, Host::Name(b"example.com"));
    assert!(uri.params.is_empty());
    let reply =
        ReplyHead::new(&frame, Some(&facts), &path()).respond(501, "Not Implemented", None, false, &[], None);
    assert!(reply.windows(facts.to.display.unwrap().len()).any(|part| part == facts.to.display.unwrap()));
}

#[test]
fn escapes_are_undone_once_and_only_in_uris() {
    let esc01 = bytes("esc01");
    let (frame, _) = faultless(&esc01);
    let uri = Uri::parse(frame.uri().unwrap()).unwrap();
    assert_eq!(unescape(uri.user.unwrap()).as_ref(), b"sips:user@example.com");
    assert_eq!(uri.host, Host::Name(b"example.net"));
    let contact = frame.values(HeaderName::Contact).next().and_then(NameAddr::parse).unwrap();
    let contact = Uri::parse(contact.uri).unwrap();
    assert_eq!(contact.param("lr"), Some(None));
    assert_eq!(unescape(contact.param("name").flatten().unwrap()).as_ref(), b"value%41");

    let esc02 = bytes("esc02");
    let (frame, facts) = faultless(&esc02);
    assert_eq!(frame.method(), Some(Method::Extension), "RE%47IST%45R is not REGISTER");
    assert_eq!(frame.values(HeaderName::Contact).count(), 2);
    assert_eq!(frame.named("C%6Fntact"), Some(&b"<sip:alias2@host2.example.com>"[..]));
    assert_eq!(facts.from.display, Some(&br#""%Z%45""#[..]));

    let semiuri = bytes("semiuri");
    let (frame, _) = faultless(&semiuri);
    let uri = Uri::parse(frame.uri().unwrap()).unwrap();
    assert_eq!(unescape(uri.user.unwrap()).as_ref(), b"user;par=u@example.net");
    assert!(uri.params.is_empty());
    assert_eq!(frame.values(HeaderName::Accept).count(), 6);
}

#[test]
fn longreq_has_all_its_vias() {
    let bytes = bytes("longreq");
    let (frame, facts) = faultless(&bytes);
    assert_eq!(frame.values(HeaderName::Via).filter_map(Via::parse).count(), 34);
    assert_eq!(facts.from_tag.unwrap().len(), 155);
    assert_eq!(frame.body().len(), 150);
    let head = ReplyHead::new(&frame, Some(&facts), &path());
    let reply = head.respond(200, "OK", Some(b"mine"), true, &[], None);
    let reply = self::frame(&reply);
    assert_eq!(reply.values(HeaderName::Via).filter_map(Via::parse).count(), 34);
    assert_eq!(reply.facts().unwrap().to_tag, Some(&b"mine"[..]));
}

#[test]
fn bodies_are_framed_exactly() {
    assert_eq!(frame(&bytes("dblreq")).body(), b"", "what follows is noise");
    assert_eq!(frame(&bytes("mpart01")).body().len(), 553);
    assert_eq!(frame(&bytes("inv2543")).body().len(), 105, "no Content-Length: to the end of the datagram");
    assert_eq!(frame(&bytes("invut")).body().len(), 40);
}

#[test]
fn responses_keep_their_phrase() {
    let unreason = bytes("unreason");
    let StartLine::Response { status: 200, reason } = frame(&unreason).start() else {
        panic!("a 200 response");
    };
    assert!(core::str::from_utf8(reason).unwrap().starts_with("= 2**3 * 5**2"));
    let noreason = bytes("noreason");
    assert_eq!(frame(&noreason).start(), StartLine::Response { status: 100, reason: b"" });
}

#[test]
fn schemes_are_told() {
    for (name, scheme) in [("unkscm", &b"nobodyKnowsThisScheme"[..]), ("novelsc", b"soap.beep")] {
        let bytes = bytes(name);
        let (frame, _) = faultless(&bytes);
        let uri = frame.uri().unwrap();
        assert_eq!(Uri::parse(uri), Err(UriError::Scheme));
        assert_eq!(Uri::scheme_of(uri), Some(scheme));
    }
}

#[test]
fn parameters_belong_to_the_header_or_to_the_uri() {
    let contact = |bytes: &[u8]| {
        let frame = frame(bytes);
        let contact = frame.values(HeaderName::Contact).next().and_then(NameAddr::parse).unwrap();
        (
            contact.param("unknownparam").is_some(),
            Uri::parse(contact.uri).unwrap().param("unknownparam").is_some(),
        )
    };
    assert_eq!(contact(&bytes("cparam01")), (true, false));
    assert_eq!(contact(&bytes("cparam02")), (false, true));
    let regbadct = bytes("regbadct");
    assert!(frame(&regbadct).values(HeaderName::Contact).all(|contact| NameAddr::parse(contact).is_none()));
}

#[test]
fn whatever_is_refused_can_be_answered_without_its_facts() {
    for name in
        ["badinv01", "clerr", "quotbal", "insuf", "multi01", "mismatch02", "baddn", "badvers", "scalar02"]
    {
        let bytes = bytes(name);
        let request = frame(&bytes);
        let head = ReplyHead::new(&request, None, &path());
        let reply = head.respond(400, "Bad Request", Some(b"mine"), false, &[], None);
        let reply = frame(&reply);
        assert_eq!((reply.status(), reply.fault()), (Some(400), None), "{name}");
        for header in [HeaderName::CallId, HeaderName::CSeq, HeaderName::From] {
            assert_eq!(reply.first(header), request.first(header), "{name}");
            assert!(reply.headers().filter(|found| found.name == header).count() <= 1, "{name}");
        }
        if let Some(to) = request.first(HeaderName::To) {
            assert!(reply.first(HeaderName::To).unwrap().starts_with(to), "{name}");
        }
    }
}

fn path() -> offhook_core::wire::Path {
    offhook_core::wire::Path {
        transport: Transport::Udp,
        local: "192.0.2.200:5060".parse().unwrap(),
        remote: "192.0.2.201:5099".parse().unwrap(),
    }
}
