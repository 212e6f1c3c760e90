//! Peers behind a NAT whose Contact is an address of their own network.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "contacts/places.rs"]
mod places;
mod support;

use offhook_core::api::{CoordinatorConfig, Counter, InviteParams, PeerContacts, PeerSource};
use offhook_core::media::{MediaCommand, MediaEvent};
use offhook_core::session::State;
use offhook_core::wire::Path;
use support::{Desk, Request, SDP, SECOND, peer, respond};

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
    let (session, _) = desk.up(&invite);
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
    let (session, tag) = desk.up(&invite);
    let moved = "192.0.2.9:61000".parse().unwrap();
    let late = Request::new("OPTIONS").cseq(1).callee_tag(&tag).branch("low").text();
    desk.feed_from("203.0.113.66:5060".parse().unwrap(), late);
    desk.feed_from(moved, Request::new("OPTIONS").cseq(2).callee_tag(&tag).branch("new").text());
    desk.hangup(session);
    assert_eq!(desk.last("BYE").to(), moved.to_string(), "not where an old number came from");
}

/// RFC 3261 section 19.1.1: `maddr` is where it goes, and the text stays as it is.
#[test]
fn a_maddr_is_gone_to_wherever_the_uri_comes_from() {
    let uri = "sip:peer@192.0.2.1:5070;maddr=198.51.100.7";
    let contact = format!("<{uri}>");
    for side in [called, calling] {
        for policy in [PeerContacts::AsGiven, PeerContacts::Private] {
            assert_eq!(
                side(desk(policy), &contact, None),
                ("198.51.100.7:5070".into(), uri.into()),
                "{policy:?}"
            );
        }
        // Our settings go before it, and so do proxies, which may have one of their own.
        assert_eq!(side(desk(PeerContacts::Source), &contact, None).0, peer().to_string());
        let route = Some("Record-Route: <sip:proxy.example:5080;maddr=198.51.100.8;lr>");
        let sent = side(desk(PeerContacts::Private), &contact, route);
        assert_eq!(sent, ("198.51.100.8:5080".into(), uri.into()));
        let strict = Some("Record-Route: <sip:proxy.example;maddr=198.51.100.8>");
        assert_eq!(side(desk(PeerContacts::Private), &contact, strict).0, "198.51.100.8:5060");
        let none = "<sip:peer@198.51.100.9;maddr=>";
        assert_eq!(side(desk(PeerContacts::Private), none, None).0, "198.51.100.9:5060", "that names nobody");
    }
}

/// What counts is where it would go: a private `maddr` means nothing outside its network, and a private host before a
/// public `maddr` is no hindrance.
#[test]
fn a_private_maddr_is_not_gone_to() {
    for side in [called, calling] {
        let hidden = "<sip:peer@198.51.100.7;maddr=192.168.1.5>";
        assert_eq!(side(desk(PeerContacts::Private), hidden, None).0, peer().to_string());
        assert_eq!(side(desk(PeerContacts::AsGiven), hidden, None).0, "192.168.1.5:5060");
        let public = "<sip:peer@192.168.1.5:5070;maddr=198.51.100.7>";
        assert_eq!(side(desk(PeerContacts::Private), public, None).0, "198.51.100.7:5070");
    }
}

/// What we are told to call: by the application, by its Route, by a 302, by a REFER; the registrar; a message.
#[test]
fn a_maddr_in_a_target_is_gone_to() {
    const MADDR: &str = "sip:carol@example.com:5070;maddr=198.51.100.7";
    const AT: &str = "198.51.100.7:5070";
    let mut config = CoordinatorConfig::default();
    config.redirects_max = 5;
    let mut desk = Desk::with(config);
    desk.call(MADDR);
    let sent = desk.only();
    assert_eq!((sent.to().as_str(), sent.message.uri()), (AT, MADDR));
    assert!(sent.message.header("To").contains(MADDR));
    let mut params = InviteParams::new("sip:peer@192.0.2.9");
    let route = format!("<{MADDR};lr>");
    let headers = [("Route", route.as_str())];
    params.headers = &headers;
    desk.invite(params).unwrap();
    assert_eq!(desk.only().to(), AT);
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    desk.feed(respond(&invite, 302, "far", &format!("Contact: <{MADDR}>\r\n"), ""));
    let sent = desk.last("INVITE");
    assert_eq!((sent.to().as_str(), sent.message.uri()), (AT, MADDR));
    desk.core.options(desk.now, MADDR).unwrap();
    desk.drain();
    assert_eq!(desk.last("OPTIONS").to(), AT);
    desk.core.register(desk.now, "sip:example.com:5070;maddr=198.51.100.7", SECOND * 60).unwrap();
    desk.drain();
    assert_eq!(desk.last("REGISTER").to(), AT);
    // A name is looked up in its place.
    desk.call("sip:carol@192.0.2.1;maddr=other.example");
    assert_eq!(desk.asked.last().map(|(_, target)| target.host.as_str()), Some("other.example"));
}

fn guarded(policy: PeerSource) -> Desk {
    let mut config = CoordinatorConfig::default();
    config.peer_source = policy;
    config.messages = true;
    Desk::with(config)
}

/// A stranger who has read the tags, and the peer behind another port of its address.
const STRANGER: &str = "203.0.113.66:5060";
const MOVED: &str = "192.0.2.9:61000";

/// Who may ask within a dialog, by policy: a stranger, the peer from another port.
const POLICIES: [(PeerSource, bool, bool); 3] = [
    (PeerSource::Any, true, true),
    (PeerSource::SameAddress, false, true),
    (PeerSource::SameFlow, false, false),
];

/// A call that is up, made by the peer or by us; what the peer may ask within it.
fn up(policy: PeerSource, ours: bool) -> (Desk, Request) {
    let mut desk = guarded(policy);
    if ours {
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9:5060>\r\n", SDP));
        desk.news();
        let asks = Request::new("OPTIONS").call_id(invite.header("Call-ID")).caller_tag("far");
        return (desk, asks.callee_tag(&invite.caller_tag()));
    }
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let asks = invite.callee_tag(&desk.last("200").message.callee_tag());
    desk.feed(asks.again("ACK").branch("ack").text());
    desk.news();
    (desk, asks)
}

#[test]
fn whoever_asks_from_elsewhere_is_refused_where_the_settings_say_so() {
    let methods = ["INVITE", "UPDATE", "REFER", "INFO", "MESSAGE", "OPTIONS", "NOTIFY", "PRACK", "BYE"];
    for (policy, stranger, moved) in POLICIES {
        for method in methods {
            for ours in [false, true] {
                for (from, obeyed) in [(STRANGER, stranger), (MOVED, moved)] {
                    let (mut desk, asks) = up(policy, ours);
                    let told = desk.told();
                    let mut ask = asks.again(method).cseq(7).branch("odd");
                    if matches!(method, "INVITE" | "UPDATE") {
                        ask = ask.sdp(SDP);
                    }
                    desk.feed_from(from.parse().unwrap(), ask.text());
                    let code = desk.only().message.code();
                    assert_eq!(code != "403", obeyed, "{policy:?} {method} from {from}: {code}");
                    let counted = desk.core.counters().get(Counter::ForeignSource);
                    assert_eq!(counted, u64::from(!obeyed));
                    if obeyed {
                        continue;
                    }
                    assert_eq!(desk.told(), told, "nothing has changed");
                    // Not even the numbers: the peer's own request has the same.
                    desk.feed(asks.again("BYE").cseq(7).branch("own").text());
                    assert_eq!(desk.only().message.code(), "200", "{policy:?} {method}");
                }
            }
        }
    }
}

#[test]
fn an_ack_or_cancel_from_elsewhere_counts_for_nothing() {
    for (policy, stranger, _) in POLICIES {
        let mut desk = guarded(policy);
        let invite = Request::new("INVITE").sdp(SDP);
        desk.feed(invite.text());
        let session = desk.incoming();
        desk.news();
        desk.feed_from(STRANGER.parse().unwrap(), invite.again("CANCEL").text());
        let codes = if stranger { vec!["200", "487"] } else { vec!["403"] };
        assert_eq!(desk.codes(), codes, "{policy:?}");
        if stranger {
            continue;
        }
        desk.answer(session);
        let asks = invite.callee_tag(&desk.last("200").message.callee_tag());
        desk.feed_from(STRANGER.parse().unwrap(), asks.again("ACK").branch("a").text());
        assert!(!desk.told().contains(&"confirmed".into()), "{policy:?}");
        desk.feed(asks.again("ACK").branch("b").text());
        assert!(desk.told().contains(&"confirmed".into()), "{policy:?}");
        assert_eq!(desk.core.counters().get(Counter::ForeignSource), 2);
    }
}

/// A peer that moves says so from where it was, by a Contact that a re-INVITE, an UPDATE or an answer brings; it need not wait
/// for a request of ours. Whoever has not moved may ask from where the dialog began.
#[test]
fn who_has_moved_may_ask_from_there() {
    let at = "192.0.2.77:5070".parse().unwrap();
    let contact = "<sip:peer@192.0.2.77:5070>";
    for policy in [PeerSource::SameAddress, PeerSource::SameFlow] {
        for how in ["INVITE", "UPDATE", "hold"] {
            for ours in [false, true] {
                let (mut desk, asks) = up(policy, ours);
                let session = desk.core.registry().ids().first().copied().unwrap();
                match how {
                    "hold" => {
                        desk.core.hold(desk.now, session).unwrap();
                        desk.drain();
                        let offer = desk.only().message;
                        desk.feed(respond(&offer, 200, "", &format!("Contact: {contact}\r\n"), SDP));
                    }
                    method => {
                        desk.feed(asks.again(method).cseq(7).branch("move").contact(contact).sdp(SDP).text());
                        assert_eq!(desk.only().message.code(), "200");
                        desk.feed_from(at, asks.again("ACK").cseq(7).branch("ack7").text());
                    }
                }
                assert_eq!(desk.core.session_state(session), Some(State::Active), "{policy:?} {how}");
                desk.news();
                desk.feed_from(STRANGER.parse().unwrap(), asks.again("BYE").cseq(8).branch("odd").text());
                assert_eq!(desk.codes(), ["403"]);
                desk.feed(asks.again("INFO").cseq(9).branch("old").text());
                assert_eq!(desk.codes(), ["200"], "{policy:?} {how}");
                desk.feed_from(at, asks.again("BYE").cseq(10).branch("new").text());
                assert_eq!(desk.codes(), ["200"], "{policy:?} {how}");
                assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
            }
        }
    }
}

/// A socket of both IP versions has IPv4 peers at `::ffff:192.0.2.9`; a Contact has them at 192.0.2.9.
#[test]
fn an_ipv4_address_is_the_same_in_either_form() {
    let (mapped_us, mapped) = ("[::ffff:192.0.2.1]:5060", "[::ffff:192.0.2.9]:5060");
    let other = Path::udp(mapped_us.parse().unwrap(), mapped.parse().unwrap());
    for policy in [PeerSource::SameAddress, PeerSource::SameFlow] {
        for ours in [false, true] {
            let (mut desk, asks) = up(policy, ours);
            desk.core.handle_datagram(
                desk.now,
                other,
                asks.again("INFO").cseq(7).branch("m").text().as_bytes(),
            );
            desk.drain();
            assert_eq!(desk.codes(), ["200"], "{policy:?}, ours {ours}");
        }
    }
    // Nor does the audio of whoever signals from there wait for a proof.
    let (mut desk, asks) = up(PeerSource::Any, false);
    desk.core.handle_datagram(desk.now, other, asks.again("INFO").cseq(7).branch("m").text().as_bytes());
    desk.drain();
    let session = desk.core.registry().ids().first().copied().unwrap();
    let media = desk.core.registry().media_of(session).unwrap();
    desk.core.handle_media(desk.now, MediaEvent::Unproven { media, ip: "192.0.2.9".parse().unwrap() });
    desk.drain();
    assert!(matches!(desk.media.last(), Some(MediaCommand::Vouch { .. })), "{:?}", desk.media.last());
}

/// A proxy of several addresses; and a peer whose Contact has told where it is.
#[test]
fn who_is_trusted_may_ask_from_anywhere() {
    let mut config = CoordinatorConfig::default();
    config.peer_source = PeerSource::SameFlow;
    config.trusted_sources = vec!["203.0.113.0/24".parse().unwrap()];
    let mut desk = Desk::with(config);
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let session = desk.incoming();
    desk.answer(session);
    let asks = invite.callee_tag(&desk.last("200").message.callee_tag());
    desk.feed_from(STRANGER.parse().unwrap(), asks.again("ACK").branch("ack").text());
    desk.feed_from(STRANGER.parse().unwrap(), asks.again("BYE").cseq(2).branch("bye").text());
    assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
}

/// RFC 3261 section 19.1.1: neither the method nor the headers of a URI belong into a Request-URI, wherever it comes from.
#[test]
fn what_belongs_to_no_request_uri_is_not_in_it() {
    let contact = "<sip:peer@192.0.2.9:5070;method=INVITE;line=7?Subject=x&Route=%3Csip:evil%40h%3E>";
    let wanted = (String::from("192.0.2.9:5070"), String::from("sip:peer@192.0.2.9:5070;line=7"));
    for side in [called, calling] {
        assert_eq!(side(Desk::new(), contact, None), wanted);
    }
    // Nor when the peer moves there.
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@192.0.2.9;method=INVITE;x=1");
    let invite = desk.only().message;
    assert_eq!(invite.uri(), "sip:peer@192.0.2.9;x=1");
    desk.feed(respond(&invite, 200, "far", "Contact: <sip:peer@192.0.2.9>\r\n", SDP));
    let update = Request::new("UPDATE").call_id(invite.header("Call-ID")).contact(contact);
    desk.feed(update.caller_tag("far").callee_tag(&invite.caller_tag()).branch("u").text());
    desk.hangup(session);
    let bye = desk.last("BYE");
    assert_eq!((bye.to(), bye.message.uri().into()), wanted);
}

/// Whoever takes a call must be able to hang it up.
#[test]
fn a_record_route_that_is_no_place_is_refused_and_in_an_answer_left_out() {
    for route in ["garbage", "<tel:+49>", "<sip:192.0.2.50;lr>, <urn:x:y>", "<>"] {
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").sdp(SDP).header(&format!("Record-Route: {route}")).text());
        assert_eq!(desk.codes(), ["400"], "{route}");
        desk.assert_all_gone();
    }
    let direct = calling(Desk::new(), "<sip:peer@192.0.2.9>", Some("Record-Route: <tel:+49>, garbage"));
    assert_eq!(direct.0, "192.0.2.9:5060");
}

#[test]
fn the_name_of_a_record_route_may_lack_the_quotes_that_it_needs() {
    for route in ["Proxy, 1 (x) <sip:192.0.2.50;lr>;a=b", "\"Proxy, 1 (x)\" <sip:192.0.2.50;lr>;a=b"] {
        let line = format!("Record-Route: {route}, <sip:192.0.2.51;lr>");
        let mut desk = Desk::new();
        let invite = Request::new("INVITE").sdp(SDP).header(&line);
        desk.feed(invite.text());
        let session = desk.incoming();
        desk.answer(session);
        let ok = desk.last("200").message;
        desk.feed(invite.again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
        desk.hangup(session);
        let bye = desk.last("BYE");
        assert_eq!(bye.to(), "192.0.2.50:5060");
        let quoted = "\"Proxy, 1 (x)\" <sip:192.0.2.50;lr>;a=b";
        assert_eq!(bye.message.all("Route"), [quoted, "<sip:192.0.2.51;lr>"]);
        assert_eq!(bye.message.uri(), "sip:peer@192.0.2.9:5060");
    }
}

/// Somebody who has seen the INVITE and none of our answers gets a tag of ours by whatever else we answer without keeping anything. It
/// is the tag of that answer, and its ACK ends no call, nor does one from where nobody may cancel.
#[test]
fn the_ack_of_another_refusal_ends_no_call() {
    let steal = |desk: &mut Desk, request: Request| {
        desk.feed_from(STRANGER.parse().unwrap(), request.text());
        let answer = desk.news().pop().expect("an answer").message;
        answer.callee_tag()
    };
    for (policy, ..) in POLICIES {
        for answered in [false, true] {
            let mut desk = guarded(policy);
            let invite = Request::new("INVITE").sdp(SDP);
            desk.feed(invite.text());
            let session = desk.incoming();
            if answered {
                desk.answer(session);
            }
            desk.news();
            let told = desk.told();
            for other in [
                invite.again("OPTIONS"),
                invite.again("MESSAGE").header("Content-Encoding: gzip").body("text/plain", "x"),
                invite.again("INVITE").cseq(2),
            ] {
                let tag = steal(&mut desk, other);
                desk.feed_from(STRANGER.parse().unwrap(), invite.again("ACK").callee_tag(&tag).text());
                assert_eq!(desk.codes(), [""; 0], "{policy:?}");
                assert_eq!(desk.told(), told, "{policy:?} {answered}");
            }
        }
    }
}
