//! Client transactions in virtual time (RFC 3261 section 17.1).

use alloc::string::{String, ToString as _};
use alloc::vec;
use core::time::Duration;

use bytes::Bytes;

use super::super::table::State;
use super::super::{ClientEventKind, TransactionId, TxEvent};
use super::{Bench, MS, ms, path, request, response};
use crate::wire::Method;

/// RFC 3261 section 17.1.1.2.
#[test]
fn timer_a_doubles_without_a_cap_and_timer_b_ends_it() {
    let mut bench = Bench::new();
    let (tx, _) = bench.ask("INVITE");
    let told = [(ms(32_000), TxEvent::ClientTimeout(tx)), (ms(64_000), TxEvent::Gone(tx))];
    assert_eq!(bench.until(ms(100_000)), told);
    assert_eq!(bench.sent_at("INVITE"), [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert!(bench.layer.is_empty());
    assert_eq!(bench.layer.poll_timeout(), None);
}

#[test]
fn a_reliable_transport_repeats_nothing_and_waits_for_nothing() {
    let mut bench = Bench::new();
    for method in ["INVITE", "OPTIONS"] {
        let start = bench.now.as_millis();
        let (tx, branch) = bench.layer.begin(bench.now, Method::from_text(method.as_bytes())).unwrap();
        bench.layer.transactions.get_mut(tx).unwrap().reliable = true;
        let text = request(method, &branch.to_string());
        let message = Bytes::from(text.clone().into_bytes());
        bench.with(|layer, now, send| layer.send(now, tx, path(), message, send));
        bench.until(ms(start + 31_999));
        assert_eq!(bench.sent_at(method), [start]);
        assert_eq!(bench.response(&response(&text, 404, "x")).unwrap().kind, ClientEventKind::Failure);
        assert_eq!(bench.layer.poll_timeout(), Some(bench.now), "Timers D and K are zero");
        assert_eq!(bench.until(ms(start + 31_999)), vec![(ms(start + 31_999), TxEvent::Gone(tx))]);
        bench.sent();
    }
}

#[test]
fn it_may_ring_for_as_long_as_the_user_likes() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    bench.until(ms(700));
    assert_eq!(bench.sent_at("INVITE"), [0, 500]);
    let event = bench.response(&response(&text, 180, "x")).unwrap();
    assert_eq!((event.tx, event.kind, event.status), (tx, ClientEventKind::Provisional, 180));
    assert_eq!(bench.layer.poll_timeout(), None, "neither A nor B runs");
    assert_eq!(bench.until(ms(60_000)), vec![]);
    assert_eq!(bench.response(&response(&text, 200, "x")).unwrap().kind, ClientEventKind::Success);
    assert_eq!(bench.until(ms(200_000)), vec![(ms(92_000), TxEvent::Gone(tx))], "Timer M");
    assert!(bench.sent().is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Why {
    NobodySpoke,
    CancelUnanswered,
    Unreachable,
}

const WHYS: [Why; 3] = [Why::NobodySpoke, Why::CancelUnanswered, Why::Unreachable];

/// Given up, and when Timer M ends that.
fn given_up(why: Why) -> (Bench, TransactionId, String, Duration) {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    let mut since = ms(32_000);
    match why {
        Why::NobodySpoke => drop(bench.until(since)),
        Why::CancelUnanswered => {
            bench.response(&response(&text, 180, "x"));
            bench.until(since);
            bench.layer.give_up(bench.now, tx);
        }
        Why::Unreachable => {
            since = ms(500);
            bench.layer.transport_failed(bench.now, &path());
            bench.until(since);
            bench.layer.transport_failed(bench.now, &path());
            assert_eq!(bench.until(since), vec![(since, TxEvent::ClientUnreachable(tx))]);
        }
    }
    bench.sent();
    (bench, tx, text, since + ms(32_000))
}

#[test]
fn a_2xx_that_comes_late_reaches_the_user() {
    for why in WHYS {
        let (mut bench, tx, text, end) = given_up(why);
        assert_eq!(bench.response(&response(&text, 180, "x")), None);
        bench.until(end - MS);
        assert_eq!(bench.response(&response(&text, 200, "x")).unwrap().kind, ClientEventKind::Success);
        let gone = (end - MS + ms(32_000), TxEvent::Gone(tx));
        assert_eq!(bench.until(ms(200_000)), vec![gone], "{why:?}: Timer M starts again");
        assert_eq!(bench.response(&response(&text, 200, "x")), None);
    }
}

#[test]
fn a_failure_that_comes_late_is_acknowledged_and_not_told() {
    for why in WHYS {
        let (mut bench, tx, text, end) = given_up(why);
        for _ in 0..2 {
            assert_eq!(bench.response(&response(&text, 487, "x")), None);
            assert_eq!(bench.sent().len(), 1, "its ACK");
        }
        assert_eq!(bench.until(ms(200_000)), vec![(end, TxEvent::Gone(tx))], "{why:?}");
        assert!(bench.sent().is_empty(), "{why:?}: nothing of it is sent again");
    }
}

#[test]
fn only_an_invite_that_rings_is_given_up() {
    let mut bench = Bench::new();
    let (calling, _) = bench.ask("INVITE");
    let (other, text) = bench.ask("BYE");
    bench.response(&response(&text, 100, "x"));
    let before = [bench.layer.state(calling), bench.layer.state(other)];
    bench.layer.give_up(bench.now, calling);
    bench.layer.give_up(bench.now, other);
    assert_eq!([bench.layer.state(calling), bench.layer.state(other)], before);
}

/// RFC 6026 section 7.2.
#[test]
fn every_2xx_reaches_the_user_until_timer_m() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    bench.sent();
    for tag in ["x", "x", "y", "x"] {
        let event = bench.response(&response(&text, 200, tag)).unwrap();
        assert_eq!((event.tx, event.kind), (tx, ClientEventKind::Success));
    }
    assert_eq!(bench.response(&response(&text, 180, "z")), None, "late");
    assert_eq!(bench.response(&response(&text, 486, "z")), None, "late");
    bench.until(ms(32_000) - MS);
    assert!(bench.response(&response(&text, 200, "x")).is_some());
    bench.until(ms(32_000));
    assert_eq!(bench.response(&response(&text, 200, "x")), None);
    assert_eq!(bench.layer.counters().stray, 1);
    assert_eq!(bench.layer.counters().dropped, 1, "the 180");
    assert!(bench.sent().is_empty(), "the ACK of a 2xx is not the layer's");
}

#[test]
fn a_2xx_after_a_failure_reaches_the_user_and_both_are_acknowledged() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    let busy = response(&text, 486, "x");
    bench.response(&busy);
    bench.until(ms(20_000));
    let told = bench.response(&response(&text, 200, "y")).unwrap();
    assert_eq!((told.tx, told.kind), (tx, ClientEventKind::Success));
    bench.sent();
    assert_eq!(bench.response(&busy), None);
    assert_eq!(bench.sent_at("ACK"), [20_000], "that of the failure, once more");
    assert_eq!(bench.until(ms(200_000)), vec![(ms(52_000), TxEvent::Gone(tx))], "Timer M from then on");
}

/// RFC 3261 section 17.1.1.3.
#[test]
fn a_failure_is_acknowledged_each_time_and_told_once() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    let busy = response(&text, 486, "x");
    assert_eq!(bench.response(&busy).unwrap().kind, ClientEventKind::Failure);
    let ack = bench.last_sent();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_string();
    assert!(ack.starts_with("ACK sip:bob@192.0.2.1 SIP/2.0\r\n"), "{ack}");
    for same in ["Via", "From", "Call-ID", "Max-Forwards"] {
        assert!(ack.contains(&line(same)), "{ack}");
    }
    let routes = "Route: <sip:a.example;lr>, <sip:b.example;lr>\r\nRoute: <sip:c.example;lr>\r\n";
    assert!(ack.contains(routes), "{ack}");
    assert!(ack.contains("\r\nTo: <sip:bob@example.org>;tag=x\r\n"), "{ack}");
    assert!(ack.contains("\r\nCSeq: 7 ACK\r\n"), "{ack}");
    assert!(!ack.contains("Contact"), "{ack}");
    bench.sent();
    bench.until(ms(400));
    assert_eq!(bench.response(&busy), None);
    assert_eq!(bench.sent_at("ACK"), [400]);
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::Gone(tx))], "Timer D");
    assert_eq!(bench.response(&busy), None);
    assert!(bench.sent().is_empty());
}

/// RFC 3261 section 17.1.2.2.
#[test]
fn timer_e_stops_doubling_at_t2_and_timer_f_ends_it() {
    let mut bench = Bench::new();
    let (tx, _) = bench.ask("OPTIONS");
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::ClientTimeout(tx))]);
    let expected = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(bench.sent_at("OPTIONS"), expected);
}

/// RFC 3261 section 17.1.2.2.
#[test]
fn timer_e_goes_on_at_t2_after_a_provisional_response() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("BYE");
    bench.until(ms(700));
    assert_eq!(bench.response(&response(&text, 100, "x")).unwrap().kind, ClientEventKind::Provisional);
    bench.until(ms(8_000));
    assert_eq!(bench.sent_at("BYE"), [0, 500, 1_500, 5_500]);
    assert_eq!(bench.response(&response(&text, 200, "x")).unwrap().kind, ClientEventKind::Success);
    assert_eq!(bench.response(&response(&text, 200, "x")), None, "absorbed until Timer K");
    assert_eq!(bench.until(ms(100_000)), vec![(ms(13_000), TxEvent::Gone(tx))]);
    assert!(bench.sent().is_empty());
}

#[test]
fn timer_f_runs_on_after_a_provisional_response() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("BYE");
    bench.response(&response(&text, 100, "x"));
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::ClientTimeout(tx))]);
}

/// RFC 3261 section 9.1.
#[test]
fn a_cancel_has_the_branch_of_its_invite_and_a_transaction_of_its_own() {
    let mut bench = Bench::new();
    let (invite, text) = bench.ask("INVITE");
    assert_eq!(bench.cancel(invite), None, "nothing to cancel before a provisional response");
    bench.response(&response(&text, 180, "x"));
    bench.sent();
    let cancel = bench.cancel(invite).unwrap();
    assert_eq!(bench.cancel(invite), None, "one is enough");
    let sent = bench.last_sent();
    let via = text.lines().find(|line| line.starts_with("Via")).unwrap();
    assert!(sent.starts_with("CANCEL sip:bob@192.0.2.1 SIP/2.0\r\n"), "{sent}");
    assert!(sent.contains(via) && sent.contains("CSeq: 7 CANCEL\r\n"), "{sent}");
    assert!(sent.contains("To: <sip:bob@example.org>\r\n"), "{sent}");

    // The INVITE's answer overtakes that of the CANCEL, both find their own.
    let terminated = bench.response(&response(&text, 487, "x")).unwrap();
    assert_eq!((terminated.tx, terminated.status), (invite, 487));
    let done = bench.response(&response(&sent, 200, "x")).unwrap();
    assert_eq!((done.tx, done.kind), (cancel, ClientEventKind::Success));
    let gone = bench.until(ms(100_000));
    assert_eq!(gone, vec![(ms(5_000), TxEvent::Gone(cancel)), (ms(32_000), TxEvent::Gone(invite))]);
}

/// RFC 3261 section 17.1.4, but for whoever lies about it.
#[test]
fn an_unreachable_remote_ends_what_waits_for_it_and_nothing_else() {
    let mut bench = Bench::new();
    let (invite, _) = bench.ask("INVITE");
    let (ringing, text) = bench.ask("INVITE");
    let (bye, _) = bench.ask("BYE");
    let (lucky, lucky_text) = bench.ask("INVITE");
    bench.response(&response(&text, 180, "x"));
    let mut other = path();
    other.remote.set_port(6000);
    bench.layer.transport_failed(bench.now, &other);
    assert_eq!(bench.until(ms(100)), vec![]);

    for _ in 0..9 {
        bench.layer.transport_failed(bench.now, &path());
    }
    assert_eq!(bench.until(ms(500)), vec![], "each is sent again, and that is all");
    bench.layer.transport_failed(bench.now, &path());
    assert_eq!(bench.layer.poll_timeout(), Some(bench.now));
    assert!(bench.response(&response(&lucky_text, 180, "x")).is_some(), "it came after all");
    let mut told = bench.until(ms(500));
    told.sort_by_key(|(_, event)| alloc::format!("{event:?}"));
    let at = ms(500);
    assert_eq!(told, vec![(at, TxEvent::ClientUnreachable(invite)), (at, TxEvent::ClientUnreachable(bye))]);
    assert_eq!(bench.state(ringing), Some(State::Proceeding));
    assert_eq!(bench.state(lucky), Some(State::Proceeding));
    assert_eq!(bench.state(invite), Some(State::GivenUp), "it may have been taken all the same");
    for left in [ringing, lucky, invite] {
        bench.layer.abandon(left);
    }
    assert!(bench.layer.is_empty() && bench.layer.remotes.is_empty());
    assert_eq!(bench.layer.poll_timeout(), None);
}

#[test]
fn one_report_that_nobody_can_be_reached_ends_nothing() {
    for method in ["INVITE", "BYE", "REGISTER"] {
        let mut bench = Bench::new();
        let (tx, text) = bench.ask(method);
        // However often it is said of the one copy.
        for _ in 0..100 {
            bench.layer.transport_failed(bench.now, &path());
        }
        let told = bench.until(ms(31_999));
        assert_eq!(told, vec![], "{method}");
        // A response says that it was a lie; from then on it takes two again.
        if method != "INVITE" {
            bench.response(&response(&text, 100, "x"));
            bench.layer.transport_failed(bench.now, &path());
            assert!(bench.state(tx).is_some());
            assert!(bench.layer.poll_timeout().is_some_and(|at| at > bench.now), "nothing is due");
        }
    }
}

#[test]
fn a_second_report_ends_it_once_it_was_sent_again() {
    for method in ["INVITE", "BYE", "REGISTER"] {
        let mut bench = Bench::new();
        let (tx, _) = bench.ask(method);
        bench.layer.transport_failed(bench.now, &path());
        assert_eq!(bench.until(ms(500)), vec![], "{method}");
        bench.layer.transport_failed(bench.now, &path());
        assert_eq!(bench.until(ms(500)), vec![(ms(500), TxEvent::ClientUnreachable(tx))], "{method}");
    }
}

#[test]
fn what_is_forgotten_is_gone_only_where_nobody_needs_it() {
    let mut bench = Bench::new();
    let (tx, text) = bench.ask("INVITE");
    bench.layer.set_owner(tx, 42);
    bench.layer.forget_message(tx);
    assert!(bench.layer.message(tx).is_some(), "it may have to be sent again");
    let busy = response(&text, 486, "x");
    bench.response(&busy);
    bench.layer.forget_message(tx);
    assert_eq!(bench.layer.message(tx), None);
    bench.sent();
    bench.response(&busy);
    assert_eq!(bench.sent_at("ACK"), [0], "the ACK is still there");
    assert_eq!(bench.layer.owner(tx), Some(42));
    bench.until(ms(32_000));
    assert_eq!((bench.layer.owner(tx), bench.layer.ended_owner()), (None, 42));
}

#[test]
fn a_transaction_begun_but_not_sent_holds_its_place_only() {
    let mut bench = Bench::with_room(1);
    let (tx, _) = bench.layer.begin(bench.now, Method::Options).unwrap();
    assert!(bench.layer.begin(bench.now, Method::Options).is_none(), "full");
    bench.layer.abandon(tx);
    bench.with(|layer, now, send| layer.send(now, tx, path(), Bytes::new(), send));
    assert!(bench.sent().is_empty(), "stale");
    assert!(bench.layer.begin(bench.now, Method::Options).is_some());
}
