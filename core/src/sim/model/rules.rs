//! What users may be told when the network is bad: in which order, and what must have led to it.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::Desk;
use super::network::Harm;
use super::phones::{ANSWER_TIMEOUT, Phones};
use super::sides::{Asked, Call, Side, Told};
use crate::api::EndReason;
use crate::base::time::Instant;

/// 64·T1: how long anybody waits for an answer on the wire.
const GIVE_UP: Duration = Duration::from_secs(32);
/// So many datagrams must be lost before all repeats of a BYE can be.
const REPEATS_MIN: usize = 7;

type Verdict = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}

/// The order of news: a caller hears `Progress`…, `Answered`, `Ended`; a callee `Incoming`, `Answered`, `Confirmed`,
/// `Ended`. Any but the first may be missing, and none comes twice but `Progress`.
pub(super) fn told_in_order(call: &Call) -> Verdict {
    let rank = |told: Told| match told {
        Told::Incoming => 0,
        Told::Progress(_) => 1,
        Told::Answered => 2,
        Told::Confirmed => 3,
        Told::Ended(..) => 4,
    };
    for (side, callee) in [(&call.caller, false), (&call.callee, true)] {
        let told = || side.told.iter().map(|(_, told)| *told);
        let rises = told().zip(told().skip(1)).all(|(one, next)| {
            rank(one) < rank(next) || matches!((one, next), (Told::Progress(_), Told::Progress(_)))
        });
        let first = told().next();
        let own = told().all(|told| match told {
            Told::Incoming | Told::Confirmed => callee,
            Told::Progress(_) => !callee,
            Told::Answered | Told::Ended(..) => true,
        });
        let begins = first.is_none_or(|first| !callee || first == Told::Incoming);
        let confirmed = side
            .when(|told| told == Told::Confirmed)
            .is_none_or(|_| side.when(|told| told == Told::Answered).is_some());
        ensure(rises && own && begins && confirmed, || format!("told out of order: {:?}", side.told))?;
    }
    Ok(())
}

/// Whether everything that the two users were told has a cause.
pub(super) fn told_for_a_reason(phones: &Phones, call: &Call) -> Verdict {
    for &(at, told) in &call.caller.told {
        ensure(caller_has_reason(phones, call, at, told), || {
            format!("the caller is told {told:?}, and the callee {:?}", call.callee.told)
        })?;
    }
    for &(at, told) in &call.callee.told {
        ensure(callee_has_reason(phones, call, at, told), || {
            format!("the callee is told {told:?}, and the caller {:?}", call.caller.told)
        })?;
    }
    Ok(())
}

/// Whether the other side heard something before this moment.
fn before(side: &Side, at: Instant, fits: impl Fn(Told) -> bool) -> bool {
    side.when(fits).is_some_and(|when| when < at)
}

fn asked(side: &Side, at: Instant, what: Asked) -> bool {
    side.asked_for(|asked| asked == what).is_some_and(|when| when <= at)
}

fn impatient(call: &Call, at: Instant) -> bool {
    call.placed + call.patience <= at
}

fn caller_has_reason(phones: &Phones, call: &Call, at: Instant, told: Told) -> bool {
    let callee = &call.callee;
    match told {
        Told::Incoming | Told::Confirmed => false,
        Told::Progress(status) => status == 180 && before(callee, at, |told| told == Told::Incoming),
        Told::Answered => before(callee, at, |told| told == Told::Answered),
        Told::Ended(reason, status) => match reason {
            EndReason::LocalHangup => asked(&call.caller, at, Asked::Hangup),
            EndReason::NoAnswer => impatient(call, at),
            EndReason::NameFailure => call.no_name,
            EndReason::NetworkError => phones.harm().reported,
            EndReason::Timeout => (phones.harm().any || phones.harm().cut) && call.placed + GIVE_UP <= at,
            EndReason::RemoteHangup => {
                let ends =
                    |told| matches!(told, Told::Ended(EndReason::LocalHangup | EndReason::AckTimeout, _));
                // A callee whose answers have all been lost hangs up in what is an early dialog to the caller (RFC 3261 section 15.1.2).
                let lost = || {
                    (phones.harm().any || phones.harm().cut)
                        && callee.when(|told| told == Told::Answered).is_some()
                };
                let answered = call.caller.when(|told| told == Told::Answered).is_some();
                (answered || lost()) && before(callee, at, ends)
            }
            EndReason::Rejected => refused(call, at, status),
            _ => false,
        },
    }
}

/// Whether the callee refused the call with this status.
fn refused(call: &Call, at: Instant, status: Option<u16>) -> bool {
    if call.desk == Desk::Busy {
        return status == Some(486);
    }
    before(&call.callee, at, |told| match told {
        Told::Ended(EndReason::Declined | EndReason::Undecided, with) => status == with,
        Told::Ended(EndReason::LocalHangup, _) => status == Some(480),
        _ => false,
    })
}

fn callee_has_reason(phones: &Phones, call: &Call, at: Instant, told: Told) -> bool {
    let (caller, callee) = (&call.caller, &call.callee);
    let answered = callee.when(|told| told == Told::Answered);
    // The caller hung up or lost patience, though its own news of the end may still be under way.
    let caller_left = || asked(caller, at, Asked::Hangup) || impatient(call, at);
    // An answer that comes when the caller has given up is acknowledged, and hung up.
    let gave_up = |told| matches!(told, Told::Ended(EndReason::Timeout | EndReason::NetworkError, _));
    let hangs_up = || caller_left() || before(caller, at, gave_up);
    match told {
        Told::Incoming => call.desk != Desk::Busy && !call.no_name,
        Told::Progress(_) => false,
        Told::Answered => call.desk == Desk::Answers || asked(callee, at, Asked::Accept),
        Told::Confirmed => before(caller, at, |told| told == Told::Answered) || hangs_up(),
        Told::Ended(reason, status) => match reason {
            EndReason::LocalHangup => asked(callee, at, Asked::Hangup),
            EndReason::Declined => {
                status.is_some_and(|status| asked(callee, at, Asked::Reject(status))) && answered.is_none()
            }
            EndReason::Undecided => {
                let since = callee.when(|told| told == Told::Incoming);
                answered.is_none() && since.is_some_and(|since| since + ANSWER_TIMEOUT <= at)
            }
            EndReason::Cancelled => answered.is_none() && caller_left(),
            EndReason::RemoteHangup => answered.is_some() && hangs_up(),
            EndReason::AckTimeout => {
                let late = answered.is_some_and(|since| since + GIVE_UP <= at);
                let confirmed = callee.when(|told| told == Told::Confirmed).is_some();
                late && !confirmed && (phones.harm().any || phones.harm().cut)
            }
            _ => false,
        },
    }
}

/// When nothing is under way any more, both sides have the call or neither. Only a BYE of which all repeats are lost
/// leaves one side alone.
pub(super) fn both_sides_agree(phones: &Phones) -> Verdict {
    let Harm { cut, lost, reported, .. } = phones.harm();
    // Who is called unreachable is sent no more repeats.
    if cut || lost >= if reported { 1 } else { REPEATS_MIN } {
        return Ok(());
    }
    phones.calls.iter().enumerate().try_for_each(|(number, call)| {
        ensure(call.caller.is_up() == call.callee.is_up(), || {
            format!(
                "one side of call {number} is up: the caller was told {:?}, the callee {:?}",
                call.caller.told, call.callee.told
            )
        })
    })
}

/// Everybody who ever had a call was told of its end.
pub(super) fn all_is_over(phones: &Phones) -> Verdict {
    phones.calls.iter().enumerate().try_for_each(|(number, call)| {
        let known = [&call.caller, &call.callee].into_iter().filter(|side| side.session.is_some());
        known.into_iter().try_for_each(|side| {
            ensure(side.is_over(), || format!("call {number} never ended: {:?}", side.told))
        })
    })
}
