//! SUBSCRIBE and NOTIFY, written (RFC 6665).

use alloc::boxed::Box;
use alloc::string::String;
use core::time::Duration;

use smallvec::SmallVec;

use super::dialog::{contact, first_hop, first_route, own_address, quoted};
use super::{Content, Owner, Parked, Switchboard, new_call_id};
use crate::api::{Event, Output, Refuser};
use crate::auth::Origin;
use crate::base::ids::SubscriptionId;
use crate::base::index::Digest;
use crate::base::time::Instant;
use crate::dialog::{write_cseq, write_via};
use crate::subscription::{News, Phase, SubscribeDraft, Subscription, write_state};
use crate::wire::build::Writer;
use crate::wire::method::Method;
use crate::wire::text::{Decimal, Sink as _};

use bytes::Bytes;

/// Seconds before its end that a long subscription is refreshed.
const REFRESH_LEAD: Duration = Duration::from_secs(60);

/// Why a subscription is over. By default because we want it to be.
#[derive(Default)]
pub(crate) struct SubscriptionEnd {
    /// What refused it, and who.
    pub(crate) status: Option<(u16, Refuser)>,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<u32>,
}

impl SubscriptionEnd {
    /// We had no room for what it takes.
    pub(crate) fn full() -> Self {
        Self { status: Some((503, Refuser::Us)), ..Self::default() }
    }
}

impl Switchboard {
    /// Makes a subscription and asks for the address of its notifier. `None` if there is no room, or no place to ask.
    pub(crate) fn begin_subscription(
        &mut self,
        target: Bytes,
        event: &str,
        seconds: u32,
        lines: Bytes,
    ) -> Option<SubscriptionId> {
        let hop = first_hop(&lines, &target).ok()?;
        let nonce = self.secret.next_u64();
        let new = |tag| Subscription::new(Phase::Resolving, tag, event, seconds);
        let id = self.registry.subscribe(nonce, new)?;
        let call_id = new_call_id(self);
        let draft = SubscribeDraft { target, call_id, lines, cseq: 0, path: None };
        if let Some(subscription) = self.registry.subscription_mut(id) {
            subscription.draft = Some(Box::new(draft));
        }
        if self.park(hop, Parked::Subscription(id)) {
            return Some(id);
        }
        self.registry.remove_subscription(id);
        None
    }

    /// Sends a SUBSCRIBE: the first ones outside any dialog, later ones within that of the first NOTIFY.
    pub(crate) fn send_subscribe(&mut self, id: SubscriptionId, seconds: u32) -> Option<()> {
        let subscription = self.registry.subscription(id)?;
        let Some(dialog) = subscription.dialog else { return self.send_first_subscribe(id, seconds) };
        let path = self.registry.dialog(dialog)?.path;
        let (own, event) = (contact(self, &path), subscription.event.clone());
        let seconds = Decimal::new(u64::from(seconds));
        let headers: [(&str, &[u8]); 3] =
            [("Contact", &own), ("Event", event.as_bytes()), ("Expires", seconds.as_bytes())];
        let content = Content { headers: &headers, ..Content::default() };
        let sent = self.request(dialog, Method::Subscribe, Owner::Subscribe(id), content)?;
        self.registry.subscription_mut(id)?.request = Some(sent);
        Some(())
    }

    fn send_first_subscribe(&mut self, id: SubscriptionId, seconds: u32) -> Option<()> {
        let (transaction, branch) = self.layer.begin(self.now, Method::Subscribe)?;
        let subscription = self.registry.subscription_mut(id)?;
        let draft = subscription.draft.as_mut()?;
        draft.cseq = draft.cseq.saturating_add(1);
        let path = draft.path?;
        subscription.request = Some(transaction);
        let subscription = self.registry.subscription(id)?;
        let draft = subscription.draft.as_ref()?;
        let trust = self.trust_in(first_route(&draft.lines), &draft.target, path.remote);
        self.registry.subscription_mut(id)?.origin = Origin::Ours(path.remote, trust);
        let subscription = self.registry.subscription(id)?;
        let draft = subscription.draft.as_ref()?;
        let own = contact(self, &path);
        let mut writer = Writer::request("SUBSCRIBE", &draft.target);
        write_via(&mut writer, &path, branch.as_bytes());
        writer.header("Max-Forwards", b"70");
        let display = self.config.display_name.as_deref().map(quoted).unwrap_or_default();
        writer.header_parts(
            "From",
            &[&display, &own_address(&self.config, &own), b";tag=", &subscription.local_tag],
        );
        writer.header_parts("To", &[b"<", &draft.target, b">"]);
        writer.header("Call-ID", &draft.call_id);
        write_cseq(&mut writer, draft.cseq, "SUBSCRIBE");
        writer.header("Contact", &own);
        writer.header("Event", subscription.event.as_bytes());
        writer.number("Expires", u64::from(seconds));
        writer.header("Allow", &self.allow);
        writer.header("Supported", self.supported);
        writer.header("User-Agent", self.config.user_agent.as_bytes());
        writer.raw(&draft.lines);
        let message = writer.finish();
        self.owners.insert(transaction, Owner::Subscribe(id));
        self.launch(path, Some(transaction), message);
        Some(())
    }

    /// Sends a NOTIFY and remembers it, for whoever refreshes the subscription is told the same again.
    pub(crate) fn send_notify(&mut self, id: SubscriptionId, news: News) -> Option<()> {
        let now = self.now;
        let subscription = self.registry.subscription(id)?;
        let dialog = subscription.dialog?;
        let left = match subscription.phase {
            Phase::Notifying(until) => until.saturating_since(now).as_secs(),
            _ => 0,
        };
        let path = self.registry.dialog(dialog)?.path;
        let (own, event) = (contact(self, &path), subscription.event.clone());
        let state = write_state(&news.state, left);
        let headers: SmallVec<[(&str, &[u8]); 4]> = SmallVec::from_iter([
            ("Contact", own.as_slice()),
            ("Event", event.as_bytes()),
            ("Subscription-State", state.as_slice()),
        ]);
        let body = news.body.as_ref().map(|(kind, body)| (kind.as_str(), &body[..]));
        let content = Content { headers: &headers, body, ..Content::default() };
        let sent = self.request(dialog, Method::Notify, Owner::Notify(id), content)?;
        let subscription = self.registry.subscription_mut(id)?;
        subscription.request = Some(sent);
        subscription.told = Some(Box::new(news));
        Some(())
    }

    /// Whether there is room for one more subscription of a peer, and its `source` has not had its share, if one is kept of it.
    pub(crate) fn may_subscribe(&self, source: Option<Digest>) -> bool {
        let free = self.config.limits.subscriptions_max.saturating_sub(self.registry.subscriptions_len());
        free > 0 && source.is_none_or(|source| self.subscribers.has_room(source, free))
    }

    /// Starts the timer of a subscription anew.
    pub(crate) fn arm_subscription(&mut self, id: SubscriptionId, after: Duration) {
        let deadline = self.now + after;
        let Some(subscription) = self.registry.subscription_mut(id) else { return };
        if let Some(old) = subscription.timer.take() {
            self.subscription_timers.cancel(old);
        }
        subscription.timer = self.subscription_timers.arm(deadline, id);
    }

    /// Lets a subscription of ours be refreshed in good time before `until`.
    pub(crate) fn arm_refresh_of(&mut self, id: SubscriptionId, until: Instant) {
        let left = until.saturating_since(self.now);
        self.arm_subscription(id, left.saturating_sub(REFRESH_LEAD.min(left / 2)));
    }

    /// Forgets a subscription and tells the application why it is over.
    pub(crate) fn end_subscription(&mut self, id: SubscriptionId, end: SubscriptionEnd) {
        if let Some(dialog) = self.registry.subscription(id).and_then(|subscription| subscription.dialog) {
            self.drop_waiting(dialog);
        }
        let Some(subscription) = self.registry.remove_subscription(id) else { return };
        if let Some(timer) = subscription.timer {
            self.subscription_timers.cancel(timer);
        }
        self.leave_merged(subscription.merged);
        if let Some(source) = subscription.source {
            self.subscribers.release(source, true);
        }
        let SubscriptionEnd { status, reason, retry_after } = end;
        let (status, refuser) = status.unzip();
        let event = Event::SubscriptionEnded { subscription: id, status, refuser, reason, retry_after };
        self.outbox.push_back(Output::Event(event));
    }
}

/// Seconds as a header value.
pub(crate) fn seconds_text(seconds: u32) -> SmallVec<[u8; 16]> {
    let mut text = SmallVec::new();
    text.put_number(u64::from(seconds));
    text
}
