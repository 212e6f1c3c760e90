//! Whole calls between coordinators, on good links and bad ones.

use core::time::Duration;

use super::net::{Faults, Net};
use super::peer::{World, peer};
use crate::api::{CoordinatorConfig, InviteParams};
use crate::base::ids::SessionId;
use crate::base::rng::Rng;
use crate::signaling::DefaultSignalingHandler;
use crate::wire::path::Path;

const SECOND: Duration = Duration::from_secs(1);

/// 64·T1, after which nothing may be left of a call.
const GIVE_UP: Duration = Duration::from_secs(32);

#[test]
fn a_call_is_made_taken_and_hung_up() {
    let mut net = Net::new(1);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(SECOND);
    let incoming = net.incoming(bob).unwrap();
    net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
    net.run_for(SECOND);
    net.with(alice, |core, now| core.hangup(now, call)).unwrap();
    net.run_for(40 * SECOND);
    assert_eq!(net.codes(), ["INVITE", "180", "200", "ACK", "BYE", "200"]);
    assert_eq!(net.told(alice), ["progress 180", "answered", "ended LocalHangup"]);
    assert_eq!(net.told(bob), ["incoming", "answered", "confirmed", "ended RemoteHangup"]);
    net.assert_all_gone();
}

#[test]
fn somebody_may_let_it_ring_for_a_minute() {
    let mut net = Net::new(2);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(60 * SECOND);
    let incoming = net.incoming(bob).unwrap();
    net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
    net.run_for(SECOND);
    assert_eq!(net.told(alice), ["progress 180", "answered"]);
    net.with(bob, |core, now| core.hangup(now, incoming)).unwrap();
    net.run_for(40 * SECOND);
    assert_eq!(net.told(alice).last().unwrap(), "ended RemoteHangup");
    assert!(net.with(alice, |core, now| core.hangup(now, call)).is_err(), "the call is gone");
    net.assert_all_gone();
}

#[test]
fn nobody_answers_in_time() {
    let mut net = Net::new(3);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let now = net.now;
    let target = format!("sip:bob@{}", net.nodes[bob].address);
    let params = InviteParams { ring_timeout: Some(5 * SECOND), ..InviteParams::new(&target) };
    net.with(alice, |core, _| core.invite(now, params)).unwrap();
    net.run_for(6 * SECOND);
    assert_eq!(net.codes(), ["INVITE", "180", "CANCEL", "200", "487", "ACK"]);
    assert_eq!(net.told(alice), ["progress 180", "ended NoAnswer 487"]);
    assert_eq!(net.told(bob), ["incoming", "ended Cancelled 487"]);
    net.run_for(40 * SECOND);
    net.assert_all_gone();
}

/// A ring timeout shorter than Timer B, while nothing at all comes back: there is nothing to cancel yet.
#[test]
fn short_patience_with_a_silent_peer() {
    let mut net = Net::new(4);
    let config = CoordinatorConfig { ring_timeout: 5 * SECOND, ..CoordinatorConfig::default() };
    let alice = net.add_with(config, Box::new(DefaultSignalingHandler));
    net.invite(alice, "sip:bob@10.9.9.9");
    net.run_for(31 * SECOND);
    assert_eq!(net.told(alice), Vec::<String>::new());
    net.run_for(2 * SECOND);
    assert_eq!(net.told(alice), ["ended NoAnswer 408"]);
    assert_eq!(net.codes(), ["INVITE"; 7]);
    net.run_for(32 * SECOND);
    net.assert_all_gone();
}

#[test]
fn both_hang_up_at_once() {
    let mut net = Net::new(5);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(SECOND);
    let incoming = net.incoming(bob).unwrap();
    net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
    net.run_for(SECOND);
    net.with(alice, |core, now| core.hangup(now, call)).unwrap();
    net.with(bob, |core, now| core.hangup(now, incoming)).unwrap();
    net.run_for(SECOND);
    assert_eq!(net.told(alice).last().unwrap(), "ended LocalHangup");
    assert_eq!(net.told(bob).last().unwrap(), "ended LocalHangup");
    net.run_for(40 * SECOND);
    net.assert_all_gone();
}

#[test]
fn cancel_crosses_the_answer() {
    let mut net = Net::new(6);
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    net.run_for(SECOND);
    let incoming = net.incoming(bob).unwrap();
    net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
    net.with(alice, |core, now| core.hangup(now, call)).unwrap();
    net.run_for(SECOND);
    assert_eq!(net.codes(), ["INVITE", "180", "200", "CANCEL", "ACK", "BYE", "200", "200"]);
    assert_eq!(net.told(alice), ["progress 180", "ended LocalHangup 200"]);
    assert_eq!(net.told(bob), ["incoming", "answered", "confirmed", "ended RemoteHangup"]);
    net.run_for(40 * SECOND);
    net.assert_all_gone();
}

#[test]
fn one_calls_oneself() {
    let mut net = Net::new(7);
    let alice = net.add("alice");
    let call = net.call(alice, alice);
    net.run_for(SECOND);
    let incoming = net.incoming(alice).unwrap();
    assert_ne!(call, incoming);
    net.with(alice, |core, now| core.answer(now, incoming)).unwrap();
    net.run_for(SECOND);
    net.with(alice, |core, now| core.hangup(now, call)).unwrap();
    net.run_for(40 * SECOND);
    assert_eq!(net.codes(), ["INVITE", "180", "200", "ACK", "BYE", "200"]);
    net.assert_all_gone();
}

#[test]
fn no_message_of_a_call_is_ever_the_one_that_must_not_be_lost() {
    for lost in 0..6 {
        let mut net = Net::new(8);
        net.drop_if = Some(Box::new(move |number, _| number == lost));
        let (alice, bob) = (net.add("alice"), net.add("bob"));
        let call = net.call(alice, bob);
        net.run_for(2 * SECOND);
        let incoming = net.incoming(bob).unwrap();
        net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
        net.run_for(5 * SECOND);
        net.with(alice, |core, now| core.hangup(now, call)).unwrap();
        net.run_for(GIVE_UP);
        let bobs = net.told(bob);
        assert_eq!(bobs, ["incoming", "answered", "confirmed", "ended RemoteHangup"], "message {lost} lost");
        assert_eq!(net.told(alice).last().unwrap(), "ended LocalHangup", "message {lost} lost");
        net.run_for(10 * SECOND);
        net.assert_all_gone();
    }
}

/// A BYE that waits for an address stays at home when the peer hangs up first (RFC 3261 section 15.1.2).
#[test]
fn who_was_hung_up_on_sends_no_bye_that_waited() {
    let mut world = World::calling();
    world.net.hold_names = true;
    world.respond_from("slow.example");
    world.hangup();
    world.request_back("BYE", "z9hG4bKbye", 200, None);
    let (node, query) = world.net.asked[0];
    let path = Path::udp(world.net.nodes[node].address, peer());
    world.net.with(node, |core, now| core.handle_names(now, query, Ok(path)));
    assert_eq!(world.net.codes(), ["INVITE", "200", "ACK"]);
    assert!(world.net.told(0).last().unwrap().starts_with("ended"));
    world.net.run_for(GIVE_UP);
    world.net.assert_all_gone();
}

/// What the two of a simulated call are up to.
#[derive(Clone, Copy, Debug)]
enum Goal {
    Talk {
        caller_ends: bool,
    },
    GiveUpRinging,
    Refuse,
    /// The caller gives up at the moment at which the callee answers, give or take.
    Cross,
    /// Both hang up, at almost the same time.
    EndTogether,
}

/// Runs the call of one seed; says what went wrong, if anything did.
fn simulate(seed: u64) -> Result<(), String> {
    let mut dice = Rng::secret([seed as u8; 32]);
    for _ in 0..seed / 256 {
        dice.next_u64();
    }
    let goals = [
        Goal::Talk { caller_ends: true },
        Goal::Talk { caller_ends: false },
        Goal::GiveUpRinging,
        Goal::Refuse,
        Goal::Cross,
        Goal::EndTogether,
    ];
    let goal = goals[(seed % 6) as usize];
    let mut net = Net::new(seed);
    net.faults = Faults { loss: 5, duplicate: 5, reorder: 20 };
    let (alice, bob) = (net.add("alice"), net.add("bob"));
    let call = net.call(alice, bob);
    while net.incoming(bob).is_none() {
        if !net.step() || net.now.as_millis() > 31_000 {
            return Err("the INVITE never came".into());
        }
    }
    let mut pause = |net: &mut Net, max_ms: u64| net.run_for(Duration::from_millis(dice.next_u64() % max_ms));
    let hangup = |net: &mut Net, node: usize, id: SessionId| {
        let done = net.with(node, |core, now| core.hangup(now, id));
        drop(done);
    };
    let incoming = net.incoming(bob).ok_or("no session")?;
    pause(&mut net, 2000);
    match goal {
        Goal::Talk { caller_ends } => {
            net.with(bob, |core, now| core.answer(now, incoming)).map_err(|error| error.to_string())?;
            net.run_for(8 * SECOND);
            pause(&mut net, 20_000);
            let (node, id) = if caller_ends { (alice, call) } else { (bob, incoming) };
            hangup(&mut net, node, id);
        }
        Goal::GiveUpRinging => hangup(&mut net, alice, call),
        Goal::Refuse => {
            net.with(bob, |core, now| core.reject(now, incoming, 486)).map_err(|error| error.to_string())?
        }
        Goal::Cross => {
            hangup(&mut net, alice, call);
            pause(&mut net, 30);
            let late = net.with(bob, |core, now| core.answer(now, incoming));
            drop(late);
        }
        Goal::EndTogether => {
            net.with(bob, |core, now| core.answer(now, incoming)).map_err(|error| error.to_string())?;
            pause(&mut net, 5000);
            hangup(&mut net, alice, call);
            pause(&mut net, 30);
            hangup(&mut net, bob, incoming);
        }
    }
    net.run_for(GIVE_UP + GIVE_UP);
    for node in [alice, bob] {
        let told = net.told(node);
        let ends = told.iter().filter(|event| event.starts_with("ended")).count();
        if ends != 1 || !told.last().is_some_and(|event| event.starts_with("ended")) {
            return Err(format!("{goal:?}: node {node} was told {told:?}\n{:#?}", net.ladder()));
        }
        let calls = told.iter().filter(|event| *event == "incoming").count();
        if calls > 1 {
            return Err(format!("{goal:?}: one INVITE made {calls} calls\n{:#?}", net.ladder()));
        }
        if !net.nodes[node].core.registry().is_empty() {
            return Err(format!("{goal:?}: node {node} keeps a session\n{:#?}", net.ladder()));
        }
    }
    if matches!(goal, Goal::Talk { .. }) {
        let told = net.told(bob);
        if !told.contains(&"confirmed".into()) {
            return Err(format!("{goal:?}: the ACK never made it: {told:?}\n{:#?}", net.ladder()));
        }
    }
    net.run_for(GIVE_UP);
    net.assert_all_gone();
    Ok(())
}

#[test]
fn a_thousand_calls_over_a_bad_link() {
    for seed in 0..1000 {
        if let Err(what) = simulate(seed) {
            panic!("seed {seed}: {what}");
        }
    }
}
