//! What bad input gets: the right refusal or a counted drop, never a panic, never a session.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Counter, EndReason, Event, InviteParams};
use support::{Desk, GIVE_UP, Message, Request, SDP, SDP_NO_CODEC, SECOND, ms, peer, respond};

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
    for body in ["nonsense\r\n", &SDP.replace("v=0", "v=7"), &SDP.replace("audio 40000", "audio many"), "\0"] {
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

#[test]
fn what_exceeds_the_limits_is_dropped_and_counted() {
    let many = "X: y\r\n".repeat(257);
    let text = Request::new("INVITE").header(many.trim_end()).text();
    assert_eq!(dropped(text).core.counters().get(Counter::NotSip), 1);
    let mut config = CoordinatorConfig::default();
    config.limits.wire.message_octets_max = 500;
    let mut desk = Desk::with(config);
    desk.feed(Request::new("OPTIONS").header(&format!("X: {}", "y".repeat(500))).text());
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.core.counters().get(Counter::NotSip), 1);
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
        let request = Request::new(method).to_tag("nobody");
        assert_eq!(refused(&request.text()).code(), "481", "{method}");
    }
    assert_eq!(refused(&Request::new("BYE").text()).code(), "481", "a BYE without To tag");
    assert_eq!(refused(&Request::new("CANCEL").text()).code(), "481", "a CANCEL of nothing");
}

#[test]
fn a_dialog_is_known_by_all_its_parts() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.to_tag();
    desk.feed(invite.again("ACK").to_tag(&tag).branch("ack").text());
    desk.news();
    let bye = invite.again("BYE").cseq(2).to_tag(&tag);
    let mut other_tag = tag.clone();
    other_tag.replace_range(3..4, if tag.get(3..4) == Some("0") { "1" } else { "0" });
    let wrong = [
        ("another Call-ID", bye.clone().branch("a").call_id("other")),
        ("another From tag", bye.clone().branch("b").from_tag("other")),
        ("another To tag", bye.clone().branch("c").to_tag(&other_tag)),
        ("a longer To tag", bye.clone().branch("d").to_tag(&format!("{tag}0"))),
        ("a shorter To tag", bye.clone().branch("e").to_tag(&tag[..tag.len() - 1])),
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
    for method in ["REGISTER", "MESSAGE", "SUBSCRIBE", "NOTIFY", "INFO", "UPDATE", "PRACK", "REFER", "PUBLISH"] {
        let answer = refused(&Request::new(method).text());
        assert_eq!(answer.code(), "405", "{method}");
        assert_eq!(answer.header("Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS");
    }
}

#[test]
fn unknown_methods_get_501() {
    for method in ["NEWMETHOD", "invite", "Invite", "INVITE2", "x"] {
        let answer = refused(&Request::new(method).text());
        assert_eq!(answer.code(), "501", "{method}");
        assert_eq!(answer.header("Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS");
    }
}

#[test]
fn unknown_schemes_get_416() {
    for uri in ["tel:+15551234", "http://192.0.2.1/", "nobody:knows@this", "soap.beep://192.0.2.103:3002"] {
        for method in ["INVITE", "OPTIONS"] {
            let answer = refused(&Request::new(method).uri(uri).text());
            assert_eq!(answer.code(), "416", "{method} {uri}");
        }
    }
}

#[test]
fn required_extensions_get_420_with_unsupported() {
    for method in ["INVITE", "OPTIONS"] {
        let request = Request::new(method).header("Require: 100rel, nothingWeKnow").header("Require: third");
        let answer = refused(&request.text());
        assert_eq!(answer.code(), "420", "{method}");
        assert_eq!(answer.header("Unsupported"), "100rel, nothingWeKnow, third");
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

#[test]
fn other_bodies_get_415_with_accept() {
    for kind in ["text/plain", "application/unknown", "application/sdpx", "multipart/mixed;boundary=x"] {
        let answer = refused(&Request::new("INVITE").body(kind, "whatever").text());
        assert_eq!(answer.code(), "415", "{kind}");
        assert_eq!(answer.header("Accept"), "application/sdp");
    }
    let untyped = Request::new("INVITE").sdp(SDP).text().replace("Content-Type: application/sdp\r\n", "");
    assert_eq!(refused(&untyped).code(), "415");
}

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
    assert_eq!(wrong("NOTIFY", "tel:1"), "405");
    assert_eq!(wrong("INVITE", "tel:1"), "416");
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
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.to_tag();
    desk.feed(invite.again("ACK").to_tag(&tag).branch("ack").text());
    desk.news();
    desk.feed(invite.clone().cseq(2).to_tag(&tag).branch("two").sdp(SDP_NO_CODEC).text());
    let answer = desk.only().message;
    assert_eq!(answer.code(), "488");
    assert!(answer.header("Warning").starts_with("305 "));
    desk.feed(invite.again("ACK").cseq(2).to_tag(&tag).branch("two").text());
    desk.feed(invite.again("BYE").cseq(3).to_tag(&tag).branch("three").text());
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
    for other in [invite.clone().cseq(2), invite.clone().from_tag("x"), invite.clone().call_id("y")] {
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

// 503: too much.

fn overloaded(answer: &Message) {
    assert_eq!(answer.code(), "503");
    let seconds: u32 = answer.header("Retry-After").parse().unwrap();
    assert!(seconds > 0);
}

#[test]
fn above_the_limit_of_sessions_it_is_503() {
    let mut config = CoordinatorConfig::default();
    config.limits.sessions_max = 2;
    let mut desk = Desk::with(config);
    for name in ["a", "b"] {
        desk.feed(Request::new("INVITE").call_id(name).branch(name).sdp(SDP).text());
        assert_eq!(desk.codes(), ["180"]);
    }
    overloaded(&refused_by(&mut desk, &Request::new("INVITE").call_id("c").branch("c").sdp(SDP).text()));
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::Full { limit: 2 });
    assert_eq!(desk.codes(), [""; 0]);
    // A place that gets free is taken again.
    let session = desk.incoming();
    desk.reject(session, 486);
    desk.news();
    desk.feed(Request::new("INVITE").call_id("d").branch("d").sdp(SDP).text());
    assert_eq!(desk.codes(), ["180"]);
}

#[test]
fn one_source_may_have_only_so_many_calls_in_setup() {
    let mut config = CoordinatorConfig::default();
    config.limits.half_open_per_source_max = 2;
    let mut desk = Desk::with(config);
    let invite = |name: &str| Request::new("INVITE").call_id(name).branch(name).sdp(SDP);
    desk.feed(invite("a").text());
    desk.feed(invite("b").text());
    assert_eq!(desk.codes(), ["180", "180"]);
    overloaded(&refused_by(&mut desk, &invite("c").text()));
    // Other ports of the same host share its part; other hosts have their own.
    let via = |host: &str| format!("Via: SIP/2.0/UDP {host};branch=z9hG4bKd;rport\r\n");
    desk.feed_from("192.0.2.9:9999".parse().unwrap(), invite("d").via(&via("192.0.2.9:9999")).text());
    assert_eq!(desk.codes(), ["503"]);
    desk.feed_from("192.0.2.10:5060".parse().unwrap(), invite("e").via(&via("192.0.2.10")).text());
    assert_eq!(desk.codes(), ["180"]);
    // An answered call is not in set-up any more.
    let sessions = desk.core.registry().ids();
    desk.answer(sessions[0]);
    desk.news();
    desk.feed(invite("f").text());
    assert_eq!(desk.codes(), ["180"]);
    overloaded(&refused_by(&mut desk, &invite("g").text()));
    // Nor is one that was refused or cancelled.
    desk.reject(sessions[1], 603);
    desk.news();
    desk.feed(invite("h").text());
    assert_eq!(desk.codes(), ["180"]);
    desk.feed(invite("h").again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    desk.feed(invite("i").text());
    assert_eq!(desk.codes(), ["180"]);
}

#[test]
fn without_media_ports_it_is_503() {
    let mut desk = Desk::with_ports(1);
    desk.feed(Request::new("INVITE").call_id("a").branch("a").sdp(SDP).text());
    assert_eq!(desk.codes(), ["180"]);
    overloaded(&refused_by(&mut desk, &Request::new("INVITE").call_id("b").branch("b").sdp(SDP).text()));
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::NoMediaPort);
    assert_eq!(desk.core.registry().len(), 1);
    // Once there are ports again, calls come in again.
    desk.ports_left = 10;
    desk.feed(Request::new("INVITE").call_id("c").branch("c").sdp(SDP).text());
    desk.feed(Request::new("INVITE").call_id("d").branch("d").sdp(SDP).text());
    assert_eq!(desk.codes().last().unwrap(), "180");
}

#[test]
fn without_room_for_a_transaction_it_is_a_stateless_503() {
    let mut config = CoordinatorConfig::default();
    config.limits.transactions_max = 8;
    let mut desk = Desk::with(config);
    for n in 0..7 {
        desk.feed(Request::new("OPTIONS").branch(&format!("b{n}")).call_id(&format!("c{n}")).text());
    }
    assert_eq!(desk.codes(), ["200"; 7]);
    for n in 7..20 {
        let text = Request::new("OPTIONS").branch(&format!("b{n}")).call_id(&format!("c{n}")).text();
        assert_eq!(refused_by(&mut desk, &text).code(), "503");
    }
    assert_eq!(desk.core.transactions().len(), 7, "nothing is kept of them");
    desk.run_for(GIVE_UP);
    desk.feed(Request::new("OPTIONS").branch("later").text());
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn when_shutting_down_new_calls_get_503() {
    let mut desk = Desk::new();
    desk.core.shutdown(desk.now);
    desk.drain();
    assert_eq!(refused(&Request::new("INVITE").text().replace("INVITE", "OPTIONS")).code(), "200");
    assert_eq!(refused_by(&mut desk, &Request::new("INVITE").sdp(SDP).text()).code(), "503");
    let error = desk.invite(InviteParams::new("sip:peer@192.0.2.9")).unwrap_err();
    assert_eq!(error, CommandError::ShuttingDown);
}

// Answers that keep nothing.

#[test]
fn malformed_requests_leave_nothing_behind() {
    let mut desk = Desk::new();
    let text = Request::new("INVITE").sdp(SDP).text().replace("CSeq: 1 ", "CSeq: one ");
    for _ in 0..100 {
        assert_eq!(refused_by(&mut desk, &text).code(), "400", "each copy is answered anew");
    }
    assert!(desk.core.is_idle());
    assert_eq!(desk.core.poll_timeout(), None, "no timer runs");
    assert_eq!(desk.core.counters().get(Counter::BadRequest), 100);
}

#[test]
fn a_refused_invite_is_gone_when_its_ack_has_come() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP_NO_CODEC);
    desk.feed(invite.text());
    assert_eq!(desk.only().message.code(), "488");
    desk.feed(invite.again("ACK").text());
    desk.run_for(6 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.is_idle());
}

// An ACK is never answered (section 17).

#[test]
fn no_ack_is_ever_answered() {
    let good = Request::new("ACK").text();
    let acks = [
        good.clone(),
        Request::new("ACK").to_tag("nobody").text(),
        Request::new("ACK").uri("tel:1").text(),
        Request::new("ACK").header("Require: x").text(),
        Request::new("ACK").body("text/plain", "x").text(),
        good.replace("CSeq: 1 ACK", "CSeq: one ACK"),
        good.replace("CSeq: 1 ACK", "CSeq: 1 INVITE"),
        good.replace("Content-Length: 0", "Content-Length: 9"),
        good.replace("Content-Length: 0", "Content-Length: -1"),
        good.replace("192.0.2.1 SIP/2.0", "192.0.2.1 SIP/3.0"),
        good.replace("Call-ID: call\r\n", ""),
        good.replace("To: <sip:offhook@192.0.2.1>\r\n", ""),
        good.replace("ACK sip:offhook@192.0.2.1 SIP/2.0", "ACK SIP/2.0"),
        good.replace("ACK sip:offhook@192.0.2.1 SIP/2.0", "ACK  sip:offhook@192.0.2.1 SIP/2.0"),
    ];
    for text in acks {
        dropped(text);
    }
}

// No response is ever answered, and none makes a session.

#[test]
fn stray_responses_are_dropped_and_counted() {
    let mut desk = Desk::new();
    let request = Message::new(Request::new("INVITE").text().as_bytes());
    for n in 0..1_000_u16 {
        desk.feed(respond(&request, 100 + n % 600, "x", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.is_idle());
    assert_eq!(desk.core.counters().get(Counter::StrayResponse), 1_000);
}

#[test]
fn a_storm_of_responses_to_one_invite_makes_one_call() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let contact = "Contact: <sip:peer@192.0.2.9>\r\n";
    for _ in 0..500 {
        desk.feed(respond(&invite, 180, "peer", contact, ""));
        desk.feed(respond(&invite, 100, "", "", ""));
    }
    assert_eq!(desk.codes(), [""; 0], "a provisional response is not answered");
    assert_eq!(desk.core.registry().dialogs_len(), 1);
    for _ in 0..500 {
        desk.feed(respond(&invite, 200, "peer", contact, SDP));
    }
    let acks = desk.news();
    assert!(acks.iter().all(|sent| sent.message == acks[0].message), "the same ACK for each");
    assert_eq!(acks.len(), 500);
    assert_eq!(desk.core.registry().dialogs_len(), 1);
    assert_eq!(desk.told().iter().filter(|told| *told == "answered").count(), 1);
}

/// Whoever forges responses with ever new tags cannot make us remember them all, nor keep our call from being taken.
#[test]
fn a_storm_of_forks_is_bounded() {
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let contact = "Contact: <sip:peer@192.0.2.9>\r\n";
    for n in 0..1_000 {
        desk.feed(respond(&invite, 180, &format!("fork{n}"), contact, ""));
    }
    assert!(desk.core.registry().dialogs_len() <= 16, "{} early dialogs", desk.core.registry().dialogs_len());
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(respond(&invite, 200, "fork900", contact, SDP));
    assert_eq!(desk.codes(), ["ACK"], "a 2xx is always acknowledged (section 13.2.2.4)");
    assert_eq!(desk.told().last().unwrap(), "answered");
    desk.hangup(session);
    let bye = desk.only().message;
    assert_eq!(bye.to_tag(), "fork900");
    desk.feed(respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
}

#[test]
fn a_response_must_come_back_along_our_via_alone() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let ok = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
    let two = ok.replacen("Via:", "Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKx\r\nVia:", 1);
    desk.feed(two);
    let more = ok.replacen("From:", "Via: SIP/2.0/UDP 192.0.2.200;branch=z9hG4bKx\r\nFrom:", 1);
    desk.feed(more);
    let other = ok.replace(&invite.branch(), "z9hG4bKsomethingelse");
    desk.feed(other);
    let bye = ok.replace("INVITE\r\n", "BYE\r\n");
    desk.feed(bye);
    assert_eq!(desk.codes(), [""; 0], "section 18.1.2");
    assert!(desk.told().is_empty());
}

/// The transaction matches by branch, but the call is not the one that we made.
#[test]
fn a_response_with_our_branch_but_another_call_makes_no_dialog() {
    let mut desk = Desk::new();
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let ok = respond(&invite, 200, "peer", "Contact: <sip:peer@192.0.2.9>\r\n", SDP);
    for wrong in [
        ok.replace(invite.header("Call-ID"), "another"),
        ok.replace(&invite.from_tag(), "another"),
    ] {
        desk.feed(wrong);
        assert_eq!(desk.codes(), [""; 0]);
        assert!(desk.told().is_empty(), "{:?}", desk.told());
    }
    desk.feed(ok);
    assert_eq!(desk.codes(), ["ACK"]);
}

// Amplification: who forges a source must not gain by it.

#[test]
fn an_answer_is_hardly_larger_than_the_request() {
    let small = |method: &str| {
        format!(
            "{method} sip:a@b SIP/2.0\r\nv:SIP/2.0/UDP c;branch=z9hG4bKd\r\nf:<sip:a@b>;tag=c\r\nt:<sip:a@b>\r\n\
             i:c\r\nCSeq:1 {method}\r\nm:<sip:a@b>\r\n\r\n"
        )
    };
    let mut requests: Vec<String> = ["INVITE", "BYE", "CANCEL", "OPTIONS", "REGISTER", "NOBODY"].map(small).into();
    requests.push(small("OPTIONS").replace("SIP/2.0\r\nv", "SIP/9.0\r\nv"));
    requests.push(small("OPTIONS").replace("CSeq:1", "CSeq:x"));
    requests.push(small("INVITE").replace("sip:a@b SIP", "tel:1 SIP"));
    requests.push(small("INVITE").replace("m:", "Require:x\r\nm:"));
    requests.push("X y SIP/2.0\r\n\r\n".into());
    requests.push("X y SIP/2.0\r\nv:\r\n\r\n".into());
    for request in requests {
        let mut desk = Desk::new();
        desk.feed(&request);
        desk.run_for(ms(250));
        let news = desk.news();
        assert!(news.len() <= 1, "{} answers to {request}", news.len());
        for sent in news {
            let extra = sent.message.bytes.len().saturating_sub(request.len());
            assert!(extra <= 280, "{extra} octets more than\n{request}\n{:?}", sent.message);
        }
    }
}

/// A request is answered where it came from, whatever it says of itself; only the port is its own choice.
#[test]
fn answers_go_to_the_source_and_nowhere_else() {
    let vias = [
        ("203.0.113.5:7000", "192.0.2.9:7000"),
        ("203.0.113.5", "192.0.2.9:5060"),
        ("203.0.113.5;maddr=203.0.113.6", "192.0.2.9:5060"),
        ("203.0.113.5;received=203.0.113.6", "192.0.2.9:5060"),
        ("203.0.113.5:7000;rport", "192.0.2.9:6000"),
        ("203.0.113.5:7000;rport=8000;received=203.0.113.6", "192.0.2.9:6000"),
    ];
    for (via, expected) in vias {
        let mut desk = Desk::new();
        let via = format!("Via: SIP/2.0/UDP {via};branch=z9hG4bKone\r\n");
        desk.feed_from("192.0.2.9:6000".parse().unwrap(), Request::new("OPTIONS").via(&via).text());
        let answer = desk.only();
        assert_eq!(answer.to(), expected, "{via}");
        assert!(answer.message.all("Via")[0].contains(";received=192.0.2.9"), "{:?}", answer.message);
    }
}

// Text of the application with CR, LF or NUL is refused (no header can be smuggled in).

#[test]
fn line_breaks_and_nul_in_text_of_the_application_are_refused() {
    let mut desk = Desk::new();
    for evil in ["\r", "\n", "\0", "\r\nX-Evil: yes", "\r\n\r\nbody"] {
        let target = format!("sip:peer{evil}@192.0.2.9");
        let error = desk.invite(InviteParams::new(&target)).unwrap_err();
        assert!(matches!(error, CommandError::BadArgument { what: "target", .. }), "{error}");
        let value = format!("good{evil}bad");
        for headers in [[("Subject", value.as_str())], [(value.as_str(), "good")]] {
            let mut params = InviteParams::new("sip:peer@192.0.2.9");
            params.headers = &headers;
            let error = desk.invite(params).unwrap_err();
            assert!(matches!(error, CommandError::BadArgument { .. }), "{error}");
        }
        for set in [
            (|config, text| config.user = text) as fn(&mut CoordinatorConfig, String),
            |config, text| config.display_name = Some(text),
            |config, text| config.user_agent = text,
        ] {
            let mut config = CoordinatorConfig::default();
            set(&mut config, value.clone());
            let error = config.check().unwrap_err();
            assert!(matches!(error, CommandError::BadArgument { .. }), "{error}");
        }
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.is_idle());
}

/// Who drives the core and forgets to check its settings still cannot end a header line with them.
#[test]
fn unchecked_settings_smuggle_no_header_in() {
    let mut config = CoordinatorConfig::default();
    config.user = "a\r\nX-Evil: 1".into();
    config.display_name = Some("b\r\nX-Evil: 2".into());
    config.user_agent = "c\r\nX-Evil: 3\r\n\r\n".into();
    let mut desk = Desk::with(config);
    desk.call("sip:peer@192.0.2.9");
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    desk.feed(Request::new("OPTIONS").text());
    let session = desk.incoming();
    desk.answer(session);
    let news = desk.news();
    assert_eq!(news.len(), 4);
    for sent in news {
        assert!(!sent.message.has("X-Evil"), "{:?}", sent.message);
        assert_eq!(sent.message.text.matches("\r\n\r\n").count(), 1, "{:?}", sent.message);
    }
}

#[test]
fn headers_that_the_stack_writes_itself_are_refused() {
    let mut desk = Desk::new();
    for name in ["Via", "v", "FROM", "t", "Call-ID", "i", "CSeq", "Contact", "m", "Content-Length", "l", "Max-Forwards"] {
        let headers = [(name, "x")];
        let mut params = InviteParams::new("sip:peer@192.0.2.9");
        params.headers = &headers;
        let error = desk.invite(params).unwrap_err();
        assert!(matches!(error, CommandError::BadArgument { what: "header name", .. }), "{name}: {error}");
    }
    for name in ["", "two words", "colon:", "späth"] {
        let headers = [(name, "x")];
        let mut params = InviteParams::new("sip:peer@192.0.2.9");
        params.headers = &headers;
        assert!(desk.invite(params).is_err(), "{name}");
    }
    assert_eq!(desk.codes(), [""; 0]);
}

#[test]
fn what_is_no_sip_uri_cannot_be_called() {
    let mut desk = Desk::new();
    for target in ["", "peer", "sip:", "tel:+1555", "http://x/", "sip:a@b c", "sip:a@b?Subject=x", "<sip:a@b>", "sip:a@b:99999"] {
        let error = desk.invite(InviteParams::new(target)).unwrap_err();
        assert!(matches!(error, CommandError::BadArgument { what: "target", .. }), "{target}: {error}");
    }
    assert!(desk.core.is_idle());
}

#[test]
fn a_call_is_refused_with_a_final_status_only() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    desk.news();
    let session = desk.incoming();
    for status in [0, 99, 100, 180, 200, 299, 700, u16::MAX] {
        let error = desk.core.reject(desk.now, session, status).unwrap_err();
        assert!(matches!(error, CommandError::BadArgument { what: "status", .. }), "{error}");
        desk.drain();
    }
    assert_eq!(desk.codes(), [""; 0]);
    desk.reject(session, 302);
    assert_eq!(desk.codes(), ["302"]);
}

#[test]
fn commands_that_come_too_late_are_refused_in_words() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    let session = desk.incoming();
    desk.answer(session);
    let error = desk.core.answer(desk.now, session).unwrap_err();
    assert!(matches!(error, CommandError::WrongState { .. }), "{error}");
    assert_eq!(error.to_string(), "cannot answer a call that is answered");
    let error = desk.core.reject(desk.now, session, 486).unwrap_err();
    assert!(matches!(error, CommandError::WrongState { .. }), "{error}");
    desk.feed(Request::new("BYE").cseq(2).branch("bye").to_tag(&desk.last("200").message.to_tag()).text());
    assert_eq!(desk.core.answer(desk.now, session), Err(CommandError::NoSuchCall));
    assert_eq!(desk.core.send_dtmf(desk.now, session, "1"), Err(CommandError::NoSuchCall));
}

#[test]
fn a_name_that_cannot_be_found_ends_the_call_in_words() {
    let mut desk = Desk::new();
    desk.call("sip:peer@nowhere.example");
    desk.name_failed();
    match desk.events.last() {
        Some(Event::Ended { reason: EndReason::NameFailure, phrase, .. }) => assert_eq!(phrase, "nowhere.example"),
        other => panic!("{other:?}"),
    }
    desk.assert_all_gone();
}

#[test]
fn the_clock_does_not_go_backwards() {
    let mut desk = Desk::new();
    desk.run_for(10 * SECOND);
    desk.core.handle_timeout(desk.now);
    desk.core.handle_timeout(offhook_core::base::time::Instant::ZERO);
    assert_eq!(desk.core.counters().get(Counter::ClockBack), 1);
    desk.take_an_ordinary_call("ordinary");
}
