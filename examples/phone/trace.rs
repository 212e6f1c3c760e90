//! `--record-trace` and `--ladder`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use offhook_common::create_private;
use offhook_core::trace::{Trace as Parsed, replay};
use offhook_tokio::{Recorder, RecordingState, RecordingStats, Redaction, SinkError, record_to_file};

use crate::options::Common;
use crate::wav::Failure;

/// What is to be kept of the signalling, and where.
pub struct Trace {
    file: Option<PathBuf>,
    page: Option<PathBuf>,
    /// The trace in memory, for the page.
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Trace {
    /// Looks whether the page can be written: better known before the call than after it.
    pub fn create(common: &Common) -> Result<Self, Failure> {
        let Common { record_trace: file, ladder: page, .. } = common.clone();
        if let Some(page) = &page {
            create_private(page).map_err(|error| format!("cannot write {}: {error}", page.display()))?;
        }
        Ok(Self { file, page, kept: Arc::default() })
    }

    /// What to record with, if anything is to be recorded.
    pub fn recorder(&self) -> Result<Option<Recorder>, Failure> {
        let mask = Redaction { credentials: true, digits: false };
        let told = |path: &PathBuf, error| format!("cannot write {}: {error}", path.display());
        let recorder = match (&self.file, &self.page) {
            (None, None) => return Ok(None),
            (Some(path), None) => record_to_file(path).map_err(|error| told(path, error))?,
            (path, Some(_)) => {
                let file = path.as_ref().map(|path| create_private(path).map_err(|error| told(path, error)));
                let (mut file, kept) = (file.transpose()?, Arc::clone(&self.kept));
                Recorder::new(move |octets: &[u8]| {
                    kept.lock().expect("no holder panics").extend_from_slice(octets);
                    let written = file.as_mut().map_or(Ok(()), |file| file.write_all(octets));
                    written.map_err(|error| SinkError(error.to_string()))
                })
            }
        };
        Ok(Some(recorder.redact(mask)))
    }

    /// Draws the page, and says if anything is missing.
    pub fn finish(&self, stats: Option<RecordingStats>) -> Result<(), Failure> {
        if let Some(path) = &self.page {
            let kept = self.kept.lock().expect("no holder panics");
            let mut ladder = replay(&Parsed::parse(&kept)?)?.ladder;
            ladder.set_title("Phone");
            create_private(path)
                .and_then(|mut page| page.write_all(ladder.to_html().as_bytes()))
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        }
        match stats.map(|stats| stats.state) {
            Some(RecordingState::Failed(error)) => Err(format!("the trace is not complete: {error}").into()),
            Some(RecordingState::Full) => Err("the trace is not complete: it reached its bound".into()),
            _ => Ok(()),
        }
    }
}
