//! We are called: a peer made of text against one coordinator (RFC 3261 sections 8.2, 9.2, 12, 13.3, 14.2, 15.1.2
//! and 17.2, RFC 3264, RFC 6026).
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "rfc3261_uas/ending.rs"]
mod ending;
#[path = "rfc3261_uas/media.rs"]
mod media;
#[path = "rfc3261_uas/reinvite.rs"]
mod reinvite;
mod support;

use offhook_core::base::ids::{SessionId, UserTag};
use offhook_core::coordinator::CoordinatorConfig;
use offhook_core::sdp::plan::{Codec, Direction};
use offhook_core::signaling::{Deferral, InviteDetails, SignalingDecision};
use offhook_core::wire::Path;
use std::time::Duration;
use support::{Desk, GIVE_UP, Message, Request, SDP, SDP_NO_CODEC, SDP_OTHER_PORT, SECOND, ms};

fn invite() -> Request {
    Request::new("INVITE").sdp(SDP)
}

/// A coordinator that lets calls wait without a sound.
fn silent(deadline: Option<Duration>) -> Desk {
    let defer = move |_: &InviteDetails| SignalingDecision::Defer(Deferral { ring: false, deadline });
    Desk::with_handler(CoordinatorConfig::default(), defer)
}

/// A call that rings.
fn ringing(invite: &Request) -> (Desk, SessionId) {
    let mut desk = Desk::new().trusting();
    desk.feed(invite.text());
    assert_eq!(desk.codes(), ["180"]);
    let session = desk.incoming();
    (desk, session)
}

/// A call that has been answered, and the 200.
fn answered(invite: &Request) -> (Desk, SessionId, Message) {
    let (mut desk, session) = ringing(invite);
    desk.answer(session);
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200");
    (desk, session, ok)
}

/// A call that is up, and our tag.
fn active(invite: &Request) -> (Desk, SessionId, String) {
    let (mut desk, session, ok) = answered(invite);
    let tag = ok.callee_tag();
    desk.feed(invite.again("ACK").callee_tag(&tag).branch("ack").text());
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    (desk, session, tag)
}

/// The peer hangs up.
fn hung_up_by_peer(desk: &mut Desk, invite: &Request, tag: &str, cseq: u32) {
    desk.feed(invite.again("BYE").cseq(cseq).callee_tag(tag).branch("last-bye").text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
    desk.assert_all_gone();
}

/// When things are sent, relative to `start`, in milliseconds.
fn since(start: u64, times: &[u64]) -> Vec<u64> {
    times.iter().map(|at| at - start).collect()
}

// 100 Trying (section 17.2.1).

#[test]
fn trying_comes_after_200_ms_if_nothing_else_did() {
    let mut desk = silent(None);
    desk.feed(invite().text());
    desk.run_for(ms(199));
    assert_eq!(desk.codes(), [""; 0]);
    desk.run_for(ms(1));
    let trying = desk.only().message;
    assert_eq!(trying.first_line(), "SIP/2.0 100 Trying");
    assert!(!trying.has_to_tag(), "{trying:?}");
    desk.run_for(5 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "once");
    desk.feed(invite().text());
    assert_eq!(desk.only().message, trying, "a repeated INVITE gets the same again");
    assert_eq!(desk.told(), ["incoming"]);
}

#[test]
fn no_trying_after_ringing_or_a_final_response() {
    let (mut desk, session) = ringing(&invite());
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.reject(session, 486);
    desk.feed(invite().again("ACK").text());
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), ["486"]);

    let mut desk = silent(None);
    desk.feed(invite().text());
    desk.run_for(ms(100));
    let session = desk.incoming();
    desk.answer(session);
    desk.run_for(ms(200));
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_again() {
    let (mut desk, _) = ringing(&invite());
    let first = desk.last("180").message;
    for _ in 0..3 {
        desk.run_for(ms(500));
        desk.feed(invite().text());
        assert_eq!(desk.only().message, first);
    }
    assert_eq!(desk.told(), ["incoming"]);
    assert_eq!(desk.core.registry().len(), 1);
}

/// Proxies give up after three minutes of silence: the callee repeats its 180 every minute (section 13.3.1.1).
#[test]
fn ringing_is_repeated_every_minute() {
    let config = {
        let mut config = CoordinatorConfig::default();
        config.answer_timeout = 600 * SECOND;
        config
    };
    let mut desk = Desk::with(config);
    desk.feed(invite().text());
    desk.run_for(185 * SECOND);
    assert_eq!(desk.times("180"), [0, 60_000, 120_000, 180_000]);
    let session = desk.incoming();
    desk.answer(session);
    desk.feed(invite().again("ACK").callee_tag(&desk.last("200").message.callee_tag()).branch("ack").text());
    desk.run_for(200 * SECOND);
    assert_eq!(desk.times("180").len(), 4, "not after the answer");
    assert_eq!(desk.times("200"), [185_000]);
}

// What responses carry (sections 8.2.6 and 12.1.1).

#[test]
fn ringing_and_answer_are_of_one_dialog() {
    let (desk, session) = ringing(&invite());
    let mut desk = desk;
    let ringing = desk.last("180").message;
    desk.answer(session);
    let ok = desk.last("200").message;
    assert_eq!(ringing.callee_tag(), ok.callee_tag());
    for response in [&ringing, &ok] {
        assert_eq!(response.header("From"), "<sip:peer@192.0.2.9>;tag=peer");
        assert_eq!(response.header("Call-ID"), "call");
        assert_eq!(response.header("CSeq"), "1 INVITE");
        assert_eq!(response.all("Via").len(), 1);
        assert_eq!(response.header("Contact"), "<sip:offhook@192.0.2.1:5060>");
        assert_eq!(response.branch(), "z9hG4bKone");
    }
    assert_eq!(ringing.body(), "");
    assert_eq!(ok.header("Allow"), support::ALLOW);
    assert_eq!(ok.header("Content-Type"), "application/sdp");
    assert_eq!(ok.header("Content-Length"), ok.body().len().to_string());
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0\r\n"), "{}", ok.body());
}

/// RFC 3261 section 12.1.1.
#[test]
fn record_routes_are_echoed_in_order() {
    let invite = invite()
        .header("Record-Route: <sip:p3.example.com;lr>, <sip:p2.example.com;lr;x=1>")
        .header("Record-Route: \"One\" <sip:p1.example.com>;param");
    let (mut desk, session) = ringing(&invite);
    desk.answer(session);
    for code in ["180", "200"] {
        let response = desk.last(code).message;
        let echoed = response.all("Record-Route").join(", ");
        let expected =
            "<sip:p3.example.com;lr>, <sip:p2.example.com;lr;x=1>, \"One\" <sip:p1.example.com>;param";
        assert_eq!(echoed, expected, "{code}");
    }
    assert_eq!(desk.last("200").message.callee_tag(), desk.last("180").message.callee_tag());
}

#[test]
fn a_refusal_carries_no_record_route_and_no_contact() {
    let (mut desk, session) = ringing(&invite().header("Record-Route: <sip:p1.example.com;lr>"));
    desk.reject(session, 486);
    let busy = desk.only().message;
    assert_eq!(busy.first_line(), "SIP/2.0 486 Busy Here");
    assert!(!busy.has("Record-Route") && !busy.has("Contact"));
    assert_eq!(
        busy.callee_tag(),
        desk.last("180").message.callee_tag(),
        "the tag of the 180 (section 8.2.6.2)"
    );
}

#[test]
fn every_via_is_echoed_in_order() {
    let via = "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKtop\r\n\
        Via: SIP/2.0/TCP p2.example.com;branch=z9hG4bKsecond;received=198.51.100.7, SIP/2.0/UDP ua.example.com\r\n";
    let (desk, _) = ringing(&invite().via(via));
    let vias = desk.last("180").message.all("Via").join(", ");
    assert_eq!(
        vias,
        "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKtop, \
         SIP/2.0/TCP p2.example.com;branch=z9hG4bKsecond;received=198.51.100.7, SIP/2.0/UDP ua.example.com"
    );
}

// The 200 and its ACK (section 13.3.1.4).

#[test]
fn the_200_is_repeated_until_the_ack() {
    let (mut desk, _, ok) = answered(&invite());
    desk.run_for(12 * SECOND);
    assert_eq!(desk.times("200"), [0, 500, 1_500, 3_500, 7_500, 11_500]);
    assert!(desk.news().iter().all(|sent| sent.message == ok), "always the same");
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "not after the ACK");
    hung_up_by_peer(&mut desk, &invite(), &ok.callee_tag(), 2);
}

#[test]
fn without_an_ack_the_call_is_hung_up() {
    let (mut desk, _, ok) = answered(&invite());
    desk.run_for(GIVE_UP - ms(1));
    assert_eq!(
        desk.times("200"),
        [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    );
    assert_eq!(desk.told(), ["incoming", "answered"]);
    desk.news();
    desk.run_for(ms(1));
    let bye = desk.only().message;
    assert_eq!(bye.code(), "BYE");
    assert_eq!(bye.caller_tag(), ok.callee_tag());
    assert_eq!(bye.callee_tag(), "peer");
    assert_eq!(desk.told().last().unwrap(), "ended AckTimeout");
    desk.feed(support::respond(&bye, 200, "", "", ""));
    desk.assert_all_gone();
    assert_eq!(desk.times("BYE").len(), 1);
}

#[test]
fn repeated_invites_after_the_answer_are_absorbed() {
    let (mut desk, _, ok) = answered(&invite());
    for _ in 0..5 {
        desk.feed(invite().text());
    }
    assert_eq!(desk.codes(), [""; 0], "RFC 6026: the 200 repeats by itself");
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    for _ in 0..5 {
        desk.feed(invite().text());
        desk.run_for(SECOND);
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"], "no second call");
    assert_eq!(desk.core.registry().len(), 1);
    hung_up_by_peer(&mut desk, &invite(), &ok.callee_tag(), 2);
}

#[test]
fn the_ack_may_come_again_and_again() {
    let (mut desk, _, tag) = active(&invite());
    for n in 0..5 {
        desk.feed(invite().again("ACK").callee_tag(&tag).branch(&format!("ack{n}")).text());
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
}

#[test]
fn an_ack_with_another_number_is_not_the_ack() {
    let (mut desk, _, ok) = answered(&invite());
    desk.feed(invite().again("ACK").cseq(2).callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.told(), ["incoming", "answered"]);
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["200"], "still repeated");
}

// The order of requests (section 12.2.2).

#[test]
fn a_lower_number_gets_500_and_the_call_lives() {
    let invite = invite().cseq(10);
    let (mut desk, _, tag) = active(&invite);
    for (cseq, branch) in [(9, "a"), (10, "b"), (1, "c")] {
        for method in ["OPTIONS", "BYE", "INVITE"] {
            let branch = format!("{branch}{method}");
            desk.feed(invite.clone().again(method).cseq(cseq).callee_tag(&tag).branch(&branch).text());
            assert_eq!(desk.codes(), ["500"], "{method} {cseq}");
            if method == "INVITE" {
                desk.feed(invite.clone().again("ACK").cseq(cseq).callee_tag(&tag).branch(&branch).text());
            }
        }
    }
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    hung_up_by_peer(&mut desk, &invite, &tag, 11);
}

#[test]
fn a_number_may_jump() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("OPTIONS").cseq(1_000_000).callee_tag(&tag).branch("options").text());
    assert_eq!(desk.codes(), ["200"]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 2_147_483_647);
}

#[test]
fn options_within_the_dialog_get_200() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("OPTIONS").cseq(2).callee_tag(&tag).branch("options").text());
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200");
    assert_eq!(ok.callee_tag(), tag);
    assert_eq!(ok.header("Allow"), support::ALLOW);
    assert!(ok.header("Accept").starts_with("application/sdp, multipart/mixed"), "RFC 5621 section 4.2");
    hung_up_by_peer(&mut desk, &invite(), &tag, 3);
}

#[test]
fn other_methods_within_the_dialog_get_405_or_501_and_the_call_lives() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("REGISTER").cseq(2).callee_tag(&tag).branch("register").text());
    desk.feed(invite().again("WHATEVER").cseq(3).callee_tag(&tag).branch("whatever").text());
    assert_eq!(desk.codes(), ["405", "501"]);
    assert!(desk.last("405").message.has("Allow"));
    hung_up_by_peer(&mut desk, &invite(), &tag, 4);
}

#[test]
fn the_from_of_later_requests_may_be_written_differently() {
    let (mut desk, _, tag) = active(&invite());
    let bye = invite().again("BYE").cseq(2).callee_tag(&tag).branch("bye").text();
    desk.feed(bye.replace("From: <sip:peer@192.0.2.9>", "f: \"Somebody\" <sip:other@example.org>"));
    assert_eq!(desk.codes(), ["200"], "the tags make the dialog, not the URIs");
    desk.assert_all_gone();
}

// Refusing (sections 13.3.1.3 and 17.2.1).

#[test]
fn a_486_is_repeated_until_its_ack() {
    let (mut desk, session) = ringing(&invite());
    desk.reject(session, 486);
    assert_eq!(desk.told(), ["incoming", "ended Declined 486"]);
    assert_eq!(desk.core.registry().len(), 0, "the session is gone, the transaction goes on");
    desk.run_for(8 * SECOND);
    assert_eq!(desk.times("486"), [0, 500, 1_500, 3_500, 7_500]);
    desk.news();
    desk.feed(invite().text());
    assert_eq!(desk.codes(), ["486"], "and for a repeated INVITE");
    desk.feed(invite().again("ACK").callee_tag(&desk.last("486").message.callee_tag()).text());
    desk.run_for(GIVE_UP);
    assert_eq!(desk.codes(), [""; 0], "not after the ACK");
    desk.assert_all_gone();
}

#[test]
fn a_486_without_ack_is_given_up() {
    let (mut desk, session) = ringing(&invite());
    desk.reject(session, 486);
    desk.run_for(40 * SECOND);
    assert_eq!(
        desk.times("486"),
        [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]
    );
    assert!(desk.core.is_idle());
    desk.assert_all_gone();
}

#[test]
fn the_handler_may_refuse_at_once() {
    for (status, sent) in [(486, "486"), (302, "302"), (699, "699"), (200, "500"), (180, "500"), (0, "500")] {
        let refuse = move |_: &InviteDetails| SignalingDecision::Reject(status);
        let mut desk = Desk::with_handler(CoordinatorConfig::default(), refuse);
        desk.feed(invite().text());
        assert_eq!(desk.codes(), [sent]);
        assert!(desk.events.is_empty(), "nobody is told");
        assert_eq!(desk.core.registry().len(), 0);
        desk.feed(invite().again("ACK").text());
        desk.assert_all_gone();
    }
}

#[test]
fn a_deferred_call_is_refused_with_480_at_its_deadline() {
    let mut desk = silent(Some(10 * SECOND));
    desk.feed(invite().text());
    desk.run_for(10 * SECOND - ms(1));
    assert_eq!(desk.codes(), ["100"]);
    desk.run_for(ms(1));
    assert_eq!(desk.only().message.first_line(), "SIP/2.0 480 Temporarily Unavailable");
    assert_eq!(desk.told(), ["incoming", "ended Undecided 480"]);
    desk.feed(invite().again("ACK").text());
    desk.assert_all_gone();
}

#[test]
fn an_undecided_call_is_refused_with_480_in_the_end() {
    let mut desk = Desk::new();
    desk.feed(invite().text());
    desk.run_for(180 * SECOND);
    assert_eq!(desk.told(), ["incoming", "ended Undecided 480"]);
    assert_eq!(desk.times("480"), [180_000]);
    desk.feed(invite().again("ACK").text());
    desk.assert_all_gone();
}

/// Section 13.3.1: an INVITE that expires before it is answered gets 487.
#[test]
fn an_invite_that_expires_gets_487() {
    let mut desk = Desk::new();
    desk.feed(invite().header("Expires: 20").text());
    assert_eq!(desk.codes(), ["180"]);
    desk.run_for(20 * SECOND - ms(1));
    assert_eq!(desk.codes(), [""; 0]);
    desk.run_for(ms(1));
    assert_eq!(desk.codes(), ["487"]);
    desk.feed(invite().again("ACK").text());
    desk.assert_all_gone();
    assert!(desk.told().last().unwrap().starts_with("ended "));
}

#[test]
fn an_answered_call_does_not_expire() {
    let (mut desk, _, tag) = active(&invite().header("Expires: 20"));
    desk.run_for(300 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
}

#[test]
fn an_expiry_that_is_late_or_nonsense_does_not_delay_the_deadline() {
    for expires in ["3600", "99999999999999999999", "soon", "-1"] {
        let mut desk = silent(Some(10 * SECOND));
        desk.feed(invite().header(&format!("Expires: {expires}")).text());
        desk.run_for(10 * SECOND);
        assert_eq!(desk.codes(), ["100", "480"], "{expires}");
    }
}

// The four decisions.

#[test]
fn a_deferred_call_may_ring_and_be_answered_later() {
    let mut desk = silent(None);
    desk.feed(invite().text());
    desk.run_for(SECOND);
    let session = desk.incoming();
    desk.ring(session);
    desk.run_for(59 * SECOND);
    desk.answer(session);
    assert_eq!(desk.codes(), ["100", "180", "200"]);
    let tag = desk.last("200").message.callee_tag();
    assert_eq!(desk.last("180").message.callee_tag(), tag);
    desk.feed(invite().again("ACK").callee_tag(&tag).branch("ack").text());
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
}

#[test]
fn a_custom_decision_has_the_session_at_hand() {
    let custom = |_: &InviteDetails| {
        SignalingDecision::Custom(Box::new(|call| {
            call.set_tag(UserTag(77));
            call.answer().unwrap();
        }))
    };
    let mut desk = Desk::with_handler(CoordinatorConfig::default(), custom);
    desk.feed(invite().text());
    assert_eq!(desk.codes(), ["200"], "no 180 before it");
    let session = desk.incoming();
    assert_eq!(desk.core.registry().session(session).unwrap().tag(), UserTag(77));
    let tag = desk.last("200").message.callee_tag();
    desk.feed(invite().again("ACK").callee_tag(&tag).branch("ack").text());
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
}

#[test]
fn the_registry_knows_who_is_in_a_dialog() {
    let (desk, session) = ringing(&invite());
    let registry = desk.core.registry();
    let [id] = registry.dialogs_of(session) else { panic!("one dialog") };
    let dialog = registry.dialog(*id).unwrap();
    let message = Message::new(invite().text().as_bytes());
    assert!(message.header("From").contains(&format!("<{}>", String::from_utf8_lossy(dialog.remote_uri()))));
    assert_eq!(dialog.call_id(), message.header("Call-ID").as_bytes());
    let media = registry.media_of(session).unwrap();
    assert_eq!(registry.session_of_media(media), Some(session));
    assert_eq!(registry.session_of_dialog(*id), Some(session));
}

// OPTIONS outside a dialog (section 11.2).

#[test]
fn options_get_200_with_what_we_can() {
    let mut desk = Desk::new();
    let options = Request::new("OPTIONS").no_contact().header("Accept: application/sdp");
    desk.feed(options.text());
    let ok = desk.only().message;
    assert_eq!(ok.first_line(), "SIP/2.0 200 OK");
    assert!(ok.has("Allow") && ok.has("Accept") && ok.has_to_tag());
    desk.feed(options.text());
    assert_eq!(desk.only().message, ok, "a repeat gets the same");
    assert!(desk.events.is_empty());
    desk.assert_all_gone();
}

// Peers of the old kind (RFC 2543: no branch, no From tag).

#[test]
fn a_caller_of_rfc_2543_gets_through() {
    let old = |request: Request| {
        let text = request.via("Via: SIP/2.0/UDP 192.0.2.9:5060\r\n").text();
        text.replace(";tag=peer", "")
    };
    let mut desk = Desk::new();
    desk.feed(old(invite()));
    desk.feed(old(invite()));
    assert_eq!(desk.codes(), ["180", "180"], "a repeat is seen as one");
    let session = desk.incoming();
    desk.answer(session);
    let tag = desk.only().message.callee_tag();
    desk.feed(old(invite().again("ACK").callee_tag(&tag)));
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    desk.feed(old(invite().again("BYE").cseq(2).callee_tag(&tag)));
    assert_eq!(desk.codes(), ["200"]);
    desk.assert_all_gone();
}

// IPv6: addresses in brackets wherever a port may follow.

#[test]
fn a_call_over_ipv6() {
    let mut desk = Desk::new();
    let path = Path::udp("[2001:db8::1]:5060".parse().unwrap(), "[2001:db8::9]:5060".parse().unwrap());
    let six = |text: String| {
        let text =
            text.replace("@192.0.2.9:5060", "@[2001:db8::9]:5060").replace("@192.0.2.9", "@[2001:db8::9]");
        text.replace("UDP 192.0.2.9", "UDP [2001:db8::9]")
    };
    let offer = SDP.replace("IP4 192.0.2.9", "IP6 2001:db8::9");
    desk.core.handle_datagram(desk.now, path, six(invite().sdp(&offer).text()).as_bytes());
    desk.drain();
    let session = desk.incoming();
    desk.answer(session);
    let sent = desk.last("200");
    assert_eq!(sent.to(), "[2001:db8::9]:5060");
    let ok = sent.message;
    assert!(!ok.header("Via").contains("received"), "the source is the sent-by: {ok:?}");
    assert_eq!(ok.header("Contact"), "<sip:offhook@[2001:db8::1]:5060>");
    assert!(ok.body().contains("c=IN IP6 2001:db8::1\r\n"), "{}", ok.body());
    let ack = invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text();
    desk.core.handle_datagram(desk.now, path, six(ack).as_bytes());
    desk.drain();
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    desk.hangup(session);
    let bye = desk.last("BYE");
    assert_eq!(bye.message.uri(), "sip:peer@[2001:db8::9]:5060");
    assert!(bye.message.header("Via").starts_with("SIP/2.0/UDP [2001:db8::1]:5060;branch="));
    assert_eq!(bye.path, path);
}
