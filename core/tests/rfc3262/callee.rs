//! We are called (RFC 3262 section 3).

use super::*;

#[test]
fn early_media_goes_reliably_and_the_200_does_not_say_it_again() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    assert_eq!(early.code(), "183");
    assert_eq!(early.header("Require"), "100rel");
    let rseq: u32 = early.header("RSeq").parse().unwrap();
    assert!((1..1 << 31).contains(&rseq), "{rseq}");
    assert!(early.header("Allow").contains("PRACK") && early.has("Contact"));
    assert!(early.body().contains("m=audio 20000"), "{early:?}");
    assert_eq!(heard(&desk), 40_000);
    assert!(desk.plan().direction.sends() && desk.plan().direction.receives(), "the caller hears us already");
    desk.feed(prack(&invite, &early, 2).text());
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.header("CSeq"), ok.body()), ("200", "2 PRACK", ""));
    desk.run_for(SECOND * 40);
    assert_eq!(desk.codes(), [""; 0], "it is not sent again");
    desk.answer(session);
    let ok = desk.only().message;
    assert_eq!((ok.code().as_str(), ok.header("CSeq"), ok.body()), ("200", "1 INVITE", ""));
    assert!(!ok.has("RSeq") && !ok.has("Require"));
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn without_a_prack_it_comes_again_and_again_and_the_invite_is_refused_at_last() {
    let (mut desk, session, _) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    desk.run_for(GIVE_UP);
    assert_eq!(desk.times("183"), [0, 500, 1500, 3500, 7500, 15_500, 31_500], "doubled, and no T2 caps it");
    assert_eq!(desk.times("504"), [32_000]);
    let all: Vec<String> = desk.sent.iter().map(|sent| sent.message.text.clone()).collect();
    assert!(all[..7].iter().all(|text| *text == all[0]), "it is the same response each time");
    assert_eq!(desk.told(), ["incoming", "ended Timeout 504"]);
    desk.assert_all_gone();
}

#[test]
fn a_prack_that_comes_at_the_last_moment_saves_the_call() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.run_for(GIVE_UP - ms(1));
    desk.news();
    desk.feed(prack(&invite, &early, 2).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.run_for(SECOND);
    assert_eq!(desk.told(), ["incoming"]);
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn an_invite_that_comes_again_gets_it_again_out_of_turn() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.run_for(ms(100));
    desk.feed(invite.text());
    assert_eq!(desk.only().message, early);
    desk.run_for(ms(400));
    assert_eq!(desk.times("183"), [0, 100, 500], "its own repeats keep their time");
}

#[test]
fn a_prack_that_comes_twice_is_confirmed_twice_and_a_second_one_is_for_nothing() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    let request = prack(&invite, &early, 2).text();
    desk.feed(&request);
    desk.feed(&request);
    assert_eq!(desk.codes(), ["200", "200"]);
    desk.feed(prack(&invite, &early, 3).text());
    assert_eq!(desk.codes(), ["481"]);
    assert_eq!(desk.told(), ["incoming"], "the call lives");
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_prack_that_matches_nothing_gets_481_and_one_without_rack_400() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    let rseq: u32 = early.header("RSeq").parse().unwrap();
    let bad = |cseq: u32| {
        invite.again("PRACK").cseq(cseq).branch(&format!("b{cseq}")).callee_tag(&early.callee_tag())
    };
    let wrong = [
        (format!("{} 1 INVITE", rseq + 1), "481"),
        (format!("{} 1 INVITE", rseq - 1), "481"),
        (format!("{rseq} 2 INVITE"), "481"),
        (format!("{rseq} 1 UPDATE"), "481"),
        (format!("{rseq} 1 invite"), "481"),
        ("0 1 INVITE".into(), "481"),
        ("4294967296 1 INVITE".into(), "400"),
        (format!("{rseq} 1"), "400"),
        (format!("{rseq} 1 INVITE INVITE"), "400"),
        ("x".into(), "400"),
    ];
    let mut cseq = 1;
    for (rack, status) in wrong {
        cseq += 1;
        desk.feed(bad(cseq).header(&format!("RAck: {rack}")).text());
        assert_eq!(desk.codes(), [status], "{rack}");
    }
    desk.feed(bad(50).text());
    assert_eq!(desk.only().message.first_line(), "SIP/2.0 400 Missing RAck");
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["183"], "it still waits for the right one");
    desk.feed(prack(&invite, &early, 60).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_prack_for_a_call_without_reliable_responses_gets_481() {
    let (mut desk, session, invite) = called("", SDP);
    desk.ring(session);
    let ringing = desk.only().message;
    let stray = invite.again("PRACK").cseq(2).branch("p").callee_tag(&ringing.callee_tag());
    desk.feed(stray.header("RAck: 1 1 INVITE").text());
    assert_eq!(desk.codes(), ["481"]);
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn the_answer_waits_for_the_prack_of_a_description() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.answer(session);
    assert_eq!(desk.codes(), [""; 0]);
    assert!(desk.core.answer(desk.now, session).is_err(), "once is enough");
    desk.run_for(ms(1500));
    assert_eq!(desk.codes(), ["183", "183"]);
    desk.feed(prack(&invite, &early, 2).text());
    let news = desk.news();
    let lines: Vec<&str> = news.iter().map(|sent| sent.message.header("CSeq")).collect();
    assert_eq!(lines, ["2 PRACK", "1 INVITE"]);
    assert_eq!(news[1].message.code(), "200");
    assert_eq!(desk.told(), ["incoming", "answered"]);
    confirm_and_leave(&mut desk, &invite);
}

/// A call that is answered and waits for a PRACK.
fn pending() -> (Desk, SessionId, Request, Message) {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.answer(session);
    (desk, session, invite, early)
}

#[test]
fn whatever_ends_a_call_whose_answer_waits() {
    let (mut desk, _, invite, _) = pending();
    desk.feed(invite.again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert_eq!(desk.told(), ["incoming", "ended Cancelled 487"]);
    desk.assert_all_gone();

    let (mut desk, _, invite, early) = pending();
    desk.feed(invite.again("BYE").cseq(2).branch("bye").callee_tag(&early.callee_tag()).text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert_eq!(desk.told(), ["incoming", "ended Cancelled"]);
    desk.assert_all_gone();

    let (mut desk, session, ..) = pending();
    desk.hangup(session);
    assert_eq!(desk.codes(), ["480"]);
    assert_eq!(desk.told(), ["incoming", "ended LocalHangup"]);
    desk.assert_all_gone();

    let (mut desk, ..) = pending();
    desk.run_for(GIVE_UP);
    assert_eq!(desk.codes().last().unwrap(), "504");
    assert_eq!(desk.told(), ["incoming", "ended Timeout 504"]);
    desk.assert_all_gone();
}

#[test]
fn a_prack_that_crosses_a_cancel_finds_nothing() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.feed(invite.again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    desk.feed(prack(&invite, &early, 2).text());
    assert_eq!(desk.codes(), ["481"]);
    assert_eq!(desk.told(), ["incoming", "ended Cancelled 487"]);
    desk.feed(invite.again("ACK").callee_tag(&early.callee_tag()).text());
    desk.assert_all_gone();
}

#[test]
fn a_bye_in_the_early_dialog_ends_the_invite() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.feed(invite.again("BYE").cseq(2).branch("bye").callee_tag(&early.callee_tag()).text());
    assert_eq!(desk.codes(), ["200", "487"]);
    assert_eq!(desk.told(), ["incoming", "ended Cancelled"]);
    desk.assert_all_gone();
}

#[test]
fn without_a_description_the_answer_need_not_wait() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    assert_eq!((ringing.code().as_str(), ringing.header("Require")), ("180", "100rel"));
    desk.answer(session);
    let ok = desk.only().message;
    assert_eq!(ok.code(), "200");
    assert!(ok.body().contains("m=audio"));
    // The repeats are those of the 200 now, and the PRACK is welcome all the same.
    desk.run_for(ms(500));
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(prack(&invite, &ringing, 2).text());
    assert_eq!(desk.only().message.header("CSeq"), "2 PRACK");
    desk.run_for(SECOND);
    assert_eq!(desk.codes(), ["200"], "the 200 still waits for its ACK");
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn the_next_one_waits_for_the_prack_of_the_last() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, false).unwrap();
    let first = desk.only().message;
    progress(&mut desk, session, true).unwrap();
    progress(&mut desk, session, false).unwrap();
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(prack(&invite, &first, 2).text());
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["200", "183"]);
    let number = |message: &Message| message.header("RSeq").parse::<u32>().unwrap();
    assert_eq!(number(&news[1].message), number(&first) + 1);
    // An old PRACK in a new transaction acknowledges nothing.
    desk.feed(prack(&invite, &first, 3).text());
    assert_eq!(desk.codes(), ["481"]);
    desk.feed(prack(&invite, &news[1].message, 4).text());
    assert_eq!(desk.codes(), ["200"]);
    progress(&mut desk, session, true).unwrap();
    assert_eq!(desk.codes(), [""; 0], "what the caller hears already is not sent again");
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn ringing_that_is_acknowledged_opens_no_media() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, false).unwrap();
    let ringing = desk.only().message;
    desk.feed(prack(&invite, &ringing, 2).text());
    assert_eq!(desk.codes(), ["200"]);
    let tag = ringing.callee_tag();
    desk.feed(invite.again("UPDATE").cseq(3).branch("update").callee_tag(&tag).text());
    assert_eq!(desk.codes(), ["200"]);
    assert!(desk.media.is_empty(), "the caller has no answer yet");
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    assert_eq!(early.code(), "183");
    assert!(early.body().contains("m=audio 20000"), "{early:?}");
    desk.feed(prack(&invite, &early, 4).text());
    assert_eq!(desk.codes(), ["200"]);
    assert!(!desk.told().iter().any(|told| told.starts_with("media")), "{:?}", desk.told());
    desk.answer(session);
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_caller_who_requires_it_gets_nothing_else() {
    let mut desk = Desk::new();
    let invite = Request::new("INVITE").header("Require: 100rel").sdp(SDP);
    desk.feed(invite.text());
    let ringing = desk.only().message;
    assert_eq!((ringing.code().as_str(), ringing.header("Require"), ringing.body()), ("180", "100rel", ""));
    desk.feed(prack(&invite, &ringing, 2).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.run_for(SECOND * 60);
    let again = desk.only().message;
    assert!(again.has("RSeq"), "each minute, and each time reliably");
    desk.feed(prack(&invite, &again, 3).text());
    desk.answer(desk.incoming());
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn a_caller_who_does_not_know_it_gets_it_plainly_and_again_in_the_200() {
    for line in ["", "Supported: timer"] {
        let (mut desk, session, invite) = called(line, SDP);
        progress(&mut desk, session, true).unwrap();
        let early = desk.only().message;
        assert!(!early.has("RSeq") && !early.has("Require"));
        assert_eq!(heard(&desk), 40_000);
        desk.run_for(GIVE_UP);
        assert_eq!(desk.codes(), [""; 0]);
        desk.answer(session);
        let ok = desk.only().message;
        assert_eq!(ok.body(), early.body(), "the same answer, where it cannot get lost");
        confirm_and_leave(&mut desk, &invite);
    }
}

#[test]
fn whoever_wants_none_refuses_those_who_require_them() {
    let mut desk = Desk::with(config(Reliable::Never));
    let invite = Request::new("INVITE").header("Require: 100rel").sdp(SDP);
    desk.feed(invite.text());
    let refusal = desk.only().message;
    assert_eq!((refusal.code().as_str(), refusal.header("Unsupported")), ("420", "100rel"));
    desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
    desk.feed(Request::new("OPTIONS").branch("o").call_id("o").text());
    assert!(!desk.only().message.header("Supported").contains("100rel"));
    desk.feed(
        Request::new("INVITE").branch("two").call_id("two").header("Supported: 100rel").sdp(SDP).text(),
    );
    let session = desk.incoming();
    desk.news();
    progress(&mut desk, session, true).unwrap();
    assert!(!desk.only().message.has("RSeq"));
}

#[test]
fn whoever_requires_them_refuses_those_who_know_none() {
    let mut desk = Desk::with(config(Reliable::Required));
    let invite = Request::new("INVITE").sdp(SDP);
    desk.feed(invite.text());
    let refusal = desk.only().message;
    assert_eq!((refusal.code().as_str(), refusal.header("Require")), ("421", "100rel"));
    desk.feed(invite.again("ACK").callee_tag(&refusal.callee_tag()).text());
    let invite = Request::new("INVITE").branch("two").call_id("two").header("Supported: 100rel").sdp(SDP);
    desk.feed(invite.text());
    assert!(desk.only().message.has("RSeq"));
}

#[test]
fn what_the_200_was_given_to_say_it_says_when_it_leaves() {
    let (mut desk, session, invite) = called("Supported: 100rel", SDP);
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    desk.core.answer_with(desk.now, session, &[("X-Desk", "7")]).unwrap();
    desk.feed(prack(&invite, &early, 2).text());
    let news = desk.news();
    assert!(!news[0].message.has("X-Desk"), "the PRACK has nothing to do with it");
    assert_eq!(news[1].message.header("X-Desk"), "7");
    confirm_and_leave(&mut desk, &invite);
}

#[test]
fn what_acknowledges_ringing_opens_no_media() {
    let (mut desk, session, invite) = called("Require: 100rel", SDP);
    desk.ring(session);
    let ringing = desk.only().message;
    desk.feed(prack(&invite, &ringing, 2).text());
    let update = invite.again("UPDATE").cseq(3).branch("u").callee_tag(&ringing.callee_tag());
    desk.feed(update.text());
    assert_eq!(desk.codes(), ["200", "200"]);
    assert_eq!((desk.media.len(), desk.told()), (0, vec!["incoming".into()]), "the caller has no answer yet");
    progress(&mut desk, session, true).unwrap();
    let early = desk.only().message;
    assert!(early.code() == "183" && early.body().contains("m=audio"));
    assert_eq!(heard(&desk), 40_000);
    desk.feed(prack(&invite, &early, 4).text());
    desk.answer(session);
    assert_eq!(desk.media.len(), 1);
    confirm_and_leave(&mut desk, &invite);
}
