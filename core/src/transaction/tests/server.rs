//! Server transactions in virtual time (RFC 3261 section 17.2).

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

use super::super::table::State;
use super::super::{Shortage, TxEvent};
use super::Received;
use super::{Bench, MS, ms, request, request_from, response};

const BRANCH: &str = "z9hG4bK-there";

/// RFC 3261 section 17.2.1.
#[test]
fn a_hundred_goes_out_after_200_ms_of_silence() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH);
    let tx = bench.new_request(&invite);
    assert_eq!(bench.layer.poll_timeout().unwrap().as_nanos(), 200_000_000);
    bench.until(ms(150));
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert!(bench.sent().is_empty(), "nothing to repeat yet");
    bench.until(ms(300));
    assert_eq!(bench.sent_at("100"), [200]);
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert_eq!(bench.sent_at("100"), [300]);
    assert!(bench.respond(tx, 180));
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert_eq!(bench.sent_at("180"), [300, 300], "the last one is repeated");
}

#[test]
fn no_hundred_after_any_other_response() {
    for status in [180, 200, 486] {
        let mut bench = Bench::new();
        let tx = bench.new_request(&request("INVITE", BRANCH));
        bench.until(ms(200) - MS);
        assert!(bench.respond(tx, status));
        bench.until(ms(400));
        assert_eq!(bench.sent_at(&status.to_string()), [199]);
    }
}

/// RFC 3261 section 17.2.1.
#[test]
fn a_failure_is_repeated_until_the_ack() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH);
    let tx = bench.new_request(&invite);
    assert!(bench.respond(tx, 486));
    assert!(!bench.respond(tx, 200) && !bench.respond(tx, 180), "the final response is final");
    assert!(!bench.resend(tx), "for 2xx only");
    bench.until(ms(2_000));
    assert_eq!(bench.sent_at("486"), [0, 500, 1_500]);
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert_eq!(bench.sent_at("486"), [2_000]);

    let ack = request_from("ACK", BRANCH, "192.0.2.2:5060", ";tag=ours");
    assert_eq!(bench.request(&ack), Received::Absorbed);
    assert_eq!(bench.state(tx), Some(State::Confirmed));
    assert_eq!(bench.request(&ack), Received::Absorbed);
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert_eq!(bench.until(ms(100_000)), vec![(ms(7_000), TxEvent::Gone(tx))], "Timer I");
    assert!(bench.sent().is_empty());
    assert_eq!(bench.request(&ack), Received::Ack, "nobody's any more");
}

/// RFC 3261 section 17.2.1.
#[test]
fn timer_g_stops_doubling_at_t2_and_timer_h_gives_up() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    assert!(bench.respond(tx, 603));
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::AckNeverCame(tx))]);
    let expected: [u64; 11] = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(bench.sent_at("603"), expected);
    assert!(bench.layer.is_empty());
}

#[test]
fn a_reliable_transport_repeats_no_response() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    bench.layer.transactions.get_mut(tx).unwrap().reliable = true;
    assert!(bench.respond(tx, 486));
    bench.until(ms(10_000));
    assert_eq!(bench.sent_at("486"), [0]);
    assert_eq!(bench.request(&request("ACK", BRANCH)), Received::Absorbed);
    assert_eq!(bench.until(ms(10_000)), vec![(ms(10_000), TxEvent::Gone(tx))], "Timer I is zero");

    let tx = bench.new_request(&request("INVITE", "z9hG4bK-2"));
    bench.layer.transactions.get_mut(tx).unwrap().reliable = true;
    assert!(bench.respond(tx, 486));
    assert_eq!(bench.until(ms(100_000)), vec![(ms(42_000), TxEvent::AckNeverCame(tx))], "H runs anyway");

    let tx = bench.new_request(&request("BYE", "z9hG4bK-3"));
    bench.layer.transactions.get_mut(tx).unwrap().reliable = true;
    assert!(bench.respond(tx, 200));
    assert_eq!(bench.until(ms(100_000)), vec![(ms(100_000), TxEvent::Gone(tx))], "Timer J is zero");
}

/// RFC 6026 section 7.1.
#[test]
fn an_invite_repeated_after_a_200_makes_nothing_new() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH);
    let tx = bench.new_request(&invite);
    assert!(bench.respond(tx, 200));
    assert_eq!(bench.sent_at("200"), [0]);
    bench.until(ms(500));
    assert_eq!(bench.request(&invite), Received::Absorbed);
    assert!(bench.sent().is_empty(), "silently");
    assert!(bench.resend(tx));
    assert_eq!(bench.sent_at("200"), [500], "the user repeats it");

    // The ACK of a 2xx has a branch of its own; some peers take that of the INVITE.
    assert_eq!(bench.request(&request("ACK", "z9hG4bK-other")), Received::Ack);
    assert_eq!(bench.request(&request("ACK", BRANCH)), Received::Ack);
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::Gone(tx))], "Timer L");
    assert!(!bench.resend(tx));
    assert!(bench.sent().is_empty());
}

#[test]
fn an_ack_that_answers_nothing_is_swallowed() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    assert_eq!(bench.request(&request("ACK", BRANCH)), Received::Absorbed);
    assert_eq!(bench.state(tx), Some(State::Proceeding));
    assert_eq!(bench.layer.counters().dropped, 1);
}

#[test]
fn it_may_ring_here_for_a_minute() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    assert!(bench.respond(tx, 180));
    assert_eq!(bench.until(ms(60_000)), vec![]);
    assert!(bench.respond(tx, 200));
    assert_eq!(bench.sent(), vec![(ms(0), "180".to_string()), (ms(60_000), "200".to_string())]);
}

/// RFC 3261 section 17.2.2.
#[test]
fn another_request_is_answered_once_and_repeated_on_demand() {
    let mut bench = Bench::new();
    let bye = request("BYE", BRANCH);
    let tx = bench.new_request(&bye);
    assert_eq!(bench.request(&bye), Received::Absorbed);
    assert!(bench.sent().is_empty(), "Trying swallows");
    assert!(bench.respond(tx, 100));
    assert_eq!(bench.request(&bye), Received::Absorbed);
    assert_eq!(bench.sent_at("100"), [0, 0]);
    bench.until(ms(1_000));
    assert!(bench.respond(tx, 200));
    assert!(!bench.respond(tx, 500));
    assert_eq!(bench.request(&bye), Received::Absorbed);
    assert_eq!(bench.sent_at("200"), [1_000, 1_000], "only when asked again");
    assert_eq!(bench.until(ms(100_000)), vec![(ms(33_000), TxEvent::Gone(tx))], "Timer J");
    assert!(bench.sent().is_empty());
}

#[test]
fn a_repeated_message_is_the_same_memory() {
    let mut bench = Bench::new();
    let bye = request("BYE", BRANCH);
    let tx = bench.new_request(&bye);
    assert!(bench.respond(tx, 200));
    for _ in 0..3 {
        assert_eq!(bench.request(&bye), Received::Absorbed);
    }
    let (invite, text) = bench.ask("INVITE");
    bench.until(ms(500));
    bench.response(&response(&text, 486, "x"));
    bench.response(&response(&text, 486, "x"));
    let of = |method: &str| {
        let sent = bench.sent.iter().filter(|(_, transmit)| super::word(&transmit.payload) == method);
        sent.map(|(_, transmit)| transmit.payload.as_ptr()).collect::<Vec<_>>()
    };
    for (method, times) in [("200", 4), ("INVITE", 2), ("ACK", 2)] {
        let places = of(method);
        assert_eq!(places.len(), times, "{method}");
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]), "{method}");
    }
    assert_eq!(bench.layer.counters().repeated, 5);
    bench.layer.abandon(invite);
}

/// RFC 4320 section 4.2: a 408 would come when nobody waits for it.
#[test]
fn what_the_user_never_answers_ends_when_nobody_waits_any_more() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("OPTIONS", BRANCH));
    assert_eq!(bench.until(ms(100_000)), vec![(ms(32_000), TxEvent::Gone(tx))]);
    assert!(!bench.respond(tx, 200));
}

#[test]
fn no_response_has_a_status_outside_the_range() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    for status in [0, 99, 700, u16::MAX] {
        assert!(!bench.respond(tx, status));
    }
    assert!(bench.sent().is_empty());
}

#[test]
fn a_finished_transaction_keeps_little() {
    let mut bench = Bench::new();
    let tx = bench.new_request(&request("INVITE", BRANCH));
    assert!(bench.respond(tx, 180));
    assert!(bench.layer.reply_head(tx).is_some());
    assert!(bench.respond(tx, 486));
    assert!(bench.layer.reply_head(tx).is_none(), "no further response is built");
    assert_eq!(bench.request(&request("ACK", BRANCH)), Received::Absorbed);
    assert_eq!(bench.layer.transactions.get(tx).unwrap().last, None, "nor sent");
    assert!(size_of::<super::super::layer::Transaction>() <= 400);
}

/// Whoever may have been forged is told a few times; each copy of his request, and a proof, make room for more.
#[test]
fn what_repeats_make_us_send_is_bounded_until_the_sender_proves_himself() {
    let source =
        Some(crate::base::index::DigestKey::new(&mut crate::base::rng::Rng::secret([3; 32])).digest(&[]));
    for (status, factor) in [(486, 3), (180, 6)] {
        let mut bench = Bench::new();
        let invite = request("INVITE", BRANCH);
        let Received::New(tx) = bench.request_of(source, &invite) else { panic!() };
        assert!(bench.respond(tx, status));
        let octets = |bench: &Bench| bench.sent.iter().map(|(_, sent)| sent.payload.len()).sum::<usize>();
        let mut copies = 1;
        let again = |bench: &mut Bench| match status {
            180 => (0..20).filter(|_| bench.resend_provisional(tx)).count(),
            _ => 0,
        };
        again(&mut bench);
        bench.until(ms(20_000));
        assert!(octets(&bench) <= factor * invite.len(), "{status}");
        assert!(octets(&bench) > (factor - 2) * invite.len(), "{status}: {}", octets(&bench));
        assert!(bench.layer.counters().held_back > 0);
        for _ in 0..10 {
            let before = octets(&bench);
            assert_eq!(bench.request_of(source, &invite), Received::Absorbed);
            copies += 1;
            assert!(octets(&bench) > before, "a copy that comes is answered");
            again(&mut bench);
            assert!(octets(&bench) <= factor * invite.len() * copies, "{status}");
        }
        let held = bench.layer.counters().held_back;
        bench.layer.prove(tx, "192.0.2.99".parse().unwrap());
        assert_eq!(again(&mut bench), 0, "somebody else proves nothing");
        bench.layer.prove(tx, "192.0.2.2".parse().unwrap());
        if status == 180 {
            assert_eq!(again(&mut bench), 20);
        } else {
            let before = bench.layer.counters().held_back;
            bench.until(ms(31_000));
            assert_eq!(bench.layer.counters().held_back, before);
        }
        assert!(bench.layer.counters().held_back >= held);
    }
}

#[test]
fn a_storm_of_requests_is_bounded_and_leaves_room_for_our_own() {
    let mut bench = Bench::with_room(16);
    let mut results = Vec::new();
    for number in 0..100 {
        results.push(bench.request(&request("INVITE", &alloc::format!("z9hG4bK{number}"))));
    }
    assert_eq!(results.iter().filter(|result| matches!(result, Received::New(_))).count(), 14);
    assert_eq!(results.iter().filter(|result| **result == Received::Full(Shortage::Number)).count(), 86);
    assert_eq!((bench.layer.len(), bench.layer.counters().full), (14, 86));
    bench.ask("BYE");
    for _ in 0..10 {
        assert_eq!(bench.request(&request("INVITE", "z9hG4bK3")), Received::Absorbed);
    }
    assert_eq!(bench.request(&request("ACK", "z9hG4bK-x")), Received::Ack, "an ACK needs no room");
}
