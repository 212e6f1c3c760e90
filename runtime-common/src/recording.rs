//! Traces in files.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use offhook_core::trace::{Recorder, SinkError};

/// A recorder that writes a new file, for [`Config::record`](offhook_core::peer::Config::record).
///
/// Every input is written before it is acted on, without a buffer of ours: what happened before a crash is in the file.
/// The write goes to the system's cache and holds the signalling up for that long; a slow network drive is no good
/// place for a trace. If a write fails the recording stops, the calls do not; see
/// [`UnifiedCoordinator::recording`](offhook_core::peer::UnifiedCoordinator::recording).
pub fn record_to_file(path: impl AsRef<Path>) -> io::Result<Recorder> {
    let mut file = File::create(path)?;
    Ok(Recorder::new(move |octets: &[u8]| {
        file.write_all(octets).map_err(|error| SinkError(error.to_string()))
    }))
}
