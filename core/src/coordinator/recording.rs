//! A coordinator that is recorded.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::UnifiedCoordinator;
use crate::api::CoordinatorConfig;
use crate::base::time::Instant;
use crate::signaling::SignalingHandler;
use crate::trace::{Record, Recorder, RecordingStats};

impl UnifiedCoordinator {
    /// A coordinator that asks `handler` about each call and records all that it is told and all that it puts out.
    ///
    /// Screens belong to the handler: what is recorded is what they and the handler decided together.
    pub fn with_recorder(
        config: CoordinatorConfig,
        handler: Box<dyn SignalingHandler>,
        seed: [u8; 32],
        now: Instant,
        mut recorder: Recorder,
    ) -> Self {
        let settings = Box::new(config.clone());
        let redaction = recorder.redaction();
        recorder.note(&Record::Start { now, seed, config: Cow::Borrowed(&settings), redaction });
        let mut coordinator = Self::with_handler(config, handler, seed, now);
        coordinator.board.keys.note();
        coordinator.recorder = Some(Box::new(recorder));
        coordinator
    }

    /// How the recording goes; `None` if there is none.
    pub fn recording(&self) -> Option<&RecordingStats> {
        self.recorder.as_ref().map(|recorder| recorder.stats())
    }

    /// The recorder, for a replay to look at what it kept.
    pub(crate) fn recorder_mut(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    /// Records what was computed of passwords since the last time, before whatever comes next.
    pub(crate) fn note_proofs(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            for response in self.board.keys.take_noted() {
                recorder.note(&Record::Proof(&response));
            }
        }
    }

    /// In a replay: what passwords that it does not know will come to.
    pub(crate) fn follow_proofs(&mut self, script: VecDeque<Vec<u8>>) {
        self.board.keys.follow(script);
    }

    /// Outputs that nobody has taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.board.outbox.len()
    }

    /// Puts another handler in the place of the first and of all screens.
    pub(crate) fn replace_handler(&mut self, handler: Box<dyn SignalingHandler>) {
        self.interceptor = crate::signaling::SignalingInterceptor::new(handler);
    }
}
