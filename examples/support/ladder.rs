//! The ladder of a call: who sent what when, drawn from what both ends report.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_lite::future::zip;
use offhook_core::peer::prelude::{EndReason, Event, SessionId, State};
use offhook_core::peer::{Runtime, SimplePeer};

use super::anywhere::sleep;

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
    rungs: Mutex<Vec<Rung>>,
}

impl Ladder {
    pub fn new() -> Self {
        Self { start: Instant::now(), rungs: Mutex::default() }
    }

    /// Watches the caller and the callee until both are shut down.
    pub async fn watch<R: Runtime>(&self, caller: &SimplePeer<R>, callee: &SimplePeer<R>) {
        zip(self.collect(caller, Way::Left), self.collect(callee, Way::Right)).await;
    }

    /// Notes what `peer` reports until it is shut down.
    async fn collect<R: Runtime>(&self, peer: &SimplePeer<R>, way: Way) {
        let add = |text| {
            self.rungs.lock().expect("no holder panics").push(Rung { at: Instant::now(), way, text });
        };
        let mut events = peer.coordinator().events();
        while let Some(event) = events.next().await {
            if let Some(text) = arrival(&event, way) {
                add(text);
            }
            if let Event::Ended { session, reason: EndReason::LocalHangup, .. } = event
                && bye_confirmed(peer, session).await
            {
                add("200 OK (BYE)".to_string());
            }
        }
    }

    /// Draws it, once both peers are shut down.
    pub fn draw(&self, left: &str, right: &str) -> String {
        let mut rungs = self.rungs.lock().expect("no holder panics");
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
