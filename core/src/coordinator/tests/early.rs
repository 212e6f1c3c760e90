//! Early media between two of ours over links that lose, repeat and reorder.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::net::{Faults, Net};
use crate::api::{CoordinatorConfig, InviteParams, Reliable};
use crate::base::ids::SessionId;
use crate::sdp::plan::Direction;
use crate::session::State;
use crate::signaling::{Deferral, InviteDetails, SignalingDecision};

/// Somebody who repeats to the others what is due, to the end; `wary` of who may have been forged, only so often.
fn node(net: &mut Net, user: &str, reliable: Reliable, wary: bool) {
    let trusted = if wary { Vec::new() } else { vec!["10.0.0.0/24".parse().unwrap()] };
    let config = CoordinatorConfig {
        user: user.into(),
        reliable,
        trusted_sources: trusted,
        ..CoordinatorConfig::default()
    };
    let handler = |_: &InviteDetails| SignalingDecision::Defer(Deferral::default());
    net.add_with(config, Box::new(handler));
}

/// A call from the first node to the second, who has not been asked yet.
fn ringing(seed: u64, reliable: [Reliable; 2], late_offer: bool) -> (Net, SessionId, Option<SessionId>) {
    ringing_if(seed, reliable, late_offer, false)
}

fn ringing_if(
    seed: u64,
    reliable: [Reliable; 2],
    late_offer: bool,
    wary: bool,
) -> (Net, SessionId, Option<SessionId>) {
    let mut net = Net::new(seed);
    node(&mut net, "alice", reliable[0], wary);
    node(&mut net, "bob", reliable[1], wary);
    net.faults = Faults { loss: 20, duplicate: 10, reorder: 20 };
    let target = format!("sip:bob@{}", net.nodes[1].address);
    let params = InviteParams { late_offer, ..InviteParams::new(&target) };
    let alice = net.with(0, |core, now| core.invite(now, params)).unwrap();
    net.run_for(Duration::from_secs(4));
    let bob = net.incoming(1);
    (net, alice, bob)
}

fn over(mut net: Net) -> Vec<String> {
    net.faults = Faults::default();
    for node in 0..2 {
        net.with(node, |core, now| core.shutdown(now));
    }
    net.run_for(Duration::from_secs(140));
    net.assert_all_gone();
    net.told(0)
}

/// Between strangers a fifth of all messages may get lost, and calls come up all the same.
#[test]
fn strangers_come_up_over_a_bad_link() {
    for late_offer in [false, true] {
        for sure in [Reliable::Never, Reliable::Supported] {
            let (mut all, mut up) = (0, 0);
            for seed in 0..200 {
                let (mut net, alice, bob) = ringing_if(seed, [sure; 2], late_offer, true);
                let Some(bob) = bob else { continue };
                all += 1;
                net.with(1, |core, now| core.answer(now, bob)).unwrap();
                net.run_for(Duration::from_secs(40));
                let active = |node: usize, id| net.nodes[node].core.session_state(id) == Some(State::Active);
                up += usize::from(active(0, alice) && active(1, bob));
                over(net);
            }
            // An INVITE without an offer is short, and the answer that brings one is long: it goes out twice.
            let most = if late_offer { 90 } else { 97 };
            assert!(all > 150 && up * 100 >= all * most, "{up} of {all}, {late_offer} {sure:?}");
        }
    }
}

#[test]
fn early_media_arrives_whatever_gets_lost() {
    for seed in 0..300 {
        let late_offer = seed % 3 == 0;
        let (mut net, alice, bob) = ringing(seed, [Reliable::Supported; 2], late_offer);
        let Some(bob) = bob else { continue };
        net.with(1, |core, now| core.progress(now, bob, true)).unwrap();
        net.run_for(Duration::from_secs(15));
        let heard = net.told(0).contains(&"progress 183".into());
        let alive = net.nodes[1].core.session_state(bob).is_some();
        assert!(heard && alive, "seed {seed}: {:#?}", net.ladder());
        let plan = net.nodes[0].core.registry().session(alice).unwrap().plan().unwrap();
        assert!(plan.remote_rtp.is_some(), "seed {seed}");
        net.with(1, |core, now| core.answer(now, bob)).unwrap();
        net.run_for(Duration::from_secs(25));
        for (node, id) in [(0, alice), (1, bob)] {
            let core = &net.nodes[node].core;
            assert_eq!(core.session_state(id), Some(State::Active), "seed {seed}: {:#?}", net.ladder());
            assert!(core.registry().session(id).unwrap().plan().unwrap().direction.sends());
        }
        let told = over(net);
        assert_eq!(told.iter().filter(|event| *event == "progress 183").count(), 1, "seed {seed}: {told:?}");
    }
}

#[test]
fn whatever_the_two_sides_want_of_reliability_nothing_is_left() {
    let wishes = [Reliable::Never, Reliable::Supported, Reliable::Required];
    for (seed, (ours, theirs)) in
        (1000..).zip(wishes.into_iter().flat_map(|it| wishes.map(|other| (it, other))))
    {
        for round in 0..20 {
            let (mut net, alice, bob) = ringing(seed + 100 * round, [ours, theirs], round % 4 == 0);
            let refused = matches!(
                (ours, theirs),
                (Reliable::Never, Reliable::Required) | (Reliable::Required, Reliable::Never)
            );
            assert!(!refused || bob.is_none(), "421 or 420");
            if let Some(bob) = bob {
                drop(net.with(1, |core, now| core.progress(now, bob, round % 2 == 0)));
                drop(net.with(1, |core, now| core.progress(now, bob, true)));
                // The answer, the caller's giving up or both meet the 183 and its PRACK.
                net.run_for(Duration::from_millis(round * 37));
                if round % 3 != 1 {
                    drop(net.with(1, |core, now| core.answer(now, bob)));
                }
                net.run_for(Duration::from_millis(round * 11));
                if round % 3 != 0 {
                    net.with(0, |core, now| drop(core.hangup(now, alice)));
                }
                net.run_for(Duration::from_secs(40));
            }
            let told = over(net);
            let pracks = told.iter().filter(|event| event.starts_with("ended")).count();
            assert_eq!(pracks, 1, "{ours:?} {theirs:?} {round}: {told:?}");
        }
    }
}

#[test]
fn a_call_that_is_up_keeps_nothing_of_how_it_came_up() {
    let mut net = Net::new(5);
    node(&mut net, "alice", Reliable::Required, false);
    node(&mut net, "bob", Reliable::Required, false);
    let alice = net.call(0, 1);
    net.run_for(Duration::from_secs(1));
    let bob = net.incoming(1).unwrap();
    for audio in [false, true] {
        net.with(1, |core, now| core.progress(now, bob, audio)).unwrap();
    }
    net.with(1, |core, now| core.answer(now, bob)).unwrap();
    net.run_for(Duration::from_secs(1));
    assert_eq!(
        net.codes().iter().filter(|code| *code == "PRACK").count(),
        1,
        "an answer needs no 183: {:#?}",
        net.ladder()
    );
    for (node, id) in [(0, alice), (1, bob)] {
        let registry = net.nodes[node].core.registry();
        let session = registry.session(id).unwrap();
        assert_eq!(session.state(), State::Active);
        assert!(session.provisional.is_none());
        assert!(registry.dialog(session.dialog.unwrap()).unwrap().early.is_none());
    }
}

#[test]
fn what_both_want_before_the_answer_comes_to_pass() {
    let mut updated = 0;
    for seed in 2000..2300 {
        let (mut net, alice, bob) = ringing(seed, [Reliable::Supported; 2], seed % 3 == 0);
        let Some(bob) = bob else { continue };
        net.with(1, |core, now| core.progress(now, bob, true)).unwrap();
        net.run_for(Duration::from_secs(1 + seed % 10));
        net.with(0, |core, now| core.hold(now, alice)).unwrap();
        if seed % 2 == 0 {
            net.with(1, |core, now| core.hold(now, bob)).unwrap();
        }
        net.run_for(Duration::from_millis(seed % 7 * 300));
        net.with(1, |core, now| core.answer(now, bob)).unwrap();
        net.run_for(Duration::from_secs(40));
        updated += net.codes().iter().filter(|code| *code == "UPDATE").count();
        let states = [(0, alice), (1, bob)].map(|(node, id)| net.nodes[node].core.session_state(id));
        // Lost often enough in a row, anything may end: but then on both sides.
        if states == [Some(State::Active); 2] {
            let direction = |node: usize, id| {
                net.nodes[node].core.registry().session(id).unwrap().plan().unwrap().direction
            };
            let wanted = if seed % 2 == 0 {
                [Direction::Inactive; 2]
            } else {
                [Direction::SendOnly, Direction::RecvOnly]
            };
            assert_eq!([direction(0, alice), direction(1, bob)], wanted, "seed {seed}: {:#?}", net.ladder());
        }
        over(net);
    }
    assert!(updated > 100, "{updated}");
}
