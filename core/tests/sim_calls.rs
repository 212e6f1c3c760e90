//! Whole calls in simulated worlds: a fixed slice of what `examples/simulate.rs` runs by the hundred thousand.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use offhook_core::sim::calls::{Attack, Goal, HangUp, Mix, PickUp, Report, Scenario};
use offhook_core::sim::net::{Chance, Link};

/// Runs worlds until there were `calls` calls; a failure is printed with its seed, and how to see it again.
#[track_caller]
fn run(scenario: &Scenario, calls: u64) -> Report {
    let mut total = Report::default();
    while total.calls < calls {
        match scenario.world(total.worlds) {
            Ok(report) => total.merge(&report),
            Err(failure) => panic!(
                "{failure}\n{scenario:?}\nagain: cargo run --release --example simulate -- --seed {} --calls 1{}{}",
                failure.seed,
                if scenario.swarm { " --swarm" } else { "" },
                if scenario.attack.is_some() { " --attack" } else { "" },
            ),
        }
    }
    total
}

#[test]
fn a_thousand_goals_over_a_bad_link() {
    let five = Chance::percent(5);
    let link = Link::default().loss(five).duplicate(five).reorder(five, Duration::from_millis(200));
    let scenario = Scenario { link, talk: Some(Duration::from_secs(1)), ..Scenario::new(1) };
    let total = run(&scenario, 1_000);
    assert_eq!(total.reached, total.calls, "{:#?}", total.outcomes);
    assert!(total.fates.lost > 4_000 && total.fates.duplicated > 4_000, "{:?}", total.fates);
    // Each is heard by the other: 50 frames a second and a few that are lost for good.
    assert!(total.frames_heard > 80 * total.calls, "{} frames heard", total.frames_heard);
}

#[test]
fn a_swarm_of_faults() {
    let mut total = Report::default();
    for seed in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let scenario = Scenario { swarm: true, ..Scenario::new(seed) };
        total.merge(&run(&scenario, 60));
    }
    assert_eq!(total.fair_reached, total.fair, "{:#?}", total.outcomes);
    // Every kind of fault was there.
    let fates = total.fates;
    let kinds = [
        fates.lost,
        fates.duplicated,
        fates.held_up,
        fates.corrupted,
        fates.cut,
        fates.too_big,
        fates.nobody,
    ];
    assert!(kinds.iter().all(|&count| count > 0), "{fates:?}");
    // And all that people do in a call.
    for what in ["PRACK", "UPDATE", "REFER", "NOTIFY", "491"] {
        assert!(total.messages.contains_key(what), "no {what}: {:?}", total.messages);
    }
    assert!(total.outcomes.len() > 12 && total.cells.len() > 60, "{:#?}", total.outcomes);
}

#[test]
fn strangers_disturb_nobody() {
    for attack in Attack::ALL {
        let scenario = Scenario { attack: Some(Some(attack)), ..Scenario::new(7) };
        let total = run(&scenario, 12);
        assert_eq!(total.reached, total.calls, "{attack:?}: {:#?}", total.outcomes);
        let quiet = run(&Scenario { attack: None, ..scenario }, 12);
        assert!(total.fates.sent > quiet.fates.sent, "{attack:?} did nothing");
    }
}

#[test]
fn strangers_and_faults_together() {
    run(&Scenario { swarm: true, attack: Some(None), ..Scenario::new(11) }, 40);
}

#[test]
fn the_same_seed_gives_the_same_octets() {
    let scenario = Scenario { swarm: true, ..Scenario::new(3) };
    let digest = |scenario: &Scenario| run(scenario, 40).digest.value();
    assert_eq!(digest(&scenario), digest(&scenario));
    assert_ne!(digest(&scenario), digest(&Scenario { seed: 4, ..scenario.clone() }));
}

#[test]
fn a_scenario_of_ones_own() {
    let busy =
        Goal { pick_up: PickUp::Reject(486, Duration::from_secs(2)), ..Goal::plain(1, 0, Duration::ZERO) };
    let both = Goal { hang_up: HangUp::Both, ..Goal::plain(0, 1, Duration::from_secs(2)) };
    let far = Mix { link: Link::default().latency(Duration::from_millis(800)), ..Mix::default() };
    let report = Scenario::new(1).play(9, vec![busy, both], far, None).unwrap();
    assert_eq!((report.calls, report.reached), (2, 2), "{:#?}", report.outcomes);
}
