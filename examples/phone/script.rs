//! What is done to a call by the clock: hold it, take it back.

use std::time::Duration;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{Call, PeerError};

use crate::Phone;

#[derive(Clone, Copy)]
enum Step {
    Hold,
    Resume,
}

/// Does what the command line wants done while the call is up, each at its time from now on. True when all was done.
pub async fn run<R: Runtime>(phone: &Phone<R>, number: u64, call: &Call) -> bool {
    let common = &phone.common;
    let wanted = [(common.hold_after, Step::Hold), (common.resume_after, Step::Resume)];
    let mut steps: Vec<(Duration, Step)> =
        wanted.into_iter().filter_map(|(after, step)| Some((after?, step))).collect();
    steps.sort_by_key(|(after, _)| *after);
    let start = phone.now();
    for (after, step) in steps {
        tokio::select! {
            () = phone.sleep_until(start + after) => {}
            _ = call.ended() => return false,
        }
        let (what, done) = match step {
            Step::Hold => ("hold", call.hold().await),
            Step::Resume => ("resume", call.resume().await),
        };
        match done {
            Ok(()) => phone.report.changed(number, if what == "hold" { "hold" } else { "resumed" }),
            Err(PeerError::Ended(_)) => return false,
            Err(error) => {
                phone.report.refused(number, what, &error);
                return false;
            }
        }
    }
    true
}
