//! What is over, until the loop frees it.
//!
//! The loop has allocated it, and where each thread has memory of its own, whoever frees that of another thread takes the lock
//! that this one allocates under. A task of the application that ends with its call would have a busy loop wait; so it leaves
//! here what it had. While the loop sleeps, everybody frees by himself.

use std::sync::Arc;

use crate::signaling::InviteDetails;

use super::entry::Entry;
use super::signalling::{Signalling, Stage};

/// What is over, until the loop frees it.
#[derive(Default)]
pub(crate) struct Spent {
    entries: Vec<Entry>,
    invites: Vec<Arc<InviteDetails>>,
}

/// What came of a handle that was dropped.
pub(crate) enum LetGo {
    /// Its call is up, or not decided about.
    Alive,
    /// Its call was over, and the loop sees to the rest.
    Left,
    /// The same while the loop sleeps: the caller sees to it.
    Settle,
}

impl Spent {
    pub(crate) const fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.invites.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.invites.clear();
    }
}

impl Signalling {
    /// Whether the loop is awake: then it looks at all there is before it sleeps.
    pub(super) fn loop_runs(&self) -> bool {
        self.driver.is_none() && self.stage != Stage::Closed
    }

    /// Nobody knows of this call any more.
    pub(super) fn leave_entry(&mut self, entry: Entry) {
        if self.loop_runs() {
            self.spent.entries.push(entry);
        }
    }

    /// Nobody asks what was in this INVITE any more.
    pub(super) fn leave_invite(&mut self, details: Arc<InviteDetails>) {
        if self.loop_runs() {
            self.spent.invites.push(details);
        }
    }
}
