//! `--register`

use std::sync::Arc;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{AuthenticationOf, Event};
use tokio::sync::watch;

use crate::Phone;
use crate::wav::Failure;

/// What there is to know of a registration from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Asking,
    /// The last try failed, and there will be another.
    Failed,
    Made,
    Over,
}

/// A registration whose events are printed as they come; or none, if none is wanted.
pub struct Registration {
    stage: watch::Receiver<Stage>,
}

/// Registers, if that is wanted.
pub fn begin<R: Runtime>(phone: &Arc<Phone<R>>) -> Result<Registration, Failure> {
    let Some(registrar) = &phone.common.register else {
        return Ok(Registration { stage: watch::channel(Stage::Made).1 });
    };
    let mut events = phone.stack.events();
    let id = phone.stack.register(registrar, phone.common.expires)?;
    let (sender, stage) = watch::channel(Stage::Asking);
    let report = phone.report;
    drop(phone.runtime.spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::Registered { registration, expires, .. } if registration == id => {
                    report.registered(expires);
                    sender.send_replace(Stage::Made);
                }
                Event::AuthenticationFailed { of, failure } if of == AuthenticationOf::Registration(id) => {
                    report.unproven(&failure);
                }
                Event::RegistrationFailed { registration, status, refuser, phrase, retry_in, .. }
                    if registration == id =>
                {
                    report.register_failed(status, refuser, &phrase, retry_in);
                    if retry_in.is_none() {
                        break;
                    }
                    sender.send_replace(Stage::Failed);
                }
                Event::Unregistered { registration } if registration == id => {
                    report.unregistered();
                    break;
                }
                _ => {}
            }
        }
        sender.send_replace(Stage::Over);
    }));
    Ok(Registration { stage })
}

impl Registration {
    /// Waits until it holds; false if the registrar is not there or refuses, or if somebody stops us.
    pub async fn is_made<R: Runtime>(&mut self, phone: &Phone<R>) -> bool {
        tokio::select! {
            made = self.stage.wait_for(|stage| *stage != Stage::Asking) => {
                made.is_ok_and(|stage| *stage == Stage::Made)
            }
            () = phone.stopped() => false,
        }
    }

    /// Waits until it is over and everybody has been told.
    pub async fn over(mut self) {
        // Where none is wanted there is no sender, and nothing to wait for.
        self.stage.wait_for(|stage| *stage == Stage::Over).await.ok();
    }
}
