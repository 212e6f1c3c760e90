//! The session factory: what becomes of an INVITE that belongs to no session.

use alloc::sync::Arc;
use core::time::Duration;

use super::UnifiedCoordinator;
use super::closing::Closing;
use super::ingress::{Asked, Refusal, Request};
use super::stateless::usual;
use crate::adapter::{Cause, MediaAdapter, NO_PORT, Owner, local_media};
use crate::api::{Counter, Event, Output, Reliable};
use crate::auth::Origin;
use crate::base::ids::{SessionId, UserTag};
use crate::base::index::Digest;
use crate::dialog::{Dialog, Target};
use crate::sdp::{self, Answered};
use crate::session::{Input, Refresh, Reliability, Role, Session, SessionTimer};
use crate::signaling::{CommandError, InviteDetails, SessionCommands, SignalingDecision};
use crate::transaction::Arrival;
use crate::wire::multipart::description;
use crate::wire::text::parse_seconds;
use crate::wire::{HeaderList, HeaderName};

/// What an INVITE was found to be worth before anybody was asked.
struct Prepared<'a> {
    /// Where the caller wants requests.
    target: Target<'a>,
    /// Our answer to its offer; `None` if it brings no offer.
    answered: Option<Answered>,
    sdp_id: u64,
    /// Whose share it counts in.
    source: Option<Digest>,
    /// The call that it takes the place of.
    replaced: Option<SessionId>,
    /// What follows from its Session-Expires.
    refresh: Option<Refresh>,
}

impl UnifiedCoordinator {
    /// A new call: merged copies and impossible ones are refused, the interceptor is asked, and only then is there
    /// a session.
    pub(super) fn receive_invite(&mut self, asked: Asked<'_>, arrival: Arrival) {
        let Some(merged) = self.refuse_merged(&asked) else { return };
        let prepared = match self.prepare(&asked) {
            Ok(prepared) => prepared,
            Err(refusal) => return self.refuse_stateless(&asked, &refusal),
        };
        let Some(request) = &self.open(asked, arrival) else { return };
        self.remember(request, merged);
        let details =
            Arc::new(InviteDetails::of_invite(request.frame, request.path, prepared.answered.is_some()));
        let decision = self.interceptor.decide(&details);
        note!(self, Record::Decision((&decision).into()));
        match decision {
            SignalingDecision::Reject(status) => {
                let status = if (300..=699).contains(&status) { status } else { 500 };
                // Nothing is kept of it. A copy of the INVITE is asked about again.
                self.forget(request.transaction);
                self.reply_stateless(request, usual(status));
            }
            SignalingDecision::Accept if prepared.replaced.is_some() => {
                let admitted = self.admit(request, prepared, details, Input::AdmittedSilently, None);
                if let Some(session) = admitted {
                    // Once the application has heard of it.
                    self.board.arm(session, SessionTimer::Transfer, Duration::ZERO);
                }
            }
            SignalingDecision::Accept => {
                self.admit(request, prepared, details, Input::Admitted, None);
            }
            SignalingDecision::Defer(deferral) => {
                let input = if deferral.ring { Input::Admitted } else { Input::AdmittedSilently };
                self.admit(request, prepared, details, input, deferral.deadline);
            }
            SignalingDecision::Custom(action) => {
                let admitted = self.admit(request, prepared, details, Input::AdmittedSilently, None);
                if let Some(session) = admitted {
                    action(&mut Admitted { coordinator: self, session });
                }
            }
        }
    }

    /// What a request has in common with a copy of itself that took another way (RFC 3261 section 8.2.2.2).
    pub(super) fn merged_digest(&self, request: &Asked<'_>) -> Digest {
        let facts = request.facts;
        let parts = [
            facts.from_tag.unwrap_or_default(),
            facts.call_id,
            &facts.cseq.to_be_bytes(),
            request.method.as_str().as_bytes(),
        ];
        self.board.digests.digest(&parts)
    }

    /// Looks whether we could take the call at all.
    fn prepare<'a>(&mut self, request: &Asked<'a>) -> Result<Prepared<'a>, Refusal<'static>> {
        let ours = self.board.config.reliable;
        if ours == Reliable::Required && Reliability::of(request.frame, ours) == Reliability::None {
            return Err(Refusal::with(421, "Require", b"100rel".to_vec()));
        }
        let refresh = self.read_refresh(request.frame)?;
        let replaced = self.find_replaced(request)?;
        let board = &mut self.board;
        let target = Target::check_invite(
            request.frame,
            request.facts,
            board.config.peer_contacts,
            board.config.limits.routes_max,
        )?;
        // What a trunk or a proxy uses is used up for others, too, but its own share is all that there is.
        let (source, free) = (request.source, board.free());
        let has_room = free > 0 && source.is_none_or(|source| board.shares.has_room(source, free));
        // A call that takes over from one that is up goes on with it.
        let goes = self.closing == Closing::Down || (self.closing == Closing::Draining && replaced.is_none());
        if goes || !has_room {
            return Err(self.overload());
        }
        board.ask_for_ports();
        if board.ports.is_empty() {
            return Err(self.overload());
        }
        let sdp_id = board.rng.next_u64() >> 2;
        let local = local_media(board, &request.path, NO_PORT, sdp_id, sdp_id);
        let offer = description(request.frame, &board.config.limits.wire);
        let answered = if offer.is_empty() {
            None
        } else {
            let answered = sdp::answer(offer, &local);
            Some(answered.map_err(|error| self.unusable_offer(&error))?)
        };
        Ok(Prepared { target, answered, sdp_id, source, replaced, refresh })
    }

    /// Makes the session, maps it, tells the application, and hands it to the state machine: in this order.
    fn admit(
        &mut self,
        request: &Request<'_>,
        prepared: Prepared<'_>,
        details: Arc<InviteDetails>,
        input: Input,
        deadline: Option<Duration>,
    ) -> Option<SessionId> {
        let Some(id) = self.create_callee(request, prepared, &details) else {
            self.board.counters.add(Counter::Internal);
            self.board.respond_plain(request.transaction, 500);
            return None;
        };
        self.board.counters.add(Counter::Sessions);
        let mut patience = deadline.unwrap_or(self.board.config.answer_timeout);
        // An INVITE that expires before it is answered gets 487 (RFC 3261 section 13.3.1).
        let expires = request.frame.first(HeaderName::Expires).and_then(parse_seconds);
        let expires = expires.map(u64::from).map(Duration::from_secs);
        if let Some(expires) = expires.filter(|&expires| expires < patience) {
            patience = expires;
            if let Some(session) = self.board.registry.session_mut(id) {
                session.overdue = 487;
            }
        }
        self.board.arm(id, SessionTimer::Patience, patience);
        let decide_by = self.board.now + patience;
        self.board.outbox.push_back(Output::Event(Event::Incoming { session: id, details, decide_by }));
        self.feed(id, input, Cause::default());
        Some(id)
    }

    fn create_callee(
        &mut self,
        request: &Request<'_>,
        prepared: Prepared<'_>,
        details: &Arc<InviteDetails>,
    ) -> Option<SessionId> {
        let Prepared { target, answered, sdp_id, source, replaced, refresh } = prepared;
        let board = &mut self.board;
        let reliability = Reliability::of(request.frame, board.config.reliable);
        let nonce = board.secret.next_u64();
        let id = board.registry.create(nonce, |tag| Session::new(Role::Uas, tag, UserTag::default()))?;
        let routes_max = board.config.limits.routes_max;
        let tag = board.registry.session(id)?.local_tag;
        let made =
            Dialog::from_invite(id, request.frame, request.facts, target, &tag, request.path, routes_max);
        let dialog = made.and_then(|dialog| board.registry.add_dialog(dialog));
        let mut media = MediaAdapter { board, session: id };
        // A caller who requires reliable responses and makes no offer is due ours with the first of them.
        let offers = answered.is_none() && reliability == Reliability::Required;
        if dialog.is_none() || !media.begin(sdp_id) || (offers && !media.lease()) {
            media.close();
            board.registry.remove(id);
            return None;
        }
        let mut digest = None;
        if let Some(Owner::Incoming { session, merged }) = board.owners.get_mut(request.transaction) {
            *session = Some(id);
            digest = Some(*merged);
            board.merged.hold(*merged);
        }
        if let Some(source) = source {
            board.shares.charge(source);
        }
        let by_party = board.parties.is_at(request.path.remote);
        let session = board.registry.session_mut(id)?;
        session.origin = Origin::Theirs { by_party };
        session.merged = digest;
        session.dialog = dialog;
        session.invite = Some(request.transaction);
        session.invite_cseq = request.facts.cseq;
        session.late_offer = answered.is_none();
        session.details = Some(details.clone());
        session.source = source;
        session.half_open = source.is_some();
        session.refresh = refresh;
        if replaced.is_some() {
            session.transfers.get_or_insert_default().takes_over = replaced;
        }
        session.reliability = reliability;
        if let Some(answered) = answered {
            MediaAdapter { board, session: id }.adopt_answer(answered);
        }
        Some(id)
    }
}

/// A session that a custom decision has in hand.
struct Admitted<'a> {
    coordinator: &'a mut UnifiedCoordinator,
    session: SessionId,
}

impl SessionCommands for Admitted<'_> {
    fn session(&self) -> SessionId {
        self.session
    }
    fn set_tag(&mut self, tag: UserTag) {
        note!(self.coordinator, Record::ActionTag(tag));
        if let Some(session) = self.coordinator.board.registry.session_mut(self.session) {
            session.tag = tag;
        }
    }
    fn ring(&mut self) -> Result<(), CommandError> {
        note!(self.coordinator, Record::ActionRing);
        self.coordinator.ring_now(self.session, HeaderList::EMPTY)
    }
    fn answer(&mut self) -> Result<(), CommandError> {
        note!(self.coordinator, Record::ActionAnswer);
        self.coordinator.answer_now(self.session, HeaderList::EMPTY)
    }
    fn reject(&mut self, status: u16) -> Result<(), CommandError> {
        note!(self.coordinator, Record::ActionReject(status));
        self.coordinator.reject_now(self.session, status, HeaderList::EMPTY)
    }
}
