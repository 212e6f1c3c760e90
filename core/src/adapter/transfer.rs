//! REFER and its reports, as requests of ours within a call (RFC 3515).

use alloc::vec::Vec;

use super::request::Content;
use super::{DialogAdapter, Owner, Purpose, contact};
use crate::base::ids::DialogId;
use crate::session::Referral;
use crate::transaction::TransactionId;
use crate::wire::method::Method;
use crate::wire::refer::SIPFRAG_TYPE_SENT;
use crate::wire::text::{Decimal, Sink as _};

impl DialogAdapter<'_> {
    /// Asks the peer to call somebody else (RFC 3515 section 2.4.1). Gives the transaction of the REFER and its number.
    pub(crate) fn refer(
        &mut self,
        id: DialogId,
        refer_to: &[u8],
        reported: bool,
    ) -> Option<(TransactionId, u32)> {
        let dialog = self.board.registry.dialog(id)?;
        let contact = contact(self.board, &dialog.path);
        let mut by = Vec::from(b"<");
        by.put(dialog.local_uri());
        by.put(b">");
        // A peer that does not know Refer-Sub reports all the same (RFC 4488 section 4).
        let headers: [(&str, &[u8]); 5] = [
            ("Contact", &contact),
            ("Refer-To", refer_to),
            ("Referred-By", &by),
            ("Supported", self.board.supported),
            ("Refer-Sub", b"false"),
        ];
        let headers = headers.get(..if reported { 4 } else { 5 }).unwrap_or_default();
        let owner = Owner::Request { session: self.session, purpose: Purpose::Refer };
        let content = Content { headers, ..Content::default() };
        let transaction = self.request(id, Method::Refer, owner, content)?;
        Some((transaction, self.board.registry.dialog(id)?.last_sequence()))
    }

    /// Accepts a REFER (section 2.4.2), and says whether nothing will be reported (RFC 4488 section 4).
    pub(crate) fn grant_refer(&mut self, id: DialogId, transaction: TransactionId, reported: bool) {
        let Some(dialog) = self.board.registry.dialog(id) else { return };
        let contact = contact(self.board, &dialog.path);
        let headers: [(&str, &[u8]); 3] =
            [("Contact", &contact), ("Supported", self.board.supported), ("Refer-Sub", b"false")];
        let headers = headers.get(..if reported { 2 } else { 3 }).unwrap_or_default();
        self.board.respond_with(transaction, 202, "Accepted", headers);
    }

    /// Reports how the transfer goes (section 2.4.4): `state` is the beginning of Subscription-State.
    pub(crate) fn report(
        &mut self,
        id: DialogId,
        referral: &Referral,
        state: &[u8],
        status: u16,
        phrase: &str,
    ) {
        let Some(dialog) = self.board.registry.dialog(id) else { return };
        let contact = contact(self.board, &dialog.path);
        let mut event = Vec::from(b"refer");
        if referral.numbered {
            event.put(b";id=");
            event.put_number(u64::from(referral.cseq));
        }
        let mut subscription = Vec::from(state);
        if state != OVER {
            let left = referral.until.saturating_since(self.board.now).as_secs();
            subscription.put(b";expires=");
            subscription.put_number(left);
        }
        let mut body = Vec::from(b"SIP/2.0 ");
        for part in [Decimal::new(u64::from(status)).as_bytes(), b" ", phrase.as_bytes(), b"\r\n"] {
            body.put(part);
        }
        let headers: [(&str, &[u8]); 3] =
            [("Contact", &contact), ("Event", &event), ("Subscription-State", &subscription)];
        let owner = Owner::Request { session: self.session, purpose: Purpose::Report(referral.cseq) };
        let body = Some((SIPFRAG_TYPE_SENT, body.as_slice()));
        let content = Content { headers: &headers, body, ..Content::default() };
        // To a peer that has hung up nothing is sent any more; the new call does not depend on it.
        let sent = self.request(id, Method::Notify, owner, content);
        tracing::debug!(session = %self.session, status, sent = sent.is_some(), "transfer reported");
    }
}

/// Subscription-State of the last report (section 2.4.7).
pub(crate) const OVER: &[u8] = b"terminated;reason=noresource";
