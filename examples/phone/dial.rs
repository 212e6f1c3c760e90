//! `phone call`

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::PeerError;

use crate::Phone;
use crate::crew::Crew;
use crate::early::{Begun, overhear};
use crate::options;
use crate::report::Ending;
use crate::talk::{Role, talk};

/// A new call every so often, so that a crowd of calls does not come as one burst.
const PACE: Duration = Duration::from_millis(10);

/// Calls at a time.
const AT_ONCE_MAX: usize = 200;

/// Makes all calls; true when each did what was asked.
pub async fn make_calls<R: Runtime>(phone: &Arc<Phone<R>>, options: &options::Call) -> bool {
    let wanted = phone.common.calls.unwrap_or(1);
    let mut next = phone.now();
    let mut running = Crew::new(phone);
    let (mut started, mut good) = (0, 0);
    while started < wanted && !phone.is_stopped() {
        tokio::select! {
            () = phone.sleep_until(next), if running.len() < AT_ONCE_MAX => {
                started += 1;
                next = phone.now() + PACE;
                running.spawn(one_call(phone.clone(), options.clone(), phone.number()));
            }
            Some(done) = running.next() => good += u64::from(done),
            () = phone.stopped() => {}
        }
    }
    while let Some(done) = running.next().await {
        good += u64::from(done);
    }
    good == wanted
}

async fn one_call<R: Runtime>(phone: Arc<Phone<R>>, options: options::Call, number: u64) -> bool {
    let began = phone.now();
    let mut dialing = phone.stack.dial(&options.uri);
    if options.late_offer {
        dialing = dialing.with_late_offer();
    }
    let mut early = pin!(overhear(&phone, number, dialing.early_audio()));
    let (mut begun, mut given_up) = (None, false);
    loop {
        tokio::select! {
            progress = dialing.progress() => match progress {
                Some(progress) => {
                    phone.report.progress(number, &progress);
                    if phone.common.hold_early && progress.early_media && let Err(error) = dialing.hold() {
                        phone.report.refused(number, "hold", &error);
                    }
                }
                None => break,
            },
            heard = &mut early, if begun.is_none() => begun = Some(heard),
            () = phone.after(began, phone.common.hangup_after), if !given_up => {
                dialing.cancel();
                given_up = true;
            }
            () = phone.stopped(), if !given_up => {
                dialing.cancel();
                given_up = true;
            }
        }
    }
    let begun = match begun {
        Some(begun) => begun,
        None => early.await,
    };
    let begun = begun.unwrap_or_else(|problem| {
        phone.report.problem(number, problem);
        Begun::default()
    });
    match dialing.await {
        Ok(call) => talk(&phone, number, call, Role::Caller, began, begun).await,
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            // Giving up after a while is what --hangup-after asks for.
            given_up && !phone.is_stopped() && matches!(error, PeerError::Cancelled)
        }
    }
}
