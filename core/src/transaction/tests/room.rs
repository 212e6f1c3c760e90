//! How much transactions may keep, and whose share it is.

use alloc::format;

use super::super::Shortage;
use super::{Bench, Received, ms, request};
use crate::base::index::{Digest, DigestKey};
use crate::base::rng::Rng;

fn source(name: &str) -> Option<Digest> {
    Some(DigestKey::new(&mut Rng::secret([3; 32])).digest(&[name.as_bytes()]))
}

/// How many of `count` requests of a source get a transaction, and why the last did not.
fn flood(bench: &mut Bench, of: &str, count: u32, via: &str) -> (u32, Option<Shortage>) {
    let (mut taken, mut refused) = (0, None);
    for number in 0..count {
        let branch = format!("z9hG4bK{of}{number}{via}");
        match bench.request_of(source(of), &request("OPTIONS", &branch)) {
            Received::New(tx) => {
                taken += 1;
                assert!(bench.respond(tx, 200));
            }
            Received::Full(shortage) => refused = Some(shortage),
            other => panic!("{other:?}"),
        }
        bench.layer.audit().unwrap();
    }
    (taken, refused)
}

#[test]
fn one_source_has_a_quarter_of_the_transactions_that_are_free() {
    let mut bench = Bench::with_room(800);
    assert_eq!(flood(&mut bench, "hostile", 400, ""), (175, Some(Shortage::Share)), "a quarter of 700");
    assert_eq!(flood(&mut bench, "another", 400, ""), (131, Some(Shortage::Share)), "a quarter of 525");
    assert_eq!(flood(&mut bench, "honest", 50, ""), (50, None));
    let trusted = (0..600).filter(|number| {
        let text = request("OPTIONS", &format!("z9hG4bKtrunk{number}"));
        matches!(bench.request(&text), Received::New(_))
    });
    assert_eq!(trusted.count(), 700 - 175 - 131 - 50, "whoever is trusted has what there is");
    assert_eq!(flood(&mut bench, "late", 1, ""), (0, Some(Shortage::Number)));
    bench.until(ms(33_000));
    assert_eq!((bench.layer.len(), bench.layer.octets()), (0, 0));
    assert_eq!(flood(&mut bench, "hostile2", 400, ""), (175, Some(Shortage::Share)), "all is given back");
}

#[test]
fn long_requests_are_bounded_by_their_octets() {
    let mut bench = Bench::with_room(100_000);
    let via = "x".repeat(14_800);
    let (taken, refused) = flood(&mut bench, "hostile", 100, &via);
    assert!((10..=16).contains(&taken), "{taken} of 15 KB each: a quarter of 7/8 of 1 MiB");
    assert_eq!(refused, Some(Shortage::Share));
    let peak = bench.layer.octets();
    assert!(peak < (1 << 20) / 4, "{peak}");
    assert_eq!(flood(&mut bench, "honest", 100, ""), (100, None), "nobody else suffers");
    // Many sources use up what there is for peers, and we may still ask.
    for number in 0..100 {
        flood(&mut bench, &format!("h{number}"), 6, &via);
    }
    let (taken, refused) = flood(&mut bench, "late", 1, &via);
    assert_eq!((taken, refused), (0, Some(Shortage::Octets)));
    assert!(bench.layer.octets() <= (1 << 20) - (1 << 20) / 8, "{}", bench.layer.octets());
    bench.ask("BYE");
    assert!(bench.layer.counters().octets_full > 0 && bench.layer.counters().share_full > 0);
}

#[test]
fn what_a_transaction_keeps_is_charged_as_it_changes() {
    let mut bench = Bench::new();
    let invite = request("INVITE", "z9hG4bK1");
    let Received::New(tx) = bench.request_of(source("caller"), &invite) else { panic!() };
    let charged = |bench: &Bench| {
        bench.layer.audit().unwrap();
        bench.layer.octets()
    };
    let asked = charged(&bench);
    assert!(bench.respond(tx, 180));
    let rings = charged(&bench);
    assert!(rings > asked, "the last response beside what the next one needs");
    assert!(bench.respond(tx, 200));
    let answered = charged(&bench);
    assert!(answered < rings, "the response as it went out and no more");
    bench.layer.forget_message(tx);
    let acknowledged = charged(&bench);
    assert!(acknowledged < answered && acknowledged > 400, "{acknowledged} octets for an empty slot");
    let (asking, _) = bench.ask("BYE");
    assert!(charged(&bench) > acknowledged + 400);
    bench.layer.abandon(asking);
    assert_eq!(charged(&bench), acknowledged);
    bench.until(ms(40_000));
    assert_eq!(charged(&bench), 0);
}

#[test]
fn our_own_requests_end_where_the_octets_end() {
    let mut bench = Bench::with_room(1_000_000);
    let mut asked = 0;
    while bench.layer.begin(bench.now, crate::wire::Method::Options).is_some() {
        asked += 1;
    }
    let each = bench.layer.octets() / asked;
    assert!((400..1_000).contains(&each), "{each}");
    assert!(bench.layer.octets() < (1 << 20) + each);
}
