//! Requests within a dialog (RFC 3261 section 12.2.2), and the responses to ours.

use super::UnifiedCoordinator;
use super::check::unspoken;
use super::ingress::Request;
use super::stateless::Within;
use crate::adapter::{Cause, Owner, Purpose};
use crate::api::Counter;
use crate::base::ids::{DialogId, SessionId};
use crate::dialog::Sequence;
use crate::session::{Input, State};
use crate::transaction::{ClientEvent, ClientEventKind, TransactionId};
use crate::wire::frame::{Facts, Frame};
use crate::wire::method::Method;

/// How a request of ours within a dialog ended.
pub(super) struct Outcome<'a> {
    /// The session that asked.
    pub(super) session: SessionId,
    /// Its transaction.
    pub(super) transaction: TransactionId,
    /// The final status; 408 or 503 where none came (section 8.1.3.1).
    pub(super) status: u16,
    /// Whether it is a 2xx to an INVITE that had one before.
    pub(super) again: bool,
    /// The final response, if one came.
    pub(super) response: Option<(&'a Frame<'a>, &'a Facts<'a>)>,
}

impl Outcome<'_> {
    /// Whether this outcome ends the dialog (section 12.2.1.2; RFC 5057 section 5.1 lists more).
    pub(super) fn ends_dialog(&self) -> bool {
        matches!(self.status, 408 | 481)
    }
}

impl UnifiedCoordinator {
    /// A request within a dialog or a subscription that is there.
    pub(super) fn receive_within(&mut self, request: &Request<'_>, within: Within) {
        let facts = request.facts;
        let (dialog, session) = match within {
            Within::Subscription(subscription) => return self.receive_in_subscription(request, subscription),
            Within::Dialog(dialog, session) => (dialog, session),
        };
        if self.board.is_foreign(dialog, request.path.remote) {
            return self.board.respond_plain(request.transaction, 403);
        }
        let contacts = self.board.config.peer_contacts;
        // A PRACK that a later request has overtaken is what we wait for all the same (RFC 3262 section 3).
        let overtaken = request.method == Method::Prack && self.awaits_prack(session, request.frame);
        if let Some(dialog) = self.board.registry.dialog_mut(dialog) {
            if dialog.receive_sequence(facts.cseq) == Sequence::OutOfOrder && !overtaken {
                self.board.counters.add(Counter::LowSequence);
                return self.board.respond_with(request.transaction, 500, "CSeq Out of Order", &[]);
            }
            dialog.heard_from(request.path, contacts);
            dialog.learn_methods(request.frame);
        }
        if let Err(refusal) = self.check(request) {
            return self.refuse(request.transaction, refusal);
        }
        // Whoever moves to where nothing of ours can go stays where it was.
        if matches!(request.method, Method::Invite | Method::Update)
            && let Some(dialog) = self.board.registry.dialog(dialog)
            && let Err(transport) = dialog.check_move(request.frame, contacts)
        {
            return self.refuse(request.transaction, unspoken(transport));
        }
        if self.is_early_callee(session, dialog) && self.receive_from_early(request, session, dialog) {
            return;
        }
        if request.method == Method::Bye
            && let Some(dialog) = self.board.registry.dialog_mut(dialog)
        {
            dialog.left = true;
        }
        if let Some(session) = self.board.registry.session_mut(session) {
            let ip = request.path.remote.ip();
            session.proven = Some(ip);
            session.invite.into_iter().for_each(|invite| self.board.layer.prove(invite, ip));
        }
        let known = self.board.registry.session(session);
        // A fork that answered and was refused has a dialog of its own, and no say in the call that was kept.
        let refused = known.and_then(|session| session.dialog).is_some_and(|kept| kept != dialog);
        let over =
            known.is_some_and(|session| matches!(session.state, State::Terminating | State::Terminated));
        match request.method {
            Method::Bye if refused => self.board.respond_plain(request.transaction, 200),
            Method::Bye => self.feed(session, Input::RxBye, self.cause_of(request, dialog)),
            _ if refused || over => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
            }
            // The application has been told of the end: nothing new comes after it.
            Method::Info | Method::Message if known.is_some_and(|session| session.end_told) => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
            }
            Method::Invite => self.receive_reinvite(request, session, dialog),
            Method::Prack => self.receive_prack(request, session, dialog),
            Method::Update => self.receive_update(request, session, dialog),
            Method::Refer => self.receive_refer(request, session, dialog),
            Method::Notify => self.receive_report(request, session),
            Method::Subscribe => self.refuse_sharing(request),
            Method::Info => self.receive_info(request, session),
            Method::Message => self.receive_message(request, Some(session)),
            // `check` has let nothing else pass.
            _ => self.answer_options(request, Some(request.transaction)),
        }
    }

    /// What a request brings about.
    #[expect(clippy::unused_self, reason = "it reads like the other steps")]
    pub(super) fn cause_of<'a>(&self, request: &Request<'a>, dialog: DialogId) -> Cause<'a> {
        Cause {
            message: Some((request.frame, request.facts)),
            path: Some(request.path),
            transaction: Some(request.transaction),
            dialog: Some(dialog),
            ..Cause::default()
        }
    }

    /// A response to a request of ours within a dialog. The last one, by which its owner learns the outcome, is handed on.
    pub(super) fn receive_dialog_response(
        &mut self,
        session: SessionId,
        purpose: Purpose,
        event: ClientEvent,
        frame: &Frame<'_>,
        facts: &Facts<'_>,
    ) {
        if event.kind == ClientEventKind::Provisional {
            return self.offer_goes_on(session, event, frame, facts);
        }
        self.board.layer.forget_message(event.tx);
        let ClientEvent { tx: transaction, status, again, .. } = event;
        let outcome = Outcome { session, transaction, status, again, response: Some((frame, facts)) };
        self.request_over(purpose, &outcome);
    }

    /// A request of ours within a dialog has its final response, or will never get one.
    pub(super) fn request_over(&mut self, purpose: Purpose, outcome: &Outcome<'_>) {
        match purpose {
            Purpose::Offer => self.offer_over(outcome),
            Purpose::Refresh => self.refresh_over(outcome),
            Purpose::Refer => self.refer_over(outcome),
            Purpose::Report(cseq) => self.report_over(outcome.session, cseq, outcome.status),
            Purpose::Key(key) => self.key_over(key, outcome),
            Purpose::Prack => self.prack_over(outcome),
        }
    }

    /// A request of ours within a dialog that got no response.
    pub(super) fn request_failed(&mut self, owner: Owner, transaction: TransactionId, status: u16) {
        if let Owner::Request { session, purpose } = owner {
            self.request_over(
                purpose,
                &Outcome { session, transaction, status, again: false, response: None },
            );
        }
    }
}
