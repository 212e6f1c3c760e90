//! The search itself: it finds all, and it finds what is wrong by a shortest way.

use super::*;
use crate::session::{Action, Input, Row, State};

const CALLER: usize = 0;
const CALLEE: usize = 1;

#[test]
fn nothing_happens_to_those_who_do_nothing() {
    let counts = |caller: &[Act]| Worlds::new(caller, []).losses(1).duplicates(1).late(1).explore().unwrap();
    let alone = Counts { worlds: 1, ends: 1, steps: 0, depth: 0, histories: 2 };
    assert_eq!(counts(&[]), alone);
    assert_eq!(counts(&[Act::Hangup]), alone, "there is no call to hang up");
}

#[test]
fn the_same_worlds_are_found_each_time() {
    let counts = || Worlds::new([Act::Call], []).losses(1).explore().unwrap();
    assert!(counts().worlds > 100 && counts().ends > 0, "{}", counts());
    assert_eq!(counts(), counts());
}

#[test]
fn each_budget_makes_more_worlds() {
    let plain = Worlds::new([Act::Call, Act::Hangup], []);
    let count = |worlds: Worlds| worlds.explore().unwrap().worlds;
    let least = count(plain.clone());
    for more in [plain.clone().losses(1), plain.clone().duplicates(1), plain.clone().late(1), plain.silent()]
    {
        assert!(count(more) > least);
    }
}

#[test]
fn too_many_worlds_are_an_error() {
    let found = Worlds::new([Act::Call], []).worlds_max(10).explore().unwrap_err();
    assert_eq!(found.what, "there are more than 10 worlds");
}

/// What is wrong in these worlds if the table of `party` has this row; without it nothing is.
fn found(
    worlds: Worlds,
    party: usize,
    state: State,
    input: Input,
    actions: &'static [Action],
    next: State,
) -> Counterexample {
    let mut wrong = StateTable::default();
    wrong.set(Row { state, input, actions, next });
    worlds.clone().explore().unwrap();
    worlds.table(party, wrong).explore().unwrap_err()
}

#[test]
fn a_200_that_crosses_the_cancel_must_be_hung_up() {
    use Action::{CloseMedia, DisarmAll, Release, SendAck, TellEnded};
    let actions = &[DisarmAll, SendAck, CloseMedia, TellEnded, Release];
    let worlds = Worlds::new([Act::Call, Act::Hangup], [Act::Answer]);
    let found = found(worlds, CALLER, State::Cancelling, Input::RxAnswer, actions, State::Terminated);
    assert!(found.what.starts_with("only the callee has the call"), "{found}");
    // What it takes in any case, and that all has settled after it.
    let first =
        ["the caller: Call", "the caller: Hangup", "INVITE of the caller arrives", "the callee: Answer"];
    assert_eq!(found.steps[..4], first);
    assert_eq!(found.steps.len(), 12, "{found}");
    for rung in
        ["INVITE SDP", "180 Ringing", "200 OK (INVITE)", "CANCEL", "ACK", "200 OK (CANCEL)", "= answered"]
    {
        assert!(found.ladder.contains(rung), "{rung} in\n{found}");
    }
    assert!(!found.ladder.contains("BYE"), "{found}");
}

#[test]
fn a_200_that_crosses_the_cancel_must_be_acknowledged() {
    let worlds = Worlds::new([Act::Call, Act::Hangup], [Act::Answer]);
    let found = found(worlds, CALLER, State::Cancelling, Input::RxAnswer, &[], State::Cancelling);
    assert!(found.what.starts_with("no call can end so"), "{found}");
    assert!(found.ladder.contains("[again 10]"), "{found}");
    assert_eq!(found.steps.len(), 34, "{found}");
}

#[test]
fn a_bye_must_wait_for_the_ack() {
    use Action::{CloseMedia, SendBye, TellEnded};
    let actions = &[SendBye, CloseMedia, TellEnded];
    let worlds = Worlds::new([Act::Call], [Act::Answer, Act::Hangup]);
    let found = found(worlds, CALLEE, State::Answered, Input::Hangup, actions, State::HangupPending);
    assert!(
        found.what.starts_with("the callee does not hang up before the ACK (RFC 3261 section 15)"),
        "{found}"
    );
    let steps =
        ["the caller: Call", "INVITE of the caller arrives", "the callee: Answer", "the callee: Hangup"];
    assert_eq!(found.steps, steps);
    assert!(found.ladder.contains("* sends BYE"), "{found}");
}

#[test]
fn the_ack_must_be_sent_again() {
    let worlds = Worlds::new([Act::Call], [Act::Answer]).losses(1);
    let found = found(worlds, CALLER, State::Active, Input::RxAnswerAgain, &[], State::Active);
    assert!(found.what.starts_with("no call can end so"), "{found}");
    assert!(found.ladder.contains("ACK [lost]"), "{found}");
    assert_eq!(found.steps.len(), 32, "{found}");
}

#[test]
fn the_callee_must_hear_that_the_caller_gave_up() {
    use Action::{DisarmAll, Release, SendTerminated};
    let actions = &[DisarmAll, SendTerminated, Release];
    let worlds = Worlds::new([Act::Call, Act::Hangup], []);
    let found = found(worlds, CALLEE, State::Ringing, Input::RxCancel, actions, State::Terminated);
    assert!(found.what.starts_with("no call can end so"), "{found}");
    assert_eq!(found.steps.len(), 12, "{found}");
}

#[test]
fn a_table_that_cannot_be_used_is_an_error() {
    let found =
        Worlds::new([Act::Call], []).table(CALLEE, StateTable::from_rows(Vec::new())).explore().unwrap_err();
    assert_eq!(found.what, "the table of the callee: Idle has no way to Terminated");
}

#[test]
fn a_user_is_told_once() {
    use Action::{DisarmAll, TellAnswered, TellConfirmed};
    let actions = &[DisarmAll, TellAnswered, TellConfirmed];
    let worlds = Worlds::new([Act::Call], [Act::Answer]);
    let found = found(worlds, CALLEE, State::Answered, Input::RxAck, actions, State::Active);
    assert!(found.what.ends_with("a second time"), "{found}");
    assert_eq!(found.steps.len(), 5, "{found}");
}
