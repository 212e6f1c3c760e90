//! An INVITE without an offer, from either side: the callee offers (RFC 3261 section 13.2.1, RFC 3262 section 5).

use super::*;

#[test]
fn the_offer_in_the_200_is_answered_in_the_ack() {
    let (mut desk, session, invite) = calling(Reliable::Supported, true);
    assert!(invite.body().is_empty() && !invite.has("Content-Type"));
    assert!(desk.media.is_empty(), "nothing can come yet");
    let ok = plainly(&invite, 200, "far", SDP);
    desk.feed(&ok);
    let ack = desk.only().message;
    assert_eq!(ack.code(), "ACK");
    assert!(ack.body().contains("m=audio 20000 RTP/AVP 0\r\n"), "{ack:?}");
    assert_eq!((desk.told().last().unwrap().as_str(), heard(&desk)), ("answered", 40_000));
    desk.feed(&ok);
    assert_eq!(desk.only().message, ack, "a 200 that comes again gets the same ACK");
    leave(&mut desk, session);
}

#[test]
fn an_offer_in_the_200_that_cannot_be_accepted_is_declined_and_the_call_hung_up() {
    for (offer, declined) in [(SDP_NO_CODEC, true), ("garbage", false), ("", false)] {
        let (mut desk, _, invite) = calling(Reliable::Supported, true);
        desk.feed(plainly(&invite, 200, "far", offer));
        let news = desk.news();
        assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["ACK", "BYE"]);
        let body = news[0].message.body();
        assert_eq!(body.contains("m=audio 0 RTP/AVP 98"), declined, "{body}");
        assert_eq!(desk.told(), ["ended NoCommonMedia 200"]);
        desk.feed(respond(&news[1].message, 200, "", "", ""));
        desk.assert_all_gone();
    }
}

#[test]
fn another_fork_that_offers_is_declined() {
    let (mut desk, session, invite) = calling(Reliable::Supported, true);
    desk.feed(plainly(&invite, 200, "one", SDP));
    desk.news();
    desk.feed(plainly(&invite, 200, "two", SDP_OTHER_PORT));
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(news[0].message.body().contains("m=audio 0 RTP/AVP 8\r\n"));
    assert_eq!(heard(&desk), 40_000);
    leave(&mut desk, session);
}

#[test]
fn an_offer_in_a_reliable_response_is_answered_in_its_prack() {
    let (mut desk, session, invite) = calling(Reliable::Supported, true);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    let prack = desk.only().message;
    assert!(prack.code() == "PRACK" && prack.body().contains("m=audio 20000 RTP/AVP 0\r\n"), "{prack:?}");
    assert_eq!(desk.told(), ["progress 183 with media"]);
    assert_eq!(heard(&desk), 40_000);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(plainly(&invite, 200, "far", SDP_OTHER_PORT));
    assert_eq!(desk.only().message.body(), "", "that was over already");
    assert_eq!(heard(&desk), 40_000);
    leave(&mut desk, session);
}

#[test]
fn an_offer_that_may_get_lost_is_none() {
    let (mut desk, session, invite) = calling(Reliable::Supported, true);
    desk.feed(plainly(&invite, 183, "far", SDP_OTHER_PORT));
    assert_eq!((desk.told(), desk.media.len()), (vec!["progress 183".into()], 0));
    desk.feed(plainly(&invite, 200, "far", SDP));
    assert!(desk.only().message.body().contains("m=audio"));
    assert_eq!(heard(&desk), 40_000);
    leave(&mut desk, session);
}

#[test]
fn a_reliable_offer_that_cannot_be_accepted_is_declined_and_the_call_given_up() {
    let (mut desk, _, invite) = calling(Reliable::Supported, true);
    desk.feed(reliably(&invite, 183, "far", "1", SDP_NO_CODEC));
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["PRACK", "CANCEL"]);
    assert!(news[0].message.body().contains("m=audio 0 RTP/AVP 98"));
    desk.feed(respond(&news[0].message, 200, "", "", ""));
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.told(), ["ended NoCommonMedia 487"]);
    desk.assert_all_gone();
}

/// A caller without an offer, and our 183 to it.
fn offered() -> (Desk, SessionId, Request, Message) {
    let (mut desk, session, invite) = called("Supported: 100rel", "");
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    (desk, session, invite, early)
}

#[test]
fn our_offer_in_a_183_is_answered_in_the_prack() {
    let (mut desk, session, invite, early) = offered();
    assert!(early.body().contains("m=audio 20000 RTP/AVP 0 8"), "all that we can do: {early:?}");
    assert_eq!(heard(&desk), 0, "nobody knows yet where to send");
    desk.feed(prack(&invite, &early, 2).sdp(SDP).text());
    assert_eq!(desk.only().message.body(), "");
    assert_eq!(heard(&desk), 40_000);
    desk.answer(session);
    assert_eq!(desk.only().message.body(), "");
    assert_eq!(desk.told(), ["incoming", "media changed", "answered"]);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn the_answer_waits_for_the_answer_to_our_offer() {
    let (mut desk, session, invite, early) = offered();
    desk.answer(session);
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(prack(&invite, &early, 2).sdp(SDP).text());
    assert_eq!(desk.codes(), ["200", "200"]);
    assert_eq!(heard(&desk), 40_000);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_prack_without_a_usable_answer_ends_the_call() {
    for body in [SDP_NO_CODEC, "garbage", ""] {
        for answered in [false, true] {
            let (mut desk, session, invite, early) = offered();
            if answered {
                desk.answer(session);
            }
            let prack = prack(&invite, &early, 2);
            desk.feed(if body.is_empty() { prack } else { prack.sdp(body) }.text());
            let news = desk.news();
            let lines: Vec<_> = news
                .iter()
                .map(|sent| (sent.message.code(), sent.message.header("CSeq").to_string()))
                .collect();
            assert_eq!(lines, [("200".into(), "2 PRACK".into()), ("488".into(), "1 INVITE".into())]);
            assert_eq!(desk.told(), ["incoming", "ended NoCommonMedia 488"]);
            desk.assert_all_gone();
        }
    }
}

#[test]
fn an_offer_needs_a_response_that_cannot_get_lost() {
    let (mut desk, session, invite) = called("", "");
    let error = progress(&mut desk, session, true).unwrap_err();
    assert!(matches!(error, CommandError::BadArgument { what: "audio", .. }), "{error}");
    progress(&mut desk, session, false).unwrap();
    assert_eq!(desk.codes(), ["180"]);
    desk.answer(session);
    let ok = desk.only().message;
    assert!(ok.body().contains("m=audio"));
    desk.feed(invite.again("ACK").branch("ack").callee_tag(&ok.callee_tag()).sdp(SDP).text());
    assert_eq!(desk.told(), ["incoming", "answered", "confirmed", "media changed"]);
    leave(&mut desk, session);
}

#[test]
fn progress_is_for_calls_that_wait_for_an_answer() {
    let (mut desk, session, invite) = called("", SDP);
    desk.answer(session);
    for audio in [false, true] {
        let error = progress(&mut desk, session, audio).unwrap_err();
        assert!(matches!(error, CommandError::WrongState { .. }), "{error}");
    }
    confirm_and_leave(&mut desk, &invite);
    assert_eq!(progress(&mut desk, session, true), Err(CommandError::NoSuchCall));
}

#[test]
fn the_first_reliable_response_has_the_offer_even_if_it_only_rings() {
    let (mut desk, session, invite) = called("Require: 100rel", "");
    desk.ring(session);
    let ringing = desk.only().message;
    assert!(ringing.code() == "180" && ringing.body().contains("m=audio 20000"), "{ringing:?}");
    desk.answer(session);
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(prack(&invite, &ringing, 2).sdp(SDP).text());
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["200", "200"]);
    assert_eq!((heard(&desk), news[1].message.body()), (40_000, ""));
    confirm_and_leave(&mut desk, &invite);

    // Where nothing is required it rings plainly.
    let (mut desk, session, _) = called("Supported: 100rel", "");
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    assert!(!ringing.has("RSeq") && ringing.body().is_empty());
    progress(&mut desk, session, true).unwrap();
    assert!(desk.only().message.has("RSeq"));
}

#[test]
fn nobody_is_heard_any_more_when_the_call_goes_elsewhere() {
    for late in [false, true] {
        let (mut desk, session, invite) = calling(Reliable::Supported, late);
        desk.feed(reliably(&invite, 183, "far", "1", SDP));
        assert_eq!(heard(&desk), 40_000);
        let prack = desk.only().message;
        desk.feed(respond(&prack, 200, "", "", ""));
        desk.feed(respond(&invite, 302, "far", "Contact: <sip:near@192.0.2.9:5070>\r\n", ""));
        let invite = desk.last("INVITE").message;
        assert_eq!((invite.uri(), heard(&desk)), ("sip:near@192.0.2.9:5070", 0));
        // Their numbers begin anew with the early dialogs; ours go on after that of the PRACK.
        desk.news();
        desk.feed(reliably(&invite, 183, "far", "1", SDP_OTHER_PORT));
        assert_eq!(desk.only().message.header("RAck"), "1 3 INVITE");
        assert_eq!(heard(&desk), 40_002);
        desk.feed(plainly(&invite, 200, "far", ""));
        leave(&mut desk, session);
    }
}
