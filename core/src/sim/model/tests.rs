//! What the model finds out, with machines that do it wrong.

use super::*;
use crate::session::{Action as Step, Input, Row, State};

const CALLER: Leg = Leg { call: 0, callee: false };
const CALLEE: Leg = Leg { call: 0, callee: true };
const CALL: Action = Action::Call { from: 0, to: 1, desk: Desk::Rings, patience: 0 };

/// The default table with one cell changed.
fn table(state: State, input: Input, actions: &'static [Step], next: State) -> StateTable {
    let mut table = StateTable::default();
    table.set(Row { state, input, actions, next });
    table
}

/// What is wrong in a run by that table; by the default table nothing is.
fn found(table: &StateTable, actions: &[Action]) -> String {
    run(actions).unwrap();
    run_with(table, actions).unwrap_err().what
}

#[test]
fn news_that_is_missing_is_found() {
    use Step::{ApplyPlan, DisarmAll, SendAck};
    let wrong = table(State::Ringback, Input::RxAnswer, &[DisarmAll, SendAck, ApplyPlan], State::Active);
    let what = found(&wrong, &[CALL, Action::Wait(30), Action::Accept(CALLEE), Action::Wait(30)]);
    assert!(what.contains("the callee is told Confirmed, and the caller"), "{what}");
}

#[test]
fn news_that_comes_twice_is_found() {
    use Step::{CloseMedia, DisarmAll, SendBye, TellAnswered, TellEnded};
    let actions = &[DisarmAll, SendBye, TellAnswered, CloseMedia, TellEnded];
    let wrong = table(State::Active, Input::Hangup, actions, State::Terminating);
    // A fault far from the call: the reference rests, the rules of order do not.
    let faults = [
        Action::Cut(2),
        CALL,
        Action::Wait(30),
        Action::Accept(CALLEE),
        Action::Wait(30),
        Action::Hangup(CALLER),
    ];
    assert!(found(&wrong, &faults).contains("told out of order"));
}

#[test]
fn a_call_that_one_side_has_alone_is_found() {
    use Step::{CloseMedia, DisarmAll, Release, SendAck, TellEnded};
    let actions = &[DisarmAll, SendAck, CloseMedia, TellEnded, Release];
    let wrong = table(State::Cancelling, Input::RxAnswer, actions, State::Terminated);
    let crossing = [CALL, Action::Wait(30), Action::Accept(CALLEE), Action::Hangup(CALLER)];
    assert!(found(&wrong, &crossing).contains("the callee of call 0 must be told"));
    let late =
        [CALL, Action::Wait(30), Action::DelayNext(50), Action::Accept(CALLEE), Action::Hangup(CALLER)];
    assert!(found(&wrong, &late).contains("one side of call 0 is up"));
}

#[test]
fn a_command_that_must_not_work_is_found() {
    let wrong = table(State::Active, Input::Ring, &[], State::Active);
    let again = [CALL, Action::Wait(30), Action::Accept(CALLEE), Action::Wait(30), Action::Ring(CALLEE)];
    assert!(found(&wrong, &again).contains("a command came to Ok(())"));
}

#[test]
fn an_answer_that_nobody_gave_is_found() {
    use Step::{ApplyPlan, ArmAnswerTimers, DisarmAll, SendAnswer, TellAnswered};
    let actions = &[DisarmAll, SendAnswer, ApplyPlan, ArmAnswerTimers, TellAnswered];
    let wrong = table(State::Ringing, Input::Deadline, actions, State::Answered);
    let undecided = [Action::DoubleNext, CALL, Action::Wait(21_000)];
    assert!(found(&wrong, &undecided).contains("the callee is told Answered"));
}

#[test]
fn a_call_that_forged_reports_ended_is_hung_up_when_it_is_answered() {
    let actions = [
        Action::Report(1),
        Action::DelayNext(4_000),
        Action::Call { from: 0, to: 1, desk: Desk::Answers, patience: 0 },
        Action::Wait(499),
        Action::DelayNext(4_000),
        Action::Wait(5_000),
    ];
    let summary = run(&actions).unwrap();
    assert_eq!(summary.ends, [EndReason::NetworkError, EndReason::RemoteHangup]);
}

#[test]
fn a_failure_tells_the_way_there() {
    use Step::SendRinging;
    let wrong = table(State::Idle, Input::Admitted, &[SendRinging, SendRinging], State::Ringing);
    let failure = run_with(&wrong, &[CALL, Action::Wait(100), Action::Hangup(CALLER)]).unwrap_err();
    assert_eq!(failure.actions, [CALL, Action::Wait(100)]);
    let text = failure.to_string();
    for part in ["must be told", "patience", "INVITE", "180"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn any_octets_are_actions() {
    assert_eq!(actions(&[]), []);
    assert_eq!(actions(&[0, 0x34, 3]), [Action::Call { from: 0, to: 1, desk: Desk::Rings, patience: 0 }]);
    let all: Vec<u8> = (0..=255).flat_map(|detail| [detail, detail ^ 0x5a]).collect();
    assert_eq!(actions(&all).len(), 64);
    for start in (0..448).step_by(7) {
        run(&actions(&all[start..start + 64])).unwrap();
    }
}
