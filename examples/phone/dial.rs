//! `phone call`

use std::sync::Arc;
use std::time::Duration;

use offhook_tokio::PeerError;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Phone;
use crate::options;
use crate::report::Ending;
use crate::talk::{Role, after, talk};

/// A new call every so often, so that a crowd of calls does not come as one burst.
const PACE: Duration = Duration::from_millis(10);

/// Calls at a time.
const AT_ONCE_MAX: usize = 200;

/// Makes all calls; true when each did what was asked.
pub async fn make_calls(phone: &Arc<Phone>, options: &options::Call) -> bool {
    let wanted = phone.common.calls.unwrap_or(1);
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut running = JoinSet::new();
    let (mut started, mut good) = (0, 0);
    while started < wanted && !phone.is_stopped() {
        tokio::select! {
            _ = pace.tick(), if running.len() < AT_ONCE_MAX => {
                started += 1;
                running.spawn(one_call(phone.clone(), options.uri.clone(), started));
            }
            Some(done) = running.join_next() => good += u64::from(done.unwrap_or(false)),
            () = phone.stopped() => {}
        }
    }
    while let Some(done) = running.join_next().await {
        good += u64::from(done.unwrap_or(false));
    }
    good == wanted
}

async fn one_call(phone: Arc<Phone>, uri: String, number: u64) -> bool {
    let began = Instant::now();
    let mut dialing = phone.stack.dial(&uri);
    let mut given_up = false;
    loop {
        tokio::select! {
            progress = dialing.progress() => match progress {
                Some(progress) => phone.report.ringing(number, progress.status, &progress.phrase),
                None => break,
            },
            () = after(began, phone.common.hangup_after), if !given_up => {
                dialing.cancel();
                given_up = true;
            }
            () = phone.stopped(), if !given_up => {
                dialing.cancel();
                given_up = true;
            }
        }
    }
    match dialing.await {
        Ok(call) => talk(&phone, number, call, Role::Caller, began).await,
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            // Giving up after a while is what --hangup-after asks for.
            given_up && !phone.is_stopped() && matches!(error, PeerError::Cancelled)
        }
    }
}
