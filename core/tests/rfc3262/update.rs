//! UPDATEs of ours before the call is answered (RFC 3311).

use super::*;
use offhook_core::coordinator::Event;
use offhook_core::sdp::plan::Direction;
use offhook_core::session::State;

const ALLOW: &str = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE\r\n";
/// The answer to an offer to hold.
const SDP_HELD: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 8\r\na=recvonly\r\n";

/// The callee `tag` lets us hear something, reliably and knowing UPDATE; `rseq` is its number.
fn early_media(desk: &mut Desk, invite: &Message, tag: &str, rseq: &str) -> Message {
    let lines = format!("Contact: <sip:{tag}@192.0.2.9:5060>\r\nRequire: 100rel\r\nRSeq: {rseq}\r\n{ALLOW}");
    desk.feed(respond(invite, 183, tag, &lines, SDP));
    desk.only().message
}

/// A call of ours whose media both sides have agreed on.
fn agreed() -> (Desk, SessionId, Message) {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    let prack = early_media(&mut desk, &invite, "far", "1");
    desk.feed(respond(&prack, 200, "", "", ""));
    (desk, session, invite)
}

/// The same of a call that comes to us, with the tag that we gave it.
fn called_and_agreed() -> (Desk, SessionId, Request, String) {
    let (mut desk, session, invite) = called(&format!("Supported: 100rel\r\n{}", ALLOW.trim_end()), SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.feed(prack(&invite, &early, 2).text());
    desk.news();
    (desk, session, invite, early.callee_tag())
}

fn hold(desk: &mut Desk, session: SessionId) {
    desk.core.hold(desk.now, session).unwrap();
    desk.drain();
}

/// The UPDATE that was sent just now, which offers to hold.
fn only_hold(desk: &mut Desk) -> Message {
    let update = desk.only().message;
    assert_eq!(update.code(), "UPDATE");
    assert!(update.body().contains("a=sendonly"), "{update:?}");
    assert!(!update.has("Session-Expires"), "there is no session to refresh yet");
    update
}

fn accept(update: &Message) -> String {
    respond(update, 200, "", "Contact: <sip:far@192.0.2.9:5060>\r\n", SDP_HELD)
}

#[test]
fn a_caller_may_hold_before_the_answer() {
    let (mut desk, session, invite) = agreed();
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    assert_eq!(desk.core.session_state(session), Some(State::EarlyMedia));
    desk.feed(accept(&update));
    assert_eq!(desk.plan().direction, Direction::SendOnly);
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(desk.codes(), ["ACK"], "nothing is left to be said");
    assert_eq!(desk.told(), ["progress 183 with media", "media changed", "answered", "hold true false"]);
    assert_eq!(desk.plan().direction, Direction::SendOnly, "the 200 does not bring the old plan back");
    leave(&mut desk, session);
}

#[test]
fn an_update_follows_the_prack_that_the_callee_has() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    hold(&mut desk, session);
    let prack = early_media(&mut desk, &invite, "far", "1");
    assert_eq!(prack.code(), "PRACK");
    hold(&mut desk, session);
    assert_eq!(desk.codes(), [""; 0], "it might overtake the PRACK");
    desk.feed(respond(&prack, 200, "", "", ""));
    let update = only_hold(&mut desk);
    desk.feed(accept(&update));
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    leave(&mut desk, session);
}

#[test]
fn what_may_get_lost_or_cannot_be_understood_waits_for_the_answer() {
    let lines = "Contact: <sip:far@192.0.2.9:5060>\r\n";
    let silent = format!("{lines}Require: 100rel\r\nRSeq: 1\r\nAllow: INVITE, ACK, BYE, PRACK\r\n");
    for lines in [format!("{lines}{ALLOW}"), silent] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        desk.feed(respond(&invite, 183, "far", &lines, SDP));
        if let Some(prack) = desk.news().first() {
            desk.feed(respond(&prack.message, 200, "", "", ""));
        }
        hold(&mut desk, session);
        assert_eq!(desk.codes(), [""; 0]);
        desk.feed(plainly(&invite, 200, "far", SDP));
        let codes = desk.codes();
        assert_eq!(codes, ["ACK", "INVITE"]);
        let offer = desk.last("INVITE").message;
        desk.feed(respond(&offer, 200, "", "Contact: <sip:far@192.0.2.9:5060>\r\n", SDP_HELD));
        assert_eq!(desk.plan().direction, Direction::SendOnly);
        desk.news();
        leave(&mut desk, session);
    }
}

#[test]
fn a_refused_update_leaves_the_media_and_the_call() {
    let (mut desk, session, invite) = agreed();
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.feed(respond(&update, 488, "", "", ""));
    assert_eq!(desk.told(), ["progress 183 with media", "refused 488"]);
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(desk.codes(), ["ACK"], "the wish went with its offer");
    assert_eq!(desk.plan().direction, Direction::SendRecv);
    leave(&mut desk, session);
}

#[test]
fn updates_that_cross_are_both_refused_and_ours_is_made_again() {
    let (mut desk, session, invite) = agreed();
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    let theirs = |cseq: u32| {
        let update = Request::new("UPDATE").call_id(invite.header("Call-ID")).caller_tag("far").cseq(cseq);
        update.branch(&format!("u{cseq}")).callee_tag(&invite.caller_tag()).sdp(SDP_OTHER_PORT).text()
    };
    desk.feed(theirs(1));
    assert_eq!(desk.codes(), ["491"]);
    desk.feed(respond(&update, 491, "", "", ""));
    // The peer's turn: the call is not ours, so it asks again first, and ours goes along with the answer.
    desk.feed(theirs(2));
    let answer = desk.only().message;
    assert_eq!(answer.code(), "200");
    desk.run_for(5 * SECOND);
    assert!(answer.body().contains("a=sendonly"), "{answer:?}");
    assert_eq!(desk.codes(), [""; 0], "the answer has said it");
    desk.feed(plainly(&invite, 200, "far", ""));
    desk.news();
    leave(&mut desk, session);
}

#[test]
fn after_glare_it_is_offered_again_by_whoever_is_left() {
    for answered in [false, true] {
        let (mut desk, session, invite) = agreed();
        hold(&mut desk, session);
        let update = only_hold(&mut desk);
        desk.feed(respond(&update, 491, "", "", ""));
        let theirs = Request::new("UPDATE").call_id(invite.header("Call-ID")).caller_tag("far");
        desk.feed(theirs.branch("u1").callee_tag(&invite.caller_tag()).text());
        assert_eq!(desk.codes(), ["200"], "a refresh of the target says nothing of the media");
        if answered {
            desk.feed(plainly(&invite, 200, "far", ""));
            assert_eq!(desk.codes(), ["ACK", "INVITE"]);
            assert!(!desk.told().contains(&"hold true false".into()), "{:?}", desk.told());
        } else {
            desk.run_for(2 * SECOND);
            assert_eq!(desk.codes(), [""; 0]);
            desk.run_for(3 * SECOND);
            let again = desk.news().remove(0).message;
            assert!(again.code() == "UPDATE" && again.body().contains("a=sendonly"), "{again:?}");
        }
        desk.hangup(session);
        desk.assert_all_gone();
    }
}

#[test]
fn an_early_dialog_that_is_no_more_ends_the_attempt() {
    for status in [481, 408] {
        let (mut desk, session, invite) = agreed();
        hold(&mut desk, session);
        let update = only_hold(&mut desk);
        desk.feed(respond(&update, status, "", "", ""));
        assert_eq!(desk.codes(), ["CANCEL"], "{status}");
        desk.feed(respond(&invite, 487, "far", "", ""));
        assert_eq!(desk.codes(), ["ACK"]);
        assert!(desk.told().last().unwrap().starts_with("ended RemoteGone"), "{:?}", desk.told());
        desk.assert_all_gone();
    }
}

#[test]
fn an_update_that_nobody_answers_ends_the_attempt() {
    let (mut desk, session, _) = agreed();
    hold(&mut desk, session);
    desk.run_for(GIVE_UP + ms(1));
    assert_eq!(desk.all_codes().iter().filter(|code| *code == "CANCEL").count(), 1);
    desk.assert_all_gone();
}

#[test]
fn the_200_may_overtake_the_outcome_of_the_update() {
    for (status, held) in [(200, true), (488, false), (491, true), (481, false)] {
        let (mut desk, session, invite) = agreed();
        hold(&mut desk, session);
        let update = only_hold(&mut desk);
        desk.feed(plainly(&invite, 200, "far", ""));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.core.session_state(session), Some(State::Offering));
        assert_eq!(desk.plan().direction, Direction::SendRecv, "as long as nobody has agreed");
        match status {
            200 => desk.feed(accept(&update)),
            other => desk.feed(respond(&update, other, "", "", "")),
        }
        if status == 491 {
            desk.run_for(5 * SECOND);
            let offer = desk.news().remove(0).message;
            assert_eq!(offer.code(), "INVITE", "now it may be a re-INVITE");
            desk.feed(accept(&offer));
            assert_eq!(desk.codes(), ["ACK"]);
        }
        assert_eq!(desk.told().contains(&"hold true false".into()), held, "{status}: {:?}", desk.told());
        if status == 481 {
            assert_eq!(desk.codes(), ["BYE"]);
        } else {
            leave(&mut desk, session);
            continue;
        }
        desk.assert_all_gone();
    }
}

#[test]
fn whoever_answers_instead_is_told_anew() {
    for outcome in [None, Some(200)] {
        let (mut desk, session, invite) = agreed();
        hold(&mut desk, session);
        let update = only_hold(&mut desk);
        if outcome.is_some() {
            desk.feed(accept(&update));
        }
        desk.feed(plainly(&invite, 200, "other", SDP_OTHER_PORT));
        assert_eq!(desk.codes(), ["ACK", "INVITE"], "{outcome:?}");
        assert!(desk.last("INVITE").message.body().contains("a=sendonly"));
        assert_eq!(heard(&desk), 40_002);
        desk.feed(accept(&update));
        assert_eq!(heard(&desk), 40_002, "the first is out of it");
        let offer = desk.last("INVITE").message;
        desk.feed(accept(&offer));
        assert_eq!(desk.codes(), ["ACK"]);
        assert_eq!(desk.told().last().unwrap(), "hold true false");
        leave(&mut desk, session);
    }
}

#[test]
fn of_two_that_ring_the_one_that_is_gone_takes_nothing_with_it() {
    let (mut desk, session, invite) = agreed();
    desk.feed(plainly(&invite, 180, "other", ""));
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.feed(respond(&update, 481, "", "", ""));
    assert_eq!(desk.codes(), [""; 0], "the other may still answer");
    let Some(Event::Progress { status, phrase, .. }) = desk.events.last() else {
        panic!("{:?}", desk.told())
    };
    assert_eq!((*status, phrase.as_str()), (199, "Early Dialog Terminated"), "as if it had said so itself");
    desk.feed(plainly(&invite, 200, "other", SDP_OTHER_PORT));
    assert_eq!(desk.codes(), ["ACK", "INVITE"]);
    desk.hangup(session);
    desk.assert_all_gone();
}

#[test]
fn a_callee_may_hold_before_it_answers() {
    let (mut desk, session, invite, _) = called_and_agreed();
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.feed(accept(&update));
    assert_eq!(desk.plan().direction, Direction::SendOnly);
    desk.answer(session);
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.body()), ("200", ""));
    confirm_and_leave(&mut desk, &invite);
    assert!(desk.told().contains(&"hold true false".into()), "{:?}", desk.told());
}

#[test]
fn the_answer_waits_for_the_outcome_of_our_update() {
    for status in [200, 488, 491, 481] {
        let (mut desk, session, invite, tag) = called_and_agreed();
        hold(&mut desk, session);
        let update = only_hold(&mut desk);
        desk.answer(session);
        assert_eq!(desk.codes(), [""; 0], "two exchanges never cross");
        assert_eq!(desk.core.session_state(session), Some(State::AnswerPending));
        match status {
            200 => desk.feed(accept(&update)),
            other => desk.feed(respond(&update, other, "", "", "")),
        }
        let last = desk.only().message;
        if status == 481 {
            assert_eq!((last.code().as_str(), last.header("CSeq")), ("487", "1 INVITE"));
            desk.feed(invite.again("ACK").callee_tag(&tag).text());
            desk.assert_all_gone();
            continue;
        }
        assert_eq!((last.code().as_str(), last.header("CSeq")), ("200", "1 INVITE"), "{status}");
        desk.feed(invite.again("ACK").branch("ack").callee_tag(&tag).text());
        let again = if status == 491 { vec!["INVITE".to_owned()] } else { Vec::new() };
        assert_eq!(desk.codes(), again, "what crossed is offered again at once, or was told as refused");
        assert_eq!(desk.told().contains(&"refused 488".into()), status == 488, "{:?}", desk.told());
        desk.hangup(session);
        desk.assert_all_gone();
    }
}

#[test]
fn an_offer_in_a_prack_that_crosses_our_update_is_answered() {
    let (mut desk, session, invite, tag) = called_and_agreed();
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.feed(prack(&invite, &ringing, 3).sdp(SDP_OTHER_PORT).text());
    assert!(desk.only().message.body().contains("m=audio"), "a PRACK is never refused");
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), ["UPDATE"], "the 180 has arrived: only our UPDATE is sent again");
    desk.feed(respond(&update, 491, "", "", ""));
    desk.answer(session);
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!((heard(&desk), tag.is_empty()), (40_002, false));
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_prack_that_the_answer_does_not_wait_for_does_not_let_it_go() {
    let (mut desk, session, invite, _) = called_and_agreed();
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.answer(session);
    desk.feed(prack(&invite, &ringing, 3).text());
    let confirmed = desk.only().message;
    assert_eq!(confirmed.header("CSeq"), "3 PRACK");
    desk.feed(accept(&update));
    assert_eq!(desk.codes(), ["200"]);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn whoever_gives_up_meanwhile_leaves_nothing() {
    for by in ["us", "caller", "callee"] {
        let (mut desk, session, invite, tag) = called_and_agreed();
        hold(&mut desk, session);
        only_hold(&mut desk);
        match by {
            "us" => desk.hangup(session),
            "caller" => desk.feed(invite.again("CANCEL").no_contact().text()),
            _ => desk.reject(session, 486),
        }
        desk.feed(invite.again("ACK").callee_tag(&tag).text());
        desk.assert_all_gone();
    }
    let (mut desk, session, invite) = agreed();
    hold(&mut desk, session);
    let update = only_hold(&mut desk);
    desk.hangup(session);
    assert_eq!(desk.codes(), ["CANCEL"]);
    desk.feed(accept(&update));
    desk.feed(respond(&invite, 487, "far", "", ""));
    desk.assert_all_gone();
}
