//! What comes without making or changing a call: OPTIONS (RFC 3261 section 11) and MESSAGE (RFC 3428).

use alloc::sync::Arc;

use smallvec::SmallVec;

use super::UnifiedCoordinator;
use super::check::is_type;
use super::closing::Closing;
use super::ingress::{Asked, Refusal, Request};
use super::stateless::usual;
use crate::adapter::{Owner, contact, local_media};
use crate::api::{Counter, Event, Output};
use crate::base::ids::SessionId;
use crate::base::index::Digest;
use crate::media::MediaPort;
use crate::sdp;
use crate::signaling::MessageDetails;
use crate::transaction::{Reply, TransactionId};
use crate::wire::{HeaderName, ReplyHead, SDP_TYPE, reason_phrase};

/// Octets that an answer to a stranger may be larger than the request for the sake of a session description.
const GROWTH_MAX: usize = 128;
/// Octets that the body of a message may have.
const MESSAGE_BODY_MAX: usize = 16_384;

impl UnifiedCoordinator {
    /// OPTIONS outside any dialog: what an INVITE would get (section 11.2), as far as that can be told without one.
    pub(super) fn receive_options(&mut self, request: &Asked<'_>) {
        if self.closing != Closing::Open || self.board.registry.is_full() {
            let refusal = self.overload();
            return self.refuse_stateless(request, &refusal);
        }
        let details = MessageDetails::new(request.frame, request.path);
        if let Some(status) = self.interceptor.options(&details) {
            note!(self, Record::Decision(crate::trace::Decided::Reject(status)));
            return self.reply_stateless(request, usual(status));
        }
        self.answer_options(request, None);
    }

    /// What we can do (section 11.2). Without a transaction the same is said to each copy of the request.
    pub(super) fn answer_options(&mut self, request: &Asked<'_>, transaction: Option<TransactionId>) {
        let digest = self.stateless_digest(request.facts);
        let board = &mut self.board;
        let (agent, allow, accept) = (board.agent.clone(), board.allow.clone(), board.accept.clone());
        let (own, packages) = (contact(board, &request.path), board.packages.clone());
        let events = board.config.event_packages.join(", ");
        let known = request.facts.to_tag.is_some();
        let mut headers: SmallVec<[(&str, &[u8]); 8]> = SmallVec::from_iter([
            ("Allow", &allow[..]),
            ("Supported", board.supported),
            ("Accept", SDP_TYPE.as_bytes()),
            ("Accept-Encoding", b"identity"),
        ]);
        if known {
            headers.extend([("Contact", own.as_slice()), ("Server", agent.as_bytes())]);
        }
        for (name, list) in [("Allow-Events", events.as_bytes()), ("Recv-Info", packages.as_bytes())] {
            if !list.is_empty() {
                headers.push((name, list));
            }
        }
        let id = digest.bits() >> 2;
        let nowhere = MediaPort { key: 0, rtp: 0, rtcp: 0 };
        let body = sdp::capabilities(&local_media(board, &request.path, nowhere, id, id));
        // Who says nothing takes it, but a stranger must not get much more than was sent: anybody could have sent that.
        let mut accepts = request.frame.values(HeaderName::Accept).peekable();
        let takes = accepts.peek().is_none() || accepts.any(|value| is_type(value, SDP_TYPE));
        let copied = ReplyHead::new(request.frame, Some(request.facts), &request.path).len();
        let octets: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let fits = |more: usize| known || copied + octets + more <= request.frame.bytes().len() + GROWTH_MAX;
        if fits(accept.len()) {
            headers.retain(|(name, _)| *name != "Accept");
            headers.push(("Accept", &accept));
        }
        let fits = fits(accept.len() + body.len());
        let body = Some(body).filter(|_| takes && fits);
        let body = body.as_deref().map(|body| (SDP_TYPE, body));
        let tag = board.random_text();
        let (status, reason) = (200, reason_phrase(200));
        let reply = Reply { status, reason, to_tag: Some(&tag), record_route: false, extra: &headers, body };
        match transaction {
            Some(transaction) => board.respond(transaction, reply),
            None => self.reply_stateless(request, reply),
        }
    }

    /// What a copy of the request would be known by that took another way (section 8.2.2.2). If this is such a copy it gets
    /// its 482.
    pub(super) fn refuse_merged(&mut self, request: &Asked<'_>) -> Option<Digest> {
        let merged = self.merged_digest(request);
        if self.board.merged.has(self.board.now, merged) {
            self.board.counters.add(Counter::Merged);
            self.refuse_stateless(request, &Refusal::plain(482));
            return None;
        }
        Some(merged)
    }

    /// Remembers a request for those that would be merged with it: as long as its transaction, and what comes of it, and
    /// T4 after that.
    pub(super) fn remember(&mut self, request: &Request<'_>, merged: Digest) {
        self.board.merged.add(merged, request.transaction);
        self.board.owners.insert(request.transaction, Owner::Incoming { merged, session: None });
    }

    /// Whether a message is one that anybody here could read.
    pub(super) fn check_message(&mut self, request: &Asked<'_>) -> Result<(), Refusal<'static>> {
        if request.frame.body().len() > MESSAGE_BODY_MAX {
            return Err(Refusal::plain(413));
        }
        check_encoding(request)?;
        if request.facts.to_tag.is_none() && self.closing == Closing::Down {
            return Err(self.overload());
        }
        Ok(())
    }

    /// MESSAGE, within a call or not: the application gets it (RFC 3428 section 7). What it cannot mean is refused.
    pub(super) fn receive_message(&mut self, request: &Request<'_>, session: Option<SessionId>) {
        let frame = request.frame;
        if session.is_some()
            && let Err(refusal) = self.check_message(request)
        {
            return self.refuse(request.transaction, refusal);
        }
        self.board.respond_plain(request.transaction, 200);
        let message = Arc::new(MessageDetails::new(frame, request.path));
        self.board.outbox.push_back(Output::Event(Event::Message { session, message }));
    }
}

/// A body that is compressed is none that anybody here can read (RFC 3261 section 8.2.3).
pub(super) fn check_encoding(request: &Asked<'_>) -> Result<(), Refusal<'static>> {
    match request.frame.first(HeaderName::ContentEncoding) {
        Some(encoding) if !encoding.eq_ignore_ascii_case(b"identity") => {
            Err(Refusal::with(415, "Accept-Encoding", b"identity".to_vec()))
        }
        _ => Ok(()),
    }
}
