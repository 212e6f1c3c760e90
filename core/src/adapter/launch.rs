//! Requests on their way out, and how often they may be repeated to somebody who may not be there.

use bytes::Bytes;

use super::{Owner, Purpose, Switchboard};
use crate::base::ids::DialogId;
use crate::dialog::{DialogUser, Proof};
use crate::transaction::TransactionId;
use crate::wire::path::{Path, Transmit};

/// Copies of a request that goes where the peer says that it is, and has not been heard from.
const COPIES_ELSEWHERE: u32 = 3;

impl Switchboard {
    /// Sends a request within a dialog. Its copies are bounded if it goes to where nobody may ever have asked for it.
    pub(crate) fn launch_within(
        &mut self,
        id: DialogId,
        path: Path,
        transaction: Option<TransactionId>,
        message: Bytes,
    ) {
        let proof = self.registry.dialog(id).map_or(Proof::Here, |it| it.proof_of(path.remote.ip()));
        if let Some(transaction) = transaction
            && proof != Proof::Here
            && !self.is_trusted(path.remote.ip())
            && !self.parties.is_at(path.remote)
        {
            let user = self.registry.dialog(id).map(|dialog| dialog.user);
            let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
            let allowed = match proof {
                // The first NOTIFY is what a subscription is for; the BYE of a call that nobody acknowledged is not needed.
                Proof::Nowhere if matches!(user, Some(DialogUser::Subscription(_))) => {
                    self.left_for(id).max(length)
                }
                Proof::Nowhere => self.left_for(id),
                _ => length.saturating_mul(1 + COPIES_ELSEWHERE),
            };
            self.layer.limit(transaction, allowed);
        }
        self.issue_offer(transaction);
        self.launch(path, transaction, message);
    }

    /// The description in an offer of ours within a call counts as one when it leaves (RFC 3264 section 8).
    fn issue_offer(&mut self, transaction: Option<TransactionId>) {
        let owner = transaction.and_then(|it| self.owners.get(it));
        if let Some(Owner::Request { session, purpose: Purpose::Offer }) = owner
            && let Some(media) = self.registry.session_mut(*session).and_then(|it| it.media.as_mut())
        {
            media.unissued = false;
        }
    }

    /// Octets that may still be sent because of the request that made this dialog.
    fn left_for(&self, id: DialogId) -> u32 {
        let made_by = match self.registry.dialog(id).map(|dialog| dialog.user) {
            Some(DialogUser::Session(id)) => {
                let session = self.registry.session(id);
                match session.and_then(|it| it.invite).filter(|it| self.layer.state(*it).is_some()) {
                    Some(invite) => Some(invite),
                    None => return session.map_or(0, |it| it.left),
                }
            }
            Some(DialogUser::Subscription(id)) => self.registry.subscription(id).and_then(|it| it.opened_by),
            None => None,
        };
        made_by.map_or(0, |asked| self.layer.left(asked))
    }

    /// Sends a request whose path is known.
    pub(crate) fn launch(&mut self, path: Path, transaction: Option<TransactionId>, message: Bytes) {
        match transaction {
            Some(transaction) => {
                self.with_layer(|layer, now, send| layer.send(now, transaction, path, message, send));
            }
            None => self.send(Transmit { path, payload: message }),
        }
    }
}
