//! The explorer itself: it sees everything, and it finds what is wrong.

use super::*;
use crate::session::{Action, Input, Row, State};

#[test]
fn the_same_worlds_are_found_each_time() {
    let counts = Worlds::new([Act::Call], []).explore().unwrap();
    assert!(counts.worlds > 5 && counts.ends > 0, "{counts}");
    assert_eq!(counts, Worlds::new([Act::Call], []).explore().unwrap(), "the same again");
}

#[test]
fn budgets_make_more_worlds() {
    let plain = Worlds::new([Act::Call, Act::Hangup], [Act::Answer]);
    let count = |worlds: Worlds| worlds.explore().unwrap().worlds;
    let all = [
        count(plain.clone()),
        count(plain.clone().losses(1)),
        count(plain.clone().duplicates(1)),
        count(plain.clone().late(1)),
    ];
    assert!(all[1..].iter().all(|&more| more > all[0]), "{all:?}");
}

#[test]
fn a_wrong_rule_is_found_by_the_shortest_way() {
    // A 200 that crosses the CANCEL is acknowledged, and then forgotten: nobody hangs up.
    let mut wrong = StateTable::default();
    let actions =
        &[Action::DisarmAll, Action::SendAck, Action::CloseMedia, Action::TellEnded, Action::Release];
    wrong.set(Row { state: State::Cancelling, input: Input::RxAnswer, actions, next: State::Terminated });
    let found = Worlds::new([Act::Call, Act::Hangup], [Act::Answer]).table(0, wrong).explore().unwrap_err();
    assert_eq!(found.what, "the callee has a call that the caller has not");
    assert!(found.choices.len() < 20, "{found}");
    for rung in ["INVITE", "180", "CANCEL", "200 OK (INVITE)", "ACK"] {
        assert!(found.ladder.contains(rung), "{rung} in\n{found}");
    }
    assert!(!found.ladder.contains("BYE"), "{found}");
}

#[test]
fn too_many_worlds_are_an_error() {
    let found = Worlds::new([Act::Call], []).worlds_max(3).explore().unwrap_err();
    assert_eq!(found.what, "there are too many worlds");
}
