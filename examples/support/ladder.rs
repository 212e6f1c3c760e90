//! The ladder of a call: who sent what when, drawn from what both ends report.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use offhook_tokio::{EndReason, Event, SessionId, SimplePeer, State, UnifiedCoordinator};

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
#[derive(Clone)]
pub struct Ladder {
    start: Instant,
    rungs: Arc<Mutex<Vec<Rung>>>,
}

impl Ladder {
    /// Watches the caller and the callee from now on.
    pub fn watch(caller: &SimplePeer, callee: &SimplePeer) -> Self {
        let ladder = Self {
            start: Instant::now(),
            rungs: Arc::default(),
        };
        for (peer, way_in) in [(caller, Way::Left), (callee, Way::Right)] {
            let coordinator = peer.coordinator().clone();
            let mut events = coordinator.events();
            let ladder = ladder.clone();
            tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if let Some(text) = arrival(&event, way_in) {
                        ladder.add(way_in, text);
                    }
                    if let Event::Ended {
                        session,
                        reason: EndReason::LocalHangup,
                        ..
                    } = event
                        && bye_confirmed(&coordinator, session).await
                    {
                        ladder.add(way_in, "200 OK (BYE)".to_string());
                    }
                }
            });
        }
        ladder
    }

    fn add(&self, way: Way, text: String) {
        let rung = Rung {
            at: Instant::now(),
            way,
            text,
        };
        self.rungs.lock().expect("no holder panics").push(rung);
    }

    /// Draws it.
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
        Event::Ended {
            reason: EndReason::RemoteHangup,
            ..
        } => "BYE".to_string(),
        Event::Ended {
            reason: EndReason::Cancelled,
            ..
        } => "CANCEL".to_string(),
        Event::Ended {
            reason: EndReason::Rejected,
            status,
            phrase,
            ..
        } => {
            format!("{} {phrase}", status.unwrap_or_default())
        }
        _ => return None,
    };
    Some(text)
}

/// Waits until our BYE has been answered: the session leaves "being hung up" then, and not before 32 s without.
async fn bye_confirmed(coordinator: &UnifiedCoordinator, session: SessionId) -> bool {
    let since = Instant::now();
    let registry = coordinator.registry();
    while matches!(
        registry.state(session),
        Some(State::Terminating | State::HangupPending)
    ) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    since.elapsed() < Duration::from_secs(30)
}
