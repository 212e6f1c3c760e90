//! INFO (RFC 6086), and keys that are pressed by it.

use offhook_core::api::Refuser;
use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event};
use offhook_core::wire::Method;

use super::{Desk, GIVE_UP, Message, Request, SDP, SessionId, active, calling, finish, respond};

/// A peer that takes no telephone-events answers our call; what is offered has them.
fn up() -> (Desk, SessionId) {
    let (mut desk, session, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    desk.news();
    (desk, session)
}

fn news(desk: &Desk) -> Vec<String> {
    let say = |event: &Event| match event {
        Event::Dtmf { digit, duration_ms, .. } => Some(format!("key {digit} for {duration_ms}")),
        Event::Info { package, content_type, body, .. } => {
            let body = String::from_utf8_lossy(body);
            Some(format!("{} {content_type} {body}", package.as_deref().unwrap_or("no package")))
        }
        Event::RequestDone { status, phrase, .. } => Some(format!("done {status} {phrase}")),
        _ => None,
    };
    desk.events.iter().filter_map(say).collect()
}

#[test]
fn keys_and_other_news_come_by_info() {
    let (mut desk, _, call) = active(Desk::new());
    let bodies = [
        ("application/dtmf-relay", "Signal=5\r\nDuration=250\r\n"),
        ("application/dtmf", "#"),
        ("application/media_control+xml", "<media_control/>"),
        ("application/dtmf-relay", "nonsense"),
    ];
    for (n, (kind, body)) in (2..).zip(bodies) {
        let info = call.again("INFO").cseq(n).branch(&format!("i{n}")).body(kind, body);
        desk.feed(info.text());
        assert_eq!(desk.codes(), ["200"]);
        desk.feed(info.text());
        assert_eq!(desk.codes(), ["200"], "a repeat is answered again and told once");
    }
    assert_eq!(
        news(&desk),
        [
            "key 5 for 250",
            "key # for 160",
            "no package application/media_control+xml <media_control/>",
            "no package application/dtmf-relay nonsense"
        ]
    );
}

#[test]
fn an_empty_info_is_answered_and_says_nothing() {
    let (mut desk, _, call) = active(Desk::new());
    desk.feed(call.again("INFO").cseq(2).branch("i").text());
    assert_eq!(desk.codes(), ["200"]);
    assert!(news(&desk).is_empty());
}

/// RFC 6086 section 4.2.2.
#[test]
fn an_unknown_package_gets_469_and_the_call_lives() {
    let mut config = CoordinatorConfig::default();
    config.info_packages = vec!["conference".into()];
    for (config, known) in [(CoordinatorConfig::default(), ""), (config, "conference")] {
        let (mut desk, session, call) = active(Desk::with(config));
        assert_eq!(
            desk.last("200").message.all("Recv-Info"),
            if known.is_empty() { vec![] } else { vec![known] }
        );
        let info = call.again("INFO").cseq(2).branch("i").header("Info-Package: nonsense;x=1");
        desk.feed(info.body("application/x", "y").text());
        let refused = desk.only().message;
        assert_eq!((refused.code().as_str(), refused.header("Recv-Info")), ("469", known));
        desk.feed(call.again("INFO").cseq(3).branch("j").header("Info-Package: Conference").text());
        let expected = if known.is_empty() { "469" } else { "200" };
        assert_eq!(desk.only().message.code(), expected);
        assert_eq!(news(&desk).len(), usize::from(!known.is_empty()));
        desk.hangup(session);
        finish(&mut desk);
    }
}

#[test]
fn info_outside_a_call_belongs_to_nothing() {
    let (mut desk, session, call) = active(Desk::new());
    desk.feed(Request::new("INFO").branch("x").call_id("other").body("application/dtmf", "1").text());
    desk.feed(
        call.again("INFO").cseq(2).branch("y").callee_tag("nobody").body("application/dtmf", "1").text(),
    );
    assert_eq!(desk.codes(), ["481", "481"]);
    desk.hangup(session);
    desk.news();
    desk.feed(call.again("INFO").cseq(3).branch("z").body("application/dtmf", "1").text());
    assert_eq!(desk.codes(), ["481"], "and the call is over");
    assert!(news(&desk).is_empty());
}

#[test]
fn a_compressed_info_is_refused() {
    let (mut desk, _, call) = active(Desk::new());
    let info = call.again("INFO").cseq(2).branch("i").header("Content-Encoding: gzip");
    desk.feed(info.body("application/x", "y").text());
    assert_eq!(desk.only().message.header("Accept-Encoding"), "identity");
}

#[test]
fn we_send_info_and_learn_the_outcome() {
    let (mut desk, session) = up();
    let now = desk.now;
    desk.core.info(now, session, "text/x", b"hello").unwrap();
    let package = [("Info-Package", "foo"), ("X-A", "b")];
    desk.core.request_within(now, session, Method::Info, &package, Some(("text/x", b"there"))).unwrap();
    desk.drain();
    let sent: Vec<Message> = desk.news().into_iter().map(|sent| sent.message).collect();
    let [first, second] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(
        (first.code().as_str(), first.header("Content-Type"), first.body()),
        ("INFO", "text/x", "hello")
    );
    assert_eq!((second.header("Info-Package"), second.header("X-A")), ("foo", "b"));
    assert_eq!(second.cseq(), first.cseq() + 1);
    desk.feed(respond(second, 469, "", "Recv-Info: \r\n", ""));
    desk.feed(respond(first, 200, "", "", ""));
    assert_eq!(news(&desk), ["done 469 Whatever", "done 200 Whatever"]);
    assert_eq!(desk.told().iter().filter(|it| it.starts_with("ended")).count(), 0, "the call lives");
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn an_info_that_finds_no_dialog_ends_the_call() {
    let (mut desk, session) = up();
    desk.core.info(desk.now, session, "text/x", b"hello").unwrap();
    desk.drain();
    let info = desk.only().message;
    desk.feed(respond(&info, 481, "", "", ""));
    assert_eq!(news(&desk), ["done 481 Whatever"]);
    assert_eq!(desk.told().last().unwrap(), "ended RemoteGone 481");
    finish(&mut desk);
}

#[test]
fn an_info_under_way_when_the_call_ends_has_its_outcome_all_the_same() {
    let (mut desk, session) = up();
    desk.core.info(desk.now, session, "text/x", b"hello").unwrap();
    desk.hangup(session);
    finish(&mut desk);
    assert_eq!(news(&desk), ["done 408 Request Timeout"]);
    assert!(matches!(desk.core.info(desk.now, session, "text/x", b"x"), Err(CommandError::NoSuchCall)));
}

#[test]
fn info_needs_a_call() {
    let (mut desk, session, _) = calling(Desk::new());
    let refused = desk.core.info(desk.now, session, "text/x", b"x");
    assert!(matches!(refused, Err(CommandError::WrongState { .. })));
    let (mut desk, session) = up();
    for kind in ["", "text", "text/x\r\nVia: y"] {
        let refused = desk.core.info(desk.now, session, kind, b"x");
        assert!(matches!(refused, Err(CommandError::BadArgument { what: "content type", .. })), "{kind:?}");
    }
    let refused = desk.core.info(desk.now, session, "text/x", &[0; 40_000]);
    assert!(matches!(refused, Err(CommandError::BadArgument { what: "body", .. })));
    let refused = desk.core.request_within(desk.now, session, Method::Bye, &[], None);
    assert!(matches!(refused, Err(CommandError::BadArgument { what: "method", .. })));
    desk.drain();
    assert!(desk.codes().is_empty());
}

#[test]
fn keys_go_by_info_to_whoever_takes_no_telephone_events() {
    let (mut desk, session) = up();
    desk.core.send_dtmf(desk.now, session, "1#").unwrap();
    desk.drain();
    let first = desk.only().message;
    assert_eq!(first.header("Content-Type"), "application/dtmf-relay");
    assert_eq!(first.body(), "Signal=1\r\nDuration=160\r\n");
    desk.core.send_dtmf(desk.now, session, "a").unwrap();
    desk.drain();
    assert!(desk.codes().is_empty(), "one key after the other");
    for key in ["#", "A"] {
        let sent = desk.last("INFO").message;
        desk.feed(respond(&sent, 200, "", "", ""));
        assert!(desk.only().message.body().starts_with(&format!("Signal={key}\r\n")));
    }
    let last = desk.last("INFO").message;
    desk.feed(respond(&last, 200, "", "", ""));
    assert!(desk.codes().is_empty());
    let taken = ["1", "#", "A"].map(|digit| format!("DtmfSent {digit}"));
    assert_eq!(keys_told(&desk), taken);
    // Who refuses a key gets none of the rest, and may be asked again.
    desk.core.send_dtmf(desk.now, session, "23").unwrap();
    desk.drain();
    let sent = desk.only().message;
    desk.feed(respond(&sent, 415, "", "", ""));
    assert!(desk.codes().is_empty());
    desk.core.send_dtmf(desk.now, session, "4").unwrap();
    desk.drain();
    assert!(desk.only().message.body().starts_with("Signal=4\r\n"));
    desk.hangup(session);
    desk.feed(respond(&desk.last("INFO").message, 200, "", "", ""));
    finish(&mut desk);
}

/// One counter for all methods; only ACK and CANCEL have the number of their INVITE (RFC 3261 section 12.2.1.1).
#[test]
fn every_method_counts_by_the_same_counter() {
    let (mut desk, session, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    assert_eq!(desk.only().message.cseq(), invite.cseq(), "ACK");
    for (n, method) in (1..).zip([Method::Info, Method::Message, Method::Options, Method::Info]) {
        desk.core.request_within(desk.now, session, method, &[], None).unwrap();
        desk.drain();
        let sent = desk.only().message;
        assert_eq!((sent.code().as_str(), sent.cseq()), (method.as_str(), invite.cseq() + n));
        // A final response that is late changes nothing of that.
        desk.feed(respond(&sent, 500, "", "", ""));
    }
    // The 200 comes again: its ACK has the number that it had.
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    assert_eq!(desk.only().message.cseq(), invite.cseq());
    desk.hangup(session);
    assert_eq!(desk.last("BYE").message.cseq(), invite.cseq() + 5);
    finish(&mut desk);
}

/// The peer's requests: a gap is fine, a number that goes back is not, whatever the methods.
#[test]
fn numbers_of_the_peer_only_go_up() {
    let (mut desk, _, call) = active(Desk::new());
    for (cseq, method, code) in [
        (5, "INFO", "200"),
        (4, "OPTIONS", "500"),
        (5, "OPTIONS", "500"),
        (5_000, "OPTIONS", "200"),
        (4_999, "INFO", "500"),
        (5_001, "BYE", "200"),
    ] {
        desk.feed(call.again(method).cseq(cseq).branch(&format!("{method}{cseq}")).text());
        assert_eq!(desk.only().message.code(), code, "{method} {cseq}");
    }
}

#[test]
fn keys_do_not_go_by_info_against_the_settings() {
    let mut config = CoordinatorConfig::default();
    config.dtmf_by_info = false;
    let (mut desk, session, _) = active(Desk::with(config));
    let refused = desk.core.send_dtmf(desk.now, session, "1");
    assert!(matches!(refused, Err(CommandError::BadArgument { what: "digits", .. })));
}

/// What was told of keys that went by INFO.
fn keys_told(desk: &Desk) -> Vec<String> {
    let told = |event: &Event| match event {
        Event::DtmfSent { digit, .. } => Some(format!("DtmfSent {digit}")),
        Event::DtmfRefused { digit, status, refuser, unsent, .. } => {
            Some(format!("DtmfRefused {digit} {status} {refuser:?} {unsent}"))
        }
        _ => None,
    };
    desk.events.iter().filter_map(told).collect()
}

/// RFC 6086 section 4.2.1: what a refusal means for the sender.
#[test]
fn a_key_that_is_not_taken_is_told_with_all_that_follow_it() {
    for status in [302, 403, 404, 405, 415, 469, 488, 500, 501, 503, 603] {
        let (mut desk, session) = up();
        desk.core.send_dtmf(desk.now, session, "123").unwrap();
        desk.drain();
        for status in [200, status] {
            let sent = desk.only().message;
            desk.feed(respond(&sent, status, "", "", ""));
        }
        assert_eq!(desk.codes(), [""; 0]);
        assert_eq!(keys_told(&desk), ["DtmfSent 1".into(), format!("DtmfRefused 2 {status} Peer 3")]);
        assert!(desk.core.session_state(session).is_some_and(|state| state.as_str() == "active"));
        desk.hangup(session);
        finish(&mut desk);
    }
}

/// Who does not know the dialog, or says nothing at all, has no call (RFC 3261 section 12.2.1.2): so it is for every
/// request of ours within it.
#[test]
fn what_ends_a_call_whatever_asks() {
    type Ask = fn(&mut Desk, SessionId);
    let asks: [(&str, Ask); 5] = [
        ("a key", |desk, id| desk.core.send_dtmf(desk.now, id, "12").unwrap()),
        ("INFO", |desk, id| _ = desk.core.info(desk.now, id, "text/x", b"y").unwrap()),
        ("MESSAGE", |desk, id| {
            _ = desk.core.request_within(desk.now, id, Method::Message, &[], None).unwrap();
        }),
        ("re-INVITE", |desk, id| desk.core.hold(desk.now, id).unwrap()),
        ("REFER", |desk, id| desk.core.transfer(desk.now, id, "sip:carol@192.0.2.7").unwrap()),
    ];
    for (name, ask) in asks {
        for status in [Some(481), Some(408), None, Some(404), Some(500)] {
            let (mut desk, session) = up();
            ask(&mut desk, session);
            desk.drain();
            let sent = desk.only().message;
            match status {
                Some(status) => desk.feed(respond(&sent, status, "", "", "")),
                None => desk.run_for(GIVE_UP),
            }
            let ended = desk.told().last().is_some_and(|told| told.starts_with("ended"));
            assert_eq!(ended, matches!(status, None | Some(408 | 481)), "{name} {status:?}");
            if name == "a key" {
                let by = if status.is_some() { Refuser::Peer } else { Refuser::Nobody };
                let told = format!("DtmfRefused 1 {} {by:?} 2", status.unwrap_or(408));
                assert_eq!(keys_told(&desk), [told]);
            }
        }
    }
}

#[test]
fn no_key_follows_the_bye() {
    let (mut desk, session) = up();
    desk.core.send_dtmf(desk.now, session, "12").unwrap();
    desk.drain();
    let sent = desk.only().message;
    desk.hangup(session);
    assert_eq!(desk.codes(), ["BYE"]);
    desk.feed(respond(&sent, 200, "", "", ""));
    assert_eq!(desk.codes(), [""; 0]);
    finish(&mut desk);
}
