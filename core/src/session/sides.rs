//! Both sides of a call beside each other, row by row: what the one who calls has, and the one who is called has not,
//! is either a rule of the RFCs or a mistake.

use alloc::format;
use alloc::string::String;

use super::machine::{Cell, StateMachine};
use super::state::{Input, State};

/// Where two sides stand at the same time: what it is called, who calls, who is called.
type Moment = (&'static str, State, State);

const MOMENTS: &[Moment] = &[
    ("nothing is heard yet", State::Ringback, State::Incoming),
    ("early media", State::EarlyMedia, State::Ringing),
    ("the answer is under way", State::EarlyMedia, State::AnswerPending),
    ("given up", State::Cancelling, State::HangupPending),
    ("answered", State::Active, State::Answered),
];

/// What only one side of a call can meet, and why.
const ONE_SIDED: &[(Input, &str)] = &[
    (Input::Answer, "a callee takes a call"),
    (Input::AnswerLater, "a callee takes a call"),
    (Input::Reject, "a callee refuses a call"),
    (Input::Ring, "a callee rings"),
    (Input::Progress, "a callee rings"),
    (Input::ProgressAudio, "a callee rings"),
    (Input::ProgressRepeat, "a callee repeats its provisional responses (RFC 3262 section 3)"),
    (Input::AnswerRepeat, "a callee repeats its 180 and its 200"),
    (Input::PrackTimeout, "a callee waits for PRACK"),
    (Input::RxPrack, "a callee waits for PRACK"),
    (Input::RxBadPrack, "a callee waits for PRACK"),
    (Input::RxSidePrack, "a callee waits for PRACK"),
    (Input::RxCancel, "a caller cancels"),
    (Input::RxAck, "a callee waits for ACK"),
    (Input::RxAckAnswer, "a callee waits for ACK"),
    (Input::RxBadAck, "a callee waits for ACK"),
    (Input::AckTimeout, "a callee waits for ACK"),
    (Input::Deadline, "a callee is waited for; the caller's RingTimeout"),
    (Input::RingTimeout, "a caller waits; the callee's Deadline"),
    (Input::RxTrying, "a caller has responses"),
    (Input::RxRinging, "a caller has responses"),
    (Input::RxEarlyMedia, "a caller has responses"),
    (Input::RxBadEarlyOffer, "a caller has responses"),
    (Input::RxAnswer, "a caller has responses"),
    (Input::RxAnswerMidOffer, "a caller has responses"),
    (Input::RxAnswerAgain, "a caller has responses"),
    (Input::RxOtherAnswer, "a caller has responses"),
    (Input::RxBadAnswer, "a caller has responses"),
    (Input::RxFailure, "a caller has responses"),
    (Input::RxTooBrief, "a caller has responses; as callee we answer 422"),
    (Input::RxChallenged, "a caller has responses; as callee we ask for no credentials"),
    (Input::NextTarget, "a caller has responses"),
    (Input::InviteGone, "a caller has responses"),
    (Input::CancelTimeout, "a caller has responses"),
    (Input::RxForkOver, "a caller has forks"),
    (Input::RxEarlyMediaOver, "a caller has forks"),
    (Input::RxForkBye, "a caller has forks"),
    (Input::RxEarlyMediaBye, "a caller has forks"),
];

/// What one side has and the other has not at a moment, though both could, and why that is right.
const REASONS: &[(State, State, Input, &str)] = &[
    (
        State::Ringback,
        State::Incoming,
        Input::RxUpdate,
        "the callee has said nothing yet: nobody knows the tag that an UPDATE would need",
    ),
    (
        State::EarlyMedia,
        State::AnswerPending,
        Input::ModifyEarly,
        "the 200 waits for one exchange and begins none",
    ),
    (
        State::EarlyMedia,
        State::AnswerPending,
        Input::OfferAgain,
        "an offer of ours that crossed is made again after the 200",
    ),
    (
        State::Cancelling,
        State::HangupPending,
        Input::RxReinvite,
        "the caller's own INVITE is in the way: the callee's is RxOfferCrossing (RFC 3261 section 14.2)",
    ),
    (State::Active, State::Answered, Input::RefreshByUpdate, "the timer waits for the ACK"),
    (State::Active, State::Answered, Input::RefreshByInvite, "the timer waits for the ACK"),
    (State::Active, State::Answered, Input::Expired, "the timer waits for the ACK"),
    (
        State::Active,
        State::Answered,
        Input::RxGone,
        "a caller may not have our 200 yet, and not know the dialog; AckTimeout ends the call if it never does",
    ),
];

/// Why one side has a row for `input` and the other has none; `None` if nobody has said so.
fn reason(calls: State, called: State, input: Input) -> Option<&'static str> {
    let here = REASONS.iter().find(|(left, right, it, _)| (*left, *right, *it) == (calls, called, input));
    here.map(|(.., why)| *why).or_else(|| ONE_SIDED.iter().find(|(it, _)| *it == input).map(|(_, why)| *why))
}

fn words(cell: Cell) -> String {
    match cell {
        Cell::Row { actions, next } => format!("{actions:?} → {next:?}").replace(['[', ']'], ""),
        Cell::Fallback(fallback) => format!("({fallback:?})"),
    }
}

/// The comparison as Markdown.
pub fn sides_page() -> String {
    let machine = StateMachine::default();
    let mut text = String::new();
    for &(name, calls, called) in MOMENTS {
        text += &format!(
            "## {name}\n\n| input | {calls:?} (calls) | {called:?} (is called) | if only one |\n|---|---|---|---|\n"
        );
        for &input in Input::ALL {
            let (left, right) = (machine.cell(calls, input), machine.cell(called, input));
            let rows = [left, right].map(|cell| matches!(cell, Cell::Row { .. }));
            if rows == [false; 2] {
                continue;
            }
            let why = if rows == [true; 2] { "" } else { reason(calls, called, input).unwrap_or("?") };
            text += &format!("| {input:?} | {} | {} | {why} |\n", words(left), words(right));
        }
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_has_the_other_has_or_there_is_a_reason() {
        let machine = StateMachine::default();
        let is_row = |state, input| matches!(machine.cell(state, input), Cell::Row { .. });
        let mut missing = Vec::new();
        for &(_, calls, called) in MOMENTS {
            for &input in Input::ALL {
                let one = is_row(calls, input) != is_row(called, input);
                if one && reason(calls, called, input).is_none() {
                    missing.push((calls, called, input));
                }
            }
        }
        assert_eq!(missing, []);
    }

    #[test]
    fn every_reason_is_needed() {
        let machine = StateMachine::default();
        let is_row = |state, input| matches!(machine.cell(state, input), Cell::Row { .. });
        for &(calls, called, input, why) in REASONS {
            assert_ne!(is_row(calls, input), is_row(called, input), "{calls:?} {called:?} {input:?}: {why}");
        }
    }
}
