//! One datagram, read by everything that reads messages. What is read must be a part of what came, and what is
//! answered must be read as it was meant.

use offhook_core::wire::rsip as bridge;
use offhook_core::wire::text::is_token;
use offhook_core::wire::{
    Facts, Frame, FrameError, HeaderName, Host, NameAddr, NextHop, Params, Path, ReplyHead, StartLine, Tel,
    Uri, Via, WireLimits, multipart,
};

const TIGHT: WireLimits =
    WireLimits { message_octets_max: 1000, head_octets_max: 500, headers_max: 8, ..WireLimits::NONE };

pub(crate) fn run(octets: &[u8]) {
    let limits = WireLimits::default();
    let tight = Frame::parse(octets, &TIGHT);
    let frame = match Frame::parse(octets, &limits) {
        Ok(frame) => frame,
        Err(error) => {
            let other = tight.expect_err("what is no message is none within tighter limits");
            assert!(other == error || other == FrameError::TooLarge, "{other} or {error}");
            return;
        }
    };
    match tight {
        Ok(tight) if tight.fault().is_some_and(|fault| matches!(fault.status, 413 | 513)) => {}
        // Where the fields end early, so does what they say of the body; another fault may have come first.
        Ok(_) if frame.headers().count() > TIGHT.headers_max => {}
        Ok(tight) => assert_eq!((tight.fault(), tight.body()), (frame.fault(), frame.body())),
        Err(error) => assert_eq!(error, FrameError::TooLarge),
    }
    let part = |text: &[u8]| {
        let (whole, text) = (frame.bytes().as_ptr_range(), text.as_ptr_range());
        let within = whole.start <= text.start && text.end <= whole.end;
        assert!(within || text.is_empty(), "what is read must be a part of what came");
    };
    read(&frame, part);
    let facts = frame.facts();
    if let Ok(facts) = &facts {
        check_facts(facts, part);
    }
    bodies(&frame, part);
    cross(&frame);
    if frame.is_request() {
        reply(&frame, facts.as_ref().ok());
    }
}

/// A body is made of parts of itself, few and not deep, and what is found in it is one of them.
fn bodies(frame: &Frame<'_>, part: impl Fn(&[u8])) {
    for limits in
        [WireLimits::default(), WireLimits { body_parts_max: 2, body_depth_max: 1, ..WireLimits::NONE }]
    {
        let description = multipart::description(frame, &limits);
        part(description);
        let leaves = multipart::leaves(multipart::Entity::of(frame), &limits);
        assert!(leaves.len() <= limits.body_parts_max);
        for leaf in &leaves {
            part(leaf.body);
            part(leaf.head);
            leaf.headers().for_each(|(name, _)| part(name));
        }
        let nobody = multipart::check(frame, &|_| false, &limits);
        let anybody = multipart::check(frame, &|_| true, &limits);
        assert!(nobody.is_err() || anybody.is_ok(), "more is taken by who takes less");
    }
    for name in [HeaderName::Contact, HeaderName::From, HeaderName::ReferTo] {
        frame.addresses(name).for_each(&part);
    }
}

/// Through rsip and back: exactly the same, or an error.
fn cross(frame: &Frame<'_>) {
    let (request, response) = (bridge::to_rsip_request(frame), bridge::to_rsip_response(frame));
    assert!(frame.fault().is_none() || request.is_err() && response.is_err(), "what is wrong crosses");
    let back = match (request, response) {
        (Ok(request), Err(_)) => bridge::from_rsip_request(&request),
        (Err(_), Ok(response)) => bridge::from_rsip_response(&response),
        (Err(_), Err(_)) => return,
        (Ok(_), Ok(_)) => panic!("a request and a response at once"),
    };
    let Ok(back) = back else { return };
    let back = Frame::parse(&back, &WireLimits::NONE).expect("what came back is a message");
    assert_eq!((back.method_text(), back.status()), (frame.method_text(), frame.status()));
    assert_eq!((back.uri(), back.body(), back.fault()), (frame.uri(), frame.body(), None));
    let (ours, theirs) = (frame.facts().expect("it crossed"), back.facts().expect("it came back"));
    assert_eq!(
        (ours.call_id, ours.cseq, ours.cseq_method),
        (theirs.call_id, theirs.cseq, theirs.cseq_method)
    );
    assert_eq!(
        (ours.from_tag, ours.to_tag, ours.via.branch),
        (theirs.from_tag, theirs.to_tag, theirs.via.branch)
    );
}

fn read(frame: &Frame<'_>, part: impl Fn(&[u8])) {
    part(frame.body());
    match frame.start() {
        StartLine::Request { method_text, uri, .. } => {
            part(method_text);
            part(uri);
            assert!(is_token(method_text));
            if frame.fault().is_none() {
                assert!(!uri.iter().any(u8::is_ascii_whitespace));
            }
            read_uri(uri, &part);
        }
        StartLine::Response { status, reason } => {
            part(reason);
            assert!((100..700).contains(&status));
        }
    }
    let mut fields = 0;
    for header in frame.headers() {
        fields += 1;
        part(header.name_text);
        part(header.value);
        assert_eq!(HeaderName::from_text(header.name_text), header.name);
        let breaks = header.value.iter().any(|octet| matches!(octet, b'\r' | b'\n'));
        assert!(frame.is_folded() || !breaks, "a line break that the frame does not tell of");
        for value in frame.values(header.name) {
            part(value);
        }
        read_value(header.value, &part);
    }
    assert!(fields <= WireLimits::default().headers_max);
}

fn read_value(value: &[u8], part: &impl Fn(&[u8])) {
    if let Some(party) = NameAddr::parse(value) {
        part(party.uri);
        part(party.params);
        party.display.map(part);
        party.tag().map(part);
        read_uri(party.uri, part);
    }
    if let Some(via) = Via::parse(value) {
        check_via(&via, part);
    }
    for (name, value) in Params::new(value) {
        part(name);
        value.map(part);
    }
}

fn read_uri(text: &[u8], part: &impl Fn(&[u8])) {
    drop(bridge::to_rsip_uri(text));
    if let Some(tel) = Tel::parse(text) {
        let user = tel.to_sip("h");
        assert!(Uri::parse(&user).is_ok_and(|uri| uri.host == Host::Name(b"h") && uri.password.is_none()));
    }
    if let Ok(hop) = NextHop::of(text) {
        assert_eq!(Uri::parse(text).map(|uri| uri.is_sip()), Ok(true), "{hop:?}");
    }
    let Ok(uri) = Uri::parse(text) else { return };
    let scheme = uri.scheme;
    part(scheme);
    assert_eq!(Uri::scheme_of(text), Some(scheme));
    for text in [uri.user, uri.password, uri.headers, uri.transport()].into_iter().flatten() {
        part(text);
    }
    if let Host::Name(name) = uri.host {
        part(name);
    }
    for (name, value) in uri.params() {
        part(name);
        value.map(part);
    }
}

fn check_via(via: &Via<'_>, part: &impl Fn(&[u8])) {
    for text in [via.transport_text, via.host, via.params, via.raw] {
        part(text);
    }
    for text in [via.branch, via.received, via.maddr].into_iter().flatten() {
        part(text);
    }
}

fn check_facts(facts: &Facts<'_>, part: impl Fn(&[u8])) {
    check_via(&facts.via, &part);
    part(facts.call_id);
    for tag in [facts.from_tag, facts.to_tag].into_iter().flatten() {
        part(tag);
        assert!(is_token(tag));
    }
}

/// Every request can be answered, and the answer belongs to it.
fn reply(frame: &Frame<'_>, facts: Option<&Facts<'_>>) {
    let address = |text: &str| text.parse().expect("an address");
    let path = Path::udp(address("192.0.2.1:5060"), address("[2001:db8::1]:6060"));
    let head = ReplyHead::new(frame, facts, &path);
    let extra: &[(&str, &[u8])] = &[("Server", b"Offhook")];
    let body: Option<(&str, &[u8])> = Some(("text/plain", b"so it is"));
    let short = head.respond(400, "Bad Request", None, false, extra, None);
    if let Ok(short) = Frame::parse(&short, &WireLimits::NONE) {
        assert_eq!((short.fault(), short.first(HeaderName::ContentLength)), (None, Some(&b"0"[..])));
        assert_eq!(short.first(HeaderName::RecordRoute), None);
    }
    let answer = head.respond(400, "Bad Request", Some(b"ours"), true, extra, body);
    let read = Frame::parse(&answer, &WireLimits::NONE);
    let read = match read {
        Ok(read) => read,
        // Positions within a message have 16 bits.
        Err(FrameError::TooLarge) if answer.len() > 65_535 => return,
        Err(error) => panic!("the answer to a request cannot be read: {error}"),
    };
    assert_eq!((read.status(), read.fault(), read.is_folded()), (Some(400), None, false));
    assert_eq!(read.body(), b"so it is");
    let count = |frame: &Frame<'_>, name| frame.headers().filter(|header| header.name == name).count();
    for name in [HeaderName::Via, HeaderName::RecordRoute] {
        assert_eq!(count(&read, name), count(frame, name), "{name:?}");
    }
    let Some(facts) = facts else { return };
    ReplyHead::reply_path(&facts.via, &path);
    let echoed = read.facts().expect("what was right in the request is right in the answer");
    assert_eq!((echoed.cseq, echoed.call_id, echoed.from_tag), (facts.cseq, facts.call_id, facts.from_tag));
    assert_eq!(echoed.to_tag, facts.to_tag.or(Some(b"ours")));
    assert_eq!(echoed.via.branch, facts.via.branch);
}
