//! Answers in provisional responses, and offers in PRACK (section 5).

use super::*;

#[test]
fn an_answer_that_came_reliably_is_the_last_word() {
    for later in ["", SDP, SDP_OTHER_PORT, SDP_NO_CODEC, "garbage"] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        desk.feed(reliably(&invite, 183, "far", "1", SDP));
        desk.feed(reliably(&invite, 183, "far", "2", SDP_OTHER_PORT));
        assert_eq!(desk.codes(), ["PRACK", "PRACK"]);
        desk.feed(plainly(&invite, 183, "far", SDP_OTHER_PORT));
        assert_eq!(heard(&desk), 40_000);
        desk.feed(plainly(&invite, 200, "far", later));
        assert_eq!(desk.codes(), ["ACK"], "{later}");
        assert_eq!(desk.told().last().unwrap(), "answered");
        assert_eq!((heard(&desk), desk.media.len()), (40_000, 2), "opened and changed once");
        leave(&mut desk, session);
    }
}

#[test]
fn an_answer_that_could_get_lost_may_still_change() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 183, "far", SDP));
    assert_eq!(heard(&desk), 40_000);
    desk.feed(plainly(&invite, 183, "far", SDP));
    assert_eq!(desk.media.len(), 2, "the same again is no news");
    desk.feed(plainly(&invite, 200, "far", SDP_OTHER_PORT));
    assert_eq!(heard(&desk), 40_002);
    leave(&mut desk, session);
}

#[test]
fn a_reliable_answer_that_cannot_be_used_leaves_it_to_the_200() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP_NO_CODEC));
    assert_eq!(desk.codes(), ["PRACK"]);
    assert_eq!(desk.told(), ["progress 183"]);
    desk.feed(plainly(&invite, 200, "far", SDP));
    assert_eq!(desk.told(), ["progress 183", "answered"]);
    leave(&mut desk, session);
}

#[test]
fn ringing_after_early_media_leaves_it_on() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    desk.feed(reliably(&invite, 180, "far", "2", ""));
    assert_eq!(desk.told(), ["progress 183 with media", "progress 180 with media"]);
    assert_eq!(heard(&desk), 40_000);
    desk.feed(plainly(&invite, 200, "far", ""));
    leave(&mut desk, session);
}

/// A callee of ours with early media, whose 183 is not acknowledged yet.
fn early() -> (Desk, SessionId, Request, Message) {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    (desk, session, invite, early)
}

#[test]
fn an_offer_in_a_prack_is_answered_in_its_200() {
    let (mut desk, session, invite, early) = early();
    desk.feed(prack(&invite, &early, 2).sdp(SDP_OTHER_PORT).text());
    let ok = desk.only().message;
    assert_eq!(ok.header("CSeq"), "2 PRACK");
    assert!(ok.body().contains("m=audio 20000 RTP/AVP 8\r\n"), "{ok:?}");
    assert_eq!(heard(&desk), 40_002);
    assert_eq!(desk.told(), ["incoming", "media changed"]);
    desk.answer(session);
    assert_eq!(desk.only().message.body(), "");
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn an_offer_in_the_prack_that_the_answer_waits_for() {
    let (mut desk, session, invite, early) = early();
    desk.answer(session);
    desk.feed(prack(&invite, &early, 2).sdp(SDP_OTHER_PORT).text());
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["200", "200"]);
    assert!(news[0].message.body().contains("m=audio") && news[1].message.body().is_empty());
    assert_eq!(heard(&desk), 40_002);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn an_offer_in_a_prack_that_cannot_be_accepted_gets_488_and_the_invite_lives() {
    for offer in [SDP_NO_CODEC, "garbage"] {
        let (mut desk, session, invite, early) = early();
        desk.feed(prack(&invite, &early, 2).sdp(offer).text());
        let refusal = desk.only().message;
        assert!(["488", "400"].contains(&refusal.code().as_str()), "{refusal:?}");
        assert_eq!(refusal.header("CSeq"), "2 PRACK");
        desk.run_for(GIVE_UP);
        assert_eq!(desk.codes(), [""; 0], "the 183 has arrived: it is not sent again");
        assert_eq!(heard(&desk), 40_000);
        assert_eq!(desk.told(), ["incoming"]);
        desk.answer(session);
        confirm_and_leave(&mut desk, &invite);
    }
}

#[test]
fn an_offer_in_a_prack_while_we_owe_an_answer_is_refused() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    desk.feed(prack(&invite, &ringing, 2).sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["488"]);
    desk.answer(session);
    assert!(desk.only().message.body().contains("m=audio"));
    assert_eq!(heard(&desk), 40_000);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_prack_with_a_body_of_another_kind_gets_415_and_does_not_count() {
    let (mut desk, session, invite, early) = early();
    desk.feed(prack(&invite, &early, 2).body("text/plain", "hello").text());
    assert_eq!(desk.codes(), ["415"]);
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["183"]);
    desk.feed(prack(&invite, &early, 3).text());
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn an_update_in_the_early_dialog_needs_an_exchange_that_is_over() {
    let (mut desk, session, invite, early) = early();
    let tag = early.callee_tag();
    let update = |cseq: u32| invite.again("UPDATE").cseq(cseq).branch(&format!("u{cseq}")).callee_tag(&tag);
    desk.feed(update(2).sdp(SDP_OTHER_PORT).text());
    let refusal = desk.only().message;
    assert!(refusal.code() == "500" && refusal.has("Retry-After"), "our answer may be lost still");
    desk.feed(prack(&invite, &early, 3).text());
    desk.news();
    desk.feed(update(4).sdp(SDP_OTHER_PORT).text());
    assert!(desk.only().message.body().contains("m=audio"));
    assert_eq!(heard(&desk), 40_002);
    desk.answer(session);
    assert_eq!(desk.only().message.body(), "");
    assert_eq!(heard(&desk), 40_002, "the 200 does not bring the old plan back");
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn an_update_of_the_callee_in_the_early_dialog_outlasts_the_200() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    desk.news();
    let update = Request::new("UPDATE").call_id(invite.header("Call-ID")).caller_tag("far");
    desk.feed(update.callee_tag(&invite.caller_tag()).sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(heard(&desk), 40_002);
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(heard(&desk), 40_002);
    leave(&mut desk, session);
}
