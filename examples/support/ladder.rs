//! The ladder of a call: every message, as one side's recorded signalling has it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use offhook_core::trace::{Recorder, Trace, replay};

use crate::conversation::wav::Failure;

/// A recording in memory, to be drawn.
#[derive(Default)]
pub struct Ladder(Arc<Mutex<Vec<u8>>>);

impl Ladder {
    /// Records a peer from its start on.
    pub fn recorder(&self) -> Recorder {
        let kept = Arc::clone(&self.0);
        Recorder::new(move |octets: &[u8]| {
            kept.lock().expect("no holder panics").extend_from_slice(octets);
            Ok(())
        })
    }

    /// Draws what was recorded; `name` is who is at `other`.
    pub fn draw(&self, other: SocketAddr, name: &str) -> Result<String, Failure> {
        let kept = self.0.lock().expect("no holder panics");
        let mut ladder = replay(&Trace::parse(&kept)?)?.ladder;
        ladder.party(&other.to_string(), name);
        Ok(ladder.to_text())
    }
}
