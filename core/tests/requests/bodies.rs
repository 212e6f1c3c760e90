//! Bodies of several parts, received and sent (RFC 5621).

use offhook_core::coordinator::{CoordinatorConfig, Event, InviteParams};
use offhook_core::signaling::{BodyPart, MessageDetails};

use super::support::SDP_OTHER_PORT;
use super::{Desk, Request, SDP, TARGET, active, calling, respond};

const ISUP: &str = "Content-Type: application/ISUP;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}ISUP";
const LOCATION: &str = "Content-Type: application/pidf+xml\r\nContent-ID: <alice@h>\r\n\r\n<presence/>";
const MIXED: &str = "multipart/mixed;boundary=\"a b:1\"";

fn sdp_part(sdp: &str) -> String {
    format!("Content-Type: application/sdp\r\n\r\n{sdp}")
}

/// A body with this boundary that [`MIXED`] names.
fn mixed(parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--a b:1\r\n{part}\r\n")).collect();
    format!("{parts}--a b:1--\r\n")
}

fn desk(body_types: &[&str]) -> Desk {
    let mut config = CoordinatorConfig::default();
    config.body_types = body_types.iter().map(|&kind| kind.into()).collect();
    config.keep_messages = true;
    Desk::with(config)
}

fn details(desk: &Desk) -> std::sync::Arc<MessageDetails> {
    let found = desk.events.iter().rev().find_map(|event| match event {
        Event::Incoming { details, .. } => Some(details.clone()),
        _ => None,
    });
    found.unwrap()
}

fn with_parts(request: &str, kind: &str) -> String {
    request.replacen("Content-Type: application/sdp\r\n", &format!("Content-Type: {kind}\r\n"), 1)
}

#[test]
fn a_call_with_more_than_a_description_is_taken_and_the_rest_is_read() {
    let mut desk = desk(&["application/pidf+xml"]);
    let nested =
        format!("Content-Type: multipart/alternative;boundary=in\r\n\r\n--in\r\n{}\r\n--in--", sdp_part(SDP));
    desk.feed(Request::new("INVITE").body(MIXED, &mixed(&[ISUP, &nested, LOCATION])).text());
    assert_eq!(desk.codes(), ["180"]);
    let details = details(&desk);
    assert!(details.has_offer());
    assert_eq!(details.description(), SDP.as_bytes());
    let parts = details.parts();
    let kinds: Vec<_> = parts.iter().map(|part| part.content_type.as_str()).collect();
    assert_eq!(kinds, ["application/ISUP;version=itu-t92+", "application/sdp", "application/pidf+xml"]);
    assert_eq!(parts[0].disposition.as_deref(), Some("signal;handling=optional"));
    assert_eq!(&parts[0].body[..], b"\x01ISUP");
    assert_eq!(parts[2].headers, [("Content-ID".to_string(), "<alice@h>".to_string())]);
    let session = desk.incoming();
    desk.answer(session);
    let ok = desk.last("200").message;
    assert_eq!(ok.header("Content-Type"), "application/sdp");
    assert!(ok.body().contains("m=audio "));
}

#[test]
fn a_part_that_must_be_handled_and_is_not_gets_415() {
    let body = mixed(&[&sdp_part(SDP), LOCATION]);
    for method in ["INVITE", "UPDATE"] {
        let (mut desk, request) = match method {
            "INVITE" => (Desk::new(), Request::new("INVITE")),
            _ => {
                let (desk, _, call) = active(Desk::new());
                (desk, call.again(method).cseq(2).branch(method))
            }
        };
        desk.feed(request.body(MIXED, &body).text());
        let refused = desk.only().message;
        assert_eq!(refused.code(), "415", "{method}");
        assert!(refused.header("Accept").starts_with("application/sdp, multipart/mixed, "), "{method}");
    }
    // A PRACK acknowledges before it brings anything: what matches nothing is told that, whatever it carries.
    let (mut callee, _, call) = active(Desk::new());
    let prack = call.again("PRACK").cseq(2).branch("PRACK").header("RAck: 1 1 INVITE");
    callee.feed(prack.body(MIXED, &body).text());
    assert_eq!(callee.only().message.code(), "481");
    // What the application takes stands in Accept, and is taken.
    let mut desk = desk(&["application/PIDF+xml"]);
    desk.feed(Request::new("INVITE").body(MIXED, &body).text());
    assert_eq!(desk.codes(), ["180"]);
    let unknown = Request::new("INVITE").branch("b").call_id("c2").body("text/html", "<p>");
    desk.feed(unknown.text());
    assert!(desk.only().message.header("Accept").ends_with(", application/PIDF+xml"));
    // A whole body that may be left aside is, and then there is no offer.
    let mut desk = Desk::new();
    let optional = Request::new("INVITE").header("Content-Disposition: icon;handling=optional");
    desk.feed(optional.body("image/png", "png").text());
    assert_eq!(desk.codes(), ["180"]);
    assert!(!details(&desk).has_offer());
    let session = desk.incoming();
    desk.answer(session);
    assert!(desk.last("200").message.body().contains("m=audio "), "our offer");
}

#[test]
fn what_is_too_much_or_no_body_of_parts_is_refused() {
    for (body, code) in [(mixed(&[ISUP; 33]), "413"), ("no boundary at all".to_string(), "400")] {
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").body(MIXED, &body).text());
        assert_eq!(desk.codes(), [code]);
    }
}

#[test]
fn a_description_is_found_in_every_message_that_may_bring_one() {
    let parts = |sdp: &str| mixed(&[ISUP, &sdp_part(sdp)]);
    // re-INVITE and UPDATE.
    for method in ["INVITE", "UPDATE"] {
        let (mut desk, _, call) = active(Desk::new());
        desk.feed(call.again(method).cseq(2).branch(method).body(MIXED, &parts(SDP_OTHER_PORT)).text());
        assert_eq!(desk.codes(), ["200"], "{method}");
        desk.feed(call.again("ACK").cseq(2).branch("ack2").text());
        assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002, "{method}");
    }
    // The ACK of a late offer.
    let mut desk = Desk::new();
    let invite = Request::new("INVITE");
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").body(MIXED, &parts(SDP_OTHER_PORT)).text());
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    assert!(desk.told().iter().all(|told| !told.starts_with("ended")));
    // 183 and 200, with or without a description of their own.
    let contact = format!("Contact: <{TARGET}>\r\n");
    let (mut desk, _, invite) = calling(Desk::new());
    desk.feed(with_parts(&respond(&invite, 183, "far", &contact, &parts(SDP)), MIXED));
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000);
    desk.feed(with_parts(&respond(&invite, 200, "far", &contact, &parts(SDP)), MIXED));
    assert_eq!(desk.codes(), ["ACK"]);
    let (mut desk, _, invite) = calling(Desk::new());
    desk.feed(with_parts(&respond(&invite, 183, "far", &contact, SDP), "application/sdp"));
    let nothing = with_parts(&respond(&invite, 200, "far", &contact, &mixed(&[ISUP])), MIXED);
    desk.feed(nothing);
    assert!(desk.codes().iter().any(|code| code == "ACK"));
    // A required part in a response cannot be refused.
    let (mut desk, _, invite) = calling(Desk::new());
    let strict = mixed(&[LOCATION, &sdp_part(SDP)]);
    desk.feed(with_parts(&respond(&invite, 200, "far", &contact, &strict), MIXED));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.told().last().unwrap(), "answered");
}

fn parts() -> [BodyPart; 2] {
    [
        BodyPart::new("application/isup;version=itu-t92+", &b"\x01\r\n--\0"[..])
            .disposition("signal;handling=optional"),
        BodyPart::new("application/pidf+xml", &b"<presence/>"[..]).header("Content-ID", "<me@h>"),
    ]
}

/// What a message of ours is made of, read back.
fn sent(message: &super::Message) -> Vec<BodyPart> {
    let at = message.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let body = bytes::Bytes::copy_from_slice(&message.bytes[at..]);
    assert_eq!(message.header("Content-Length"), body.len().to_string());
    BodyPart::read(message.header("Content-Type"), &body)
}

#[test]
fn parts_of_the_application_go_with_the_invite_and_with_the_answer() {
    let check = |message: &super::Message, described: bool| {
        assert!(message.header("Content-Type").starts_with("multipart/mixed;boundary="));
        let read = sent(message);
        let (first, rest) = read.split_at(usize::from(described));
        assert!(
            first.iter().all(|part| part.content_type == "application/sdp" && part.body.starts_with(b"v=0"))
        );
        assert_eq!(rest, parts());
    };
    for late_offer in [false, true] {
        let mut desk = Desk::new();
        let mut params = InviteParams::new("sip:peer@peer.example");
        params.late_offer = late_offer;
        let session = desk.invite(params).unwrap();
        desk.core.set_body_parts(desk.now, session, &parts()).unwrap();
        desk.name_found("192.0.2.9:5060");
        let invite = desk.only().message;
        check(&invite, !late_offer);
        assert!(desk.core.set_body_parts(desk.now, session, &parts()).is_err(), "it has left");
        // Sent elsewhere, they go along.
        desk.feed(respond(&invite, 302, "far", "Contact: <sip:carol@192.0.2.30>\r\n", ""));
        desk.drain();
        check(&desk.last("INVITE").message, !late_offer);
    }
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.core.set_body_parts(desk.now, session, &parts()).unwrap();
    desk.answer(session);
    let ok = desk.last("200").message;
    check(&ok, true);
    let call = invite.callee_tag(&ok.callee_tag());
    desk.feed(call.again("ACK").branch("ack").text());
    // What comes later has a description alone.
    desk.feed(call.again("INVITE").cseq(2).branch("re").sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.last("200").message.header("Content-Type"), "application/sdp");
}

#[test]
fn parts_that_cannot_be_sent_are_refused() {
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    let session = desk.incoming();
    for part in [
        BodyPart::new("text/plain\r\nX: y", &b""[..]),
        BodyPart::new("text/plain", &b""[..]).header("X\r\nY", "z"),
        BodyPart::new("text/plain", &b""[..]).header("X", "y\r\nZ: z"),
        BodyPart::new("text/plain", &b""[..]).disposition("icon\n"),
        BodyPart::new("text/plain", vec![b'x'; 40_000]),
    ] {
        assert!(
            desk.core.set_body_parts(desk.now, session, std::slice::from_ref(&part)).is_err(),
            "{part:?}"
        );
    }
    let many = vec![BodyPart::new("text/plain", &b"x"[..]); 32];
    assert!(desk.core.set_body_parts(desk.now, session, &many).is_err());
    desk.answer(session);
    assert_eq!(desk.last("200").message.header("Content-Type"), "application/sdp");
}
