//! Subscriptions of ours (RFC 6665 section 4.1).
//!
//! The dialog is that of the first NOTIFY, which may come before the 200 (section 4.4.1). A SUBSCRIBE that forks can bring
//! several; the first is kept, and the others are told that there is no such subscription.

use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use super::UnifiedCoordinator;
use super::closing::Closing;
use super::commands::{bad, check_lines};
use super::ingress::{Refusal, Request};
use super::notify::retry_after;
use super::transitions::printable;
use crate::adapter::SubscriptionEnd;
use crate::api::{Counter, Event, Output, Refuser, SubscriptionState};
use crate::base::ids::SubscriptionId;
use crate::base::time::Instant;
use crate::dialog::{Dialog, Sequence, Target};
use crate::signaling::{CommandError, MessageDetails};
use crate::subscription::{EventName, Phase, read_state};
use crate::wire::frame::{Frame, StartLine};
use crate::wire::path::Path;
use crate::wire::text::parse_leading_seconds;
use crate::wire::{HeaderName, check_text, reason_phrase};

impl UnifiedCoordinator {
    /// Subscribes to `event` of `target` for as long as `expires` says; it is refreshed until
    /// [`unsubscribe`](Self::unsubscribe). What happens comes as [`Event::Subscribed`], [`Event::Notified`] and, once,
    /// [`Event::SubscriptionEnded`].
    pub fn subscribe(
        &mut self,
        now: Instant,
        target: &str,
        event: &str,
        expires: Duration,
    ) -> Result<SubscriptionId, CommandError> {
        self.subscribe_with(now, target, event, expires, &[])
    }

    /// The same with header fields of the application, such as `Accept`.
    pub fn subscribe_with(
        &mut self,
        now: Instant,
        target: &str,
        event: &str,
        expires: Duration,
        headers: &[(&str, &str)],
    ) -> Result<SubscriptionId, CommandError> {
        note!(self, Record::asked(now, Asked::Subscribe { target, event, expires, headers: headers.into() }));
        self.advance(now);
        if self.closing != Closing::Open {
            return Err(CommandError::ShuttingDown);
        }
        let target = self.target_of(target)?;
        let lines = check_lines(headers, &target)?;
        check_text(event).map_err(|error| bad("event", error))?;
        if EventName::parse(event.as_bytes()).is_none() {
            return Err(bad("event", "it names a package, such as presence or dialog;id=7"));
        }
        let seconds = u32::try_from(expires.as_secs()).unwrap_or(u32::MAX);
        let limit = self.board.config.limits.subscriptions_max;
        self.board.begin_subscription(target, event, seconds, lines).ok_or(CommandError::Full { limit })
    }

    /// Ends a subscription of ours (section 4.1.2.3). The last NOTIFY may still come.
    pub fn unsubscribe(&mut self, now: Instant, id: SubscriptionId) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Unsubscribe { subscription: id }));
        self.advance(now);
        let found = self.board.registry.subscription(id).ok_or(CommandError::NoSuchSubscription)?;
        if !found.phase.is_ours() {
            return Err(bad("subscription", "it is the peer's: notify it that it is terminated"));
        }
        self.leave(id);
        Ok(())
    }

    /// Ends a subscription of ours, whatever that takes.
    pub(super) fn leave(&mut self, id: SubscriptionId) {
        let Some(found) = self.board.registry.subscription(id) else { return };
        match found.phase {
            Phase::Unsubscribing => {}
            Phase::Resolving => self.board.end_subscription(id, SubscriptionEnd::default()),
            // Without a dialog there is nothing to unsubscribe from: the first NOTIFY makes one.
            _ if found.dialog.is_none() => self.set_phase(id, Phase::Unsubscribing),
            _ => self.unsubscribe_now(id),
        }
    }

    fn unsubscribe_now(&mut self, id: SubscriptionId) {
        self.set_phase(id, Phase::Unsubscribing);
        if self.board.send_subscribe(id, 0).is_none() {
            return self.board.end_subscription(id, SubscriptionEnd::default());
        }
        let timer_n = self.board.config.timing.give_up();
        self.board.arm_subscription(id, timer_n);
    }

    pub(super) fn set_phase(&mut self, id: SubscriptionId, phase: Phase) {
        if let Some(subscription) = self.board.registry.subscription_mut(id) {
            subscription.phase = phase;
        }
    }

    /// The address of the notifier is known, or will not be.
    pub(super) fn notifier_found(&mut self, id: SubscriptionId, found: Result<Path, &str>) {
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        let wanted = subscription.wanted;
        let path = match found {
            Ok(path) => path,
            Err(why) => {
                let status = Some((503, Refuser::Network));
                let end = SubscriptionEnd { status, reason: printable(why), retry_after: None };
                return self.board.end_subscription(id, end);
            }
        };
        if let Some(draft) = &mut subscription.draft {
            draft.path = Some(path);
        }
        subscription.phase = Phase::Subscribing;
        if self.board.send_subscribe(id, wanted).is_none() {
            return self.board.end_subscription(id, SubscriptionEnd::full());
        }
        // Timer N (section 4.1.2.4): a notifier that says 200 and nothing more is none.
        let timer_n = self.board.config.timing.give_up();
        self.board.arm_subscription(id, timer_n);
    }

    /// A response to our SUBSCRIBE, or that none came.
    pub(super) fn subscribe_answered(
        &mut self,
        id: SubscriptionId,
        status: u16,
        response: Option<&Frame<'_>>,
    ) {
        let now = self.board.now;
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        subscription.request = None;
        let (phase, wanted, alone) = (subscription.phase, subscription.wanted, subscription.dialog.is_none());
        let number = |name| response.and_then(|frame| frame.first(name)).and_then(parse_leading_seconds);
        // The interval that a 423 asks for, if it has not been asked for in vain.
        let longer = number(HeaderName::MinExpires).filter(|&longer| longer > wanted);
        let longer = longer.filter(|_| !subscription.lengthened);
        match status {
            200..=299 if phase == Phase::Unsubscribing => {}
            200..=299 => {
                (subscription.refused, subscription.lengthened) = (None, false);
                let granted = number(HeaderName::Expires).unwrap_or(wanted).min(wanted);
                let until = now + Duration::from_secs(u64::from(granted));
                if let Phase::Subscribed(_) = phase {
                    subscription.phase = Phase::Subscribed(until);
                    self.board.arm_refresh_of(id, until);
                } else {
                    subscription.wanted = granted;
                }
                let event = Event::Subscribed { subscription: id, expires: granted };
                self.board.outbox.push_back(Output::Event(event));
            }
            423 if phase != Phase::Unsubscribing && longer.is_some() => {
                let longer = longer.unwrap_or(wanted);
                subscription.lengthened = true;
                subscription.wanted = longer;
                if self.board.send_subscribe(id, longer).is_none() {
                    self.board.end_subscription(id, SubscriptionEnd::full());
                }
            }
            // What a refresh is refused with does not always end what was granted before (section 4.1.2.2).
            _ if alone || phase == Phase::Unsubscribing || ends_subscription(status) => {
                self.end_by(id, status, response);
            }
            _ => self.refresh_refused_for_now(id, status, response),
        }
    }

    /// A refresh was refused, or got no answer, and what was granted before still holds (section 4.1.2.2). It is tried again
    /// when the notifier says, else after half of the time that is left; should that be of no use, the truth is told at
    /// the end.
    fn refresh_refused_for_now(&mut self, id: SubscriptionId, status: u16, response: Option<&Frame<'_>>) {
        let now = self.board.now;
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        let refuser = response.map_or_else(|| Refuser::of_silence(status), |_| Refuser::Peer);
        subscription.refused = Some((status, refuser));
        let Phase::Subscribed(until) = subscription.phase else { return };
        let left = until.saturating_since(now);
        let pause = response.and_then(retry_after).unwrap_or(left / 2).max(REFRESH_AGAIN_MIN);
        self.board.arm_subscription(id, pause.min(left));
    }

    fn end_by(&mut self, id: SubscriptionId, status: u16, response: Option<&Frame<'_>>) {
        let words = match response.map(|frame| frame.start()) {
            Some(StartLine::Response { reason, .. }) => String::from_utf8_lossy(reason).into_owned(),
            _ => Refuser::words_of_silence(status).into(),
        };
        let retry =
            response.and_then(retry_after).map(|pause| u32::try_from(pause.as_secs()).unwrap_or(u32::MAX));
        let refuser = response.map_or_else(|| Refuser::of_silence(status), |_| Refuser::Peer);
        let end = SubscriptionEnd {
            status: Some((status, refuser)),
            reason: printable(&words),
            retry_after: retry,
        };
        self.board.end_subscription(id, end);
    }

    /// NOTIFY to our tag.
    pub(super) fn receive_news(&mut self, request: &Request<'_>, id: SubscriptionId) {
        let (state, left) = match self.check_notify(request, id) {
            Ok(read) => read,
            Err(refusal) => return self.refuse(request.transaction, refusal),
        };
        self.move_peer(request, id);
        self.board.respond_plain(request.transaction, 200);
        let message = Arc::new(MessageDetails::new(request.frame, request.path));
        let event = Event::Notified { subscription: id, state: state.clone(), message };
        self.board.outbox.push_back(Output::Event(event));
        if let SubscriptionState::Terminated { reason, retry_after } = state {
            let end = SubscriptionEnd { status: None, reason: printable(&reason), retry_after };
            return self.board.end_subscription(id, end);
        }
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        let first = subscription.draft.take().is_some();
        if subscription.phase == Phase::Unsubscribing {
            if first {
                self.unsubscribe_now(id);
            }
            return;
        }
        let left = left.unwrap_or(subscription.wanted).min(subscription.wanted);
        let until = self.board.now + Duration::from_secs(u64::from(left));
        let refreshing = subscription.request.is_some() && !first;
        subscription.phase = Phase::Subscribed(until);
        if refreshing {
            let left = until.saturating_since(self.board.now);
            self.board.arm_subscription(id, left);
        } else {
            self.board.arm_refresh_of(id, until);
        }
    }

    /// A NOTIFY or SUBSCRIBE that is taken says where its sender is (RFC 3261 section 12.2.2).
    pub(super) fn move_peer(&mut self, request: &Request<'_>, id: SubscriptionId) {
        let contacts = self.board.config.peer_contacts;
        let dialog = self.board.registry.subscription(id).and_then(|subscription| subscription.dialog);
        if let Some(dialog) = dialog.and_then(|dialog| self.board.registry.dialog_mut(dialog)) {
            dialog.refresh_target(request.frame, contacts);
        }
    }

    /// Whether a NOTIFY belongs to the subscription, and what it says of it. The first makes the dialog.
    fn check_notify(
        &mut self,
        request: &Request<'_>,
        id: SubscriptionId,
    ) -> Result<(SubscriptionState, Option<u32>), Refusal<'static>> {
        let (frame, facts) = (request.frame, request.facts);
        let gone = || Refusal::plain(481);
        let subscription = self.board.registry.subscription(id).ok_or_else(gone)?;
        let event = frame.first(HeaderName::Event).and_then(EventName::parse);
        let event = event.ok_or_else(|| Refusal::plain(489))?;
        if !EventName::parse(subscription.event.as_bytes()).is_some_and(|ours| ours.matches(&event)) {
            return Err(gone());
        }
        let state = frame.first(HeaderName::SubscriptionState).and_then(read_state);
        let state = state
            .ok_or_else(|| Refusal { reason: "Missing or Bad Subscription-State", ..Refusal::plain(400) })?;
        if subscription.dialog.is_some() {
            return Ok(state);
        }
        let draft = subscription.draft.as_ref().filter(|draft| draft.call_id == facts.call_id);
        let (cseq, tag) = (draft.ok_or_else(gone)?.cseq, subscription.local_tag);
        let routes_max = self.board.config.limits.routes_max;
        let target = Target::check_invite(frame, facts, self.board.config.peer_contacts, routes_max)?;
        let dialog = Dialog::from_invite(id, frame, facts, target, &tag, request.path, routes_max);
        let added = dialog.and_then(|mut dialog| {
            dialog.count_from(cseq);
            self.board.registry.add_dialog(dialog)
        });
        added.map(|_| state).ok_or_else(|| Refusal::plain(500))
    }

    /// A request to the tag of a subscription.
    pub(super) fn receive_in_subscription(&mut self, request: &Request<'_>, id: SubscriptionId) {
        let facts = request.facts;
        let Some(subscription) = self.board.registry.subscription(id) else { return };
        let (ours, dialog) = (subscription.phase.is_ours(), subscription.dialog);
        if dialog.is_some_and(|dialog| self.board.is_foreign(dialog, request.path.remote)) {
            return self.board.respond_plain(request.transaction, 403);
        }
        if let Some(dialog) = dialog.and_then(|dialog| self.board.registry.dialog_mut(dialog)) {
            if !dialog.matches(facts.call_id, facts.from_tag) {
                // Another fork answered our SUBSCRIBE as well; one is enough.
                self.board.counters.add(Counter::UnknownDialog);
                return self.board.respond_plain(request.transaction, 481);
            }
            if dialog.receive_sequence(facts.cseq) == Sequence::OutOfOrder {
                self.board.counters.add(Counter::LowSequence);
                return self.board.respond_with(request.transaction, 500, "CSeq Out of Order", &[]);
            }
        }
        if let Err(refusal) = self.check(request) {
            return self.refuse(request.transaction, refusal);
        }
        let contacts = self.board.config.peer_contacts;
        if let Some(dialog) = dialog.and_then(|dialog| self.board.registry.dialog_mut(dialog)) {
            dialog.heard_from(request.path, contacts);
        }
        match (request.method, ours) {
            (crate::wire::Method::Notify, true) => self.receive_news(request, id),
            (crate::wire::Method::Subscribe, false) => self.receive_resubscribe(request, id),
            (crate::wire::Method::Options, _) => self.answer_options(request, Some(request.transaction)),
            _ => {
                self.board.counters.add(Counter::UnknownDialog);
                self.board.respond_plain(request.transaction, 481);
            }
        }
    }

    /// The timer of a subscription is due.
    pub(super) fn subscription_due(&mut self, id: SubscriptionId) {
        let now = self.board.now;
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        subscription.timer = None;
        let wanted = subscription.wanted;
        match subscription.phase {
            Phase::Subscribed(until) if now < until => {
                let left = until.saturating_since(now);
                match self.board.send_subscribe(id, wanted) {
                    Some(()) => self.board.arm_subscription(id, left),
                    // There is no room for it, and there may be in a while.
                    None => self.board.arm_subscription(id, left.min(REFRESH_AGAIN_MIN)),
                }
            }
            // The machine has stood still, and nobody was asked: whether the notifier still keeps it only that can tell.
            Phase::Subscribed(until)
                if now.saturating_since(until) >= REFRESH_AGAIN_MIN
                    && subscription.refused.is_none()
                    && subscription.request.is_none()
                    && wanted > 0 =>
            {
                let timer_n = self.board.config.timing.give_up();
                subscription.phase = Phase::Subscribed(now + timer_n);
                if self.board.send_subscribe(id, wanted).is_none() {
                    return self.board.end_subscription(id, SubscriptionEnd::full());
                }
                self.board.arm_subscription(id, timer_n);
            }
            Phase::Asked => self.refuse_subscription(id, 480),
            Phase::Notifying(until) => self.notifying_due(id, until),
            Phase::Unsubscribing | Phase::Closing => {
                self.board.end_subscription(id, SubscriptionEnd::default());
            }
            Phase::Resolving | Phase::Subscribing | Phase::Subscribed(_) => {
                let (status, reason) = match subscription.refused {
                    Some((status, Refuser::Peer)) => ((status, Refuser::Peer), reason_phrase(status)),
                    _ => ((408, Refuser::Nobody), "timeout"),
                };
                let end = SubscriptionEnd { status: Some(status), reason: reason.into(), retry_after: None };
                self.board.end_subscription(id, end);
            }
        }
    }
}

/// The least time after which a refresh is sent again that was refused.
const REFRESH_AGAIN_MIN: Duration = Duration::from_secs(2);

/// Whether a refusal of a refresh means that the subscription is gone (section 4.1.2.2, RFC 5057).
const fn ends_subscription(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}
