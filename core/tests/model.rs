//! Random sequences of what users and networks do, against a reference of what users must be told.
//!
//! A failure prints the shortest list of actions that was found, the ladder and the seed. `PROPTEST_CASES=100000` runs more.
use std::cell::RefCell;
use std::collections::BTreeSet;

use offhook_core::session::{Action as Step, Input, Row, State, StateTable};
use offhook_core::sim::model::{Action, Desk, Leg, actions, run, run_with};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

fn legs() -> impl Strategy<Value = Leg> {
    (0..3u8, any::<bool>()).prop_map(|(call, callee)| Leg { call, callee })
}

fn desks() -> impl Strategy<Value = Desk> {
    prop_oneof![6 => Just(Desk::Rings), 2 => Just(Desk::Silent), 1 => Just(Desk::Answers), 1 => Just(Desk::Busy)]
}

/// What users do, and time.
fn doings() -> impl Strategy<Value = Action> {
    let patience = prop_oneof![4 => Just(0u8), 1 => 1..40u8];
    let call = (0..3u8, 0..3u8, desks(), patience).prop_map(|(from, to, desk, patience)| Action::Call {
        from,
        to,
        desk,
        patience,
    });
    // Who is called decides: the others are refused.
    let callees = || (0..3u8, prop::bool::weighted(0.9)).prop_map(|(call, callee)| Leg { call, callee });
    let statuses = select(vec![300u16, 401, 480, 486, 603, 699, 700, 200, 0]);
    prop_oneof![
        3 => call,
        1 => callees().prop_map(Action::Ring),
        3 => callees().prop_map(Action::Accept),
        1 => (callees(), statuses).prop_map(|(leg, status)| Action::Reject(leg, status)),
        3 => legs().prop_map(Action::Hangup),
        5 => (0..60u16).prop_map(Action::Wait),
        2 => (0..40_000u16).prop_map(Action::Wait),
        1 => Just(Action::NoName),
    ]
}

/// The same with a network that is bad at times.
fn doings_and_faults() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => doings(),
        1 => Just(Action::LoseNext),
        1 => Just(Action::DoubleNext),
        1 => (0..4_000u16).prop_map(Action::DelayNext),
        1 => prop_oneof![(0..3u8).prop_map(Action::Cut), Just(Action::Heal)],
        1 => (0..3u8).prop_map(Action::Report),
    ]
}

proptest! {
    #[test]
    fn users_are_told_exactly_what_happens(actions in prop::collection::vec(doings(), 1..40)) {
        run(&actions).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
    }

    #[test]
    fn users_are_told_the_truth_by_a_bad_network(actions in prop::collection::vec(doings_and_faults(), 1..40)) {
        run(&actions).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
    }

    #[test]
    fn octets_are_as_good_as_actions(octets in prop::collection::vec(any::<u8>(), 0..128)) {
        run(&actions(&octets)).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::default()))
}

#[test]
fn random_lists_lead_to_every_end() {
    let met = RefCell::new(BTreeSet::new());
    let outcome = runner(1_000).run(&prop::collection::vec(doings_and_faults(), 1..40), |actions| {
        let summary = run(&actions).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        met.borrow_mut().extend(summary.ends.iter().map(|end| format!("{end:?}")));
        Ok(())
    });
    assert_eq!(outcome, Ok(()));
    // What can come of three telephones that speak the same codec, on a network that may say that nobody is there.
    let ends = [
        "AckTimeout",
        "Cancelled",
        "Declined",
        "LocalHangup",
        "NameFailure",
        "NetworkError",
        "NoAnswer",
        "Rejected",
        "RemoteHangup",
        "Timeout",
        "Undecided",
    ];
    assert_eq!(met.into_inner().into_iter().collect::<Vec<_>>(), ends);
}

/// Runs the same random sequences by a table with one cell changed, and gives back the shortest list that shows it.
fn shortest(wrong: Row) -> Vec<Action> {
    let mut table = StateTable::default();
    table.set(wrong);
    let outcome = runner(2_000).run(&prop::collection::vec(doings_and_faults(), 1..40), |actions| {
        run_with(&table, &actions).map(drop).map_err(|failure| TestCaseError::fail(failure.what))
    });
    match outcome {
        Err(TestError::Fail(_, actions)) => actions,
        other => panic!("a wrong row was not found: {other:?}"),
    }
}

#[test]
fn the_model_can_fail() {
    use Step::{CloseMedia, DisarmAll, Release, SendAck, TellConfirmed, TellEnded};
    // A 200 that crosses the CANCEL is acknowledged and then forgotten.
    let actions = &[DisarmAll, SendAck, CloseMedia, TellEnded, Release];
    let crossing =
        shortest(Row { state: State::Cancelling, input: Input::RxAnswer, actions, next: State::Terminated });
    assert!(crossing.len() <= 6, "{crossing:?}");
    assert!(crossing.iter().any(|action| matches!(action, Action::Hangup(_))), "{crossing:?}");

    // The callee is told that a call stands that it has hung up.
    let actions = &[DisarmAll, TellConfirmed, Step::SendBye];
    let pending =
        shortest(Row { state: State::HangupPending, input: Input::RxAck, actions, next: State::Terminating });
    assert!(pending.len() <= 6, "{pending:?}");

    // A 200 that comes again, because its ACK was lost, is news again.
    let actions = &[Step::ResendAck, Step::TellAnswered];
    let again =
        shortest(Row { state: State::Active, input: Input::RxAnswerAgain, actions, next: State::Active });
    assert!(again.len() <= 6, "{again:?}");
}
