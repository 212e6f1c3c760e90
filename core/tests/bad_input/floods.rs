//! Floods of one source: it has its share of the transactions, and nobody else suffers.

use core::net::SocketAddr;

use super::*;

/// A quarter of seven eighths.
const SHARE: usize = 218;

fn telephone() -> Desk {
    let mut config = CoordinatorConfig::default();
    config.messages = true;
    config.limits.transactions_max = 1_000;
    config.limits.stateless_per_source_max = u32::MAX;
    config.trusted_sources.push("192.0.2.77".parse().unwrap());
    Desk::with(config)
}

/// Sends messages, which are kept until no copy of them can come; how many were taken.
fn messages(desk: &mut Desk, from: &str, count: usize, lines: &str) -> usize {
    desk.news();
    for n in 0..count {
        let name = format!("{from}-{n}-{:?}", desk.now).replace([':', ' ', '(', ')', '[', ']'], "-");
        let request = Request::new("MESSAGE").call_id(&name).branch(&name).header(lines);
        desk.feed_from(SocketAddr::new(from.parse().unwrap(), 5060), request.body("text/plain", "x").text());
    }
    desk.codes().iter().filter(|code| *code == "200").count()
}

#[test]
fn a_source_that_floods_has_its_share_and_others_have_theirs() {
    let mut desk = telephone();
    assert_eq!(messages(&mut desk, "192.0.2.66", 2_000, "X: y"), SHARE);
    let refused = desk.core.counters().get(Counter::TransactionShare);
    assert_eq!(refused, 2_000 - SHARE as u64);
    assert_eq!(messages(&mut desk, "::ffff:192.0.2.66", 10, "X: y"), 0, "its IPv6 form is the same address");
    desk.take_an_ordinary_call("honest");
    assert_eq!(messages(&mut desk, "192.0.2.67", 20, "X: y"), 20, "another source is not concerned");
    let all = 875 - SHARE - 20 - 2;
    assert_eq!(messages(&mut desk, "192.0.2.77", 2_000, "X: y"), all, "a trusted one has all that is left");
    assert!(desk.core.counters().get(Counter::Overload) > 0, "and then there is nothing left for anybody");
}

#[test]
fn an_ipv6_source_is_its_network() {
    let mut desk = telephone();
    let taken: usize = (1..100).map(|n| messages(&mut desk, &format!("2001:db8::{n}"), 5, "X: y")).sum();
    assert_eq!(taken, SHARE, "whoever has one address has 2^64");
    assert_eq!(messages(&mut desk, "2001:db8:0:1::1", 5, "X: y"), 5);
}

#[test]
fn a_second_flood_takes_no_more_than_the_first() {
    let mut config = CoordinatorConfig::default();
    config.messages = true;
    config.limits.transaction_octets_max = 4 << 20;
    let mut desk = Desk::with(config);
    let long = format!("Via: SIP/2.0/UDP {}", "x".repeat(14_800));
    let mut peaks = Vec::new();
    for _ in 0..3 {
        for source in 1..40 {
            messages(&mut desk, &format!("192.0.3.{source}"), 60, &long);
        }
        peaks.push(desk.core.transactions().octets());
        assert!(desk.core.counters().get(Counter::TransactionOctets) > 0);
        desk.run_for(GIVE_UP + GIVE_UP);
        assert_eq!(desk.core.transactions().octets(), 0, "all is given back");
        desk.take_an_ordinary_call(&format!("after-{}", peaks.len()));
        desk.run_for(GIVE_UP + GIVE_UP);
    }
    assert!(peaks.iter().all(|&peak| peak > 3 << 20 && peak <= 4 << 20), "{peaks:?}");
    assert!(peaks[2] * 100 <= peaks[0] * 105, "{peaks:?}");
}

/// What the default is said to sustain: each call keeps what its two transactions need for 32 s.
#[test]
fn the_octets_of_transactions_are_enough_for_four_thousand_calls_a_second() {
    let mut desk = telephone();
    for n in 0..50 {
        desk.take_an_ordinary_call(&format!("3848276298220188511@192.0.2.9-{n}"));
    }
    let each = desk.core.transactions().octets() / 50;
    let limits = CoordinatorConfig::default().limits;
    // Peers may cause seven eighths of it.
    let sustained = limits.transaction_octets_max / 8 * 7 / each / GIVE_UP.as_secs() as usize;
    assert!(
        sustained >= 4_000 && limits.transactions_max / 8 * 7 / 2 / 32 >= 4_000,
        "{sustained}: {each} octets a call"
    );
    assert!(
        sustained * usize::from(limits.source_share_percent) / 100 >= 1_000,
        "{sustained}, from one source"
    );
}

/// What ends a call is dealt with although its source has its share of transactions, or there is no room at all.
fn a_call_ends_in_a_flood_of(source: &str, share: bool) {
    let mut desk = telephone();
    let (up, rings) = (Request::new("INVITE").sdp(SDP), Request::new("INVITE").sdp(SDP).call_id("rings"));
    let (_, tag) = desk.up(&up);
    let rings = rings.branch("rings").caller_tag("rings");
    desk.feed(rings.text());
    let taken = messages(&mut desk, source, 2_000, "X: y");
    assert!(taken < 2_000 && (taken < SHARE) == share, "{taken}");
    let kept = desk.core.transactions().octets();
    desk.feed(rings.again("CANCEL").text());
    assert_eq!(desk.codes(), ["200", "487"]);
    let bye = up.again("BYE").cseq(2).callee_tag(&tag).branch("bye");
    desk.feed(bye.text());
    assert_eq!(desk.codes(), ["200"]);
    assert_eq!(desk.told().iter().filter(|told| told.starts_with("ended")).count(), 2);
    assert!(desk.core.transactions().octets() <= kept + 1_000, "nothing is kept of either");
    for _ in 0..2 {
        desk.feed(bye.text());
        assert_eq!(desk.codes(), ["481"], "a copy of it belongs to nothing any more");
    }
    desk.run_for(GIVE_UP);
    desk.assert_all_gone();
}

#[test]
fn a_call_ends_although_its_source_has_its_share() {
    a_call_ends_in_a_flood_of("192.0.2.9", true);
}

#[test]
fn a_call_ends_although_there_is_no_room() {
    a_call_ends_in_a_flood_of("192.0.2.77", false);
}
