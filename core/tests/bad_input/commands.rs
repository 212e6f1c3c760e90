//! Bad input from the application: refused with a typed error, in words.

use super::*;

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
    for name in [
        "Via",
        "v",
        "FROM",
        "t",
        "Call-ID",
        "i",
        "CSeq",
        "Contact",
        "m",
        "Content-Length",
        "l",
        "Max-Forwards",
    ] {
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
    for target in [
        "",
        "peer@",
        "sip:",
        "tel:peer",
        "mailto:a@b",
        "http://x/",
        "sip:a@b c",
        "sip:a@b?Subject=x",
        "<sip:a@b>",
        "sip:a@b:99999",
    ] {
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
    desk.feed(
        Request::new("BYE").cseq(2).branch("bye").callee_tag(&desk.last("200").message.callee_tag()).text(),
    );
    assert_eq!(desk.core.answer(desk.now, session), Err(CommandError::NoSuchCall));
    assert_eq!(desk.core.send_dtmf(desk.now, session, "1"), Err(CommandError::NoSuchCall));
}

#[test]
fn a_name_that_cannot_be_found_ends_the_call_in_words() {
    let mut desk = Desk::new();
    desk.call("sip:peer@nowhere.example");
    desk.name_failed();
    match desk.events.last() {
        Some(Event::Ended { reason: EndReason::NameFailure, phrase, .. }) => {
            assert_eq!(phrase, "nowhere.example")
        }
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
