//! Telephone numbers and bare names (RFC 3966, RFC 3261 section 19.1.6).

use offhook_core::coordinator::{CommandError, CoordinatorConfig, Event, InviteParams};

use super::{Desk, Request, SDP, SECOND, active, calling, respond};

fn at_home() -> Desk {
    let mut config = CoordinatorConfig::default();
    config.address_of_record = Some("sip:me@192.0.2.20:5080".into());
    Desk::with(config)
}

const CALLED: [(&str, &str); 8] = [
    ("1000", "sip:1000@192.0.2.20:5080"),
    ("+49 (30) 123-45", "sip:+493012345@192.0.2.20:5080"),
    ("*31#", "sip:*31%23@192.0.2.20:5080"),
    ("alice", "sip:alice@192.0.2.20:5080"),
    ("tel:+1-201-555-0123", "sip:+12015550123@192.0.2.20:5080;user=phone"),
    ("TEL:+1 (201) 555.0123", "sip:+12015550123@192.0.2.20:5080;user=phone"),
    ("tel:7042;phone-context=example.com", "sip:7042;phone-context=example.com@192.0.2.20:5080;user=phone"),
    ("sip:1000@192.0.2.9", "sip:1000@192.0.2.9"),
];

#[test]
fn numbers_and_names_are_called_in_our_own_domain() {
    for (target, uri) in CALLED {
        let mut desk = at_home();
        desk.call(target);
        let invite = desk.only();
        assert_eq!(invite.message.uri(), uri, "{target}");
        assert_eq!(invite.message.header("To"), format!("<{uri}>"));
        assert!(matches!(invite.to().as_str(), "192.0.2.20:5080" | "192.0.2.9:5060"));
        let now = desk.now;
        desk.core.options(now, target).unwrap();
        desk.core.message(now, target, "text/plain", b"x").unwrap();
        desk.core.subscribe(now, target, "dialog", 60 * SECOND).unwrap();
        desk.drain();
        for sent in desk.news() {
            assert_eq!(sent.message.uri(), uri, "{target}");
        }
    }
    // The domain of a registration will do.
    let mut desk = Desk::new();
    desk.core.register(desk.now, "sip:me@192.0.2.20:5080", 60 * SECOND).unwrap();
    desk.drain();
    desk.call("1000");
    assert_eq!(desk.last("INVITE").message.uri(), "sip:1000@192.0.2.20:5080");
}

#[test]
fn without_a_domain_a_number_is_refused_in_words() {
    let mut desk = Desk::new();
    for target in ["1000", "+49 30 1", "alice", "tel:+1"] {
        let error = desk.invite(InviteParams::new(target)).unwrap_err();
        assert_eq!(error, CommandError::NoDomain { target: target.into() });
        assert!(error.to_string().contains(target), "{error}");
        assert!(!error.to_string().contains("sip:tel:"), "what it advises can be called: {error}");
    }
    for target in ["tel:alice", "tel:", "192.0.2.7", "a b", "", "1000\r\n"] {
        let error = desk.invite(InviteParams::new(target)).unwrap_err();
        assert!(matches!(error, CommandError::BadArgument { what: "target", .. }), "{target:?}: {error}");
    }
    assert!(desk.sent.is_empty(), "nothing on the wire");
}

#[test]
fn a_number_that_is_called_at_our_place_is_ours() {
    for uri in ["tel:+1-201-555-0123", "tel:7042;phone-context=example.com"] {
        let mut desk = Desk::new();
        let invite = Request::new("INVITE")
            .uri(uri)
            .header("P-Asserted-Identity: <tel:+4930>, \"A\" <sip:a@h>")
            .sdp(SDP);
        desk.feed(invite.text().replace("From: <sip:peer@192.0.2.9>", "From: \"Bob\" <tel:+49-30>"));
        assert_eq!(desk.codes(), ["180"], "{uri}");
        let Some(Event::Incoming { details, .. }) = desk.events.first().cloned() else { panic!() };
        assert_eq!(details.request_uri(), uri);
        assert_eq!(details.called_user().unwrap(), if uri.len() == 19 { "+12015550123" } else { "7042" });
        assert_eq!(details.from_uri(), "tel:+49-30");
        assert_eq!(details.asserted_identities()[0].uri, "tel:+4930");
        let session = desk.incoming();
        desk.answer(session);
        let tag = desk.last("200").message.callee_tag();
        desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
        desk.hangup(session);
        assert!(desk.last("BYE").message.header("To").starts_with("\"Bob\" <tel:+49-30>;tag="));
    }
    let mut desk = Desk::new();
    desk.feed(Request::new("INVITE").uri("tel:alice").sdp(SDP).text());
    assert_eq!(desk.codes(), ["416"]);
}

#[test]
fn a_number_that_others_point_to_is_called_in_our_own_domain() {
    let uri = "sip:+12015550123@192.0.2.20:5080;user=phone";
    let (mut desk, _, invite) = calling(at_home());
    desk.feed(respond(&invite, 302, "far", "Contact: <tel:+1-201-555-0123>\r\n", ""));
    assert_eq!(desk.last("INVITE").message.uri(), uri);
    let (mut desk, _, invite) = calling(Desk::new());
    desk.feed(respond(&invite, 302, "far", "Contact: <tel:+1-201-555-0123>\r\n", ""));
    assert_eq!(desk.codes(), ["ACK"], "there is no domain");

    let (mut desk, session, call) = active(at_home());
    desk.feed(call.again("REFER").cseq(2).branch("r").header("Refer-To: <tel:+1-201-555-0123>").text());
    assert_eq!(desk.last("202").message.code(), "202");
    desk.core.accept_transfer(desk.now, session).unwrap();
    desk.drain();
    assert_eq!(desk.last("INVITE").message.uri(), uri);
    let (mut desk, _, call) = active(Desk::new());
    desk.feed(call.again("REFER").cseq(2).branch("r").header("Refer-To: <tel:+1-201-555-0123>").text());
    assert_eq!(desk.codes(), ["416"]);
}

/// RFC 3261 section 25.1: a host is an address or a name that ends with letters. Resolvers read numbers as well, and whoever
/// writes one has hidden an address in it.
#[test]
fn a_host_that_is_a_number_is_no_place_wherever_it_stands() {
    for host in ["1000", "2130706433", "127.1", "0177.0.0.1", "0x7f000001", "192.0.2.9;maddr=127.1"] {
        let contact = format!("<sip:peer@{host}>");
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").contact(&contact).sdp(SDP).text());
        assert_eq!(desk.codes(), ["400"], "{host}");
        // Sent there, nobody goes.
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        desk.feed(respond(&invite, 302, "far", &format!("Contact: {contact}\r\n"), ""));
        assert_eq!(desk.codes(), ["ACK"], "{host}");
        // Whoever says in a call that he is there stays where he was.
        let (session, tag) = desk.up(&Request::new("INVITE").call_id("up").branch("up").sdp(SDP));
        let update = Request::new("UPDATE").call_id("up").cseq(2).callee_tag(&tag).branch("u");
        desk.feed(update.contact(&contact).text());
        assert_eq!(desk.codes(), ["200"], "{host}");
        desk.hangup(session);
        assert_eq!(desk.last("BYE").to(), "192.0.2.9:5060", "{host}");
        assert!(desk.asked.is_empty(), "nothing is looked up for {host}");
    }
}
