//! What bad input gets (RFC 3261 section 8.2): the right refusal or a counted drop, never a panic, never a session.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "bad_input/commands.rs"]
mod commands;
#[path = "bad_input/floods.rs"]
mod floods;
#[path = "bad_input/overload.rs"]
mod overload;
#[path = "bad_input/stateless.rs"]
mod stateless;
mod support;

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Counter, EndReason, Event, InviteParams};
use support::{
    Desk, GIVE_UP, Message, Request, SDP, SDP_NO_CODEC, SDP_OTHER_PORT, SECOND, ms, peer, respond,
};

/// Feeds a request and returns the one response that comes of it. Whatever it was, no session came of it, and an
/// ordinary call still goes through.
fn refused(request: &str) -> Message {
    refused_by(&mut Desk::new(), request)
}

fn refused_by(desk: &mut Desk, request: &str) -> Message {
    let sessions = desk.core.registry().len();
    desk.feed(request);
    let answer = desk.only();
    assert_eq!(desk.core.registry().len(), sessions, "no session comes of it");
    assert_eq!(answer.path.remote, peer());
    let message = answer.message;
    if request.contains("Via:") && request.contains("From:") {
        let asked = Message::new(request.as_bytes());
        for name in ["From", "Call-ID", "CSeq"] {
            assert_eq!(asked.all(name).first(), message.all(name).first(), "{name} in\n{message:?}");
        }
        assert!(!asked.has("To") || message.has_to_tag(), "no To tag in\n{message:?}");
    }
    message
}

/// Feeds what must not be answered.
fn dropped(text: impl AsRef<[u8]>) -> Desk {
    let mut desk = Desk::new();
    desk.feed(text);
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.events.is_empty());
    assert!(desk.core.is_idle(), "nothing is kept");
    desk
}

// 400: malformed, but it can be answered (RFC 3261 section 21.4.1).

#[test]
fn malformed_requests_get_400() {
    let good = Request::new("INVITE").sdp(SDP).text();
    let cases = [
        ("no To", good.replace("To: <sip:offhook@192.0.2.1>\r\n", "")),
        ("no From", good.replace("From: <sip:peer@192.0.2.9>;tag=peer\r\n", "")),
        ("no Call-ID", good.replace("Call-ID: call\r\n", "")),
        ("no CSeq", good.replace("CSeq: 1 INVITE\r\n", "")),
        ("no Via", good.replace("Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKone\r\n", "")),
        ("no Contact", good.replace("Contact: <sip:peer@192.0.2.9:5060>\r\n", "")),
        ("bad Contact", good.replace("<sip:peer@192.0.2.9:5060>", "<sip:>")),
        ("empty Call-ID", good.replace("Call-ID: call", "Call-ID:")),
        ("two Call-IDs", good.replace("Call-ID: call\r\n", "Call-ID: call\r\nCall-ID: other\r\n")),
        ("two From", good.replace("To:", "From: <sip:x@192.0.2.8>;tag=x\r\nTo:")),
        ("bad To", good.replace("To: <sip:offhook@192.0.2.1>", "To: <sip:offhook@192.0.2.1")),
        ("CSeq of another method", good.replace("1 INVITE", "1 OPTIONS")),
        ("CSeq no number", good.replace("CSeq: 1 ", "CSeq: one ")),
        ("CSeq too large", good.replace("CSeq: 1 ", "CSeq: 2147483648 ")),
        ("CSeq far too large", good.replace("CSeq: 1 ", "CSeq: 4294967297 ")),
        ("Max-Forwards no number", good.replace("Max-Forwards: 70", "Max-Forwards: many")),
        ("Max-Forwards too large", good.replace("Max-Forwards: 70", "Max-Forwards: 256")),
        ("negative Content-Length", good.replace("Content-Length: ", "Content-Length: -")),
        ("two Content-Lengths", good.replace("Content-Length", "Content-Length: 3\r\nContent-Length")),
        ("no header line", good.replace("CSeq:", "what is this\r\nCSeq:")),
        ("no colon", good.replace("Call-ID: call", "Call-ID call")),
        ("no URI", good.replace("INVITE sip:offhook@192.0.2.1 SIP/2.0", "INVITE SIP/2.0")),
        ("blank in the URI", good.replace("sip:offhook@192.0.2.1 SIP", "sip:off hook@192.0.2.1 SIP")),
        ("no version", good.replace(" SIP/2.0\r\nVia", "\r\nVia")),
        ("bad host", good.replace("sip:offhook@192.0.2.1 SIP", "sip:offhook@ SIP")),
        ("no end of headers", good.split("\r\n\r\n").next().unwrap().to_string() + "\r\n"),
    ];
    for (what, text) in cases {
        assert_ne!(text, good, "{what}: nothing was changed");
        assert_eq!(refused(&text).code(), "400", "{what}");
    }
}

#[test]
fn an_unreadable_session_description_gets_400() {
    for body in ["nonsense\r\n", &SDP.replace("v=0", "v=7"), &SDP.replace("audio 40000", "audio many"), "\0"]
    {
        let answer = refused(&Request::new("INVITE").sdp(body).text());
        assert_eq!(answer.code(), "400", "{body}");
    }
}

#[test]
fn an_unknown_version_gets_505() {
    let text = Request::new("OPTIONS").text().replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/3.0");
    assert_eq!(refused(&text).code(), "505");
}

// What cannot be answered is dropped and counted.

#[test]
fn what_is_no_sip_is_dropped_and_counted() {
    let noise: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n",
        b"\x80\x00\x12\x34\0\0\0\x01\0\0\0\x02audio",
        b"hello",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 99 Too Low\r\n\r\n",
        b"\0\0\0\0",
        b"\xFF\xFF\xFF\xFF\r\n\r\n",
    ];
    for bytes in noise {
        let desk = dropped(bytes);
        assert_eq!(desk.core.counters().get(Counter::NotSip), 1, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn keep_alives_are_counted() {
    for bytes in ["\r\n\r\n", "\r\n", "\n", ""] {
        assert_eq!(dropped(bytes).core.counters().get(Counter::KeepAlive), 1);
    }
}

/// What phones and servers send to keep a NAT's binding open, or to learn their own address, at the port of SIP.
#[test]
fn what_keeps_a_binding_open_is_no_bad_sip() {
    // A binding request of RFC 8489: type, length, magic cookie, transaction id.
    let stun = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
    for (bytes, counter) in [
        (&b"\r\n\r\n\r\n"[..], Counter::KeepAlive),
        (b"\0", Counter::NotSip),
        (b"\0\0\0\0", Counter::NotSip),
        (b"jaK", Counter::NotSip),
        (stun, Counter::NotSip),
    ] {
        let desk = dropped(bytes);
        assert_eq!(desk.core.counters().get(counter), 1, "{bytes:?}");
        assert_eq!(desk.core.counters().get(Counter::BadRequest), 0, "{bytes:?}");
    }
    // Nor does it disturb a call.
    let mut desk = Desk::new();
    desk.feed(stun);
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    desk.feed(stun);
    assert_eq!(desk.codes(), ["180"]);
}

#[test]
fn what_exceeds_a_limit_is_answered_and_counted() {
    let many = |line: &str| Request::new("INVITE").header(line.repeat(300).trim_end()).text();
    let long = |octets: usize| format!("X: {}", "y".repeat(octets));
    let vias = "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKx\r\n";
    for (what, text, status) in [
        ("header fields", many("X: y\r\n"), "513"),
        ("Vias", many(vias), "513"),
        (
            "Vias before all else",
            many("X: y\r\n").replacen("Via:", &format!("{}Via:", vias.repeat(300)), 1),
            "513",
        ),
        ("octets in a header field", Request::new("INVITE").header(&long(17_000)).text(), "513"),
        (
            "octets in the Request-URI",
            Request::new("INVITE").uri(&format!("sip:{}@x", "y".repeat(17_000))).text(),
            "414",
        ),
    ] {
        for method in ["INVITE", "OPTIONS", "BYE", "SUBSCRIBE", "PING"] {
            let sent = refused(&text.replace("INVITE", method));
            assert_eq!(sent.code(), status, "{what} of {method}");
        }
        assert_eq!(
            dropped(text.replace("INVITE", "ACK")).core.counters().get(Counter::BadRequest),
            1,
            "{what}"
        );
    }
    for (text, status) in [
        (Request::new("OPTIONS").header(&long(500)).text(), "513"),
        (Request::new("MESSAGE").body("text/plain", &"y".repeat(500)).text(), "413"),
    ] {
        let mut config = CoordinatorConfig::default();
        config.limits.wire.message_octets_max = 500;
        let mut desk = Desk::with(config);
        desk.feed(text);
        assert_eq!(desk.codes(), [status]);
        assert_eq!(desk.core.counters().get(Counter::BadRequest), 1);
    }
}

#[test]
fn a_response_with_too_many_header_fields_is_none() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    desk.feed(respond(&invite, 180, "far", &"X: y\r\n".repeat(300), ""));
    assert!(desk.told().is_empty());
    assert_eq!(desk.core.counters().get(Counter::BadResponse), 1);
}

// A datagram that ends before its Content-Length (section 18.3).

#[test]
fn a_truncated_request_gets_400() {
    let text = Request::new("INVITE").sdp(SDP).text();
    for lost in [1, 20, SDP.len()] {
        assert_eq!(refused(&text[..text.len() - lost]).code(), "400", "{lost} octets lost");
    }
}

#[test]
fn a_truncated_response_is_discarded() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let ok = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
    desk.feed(&ok[..ok.len() - 1]);
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.told().is_empty());
    assert_eq!(desk.core.counters().get(Counter::BadResponse), 1);
    desk.feed(&ok);
    assert_eq!(desk.codes(), ["ACK"]);
}

#[test]
fn octets_after_the_body_are_ignored() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text() + "INVITE sip:x@y SIP/2.0\r\n\r\n");
    assert_eq!(desk.codes(), ["180"]);
}

// 481 (section 12.2.2).

#[test]
fn requests_for_no_dialog_get_481() {
    for method in ["INVITE", "BYE", "OPTIONS"] {
        let request = Request::new(method).callee_tag("nobody");
        assert_eq!(refused(&request.text()).code(), "481", "{method}");
    }
    assert_eq!(refused(&Request::new("BYE").text()).code(), "481", "a BYE without To tag");
    assert_eq!(refused(&Request::new("CANCEL").text()).code(), "481", "a CANCEL of nothing");
}

#[test]
fn a_dialog_is_known_by_all_its_parts() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    let (_, tag) = desk.up(&invite);
    let bye = invite.again("BYE").cseq(2).callee_tag(&tag);
    let with_another_digit_at = |place: usize| {
        let mut other = tag.clone();
        let digit = if tag.get(place..=place) == Some("0") { "1" } else { "0" };
        other.replace_range(place..=place, digit);
        other
    };
    let wrong = [
        ("another Call-ID", bye.clone().branch("a").call_id("other")),
        ("another From tag", bye.clone().branch("b").caller_tag("other")),
        ("a To tag of another session", bye.clone().branch("c").callee_tag(&with_another_digit_at(3))),
        // The first half says where the session is; the second is what a stranger would have to guess.
        ("a To tag with a guessed secret", bye.clone().branch("g").callee_tag(&with_another_digit_at(20))),
        ("a longer To tag", bye.clone().branch("d").callee_tag(&format!("{tag}0"))),
        ("a shorter To tag", bye.clone().branch("e").callee_tag(&tag[..tag.len() - 1])),
    ];
    for (what, request) in wrong {
        desk.feed(request.text());
        assert_eq!(desk.codes(), ["481"], "{what}");
    }
    desk.feed(bye.branch("f").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.assert_all_gone();
}

// 405, 501, 416, 420, 415, 406 (section 8.2), in that order of precedence.

#[test]
fn known_methods_that_are_not_offered_get_405_with_allow() {
    for method in ["REGISTER", "MESSAGE", "PUBLISH"] {
        let answer = refused(&Request::new(method).text());
        assert_eq!(answer.code(), "405", "{method}");
        assert_eq!(answer.header("Allow"), support::ALLOW);
    }
}

#[test]
fn what_belongs_into_a_dialog_gets_481_outside() {
    for method in ["BYE", "UPDATE", "PRACK", "NOTIFY", "INFO"] {
        assert_eq!(refused(&Request::new(method).text()).code(), "481", "{method}");
    }
}

/// RFC 3261 section 8.2.1.
#[test]
fn unknown_methods_get_501() {
    for method in ["NEWMETHOD", "invite", "Invite", "INVITE2", "x"] {
        let answer = refused(&Request::new(method).text());
        assert_eq!(answer.code(), "501", "{method}");
        assert_eq!(answer.header("Allow"), support::ALLOW);
    }
}

/// RFC 3261 section 8.2.2.1.
#[test]
fn unknown_schemes_get_416() {
    for uri in
        ["mailto:a@192.0.2.1", "http://192.0.2.1/", "nobody:knows@this", "soap.beep://192.0.2.103:3002"]
    {
        for method in ["INVITE", "OPTIONS"] {
            let answer = refused(&Request::new(method).uri(uri).text());
            assert_eq!(answer.code(), "416", "{method} {uri}");
        }
    }
}

/// RFC 3261 section 8.2.2.3.
#[test]
fn required_extensions_get_420_with_unsupported() {
    for method in ["INVITE", "OPTIONS"] {
        let request = Request::new(method).header("Require: 100rel, nothingWeKnow").header("Require: third");
        let answer = refused(&request.text());
        assert_eq!(answer.code(), "420", "{method}");
        assert_eq!(answer.header("Unsupported"), "nothingWeKnow, third");
    }
    let proxy = Request::new("OPTIONS").header("Proxy-Require: 100rel");
    assert_eq!(refused(&proxy.text()).code(), "200", "Proxy-Require is for proxies");
    let supported = Request::new("OPTIONS").header("Supported: 100rel");
    assert_eq!(refused(&supported.text()).code(), "200", "Supported asks for nothing");
}

#[test]
fn a_cancel_with_require_is_taken_all_the_same() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    desk.news();
    desk.feed(invite.again("CANCEL").header("Require: 100rel").text());
    assert_eq!(desk.codes(), ["200", "487"], "section 8.2.2.3: not in a CANCEL, not in an ACK for a non-2xx");
}

/// RFC 3261 section 8.2.3.
#[test]
fn other_bodies_get_415_with_accept() {
    for kind in ["text/plain", "application/unknown", "application/sdpx"] {
        let answer = refused(&Request::new("INVITE").body(kind, "whatever").text());
        assert_eq!(answer.code(), "415", "{kind}");
        let accept = "application/sdp, multipart/mixed, multipart/alternative, multipart/related";
        assert_eq!(answer.header("Accept"), accept);
    }
    let answer = refused(&Request::new("INVITE").body("multipart/mixed;boundary=x", "whatever").text());
    assert_eq!((answer.code().as_str(), answer.reason().as_str()), ("400", "Malformed Multipart Body"));
    let untyped = Request::new("INVITE").sdp(SDP).text().replace("Content-Type: application/sdp\r\n", "");
    assert_eq!(refused(&untyped).code(), "415");
}

/// RFC 3261 section 8.2.3.
#[test]
fn encoded_bodies_get_415_with_accept_encoding() {
    let answer = refused(&Request::new("INVITE").header("Content-Encoding: gzip").sdp(SDP).text());
    assert_eq!(answer.code(), "415");
    assert_eq!(answer.header("Accept-Encoding"), "identity");
}

#[test]
fn the_type_of_a_body_is_read_without_case_and_parameters() {
    for kind in ["Application/SDP", "application / sdp", "application/sdp;charset=utf-8"] {
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").body(kind, SDP).text());
        assert_eq!(desk.codes(), ["180"], "{kind}");
    }
}

#[test]
fn a_caller_who_takes_no_session_description_gets_406() {
    assert_eq!(refused(&Request::new("INVITE").header("Accept: text/plain").sdp(SDP).text()).code(), "406");
    for accept in ["application/sdp", "text/plain, application/sdp;level=1", "*/*", "application/*"] {
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").header(&format!("Accept: {accept}")).sdp(SDP).text());
        assert_eq!(desk.codes(), ["180"], "{accept}");
    }
}

/// Section 8.2: first the method, then the Request-URI, then the extensions, then the body.
#[test]
fn the_first_thing_wrong_is_the_one_told() {
    let wrong = |method: &str, uri: &str| {
        let request = Request::new(method).uri(uri).header("Require: x").body("text/plain", "y");
        refused(&request.text()).code()
    };
    assert_eq!(wrong("PUBLISH", "urn:x"), "405");
    assert_eq!(wrong("INVITE", "urn:x"), "416");
    assert_eq!(wrong("INVITE", "sip:offhook@192.0.2.1"), "420");
}

// 488 with Warning (section 20.43).

#[test]
fn offers_without_a_common_codec_get_488_with_warning() {
    let answer = refused(&Request::new("INVITE").sdp(SDP_NO_CODEC).text());
    assert_eq!(answer.code(), "488");
    assert!(answer.header("Warning").starts_with("305 "), "{}", answer.header("Warning"));
    let cases = [
        ("304", SDP.replace("m=audio", "m=video")),
        ("304", SDP.replace("audio 40000", "audio 0")),
        ("302", SDP.replace("RTP/AVP", "RTP/SAVP")),
        ("301", SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP6 2001:db8::9")),
        ("301", SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 224.2.1.1/127")),
    ];
    for (code, sdp) in cases {
        let answer = refused(&Request::new("INVITE").sdp(&sdp).text());
        assert_eq!(answer.code(), "488", "{sdp}");
        assert!(answer.header("Warning").starts_with(code), "{} for {sdp}", answer.header("Warning"));
    }
}

#[test]
fn a_reinvite_without_a_common_codec_gets_488_and_the_call_lives() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    let (_, tag) = desk.up(&invite);
    desk.feed(invite.clone().cseq(2).callee_tag(&tag).branch("two").sdp(SDP_NO_CODEC).text());
    let answer = desk.only().message;
    assert_eq!(answer.code(), "488");
    assert!(answer.header("Warning").starts_with("305 "));
    desk.feed(invite.again("ACK").cseq(2).callee_tag(&tag).branch("two").text());
    desk.feed(invite.again("BYE").cseq(3).callee_tag(&tag).branch("three").text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
    desk.assert_all_gone();
}

// 482 (section 8.2.2.2).

#[test]
fn a_copy_that_took_another_way_gets_482() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    assert_eq!(desk.codes(), ["180"]);
    let copy = invite.clone().branch("other-way").text();
    assert_eq!(refused_by(&mut desk, &copy).code(), "482");
    assert_eq!(desk.core.counters().get(Counter::Merged), 1);
    // Neither is disturbed: the call can be taken, and the copy's ACK ends the copy.
    desk.feed(invite.again("ACK").branch("other-way").text());
    let session = desk.incoming();
    desk.answer(session);
    assert_eq!(desk.codes(), ["200"]);
    let later = invite.clone().branch("third-way").text();
    assert_eq!(refused_by(&mut desk, &later).code(), "482", "the transaction is still there");
    // Another number, tag or Call-ID is another request.
    for other in [invite.clone().cseq(2), invite.clone().caller_tag("x"), invite.clone().call_id("y")] {
        desk.feed(other.branch("fourth").text());
        assert_eq!(desk.codes(), ["180"]);
        for session in desk.core.registry().ids() {
            desk.core.reject(desk.now, session, 486).ok();
        }
        desk.drain();
        desk.run_for(GIVE_UP);
        desk.news();
    }
}

// What cannot be refused is not judged by what nobody needs of it.

/// RFC 3261 section 8.2.2 has malformed header fields ignored that are not needed. A request may be refused for them; without a
/// response, or an ACK, the other side would have a call and we none.
#[test]
fn a_response_or_an_ack_with_a_line_that_is_no_header_field_is_taken() {
    for line in [
        "what is this\r\n",
        "X Y: z\r\n",
        ": z\r\n",
        "Max-Forwards: many\r\n",
        "Max-Forwards: 70\r\nMax-Forwards: 69\r\n",
    ] {
        let mut desk = Desk::new();
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        desk.feed(respond(&invite, 200, "peer", &format!("Contact: <sip:peer@192.0.2.9>\r\n{line}"), SDP));
        assert_eq!(desk.codes(), ["ACK"], "{line}");
        let mut desk = Desk::new();
        let invite = Request::new("INVITE").sdp(SDP);
        let (_, tag) = desk.answered(&invite);
        let ack = invite.again("ACK").callee_tag(&tag).branch("ack").text();
        desk.feed(ack.replace("CSeq:", &format!("{line}CSeq:")));
        assert_eq!(desk.told().last().unwrap(), "confirmed", "{line}");
        // What is needed must be there.
        let mut desk = Desk::new();
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        let broken = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
        desk.feed(broken.replace("CSeq:", "CSeq"));
        assert_eq!(desk.core.counters().get(Counter::BadResponse), 1);
    }
}

/// A response may be as long as a datagram. What looks at each value of a list goes through it once: it took seconds for one, in which nobody else
/// was served.
#[test]
fn a_list_of_thousands_of_values_costs_as_much_as_its_octets() {
    let mut config = CoordinatorConfig::default();
    config.redirects_max = 5;
    let names = "a,".repeat(30_000);
    let places: String = (0..5_000).map(|n| format!("<sip:{n}@h>,")).collect();
    let marks = ";".repeat(60_000);
    for (list, calls) in [(&names, 1), (&places, 2), (&marks, 1)] {
        let mut desk = Desk::with(config.clone());
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        desk.feed(respond(&invite, 302, "far", &format!("Contact: {list}\r\n"), ""));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.asked.len() + 1, calls, "the first place, if there is one");
        let mut desk = Desk::new();
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        let lines = format!("Contact: <sip:x@192.0.2.9>\r\nRecord-Route: {list}\r\n");
        desk.feed(respond(&invite, 180, "far", &lines, ""));
        desk.feed(Request::new("REFER").header(&format!("Refer-To: {}", &list[..14_000])).text());
        desk.feed(
            Request::new("INVITE").header(&format!("Record-Route: {}", &list[..14_000])).sdp(SDP).text(),
        );
        assert_eq!(desk.codes(), ["400", "400"]);
    }
}
