//! Answering thousands of calls that nobody listens to: no task, no timer and no audio per call.

use std::collections::HashMap;

use offhook_core::peer::Runtime;
use offhook_core::peer::prelude::{Call, CallEnd, EndReason, Event, SessionId};

use crate::Phone;

/// The calls that are up, and what became of the others.
#[derive(Default)]
struct Crowd {
    up: HashMap<SessionId, Call>,
    good: u64,
    bad: u64,
}

impl Crowd {
    fn leave(&mut self, reason: EndReason) {
        if matches!(reason, EndReason::LocalHangup | EndReason::RemoteHangup) {
            self.good += 1;
        } else {
            self.bad += 1;
        }
    }

    /// Looks after every call: needed only when events were missed.
    fn sweep(&mut self) {
        let over: Vec<(SessionId, CallEnd)> =
            self.up.iter().filter_map(|(id, call)| Some((*id, call.end()?))).collect();
        for (id, end) in over {
            self.up.remove(&id);
            self.leave(end.reason);
        }
    }
}

/// Holds every call that the stack answers until its caller hangs up; true when all went well.
pub async fn answer<R: Runtime>(phone: &Phone<R>) -> bool {
    let wanted = phone.common.calls;
    let mut crowd = Crowd::default();
    let mut events = phone.stack.events();
    let mut missed = 0;
    while wanted.is_none_or(|wanted| crowd.good + crowd.bad < wanted) {
        tokio::select! {
            incoming = phone.stack.get_incoming_call() => {
                let Some(incoming) = incoming else { break };
                // Already answered: this only takes the handle.
                match incoming.accept().await {
                    Ok(call) => match call.end() {
                        Some(end) => crowd.leave(end.reason),
                        None => drop(crowd.up.insert(call.id(), call)),
                    },
                    Err(_) => crowd.bad += 1,
                }
            }
            event = events.next() => {
                match event {
                    Some(Event::Ended { session, reason, .. }) if crowd.up.remove(&session).is_some() => {
                        crowd.leave(reason);
                    }
                    Some(_) => {}
                    None => break,
                }
                if events.missed() != missed {
                    missed = events.missed();
                    crowd.sweep();
                }
            }
            () = phone.stopped() => break,
        }
    }
    crowd.bad == 0 && wanted.is_none_or(|wanted| crowd.good == wanted)
}
