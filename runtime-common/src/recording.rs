//! Traces in files.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use offhook_core::trace::{Recorder, SinkError};

/// A recorder that writes a new file, for [`Config::record`](offhook_core::peer::Config::record).
///
/// Every input is written before it is acted on, without a buffer of ours: what happened before a crash is in the file.
/// The write goes to the system's cache and holds the signalling up for that long; a slow network drive is no good
/// place for a trace. If a write fails the recording stops, the calls do not; see
/// [`UnifiedCoordinator::recording`](offhook_core::peer::UnifiedCoordinator::recording).
///
/// A trace names people and holds what they wrote to each other: on Unix only the owner may read the file (mode 600), one
/// that was there before included.
pub fn record_to_file(path: impl AsRef<Path>) -> io::Result<Recorder> {
    let mut file = create_private(path.as_ref())?;
    Ok(Recorder::new(move |octets: &[u8]| {
        file.write_all(octets).map_err(|error| SinkError(error.to_string()))
    }))
}

/// Creates a file, or empties it, for its owner's eyes only.
pub fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::fs::Permissions;
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        let file = options.mode(0o600).open(path)?;
        // Not a terminal's or a pipe's, which are somebody else's.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_may_read_a_trace() {
        let path = std::env::temp_dir().join(format!("offhook-private-{}", std::process::id()));
        for before in [None, Some(0o644)] {
            if let Some(mode) = before {
                std::fs::write(&path, "what was there").expect("a file");
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
            }
            drop(record_to_file(&path).expect("a recorder"));
            let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "before: {before:?}");
            std::fs::remove_file(&path).expect("it is ours");
        }
    }
}
