//! CANCEL (RFC 3261 section 9.1).

use super::*;

// CANCEL (section 9.1).

#[test]
fn cancel_waits_for_a_provisional_response() {
    let (mut desk, session, invite) = calling();
    desk.hangup(session);
    desk.run_for(ms(400));
    assert_eq!(desk.codes(), [""; 0]);
    desk.feed(respond(&invite, 100, "", "", ""));
    let cancel = desk.only();
    let message = &cancel.message;
    assert_eq!(message.first_line(), format!("CANCEL {TARGET} SIP/2.0"));
    assert_eq!(message.header("Via"), invite.header("Via"), "the branch of the INVITE");
    assert_eq!(message.header("To"), invite.header("To"), "no tag");
    assert_eq!(message.header("From"), invite.header("From"));
    assert_eq!(message.header("Call-ID"), invite.header("Call-ID"));
    assert_eq!(message.header("CSeq"), format!("{} CANCEL", invite.cseq()));
    assert_eq!(cancel.to(), "192.0.2.9:5060");
    desk.feed(respond(&cancel.message, 200, "far", "", ""));
    desk.feed(respond(&invite, 487, "far", "", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(desk.told(), ["ended LocalHangup 487"]);
    desk.assert_all_gone();
}

#[test]
fn giving_up_a_call_that_nobody_responds_to() {
    let (mut desk, session, _) = calling();
    desk.hangup(session);
    desk.hangup(session);
    desk.run_for(GIVE_UP);
    assert_eq!(desk.times("CANCEL"), [0_u64; 0], "there is nothing to cancel");
    assert_eq!(desk.told(), ["ended LocalHangup 408"]);
    desk.assert_all_gone();
}

#[test]
fn a_cancel_that_crosses_the_200() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.hangup(session);
    let cancel = desk.only().message;
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    desk.feed(respond(&cancel, 200, "far", "", ""));
    assert!(ended(&desk).starts_with("ended LocalHangup"), "{}", ended(&desk));
    assert!(!desk.told().contains(&"answered".to_string()));
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK"], "a repeat of the 200");
    finish(&mut desk);
}

#[test]
fn a_200_that_comes_before_the_cancel_could_be_sent() {
    let (mut desk, session, invite) = calling();
    desk.hangup(session);
    desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    assert!(ended(&desk).starts_with("ended LocalHangup"), "{}", ended(&desk));
    finish(&mut desk);
}

#[test]
fn a_refusal_that_crosses_the_cancel() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.hangup(session);
    let cancel = desk.only().message;
    desk.feed(respond(&invite, 486, "far", "", ""));
    desk.feed(respond(&cancel, 481, "far", "", ""));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(ended(&desk), "ended LocalHangup 486");
    desk.assert_all_gone();
}

#[test]
fn the_487_that_never_comes_is_given_up_after_64_t1() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.run_for(5 * SECOND);
    desk.hangup(session);
    let cancel = desk.only().message;
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.run_for(GIVE_UP - ms(1));
    assert_eq!(desk.told(), ["progress 180"]);
    desk.run_for(ms(1));
    assert_eq!(desk.told(), ["progress 180", "ended LocalHangup"]);
    assert!(desk.media_is_closed());
    // What is kept is for a 200 that may still be under way, and no longer than that could be.
    desk.run_for(GIVE_UP);
    assert_eq!(desk.core.registry().len(), 0);
    desk.assert_all_gone();
}

#[test]
fn the_cancel_is_repeated_until_it_is_answered() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "far", CONTACT, ""));
    desk.hangup(session);
    desk.run_for(4 * SECOND);
    assert_eq!(desk.times("CANCEL"), [0, 500, 1_500, 3_500]);
    let cancel = desk.last("CANCEL").message;
    desk.feed(respond(&cancel, 200, "far", "", ""));
    desk.feed(respond(&invite, 487, "far", "", ""));
    desk.run_for(GIVE_UP);
    assert_eq!(desk.times("CANCEL").len(), 4);
    desk.assert_all_gone();
}

#[test]
fn forks_that_answer_a_cancelled_call_are_all_hung_up() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "one", CONTACT, ""));
    desk.hangup(session);
    desk.news();
    for tag in ["one", "two", "three"] {
        desk.feed(respond(&invite, 200, tag, CONTACT, SDP));
        let news = desk.news();
        let codes: Vec<_> = news.iter().map(|sent| sent.message.code()).collect();
        assert_eq!(codes, ["ACK", "BYE"], "{tag}");
        assert!(news.iter().all(|sent| sent.message.callee_tag() == tag));
        desk.feed(respond(&news[1].message, 200, "", "", ""));
    }
    assert_eq!(desk.told().iter().filter(|told| told.starts_with("ended")).count(), 1);
    desk.assert_all_gone();
}
