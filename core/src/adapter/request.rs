//! Requests of ours within a dialog (RFC 3261 section 12.2.1), whatever they are for.

use super::{DialogAdapter, Owner, Purpose, Switchboard};
use crate::base::ids::DialogId;
use crate::base::index::Digest;
use crate::transaction::TransactionId;
use crate::wire::method::Method;

/// What a request within a dialog brings along besides what names the dialog.
#[derive(Clone, Copy, Default)]
pub(crate) struct Content<'a> {
    /// Further headers.
    pub(crate) headers: &'a [(&'a str, &'a [u8])],
    /// Header lines that are written out already, each ending with CR LF.
    pub(crate) lines: &'a [u8],
    /// Content type and body.
    pub(crate) body: Option<(&'a str, &'a [u8])>,
}

impl DialogAdapter<'_> {
    /// See [`Switchboard::request`].
    pub(crate) fn request(
        &mut self,
        id: DialogId,
        method: Method,
        owner: Owner,
        content: Content<'_>,
    ) -> Option<TransactionId> {
        self.board.request(id, method, owner, content)
    }
}

impl Switchboard {
    /// Whose message causes a request of this owner, if a share is kept of him: as many of his as he likes may want a PRACK or a report,
    /// and none of those need be answered. He is where the dialog began, whatever his Contacts say.
    fn causer_of(&mut self, id: DialogId, owner: Owner) -> Option<Digest> {
        let caused = matches!(owner, Owner::Request { purpose: Purpose::Prack | Purpose::Report(_), .. });
        let began_at = self.registry.dialog(id).filter(|_| caused)?.began_at();
        self.limited_source(began_at)
    }

    /// Sends a request within `dialog`, now or when its next hop's address is known, on behalf of `owner`, who gets the
    /// response. `None` if there is no way or no room, or the peer has left.
    pub(crate) fn request(
        &mut self,
        id: DialogId,
        method: Method,
        owner: Owner,
        content: Content<'_>,
    ) -> Option<TransactionId> {
        let board = self;
        let proofs = board.proofs(id, method, content.body.map_or(&[], |(_, body)| body));
        let source = board.causer_of(id, owner);
        let (transaction, branch) = board.layer.begin_for(board.now, method, source)?;
        let Some(dialog) = board.registry.dialog_mut(id).filter(|dialog| !dialog.left) else {
            board.layer.abandon(transaction);
            return None;
        };
        let cseq = dialog.next_sequence();
        let mut writer = dialog.request(method.as_str(), cseq, branch.as_bytes());
        for (name, value) in content.headers {
            writer.header(name, value);
        }
        writer.raw(content.lines);
        writer.raw(&proofs);
        writer.header("User-Agent", board.config.user_agent.as_bytes());
        let message = match content.body {
            Some((kind, body)) => writer.finish_with(kind, body),
            None => writer.finish(),
        };
        board.owners.insert(transaction, owner);
        if board.dispatch(id, Some(transaction), message) {
            return Some(transaction);
        }
        board.owners.remove(transaction);
        board.layer.abandon(transaction);
        None
    }
}
