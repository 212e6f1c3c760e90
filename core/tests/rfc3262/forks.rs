//! Which of several early dialogs is heard, and 199 (RFC 6228).

use super::*;

/// A description with audio at this port.
fn sdp(port: u16) -> String {
    SDP.replace("40000", &port.to_string())
}

#[test]
fn the_last_fork_with_something_new_is_heard_until_one_answers() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 183, "one", &sdp(41_000)));
    assert_eq!(heard(&desk), 41_000);
    desk.feed(reliably(&invite, 183, "two", "1", &sdp(42_000)));
    assert_eq!(heard(&desk), 42_000);
    desk.feed(plainly(&invite, 180, "three", ""));
    desk.feed(plainly(&invite, 183, "one", &sdp(41_000)));
    assert_eq!(heard(&desk), 42_000, "who rings or says the same again is not heard instead");
    desk.feed(plainly(&invite, 183, "one", &sdp(41_002)));
    assert_eq!(heard(&desk), 41_002);
    assert!(desk.told()[1..].iter().all(|news| news.ends_with("with media")));
    desk.feed(plainly(&invite, 200, "two", ""));
    assert_eq!(heard(&desk), 42_000, "what was agreed with who answers holds");
    assert_eq!(desk.core.registry().dialogs_len(), 1);
    leave(&mut desk, session);
}

#[test]
fn a_fork_that_answers_without_having_been_heard() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "one", "1", &sdp(41_000)));
    desk.feed(plainly(&invite, 200, "two", &sdp(42_000)));
    assert_eq!(heard(&desk), 42_000);
    desk.feed(plainly(&invite, 200, "one", ""));
    let news: Vec<String> = desk.codes();
    assert_eq!(news[news.len() - 2..], ["ACK", "BYE"]);
    assert_eq!(heard(&desk), 42_000);
    leave(&mut desk, session);
}

#[test]
fn a_199_ends_its_early_dialog_and_no_other() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    assert!(invite.header("Supported").contains("199"));
    desk.feed(reliably(&invite, 183, "one", "1", &sdp(41_000)));
    desk.feed(reliably(&invite, 183, "two", "1", &sdp(42_000)));
    desk.feed(plainly(&invite, 180, "three", ""));
    assert_eq!(desk.core.registry().dialogs_len(), 3);
    let told = desk.told();
    desk.feed(plainly(&invite, 199, "three", ""));
    assert_eq!((desk.core.registry().dialogs_len(), heard(&desk)), (2, 42_000));
    desk.feed(plainly(&invite, 199, "nobody", ""));
    desk.feed(plainly(&invite, 199, "two", ""));
    assert_eq!((desk.core.registry().dialogs_len(), heard(&desk)), (1, 41_000), "one is heard again");
    assert_eq!(desk.told(), told, "for the caller nothing has ended");
    desk.feed(plainly(&invite, 199, "one", ""));
    assert_eq!((desk.core.registry().dialogs_len(), heard(&desk)), (0, 0));
    assert_eq!(desk.told().last().unwrap(), "progress 199", "nothing is to be heard any more");
    desk.feed(plainly(&invite, 183, "four", &sdp(44_000)));
    assert_eq!(heard(&desk), 44_000);
    desk.feed(plainly(&invite, 200, "four", ""));
    leave(&mut desk, session);
}

#[test]
fn a_reliable_199_is_acknowledged_in_the_dialog_that_it_ends() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(reliably(&invite, 183, "one", "1", SDP));
    desk.news();
    desk.feed(reliably(&invite, 199, "one", "2", ""));
    let prack = desk.only().message;
    assert_eq!((prack.callee_tag().as_str(), prack.header("RAck")), ("one", "2 1 INVITE"));
    assert_eq!(desk.core.registry().dialogs_len(), 0);
    desk.feed(respond(&prack, 200, "", "", ""));
    desk.feed(plainly(&invite, 200, "two", SDP));
    leave(&mut desk, session);
}

#[test]
fn a_199_before_anything_else_is_no_ringing() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 199, "one", ""));
    assert_eq!(desk.told(), [""; 0]);
    desk.hangup(session);
    assert_eq!(desk.codes(), ["CANCEL"], "but it is a provisional response");
    desk.feed(respond(&invite, 487, "one", "", ""));
    desk.assert_all_gone();
}

#[test]
fn an_answer_after_a_199_is_an_answer() {
    let (mut desk, session, invite) = calling(Reliable::Supported, false);
    desk.feed(plainly(&invite, 183, "one", SDP));
    desk.feed(plainly(&invite, 199, "one", ""));
    desk.feed(plainly(&invite, 200, "one", SDP));
    assert_eq!(desk.codes(), ["ACK"]);
    assert_eq!(heard(&desk), 40_000);
    leave(&mut desk, session);
}

#[test]
fn whoever_answers_too_late_sees_our_numbers_go_on() {
    let lines = "Contact: <sip:one@192.0.2.9:5060>\r\nRequire: 100rel\r\n";
    for gone in [200, 199] {
        let (mut desk, session, invite) = calling(Reliable::Supported, false);
        for rseq in 1..=3 {
            let lines = format!("{lines}RSeq: {rseq}\r\n");
            desk.feed(respond(&invite, 180, "one", &lines, ""));
        }
        assert_eq!(desk.last("PRACK").message.header("CSeq"), "4 PRACK");
        if gone == 199 {
            desk.feed(plainly(&invite, 199, "one", ""));
        }
        desk.feed(plainly(&invite, 200, "two", SDP));
        desk.news();
        desk.feed(plainly(&invite, 200, "one", SDP));
        let news = desk.news();
        let numbers: Vec<&str> = news.iter().map(|sent| sent.message.header("CSeq")).collect();
        assert_eq!(numbers, ["1 ACK", "5 BYE"], "a lower number than that of a PRACK would be refused");
        leave(&mut desk, session);
    }
}
