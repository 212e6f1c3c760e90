//! `phone listen`

use std::sync::Arc;
use std::time::Duration;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{IncomingCall, Refuser};

use crate::Phone;
use crate::crew::Crew;
use crate::early::{Begun, serve};
use crate::options::{Listen, Manner};
use crate::report::Ending;
use crate::talk::{Role, talk};

/// Takes calls until enough are over or somebody stops us; true when each did what was asked.
pub async fn take_calls<R: Runtime>(phone: &Arc<Phone<R>>, options: &Listen) -> bool {
    let wanted = phone.common.calls;
    let manner = options.manner();
    let mut running = Crew::new(phone);
    let (mut taken, mut good, mut bad) = (0, 0, 0);
    let mut count = |done: bool| if done { good += 1 } else { bad += 1 };
    while wanted.is_none_or(|wanted| taken < wanted) {
        tokio::select! {
            incoming = phone.stack.get_incoming_call() => match incoming {
                Some(incoming) => {
                    taken += 1;
                    let early = options.early_media;
                    running.spawn(one_call(phone.clone(), incoming, manner.clone(), early, phone.number()));
                }
                None => break,
            },
            Some(done) = running.next() => count(done),
            () = phone.stopped() => break,
        }
    }
    while let Some(done) = running.next().await {
        count(done);
    }
    phone.report.overload(&phone.stack.counters());
    bad == 0 && wanted.is_none_or(|wanted| good == wanted)
}

async fn one_call<R: Runtime>(
    phone: Arc<Phone<R>>,
    incoming: IncomingCall,
    manner: Manner,
    early: bool,
    number: u64,
) -> bool {
    let began = phone.now();
    phone.report.incoming(number, &incoming);
    let patience = match &manner {
        _ if incoming.is_answered() => Some(Duration::ZERO),
        Manner::Reject(status) => return refuse(&phone, incoming, *status, number).await,
        Manner::Redirect(uri) => return redirect(&phone, incoming, uri, number).await,
        Manner::AnswerAfter(time) => Some(*time),
        Manner::RingOnly => None,
    };
    if !incoming.is_answered() {
        phone.report.ringing(number, 180, "Ringing");
    }
    let mut begun = Begun::default();
    if patience != Some(Duration::ZERO) {
        let serve = async {
            if early && let Err(problem) = serve(&phone, number, &incoming, &mut begun).await {
                phone.report.problem(number, problem);
            }
            std::future::pending::<()>().await;
        };
        let wait = async {
            match patience {
                Some(time) => phone.sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = incoming.cancelled() => {
                phone.report.ended(number, &Ending::from(&end));
                return manner == Manner::RingOnly;
            }
            () = wait => {}
            () = serve => {}
            () = phone.after(began, phone.common.hangup_after) => return refuse(&phone, incoming, 480, number).await,
            () = phone.stopped() => {
                refuse(&phone, incoming, 480, number).await;
                return false;
            }
        }
    }
    match incoming.accept().await {
        Ok(call) => talk(&phone, number, call, Role::Callee, began, begun).await,
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            false
        }
    }
}

/// Sends the caller elsewhere; true when it was still there to be sent.
async fn redirect<R: Runtime>(phone: &Phone<R>, incoming: IncomingCall, uri: &str, number: u64) -> bool {
    match incoming.redirect(uri).await {
        Ok(()) => {
            let words = format!("sent to {uri}");
            phone
                .report
                .ended(number, &Ending { reason: "redirected", status: Some(302), words, by: Refuser::Us });
            true
        }
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            false
        }
    }
}

/// Refuses; true when it was still there to be refused.
async fn refuse<R: Runtime>(phone: &Phone<R>, incoming: IncomingCall, status: u16, number: u64) -> bool {
    match incoming.reject(status).await {
        Ok(()) => {
            let words = format!("refused with {status}");
            phone
                .report
                .ended(number, &Ending { reason: "declined", status: Some(status), words, by: Refuser::Us });
            true
        }
        Err(error) => {
            phone.report.ended(number, &Ending::from(&error));
            false
        }
    }
}
