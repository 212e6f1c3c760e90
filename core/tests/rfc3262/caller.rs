//! We call (RFC 3262 section 4).

use super::*;

#[test]
fn each_reliable_response_gets_one_prack_in_its_dialog() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    assert!(invite.header("Supported").contains("100rel") && !invite.has("Require"));
    desk.feed(reliably(&invite, 180, "far", "7", ""));
    let sent = desk.only();
    let prack = sent.message;
    assert_eq!(prack.first_line(), "PRACK sip:far@192.0.2.9:5060 SIP/2.0");
    assert_eq!(prack.header("RAck"), "7 1 INVITE");
    assert_eq!((prack.header("CSeq"), prack.callee_tag().as_str()), ("2 PRACK", "far"));
    assert_eq!(prack.header("Call-ID"), invite.header("Call-ID"));
    assert_ne!(prack.branch(), invite.branch());
    desk.feed(respond(&prack, 200, "", "", ""));
    desk.feed(reliably(&invite, 183, "far", "8", SDP));
    let prack = desk.only().message;
    assert_eq!((prack.header("RAck"), prack.header("CSeq")), ("8 1 INVITE", "3 PRACK"));
    desk.feed(respond(&prack, 200, "", "", ""));
    assert_eq!(desk.told(), ["progress 180", "progress 183 with media"]);
    assert_eq!(heard(&desk), 40_000);
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(desk.only().message.header("CSeq"), "1 ACK");
    leave(&mut desk, session);
}

#[test]
fn repeats_are_absorbed_and_gaps_are_not_taken() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    for _ in 0..3 {
        desk.feed(reliably(&invite, 180, "far", "7", ""));
    }
    assert_eq!(desk.codes(), ["PRACK"]);
    desk.feed(reliably(&invite, 183, "far", "9", SDP));
    desk.feed(reliably(&invite, 183, "far", "6", SDP));
    assert_eq!(desk.codes(), [""; 0], "8 is missing, 6 is too late");
    assert_eq!(desk.told(), ["progress 180"]);
    desk.feed(reliably(&invite, 182, "far", "8", ""));
    desk.feed(reliably(&invite, 183, "far", "9", SDP));
    assert_eq!(desk.codes(), ["PRACK", "PRACK"]);
    assert_eq!(desk.told(), ["progress 180", "progress 182", "progress 183 with media"]);
    desk.feed(plainly(&invite, 200, "far", SDP));
    leave(&mut desk, session);
}

#[test]
fn a_number_that_is_none_is_not_acknowledged() {
    for rseq in ["0", "4294967296", "x", ""] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        desk.feed(reliably(&invite, 183, "far", rseq, SDP));
        assert_eq!(desk.codes(), [""; 0], "{rseq}");
        desk.feed(reliably(&invite, 180, "far", "4294967295", ""));
        assert_eq!(desk.only().message.header("RAck"), "4294967295 1 INVITE");
        for rseq in ["0", "1", "4294967296"] {
            desk.feed(reliably(&invite, 180, "far", rseq, ""));
            assert_eq!(desk.codes(), [""; 0], "nothing comes after the last number");
        }
        desk.feed(plainly(&invite, 200, "far", SDP));
        assert_eq!(desk.codes(), ["ACK"], "the call lives");
        leave(&mut desk, session);
    }
}

#[test]
fn an_rseq_without_require_asks_for_nothing() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(respond(&invite, 180, "far", "Contact: <sip:far@192.0.2.9>\r\nRSeq: 1\r\n", ""));
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(plainly(&invite, 200, "far", SDP));
    leave(&mut desk, session);
}

#[test]
fn each_early_dialog_has_numbers_of_its_own() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    for (tag, rseq) in [("one", "5"), ("two", "900"), ("two", "901"), ("one", "6"), ("three", "5")] {
        desk.feed(reliably(&invite, 180, tag, rseq, ""));
        let prack = desk.only().message;
        assert_eq!(prack.header("RAck"), format!("{rseq} 1 INVITE"));
        assert_eq!(prack.callee_tag(), tag);
        assert_eq!(prack.uri(), format!("sip:{tag}@192.0.2.9:5060"));
    }
    let numbers: Vec<u32> = desk.sent.iter().skip(1).map(|sent| sent.message.cseq()).collect();
    assert_eq!(numbers, [2, 2, 3, 3, 2], "and so have our requests");
    desk.feed(plainly(&invite, 200, "two", SDP));
    leave(&mut desk, session);
}

#[test]
fn a_prack_that_fails_does_not_end_the_call() {
    for status in [481, 408, 400, 500, 503] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        desk.feed(reliably(&invite, 180, "far", "1", ""));
        let prack = desk.only().message;
        desk.feed(respond(&prack, status, "", "", ""));
        assert_eq!(desk.told(), ["progress 180"], "{status}");
        desk.feed(plainly(&invite, 200, "far", SDP));
        assert_eq!(desk.told(), ["progress 180", "answered"]);
        leave(&mut desk, session);
    }
}

#[test]
fn a_prack_that_is_lost_is_sent_again() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 180, "far", "1", ""));
    desk.run_for(ms(400));
    // The response comes again, since its PRACK is missing: that makes no second one.
    desk.feed(reliably(&invite, 180, "far", "1", ""));
    desk.run_for(GIVE_UP);
    let times = desk.times("PRACK");
    assert_eq!(times[..4], [0, 500, 1500, 3500]);
    let one = desk.last("PRACK").message.branch();
    let pracks = desk.sent.iter().filter(|sent| sent.message.code() == "PRACK");
    assert!(pracks.map(|sent| sent.message.branch()).all(|branch| branch == one));
    assert_eq!(desk.told(), ["progress 180"], "nobody confirmed it, and the call goes on");
    desk.feed(plainly(&invite, 200, "far", SDP));
    leave(&mut desk, session);
}

#[test]
fn the_200_may_come_before_the_prack_is_confirmed() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    let prack = desk.only().message;
    desk.feed(plainly(&invite, 200, "far", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    desk.feed(reliably(&invite, 180, "far", "2", ""));
    assert_eq!(desk.codes(), [""; 0], "no provisional response counts after the 200");
    desk.feed(respond(&prack, 200, "", "", ""));
    assert_eq!(desk.told(), ["progress 183 with media", "answered"]);
    leave(&mut desk, session);
}

#[test]
fn a_refusal_may_come_before_the_prack_is_confirmed() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    let prack = desk.only().message;
    desk.feed(respond(&invite, 486, "far", "", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.feed(respond(&prack, 481, "", "", ""));
    assert_eq!(desk.told(), ["progress 183 with media", "ended Rejected 486"]);
    desk.assert_all_gone();
}

#[test]
fn a_cancel_that_crosses_a_reliable_response() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 180, "far", ""));
    desk.hangup(session);
    let cancel = desk.only().message;
    assert_eq!(cancel.code(), "CANCEL");
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    let prack = desk.only().message;
    assert_eq!(prack.code(), "PRACK", "what is acknowledged is not sent again");
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    desk.feed(respond(&prack, 481, "", "", ""));
    assert_eq!(desk.told(), ["progress 180", "ended LocalHangup 487"]);
    desk.assert_all_gone();
}

#[test]
fn a_cancel_that_waited_for_a_response_leaves_after_its_prack() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.hangup(session);
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    assert_eq!(desk.codes(), ["PRACK", "CANCEL"]);
    desk.feed(respond(&invite, 487, "far", "", ""));
    desk.assert_all_gone();
}

#[test]
fn a_bye_of_the_callee_in_the_early_dialog_cancels_the_invite() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    desk.news();
    // A callee should not send BYE in an early dialog (RFC 3261 section 15); some do.
    desk.feed(bye(&invite, "far", 1));
    assert_eq!(desk.codes(), ["200", "CANCEL"]);
    desk.feed(bye(&invite, "far", 1));
    assert_eq!(desk.codes(), ["200"], "the same BYE has the same response");
    desk.feed(bye(&invite, "far", 2));
    assert_eq!(desk.codes(), ["481"], "another finds no dialog");
    desk.feed(reliably(&invite, 183, "far", "2", SDP));
    assert_eq!(desk.codes(), [""; 0], "nobody is there who could take a PRACK");
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.told(), ["progress 183 with media", "ended RemoteHangup 487"]);
    desk.assert_all_gone();
}

/// Why it hung up its final response may say.
#[test]
fn a_callee_that_hangs_up_and_then_refuses() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 180, "far", ""));
    desk.feed(bye(&invite, "far", 1));
    desk.feed(respond(&invite, 486, "far", "", ""));
    assert_eq!(desk.told(), ["progress 180", "ended Rejected 486"]);
    desk.assert_all_gone();
}

#[test]
fn a_200_that_crosses_the_bye_of_its_callee_gets_ack_and_bye() {
    for late in [false, true] {
        let (mut desk, _, invite) = calling(Reliable::Supported, late);
        desk.feed(plainly(&invite, 180, "far", ""));
        desk.feed(bye(&invite, "far", 1));
        desk.news();
        desk.feed(plainly(&invite, 200, "far", SDP));
        let news = desk.news();
        let codes: Vec<_> = news.iter().map(|sent| sent.message.code()).collect();
        assert_eq!(codes, ["ACK", "BYE"]);
        assert!(news.iter().all(|sent| sent.message.callee_tag() == "far"));
        assert_eq!(desk.told().last().unwrap(), "ended RemoteHangup 200");
        desk.feed(plainly(&invite, 200, "far", SDP));
        assert_eq!(desk.codes(), ["ACK"], "the 200 came again");
        desk.feed(respond(&news[1].message, 481, "", "", ""));
        desk.assert_all_gone();
    }
}

#[test]
fn of_two_callees_one_hangs_up_and_the_other_answers() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "one", "1", SDP));
    desk.feed(plainly(&invite, 180, "two", ""));
    desk.news();
    desk.feed(bye(&invite, "one", 1));
    assert_eq!(desk.codes(), ["200"], "the other rings on");
    assert_eq!(desk.told().last().unwrap(), "progress 199", "but nothing is to be heard any more");
    for (cseq, method) in (2..).zip(["UPDATE", "INFO", "OPTIONS", "PRACK", "REFER", "INVITE"]) {
        desk.feed(from_callee(&invite, method, "one", cseq).text());
        assert_eq!(desk.only().message.code(), "481", "{method}");
    }
    desk.feed(plainly(&invite, 200, "one", SDP));
    assert_eq!(desk.codes(), ["ACK", "BYE"], "it answers all the same");
    let refused = desk.last("BYE").message;
    desk.feed(respond(&refused, 200, "", "", ""));
    desk.feed(plainly(&invite, 200, "two", SDP_OTHER_PORT));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.told().last().unwrap(), "answered");
    leave(&mut desk, session);
}

#[test]
fn when_the_last_of_two_has_hung_up_the_invite_is_cancelled() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 180, "one", ""));
    desk.feed(plainly(&invite, 180, "two", ""));
    desk.feed(bye(&invite, "one", 1));
    desk.feed(bye(&invite, "two", 1));
    assert_eq!(desk.codes(), ["200", "200", "CANCEL"]);
    desk.feed(respond(&invite, 487, "two", "", ""));
    desk.assert_all_gone();
}

/// Of two that are heard the one that was heard before is heard again, as after a 199.
#[test]
fn when_the_one_that_is_heard_hangs_up_another_is_heard() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "one", "1", SDP));
    desk.feed(reliably(&invite, 183, "two", "1", SDP_OTHER_PORT));
    let first = heard(&desk);
    desk.feed(bye(&invite, "two", 1));
    assert_ne!(heard(&desk), first);
    desk.feed(bye(&invite, "one", 1));
    desk.feed(respond(&invite, 487, "one", "", ""));
    desk.assert_all_gone();
}

/// The other way round: a BYE of a callee whose response was not taken, and one that crosses our CANCEL.
#[test]
fn a_bye_of_the_callee_at_other_moments() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "", SDP));
    assert_eq!(desk.told(), [""; 0], "a number that is none");
    desk.feed(bye(&invite, "far", 1));
    assert_eq!(desk.codes(), ["200", "CANCEL"]);
    desk.hangup(session);
    desk.feed(respond(&invite, 487, "far", "", ""));
    desk.assert_all_gone();

    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 180, "far", ""));
    desk.hangup(session);
    desk.news();
    desk.feed(bye(&invite, "far", 1));
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.told().last().unwrap(), "ended LocalHangup 487");
    desk.assert_all_gone();
}

/// Ours is in the way (RFC 3261 section 14.2).
#[test]
fn an_invite_of_the_callee_in_the_early_dialog_gets_491() {
    let (mut desk, _, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "far", "1", SDP));
    desk.news();
    desk.feed(from_callee(&invite, "INVITE", "far", 1).sdp(SDP).text());
    assert_eq!(desk.codes(), ["491"]);
}

/// What is said of an INVITE that is being cancelled: it ends, whatever a call that goes on would make of it.
#[test]
fn a_cancelled_invite_ends_with_its_final_response_whatever_that_asks_for() {
    for wait in [false, true] {
        let mut config = config(Reliable::Supported);
        config.session_expires = Some(ms(1_800_000));
        let mut desk = Desk::with(config);
        let session = desk.call("sip:peer@192.0.2.9");
        let invite = desk.only().message;
        if wait {
            desk.feed(plainly(&invite, 180, "far", ""));
        }
        desk.hangup(session);
        desk.feed(respond(&invite, 422, "far", "Min-SE: 7200\r\n", ""));
        assert_eq!(desk.told().last().unwrap(), "ended LocalHangup 422");
        desk.assert_all_gone();
    }
}

/// What is acknowledged is not sent again: that holds for a 199 as well, while the call is given up.
#[test]
fn a_reliable_199_that_crosses_the_cancel_is_acknowledged() {
    for tag in ["one", "two"] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        desk.feed(reliably(&invite, 183, "two", "1", SDP));
        desk.feed(reliably(&invite, 183, "one", "1", SDP));
        desk.hangup(session);
        desk.news();
        desk.feed(reliably(&invite, 199, tag, "2", ""));
        assert_eq!(desk.codes(), ["PRACK"], "{tag}");
        desk.feed(respond(&invite, 487, "one", "", ""));
        desk.assert_all_gone();
    }
}

fn from_callee(invite: &Message, method: &str, tag: &str, cseq: u32) -> Request {
    let request = Request::new(method).call_id(invite.header("Call-ID")).caller_tag(tag).cseq(cseq);
    request.callee_tag(&invite.caller_tag()).branch(&format!("{tag}{method}{cseq}"))
}

fn bye(invite: &Message, tag: &str, cseq: u32) -> String {
    from_callee(invite, "BYE", tag, cseq).text()
}

#[test]
fn our_settings_are_in_the_invite() {
    let (desk, _, invite) = calling(Reliable::Required, false);
    assert_eq!(invite.header("Require"), "100rel");
    assert!(desk.last("INVITE").message.header("Allow").contains("PRACK"));
    let (mut desk, _, invite) = calling(Reliable::Never, false);
    assert!(!invite.has("Require") && !invite.header("Supported").contains("100rel"));
    desk.feed(respond(&invite, 421, "far", "Require: 100rel\r\n", ""));
    assert_eq!(desk.told(), ["ended Rejected 421"]);
}

#[test]
fn a_prack_waits_for_the_address_of_its_next_hop() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    let named = "Contact: <sip:far@far.example>\r\nRequire: 100rel\r\nRSeq: 1\r\n";
    desk.feed(respond(&invite, 183, "far", named, SDP));
    assert_eq!(desk.codes(), [""; 0]);
    desk.name_found("192.0.2.44:5060");
    let sent = desk.only();
    assert_eq!((sent.message.code().as_str(), sent.to().as_str()), ("PRACK", "192.0.2.44:5060"));
    desk.feed(plainly(&invite, 200, "far", ""));
    leave(&mut desk, session);

    // Another fork answers meanwhile: nothing waits any more.
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(respond(&invite, 183, "far", named, SDP));
    desk.feed(plainly(&invite, 200, "near", SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    leave(&mut desk, session);
}
