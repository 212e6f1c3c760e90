//! Overload: who is turned away when requests are read too late, and who never is.

use core::time::Duration;

use super::peer::{SDP, World};
use crate::api::{Counter, Event};
use crate::session::State;
use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;

const MS: Duration = Duration::from_millis(1);

fn lag(world: &mut World, millis: u32) {
    world.net.with(0, |core, now| core.handle_lag(now, millis * MS));
}

/// What comes is so late, and goes on to be.
fn overload(world: &mut World, millis: u32) {
    lag(world, millis);
    world.net.run_for(125 * MS);
    lag(world, millis);
    assert!(world.net.nodes[0].core.is_overloaded());
}

fn call(world: &mut World, branch: &str) {
    world.our_tag.clear();
    world.cseq += 1;
    world.request("INVITE", branch, world.cseq, Some(SDP));
}

/// What was said last: the status line.
fn said(world: &World) -> String {
    let last = world.net.elsewhere.last().map(|transmit| transmit.payload.clone()).unwrap_or_default();
    String::from_utf8_lossy(last.split(|&octet| octet == b'\r').next().unwrap_or_default()).into_owned()
}

fn count(world: &World, counter: Counter) -> u64 {
    world.net.nodes[0].core.counters().get(counter)
}

fn told(world: &World) -> Vec<&Event> {
    let ours = |event: &&Event| matches!(event, Event::OverloadBegan { .. } | Event::OverloadEnded { .. });
    world.net.nodes[0].events.iter().filter(ours).collect()
}

#[test]
fn a_call_that_lay_too_long_is_turned_away_and_nothing_is_kept() {
    let mut world = World::new(false);
    lag(&mut world, 250);
    call(&mut world, "z9hG4bKin-time");
    assert_eq!(said(&world), "SIP/2.0 180 Ringing", "up to the bound");
    let (sessions, transactions) = {
        let core = &world.net.nodes[0].core;
        (core.registry().len(), core.transactions().len())
    };
    overload(&mut world, 251);
    call(&mut world, "z9hG4bKlate");
    assert_eq!(said(&world), "SIP/2.0 503 Service Unavailable");
    let refusal = world.last("SIP/2.0 503");
    let frame = Frame::parse(&refusal, &WireLimits::default()).unwrap();
    let again: u32 =
        std::str::from_utf8(frame.first(HeaderName::RetryAfter).unwrap()).unwrap().parse().unwrap();
    assert!((5..=10).contains(&again), "{again}");
    assert!(
        frame.facts().unwrap().to_tag.is_some(),
        "every final response has one (RFC 3261 section 8.2.6.2)"
    );
    let core = &world.net.nodes[0].core;
    assert_eq!((core.registry().len(), core.transactions().len()), (sessions, transactions));
    assert_eq!((count(&world, Counter::TurnedAway), count(&world, Counter::Overloads)), (1, 1));
    assert!(matches!(told(&world)[..], [Event::OverloadBegan { lag }] if *lag == 251 * MS));
    // The ACK of that refusal is for nothing we know, and is not answered.
    let sent = world.net.elsewhere.len();
    world.learn_tag();
    world.request("ACK", "z9hG4bKlate", world.cseq, None);
    assert_eq!(world.net.elsewhere.len(), sent);
}

#[test]
fn an_overload_ends_when_nothing_late_has_come_for_t1_and_does_not_flap() {
    let mut world = World::new(false);
    overload(&mut world, 300);
    for (n, (millis, taken)) in [(126, false), (125, true), (200, false), (0, true)].into_iter().enumerate() {
        lag(&mut world, millis);
        call(&mut world, &format!("z9hG4bK{n}"));
        assert_eq!(
            said(&world).contains("180"),
            taken,
            "{millis} ms: half of the bound counts until it is over"
        );
        world.net.run_for(100 * MS);
    }
    assert!(world.net.nodes[0].core.is_overloaded());
    assert_eq!(world.net.nodes[0].core.lag_allowed(), 125 * MS);
    world.net.run_for(299 * MS);
    assert_eq!(told(&world).len(), 1);
    world.net.run_for(2 * MS);
    let [_, Event::OverloadEnded { lasted, refused }] = told(&world)[..] else {
        panic!("{:?}", told(&world))
    };
    assert_eq!((*lasted, *refused), (700 * MS, 2), "two hundred milliseconds, and T1");
    lag(&mut world, 200);
    call(&mut world, "z9hG4bKlater");
    assert!(said(&world).contains("180"), "now the bound itself counts again");
}

#[test]
fn what_belongs_to_a_call_is_always_taken() {
    let mut world = World::called(false, Some(SDP));
    overload(&mut world, 10_000);
    // A copy: the transaction knows it.
    world.request("INVITE", "z9hG4bKinvite", 100, Some(SDP));
    assert!(said(&world).contains("180"));
    world.answer();
    world.request("ACK", "z9hG4bKack", 100, None);
    assert_eq!(world.state(), Some(State::Active));
    world.request("INVITE", "z9hG4bKagain", 101, Some(SDP));
    assert!(said(&world).contains("200"), "one within the call: {}", said(&world));
    world.request("ACK", "z9hG4bKack2", 101, None);
    world.request("BYE", "z9hG4bKbye", 102, None);
    assert!(said(&world).contains("200"));
    assert_eq!(world.state(), None);
    // CANCEL, and the response to a call of ours.
    let mut world = World::called(false, Some(SDP));
    overload(&mut world, 10_000);
    world.request("CANCEL", "z9hG4bKinvite", 100, None);
    assert!(said(&world).contains("487"));
    let mut world = World::calling();
    overload(&mut world, 10_000);
    world.respond(200, "one", Some(SDP));
    assert_eq!(world.state(), Some(State::Active));
}

#[test]
fn who_was_turned_away_is_turned_away_again_until_he_has_given_up() {
    let mut world = World::new(false);
    overload(&mut world, 300);
    call(&mut world, "z9hG4bKlate");
    let first = world.last("SIP/2.0 503");
    lag(&mut world, 0);
    let copy = |world: &mut World| world.request("INVITE", "z9hG4bKlate", world.cseq, Some(SDP));
    copy(&mut world);
    assert_eq!(
        world.last("SIP/2.0 503"),
        first,
        "a copy, of which nobody is waiting for the answer any more"
    );
    world.net.run_for(Duration::from_secs(20));
    assert_eq!(told(&world).len(), 2);
    copy(&mut world);
    assert!(said(&world).contains("503"), "as long as Timer B runs there");
    call(&mut world, "z9hG4bKnext");
    assert!(said(&world).contains("180"), "the same caller's next call");
    world.net.run_for(Duration::from_secs(13));
    assert!(!world.net.nodes[0].core.overload_remembers());
}

#[test]
fn a_machine_that_stood_still_for_once_is_not_overloaded() {
    let mut world = World::new(false);
    for n in 0..10 {
        for millis in [900, 600, 300, 100] {
            lag(&mut world, millis);
            call(&mut world, &format!("z9hG4bK{n}-{millis}"));
            assert!(said(&world).contains("180"));
            world.net.run_for(31 * MS);
        }
        world.net.run_for(100 * MS);
    }
    assert_eq!(told(&world).len(), 0);
}

#[test]
fn without_a_bound_nobody_is_turned_away() {
    let mut world = World::new(false);
    world.net.nodes[0].core.board.config.limits.lag_max = Duration::MAX;
    for _ in 0..3 {
        lag(&mut world, 100_000);
        world.net.run_for(Duration::from_secs(10));
    }
    call(&mut world, "z9hG4bKlate");
    assert!(said(&world).contains("180"));
    assert_eq!(told(&world).len(), 0);
}
