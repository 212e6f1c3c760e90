//! CANCEL and BYE (RFC 3261 sections 9.2 and 15.1).

use super::*;

// CANCEL (section 9.2).

#[test]
fn cancel_gets_200_and_the_invite_487() {
    let (mut desk, _) = ringing(&invite());
    let tag = desk.last("180").message.callee_tag();
    desk.feed(invite().again("CANCEL").text());
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["200", "487"]);
    assert_eq!(news[0].message.header("CSeq"), "1 CANCEL");
    assert_eq!(news[0].message.callee_tag(), tag, "the same tag (section 9.2)");
    assert_eq!(news[1].message.header("CSeq"), "1 INVITE");
    assert_eq!(news[1].message.first_line(), "SIP/2.0 487 Request Terminated");
    assert_eq!(news[1].message.callee_tag(), tag);
    assert_eq!(desk.told().last().unwrap(), "ended Cancelled 487");
    desk.feed(invite().again("CANCEL").text());
    assert_eq!(desk.codes(), ["200"], "a repeated CANCEL gets its 200 again");
    desk.feed(invite().again("ACK").callee_tag(&tag).text());
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
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.told().last().unwrap(), "confirmed");
    hung_up_by_peer(&mut desk, &invite(), &ok.callee_tag(), 2);
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
    let bye = invite().again("BYE").cseq(2).callee_tag(&ok.callee_tag()).branch("bye");
    desk.feed(bye.text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup");
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    desk.feed(bye.text());
    assert_eq!(desk.codes(), ["200"], "the BYE's 200 again, nothing for the ACK");
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0], "the 200 of the INVITE is not repeated any more");
    desk.assert_all_gone();
}

#[test]
fn bye_in_an_early_dialog_ends_the_invite_with_487() {
    let (mut desk, _) = ringing(&invite());
    let tag = desk.last("180").message.callee_tag();
    desk.feed(invite().again("BYE").cseq(2).callee_tag(&tag).branch("bye").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert!(desk.told().last().unwrap().starts_with("ended Cancelled"), "{:?}", desk.told());
    desk.feed(invite().again("ACK").callee_tag(&tag).text());
    desk.assert_all_gone();
}

#[test]
fn a_second_bye_finds_no_dialog() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().again("BYE").cseq(2).callee_tag(&tag).branch("bye").text());
    desk.feed(invite().again("BYE").cseq(3).callee_tag(&tag).branch("bye2").text());
    assert_eq!(desk.codes(), ["200", "481"]);
    desk.assert_all_gone();
}

#[test]
fn hanging_up_waits_for_the_ack() {
    let (mut desk, session, ok) = answered(&invite());
    desk.hangup(session);
    assert_eq!(desk.codes(), [""; 0], "section 15: the callee must not send BYE before the ACK");
    desk.hangup(session);
    assert_eq!(desk.codes(), [""; 0], "ending a call twice is no mistake");
    desk.feed(invite().again("ACK").callee_tag(&ok.callee_tag()).branch("ack").text());
    assert_eq!(desk.only().message.code(), "BYE");
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
    desk.feed(support::respond(&desk.last("BYE").message.clone(), 200, "", "", ""));
    desk.assert_all_gone();
}

/// RFC 5407 sections 3.1.4 and 3.1.5: whoever changes the call has our 200, and an ACK that has not come may never.
#[test]
fn hanging_up_does_not_wait_for_an_ack_that_a_reinvite_has_overtaken() {
    let (mut desk, session, ok) = answered(&invite());
    desk.hangup(session);
    desk.news();
    let asks = invite().callee_tag(&ok.callee_tag());
    desk.feed(asks.again("INVITE").cseq(2).branch("re").sdp(SDP).text());
    assert_eq!(desk.codes(), ["500", "BYE"]);
    desk.feed(asks.again("ACK").cseq(2).branch("re").text());
    desk.feed(asks.again("ACK").branch("ack").text());
    desk.feed(support::respond(&desk.last("BYE").message.clone(), 200, "", "", ""));
    assert_eq!(desk.codes(), [""; 0], "the 200 is not sent again either");
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
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
    assert_eq!(
        bye.first_line(),
        "BYE sip:desk7@192.0.2.50:5070;x=y SIP/2.0",
        "the Contact is the Request-URI"
    );
    assert_eq!(
        bye.all("Route").join(", "),
        "<sip:192.0.2.31;lr>, <sip:192.0.2.32;lr>",
        "in order, for the callee"
    );
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
    desk.feed(invite().again("BYE").cseq(2).callee_tag(&tag).branch("bye").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(support::respond(&ours, 481, "", "", ""));
    assert_eq!(desk.told().last().unwrap(), "ended LocalHangup");
    desk.assert_all_gone();
}

#[test]
fn hanging_up_when_the_ack_never_comes() {
    let (mut desk, session, _) = answered(&invite());
    desk.hangup(session);
    desk.run_for(GIVE_UP - ms(1));
    assert_eq!(desk.times("BYE"), [0_u64; 0]);
    assert_eq!(desk.times("200").len(), 11, "the 200 is repeated all the same");
    desk.run_for(ms(1));
    assert_eq!(desk.times("BYE"), [32_000]);
    assert_eq!(desk.told(), ["incoming", "answered", "ended LocalHangup"]);
    desk.feed(support::respond(&desk.last("BYE").message.clone(), 481, "", "", ""));
    desk.assert_all_gone();
}

#[test]
fn a_bye_that_overtakes_the_ack_of_a_call_that_is_being_hung_up() {
    let (mut desk, session, ok) = answered(&invite());
    desk.hangup(session);
    desk.feed(invite().again("BYE").cseq(2).callee_tag(&ok.callee_tag()).branch("bye").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.run_for(60 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    desk.assert_all_gone();
}
