//! The writing side.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::pack::{Packer, crc32, write_varint};
use super::record::Record;
use super::redact::Redaction;
use super::{CHECK_LEN, MAGIC, RECORD_MAX, VERSION};
use crate::api::{Event, Output};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::media::MediaCommand;
use crate::session::{Input, State};

/// Octets that a trace may have if nobody says otherwise.
const BOUND: u64 = 256 << 20;
/// Octets of the last record of a trace that has reached its bound: its length, its kind, its checksum.
const FULL_LEN: u64 = 2 + CHECK_LEN as u64;

/// Why a sink takes no more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Where the octets of a trace go: a file of the runtime's, a buffer, a pipe.
///
/// Each call brings whole records, to be appended at once. It is called while the coordinator works: it must not
/// wait for anything slow. After the first error it is not called again.
pub trait Sink: Send {
    /// Appends `octets`.
    fn append(&mut self, octets: &[u8]) -> Result<(), SinkError>;
}

impl<F: FnMut(&[u8]) -> Result<(), SinkError> + Send> Sink for F {
    fn append(&mut self, octets: &[u8]) -> Result<(), SinkError> {
        self(octets)
    }
}

/// How a recording goes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecordingState {
    /// Everything is recorded.
    Running,
    /// The trace is as long as it may get.
    Full,
    /// The sink failed.
    Failed(SinkError),
}

/// What was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecordingStats {
    /// How it goes.
    pub state: RecordingState,
    /// Octets given to the sink.
    pub octets: u64,
    /// Records in them.
    pub records: u64,
    /// Records that came after the recording had stopped.
    pub missed: u64,
}

/// A session went from one state to another, seen in a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) session: SessionId,
    pub(super) from: State,
    pub(super) input: Input,
    pub(super) to: State,
}

/// Where records go.
enum Out {
    Sink(Box<dyn Sink>),
    /// Bodies of records and changes of state, for the replay to look at.
    Kept {
        bodies: VecDeque<Vec<u8>>,
        changes: VecDeque<Change>,
    },
}

/// Writes a trace. Give it to
/// [`UnifiedCoordinator::with_recorder`](crate::coordinator::UnifiedCoordinator::with_recorder), or to the settings
/// of a peer.
///
/// Trouble with the recording never hurts a call: it stops the recording, is told once in the log, and stays in the
/// [`RecordingStats`].
pub struct Recorder {
    out: Out,
    redaction: Redaction,
    bound: u64,
    stats: RecordingStats,
    checksum: u32,
    clock: Instant,
    /// Whether the last record said that everything had been put out.
    drained: bool,
    /// Records that the sink has not seen yet.
    pending: Vec<u8>,
    /// The record under construction.
    body: Vec<u8>,
}

impl Recorder {
    /// Records everything into `sink`, at most 256 MiB of it.
    pub fn new(sink: impl Sink + 'static) -> Self {
        let mut recorder = Self::with(Out::Sink(Box::new(sink)), Redaction::default());
        recorder.pending.extend_from_slice(&MAGIC);
        recorder.pending.push(VERSION);
        recorder.checksum = crc32(0, &recorder.pending);
        recorder
    }

    /// Keeps the bodies of the records of a replay.
    pub(super) fn keeping(redaction: Redaction) -> Self {
        Self::with(Out::Kept { bodies: VecDeque::new(), changes: VecDeque::new() }, redaction)
    }

    fn with(out: Out, redaction: Redaction) -> Self {
        let stats = RecordingStats { state: RecordingState::Running, octets: 0, records: 0, missed: 0 };
        Self {
            out,
            redaction,
            bound: BOUND,
            stats,
            checksum: 0,
            clock: Instant::ZERO,
            drained: false,
            pending: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The most octets that the trace may have. When the next record would not fit, the trace ends with a record
    /// that says so.
    #[must_use]
    pub const fn bound(mut self, octets: u64) -> Self {
        self.bound = octets;
        self
    }

    /// What to mask.
    #[must_use]
    pub const fn redact(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// What was recorded so far.
    pub const fn stats(&self) -> &RecordingStats {
        &self.stats
    }

    /// What is masked.
    pub(crate) const fn redaction(&self) -> Redaction {
        self.redaction
    }

    /// Writes a record. What the coordinator is told is handed to the sink before the coordinator acts on it; what
    /// comes of that follows when everything is put out, or with the next input.
    pub(crate) fn note(&mut self, record: &Record<'_>) {
        let drained = matches!(record, Record::Drained);
        if drained && self.drained {
            return;
        }
        self.drained = drained;
        if self.stats.state != RecordingState::Running {
            self.stats.missed += 1;
            return;
        }
        let mut body = core::mem::take(&mut self.body);
        body.clear();
        record.write(&mut Packer { out: &mut body, clock: &mut self.clock }, self.redaction);
        if let Out::Kept { bodies, .. } = &mut self.out {
            return bodies.push_back(body);
        }
        if body.len() > RECORD_MAX || self.frame(&body, FULL_LEN).is_none() {
            body.clear();
            Record::Full.write(&mut Packer { out: &mut body, clock: &mut self.clock }, self.redaction);
            // There is room for it, unless the bound is too small for any record: then the trace stays empty.
            if self.stats.records > 0 && self.frame(&body, 0).is_some() {
                self.flush();
            }
            if self.stats.state == RecordingState::Running {
                tracing::warn!(octets = self.stats.octets, "the trace is full: nothing more is recorded");
                self.stats.state = RecordingState::Full;
            }
        } else if drained || record.is_input() {
            self.flush();
        }
        self.body = body;
    }

    /// Writes what was put out, or that there was nothing.
    pub(crate) fn note_output(&mut self, output: Option<&Output>) {
        match output {
            Some(Output::Send(transmit)) => {
                self.note(&Record::Sent { path: transmit.path, payload: &transmit.payload });
            }
            Some(_) if self.stats.state != RecordingState::Running => self.note(&Record::Put("")),
            Some(output) => self.note(&Record::Put(&in_words(output, self.redaction))),
            None => self.note(&Record::Drained),
        }
    }

    /// Takes note of a change of state. It is no part of a trace, but a replay wants to show it.
    pub(crate) fn note_change(&mut self, session: SessionId, from: State, input: Input, to: State) {
        if let Out::Kept { changes, .. } = &mut self.out
            && from != to
        {
            changes.push_back(Change { session, from, input, to });
        }
    }

    /// The oldest body that was kept.
    pub(super) fn take_body(&mut self) -> Option<Vec<u8>> {
        match &mut self.out {
            Out::Kept { bodies, .. } => bodies.pop_front(),
            Out::Sink(_) => None,
        }
    }

    /// The oldest change that was kept.
    pub(super) fn take_change(&mut self) -> Option<Change> {
        match &mut self.out {
            Out::Kept { changes, .. } => changes.pop_front(),
            Out::Sink(_) => None,
        }
    }

    /// Appends length, body and checksum to what waits for the sink; `None` if that would leave less than `spare`
    /// octets below the bound.
    fn frame(&mut self, body: &[u8], spare: u64) -> Option<()> {
        let start = self.pending.len();
        write_varint(&mut self.pending, body.len() as u64);
        self.pending.extend_from_slice(body);
        let len = (self.pending.len() + CHECK_LEN) as u64;
        if self.stats.octets.saturating_add(len).saturating_add(spare) > self.bound {
            self.pending.truncate(start);
            return None;
        }
        self.checksum = crc32(self.checksum, self.pending.get(start..).unwrap_or_default());
        self.pending.extend_from_slice(&self.checksum.to_le_bytes());
        self.stats.records += 1;
        Some(())
    }

    fn flush(&mut self) {
        let Out::Sink(sink) = &mut self.out else { return };
        match sink.append(&self.pending) {
            Ok(()) => self.stats.octets += self.pending.len() as u64,
            Err(error) => {
                tracing::warn!(%error, "the trace cannot be written: nothing more is recorded");
                self.stats.state = RecordingState::Failed(error);
            }
        }
        self.pending.clear();
    }
}

impl Drop for Recorder {
    /// What waits for the sink is written, so that a trace holds all that came out before its coordinator went.
    fn drop(&mut self) {
        if self.stats.records > 0 && self.stats.state == RecordingState::Running && !self.pending.is_empty() {
            self.flush();
        }
    }
}

impl core::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Recorder")
            .field("redaction", &self.redaction)
            .field("bound", &self.bound)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// An output that is no message, in words.
fn in_words(output: &Output, redaction: Redaction) -> String {
    match output {
        Output::Media(MediaCommand::SendDtmf { media, digits }) if redaction.digits => {
            alloc::format!("Media(SendDtmf {{ media: {media}, digits: {} keys }})", digits.iter().count())
        }
        Output::Event(Event::Dtmf { session, .. }) if redaction.digits => {
            alloc::format!("Event(Dtmf {{ session: {session}, .. }})")
        }
        other => alloc::format!("{other:?}"),
    }
}
