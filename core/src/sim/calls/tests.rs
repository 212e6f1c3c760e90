//! What goes wrong in a world is noticed, told, and can be seen again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use alloc::string::ToString;
use alloc::vec;
use core::time::Duration;

use super::story::Story;
use super::{Failure, Goal, Mix, PickUp, Scenario};

fn story() -> Story {
    Story::new(42, vec![Goal::plain(0, 1, Duration::from_secs(1))], Mix::default(), None)
}

fn failure(spoil: impl FnOnce(&mut Story)) -> Failure {
    let mut story = story();
    spoil(&mut story);
    *story.run().unwrap_err()
}

#[test]
fn a_sound_world_ends_well() {
    let report = story().run().unwrap();
    assert_eq!((report.calls, report.reached), (1, 1));
    assert!(report.frames_heard > 80, "{} frames heard", report.frames_heard);
}

#[test]
fn what_is_wrong_inside_is_noticed() {
    let failure = failure(|story| {
        let endpoint = &mut story.endpoints[1];
        endpoint.bind(1);
        endpoint.bind_again();
    });
    assert_eq!(failure.violation.rule, "a port has one user");
}

#[test]
fn what_is_left_is_noticed() {
    let failure = failure(|story| story.endpoints[0].leak());
    assert_eq!(failure.violation.rule, "nothing is left when all is quiet");
}

#[test]
fn disagreement_is_noticed() {
    let busy = PickUp::Reject(486, Duration::from_secs(1));
    let goal = Goal { pick_up: busy, ..Goal::plain(0, 1, Duration::ZERO) };
    let mut story = Story::new(42, vec![goal], Mix::default(), None);
    story.told[0][0].answered = true;
    assert_eq!(story.run().unwrap_err().violation.rule, "both ends agree on what became of a call");
}

#[test]
fn who_is_left_alone_is_noticed() {
    // The callee was told of a call before there was one, so that nobody takes the real one for it.
    let failure = failure(|story| story.told[0][1].incoming = true);
    assert_eq!(failure.violation.rule, "nobody is left alone in a call");
}

#[test]
fn a_failure_can_be_read() {
    let failure = failure(|story| story.endpoints[0].leak());
    let text = failure.to_string();
    for part in ["seed 42", failure.violation.rule, "INVITE SDP", "alice", "dials bob", "ended: we hung up"] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(failure.ladder().to_html().contains("INVITE"));
}

#[test]
fn a_world_is_seen_again_by_its_own_seed() {
    let scenario = Scenario { swarm: true, attack: Some(None), ..Scenario::new(1) };
    for index in [0, 5, 9] {
        let alone = Scenario { seed: scenario.seed_of(index), ..scenario.clone() };
        let (there, here) = (scenario.world(index).unwrap(), alone.world(0).unwrap());
        assert_eq!(there.digest.value(), here.digest.value());
    }
    let other = scenario.world(1).unwrap().digest.value();
    assert_ne!(other, scenario.world(2).unwrap().digest.value());
}

/// A wish over a link that loses, repeats and reorders comes to pass.
fn comes_to_pass(seed: u64, wish: super::Wish, early: super::Early) {
    use super::Wish;
    use crate::sim::net::{Chance, Link};
    let five = Chance::percent(5);
    let link = Link::default().loss(five).duplicate(five).reorder(five, Duration::from_millis(200));
    let talk = if wish == Wish::Refresh { 135 } else { 32 };
    let goal = Goal { wish, early, ..Goal::plain(0, 1, Duration::from_secs(talk)) };
    let mut goals = vec![goal];
    if let Wish::Transfer { .. } = wish {
        goals.push(Goal::leg(0, &goal, 2));
    }
    let (calls, mix) = (goals.len() as u64, Mix { link, ..Mix::default() });
    let report =
        Story::new(seed, goals.clone(), mix, None).run().unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((report.calls, report.fair_reached), (calls, calls), "seed {seed}, {early:?}, {goals:#?}");
}

#[test]
fn what_is_wished_of_a_call_comes_to_pass() {
    use super::{Early, HangUp, Wish};
    let at = Duration::from_millis(500);
    let mut wishes = vec![Wish::Nothing, Wish::Transfer { leg: 1, at }, Wish::Refresh];
    for by in [HangUp::Caller, HangUp::Callee, HangUp::Both] {
        wishes.push(Wish::Hold { by, at, resumes: None });
        wishes.push(Wish::Hold { by, at, resumes: Some(at) });
        wishes.push(Wish::Change { by, at, update: false });
        wishes.push(Wish::Change { by, at, update: true });
    }
    let earlies = [Early::Nothing, Early::Ringing, Early::Media];
    for (seed, (wish, early)) in wishes.into_iter().zip(earlies.into_iter().cycle()).enumerate() {
        comes_to_pass(seed as u64, wish, early);
    }
}

#[test]
fn a_wish_that_does_not_come_to_pass_is_noticed() {
    use super::Wish;
    let at = Duration::from_secs(1);
    // Whom the callee is passed on to refuses.
    let goal = Goal { wish: Wish::Transfer { leg: 1, at }, ..Goal::plain(0, 1, Duration::from_secs(9)) };
    let leg = Goal { pick_up: PickUp::Reject(486, at), ..Goal::leg(0, &goal, 2) };
    let report = Story::new(3, vec![goal, leg], Mix::default(), None).run().unwrap();
    assert_eq!((report.calls, report.fair_reached), (2, 1), "the second was refused, as it should");
    // They hang up before the refresh, and before the hold.
    for wish in [Wish::Refresh, Wish::Hold { by: super::HangUp::Both, at: 2 * at, resumes: None }] {
        let goal = Goal { wish, ..Goal::plain(0, 1, at) };
        let report = Story::new(3, vec![goal], Mix::default(), None).run().unwrap();
        assert_eq!((report.calls, report.fair_reached), (1, 0), "{wish:?}");
    }
}
