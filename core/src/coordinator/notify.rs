//! Subscriptions of peers (RFC 6665 section 4.2).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::closing::Closing;
use super::commands::bad;
use super::errands::check_content;
use super::ingress::{Asked, Refusal, Request};
use crate::adapter::{Owner, SubscriptionEnd, contact, seconds_text};
use crate::api::{Event, Output, Refuser, SubscriptionState};
use crate::auth::Origin;
use crate::base::ids::SubscriptionId;
use crate::base::time::Instant;
use crate::dialog::{Dialog, Target};
use crate::signaling::{CommandError, MessageDetails};
use crate::subscription::{EventName, News, Phase, Subscription};
use crate::transaction::{Reply, TransactionId};
use crate::wire::frame::Frame;
use crate::wire::text::{parse_leading_seconds, parse_seconds};
use crate::wire::{HeaderName, check_token, reason_phrase};

/// Seconds of a subscription that does not say.
const EXPIRES: u32 = 3_600;
/// A shorter one costs more than it is worth (section 4.2.1.1).
const EXPIRES_MIN: u32 = 30;
/// A longer one is shortened.
const EXPIRES_MAX: u32 = 86_400;
/// How long a SUBSCRIBE waits for a decision.
const PATIENCE: Duration = Duration::from_secs(5);

impl UnifiedCoordinator {
    /// Accepts a subscription. The subscriber is told the state at once, with `body` if there is something to tell.
    pub fn accept_subscription(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        body: Option<(&str, &[u8])>,
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::AcceptSubscription { subscription: id, body }));
        self.advance(now);
        let body = body.map(|(kind, body)| Ok((check_content(kind, body)?, Bytes::copy_from_slice(body))));
        let body = body.transpose()?;
        let (transaction, seconds) = self.asked(id)?;
        self.confirm_subscription(id, transaction, seconds);
        // Who asked for no time at all wanted to know the state once (section 4.4.3).
        let state =
            if seconds > 0 { SubscriptionState::Active } else { SubscriptionState::terminated("timeout") };
        self.tell_subscriber(id, News { state, body });
        Ok(())
    }

    /// Refuses a subscription with a status from 300 to 699.
    pub fn reject_subscription(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        status: u16,
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::RejectSubscription { subscription: id, status }));
        self.advance(now);
        if !(300..=699).contains(&status) || matches!(status, 401 | 407) {
            return Err(bad("status", alloc::format!("{status} is no refusal; use 300 to 699, such as 403")));
        }
        self.asked(id)?;
        self.refuse_subscription(id, status);
        Ok(())
    }

    /// Tells a subscriber what is new. While it has not answered the last NOTIFY the news waits, and only the latest is
    /// told then.
    pub fn notify(
        &mut self,
        now: Instant,
        id: SubscriptionId,
        state: &SubscriptionState,
        content_type: &str,
        body: &[u8],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::notify(id, state, content_type, body)));
        self.advance(now);
        if let SubscriptionState::Terminated { reason, .. } = state
            && !reason.is_empty()
        {
            check_token(reason).map_err(|error| bad("reason", error))?;
        }
        let body = if body.is_empty() && content_type.is_empty() {
            None
        } else {
            Some((check_content(content_type, body)?, Bytes::copy_from_slice(body)))
        };
        let found = self.board.registry.subscription(id).ok_or(CommandError::NoSuchSubscription)?;
        match found.phase {
            Phase::Notifying(_) => self.tell_subscriber(id, News { state: state.clone(), body }),
            Phase::Closing => return Err(CommandError::NoSuchSubscription),
            Phase::Asked => return Err(bad("subscription", "it has not been accepted")),
            _ => return Err(bad("subscription", "it is ours: only the peer notifies")),
        }
        Ok(())
    }

    /// The SUBSCRIBE that waits for a decision, and for how many seconds it asks.
    fn asked(&self, id: SubscriptionId) -> Result<(TransactionId, u32), CommandError> {
        let found = self.board.registry.subscription(id).ok_or(CommandError::NoSuchSubscription)?;
        let asked = found.request.filter(|_| found.phase == Phase::Asked);
        asked
            .map(|transaction| (transaction, found.wanted))
            .ok_or_else(|| bad("subscription", "it does not wait for a decision"))
    }

    /// SUBSCRIBE outside any dialog.
    pub(super) fn receive_subscribe(&mut self, request: &Request<'_>) {
        match self.prepare_subscription(request) {
            Ok(id) => {
                let Some(subscription) = self.board.registry.subscription(id) else { return };
                let (event, expires) = (String::from(subscription.event()), subscription.wanted);
                let message = Arc::new(MessageDetails::new(request.frame, request.path));
                let event = Event::SubscriptionRequested { subscription: id, event, expires, message };
                self.board.outbox.push_back(Output::Event(event));
                self.board.arm_subscription(id, PATIENCE);
            }
            Err(refusal) => self.refuse(request.transaction, refusal),
        }
    }

    /// What a SUBSCRIBE wants, where, and for how many seconds; or why it cannot be.
    pub(super) fn check_subscribe<'a>(
        &mut self,
        request: &Asked<'a>,
    ) -> Result<(String, Target<'a>, u32), Refusal<'static>> {
        let (frame, facts) = (request.frame, request.facts);
        let event = self.known_event(frame)?;
        let target = Target::check_invite(
            frame,
            facts,
            self.board.config.peer_contacts,
            self.board.config.limits.routes_max,
        )?;
        let seconds = read_expires(frame)?;
        if self.closing != Closing::Open || !self.board.may_subscribe(request.source) {
            return Err(self.overload());
        }
        Ok((event, target, seconds))
    }

    fn prepare_subscription(&mut self, request: &Request<'_>) -> Result<SubscriptionId, Refusal<'static>> {
        let (frame, facts) = (request.frame, request.facts);
        let (event, target, seconds) = self.check_subscribe(request)?;
        let routes_max = self.board.config.limits.routes_max;
        let board = &mut self.board;
        let by_party = board.parties.is_at(request.path.remote);
        let nonce = board.secret.next_u64();
        let new = |tag| Subscription::new(Phase::Asked, tag, &event, seconds);
        let Some(id) = board.registry.subscribe(nonce, new) else {
            return Err(self.overload());
        };
        let tag = board.registry.subscription(id).map(|subscription| subscription.local_tag);
        let made =
            tag.and_then(|tag| Dialog::from_invite(id, frame, facts, target, &tag, request.path, routes_max));
        if made.and_then(|dialog| board.registry.add_dialog(dialog)).is_none() {
            board.registry.remove_subscription(id);
            return Err(self.overload());
        }
        let digest = match board.owners.get(request.transaction) {
            Some(Owner::Incoming { merged, .. }) => Some(*merged),
            _ => None,
        };
        digest.into_iter().for_each(|digest| board.merged.hold(digest));
        request.source.into_iter().for_each(|source| board.subscribers.charge(source));
        if let Some(subscription) = board.registry.subscription_mut(id) {
            subscription.request = Some(request.transaction);
            subscription.opened_by = Some(request.transaction);
            subscription.origin = Origin::Theirs { by_party };
            subscription.merged = digest;
            subscription.source = request.source;
        }
        Ok(id)
    }

    /// The value of Event, if it names a package that the application knows; else 489 (section 8.3.2).
    fn known_event(&self, frame: &Frame<'_>) -> Result<String, Refusal<'static>> {
        let packages = &self.board.config.event_packages;
        let value = frame.first(HeaderName::Event).and_then(|value| core::str::from_utf8(value).ok());
        let known = value
            .and_then(|value| EventName::parse(value.as_bytes()))
            .is_some_and(|event| packages.iter().any(|package| package.as_bytes() == event.package));
        match value.filter(|_| known) {
            Some(value) => Ok(value.into()),
            None if packages.is_empty() => Err(Refusal::with(489, "Allow-Events", b"refer".to_vec())),
            None => Err(Refusal::with(489, "Allow-Events", packages.join(", ").into_bytes())),
        }
    }

    /// SUBSCRIBE within the subscription: a refresh, or its end.
    pub(super) fn receive_resubscribe(&mut self, request: &Request<'_>, id: SubscriptionId) {
        let Some(subscription) = self.board.registry.subscription(id) else { return };
        let event = request.frame.first(HeaderName::Event).and_then(EventName::parse);
        let same = EventName::parse(subscription.event.as_bytes())
            .is_some_and(|ours| event.is_some_and(|event| ours.matches(&event)));
        let refusal = match (subscription.phase, read_expires(request.frame)) {
            _ if !same => Refusal::plain(489),
            (Phase::Notifying(_), Ok(0)) => {
                self.move_peer(request, id);
                self.confirm_subscription(id, request.transaction, 0);
                return self.close_subscription(id, SubscriptionState::terminated("timeout"));
            }
            (Phase::Notifying(_), Ok(seconds)) => {
                self.move_peer(request, id);
                self.confirm_subscription(id, request.transaction, seconds);
                let event = Event::Subscribed { subscription: id, expires: seconds };
                self.board.outbox.push_back(Output::Event(event));
                return self.tell_again(id);
            }
            (_, Err(refusal)) => refusal,
            (Phase::Asked, _) => Refusal::plain(491),
            _ => Refusal::plain(481),
        };
        self.refuse(request.transaction, refusal);
    }

    /// 200 to a SUBSCRIBE; from now on the subscription has this long.
    fn confirm_subscription(&mut self, id: SubscriptionId, transaction: TransactionId, seconds: u32) {
        let board = &mut self.board;
        let life = Duration::from_secs(u64::from(seconds));
        let until = board.now + life;
        let Some(subscription) = board.registry.subscription_mut(id) else { return };
        subscription.phase = Phase::Notifying(until);
        if subscription.request == Some(transaction) {
            subscription.request = None;
        }
        let (tag, dialog) = (subscription.local_tag, subscription.dialog);
        let Some(path) = dialog.and_then(|id| board.registry.dialog(id)).map(|dialog| dialog.path) else {
            return;
        };
        let (own, expires, agent) = (contact(board, &path), seconds_text(seconds), board.agent.clone());
        let extra: [(&str, &[u8]); 3] =
            [("Contact", &own), ("Expires", &expires), ("Server", agent.as_bytes())];
        let (status, reason) = (200, reason_phrase(200));
        let reply =
            Reply { status, reason, to_tag: Some(&tag), record_route: true, extra: &extra, body: None };
        board.respond(transaction, reply);
        board.arm_subscription(id, life);
    }

    /// Refuses a SUBSCRIBE that waits for a decision.
    pub(super) fn refuse_subscription(&mut self, id: SubscriptionId, status: u16) {
        let waiting = self.board.registry.subscription(id).and_then(|subscription| subscription.request);
        if let Some(transaction) = waiting {
            self.board.respond_plain(transaction, status);
        }
        self.board.end_subscription(id, refused(status, Refuser::Us));
    }

    /// Ends a subscription of the peer with a last NOTIFY.
    pub(super) fn close_subscription(&mut self, id: SubscriptionId, state: SubscriptionState) {
        let told = self.board.registry.subscription(id).and_then(|subscription| subscription.told.as_ref());
        let body = told.and_then(|news| news.body.clone());
        self.tell_subscriber(id, News { state, body });
    }

    /// What was told last, for a subscriber that has refreshed (section 4.2.1.2).
    fn tell_again(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.board.registry.subscription(id) else { return };
        let latest = subscription.news.as_ref().or(subscription.told.as_ref());
        if let Some(news) = latest.cloned() {
            self.tell_subscriber(id, *news);
        }
    }

    /// Sends news, or lets it wait for the answer to the NOTIFY before.
    fn tell_subscriber(&mut self, id: SubscriptionId, news: News) {
        let timer = self.board.config.timing.give_up();
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        let over = news.state.is_over();
        if subscription.request.is_some() {
            subscription.news = Some(Box::new(news));
        } else {
            // What was to wait is overtaken.
            subscription.news = None;
            if self.board.send_notify(id, news).is_none() {
                return self.board.end_subscription(id, SubscriptionEnd::full());
            }
        }
        if over {
            self.set_phase(id, Phase::Closing);
            // Twice: the NOTIFY before may have to run out first.
            self.board.arm_subscription(id, timer * 2);
        }
    }

    /// A NOTIFY is answered, or never will be. A failure ends the subscription, unless it says when to try again: then
    /// the latest news go again at that time (section 4.2.2).
    pub(super) fn notify_answered(&mut self, id: SubscriptionId, status: u16, response: Option<&Frame<'_>>) {
        let now = self.board.now;
        let Some(subscription) = self.board.registry.subscription_mut(id) else { return };
        subscription.request = None;
        let later = response.and_then(retry_after);
        if status >= 300 && !(later.is_some() && status != 481) {
            let refuser = response.map_or_else(|| Refuser::of_silence(status), |_| Refuser::Peer);
            return self.board.end_subscription(id, refused(status, refuser));
        }
        match (subscription.news.take(), subscription.phase, later) {
            (news, Phase::Notifying(until), Some(pause)) if status >= 300 => {
                let left = until.saturating_since(now);
                subscription.news = news.or_else(|| subscription.told.clone());
                self.board.arm_subscription(id, pause.max(RETRY_MIN).min(left));
            }
            (Some(news), ..) => {
                if self.board.send_notify(id, *news).is_none() {
                    self.board.end_subscription(id, SubscriptionEnd::full());
                }
            }
            (None, Phase::Closing, _) => self.board.end_subscription(id, SubscriptionEnd::default()),
            (None, ..) => {}
        }
    }

    /// The time of a subscription of the peer is over, or that at which it wants to be told again what it refused.
    pub(super) fn notifying_due(&mut self, id: SubscriptionId, until: Instant) {
        let left = until.saturating_since(self.board.now);
        if left.is_zero() {
            return self.close_subscription(id, SubscriptionState::terminated("timeout"));
        }
        self.board.arm_subscription(id, left);
        let subscription = self.board.registry.subscription_mut(id);
        let news = subscription.filter(|it| it.request.is_none()).and_then(|it| it.news.take());
        if let Some(news) = news {
            self.tell_subscriber(id, *news);
        }
    }

    /// SUBSCRIBE within a call: dialogs are not shared any more (section 4.5.2). The call does not mind.
    pub(super) fn refuse_sharing(&mut self, request: &Request<'_>) {
        let refusal = match self.known_event(request.frame) {
            Ok(_) => Refusal { reason: "Subscribe Outside The Call", ..Refusal::plain(403) },
            Err(refusal) => refusal,
        };
        self.refuse(request.transaction, refusal);
    }

    /// Ends all subscriptions, for we are about to go.
    pub(super) fn end_subscriptions(&mut self) {
        let ids: Vec<SubscriptionId> = self.board.registry.subscription_ids();
        for id in ids {
            match self.board.registry.subscription(id).map(|subscription| subscription.phase) {
                Some(Phase::Asked) => self.refuse_subscription(id, 503),
                Some(Phase::Notifying(_)) => {
                    let (reason, retry_after) = ("probation".into(), None);
                    self.close_subscription(id, SubscriptionState::Terminated { reason, retry_after });
                }
                Some(phase) if phase.is_ours() => self.leave(id),
                _ => {}
            }
        }
    }
}

/// The least time after which somebody is asked again who has refused.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// When to try again, if a response says so.
pub(super) fn retry_after(response: &Frame<'_>) -> Option<Duration> {
    response
        .first(HeaderName::RetryAfter)
        .and_then(parse_leading_seconds)
        .map(u64::from)
        .map(Duration::from_secs)
}

fn refused(status: u16, refuser: Refuser) -> SubscriptionEnd {
    let reason = reason_phrase(status).into();
    SubscriptionEnd { status: Some((status, refuser)), reason, retry_after: None }
}

/// Seconds that a SUBSCRIBE asks for, bounded; too few are refused (section 4.2.1.1).
fn read_expires(frame: &Frame<'_>) -> Result<u32, Refusal<'static>> {
    let Some(value) = frame.first(HeaderName::Expires) else { return Ok(EXPIRES) };
    let malformed = || Refusal { reason: "Malformed Expires", ..Refusal::plain(400) };
    let seconds = parse_seconds(value).ok_or_else(malformed)?.min(EXPIRES_MAX);
    if (1..EXPIRES_MIN).contains(&seconds) {
        return Err(Refusal::with(423, "Min-Expires", seconds_text(EXPIRES_MIN).to_vec()));
    }
    Ok(seconds)
}
