//! Answers in provisional responses, and offers in PRACK (RFC 3262 section 5).

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

/// RFC 3262 section 5 and RFC 6337 section 3.1: acknowledged is acknowledged. The offer is answered with port 0.
#[test]
fn an_offer_in_a_prack_that_nobody_can_take_is_declined_in_its_200_and_ours_is_offered_back() {
    for (back, told) in [(SDP, None), (SDP_NO_CODEC, Some("488")), ("", Some("488"))] {
        let (mut desk, session, invite) = called("Supported: 100rel\r\nAllow: UPDATE, PRACK", SDP);
        progress(&mut desk, session, true).unwrap();
        let early = desk.only().message;
        desk.feed(prack(&invite, &early, 2).sdp(SDP_NO_CODEC).text());
        let news = desk.news();
        let [ok, update] = &news[..] else { panic!("{news:?}") };
        assert_eq!((ok.message.code().as_str(), ok.message.header("CSeq")), ("200", "2 PRACK"));
        assert!(ok.message.body().contains("m=audio 0 RTP/AVP "), "{:?}", ok.message);
        assert!(update.message.body().contains("m=audio 20000 RTP/AVP 0"), "{:?}", update.message);
        assert_eq!(heard(&desk), 40_000);
        let status = if back.is_empty() { 488 } else { 200 };
        desk.feed(respond(&update.message, status, "", "Contact: <sip:peer@192.0.2.9:5060>\r\n", back));
        if let Some(status) = told {
            assert_eq!(desk.codes(), [status], "no media are left");
            assert_eq!(desk.told().last().unwrap(), "ended NoCommonMedia 488");
            continue;
        }
        assert_eq!(desk.codes(), [""; 0]);
        desk.answer(session);
        assert_eq!(heard(&desk), 40_000);
        confirm_and_leave(&mut desk, &invite);
    }
}

#[test]
fn an_offer_in_a_prack_that_nobody_can_take_ends_the_invite_where_nothing_can_be_offered_back() {
    for answered in [false, true] {
        let (mut desk, session, invite, early) = early();
        if answered {
            desk.answer(session);
        }
        desk.feed(prack(&invite, &early, 2).sdp(SDP_NO_CODEC).text());
        let news = desk.news();
        let lines: Vec<_> =
            news.iter().map(|it| (it.message.code(), it.message.header("CSeq").to_string())).collect();
        assert_eq!(lines, [("200".into(), "2 PRACK".into()), ("488".into(), "1 INVITE".into())]);
        assert!(news[0].message.body().contains("m=audio 0 "));
        assert_eq!(desk.told(), ["incoming", "ended NoCommonMedia 488"]);
        desk.assert_all_gone();
    }
}

#[test]
fn what_is_no_offer_in_a_prack_does_not_keep_it_from_counting() {
    for (kind, body) in [("application/sdp", "garbage"), ("text/plain", "hello"), ("application/ISUP", "x")] {
        let (mut desk, session, invite, early) = early();
        desk.feed(prack(&invite, &early, 2).body(kind, body).text());
        let ok = desk.only().message;
        assert_eq!((ok.code().as_str(), ok.body()), ("200", ""), "{kind}");
        desk.run_for(GIVE_UP);
        assert_eq!(desk.codes(), [""; 0], "the 183 has arrived: it is not sent again");
        assert_eq!((heard(&desk), desk.told()), (40_000, vec!["incoming".to_string()]));
        desk.answer(session);
        confirm_and_leave(&mut desk, &invite);
    }
}

#[test]
fn an_offer_in_a_prack_while_we_owe_an_answer_is_not_answered_and_the_prack_counts() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    desk.feed(prack(&invite, &ringing, 2).sdp(SDP_OTHER_PORT).text());
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.body()), ("200", ""));
    desk.answer(session);
    assert!(desk.only().message.body().contains("m=audio"));
    assert_eq!(heard(&desk), 40_000);
    confirm_and_leave(&mut desk, &invite);
}

/// The 180 needs no PRACK before the 200: it may come later, and bring an offer.
#[test]
fn a_prack_counts_after_the_answer_and_while_media_change() {
    for offer in ["", SDP_OTHER_PORT, SDP_NO_CODEC] {
        for confirmed in [false, true] {
            let (mut desk, session, invite) = called("Supported: 100rel", SDP);
            progress(&mut desk, session, false).unwrap();
            let ringing = desk.only().message;
            desk.answer(session);
            let tag = desk.only().message.callee_tag();
            let mut held = Vec::new();
            if confirmed {
                desk.feed(invite.again("ACK").branch("ack").callee_tag(&tag).text());
                desk.core.hold(desk.now, session).unwrap();
                desk.drain();
                held = desk.news();
            }
            let prack = prack(&invite, &ringing, 2);
            desk.feed(if offer.is_empty() { prack } else { prack.sdp(offer) }.text());
            let ok = desk.only().message;
            assert_eq!((ok.code().as_str(), ok.body().is_empty()), ("200", offer.is_empty()), "{offer}");
            assert_eq!(ok.body().contains("m=audio 0 "), offer == SDP_NO_CODEC);
            assert_eq!(heard(&desk), if offer == SDP_OTHER_PORT { 40_002 } else { 40_000 });
            if let Some(reinvite) = held.pop() {
                desk.feed(respond(&reinvite.message, 491, "", "", ""));
                assert_eq!(desk.codes(), ["ACK"], "theirs crossed ours");
            }
            desk.hangup(session);
        }
    }
}

/// RFC 3311 section 5.2: our answer is made; who offers more has it.
#[test]
fn an_update_that_overtakes_the_prack_of_our_answer_is_answered_and_the_prack_still_counts() {
    for answered in [false, true] {
        let (mut desk, session, invite, early) = early();
        let tag = early.callee_tag();
        if answered {
            desk.answer(session);
        }
        let update = invite.again("UPDATE").cseq(3).branch("u3").callee_tag(&tag).sdp(SDP_OTHER_PORT);
        desk.feed(update.text());
        assert!(desk.only().message.body().contains("m=audio"));
        assert_eq!(heard(&desk), 40_002);
        desk.feed(prack(&invite, &early, 2).text());
        let codes = desk.codes();
        assert_eq!(codes, if answered { vec!["200", "200"] } else { vec!["200"] }, "it is what we wait for");
        if !answered {
            desk.answer(session);
            assert_eq!(desk.only().message.body(), "");
        }
        assert_eq!(heard(&desk), 40_002, "the 200 does not bring the old plan back");
        confirm_and_leave(&mut desk, &invite);
    }
}

/// RFC 3311 section 5.2: a 2xx to UPDATE says where its sender is, whichever side that is.
#[test]
fn the_200_to_an_update_before_the_answer_says_where_we_are() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    let acknowledged = desk.only().message;
    desk.feed(respond(&acknowledged, 200, "", "", ""));
    for sdp in [SDP_OTHER_PORT, ""] {
        let update = Request::new("UPDATE").call_id(invite.header("Call-ID")).caller_tag("far");
        let update = update.callee_tag(&invite.caller_tag()).cseq(if sdp.is_empty() { 2 } else { 1 });
        let update = update.branch(&format!("u{}", sdp.len()));
        desk.feed(if sdp.is_empty() { update.text() } else { update.sdp(sdp).text() });
        assert_eq!(desk.only().message.header("Contact"), "<sip:offhook@192.0.2.1:5060>");
    }
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.feed(prack(&invite, &early, 2).text());
    desk.news();
    desk.feed(invite.again("UPDATE").cseq(3).branch("u").callee_tag(&early.callee_tag()).text());
    assert_eq!(desk.only().message.header("Contact"), "<sip:offhook@192.0.2.1:5060>");
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
