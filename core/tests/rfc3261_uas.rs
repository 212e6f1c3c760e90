//! We are called: a peer made of text against one coordinator (RFC 3261 sections 8.2, 9.2, 12, 13.3, 14.2, 15.1.2
//! and 17.2, RFC 3264, RFC 6026).
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use offhook_core::base::ids::{SessionId, UserTag};
use offhook_core::coordinator::CoordinatorConfig;
use offhook_core::sdp::plan::{Codec, Direction};
use offhook_core::signaling::{Deferral, InviteDetails, SignalingDecision};
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
    let mut desk = Desk::new();
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
    let tag = ok.to_tag();
    desk.feed(invite.again("ACK").to_tag(&tag).branch("ack").text());
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    (desk, session, tag)
}

/// The peer hangs up.
fn hung_up_by_peer(desk: &mut Desk, invite: &Request, tag: &str, cseq: u32) {
    desk.feed(invite.again("BYE").cseq(cseq).to_tag(tag).branch("last-bye").text());
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
    desk.feed(invite().again("ACK").to_tag(&desk.last("200").message.to_tag()).branch("ack").text());
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
    assert_eq!(ringing.to_tag(), ok.to_tag());
    for response in [&ringing, &ok] {
        assert_eq!(response.header("From"), "<sip:peer@192.0.2.9>;tag=peer");
        assert_eq!(response.header("Call-ID"), "call");
        assert_eq!(response.header("CSeq"), "1 INVITE");
        assert_eq!(response.all("Via").len(), 1);
        assert_eq!(response.header("Contact"), "<sip:offhook@192.0.2.1:5060>");
        assert_eq!(response.branch(), "z9hG4bKone");
    }
    assert_eq!(ringing.body(), "");
    assert_eq!(ok.header("Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS");
    assert_eq!(ok.header("Content-Type"), "application/sdp");
    assert_eq!(ok.header("Content-Length"), ok.body().len().to_string());
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0\r\n"), "{}", ok.body());
}

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
    assert_eq!(desk.last("200").message.to_tag(), desk.last("180").message.to_tag());
}

#[test]
fn a_refusal_carries_no_record_route_and_no_contact() {
    let (mut desk, session) = ringing(&invite().header("Record-Route: <sip:p1.example.com;lr>"));
    desk.reject(session, 486);
    let busy = desk.only().message;
    assert_eq!(busy.first_line(), "SIP/2.0 486 Busy Here");
    assert!(!busy.has("Record-Route") && !busy.has("Contact"));
    assert_eq!(busy.to_tag(), desk.last("180").message.to_tag(), "the tag of the 180 (section 8.2.6.2)");
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
    desk.feed(invite().again("ACK").to_tag(&ok.to_tag()).branch("ack").text());
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "not after the ACK");
    hung_up_by_peer(&mut desk, &invite(), &ok.to_tag(), 2);
}

#[test]
fn without_an_ack_the_call_is_hung_up() {
    let (mut desk, _, ok) = answered(&invite());
    desk.run_for(GIVE_UP - ms(1));
    assert_eq!(desk.times("200"), [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    assert_eq!(desk.told(), ["incoming", "answered"]);
    desk.news();
    desk.run_for(ms(1));
    let bye = desk.only().message;
    assert_eq!(bye.code(), "BYE");
    assert_eq!(bye.from_tag(), ok.to_tag());
    assert_eq!(bye.to_tag(), "peer");
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
    desk.feed(invite().again("ACK").to_tag(&ok.to_tag()).branch("ack").text());
    for _ in 0..5 {
        desk.feed(invite().text());
        desk.run_for(SECOND);
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"], "no second call");
    assert_eq!(desk.core.registry().len(), 1);
    hung_up_by_peer(&mut desk, &invite(), &ok.to_tag(), 2);
}

#[test]
fn the_ack_may_come_again_and_again() {
    let (mut desk, _, tag) = active(&invite());
    for n in 0..5 {
        desk.feed(invite().again("ACK").to_tag(&tag).branch(&format!("ack{n}")).text());
    }
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
}

#[test]
fn an_ack_with_another_number_is_not_the_ack() {
    let (mut desk, _, ok) = answered(&invite());
    desk.feed(invite().again("ACK").cseq(2).to_tag(&ok.to_tag()).branch("ack").text());
    assert_eq!(desk.told(), ["incoming", "answered"]);
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["200"], "still repeated");
}

// CANCEL (section 9.2).

#[test]
fn cancel_gets_200_and_the_invite_487() {
    let (mut desk, _) = ringing(&invite());
    let tag = desk.last("180").message.to_tag();
    desk.feed(invite().again("CANCEL").text());
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["200", "487"]);
    assert_eq!(news[0].message.header("CSeq"), "1 CANCEL");
    assert_eq!(news[0].message.to_tag(), tag, "the same tag (section 9.2)");
    assert_eq!(news[1].message.header("CSeq"), "1 INVITE");
    assert_eq!(news[1].message.first_line(), "SIP/2.0 487 Request Terminated");
    assert_eq!(news[1].message.to_tag(), tag);
    assert_eq!(desk.told().last().unwrap(), "ended Cancelled 487");
    desk.feed(invite().again("CANCEL").text());
    assert_eq!(desk.codes(), ["200"], "a repeated CANCEL gets its 200 again");
    desk.feed(invite().again("ACK").to_tag(&tag).text());
    desk.run_for(GIVE_UP);
    assert_eq!(desk.codes(), [""; 0]);
    desk.assert_all_gone();
}

#[test]
fn cancel_before_anything_was_sent() {
    let mut desk = silent(None);
    desk.feed(invite().text());
    desk.feed(invite().again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    desk.feed(invite().again("ACK").text());
    desk.assert_all_gone();
}

#[test]
fn cancel_after_the_answer_changes_nothing() {
    let (mut desk, _, ok) = answered(&invite());
    desk.feed(invite().again("CANCEL").text());
    let done = desk.only().message;
    assert_eq!((done.code().as_str(), done.header("CSeq")), ("200", "1 CANCEL"));
    assert_eq!(desk.told(), ["incoming", "answered"]);
    desk.feed(invite().again("ACK").to_tag(&ok.to_tag()).branch("ack").text());
    assert_eq!(desk.told().last().unwrap(), "confirmed");
    hung_up_by_peer(&mut desk, &invite(), &ok.to_tag(), 2);
}

#[test]
fn a_cancel_is_matched_by_its_branch() {
    let (mut desk, _) = ringing(&invite());
    desk.feed(invite().again("CANCEL").branch("other").text());
    assert_eq!(desk.codes(), ["481"]);
    assert_eq!(desk.told(), ["incoming"]);
}

// BYE (section 15.1.2).

#[test]
fn bye_may_overtake_the_ack() {
    let (mut desk, _, ok) = answered(&invite());
    let bye = invite().again("BYE").cseq(2).to_tag(&ok.to_tag()).branch("bye");
    desk.feed(bye.text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
    desk.feed(invite().again("ACK").to_tag(&ok.to_tag()).branch("ack").text());
    desk.feed(bye.text());
    assert_eq!(desk.codes(), ["200"], "the BYE's 200 again, nothing for the ACK");
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "the 200 of the INVITE is not repeated any more");
    desk.assert_all_gone();
}

#[test]
fn bye_in_an_early_dialog_ends_the_invite_with_487() {
    let (mut desk, _) = ringing(&invite());
    let tag = desk.last("180").message.to_tag();
    desk.feed(invite().again("BYE").cseq(2).to_tag(&tag).branch("bye").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert!(desk.told().last().unwrap().starts_with("ended Cancelled"), "{:?}", desk.told());
    desk.feed(invite().again("ACK").to_tag(&tag).text());
    desk.assert_all_gone();
}

#[test]
fn a_second_bye_finds_no_dialog() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("BYE").cseq(2).to_tag(&tag).branch("bye").text());
    desk.feed(invite().again("BYE").cseq(3).to_tag(&tag).branch("bye2").text());
    assert_eq!(desk.codes(), ["200", "481"]);
    desk.assert_all_gone();
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let (mut desk, session, ok) = answered(&invite());
    desk.hangup(session);
    assert_eq!(desk.codes(), [""; 0], "section 15: the callee must not send BYE before the ACK");
    desk.feed(invite().again("ACK").to_tag(&ok.to_tag()).branch("ack").text());
    assert_eq!(desk.only().message.code(), "BYE");
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
    desk.feed(support::respond(&desk.last("BYE").message.clone(), 200, "", "", ""));
    desk.assert_all_gone();
}

#[test]
fn our_bye_has_all_that_a_request_in_a_dialog_has() {
    let invite = invite()
        .contact("\"Peer\" <sip:desk7@192.0.2.50:5070;x=y>;expires=3600")
        .header("Record-Route: <sip:192.0.2.31;lr>, <sip:192.0.2.32;lr>");
    let (mut desk, session, tag) = active(&invite);
    desk.hangup(session);
    let sent = desk.only();
    let bye = &sent.message;
    assert_eq!(bye.first_line(), "BYE sip:desk7@192.0.2.50:5070;x=y SIP/2.0", "the Contact is the Request-URI");
    assert_eq!(bye.all("Route").join(", "), "<sip:192.0.2.31;lr>, <sip:192.0.2.32;lr>", "in order, for the callee");
    assert_eq!(sent.to(), "192.0.2.31:5060", "the first route is the next hop");
    assert_eq!(bye.header("From"), format!("<sip:offhook@192.0.2.1>;tag={tag}"));
    assert_eq!(bye.header("To"), "<sip:peer@192.0.2.9>;tag=peer");
    assert_eq!(bye.header("Call-ID"), "call");
    assert_eq!(bye.header("Max-Forwards"), "70");
    assert!(bye.header("CSeq").ends_with(" BYE"));
    assert!(bye.branch().starts_with("z9hG4bK"));
    assert!(bye.header("Via").starts_with("SIP/2.0/UDP 192.0.2.1:5060;"));
    assert_eq!(bye.header("Content-Length"), "0");
}

#[test]
fn a_strict_route_is_followed_the_old_way() {
    let invite = invite().header("Record-Route: <sip:192.0.2.31>, <sip:192.0.2.32;lr>");
    let (mut desk, session, _) = active(&invite);
    desk.hangup(session);
    let sent = desk.only();
    assert_eq!(sent.message.uri(), "sip:192.0.2.31");
    assert_eq!(sent.message.all("Route").join(", "), "<sip:192.0.2.32;lr>, <sip:peer@192.0.2.9:5060>");
    assert_eq!(sent.to(), "192.0.2.31:5060");
}

#[test]
fn our_bye_is_repeated_and_given_up() {
    let (mut desk, session, _) = active(&invite());
    let start = desk.now.as_millis();
    desk.hangup(session);
    desk.run_for(GIVE_UP + SECOND);
    let times = since(start, &desk.times("BYE"));
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    desk.assert_all_gone();
}

#[test]
fn any_final_response_to_our_bye_will_do() {
    for status in [200, 408, 481, 500] {
        let (mut desk, session, _) = active(&invite());
        desk.hangup(session);
        let bye = desk.only().message;
        desk.feed(support::respond(&bye, 100, "", "", ""));
        assert_eq!(desk.core.registry().len(), 1);
        desk.feed(support::respond(&bye, status, "", "", ""));
        assert_eq!(desk.core.registry().len(), 0, "{status}");
        desk.assert_all_gone();
    }
}

#[test]
fn byes_that_cross_are_both_answered() {
    let (mut desk, session, tag) = active(&invite());
    desk.hangup(session);
    let ours = desk.only().message;
    desk.feed(invite().again("BYE").cseq(2).to_tag(&tag).branch("bye").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(support::respond(&ours, 481, "", "", ""));
    assert_eq!(desk.told().last().unwrap(), "ended LocalHangup");
    desk.assert_all_gone();
}

// The order of requests (section 12.2.2).

#[test]
fn a_lower_number_gets_500_and_the_call_lives() {
    let invite = invite().cseq(10);
    let (mut desk, _, tag) = active(&invite);
    for (cseq, branch) in [(9, "a"), (10, "b"), (1, "c")] {
        for method in ["OPTIONS", "BYE", "INVITE"] {
            let branch = format!("{branch}{method}");
            desk.feed(invite.clone().again(method).cseq(cseq).to_tag(&tag).branch(&branch).text());
            assert_eq!(desk.codes(), ["500"], "{method} {cseq}");
            if method == "INVITE" {
                desk.feed(invite.clone().again("ACK").cseq(cseq).to_tag(&tag).branch(&branch).text());
            }
        }
    }
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    hung_up_by_peer(&mut desk, &invite, &tag, 11);
}

#[test]
fn a_number_may_jump() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("OPTIONS").cseq(1_000_000).to_tag(&tag).branch("options").text());
    assert_eq!(desk.codes(), ["200"]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 2_147_483_647);
}

#[test]
fn options_within_the_dialog_get_200() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("OPTIONS").cseq(2).to_tag(&tag).branch("options").text());
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200");
    assert_eq!(ok.to_tag(), tag);
    assert_eq!(ok.header("Allow"), "INVITE, ACK, BYE, CANCEL, OPTIONS");
    assert_eq!(ok.header("Accept"), "application/sdp");
    hung_up_by_peer(&mut desk, &invite(), &tag, 3);
}

#[test]
fn other_methods_within_the_dialog_get_405_or_501_and_the_call_lives() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("INFO").cseq(2).to_tag(&tag).branch("info").text());
    desk.feed(invite().again("WHATEVER").cseq(3).to_tag(&tag).branch("whatever").text());
    assert_eq!(desk.codes(), ["405", "501"]);
    assert!(desk.last("405").message.has("Allow"));
    hung_up_by_peer(&mut desk, &invite(), &tag, 4);
}

#[test]
fn the_from_of_later_requests_may_be_written_differently() {
    let (mut desk, _, tag) = active(&invite());
    let bye = invite().again("BYE").cseq(2).to_tag(&tag).branch("bye").text();
    desk.feed(bye.replace("From: <sip:peer@192.0.2.9>", "f: \"Somebody\" <sip:other@example.org>"));
    assert_eq!(desk.codes(), ["200"], "the tags make the dialog, not the URIs");
    desk.assert_all_gone();
}

// INVITE within the dialog (section 14.2).

#[test]
fn a_reinvite_changes_media_and_target() {
    let (mut desk, session, tag) = active(&invite());
    let first = desk.last("200").message;
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcmu, 40_000));
    let again = invite().cseq(2).to_tag(&tag).branch("re").contact("<sip:moved@192.0.2.50:5070>").sdp(SDP_OTHER_PORT);
    desk.feed(again.text());
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.header("CSeq")), ("200", "2 INVITE"));
    assert_eq!(ok.to_tag(), tag);
    assert_eq!(ok.header("Contact"), "<sip:offhook@192.0.2.1:5060>");
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 8\r\n"), "the same port: {}", ok.body());
    let origin = |message: &Message| -> Vec<u64> {
        let line = message.body().lines().find(|line| line.starts_with("o=")).unwrap();
        line.split(' ').skip(1).take(2).map(|word| word.parse().unwrap()).collect()
    };
    assert_eq!(origin(&ok)[0], origin(&first)[0], "RFC 3264 section 8: the same session");
    assert_eq!(origin(&ok)[1], origin(&first)[1] + 1, "and the next version of it");
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcma, 40_002));
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["200"], "it is repeated like the first");
    desk.feed(again.again("ACK").branch("re-ack").text());
    desk.run_for(10 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed", "media changed"]);
    desk.hangup(session);
    let bye = desk.only();
    assert_eq!(bye.message.uri(), "sip:moved@192.0.2.50:5070", "the target is the new Contact");
    assert_eq!(bye.to(), "192.0.2.50:5070");
}

#[test]
fn a_refused_reinvite_does_not_move_the_target() {
    let (mut desk, session, tag) = active(&invite());
    let again = invite().cseq(2).to_tag(&tag).branch("re").contact("<sip:moved@192.0.2.50>").sdp(SDP_NO_CODEC);
    desk.feed(again.text());
    assert_eq!(desk.codes(), ["488"]);
    desk.feed(again.again("ACK").text());
    desk.hangup(session);
    assert_eq!(desk.only().message.uri(), "sip:peer@192.0.2.9:5060");
}

#[test]
fn hold_and_resume() {
    let (mut desk, _, tag) = active(&invite());
    for (cseq, line, theirs, ours) in [
        (2, "a=sendonly", "a=recvonly", Direction::RecvOnly),
        (3, "a=inactive", "a=inactive", Direction::Inactive),
        (4, "a=sendrecv", "a=sendrecv", Direction::SendRecv),
    ] {
        let branch = format!("re{cseq}");
        let again = invite().cseq(cseq).to_tag(&tag).branch(&branch).sdp(&SDP.replace("a=sendrecv", line));
        desk.feed(again.text());
        let ok = desk.only().message;
        // Without the attribute it is sendrecv.
        let expected = ok.body().contains(theirs) || (line == "a=sendrecv" && !ok.body().contains("only"));
        assert!(expected, "{line}: {}", ok.body());
        assert_eq!(desk.plan().direction, ours);
        desk.feed(again.again("ACK").branch(&format!("ack{cseq}")).text());
    }
    hung_up_by_peer(&mut desk, &invite(), &tag, 5);
}

#[test]
fn a_reinvite_before_the_ack_of_the_last_gets_500_with_retry_after() {
    let (mut desk, _, ok) = answered(&invite());
    let tag = ok.to_tag();
    let early = invite().cseq(2).to_tag(&tag).branch("re").sdp(SDP_OTHER_PORT);
    desk.feed(early.text());
    let refusal = desk.only().message;
    assert_eq!(refusal.code(), "500");
    assert!(refusal.header("Retry-After").parse::<u32>().unwrap() <= 10);
    desk.feed(early.again("ACK").text());
    assert_eq!(desk.told(), ["incoming", "answered"], "that ACK is not the one awaited");
    desk.feed(invite().again("ACK").to_tag(&tag).branch("ack").text());
    assert_eq!(desk.told().last().unwrap(), "confirmed");
    let second = invite().cseq(3).to_tag(&tag).branch("re2").sdp(SDP_OTHER_PORT);
    desk.feed(second.text());
    assert_eq!(desk.codes(), ["200"]);
    let third = invite().cseq(4).to_tag(&tag).branch("re3").sdp(SDP);
    desk.feed(third.text());
    let refusal = desk.only().message;
    assert_eq!(refusal.code(), "500");
    assert!(refusal.has("Retry-After"));
    desk.feed(third.again("ACK").text());
    desk.feed(second.again("ACK").branch("ack2").text());
    assert_eq!(desk.plan().codec, Codec::Pcma);
    hung_up_by_peer(&mut desk, &invite(), &tag, 5);
}

#[test]
fn a_reinvite_while_it_rings_gets_500_with_retry_after() {
    let (mut desk, session) = ringing(&invite());
    let tag = desk.last("180").message.to_tag();
    desk.feed(invite().cseq(2).to_tag(&tag).branch("re").text());
    let refusal = desk.only().message;
    assert_eq!(refusal.code(), "500");
    assert!(refusal.has("Retry-After"));
    desk.answer(session);
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn a_reinvite_whose_ack_never_comes_ends_the_call() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().cseq(2).to_tag(&tag).branch("re").text());
    desk.run_for(GIVE_UP);
    assert_eq!(desk.codes().last().unwrap(), "BYE");
    assert_eq!(desk.told().last().unwrap(), "ended AckTimeout");
    desk.assert_all_gone();
}

#[test]
fn a_repeated_reinvite_is_absorbed() {
    let (mut desk, _, tag) = active(&invite());
    let again = invite().cseq(2).to_tag(&tag).branch("re").sdp(SDP_OTHER_PORT);
    desk.feed(again.text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(again.text());
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(again.again("ACK").branch("ack2").text());
    desk.feed(again.text());
    assert_eq!(desk.codes(), [""; 0]);
    assert_eq!(desk.told().iter().filter(|told| *told == "media changed").count(), 1);
    hung_up_by_peer(&mut desk, &invite(), &tag, 3);
}

#[test]
fn a_reinvite_without_offer_gets_one() {
    let (mut desk, _, tag) = active(&invite());
    let again = Request::new("INVITE").cseq(2).to_tag(&tag).branch("re");
    desk.feed(again.text());
    let ok = desk.only().message;
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0 8"), "an offer of all that we can: {}", ok.body());
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000, "the old media go on until the answer");
    desk.feed(again.again("ACK").branch("ack2").sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    assert_eq!(desk.told().last().unwrap(), "media changed");
    hung_up_by_peer(&mut desk, &invite(), &tag, 3);
}

// A late offer: ours in the 200, the answer in the ACK (section 13.2.1).

fn late() -> (Desk, SessionId, Message) {
    answered(&Request::new("INVITE"))
}

#[test]
fn an_invite_without_offer_gets_one_in_the_200() {
    let (mut desk, _, ok) = late();
    assert_eq!(ok.header("Content-Type"), "application/sdp");
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0 8"), "{}", ok.body());
    let ack = Request::new("ACK").to_tag(&ok.to_tag()).branch("ack").sdp(SDP_OTHER_PORT);
    desk.feed(ack.text());
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed", "media changed"]);
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcma, 40_002));
    desk.feed(ack.text());
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    hung_up_by_peer(&mut desk, &Request::new("INVITE"), &ok.to_tag(), 2);
}

#[test]
fn a_late_answer_that_is_missing_or_unusable_ends_the_call() {
    for answer in ["", SDP_NO_CODEC, "nonsense"] {
        let (mut desk, _, ok) = late();
        let mut ack = Request::new("ACK").to_tag(&ok.to_tag()).branch("ack");
        if !answer.is_empty() {
            ack = ack.sdp(answer);
        }
        desk.feed(ack.text());
        let bye = desk.only().message;
        assert_eq!(bye.code(), "BYE", "{answer}");
        assert_eq!(desk.told(), ["incoming", "answered", "ended NoCommonMedia"]);
        desk.feed(support::respond(&bye, 200, "", "", ""));
        desk.assert_all_gone();
    }
}

#[test]
fn hanging_up_before_a_late_answer() {
    let (mut desk, session, ok) = late();
    desk.hangup(session);
    desk.feed(Request::new("ACK").to_tag(&ok.to_tag()).branch("ack").sdp(SDP).text());
    let bye = desk.only().message;
    assert_eq!(bye.code(), "BYE");
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
    desk.feed(support::respond(&bye, 200, "", "", ""));
    desk.run_for(SECOND);
    assert_eq!(desk.core.registry().len(), 0);
    desk.assert_all_gone();
}

// Session descriptions (RFC 3264).

#[test]
fn static_payload_types_need_no_rtpmap() {
    for (formats, codec, payload) in [("0", Codec::Pcmu, 0), ("8", Codec::Pcma, 8), ("18 8 0", Codec::Pcma, 8)] {
        let (desk, _, ok) = answered(&invite().sdp(&SDP.replace("0 8", formats)));
        assert_eq!((desk.plan().codec, desk.plan().send_payload_type), (codec, payload), "{formats}");
        assert!(ok.body().contains(&format!("m=audio 20000 RTP/AVP {payload}\r\n")), "{}", ok.body());
    }
}

#[test]
fn a_mapped_payload_type_is_taken_over_from_the_offer() {
    let offer = SDP.replace("0 8", "97 101")
        + "a=rtpmap:97 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    let (desk, _, ok) = answered(&invite().sdp(&offer));
    let plan = desk.plan();
    assert_eq!((plan.codec, plan.send_payload_type, plan.send_dtmf), (Codec::Pcma, 97, Some(101)));
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 97 101\r\n"), "{}", ok.body());
}

#[test]
fn as_many_media_lines_are_answered_as_were_offered() {
    let offer = SDP.to_string() + "m=video 40010 RTP/AVP 31\r\nm=audio 40020 RTP/AVP 0\r\n";
    let (_, _, ok) = answered(&invite().sdp(&offer));
    let lines: Vec<&str> = ok.body().lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("m=audio 20000 "));
    assert!(lines[1].starts_with("m=video 0 ") && lines[2].starts_with("m=audio 0 "), "{lines:?}");
}

// Refusing (section 13.3.1.3 and 17.2.1).

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
    desk.feed(invite().again("ACK").to_tag(&desk.last("486").message.to_tag()).text());
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
    let tag = desk.last("200").message.to_tag();
    assert_eq!(desk.last("180").message.to_tag(), tag);
    desk.feed(invite().again("ACK").to_tag(&tag).branch("ack").text());
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
    let tag = desk.last("200").message.to_tag();
    desk.feed(invite().again("ACK").to_tag(&tag).branch("ack").text());
    hung_up_by_peer(&mut desk, &invite(), &tag, 2);
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
    let tag = desk.only().message.to_tag();
    desk.feed(old(invite().again("ACK").to_tag(&tag)));
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
    desk.feed(old(invite().again("BYE").cseq(2).to_tag(&tag)));
    assert_eq!(desk.codes(), ["200"]);
    desk.assert_all_gone();
}
