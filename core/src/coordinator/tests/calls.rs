//! Whole calls between two coordinators.

use core::time::Duration;

use super::net::{Faults, Net};

const SECOND: Duration = Duration::from_secs(1);

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
fn a_thousand_calls_over_a_bad_link() {
    for seed in 0..1000 {
        let mut net = Net::new(seed);
        net.faults = Faults { loss: 5, duplicate: 5, reorder: 20 };
        let (alice, bob) = (net.add("alice"), net.add("bob"));
        let call = net.call(alice, bob);
        for _ in 0..400 {
            if net.incoming(bob).is_some() || !net.step() {
                break;
            }
        }
        let incoming = net.incoming(bob).unwrap_or_else(|| panic!("seed {seed}: the INVITE never came"));
        net.run_for(SECOND);
        net.with(bob, |core, now| core.answer(now, incoming)).unwrap();
        net.run_for(5 * SECOND);
        let hangs_up = if seed % 2 == 0 { (alice, call) } else { (bob, incoming) };
        net.with(hangs_up.0, |core, now| core.hangup(now, hangs_up.1)).unwrap();
        net.run_for(32 * SECOND);
        net.run_for(5 * SECOND);
        for node in [alice, bob] {
            let told = net.told(node);
            assert!(told.iter().any(|event| event == "answered"), "seed {seed}: {told:?} {:#?}", net.ladder());
            let ends = told.iter().filter(|event| event.starts_with("ended")).count();
            assert_eq!(ends, 1, "seed {seed}: {told:?}");
        }
        assert!(net.nodes.iter().all(|node| node.core.registry().is_empty()), "seed {seed}: {:#?}", net.ladder());
    }
}
