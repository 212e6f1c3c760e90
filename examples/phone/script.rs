//! What is done to a call by the clock: hold it, take it back, transfer it.

use std::time::Duration;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{Call, PeerError};

use crate::Phone;
use crate::report::Ending;

#[derive(Clone, Copy)]
enum Step {
    Hold,
    Resume,
    Transfer,
}

/// Does what the command line wants done while the call is up, each at its time from now on. True when all was done.
pub async fn run<R: Runtime>(phone: &Phone<R>, number: u64, call: &Call) -> bool {
    let common = &phone.common;
    let transfer = common.transfer_to.as_ref().map(|_| common.transfer_after.unwrap_or_default());
    // What was asked for before the answer may be so already: then this only tells it.
    let hold = common.hold_after.or(common.hold_early.then_some(Duration::ZERO));
    let wanted = [(hold, Step::Hold), (common.resume_after, Step::Resume), (transfer, Step::Transfer)];
    let mut steps: Vec<(Duration, Step)> =
        wanted.into_iter().filter_map(|(after, step)| Some((after?, step))).collect();
    steps.sort_by_key(|(after, _)| *after);
    let start = phone.now();
    for (after, step) in steps {
        tokio::select! {
            () = phone.sleep_until(start + after) => {}
            _ = call.ended() => return false,
        }
        let (what, event, done) = match step {
            Step::Hold => ("hold", "hold", call.hold().await),
            Step::Resume => ("resume", "resumed", call.resume().await),
            Step::Transfer => ("transfer", "transferred", transfer_call(phone, number, call).await),
        };
        match done {
            Ok(()) => phone.report.changed(number, event),
            Err(error) => {
                phone.report.refused(number, what, &error);
                return false;
            }
        }
    }
    true
}

async fn transfer_call<R: Runtime>(phone: &Phone<R>, number: u64, call: &Call) -> Result<(), PeerError> {
    let target = phone.common.transfer_to.as_deref().unwrap_or_default();
    if !phone.common.attended {
        return call.transfer(target).await;
    }
    call.hold().await?;
    phone.report.changed(number, "hold");
    let second = phone.number();
    phone.report.calling(second, target);
    let other = tokio::select! {
        other = phone.stack.call(target) => other,
        end = call.ended() => Err(PeerError::Ended(end)),
    };
    let other = match other {
        Ok(other) => other,
        Err(error) => {
            phone.report.ended(second, &Ending::from(&error));
            return Err(error);
        }
    };
    phone.report.answered(second, &other);
    let joined = call.transfer_to(&other).await;
    if joined.is_err() {
        other.hangup().await?;
    }
    phone.report.ended(second, &Ending::from(&other.ended().await));
    joined
}
