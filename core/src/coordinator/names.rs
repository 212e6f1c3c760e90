//! Addresses that the runtime found.

use super::UnifiedCoordinator;
use crate::adapter::{Cause, Owner, Parked};
use crate::api::{NameFailure, QueryId};
use crate::base::time::Instant;
use crate::session::Input;
use crate::wire::path::Path;

impl UnifiedCoordinator {
    /// The answer to an [`Output::Resolve`](super::Output::Resolve). `Path::local` must be our address towards the
    /// remote: it goes into Via, Contact and the session description.
    pub fn handle_names(&mut self, now: Instant, query: QueryId, result: Result<Path, NameFailure>) {
        self.advance(now);
        match (self.board.parked.remove(query), result) {
            (Some(Parked::Invite(id)), Ok(path)) => {
                let Some(session) = self.board.registry.session_mut(id) else { return };
                if let Some(out) = &mut session.outgoing {
                    out.path = Some(path);
                }
                self.feed(id, Input::NamesFound, Cause::default());
            }
            (Some(Parked::Invite(id)), Err(failure)) => {
                self.feed(id, Input::NamesFailed, Cause { phrase: &failure.0, ..Cause::default() });
            }
            (Some(Parked::Request { dialog, transaction, message }), Ok(path)) => {
                if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
                    dialog.path.remote = path.remote;
                    dialog.hop_known = true;
                }
                self.board.launch(path, transaction, message);
            }
            (Some(Parked::Request { transaction: Some(transaction), .. }), Err(_)) => {
                self.board.layer.abandon(transaction);
                if let Some(Owner::Bye(session)) = self.board.owners.remove(transaction) {
                    self.feed(session, Input::RxByeDone, Cause::default());
                }
            }
            (Some(Parked::Request { transaction: None, .. }), Err(failure)) => {
                tracing::debug!(%failure, "an ACK has nowhere to go");
            }
            (None, _) => {}
        }
    }
}
