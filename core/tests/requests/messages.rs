//! MESSAGE (RFC 3428), in a call and out of it.

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event};
use offhook_core::wire::Method;

use super::{Desk, Request, active, finish, respond};

fn wanting() -> Desk {
    let mut config = CoordinatorConfig::default();
    config.messages = true;
    Desk::with(config)
}

fn heard(desk: &Desk) -> Vec<(bool, String, String)> {
    let say = |event: &Event| match event {
        Event::Message { session, message } => {
            let body = String::from_utf8_lossy(message.body()).into_owned();
            Some((session.is_some(), message.from_uri().into_owned(), body))
        }
        _ => None,
    };
    desk.events.iter().filter_map(say).collect()
}

/// RFC 3428 section 7.
#[test]
fn a_message_is_taken_in_a_call_and_out_of_it() {
    let (mut desk, session, call) = active(wanting());
    let alone = Request::new("MESSAGE").call_id("m").no_contact().body("text/plain", "Hi");
    desk.feed(alone.text());
    desk.feed(alone.text());
    let sent = desk.news();
    assert_eq!(
        sent.iter().map(|it| it.message.code()).collect::<Vec<_>>(),
        ["200", "200"],
        "once and its repeat"
    );
    assert!(sent.iter().all(|it| !it.message.has("Contact") && it.message.has_to_tag()));
    desk.feed(call.again("MESSAGE").cseq(2).branch("m2").body("text/plain", "there").text());
    assert_eq!(desk.codes(), ["200"]);
    let from = String::from("sip:peer@192.0.2.9");
    assert_eq!(heard(&desk), [(false, from.clone(), "Hi".into()), (true, from, "there".into())]);
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn a_message_that_comes_by_two_ways_is_heard_once() {
    let mut desk = wanting();
    let message = Request::new("MESSAGE").call_id("m").body("text/plain", "Hi");
    desk.feed(message.clone().branch("left").text());
    desk.feed(message.clone().branch("right").text());
    assert_eq!(desk.codes(), ["200", "482"]);
    assert_eq!(heard(&desk).len(), 1);
    desk.run_for(super::support::GIVE_UP + super::SECOND);
    desk.feed(message.branch("late").text());
    assert_eq!(desk.codes(), ["200"], "nothing is remembered for ever");
    desk.assert_all_gone();
}

#[test]
fn who_wants_no_messages_says_so() {
    let (mut desk, _, call) = active(Desk::new());
    desk.feed(Request::new("MESSAGE").call_id("m").body("text/plain", "Hi").text());
    desk.feed(call.again("MESSAGE").cseq(2).branch("m2").body("text/plain", "there").text());
    for sent in desk.news() {
        assert_eq!(sent.message.code(), "405");
        assert!(!sent.message.header("Allow").contains("MESSAGE"));
        assert!(sent.message.header("Allow").contains("INFO"));
    }
    assert!(heard(&desk).is_empty());
}

#[test]
fn a_message_that_cannot_be_read_is_refused() {
    let mut desk = wanting();
    desk.feed(
        Request::new("MESSAGE").branch("1").header("Content-Encoding: gzip").body("text/plain", "x").text(),
    );
    desk.feed(
        Request::new("MESSAGE").branch("2").call_id("2").body("text/plain", &"x".repeat(20_000)).text(),
    );
    desk.feed(Request::new("MESSAGE").branch("3").call_id("3").header("Require: magic").text());
    assert_eq!(desk.codes(), ["415", "413", "420"]);
    desk.core.shutdown(desk.now);
    desk.feed(Request::new("MESSAGE").branch("4").call_id("4").body("text/plain", "x").text());
    assert_eq!(desk.only().message.header("Retry-After"), "30", "we are away");
    assert!(heard(&desk).is_empty());
}

#[test]
fn we_send_a_message_and_learn_the_outcome() {
    let mut desk = Desk::new();
    let now = desk.now;
    let headers = [("Route", "<sip:proxy.example;lr>"), ("Priority", "urgent")];
    let id = desk.core.message_with(now, "sip:bob@b.example", "text/plain", b"Hi", &headers).unwrap();
    desk.drain();
    assert_eq!(desk.asked.first().map(|(_, target)| target.host.as_str()), Some("proxy.example"));
    desk.name_found("192.0.2.50:5060");
    let sent = desk.only();
    assert_eq!(sent.to(), "192.0.2.50:5060");
    let message = sent.message;
    assert_eq!(message.first_line(), "MESSAGE sip:bob@b.example SIP/2.0");
    assert_eq!(message.header("To"), "<sip:bob@b.example>");
    assert_eq!((message.header("Content-Type"), message.body()), ("text/plain", "Hi"));
    assert_eq!(message.header("Priority"), "urgent");
    assert!(!message.has("Contact"), "RFC 3428 section 4");
    desk.feed(respond(&message, 100, "", "", ""));
    desk.feed(respond(&message, 202, "x", "X-Stored: yes\r\n", ""));
    desk.feed(respond(&message, 202, "x", "X-Stored: yes\r\n", ""));
    let outcomes: Vec<_> =
        desk.events.iter().filter(|event| matches!(event, Event::RequestDone { .. })).collect();
    let [Event::RequestDone { request, status: 202, message: Some(answer), .. }] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert_eq!((*request, answer.header("x-stored").as_deref()), (id, Some("yes")));
    desk.assert_all_gone();
}

#[test]
fn a_message_that_never_arrives_has_an_outcome_too() {
    let mut desk = Desk::new();
    desk.core.message(desk.now, "sip:bob@192.0.2.9", "text/plain", b"Hi").unwrap();
    desk.core.message(desk.now, "sip:bob@nowhere.invalid", "text/plain", b"Hi").unwrap();
    desk.drain();
    desk.name_failed();
    desk.run_for(super::support::GIVE_UP);
    let status = |event: &Event| match event {
        Event::RequestDone { status, message: None, .. } => Some(*status),
        _ => None,
    };
    assert_eq!(desk.events.iter().filter_map(status).collect::<Vec<_>>(), [503, 408]);
    desk.assert_all_gone();
    assert!(desk.core.is_idle());
}

/// RFC 3428 section 8 for what is too long.
#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    let mut desk = Desk::new();
    let now = desk.now;
    let long = desk.core.message(now, "sip:bob@192.0.2.9", "text/plain", &[b'x'; 1_300]);
    let Err(CommandError::BadArgument { what: "body", why }) = long else { panic!("{long:?}") };
    assert!(why.contains("at most"), "{why}");
    for (target, kind, headers) in [
        ("mailto:a@h", "text/plain", &[][..]),
        ("sip:b@h\r\nVia: x", "text/plain", &[]),
        ("sip:b@h", "text", &[]),
        ("sip:b@h", "text/plain\r\n", &[]),
        ("sip:b@h", "text/plain", &[("Contact", "<sip:evil@e>")]),
        ("sip:b@h", "text/plain", &[("X", "a\nb")]),
    ] {
        let refused = desk.core.message_with(now, target, kind, b"x", headers);
        assert!(matches!(refused, Err(CommandError::BadArgument { .. })), "{target} {kind} {headers:?}");
    }
    desk.drain();
    assert!(desk.codes().is_empty() && desk.core.is_idle());
    desk.core.shutdown(now);
    let refused = desk.core.message(now, "sip:bob@192.0.2.9", "text/plain", b"x");
    assert_eq!(refused, Err(CommandError::ShuttingDown));
}

#[test]
fn a_message_within_a_call_uses_its_dialog() {
    let (mut desk, session, _) = active(Desk::new());
    desk.core.request_within(desk.now, session, Method::Message, &[], Some(("text/plain", b"psst"))).unwrap();
    desk.drain();
    let message = desk.only().message;
    assert_eq!((message.code().as_str(), message.header("Call-ID")), ("MESSAGE", "call"));
    assert!(message.has_to_tag());
    desk.feed(respond(&message, 200, "", "", ""));
    desk.hangup(session);
    finish(&mut desk);
}
