//! What asks for another transport protocol than UDP, wherever it stands: nothing is sent there in clear.

use offhook_core::api::{CoordinatorConfig, EndReason, PeerContacts};
use offhook_core::coordinator::{CommandError, Event, InviteParams};
use offhook_core::wire::Unspoken;

use super::{Desk, Request, SDP, SECOND, TARGET, active, calling, respond};

const OTHERS: [(&str, Unspoken); 8] = [
    ("sip:peer@192.0.2.9;transport=tls", Unspoken::Tls),
    ("sip:peer@192.0.2.9;transport=TCP", Unspoken::Tcp),
    ("sip:peer@192.0.2.9;lr;Transport=ws", Unspoken::Ws),
    ("sip:peer@192.0.2.9;transport=%73ctp", Unspoken::Sctp),
    ("sip:peer@192.0.2.9;%74ransport=wss", Unspoken::Wss),
    ("sip:peer@192.0.2.9;transport=udp;transport=tls", Unspoken::Tls),
    ("sip:peer@192.0.2.9;transport=carrier-pigeon", Unspoken::Other),
    ("sips:peer@192.0.2.9", Unspoken::Tls),
];

#[test]
fn what_the_application_names_is_refused_at_once() {
    let mut desk = Desk::new();
    for (uri, transport) in OTHERS {
        let error = |what| Err(CommandError::UnsupportedTransport { what, transport });
        assert_eq!(desk.invite(InviteParams::new(uri)).map(|_| ()), error("target"), "{uri}");
        let route = format!("<{uri}>, <sip:192.0.2.8;lr>");
        let headers = [("Route", route.as_str())];
        let mut params = InviteParams::new(TARGET);
        params.headers = &headers;
        assert_eq!(desk.invite(params).map(|_| ()), error("Route"), "{uri}");
        let (core, now) = (&mut desk.core, desk.now);
        assert_eq!(core.register(now, uri, 60 * SECOND).map(|_| ()), error("target"), "{uri}");
        assert_eq!(
            core.register_with(now, TARGET, 60 * SECOND, &headers).map(|_| ()),
            error("Route"),
            "{uri}"
        );
        assert_eq!(core.options(now, uri).map(|_| ()), error("target"), "{uri}");
        assert_eq!(core.options_with(now, TARGET, &headers).map(|_| ()), error("Route"), "{uri}");
        assert_eq!(core.message(now, uri, "text/plain", b"x").map(|_| ()), error("target"), "{uri}");
        assert_eq!(core.subscribe(now, uri, "dialog", 60 * SECOND).map(|_| ()), error("target"), "{uri}");
        desk.drain();
    }
    let text = CommandError::UnsupportedTransport { what: "target", transport: Unspoken::Tls }.to_string();
    assert!(text.contains("tls"), "{text}");
    assert!(matches!(
        desk.invite(InviteParams::new("sip:peer@192.0.2.9;transport")),
        Err(CommandError::BadArgument { what: "target", .. })
    ));
    assert!(desk.sent.is_empty(), "nothing on the wire");
    desk.assert_all_gone();
    // What is named is what is spoken, and what only later hops are asked for is theirs.
    desk.call("sip:peer@192.0.2.9;transport=UDP");
    let headers = [("Route", "<sip:192.0.2.8;lr;transport=udp>, <sip:192.0.2.7;lr;transport=tcp>")];
    let mut params = InviteParams::new(TARGET);
    params.headers = &headers;
    desk.invite(params).unwrap();
    assert_eq!(desk.codes(), ["INVITE", "INVITE"]);
}

/// RFC 5630 section 5.1.2, for every transport protocol that is not spoken.
#[test]
fn a_caller_that_we_could_not_hang_up_on_is_refused() {
    for (uri, transport) in OTHERS {
        let contact = Request::new("INVITE").sdp(SDP).contact(&format!("<{uri}>"));
        let route =
            Request::new("INVITE").sdp(SDP).header(&format!("Record-Route: <{uri}>, <sip:192.0.2.8;lr>"));
        let subscribe = Request::new("SUBSCRIBE").header("Event: dialog").contact(&format!("<{uri}>"));
        for request in [contact, route, subscribe] {
            let mut config = CoordinatorConfig::default();
            config.event_packages = vec!["dialog".into()];
            let mut desk = Desk::with(config);
            desk.feed(request.text());
            let refused = desk.only().message;
            assert_eq!(refused.code(), "480", "{uri}");
            let warning = format!("399 offhook \"transport {transport} is not spoken, only udp\"");
            assert_eq!(refused.header("Warning"), warning);
            assert!(desk.events.is_empty());
        }
        // Only the next hop counts.
        let mut desk = Desk::new();
        let routed = Request::new("INVITE").sdp(SDP).contact(&format!("<{uri}>"));
        desk.feed(routed.header(&format!("Record-Route: <sip:192.0.2.8;lr>, <{uri}>")).text());
        assert_eq!(desk.codes(), ["180"], "{uri}");
    }
}

/// The way out for peers that write TCP and mean it not: their messages come by UDP, and the settings trust these.
#[test]
fn the_settings_may_trust_the_source_but_never_for_tls() {
    for (transport, code) in [("tcp", "180"), ("ws", "180"), ("sctp", "180"), ("tls", "480"), ("wss", "480")]
    {
        let mut config = CoordinatorConfig::default();
        config.peer_contacts = PeerContacts::Source;
        let mut desk = Desk::with(config);
        let contact = format!("<sip:peer@10.0.0.9;transport={transport}>");
        desk.feed(Request::new("INVITE").sdp(SDP).contact(&contact).text());
        assert_eq!(desk.codes(), [code], "{transport}");
    }
}

#[test]
fn an_answer_from_where_no_request_can_go_ends_the_call() {
    for (uri, _) in OTHERS {
        for line in
            [format!("Contact: <{uri}>\r\n"), format!("Contact: <{TARGET}>\r\nRecord-Route: <{uri}>\r\n")]
        {
            let (mut desk, session, invite) = calling(Desk::new());
            desk.feed(respond(&invite, 200, "far", &line, SDP));
            assert!(desk.codes().is_empty(), "neither ACK nor BYE: {line}");
            let ended = desk.events.iter().find_map(|event| match event {
                Event::Ended { session: id, reason, .. } if *id == session => Some(*reason),
                _ => None,
            });
            assert_eq!(ended, Some(EndReason::UnsupportedTransport), "{line}");
            // A repeat of the 200 changes nothing.
            desk.feed(respond(&invite, 200, "far", &line, SDP));
            desk.run_for(60 * SECOND);
            assert!(desk.codes().is_empty());
            desk.assert_all_gone();
        }
        // A ringing phone is another matter: it may be reached by the time that it answers.
        let (mut desk, _, invite) = calling(Desk::new());
        desk.feed(respond(&invite, 180, "far", &format!("Contact: <{uri}>\r\n"), ""));
        desk.feed(respond(&invite, 200, "far", &format!("Contact: <{TARGET}>\r\n"), SDP));
        assert_eq!(desk.codes(), ["ACK"]);
    }
}

#[test]
fn nobody_moves_or_sends_us_to_where_no_request_can_go() {
    for (uri, _) in OTHERS {
        let (mut desk, session, call) = active(Desk::new());
        for (n, method) in ["INVITE", "UPDATE"].into_iter().enumerate() {
            let request =
                call.again(method).cseq(2 + n as u32).branch(method).contact(&format!("<{uri}>")).sdp(SDP);
            desk.feed(request.text());
            assert_eq!(desk.codes(), ["480"], "{method} {uri}");
            desk.feed(call.again("ACK").cseq(2 + n as u32).branch(method).text());
        }
        let refer = call.again("REFER").cseq(5).branch("refer").header(&format!("Refer-To: <{uri}>"));
        desk.feed(refer.text());
        let refused = desk.only().message;
        assert!(matches!(refused.code().as_str(), "480" | "416"), "{uri}: {}", refused.code());
        // It is still where it was.
        desk.hangup(session);
        assert_eq!(desk.last("BYE").message.uri(), "sip:peer@192.0.2.9:5060");
        let (mut desk, _, invite) = calling(Desk::new());
        desk.feed(respond(&invite, 302, "far", &format!("Contact: <{uri}>\r\n"), ""));
        assert_eq!(desk.codes(), ["ACK"], "{uri}");
    }
}
