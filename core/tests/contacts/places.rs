//! Where peers lead us: what they may name as a place, and how it is read.

use super::*;

/// Nobody sends us to a group of hosts or to all of a network: what we say would go to each of them, and again and again.
#[test]
fn nobody_sends_us_to_more_than_one_host() {
    for group in ["224.0.1.75", "239.255.0.1", "255.255.255.255", "[ff02::1]", "192.0.2.9;maddr=224.0.1.75"] {
        let contact = format!("<sip:peer@{group}>");
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").contact(&contact).sdp(SDP).text());
        assert_eq!(desk.codes(), ["400"], "{group}");
        desk.feed(Request::new("INVITE").header(&format!("Record-Route: <sip:{group};lr>")).sdp(SDP).text());
        assert_eq!(desk.codes(), ["400"], "{group}");
        // Who has been one host stays it.
        let (session, tag) = desk.up(&Request::new("INVITE").call_id("up").branch("up").sdp(SDP));
        let moved = Request::new("INVITE").call_id("up").branch("moved").cseq(2).callee_tag(&tag);
        let moved = moved.contact(&contact).sdp(SDP);
        desk.feed(moved.text());
        desk.feed(moved.again("ACK").branch("acked").text());
        desk.hangup(session);
        assert_eq!(desk.last("BYE").to(), "192.0.2.9:5060", "{group}");
        // A callee who answers is acknowledged and hung up where it was called.
        let session = desk.call("sip:peer@192.0.2.9");
        let invite = desk.last("INVITE").message;
        desk.feed(respond(&invite, 200, "far", &format!("Contact: {contact}\r\n"), SDP));
        assert_eq!(desk.last("ACK").to(), "192.0.2.9:5060", "{group}");
        desk.hangup(session);
        assert_eq!(desk.last("BYE").to(), "192.0.2.9:5060", "{group}");
    }
}

/// Somebody whom the peer of a call has asked by REFER to call this place, and who follows redirections.
fn referred(place: &str) -> Desk {
    let mut config = CoordinatorConfig::default();
    config.redirects_max = 5;
    let mut desk = Desk::with(config);
    let invite = Request::new("INVITE").sdp(SDP);
    let (_, tag) = desk.up(&invite);
    let refer = invite.again("REFER").cseq(2).branch("refer").callee_tag(&tag);
    desk.feed(refer.header(&format!("Refer-To: {place}")).text());
    desk
}

/// The same by a REFER, a redirection, or a name that somebody has let stand for such an address.
#[test]
fn neither_a_refer_nor_a_name_sends_us_to_more_than_one_host() {
    let mut desk = referred("<sip:carol@198.51.100.7;maddr=224.0.1.75>");
    assert_eq!(desk.codes(), ["400"]);
    desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let contacts = "Contact: <sip:carol@224.0.1.75>, <sip:carol@192.0.2.10>\r\n";
    desk.feed(respond(&invite, 302, "far", contacts, ""));
    assert_eq!(
        desk.news().iter().map(|sent| sent.to()).collect::<Vec<_>>(),
        ["192.0.2.9:5060", "192.0.2.10:5060"]
    );
    desk.call("sip:all@group.example");
    desk.name_found("224.0.1.75:5060");
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told().last().unwrap(), "ended NameFailure");
}

/// A phone with both IP versions calls from one and names the other: nothing can go there from our address.
#[test]
fn a_contact_of_the_other_ip_version_is_not_gone_to() {
    let source = peer().to_string();
    let contact = "<sip:peer@[2001:db8::9]:5062>";
    for side in [called, calling] {
        for (policy, to) in [
            (PeerContacts::AsGiven, "[2001:db8::9]:5062"),
            (PeerContacts::Private, source.as_str()),
            (PeerContacts::Source, source.as_str()),
        ] {
            let uri = "sip:peer@[2001:db8::9]:5062";
            assert_eq!(side(desk(policy), contact, None), (to.into(), uri.into()), "{policy:?}");
        }
        // The IPv6 form of an IPv4 address is that address.
        assert_eq!(
            side(desk(PeerContacts::Private), "<sip:peer@[::ffff:198.51.100.7]>", None).0,
            "[::ffff:198.51.100.7]:5060"
        );
        let route = Some("Record-Route: <sip:198.51.100.8;lr>");
        assert_eq!(side(desk(PeerContacts::Private), contact, route).0, "198.51.100.8:5060");
    }
}

/// Whom we call may name anybody in its Contact, and our ACK goes there. That nobody has answered it from there proves nothing of audio.
#[test]
fn where_our_ack_went_vouches_for_no_audio() {
    let mut desk = Desk::new();
    let session = desk.call("sip:peer@192.0.2.9");
    let invite = desk.only().message;
    let elsewhere = "Contact: <sip:peer@203.0.113.66>\r\n";
    desk.feed(respond(
        &invite,
        200,
        "far",
        elsewhere,
        &SDP.replace("c=IN IP4 192.0.2.9", "c=IN IP4 203.0.113.66"),
    ));
    assert_eq!(desk.only().to(), STRANGER);
    let media = desk.core.registry().media_of(session).unwrap();
    let vouches = |desk: &mut Desk, ip: &str| {
        let said = desk.media.len();
        desk.core.handle_media(desk.now, MediaEvent::Unproven { media, ip: ip.parse().unwrap() });
        desk.drain();
        desk.media.len() > said
    };
    assert!(!vouches(&mut desk, "203.0.113.66"), "a third party has said nothing");
    assert!(vouches(&mut desk, "192.0.2.9"), "whom we have called has answered");
    // Whoever answers a request of ours there is there.
    desk.core.info(desk.now, session, "text/plain", b"x").unwrap();
    desk.drain();
    let info = desk.only();
    assert_eq!(info.to(), STRANGER);
    desk.feed_from(STRANGER.parse().unwrap(), respond(&info.message, 200, "", "", ""));
    assert!(vouches(&mut desk, "203.0.113.66"));
}

/// A name may stand for such an address as well as a number may be one: `localhost`, or a name of the peer's own network.
#[test]
fn a_contact_whose_name_stands_for_a_private_address_is_not_gone_to() {
    let source = peer().to_string();
    for (found, reached) in [
        ("127.0.0.1:5060", false),
        ("192.168.1.5:5062", false),
        ("[2001:db8::9]:5060", false),
        ("198.51.100.7:5070", true),
    ] {
        for (policy, follows) in [(PeerContacts::AsGiven, true), (PeerContacts::Private, reached)] {
            let to = if follows { found } else { source.as_str() };
            let mut theirs = desk(policy);
            let (session, _) = theirs.up(&Request::new("INVITE").contact("<sip:peer@its.name>").sdp(SDP));
            theirs.hangup(session);
            theirs.name_found(found);
            let bye = theirs.only();
            assert_eq!((bye.to().as_str(), bye.message.uri()), (to, "sip:peer@its.name"), "{policy:?}");
            let mut ours = desk(policy);
            let session = ours.call("sip:peer@192.0.2.9");
            let invite = ours.only().message;
            ours.feed(respond(&invite, 200, "far", "Contact: <sip:peer@its.name>\r\n", SDP));
            ours.name_found(found);
            assert_eq!(ours.only().to(), to, "{policy:?}");
            ours.hangup(session);
            assert_eq!(ours.only().to(), to, "{policy:?}");
        }
    }
    // Proxies know their own addresses.
    let mut desk = desk(PeerContacts::Private);
    let route = "Record-Route: <sip:proxy.example;lr>";
    let (session, _) = desk.up(&Request::new("INVITE").header(route).sdp(SDP));
    desk.hangup(session);
    desk.name_found("192.168.1.1:5060");
    assert_eq!(desk.only().to(), "192.168.1.1:5060");
}

/// RFC 3261 section 19.1.4: the parts of a URI are the same in any case and escaped or not, wherever the URI comes from.
#[test]
fn a_method_is_read_alike_in_a_refer_and_in_a_redirection() {
    for (method, calls) in
        [("INVITE", true), ("invite", true), ("%49NVITE", true), ("BYE", false), ("", false)]
    {
        let place = format!("<sip:carol@192.0.2.5;method={method}>");
        let mut desk = referred(&place);
        let code = if calls { "202" } else { "603" };
        assert_eq!(desk.codes().first().map(String::as_str), Some(code), "{method}");
        desk.call("sip:peer@192.0.2.9");
        let invite = desk.last("INVITE").message;
        desk.feed(respond(&invite, 302, "far", &format!("Contact: {place}\r\n"), ""));
        let last = desk.last("INVITE");
        assert_eq!(last.message.uri() == "sip:carol@192.0.2.5", calls, "{method}: {}", last.message.uri());
    }
}

/// What our ACK needs of a Contact is where it leads: parameters that nobody can read are no reason to send it elsewhere.
#[test]
fn an_answer_is_acknowledged_where_its_contact_leads_whatever_follows_that() {
    for contact in [
        "<sip:peer@192.0.2.10:5070>;",
        "<sip:peer@192.0.2.10:5070>;x=",
        "<sip:peer@192.0.2.10:5070> nonsense",
        "\"unbalanced <sip:peer@192.0.2.10:5070>;q=0.5",
        "< sip:peer@192.0.2.10:5070 >",
    ] {
        let sent = calling(Desk::new(), contact, None);
        assert_eq!(sent, ("192.0.2.10:5070".into(), "sip:peer@192.0.2.10:5070".into()), "{contact}");
        // Whoever asks for something can be told.
        let mut desk = Desk::new();
        desk.feed(Request::new("INVITE").contact(contact).sdp(SDP).text());
        assert_eq!(desk.codes(), ["400"], "{contact}");
    }
}
