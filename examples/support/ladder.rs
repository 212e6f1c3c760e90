//! The ladder of a call: who sent what when, drawn from what both ends report.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use offhook_core::peer::prelude::{EndReason, Event, Events, SessionId, State};
use offhook_core::peer::{Runtime, SimplePeer};

use super::anywhere::sleep;
use super::wav::Failure;

/// Width between the two verticals.
const WIDTH: usize = 34;

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// From the left peer to the right one.
    Right,
    /// From the right peer to the left one.
    Left,
}

struct Rung {
    at: Instant,
    way: Way,
    text: String,
}

/// Collects the events of two peers. Every arrow stands for a message that its *receiver* reported.
pub struct Ladder {
    start: Instant,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    rungs: Vec<Rung>,
    /// Tasks that take notes.
    watchers: usize,
    /// Who waits for them to end.
    waker: Option<Waker>,
}

fn locked(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().expect("no holder panics")
}

impl Ladder {
    /// Watches the caller and the callee from now on, in tasks of their own: what they note is when it happened.
    pub fn watch<R: Runtime>(caller: &SimplePeer<R>, callee: &SimplePeer<R>) -> Result<Self, Failure> {
        let notes = Arc::<Mutex<Notes>>::default();
        for (peer, way_in) in [(caller, Way::Left), (callee, Way::Right)] {
            let events = peer.coordinator().events();
            locked(&notes).watchers += 1;
            drop(R::current()?.spawn(collect(peer.clone(), events, way_in, Arc::clone(&notes))));
        }
        Ok(Self { start: Instant::now(), notes })
    }

    /// Draws it, once both peers are shut down.
    pub async fn draw(self, left: &str, right: &str) -> String {
        let mut rungs = poll_fn(|cx| {
            let mut notes = locked(&self.notes);
            if notes.watchers == 0 {
                return Poll::Ready(std::mem::take(&mut notes.rungs));
            }
            notes.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        rungs.sort_by_key(|rung| rung.at);
        let mut lines = vec![format!("{:>12}  {left:<width$}{right:>5}", "ms", width = WIDTH)];
        for rung in rungs.iter() {
            let at = rung.at.duration_since(self.start).as_secs_f64() * 1e3;
            let label = format!(" {} ", rung.text);
            let arrow = match rung.way {
                Way::Right => format!("{label:-^width$}>", width = WIDTH - 1),
                Way::Left => format!("<{label:-^width$}", width = WIDTH - 1),
            };
            lines.push(format!("{at:>12.1}  |{arrow}|"));
        }
        lines.join("\n")
    }
}

/// Notes what `peer` reports until it is shut down.
async fn collect<R: Runtime>(peer: SimplePeer<R>, mut events: Events, way: Way, notes: Arc<Mutex<Notes>>) {
    let add = |text| locked(&notes).rungs.push(Rung { at: Instant::now(), way, text });
    while let Some(event) = events.next().await {
        if let Some(text) = arrival(&event, way) {
            add(text);
        }
        if let Event::Ended { session, reason: EndReason::LocalHangup, .. } = event
            && bye_confirmed(&peer, session).await
        {
            add("200 OK (BYE)".to_string());
        }
    }
    let mut notes = locked(&notes);
    notes.watchers -= 1;
    if let Some(waker) = notes.waker.take() {
        waker.wake();
    }
}

/// The message that must have arrived for this event to happen; `way` is the direction towards the reporter.
fn arrival(event: &Event, way: Way) -> Option<String> {
    let text = match event {
        Event::Incoming { .. } => "INVITE".to_string(),
        Event::Progress { status, phrase, .. } => format!("{status} {phrase}"),
        // The caller's "answered" is the arrival of the 200; the callee's is only our own decision.
        Event::Answered { .. } if way == Way::Left => "200 OK (INVITE)".to_string(),
        Event::Confirmed { .. } => "ACK".to_string(),
        Event::Ended { reason: EndReason::RemoteHangup, .. } => "BYE".to_string(),
        Event::Ended { reason: EndReason::Cancelled, .. } => "CANCEL".to_string(),
        Event::Ended { reason: EndReason::Rejected, status, phrase, .. } => {
            format!("{} {phrase}", status.unwrap_or_default())
        }
        _ => return None,
    };
    Some(text)
}

/// Waits until our BYE has been answered: the session leaves "being hung up" then, and not before 32 s without.
async fn bye_confirmed<R: Runtime>(peer: &SimplePeer<R>, session: SessionId) -> bool {
    let since = Instant::now();
    let registry = peer.coordinator().registry();
    while matches!(registry.state(session), Some(State::Terminating | State::HangupPending)) {
        sleep::<R>(Duration::from_millis(1)).await;
    }
    since.elapsed() < Duration::from_secs(30)
}
