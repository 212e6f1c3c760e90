#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::base::rng::Rng;

const MS: Duration = Duration::from_millis(1);
const ANY_AGE: Duration = Duration::MAX;

fn inbox() -> Inbox {
    Inbox::new(DigestKey::new(&mut Rng::wire([3; 32])), Instant::ZERO)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn from(source: u8, millis: u64) -> Arrival {
    Arrival { at: at(millis), local: None, remote: SocketAddr::from(([192, 0, 2, source], 5060)) }
}

fn message(method: &str, call: &str, tag: &str) -> String {
    format!("{method} sip:a@b SIP/2.0\r\nTo: <sip:a@b>{tag}\r\nCall-ID: {call}\r\n\r\n")
}

fn put(inbox: &mut Inbox, source: u8, millis: u64, method: &str, call: &str, tag: &str) {
    inbox.push(from(source, millis), message(method, call, tag).as_bytes());
}

/// Method and Call-ID of what comes out next.
fn next(inbox: &mut Inbox, now: u64, allowed: Duration) -> Option<String> {
    let next = inbox.next(at(now), allowed)?;
    let text = std::str::from_utf8(next.bytes).unwrap();
    let call = text.split("Call-ID: ").nth(1).unwrap().trim_end();
    Some(format!("{} {call}", text.split(' ').next().unwrap()))
}

fn all(inbox: &mut Inbox, now: u64) -> Vec<String> {
    std::iter::from_fn(|| next(inbox, now, ANY_AGE)).collect()
}

#[test]
fn what_belongs_to_something_goes_first() {
    let mut inbox = inbox();
    put(&mut inbox, 1, 1, "INVITE", "new", "");
    put(&mut inbox, 1, 2, "OPTIONS", "new", "");
    put(&mut inbox, 1, 3, "BYE", "old", ";tag=1");
    put(&mut inbox, 1, 4, "ACK", "old", "");
    put(&mut inbox, 1, 5, "INVITE", "old", ";tag=1");
    assert_eq!(all(&mut inbox, 9), ["BYE old", "ACK old", "INVITE old", "INVITE new", "OPTIONS new"]);
    assert!(inbox.is_empty() && inbox.octets == 0 && inbox.calls.is_empty());
}

#[test]
fn a_cancel_never_overtakes_its_invite() {
    let mut inbox = inbox();
    put(&mut inbox, 1, 1, "INVITE", "a", "");
    put(&mut inbox, 1, 2, "INVITE", "a", "");
    put(&mut inbox, 1, 3, "CANCEL", "a", "");
    put(&mut inbox, 2, 3, "CANCEL", "a", "");
    put(&mut inbox, 1, 3, "CANCEL", "b", "");
    let order = all(&mut inbox, 9);
    assert_eq!(order[..2], ["CANCEL a", "CANCEL b"], "of another source, and of an INVITE dealt with");
    assert_eq!(order[2..], ["INVITE a", "INVITE a", "CANCEL a"]);
    put(&mut inbox, 1, 9, "CANCEL", "a", "");
    put(&mut inbox, 1, 9, "BYE", "c", ";tag=1");
    assert_eq!(all(&mut inbox, 9), ["CANCEL a", "BYE c"], "no INVITE waits any more");
}

#[test]
fn sources_take_turns_and_nothing_starves() {
    let mut inbox = inbox();
    for n in 0..1000 {
        put(&mut inbox, 1, n, "INVITE", "flood", "");
        put(&mut inbox, 1, n, "BYE", "flood", ";tag=1");
    }
    put(&mut inbox, 2, 1000, "INVITE", "honest", "");
    put(&mut inbox, 2, 1000, "BYE", "honest", ";tag=1");
    let order = all(&mut inbox, 1001);
    let place = |what: &str| order.iter().position(|each| each == what).unwrap();
    assert_eq!(place("BYE honest"), 1);
    assert_eq!(place("INVITE flood"), 16);
    assert_eq!(place("INVITE honest"), 33);
    assert_eq!(order.len(), 2002);
}

#[test]
fn a_full_inbox_drops_the_oldest_new_request_of_whoever_has_most() {
    let mut inbox = inbox();
    put(&mut inbox, 2, 0, "INVITE", "honest", "");
    put(&mut inbox, 3, 0, "BYE", "x", ";tag=1");
    for n in 0..DATAGRAMS_MAX + 8 {
        put(&mut inbox, 1, 1, "INVITE", &n.to_string(), "");
    }
    assert_eq!(inbox.take_dropped(), 10);
    put(&mut inbox, 3, 0, "BYE", "y", ";tag=1");
    assert_eq!(inbox.take_dropped(), 1);
    assert_eq!(inbox.take_dropped(), 0);
    let order = all(&mut inbox, 9);
    assert_eq!((order.len(), &*order[0], &*order[1]), (DATAGRAMS_MAX, "BYE x", "BYE y"));
    assert!(order.contains(&"INVITE honest".into()) && order.contains(&"INVITE 11".into()));
    assert!(!order.contains(&"INVITE 10".into()));
    assert!(inbox.calls.is_empty());
    // By octets, too; and where nothing new waits, the oldest of all makes room.
    let long = [b"BYE sip:a@b SIP/2.0\r\nTo: <sip:a>;tag=1\r\nX: ", &[b'x'; 60_000][..]].concat();
    for _ in 0..400 {
        inbox.push(from(1, 1), &long);
        assert!(inbox.octets <= OCTETS_MAX);
    }
    let fit = OCTETS_MAX / long.len();
    assert_eq!(inbox.take_dropped(), 400 - fit as u64);
    assert_eq!(std::iter::from_fn(|| inbox.next(at(1), ANY_AGE).map(drop)).count(), fit);
}

#[test]
fn what_is_too_old_may_cost_a_share_of_the_time() {
    let mut inbox = inbox();
    for n in 0..100 {
        put(&mut inbox, 1, 0, "INVITE", &n.to_string(), "");
    }
    put(&mut inbox, 1, 900, "INVITE", "fresh", "");
    put(&mut inbox, 1, 1000, "BYE", "x", ";tag=1");
    assert_eq!(next(&mut inbox, 1000, 125 * MS).unwrap(), "BYE x", "never too old");
    for n in 0..4 {
        let late = inbox.next(at(1000), 125 * MS).unwrap();
        assert!(late.late && late.lag == Some(1000 * MS), "{n}");
        inbox.spent(5 * MS);
    }
    let fresh = inbox.next(at(1000), 125 * MS).unwrap();
    assert!(!fresh.late && fresh.lag == Some(100 * MS));
    assert_eq!(inbox.take_dropped(), 96, "twenty milliseconds were saved, and no more");
    // A tenth of what goes by is earned again.
    put(&mut inbox, 1, 1000, "INVITE", "a", "");
    put(&mut inbox, 1, 1000, "INVITE", "b", "");
    assert_eq!(next(&mut inbox, 1200, 125 * MS).unwrap(), "INVITE a");
    inbox.spent(21 * MS);
    assert_eq!(next(&mut inbox, 1205, 125 * MS), None);
    assert_eq!(inbox.take_dropped(), 1);
    // Without an overload there is no hurry.
    put(&mut inbox, 1, 1000, "INVITE", "c", "");
    assert_eq!(next(&mut inbox, 5000, ANY_AGE).unwrap(), "INVITE c");
}

#[test]
fn who_has_waited_too_long_takes_nobodys_turn() {
    let mut inbox = inbox();
    for n in [0, 0, 990] {
        for source in 0..50 {
            put(&mut inbox, source, n, "INVITE", &format!("{source}-{n}"), "");
        }
    }
    let late =
        std::iter::from_fn(|| inbox.next(at(1000), 125 * MS).map(|next| next.late)).collect::<Vec<_>>();
    assert_eq!(late.iter().filter(|late| **late).count(), 100);
    assert!(late[..100].iter().all(|late| *late), "all that is late goes before what is not");
}

#[test]
fn memory_is_used_again_and_given_back() {
    let mut inbox = inbox();
    for round in 0..100 {
        for n in 0..100 {
            put(&mut inbox, 1, 0, "INVITE", &n.to_string(), "");
        }
        assert_eq!(all(&mut inbox, 1).len(), 100, "{round}");
    }
    let held = |queue: &Queue| queue.chunks.iter().map(|chunk| chunk.octets.capacity()).sum::<usize>();
    let all: usize = inbox.new.queues.iter().map(held).sum();
    assert!(inbox.spare.len() <= 1 && all <= CHUNK, "{all}");
}

#[test]
fn who_has_nothing_waiting_is_not_late_because_of_others() {
    let mut inbox = inbox();
    put(&mut inbox, 1, 0, "OPTIONS", "flood", "");
    inbox.reads(at(400));
    for _ in 0..3 {
        put(&mut inbox, 1, 100, "OPTIONS", "flood", "");
    }
    put(&mut inbox, 2, 100, "INVITE", "honest", "");
    let lags: Vec<_> =
        std::iter::from_fn(|| inbox.next(at(410), 125 * MS).and_then(|next| next.lag)).collect();
    assert_eq!(
        lags.last(),
        Some(&(10 * MS)),
        "the loop did not read for 300 ms, and that is the flood's fault"
    );
    assert_eq!(lags.len(), 5);
}

#[test]
fn a_flood_that_pretends_to_belong_to_something_takes_nobodys_room() {
    let mut inbox = inbox();
    put(&mut inbox, 2, 0, "INVITE", "honest", "");
    put(&mut inbox, 2, 0, "BYE", "honest", ";tag=1");
    for n in 0..DATAGRAMS_MAX {
        put(&mut inbox, 1, 1, "BYE", &n.to_string(), ";tag=x");
    }
    put(&mut inbox, 2, 2, "ACK", "honest", ";tag=1");
    assert_eq!(inbox.take_dropped(), 3);
    let order = all(&mut inbox, 9);
    for method in ["INVITE", "BYE", "ACK"] {
        assert!(order.contains(&format!("{method} honest")), "{method}");
    }
    // Few but long ones are no less.
    let long = [b"BYE sip:a@b SIP/2.0\r\nTo: <sip:a>;tag=1\r\nX: ", &[b'x'; 60_000][..]].concat();
    for n in 0..1_000 {
        put(&mut inbox, 2, 2, "INVITE", &n.to_string(), "");
    }
    (0..400).for_each(|_| inbox.push(from(1, 3), &long));
    assert!(inbox.take_dropped() > 100);
    let honest = std::iter::from_fn(|| inbox.next(at(4), ANY_AGE).map(|next| next.arrival.remote));
    assert_eq!(honest.filter(|remote| *remote == from(2, 0).remote).count(), 1_000);
}

#[test]
fn an_ipv6_network_has_one_turn() {
    let mut inbox = inbox();
    let of = |network: u16, host: u16| {
        let remote = SocketAddr::from(([0x2001, 0xdb8, 0, network, 0, 0, 0, host], 5060));
        Arrival { at: at(1), local: None, remote }
    };
    for host in 0..300 {
        inbox.push(of(1, host), message("INVITE", "flood", "").as_bytes());
    }
    assert_eq!(inbox.new.turns.len(), 1);
    inbox.push(of(2, 1), message("INVITE", "honest", "").as_bytes());
    let order = all(&mut inbox, 2);
    assert!(order[..2].contains(&"INVITE honest".into()), "{:?}", &order[..2]);
}
