//! Forks (RFC 3261 section 13.2.2.4).

use super::*;

// Forks (section 13.2.2.4).

#[test]
fn of_two_forks_that_ring_the_one_that_answers_is_the_call() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "one", "Contact: <sip:one@192.0.2.21>\r\n", ""));
    desk.feed(respond(&invite, 180, "two", "Contact: <sip:two@192.0.2.22>\r\n", ""));
    assert_eq!(desk.core.registry().dialogs_len(), 2);
    desk.feed(respond(&invite, 200, "two", "Contact: <sip:two@192.0.2.22>\r\n", SDP));
    let ack = desk.only();
    assert_eq!(ack.message.first_line(), "ACK sip:two@192.0.2.22 SIP/2.0");
    assert_eq!(ack.to(), "192.0.2.22:5060");
    assert_eq!(ack.message.callee_tag(), "two");
    assert_eq!(desk.told(), ["progress 180", "progress 180", "answered"]);
    assert_eq!(desk.core.registry().dialogs_len(), 1, "the other early dialog is gone");
    desk.hangup(session);
    assert_eq!(desk.last("BYE").message.callee_tag(), "two");
    finish(&mut desk);
}

#[test]
fn of_two_forks_that_answer_one_is_kept_and_the_other_hung_up() {
    let (mut desk, session, invite) = calling();
    desk.feed(respond(&invite, 180, "two", "Contact: <sip:two@192.0.2.22>\r\n", ""));
    desk.feed(respond(&invite, 200, "one", "Contact: <sip:one@192.0.2.21>\r\n", SDP));
    assert_eq!(desk.only().message.callee_tag(), "one");
    desk.run_for(SECOND);
    let second = respond(&invite, 200, "two", "Contact: <sip:two@192.0.2.22>\r\n", SDP_OTHER_PORT);
    desk.feed(&second);
    let news = desk.news();
    assert_eq!(news.len(), 2);
    let (ack, bye) = (&news[0], &news[1]);
    assert_eq!((ack.message.code(), ack.to()), ("ACK".into(), "192.0.2.22:5060".into()));
    assert_eq!((bye.message.code(), bye.to()), ("BYE".into(), "192.0.2.22:5060".into()));
    assert_eq!((ack.message.callee_tag(), bye.message.callee_tag()), ("two".into(), "two".into()));
    assert_eq!(ack.message.cseq(), invite.cseq());
    assert!(bye.message.cseq() > invite.cseq());
    assert_eq!(desk.told(), ["progress 180", "answered"], "the call itself goes on");
    assert_eq!(desk.plan().remote_rtp.unwrap().port(), 40_000);
    desk.feed(&second);
    assert_eq!(desk.codes(), ["ACK"], "a repeat gets its ACK, not another BYE");
    desk.feed(respond(&bye.message, 200, "", "", ""));
    assert_eq!(desk.told(), ["progress 180", "answered"]);
    desk.hangup(session);
    assert_eq!(desk.last("BYE").message.callee_tag(), "one");
    finish(&mut desk);
}

/// What a proxy has not stopped in time: the other early dialogs went with the first 2xx, whose transaction takes
/// nothing but 2xx any more (RFC 6026 section 7.2).
#[test]
fn what_comes_of_a_fork_that_was_too_late() {
    let (mut desk, session, invite) = calling();
    for tag in ["one", "two"] {
        desk.feed(respond(&invite, 183, tag, CONTACT, SDP));
    }
    desk.feed(respond(&invite, 200, "one", CONTACT, SDP));
    desk.news();
    let (told, plan) = (desk.told(), desk.plan());
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    for (status, lines) in [(180, CONTACT), (183, CONTACT), (183, &reliable), (199, CONTACT), (487, "")] {
        desk.feed(respond(&invite, status, "two", lines, SDP_OTHER_PORT));
        assert_eq!(desk.codes(), [""; 0], "{status}: a caller who has been answered waits for nothing");
    }
    for (n, method) in (1..).zip(["UPDATE", "INFO", "OPTIONS", "INVITE", "BYE"]) {
        let asked = back(&invite, method).caller_tag("two").cseq(n).branch(&format!("two{n}"));
        desk.feed(asked.sdp(SDP_OTHER_PORT).text());
        let answer = desk.only().message;
        assert_eq!((answer.code().as_str(), answer.cseq()), ("481", n), "{method}");
    }
    assert_eq!((desk.told(), desk.plan()), (told, plan), "the call that was taken hears nothing of it");
    // But if it answers all the same it must not be left alone.
    desk.feed(respond(&invite, 200, "two", CONTACT, SDP_OTHER_PORT));
    assert_eq!(desk.codes(), ["ACK", "BYE"]);
    let bye = desk.last("BYE").message;
    desk.feed(respond(&bye, 481, "", "", ""));
    desk.hangup(session);
    finish(&mut desk);
}

#[test]
fn a_fork_that_answers_when_the_call_is_over_is_hung_up_too() {
    let (mut desk, _, invite) = answered(CONTACT);
    desk.feed(back(&invite, "BYE").text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(respond(&invite, 200, "late", "Contact: <sip:late@192.0.2.23>\r\n", SDP));
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(news.iter().all(|sent| sent.to() == "192.0.2.23:5060" && sent.message.callee_tag() == "late"));
    finish(&mut desk);
}

/// The ACK has the number of the INVITE, whatever numbers the peer has used since.
#[test]
fn a_fork_that_answers_after_a_reinvite_gets_the_right_ack() {
    let (mut desk, _, invite) = answered(CONTACT);
    desk.feed(back(&invite, "INVITE").cseq(7).branch("re").sdp(SDP_OTHER_PORT).text());
    assert_eq!(desk.codes(), ["200"]);
    desk.feed(respond(&invite, 200, "late", "Contact: <sip:late@192.0.2.23>\r\n", SDP));
    let news = desk.news();
    assert_eq!(news.iter().map(|sent| sent.message.code()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert_eq!(news[0].message.cseq(), invite.cseq());
}

#[test]
fn a_refused_fork_repeats_and_a_kept_one_repeats() {
    let (mut desk, _, invite) = answered(CONTACT);
    let ack = desk.last("ACK").message;
    for _ in 0..3 {
        desk.feed(respond(&invite, 200, "far", CONTACT, SDP));
        assert_eq!(desk.only().message, ack);
    }
}
