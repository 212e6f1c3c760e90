//! Addresses that the runtime found.

use super::UnifiedCoordinator;
use super::errands::Done;
use crate::adapter::{Cause, Owner, Parked};
use crate::api::{NameFailure, QueryId, Refuser};
use crate::base::time::Instant;
use crate::dialog::Waiting;
use crate::session::Input;
use crate::transaction::TransactionId;
use crate::wire::is_one_host;
use crate::wire::path::Path;

impl UnifiedCoordinator {
    /// The answer to an [`Output::Resolve`](super::Output::Resolve). `Path::local` must be our address towards the
    /// remote: it goes into Via, Contact and the session description.
    pub fn handle_names(&mut self, now: Instant, query: QueryId, result: Result<Path, NameFailure>) {
        note!(self, Record::names(now, query, &result));
        self.advance(now);
        // Whoever owns a name decides what it stands for.
        let result = result.and_then(|path| match is_one_host(path.remote.ip()) {
            true => Ok(path),
            false => Err(NameFailure("the name stands for more than one host".into())),
        });
        match (self.board.unpark(query), result) {
            (Some(Parked::Invite(id)), Ok(path)) => {
                let Some(session) = self.board.registry.session_mut(id) else { return };
                if let Some(out) = &mut session.outgoing {
                    out.path = Some(path);
                }
                self.feed(id, Input::NamesFound, Cause::default());
            }
            (Some(Parked::Invite(id)), Err(failure)) => {
                let input = self.next_or(id, Input::NamesFailed);
                self.feed(id, input, Cause { phrase: &failure.0, ..Cause::default() });
            }
            (Some(Parked::Dialog(id)), result) => {
                let contacts = self.board.config.peer_contacts;
                let Some(dialog) = self.board.registry.dialog_mut(id) else { return };
                let result = result.map(|path| dialog.found_at(path, contacts));
                let left = dialog.left;
                for Waiting { transaction, message } in core::mem::take(&mut dialog.waiting) {
                    match (&result, transaction) {
                        // Whoever was hung up on asks nothing more (RFC 3261 section 15.1.2).
                        (Ok(_), Some(transaction)) if left => self.give_up(transaction),
                        (Ok(path), _) => self.board.launch_within(id, *path, transaction, message),
                        (Err(_), Some(transaction)) => self.give_up(transaction),
                        (Err(failure), None) => tracing::debug!(%failure, "an ACK has nowhere to go"),
                    }
                }
            }
            (Some(Parked::Errand(id)), found) => {
                self.errand_found(id, found.as_ref().copied().map_err(|failure| failure.0.as_str()));
            }
            (Some(Parked::Subscription(id)), found) => {
                self.notifier_found(id, found.as_ref().copied().map_err(|failure| failure.0.as_str()));
            }
            (Some(Parked::Registration(id)), found) => {
                self.registrar_found(id, found.as_ref().copied().map_err(|failure| failure.0.as_str()));
            }
            (None, _) => {}
        }
    }

    /// A request that will never be sent.
    fn give_up(&mut self, transaction: TransactionId) {
        self.board.layer.abandon(transaction);
        match self.board.owners.remove(transaction) {
            Some(Owner::Bye(session)) => self.feed(session, Input::RxByeDone, Cause::default()),
            Some(Owner::Subscribe(id)) => self.subscribe_answered(id, 503, None),
            Some(Owner::Notify(id)) => self.notify_answered(id, 503, None),
            Some(Owner::Register(id)) => self.register_answered(id, 503, None, Refuser::Network),
            Some(Owner::Errand(id)) => self
                .errand_over(id, Done { status: 503, phrase: "", refuser: Refuser::Network, message: None }),
            Some(owner) => self.request_failed(owner, transaction, 503),
            None => {}
        }
    }
}
