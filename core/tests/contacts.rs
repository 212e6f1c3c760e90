//! Peers behind a NAT whose Contact is an address of their own network.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::api::{CoordinatorConfig, PeerContacts};
use support::{Desk, Request, SDP, peer, respond};

const HIDDEN: &str = "<sip:peer@192.168.1.5:5062>";
const HIDDEN_AT: &str = "192.168.1.5:5062";

fn desk(peer_contacts: PeerContacts) -> Desk {
    let mut config = CoordinatorConfig::default();
    config.peer_contacts = peer_contacts;
    Desk::with(config)
}

/// Where our BYE goes when the peer has called us, and what it asks for.
fn called(mut desk: Desk, contact: &str, route: Option<&str>) -> (String, String) {
    let mut invite = Request::new("INVITE").contact(contact).sdp(SDP);
    if let Some(route) = route {
        invite = invite.header(route);
    }
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
    desk.hangup(session);
    let bye = desk.last("BYE");
    (bye.to(), bye.message.uri().into())
}

/// The same when we have called; the ACK goes there too.
fn calling(mut desk: Desk, contact: &str, route: Option<&str>) -> (String, String) {
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let route = route.map(|route| format!("{route}\r\n")).unwrap_or_default();
    let headers = format!("Contact: {contact}\r\n{route}");
    desk.feed(respond(&invite, 200, "far", &headers, SDP));
    let ack = desk.last("ACK").to();
    desk.hangup(session);
    let bye = desk.last("BYE");
    assert_eq!(bye.to(), ack);
    (ack, bye.message.uri().into())
}

#[test]
fn a_private_contact_of_a_public_peer_is_not_gone_to() {
    let source = peer().to_string();
    for side in [called, calling] {
        for (policy, to) in [
            (PeerContacts::AsGiven, HIDDEN_AT),
            (PeerContacts::Private, source.as_str()),
            (PeerContacts::Source, source.as_str()),
        ] {
            let uri = "sip:peer@192.168.1.5:5062";
            assert_eq!(side(desk(policy), HIDDEN, None), (to.into(), uri.into()), "{policy:?}");
        }
    }
}

#[test]
fn a_public_contact_is_gone_to() {
    let contact = "<sip:peer@198.51.100.7:5070>";
    for side in [called, calling] {
        assert_eq!(side(desk(PeerContacts::Private), contact, None).0, "198.51.100.7:5070");
        assert_eq!(side(desk(PeerContacts::Source), contact, None).0, peer().to_string());
    }
}

#[test]
fn a_route_set_goes_before_all() {
    let route = "Record-Route: <sip:198.51.100.8;lr>";
    for side in [called, calling] {
        for policy in [PeerContacts::AsGiven, PeerContacts::Private, PeerContacts::Source] {
            assert_eq!(side(desk(policy), HIDDEN, Some(route)).0, "198.51.100.8:5060", "{policy:?}");
        }
    }
}

/// The NAT has forgotten its binding and made another: the next request of the peer shows it.
#[test]
fn a_peer_is_followed_through_its_nat() {
    let mut desk = desk(PeerContacts::Private);
    let invite = Request::new("INVITE").contact(HIDDEN).sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
    let moved = "192.0.2.9:61000".parse().unwrap();
    let late = Request::new("OPTIONS").cseq(1).callee_tag(&tag).branch("low").text();
    desk.feed_from("203.0.113.66:5060".parse().unwrap(), late);
    desk.feed_from(moved, Request::new("OPTIONS").cseq(2).callee_tag(&tag).branch("new").text());
    desk.hangup(session);
    assert_eq!(desk.last("BYE").to(), moved.to_string(), "not where an old number came from");
}
