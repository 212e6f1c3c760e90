//! INVITE within the dialog (RFC 3261 section 14.2).

use super::*;

// INVITE within the dialog (section 14.2).

/// Whoever is behind a NAT that has forgotten it asks for such an exchange; that only a retransmission is none, `rfc3262` shows.
#[test]
fn an_exchange_that_changes_nothing_is_told_to_the_media_side_alone() {
    let (mut desk, _, tag) = active(&invite());
    let (plan, commands) = (desk.plan(), desk.media.len());
    assert_eq!(plan.sip_peer, Some("192.0.2.9".parse().unwrap()), "where the signalling comes from");
    let again = invite().cseq(2).callee_tag(&tag).branch("re");
    desk.feed(again.text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!((desk.media.len(), desk.plan()), (commands + 1, plan));
    desk.feed(again.text());
    desk.feed(again.again("ACK").branch("re-ack").text());
    assert_eq!(desk.media.len(), commands + 1);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed"]);
}

#[test]
fn a_reinvite_changes_media_and_target() {
    let (mut desk, session, tag) = active(&invite());
    let first = desk.last("200").message;
    assert_eq!((desk.plan().codec, desk.plan().remote_rtp.unwrap().port()), (Codec::Pcmu, 40_000));
    let again = invite()
        .cseq(2)
        .callee_tag(&tag)
        .branch("re")
        .contact("<sip:moved@192.0.2.50:5070>")
        .sdp(SDP_OTHER_PORT);
    desk.feed(again.text());
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.header("CSeq")), ("200", "2 INVITE"));
    assert_eq!(ok.callee_tag(), tag);
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
    let again =
        invite().cseq(2).callee_tag(&tag).branch("re").contact("<sip:moved@192.0.2.50>").sdp(SDP_NO_CODEC);
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
        let again =
            invite().cseq(cseq).callee_tag(&tag).branch(&branch).sdp(&SDP.replace("a=sendrecv", line));
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

/// RFC 5407 sections 3.1.4 and 3.1.5.
#[test]
fn a_reinvite_that_overtakes_the_ack_of_the_last_is_taken() {
    let (mut desk, _, ok) = answered(&invite());
    let tag = ok.callee_tag();
    let second = invite().cseq(2).callee_tag(&tag).branch("re").sdp(SDP_OTHER_PORT);
    desk.feed(second.text());
    assert_eq!(desk.only().message.code(), "200");
    assert_eq!(desk.plan().codec, Codec::Pcma);
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed", "media changed"]);
    // The same before the ACK of a re-INVITE.
    let third = invite().cseq(3).callee_tag(&tag).branch("re2").sdp(SDP);
    desk.feed(third.text());
    assert_eq!((desk.codes(), desk.plan().codec), (vec!["200".to_string()], Codec::Pcmu));
    // The ACKs of the first two come now. That of the third is still awaited.
    desk.feed(invite().again("ACK").callee_tag(&tag).branch("ack").text());
    desk.feed(second.again("ACK").branch("ack2").text());
    desk.run_for(ms(500));
    let repeated = desk.only().message;
    assert_eq!((repeated.code().as_str(), repeated.header("CSeq")), ("200", "3 INVITE"), "that alone");
    desk.feed(third.again("ACK").branch("ack3").text());
    desk.run_for(40 * SECOND);
    assert_eq!(desk.codes(), [""; 0]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 4);
}

/// The answer to the offer in our 200 must come first.
#[test]
fn a_reinvite_that_crosses_the_offer_in_our_200_gets_491() {
    let late = Request::new("INVITE");
    let (mut desk, _, ok) = answered(&late);
    let tag = ok.callee_tag();
    for (cseq, again) in [(2, invite()), (3, Request::new("INVITE"))] {
        let branch = format!("re{cseq}");
        let again = again.cseq(cseq).callee_tag(&tag).branch(&branch);
        desk.feed(again.text());
        assert_eq!(desk.codes(), ["491"]);
        desk.feed(again.again("ACK").text());
    }
    desk.feed(late.again("ACK").callee_tag(&tag).branch("ack").sdp(SDP_OTHER_PORT).text());
    assert!(desk.told().contains(&"confirmed".to_string()));
    assert_eq!(desk.plan().codec, Codec::Pcma);
    // The same of a re-INVITE.
    let empty = Request::new("INVITE").cseq(4).callee_tag(&tag).branch("re4");
    desk.feed(empty.text());
    assert_eq!(desk.codes(), ["200"]);
    let crossing = invite().cseq(5).callee_tag(&tag).branch("re5");
    desk.feed(crossing.text());
    assert_eq!(desk.codes(), ["491"]);
    desk.feed(crossing.again("ACK").text());
    desk.feed(empty.again("ACK").branch("ack4").sdp(SDP).text());
    assert_eq!(desk.plan().codec, Codec::Pcmu);
    hung_up_by_peer(&mut desk, &invite(), &tag, 6);
}

/// What else may come in that moment: none of it waits for the ACK.
#[test]
fn an_update_that_overtakes_the_ack_is_taken_as_well() {
    let (mut desk, _, ok) = answered(&invite());
    let tag = ok.callee_tag();
    desk.feed(invite().again("UPDATE").cseq(2).callee_tag(&tag).branch("up").sdp(SDP_OTHER_PORT).text());
    assert_eq!((desk.codes(), desk.plan().codec), (vec!["200".to_string()], Codec::Pcma));
    desk.feed(invite().again("OPTIONS").cseq(3).callee_tag(&tag).branch("opt").text());
    assert_eq!(desk.codes(), ["200"]);
    hung_up_by_peer(&mut desk, &invite(), &tag, 4);
}

#[test]
fn a_reinvite_while_it_rings_gets_500_with_retry_after() {
    let (mut desk, session) = ringing(&invite());
    let tag = desk.last("180").message.callee_tag();
    desk.feed(invite().cseq(2).callee_tag(&tag).branch("re").text());
    let refusal = desk.only().message;
    assert_eq!(refusal.code(), "500");
    assert!(refusal.has("Retry-After"));
    desk.answer(session);
    assert_eq!(desk.codes(), ["200"]);
}

#[test]
fn a_reinvite_whose_ack_never_comes_ends_the_call() {
    let (mut desk, _, tag) = active(&invite());
    desk.feed(invite().cseq(2).callee_tag(&tag).branch("re").text());
    desk.run_for(GIVE_UP);
    assert_eq!(desk.codes().last().unwrap(), "BYE");
    assert_eq!(desk.told().last().unwrap(), "ended AckTimeout");
    desk.assert_all_gone();
}

#[test]
fn a_repeated_reinvite_is_absorbed() {
    let (mut desk, _, tag) = active(&invite());
    let again = invite().cseq(2).callee_tag(&tag).branch("re").sdp(SDP_OTHER_PORT);
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
    let again = Request::new("INVITE").cseq(2).callee_tag(&tag).branch("re");
    desk.feed(again.text());
    let ok = desk.only().message;
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 0 8"), "an offer of all that we can: {}", ok.body());
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000, "the old media go on until the answer");
    desk.feed(again.again("ACK").branch("ack2").sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_002);
    assert_eq!(desk.told().last().unwrap(), "media changed");
    hung_up_by_peer(&mut desk, &invite(), &tag, 3);
}
