//! Names: RFC 3263 is the runtime's, when to ask is ours.

use super::*;

// Names (RFC 3263 is the runtime's; when to ask is ours).

#[test]
fn a_name_is_asked_for_before_the_invite() {
    let mut desk = Desk::new();
    desk.call("sip:peer@pbx.example.com:5080");
    assert_eq!(desk.codes(), [""; 0]);
    let target = &desk.asked[0].1;
    assert_eq!((target.host.as_str(), target.port), ("pbx.example.com", Some(5080)));
    desk.name_found("192.0.2.60:5080");
    let invite = desk.only();
    assert_eq!(invite.message.uri(), "sip:peer@pbx.example.com:5080", "the name stays in the Request-URI");
    assert_eq!(invite.to(), "192.0.2.60:5080");
}

#[test]
fn hanging_up_while_the_name_is_asked_for() {
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@pbx.example.com");
    desk.hangup(session);
    assert_eq!(desk.told(), ["ended LocalHangup"]);
    desk.name_found("192.0.2.60:5060");
    assert_eq!(desk.codes(), [""; 0]);
    desk.assert_all_gone();
}

#[test]
fn a_contact_with_a_name_is_asked_for() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@far.example.com>\r\n", SDP));
    assert_eq!(desk.codes(), [""; 0], "nobody knows yet where the ACK goes");
    assert_eq!(desk.told(), ["answered"]);
    desk.name_found("192.0.2.70:5060");
    let ack = desk.only();
    assert_eq!(ack.message.first_line(), "ACK sip:peer@far.example.com SIP/2.0");
    assert_eq!(ack.to(), "192.0.2.70:5060");
    desk.hangup(session);
    assert!(desk.asked.is_empty(), "it is known now");
    assert_eq!(desk.only().to(), "192.0.2.70:5060");
    finish(&mut desk);
}

#[test]
fn a_target_that_moves_to_a_name_is_asked_for_before_the_bye() {
    let (mut desk, session, invite) = answered(CONTACT);
    let moved = back(&invite, "INVITE").contact("<sip:peer@far.example.com:5099>").branch("re").sdp(SDP);
    desk.feed(moved.text());
    assert_eq!(desk.codes(), ["200"], "a response needs no name");
    desk.feed(moved.again("ACK").branch("ack").text());
    desk.hangup(session);
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!((desk.asked[0].1.host.as_str(), desk.asked[0].1.port), ("far.example.com", Some(5099)));
    assert_eq!(ended(&desk), "ended LocalHangup", "the application need not wait");
    desk.name_found("192.0.2.71:5099");
    let bye = desk.only();
    assert_eq!((bye.message.code().as_str(), bye.to().as_str()), ("BYE", "192.0.2.71:5099"));
    finish(&mut desk);
}

#[test]
fn a_contact_whose_name_cannot_be_found_still_ends_cleanly() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@far.example.com>\r\n", SDP));
    desk.name_failed();
    desk.hangup(session);
    desk.name_failed();
    assert_eq!(desk.told(), ["answered", "ended LocalHangup"]);
    desk.assert_all_gone();
}

/// A route that the application gives is where the INVITE goes (RFC 3261 section 8.1.2).
#[test]
fn a_given_route_is_the_first_hop() {
    let mut desk = Desk::new();
    let headers = [("Subject", "x"), ("Route", "\"Out\" <sip:192.0.2.44:5090;lr>, <sip:192.0.2.45;lr>")];
    let mut params = InviteParams::new("sip:peer@pbx.example.com");
    params.headers = &headers;
    desk.invite(params).unwrap();
    assert!(desk.asked.is_empty(), "the name in the Request-URI is the proxy's business");
    let invite = desk.only();
    assert_eq!(invite.to(), "192.0.2.44:5090");
    assert_eq!(invite.message.uri(), "sip:peer@pbx.example.com");
    assert_eq!(invite.message.header("Route"), headers[1].1);
    desk.feed(respond(&invite.message, 180, "far", CONTACT, ""));
    desk.feed(respond(&invite.message, 486, "far", "", ""));
    let ack = desk.only();
    assert_eq!((ack.to().as_str(), ack.message.header("Route")), ("192.0.2.44:5090", headers[1].1));
}

#[test]
fn a_given_route_may_have_a_name() {
    let mut desk = Desk::new();
    let headers = [("route", "<sip:proxy.example.com;lr>")];
    let mut params = InviteParams::new(TARGET);
    params.headers = &headers;
    desk.invite(params).unwrap();
    assert_eq!(desk.asked[0].1.host, "proxy.example.com");
    desk.name_found("192.0.2.46:5060");
    assert_eq!(desk.only().to(), "192.0.2.46:5060");
}
