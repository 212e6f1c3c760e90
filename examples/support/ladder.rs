//! The ladder of a call: who sent what when, drawn from what both ends report.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use offhook_tokio::{EndReason, Event, SimplePeer};

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

impl Way {
    const fn reversed(self) -> Self {
        match self {
            Self::Right => Self::Left,
            Self::Left => Self::Right,
        }
    }
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
            let mut events = peer.coordinator().events();
            let ladder = ladder.clone();
            tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    for (way, text) in arrivals(&event, way_in) {
                        ladder.add(way, text);
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

/// The messages that must have arrived for this event to happen; `way` is the direction towards the reporter.
fn arrivals(event: &Event, way: Way) -> Vec<(Way, String)> {
    let text = |text: &str| vec![(way, text.to_string())];
    match event {
        Event::Incoming { .. } => text("INVITE"),
        Event::Progress { status, phrase, .. } => text(&format!("{status} {phrase}")),
        // The caller's "answered" is the arrival of the 200; the callee's is only our own decision.
        Event::Answered { .. } if way == Way::Left => text("200 OK (INVITE)"),
        Event::Confirmed { .. } => text("ACK"),
        Event::Ended {
            reason: EndReason::RemoteHangup,
            ..
        } => text("BYE"),
        Event::Ended {
            reason: EndReason::LocalHangup,
            ..
        } => text("200 OK (BYE)"),
        Event::Ended {
            reason: EndReason::Cancelled,
            ..
        } => text("CANCEL"),
        Event::Ended {
            reason: EndReason::Rejected,
            status,
            phrase,
            ..
        } => text(&format!(
            "{} {phrase}",
            status.map_or_else(String::new, |status| status.to_string())
        )),
        Event::Ended { reason, .. } => vec![(way.reversed(), format!("(ended: {reason})"))],
        _ => Vec::new(),
    }
}
