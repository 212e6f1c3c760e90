//! Header fields of the application, in and out, and the messages that events bring.

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event};

use super::{Desk, Message, Request, SDP, SessionId, calling, finish, respond};

const REASON: (&str, &str) = ("Reason", "Q.850;cause=16;text=\"done\"");

/// A call from the peer that waits for a decision; its INVITE.
fn called() -> (Desk, SessionId, Request) {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.news();
    (desk, session, invite)
}

/// The last event brought this message.
fn message(desk: &Desk) -> Option<std::sync::Arc<offhook_core::signaling::MessageDetails>> {
    match desk.events.last() {
        Some(
            Event::Ended { message, .. } | Event::Progress { message, .. } | Event::Answered { message, .. },
        ) => message.clone(),
        other => panic!("{other:?}"),
    }
}

fn ringing_and_answered(desk: &mut Desk, invite: &Message) {
    desk.feed(respond(invite, 180, "far", "X-Queue: 7\r\n", ""));
    desk.feed(respond(invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\nX-Agent: Zoe\r\n", SDP));
}

#[test]
fn every_response_to_an_invite_takes_header_fields() {
    let (mut desk, session, invite) = called();
    let now = desk.now;
    desk.core.answer_with(now, session, &[("X-Agent", "7"), ("P-Asserted-Identity", "<sip:a@b>")]).unwrap();
    desk.drain();
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.header("X-Agent")), ("200", "7"));
    assert_eq!(ok.header("P-Asserted-Identity"), "<sip:a@b>");
    desk.feed(invite.again("ACK").branch("ack").callee_tag(&ok.callee_tag()).text());
    desk.core.hangup_with(now, session, &[REASON]).unwrap();
    desk.drain();
    assert_eq!(desk.only().message.header("Reason"), REASON.1);
    finish(&mut desk);

    let (mut desk, session, _) = called();
    desk.core.reject_with(desk.now, session, 486, &[("Retry-After", "60"), REASON]).unwrap();
    desk.drain();
    let busy = desk.only().message;
    assert_eq!((busy.code().as_str(), busy.header("Retry-After")), ("486", "60"));
    assert_eq!(busy.header("Reason"), REASON.1);
}

#[test]
fn a_silent_call_rings_with_header_fields() {
    let silent = |_: &offhook_core::signaling::InviteDetails| {
        offhook_core::signaling::SignalingDecision::Defer(Default::default())
    };
    let mut desk = Desk::build(CoordinatorConfig::default(), silent, [7; 32], 4);
    desk.feed(Request::new("INVITE").sdp(SDP).text());
    let session = desk.incoming();
    desk.core.ring_with(desk.now, session, &[("Alert-Info", "<http://a/b>")]).unwrap();
    desk.drain();
    assert_eq!(desk.last("180").message.header("Alert-Info"), "<http://a/b>");
}

#[test]
fn a_cancel_says_why_even_if_it_has_to_wait() {
    for first in [true, false] {
        let (mut desk, session, invite) = calling(Desk::new());
        let ring = respond(&invite, 180, "far", "", "");
        if first {
            desk.feed(&ring);
        }
        desk.core.hangup_with(desk.now, session, &[("Reason", "SIP;cause=200;text=\"elsewhere\"")]).unwrap();
        desk.drain();
        if !first {
            assert!(desk.codes().is_empty(), "no CANCEL before a provisional response");
            desk.feed(&ring);
        }
        let cancel = desk.only().message;
        assert_eq!(cancel.code(), "CANCEL");
        assert_eq!(cancel.header("Reason"), "SIP;cause=200;text=\"elsewhere\"");
    }
}

#[test]
fn a_bye_that_waits_for_the_ack_says_why() {
    let (mut desk, session, invite) = called();
    desk.answer(session);
    desk.core.hangup_with(desk.now, session, &[REASON]).unwrap();
    desk.drain();
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200", "the BYE waits");
    desk.feed(invite.again("ACK").branch("ack").callee_tag(&ok.callee_tag()).text());
    assert_eq!(desk.only().message.header("Reason"), REASON.1);
    finish(&mut desk);
}

#[test]
fn no_command_lets_a_header_be_injected() {
    let evil: &[&[(&str, &str)]] = &[
        &[("X-A", "b\r\nContact: <sip:evil@e>")],
        &[("X-A\r\nVia", "b")],
        &[("Via", "x")],
        &[("i", "x")],
        &[("X-A", "\0")],
    ];
    let (mut desk, session, _) = called();
    for headers in evil {
        let now = desk.now;
        let outcomes = [
            desk.core.ring_with(now, session, headers),
            desk.core.answer_with(now, session, headers),
            desk.core.reject_with(now, session, 486, headers),
            desk.core.redirect_with(now, session, &["sip:a@b"], headers),
            desk.core.hangup_with(now, session, headers),
        ];
        for outcome in outcomes {
            assert!(
                matches!(
                    outcome,
                    Err(CommandError::BadArgument { what: "header name" | "header value", .. })
                ),
                "{headers:?}"
            );
        }
        desk.drain();
    }
    assert!(desk.codes().is_empty());
    assert_eq!(desk.told(), ["incoming"], "the call is as it was");
}

#[test]
fn a_refusal_brings_its_message() {
    let (mut desk, _, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 503, "far", "Retry-After: 120;duration=60\r\nX-Why: maintenance\r\n", ""));
    let message = message(&desk).expect("a refusal");
    assert_eq!(message.status(), Some(503));
    assert_eq!(message.retry_after(), Some(core::time::Duration::from_secs(120)));
    assert_eq!(message.header("x-why").as_deref(), Some("maintenance"));
}

#[test]
fn the_reason_of_a_bye_or_a_cancel_is_told() {
    let (mut desk, session, invite) = called();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    let bye = invite.again("BYE").cseq(2).branch("bye").callee_tag(&tag);
    desk.feed(bye.header("Reason: SIP;cause=503, Q.850;cause=41").text());
    let reasons = message(&desk).expect("it says why").reasons();
    assert_eq!(reasons.iter().map(|reason| reason.cause).collect::<Vec<_>>(), [Some(503), Some(41)]);

    let (mut desk, _, invite) = called();
    desk.feed(
        invite.again("CANCEL").header("Reason: SIP;cause=200;text=\"Call completed elsewhere\"").text(),
    );
    let reasons = message(&desk).expect("it says why").reasons();
    assert_eq!(reasons.first().and_then(|reason| reason.text.as_deref()), Some("Call completed elsewhere"));
}

#[test]
fn what_nobody_asked_for_is_not_kept() {
    let (mut desk, session, invite) = calling(Desk::new());
    ringing_and_answered(&mut desk, &invite);
    let kept = desk.events.iter().any(|event| {
        matches!(event, Event::Progress { message: Some(_), .. } | Event::Answered { message: Some(_), .. })
    });
    assert!(!kept);
    desk.hangup(session);
    assert!(message(&desk).is_none());
}

#[test]
fn messages_are_kept_for_who_wants_them() {
    let mut config = CoordinatorConfig::default();
    config.keep_messages = true;
    let (mut desk, session, invite) = calling(Desk::with(config));
    ringing_and_answered(&mut desk, &invite);
    let header = |event: &Event, name: &str| match event {
        Event::Progress { message: Some(message), .. } | Event::Answered { message: Some(message), .. } => {
            message.header(name).map(|value| value.into_owned())
        }
        _ => None,
    };
    let told: Vec<_> =
        desk.events.iter().map(|event| (header(event, "X-Queue"), header(event, "X-Agent"))).collect();
    assert_eq!(told, [(Some("7".into()), None), (None, Some("Zoe".into()))]);
    desk.hangup(session);
    finish(&mut desk);
}

/// RFC 3261 section 8.2.6.2: a response has From as it came. Where we write it ourselves it is written as the grammar wants it.
#[test]
fn a_name_without_the_quotes_that_it_needs_is_echoed_as_it_came_and_written_with_them() {
    for name in ["Bell, Alexander", "R & D (2nd floor)", "Smith; John"] {
        let mut desk = Desk::new();
        let invite = Request::new("INVITE").sdp(SDP);
        let from = format!("From: {name} <sip:peer@192.0.2.9>");
        desk.feed(invite.text().replace("From: <sip:peer@192.0.2.9>", &from));
        let ringing = desk.only().message;
        assert_eq!(ringing.code(), "180", "{name}");
        assert!(ringing.header("From").starts_with(&format!("{name} <sip:peer@192.0.2.9>")), "{ringing:?}");
        let Some(Event::Incoming { details, .. }) = desk.events.first() else { panic!("no call") };
        assert_eq!(details.from_display().as_deref(), Some(name));
        let session = desk.incoming();
        desk.answer(session);
        let ok = desk.last("200").message;
        assert_eq!(ok.header("From"), ringing.header("From"));
        desk.feed(invite.again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
        desk.hangup(session);
        let bye = desk.last("BYE").message;
        assert!(bye.header("To").starts_with(&format!("\"{name}\" <sip:peer@192.0.2.9>;tag=")), "{bye:?}");
    }
}
