//! The ladder of a call: who sent what when, drawn from what both ends report.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use offhook_tokio::{EndReason, Event, Events, SessionId, SimplePeer, State, UnifiedCoordinator};
use tokio::task::JoinHandle;

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
    rungs: Arc<Mutex<Vec<Rung>>>,
    watchers: Vec<JoinHandle<()>>,
}

impl Ladder {
    /// Watches the caller and the callee from now on.
    pub fn watch(caller: &SimplePeer, callee: &SimplePeer) -> Self {
        let rungs = Arc::<Mutex<Vec<Rung>>>::default();
        let watch = |peer: &SimplePeer, way_in| {
            let coordinator = peer.coordinator().clone();
            let events = coordinator.events();
            tokio::spawn(collect(coordinator, events, way_in, Arc::clone(&rungs)))
        };
        let watchers = vec![watch(caller, Way::Left), watch(callee, Way::Right)];
        Self { start: Instant::now(), rungs, watchers }
    }

    /// Draws it, once both peers are shut down.
    pub async fn draw(self, left: &str, right: &str) -> String {
        for watcher in self.watchers {
            watcher.await.ok();
        }
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

/// Notes what `coordinator` reports until it is shut down.
async fn collect(
    coordinator: UnifiedCoordinator,
    mut events: Events,
    way: Way,
    rungs: Arc<Mutex<Vec<Rung>>>,
) {
    let add = |text| rungs.lock().expect("no holder panics").push(Rung { at: Instant::now(), way, text });
    while let Some(event) = events.next().await {
        if let Some(text) = arrival(&event, way) {
            add(text);
        }
        if let Event::Ended { session, reason: EndReason::LocalHangup, .. } = event
            && bye_confirmed(&coordinator, session).await
        {
            add("200 OK (BYE)".to_string());
        }
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
async fn bye_confirmed(coordinator: &UnifiedCoordinator, session: SessionId) -> bool {
    let since = Instant::now();
    let registry = coordinator.registry();
    while matches!(registry.state(session), Some(State::Terminating | State::HangupPending)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    since.elapsed() < Duration::from_secs(30)
}
