//! Offers within a call: hold, resume, glare, refusal, and what crosses them.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::net::{LATENCY, Net};
use super::peer::{SDP, World};
use crate::api::{Event, Modification};
use crate::base::ids::SessionId;
use crate::coordinator::UnifiedCoordinator;
use crate::sdp::plan::{Codec, Direction, MediaPlan};
use crate::session::State;

/// A call between two of ours that is up; the sessions of both.
fn up(seed: u64) -> (Net, [SessionId; 2]) {
    let mut net = Net::new(seed);
    net.add("alice");
    net.add("bob");
    let alice = net.call(0, 1);
    net.run_for(Duration::from_millis(100));
    let bob = net.incoming(1).unwrap();
    net.with(1, |core, now| core.answer(now, bob)).unwrap();
    net.run_for(Duration::from_secs(1));
    assert_eq!(net.nodes[0].core.session_state(alice), Some(State::Active));
    assert_eq!(net.nodes[1].core.session_state(bob), Some(State::Active));
    (net, [alice, bob])
}

fn plan(core: &UnifiedCoordinator, id: SessionId) -> MediaPlan {
    core.registry().session(id).unwrap().plan().unwrap().as_ref().clone()
}

fn directions(net: &Net, ids: [SessionId; 2]) -> [Direction; 2] {
    [0, 1].map(|node| plan(&net.nodes[node].core, ids[node]).direction)
}

/// The last [`Event::HoldChanged`] of a node.
fn holds(net: &Net, node: usize) -> Option<(bool, bool)> {
    net.nodes[node].events.iter().rev().find_map(|event| match event {
        Event::HoldChanged { local, remote, .. } => Some((*local, *remote)),
        _ => None,
    })
}

fn settle(net: &mut Net) {
    net.run_for(Duration::from_secs(40));
}

#[test]
fn hold_and_resume_by_either_side() {
    for by in [0, 1] {
        let (mut net, ids) = up(1);
        net.with(by, |core, now| core.hold(now, ids[by])).unwrap();
        settle(&mut net);
        let mut expected = [Direction::RecvOnly; 2];
        expected[by] = Direction::SendOnly;
        assert_eq!(directions(&net, ids), expected);
        assert_eq!((holds(&net, by), holds(&net, 1 - by)), (Some((true, false)), Some((false, true))));
        net.with(by, |core, now| core.resume(now, ids[by])).unwrap();
        settle(&mut net);
        assert_eq!(directions(&net, ids), [Direction::SendRecv; 2]);
        assert_eq!((holds(&net, by), holds(&net, 1 - by)), (Some((false, false)), Some((false, false))));
    }
}

#[test]
fn both_hold_and_each_resumes_for_itself() {
    let (mut net, ids) = up(2);
    for node in [0, 1] {
        net.with(node, |core, now| core.hold(now, ids[node])).unwrap();
        settle(&mut net);
    }
    assert_eq!(directions(&net, ids), [Direction::Inactive; 2]);
    assert_eq!((holds(&net, 0), holds(&net, 1)), (Some((true, true)), Some((true, true))));
    net.with(0, |core, now| core.resume(now, ids[0])).unwrap();
    settle(&mut net);
    assert_eq!(directions(&net, ids), [Direction::RecvOnly, Direction::SendOnly], "bob still holds");
    assert_eq!((holds(&net, 0), holds(&net, 1)), (Some((false, true)), Some((true, false))));
    net.with(1, |core, now| core.resume(now, ids[1])).unwrap();
    settle(&mut net);
    assert_eq!(directions(&net, ids), [Direction::SendRecv; 2]);
    assert_eq!((holds(&net, 0), holds(&net, 1)), (Some((false, false)), Some((false, false))));
}

#[test]
fn glare_always_converges() {
    for seed in 0..1000 {
        let (mut net, ids) = up(seed);
        for node in [0, 1] {
            net.with(node, |core, now| core.hold(now, ids[node])).unwrap();
        }
        settle(&mut net);
        assert_eq!(directions(&net, ids), [Direction::Inactive; 2], "seed {seed}: {:#?}", net.ladder());
        let codes = net.codes();
        assert_eq!(codes.iter().filter(|code| *code == "491").count(), 2, "seed {seed}: both were refused");
    }
}

/// RFC 3261 section 14.1.
#[test]
fn after_glare_the_owner_of_the_call_id_waits_longer() {
    let (mut net, ids) = up(7);
    let begun = net.now;
    for node in [0, 1] {
        net.with(node, |core, now| core.hold(now, ids[node])).unwrap();
    }
    settle(&mut net);
    let again = |from: usize| {
        let sent = net.wire.iter().filter(|(at, local, _, line)| {
            *at > begun && *local == net.nodes[from].address && line.starts_with("INVITE")
        });
        sent.map(|(at, ..)| at.saturating_since(begun)).collect::<Vec<_>>()
    };
    let (alice, bob) = (again(0), again(1));
    assert!(bob[0] <= Duration::from_millis(2000) + 2 * LATENCY, "bob: {bob:?}");
    assert!(alice.iter().all(|after| *after >= Duration::from_millis(2100)), "alice: {alice:?}");
}

#[test]
fn the_last_wish_wins() {
    let (mut net, ids) = up(3);
    for command in ["hold", "resume", "hold", "resume", "hold"] {
        net.with(0, |core, now| match command {
            "hold" => core.hold(now, ids[0]),
            _ => core.resume(now, ids[0]),
        })
        .unwrap();
    }
    settle(&mut net);
    assert_eq!(directions(&net, ids), [Direction::SendOnly, Direction::RecvOnly]);
    let offers = net.codes().iter().filter(|code| *code == "INVITE").count();
    assert_eq!(offers, 3, "the call, the first hold, and what was wanted in the end");
}

#[test]
fn what_is_wanted_before_the_answer_is_done_after_it() {
    let mut net = Net::new(4);
    net.add("alice");
    net.add("bob");
    let alice = net.call(0, 1);
    net.with(0, |core, now| core.hold(now, alice)).unwrap();
    net.run_for(Duration::from_millis(100));
    let bob = net.incoming(1).unwrap();
    net.with(1, |core, now| core.hold(now, bob)).unwrap();
    net.with(1, |core, now| core.answer(now, bob)).unwrap();
    settle(&mut net);
    assert_eq!(directions(&net, [alice, bob]), [Direction::Inactive; 2], "{:#?}", net.ladder());
}

#[test]
fn holding_survives_a_bad_network() {
    for seed in 0..200 {
        let (mut net, ids) = up(seed);
        (net.faults.loss, net.faults.duplicate, net.faults.reorder) = (20, 20, 20);
        for node in [0, 1] {
            net.with(node, |core, now| core.hold(now, ids[node])).unwrap();
        }
        net.run_for(Duration::from_secs(5));
        let resumed = net.with(0, |core, now| core.resume(now, ids[0]));
        net.run_for(Duration::from_secs(120));
        net.faults.loss = 0;
        // Lost often enough in a row, anything may end: but then on both sides.
        let states = [0, 1].map(|node| net.nodes[node].core.session_state(ids[node]));
        if states == [Some(State::Active); 2] {
            assert_eq!(directions(&net, ids), [Direction::RecvOnly, Direction::SendOnly], "seed {seed}");
        } else {
            net.run_for(Duration::from_secs(120));
            net.assert_all_gone();
        }
        drop(resumed);
    }
}

#[test]
fn a_refused_change_leaves_all_as_it_was() {
    for status in [486, 488, 500, 503, 603] {
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        world.command(|core, now, id| core.hold(now, id));
        world.respond_to_last(status, None);
        assert_eq!(world.state(), Some(State::Active), "{status}");
        let id = world.session.unwrap();
        assert_eq!(plan(&world.net.nodes[0].core, id).direction, Direction::SendRecv);
        assert_eq!(world.net.told(0).last().unwrap(), &format!("refused {status}"));
        // And what is asked for next is asked for.
        world.command(|core, now, id| core.hold(now, id));
        assert_eq!(world.state(), Some(State::Offering));
    }
}

#[test]
fn who_no_longer_knows_the_call_has_ended_it() {
    for status in [481, 408] {
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        world.command(|core, now, id| core.hold(now, id));
        world.respond_to_last(status, None);
        assert_eq!(world.state(), Some(State::Terminating), "{status}");
        assert!(world.net.told(0).last().unwrap().starts_with("ended RemoteGone"), "{:?}", world.net.told(0));
    }
}

#[test]
fn a_peer_that_is_busy_with_an_offer_is_asked_again() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    for _ in 0..3 {
        world.respond_to_last(491, None);
        assert_eq!(world.state(), Some(State::OfferWait));
        world.net.run_for(Duration::from_secs(4));
        assert_eq!(world.state(), Some(State::Offering));
    }
    world.respond_to_last(200, Some(&SDP.replace("sendrecv", "recvonly")));
    assert_eq!(holds(&world.net, 0), Some((true, false)));
}

#[test]
fn one_that_is_always_busy_is_not_asked_for_ever() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    for _ in 0..20 {
        if world.state() == Some(State::Offering) {
            world.respond_to_last(491, None);
            world.net.run_for(Duration::from_secs(4));
        }
    }
    assert_eq!(world.state(), Some(State::Active));
    assert_eq!(world.net.told(0).last().unwrap(), "refused 491");
}

#[test]
fn a_bye_crosses_our_offer() {
    let (mut net, ids) = up(5);
    net.with(0, |core, now| core.hold(now, ids[0])).unwrap();
    net.with(1, |core, now| core.hangup(now, ids[1])).unwrap();
    settle(&mut net);
    settle(&mut net);
    net.assert_all_gone();
    for node in [0, 1] {
        let ends = net.told(node).iter().filter(|told| told.starts_with("ended")).count();
        assert_eq!(ends, 1, "{:?}", net.told(node));
    }
}

#[test]
fn our_own_bye_follows_our_offer() {
    let (mut net, ids) = up(6);
    net.with(0, |core, now| core.hold(now, ids[0])).unwrap();
    net.with(0, |core, now| core.hangup(now, ids[0])).unwrap();
    settle(&mut net);
    settle(&mut net);
    net.assert_all_gone();
}

#[test]
fn a_repeated_200_to_our_offer_gets_its_ack_again() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    let acks = |world: &World| world.net.codes().iter().filter(|code| *code == "ACK").count();
    world.respond_to_last(200, Some(SDP));
    assert_eq!(acks(&world), 2);
    world.respond_to_last(200, Some(SDP));
    assert_eq!(acks(&world), 3, "its ACK was lost");
    assert_eq!(world.state(), Some(State::Active));
}

#[test]
fn an_answer_that_cannot_be_used_withdraws_the_wish() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    world.respond_to_last(200, None);
    assert_eq!(world.net.codes().last().unwrap(), "ACK");
    world.net.run_for(Duration::from_secs(40));
    assert_eq!(world.net.codes().last().unwrap(), "ACK", "it is not asked for again");
    assert_eq!(world.state(), Some(State::Active));
}

#[test]
fn codecs_can_be_changed_while_we_talk() {
    for by_update in [false, true] {
        let (mut net, ids) = up(8);
        assert_eq!(plan(&net.nodes[0].core, ids[0]).codec, Codec::Pcmu);
        let mut change = Modification::codecs("pcma".parse().unwrap());
        if by_update {
            change = change.by_update();
        }
        net.with(0, |core, now| core.modify(now, ids[0], change)).unwrap();
        settle(&mut net);
        for node in [0, 1] {
            assert_eq!(plan(&net.nodes[node].core, ids[node]).codec, Codec::Pcma);
        }
        let update = net.codes().iter().any(|code| code == "UPDATE");
        assert_eq!(update, by_update, "{:?}", net.codes());
    }
}

/// RFC 3311 section 5.2.
#[test]
fn an_update_with_an_offer_while_ours_is_out_gets_491() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    world.peer_says("UPDATE", "z9hG4bKup", Some(SDP));
    assert_eq!(world.net.codes().last().unwrap(), "491");
    world.respond_to_last(200, Some(SDP));
    assert_eq!(world.state(), Some(State::Active), "and ours goes its way");
}

/// RFC 3311 section 5.2, RFC 3261 section 21.5.1.
#[test]
fn an_update_with_an_offer_while_we_owe_an_answer_gets_500_with_retry_after() {
    let mut world = World::called(false, Some(SDP));
    world.peer_says("UPDATE", "z9hG4bKup", Some(SDP));
    assert_eq!(world.net.codes().last().unwrap(), "500");
    let refusal = String::from_utf8(world.last("500").to_vec()).unwrap();
    assert!(refusal.contains("\r\nRetry-After: "), "{refusal}");
    world.answer();
    assert_eq!(world.state(), Some(State::Answered), "the call lives");
}

#[test]
fn an_offer_that_we_cannot_take_leaves_the_call_alone() {
    let many = |count: usize| {
        let mut text = String::from(SDP);
        for _ in 0..count {
            text += "m=audio 4 RTP/AVP 0\r\n";
        }
        text
    };
    let cases = [
        (many(1000), "413"),
        (SDP.replace("40000", "70000"), "400"),
        (SDP.replace("RTP/AVP 0", "RTP/AVP 98"), "488"),
        (SDP.replace("m=audio 40000", "m=video 40000"), "488"),
        (String::from("nonsense"), "400"),
    ];
    for method in ["INVITE", "UPDATE"] {
        for (sdp, status) in &cases {
            let mut world = World::calling();
            world.respond(200, "one", Some(SDP));
            world.peer_says(method, "z9hG4bKbad", Some(sdp));
            let codes = world.net.codes();
            assert_eq!(codes.last().unwrap(), status, "{method} {}", &sdp[..sdp.len().min(300)]);
            assert_eq!(world.state(), Some(State::Active));
            world.command(|core, now, id| core.hold(now, id));
            assert_eq!(world.state(), Some(State::Offering), "and the next exchange is free");
        }
        // A ptime of nothing is no wish at all.
        let mut world = World::calling();
        world.respond(200, "one", Some(SDP));
        world.peer_says(method, "z9hG4bKptime", Some(&SDP.replace("a=sendrecv", "a=ptime:0\r\na=sendrecv")));
        assert_eq!(world.net.codes().last().unwrap(), "200");
        assert_eq!(plan(&world.net.nodes[0].core, world.session.unwrap()).ptime_ms, 20);
    }
}

#[test]
fn an_offer_that_cannot_be_sent_is_refused_and_not_tried_for_ever() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.peer_moves_to("sips:bob@10.9.9.9");
    world.command(|core, now, id| core.hold(now, id));
    assert_eq!(world.net.told(0).last().unwrap(), "refused 503");
    assert_eq!(world.state(), Some(State::Active));
    world.command(|core, now, id| core.resume(now, id));
    world.hangup();
}

#[test]
fn our_offer_is_given_up_though_the_answer_to_our_call_may_still_be_repeated() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.command(|core, now, id| core.hold(now, id));
    world.respond_to_last(100, None);
    // The audit after each step wants a timer for the re-INVITE, whose own has stopped with the 100.
    world.peer_says("BYE", "z9hG4bKbye", None);
    assert_eq!(world.state(), Some(State::Terminated));
    world.net.run_for(Duration::from_secs(66));
    world.net.run_for(Duration::from_secs(66));
    world.net.assert_all_gone();
}

#[test]
fn an_offer_that_is_given_up_before_it_could_be_sent_never_is() {
    let mut world = World::calling();
    world.respond(200, "one", Some(SDP));
    world.net.hold_names = true;
    world.peer_moves_to("sip:bob@slow.example");
    let before = world.net.elsewhere.len();
    world.command(|core, now, id| core.hold(now, id));
    assert_eq!(world.state(), Some(State::Offering));
    world.net.run_for(Duration::from_secs(181));
    assert_eq!(world.state(), Some(State::Terminating), "nobody waits for a name for ever");
    world.found();
    assert_eq!(world.net.elsewhere.len(), before, "that was the question of the offer");
    world.found();
    let sent: Vec<bool> =
        world.net.elsewhere[before..].iter().map(|it| it.payload.starts_with(b"BYE ")).collect();
    assert_eq!(sent, [true], "the BYE had a question of its own");
    let bye = world.last("BYE");
    world.respond_to(&bye, 200, "one", None);
    world.net.run_for(Duration::from_secs(66));
    world.net.assert_all_gone();
}
