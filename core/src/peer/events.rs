//! What the coordinator tells of its sessions, brought to the handles that wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::{AuthFailure, AuthenticationOf, Event, RegistrationState};
use crate::base::ids::{SessionId, UserTag};
use crate::base::time::Instant;
use crate::session::Session;
use crate::signaling::InviteDetails;

use super::config::Policy;
use super::dialing::Progress;
use super::entry::{Entry, EntryId};
use super::errands::Reply;
use super::error::{CallEnd, Refused};
use super::frame::Dtmf;
use super::handler::decide;
use super::news::{Info, Note};
use super::shared::{Letter, Shared};
use super::signalling::{Signalling, Stage, Waiting};
use super::spent::LetGo;
use super::view::EventQueue;
use super::wakers::Due;

impl Signalling {
    pub(super) fn event(&mut self, shared: &Arc<Shared>, now: Instant, event: Event, due: &mut Due) {
        self.publish(&event);
        match event {
            Event::Incoming { session, details, .. } => self.incoming(shared, now, session, details, due),
            Event::Progress { tag, status, phrase, early_media, .. } => {
                self.change(tag, due, |entry| {
                    let (redirected_to, wishes) = (None, Vec::new());
                    entry.push_progress(Progress { status, phrase, early_media, redirected_to, wishes });
                });
            }
            Event::Redirected { tag, target, wishes, .. } => {
                let phrase = String::from("Call Is Being Forwarded");
                let (early_media, redirected_to) = (false, Some(target));
                self.change(tag, due, |entry| {
                    entry.push_progress(Progress { status: 181, phrase, early_media, redirected_to, wishes });
                });
            }
            Event::Answered { tag, media, plan, .. } => {
                let mut replaces = false;
                let known = self.change(tag, due, |entry| {
                    entry.media = Some(media);
                    entry.answered = true;
                    replaces = entry.replaces;
                    entry.plan = plan;
                    entry.undecided = None;
                });
                if known.is_some() {
                    shared.post(Letter::Attach(media));
                }
                if let Some(id) = EntryId::from_tag(tag).filter(|_| replaces) {
                    self.offer(id, due);
                }
            }
            Event::MediaChanged { tag, plan, .. } => {
                self.change(tag, due, |entry| {
                    entry.plan = Some(Arc::clone(&plan));
                });
                self.note(now, tag, due, Note::MediaChanged(plan));
            }
            Event::HoldChanged { session, tag, local, remote } => {
                let mut turned = false;
                self.change(tag, due, |entry| {
                    entry.changes.local = local;
                    turned = std::mem::replace(&mut entry.changes.remote, remote) != remote;
                });
                if turned {
                    self.note(now, tag, due, Note::Held(remote));
                }
                self.media_decided(shared, session, tag, None);
            }
            Event::ModifyFailed { session, tag, status, refuser, phrase } => {
                let auth = self.auth_of(tag, status);
                let refused = Refused { status, refuser, phrase, auth };
                self.media_decided(shared, session, tag, Some(refused));
                self.change(tag, due, |_| ());
            }
            Event::Ended { tag, reason, status, phrase, message, .. } => {
                let auth = self.auth_of(tag, status.unwrap_or_default());
                self.ended(shared, tag, CallEnd { reason, status, phrase, message, auth }, due);
            }
            other => self.event_within(shared, now, other, due),
        }
    }

    /// What happens beside the life of a call.
    fn event_within(&mut self, shared: &Shared, now: Instant, event: Event, due: &mut Due) {
        match event {
            Event::TransferRequested { session, tag, request } => {
                let mut note = None;
                self.change(tag, due, |entry| {
                    note = Some(Note::TransferRequested(entry.transfers.requested(request)));
                });
                match note {
                    Some(note) => drop(self.note(now, tag, due, note)),
                    // Nobody will ever decide about it.
                    None => self.refuse_transfer(now, session),
                }
            }
            Event::TransferProgress { tag, status, refuser, phrase, done, .. } => {
                if done {
                    let auth = self.auth_of(tag, status);
                    let refused = Refused { status, refuser, phrase: phrase.clone(), auth };
                    self.change(tag, due, |entry| entry.transfers.done(refused));
                }
                self.note(now, tag, due, Note::TransferProgress { status, phrase, done });
            }
            Event::Info { tag, package, content_type, body, .. } => {
                self.note(now, tag, due, Note::Info(Info { package, content_type, body }));
            }
            Event::Message { session: Some(session), message } => {
                if let Some(tag) = self.core.registry().session(session).map(Session::tag) {
                    self.note(now, tag, due, Note::Message(message));
                }
            }
            // What came by RTP the media side has told already.
            Event::Dtmf { tag, digit, duration_ms, by_info: true, .. } => {
                let dtmf = Dtmf { digit, duration: Duration::from_millis(duration_ms.into()) };
                let entry = EntryId::from_tag(tag).and_then(|id| self.entries.get_mut(id));
                if let Some(media) = entry.and_then(|entry| entry.media) {
                    shared.post(Letter::Key(media, dtmf));
                }
            }
            Event::DtmfSent { tag, .. } => {
                self.change(tag, due, |entry| entry.keys.taken());
            }
            Event::DtmfRefused { tag, digit, status, phrase, refuser, .. } => {
                self.change(tag, due, |entry| entry.keys.refuse(digit, status, phrase, refuser));
            }
            Event::RequestDone { request, status, refuser, phrase, message } => {
                self.errands.done(request, Reply { status, refuser, phrase, message, auth: None }, due);
            }
            Event::AuthenticationFailed { of: AuthenticationOf::Request(request), failure } => {
                self.errands.unproven(request, failure);
            }
            Event::AuthenticationFailed { of: AuthenticationOf::Session { tag, .. }, failure } => {
                self.change(tag, due, |entry| entry.auth = Some(Box::new(failure)));
            }
            Event::RegistrationFailed { registration, status, refuser, retry_in: None, .. } => {
                let end = RegistrationState::Failed { status, refuser, retry_in: None };
                self.registrations.over(registration, end);
            }
            Event::Unregistered { registration } => {
                self.registrations.over(registration, RegistrationState::Unregistered);
            }
            Event::MediaSilent { tag, for_ms, .. } => {
                let lasted = for_ms.map(|ms| Duration::from_millis(ms.into()));
                self.note(now, tag, due, Note::Silent(lasted));
            }
            Event::OfferUnanswered { tag, fault, .. } => {
                self.note(now, tag, due, Note::Unanswered(fault));
            }
            Event::Refreshed { tag, by_us, .. } => {
                self.note(now, tag, due, Note::Refreshed { by_us });
            }
            Event::RefreshRefused { tag, status, phrase, seconds, .. } => {
                let left = Duration::from_secs(seconds.into());
                self.note(now, tag, due, Note::RefreshRefused { status, phrase, left });
            }
            Event::Replaced { tag, by, .. } => {
                self.note(now, tag, due, Note::Replaced { by });
            }
            // Subscriptions are not of a call: whoever has any reads the events of the coordinator.
            _ => {}
        }
    }

    /// Why the challenge was not answered that something of this call was refused with.
    fn auth_of(&mut self, tag: UserTag, status: u16) -> Option<AuthFailure> {
        let entry = EntryId::from_tag(tag).and_then(|id| self.entries.get_mut(id))?;
        entry.auth.take().filter(|_| matches!(status, 401 | 407)).map(|failure| *failure)
    }

    /// A change of the media was agreed to or refused. If it was the last one that was asked for, all wait no longer.
    fn media_decided(&mut self, shared: &Shared, session: SessionId, tag: UserTag, refused: Option<Refused>) {
        let media = self.core.registry().session(session).and_then(|session| session.media.as_ref());
        let Some(entry) = EntryId::from_tag(tag).and_then(|id| self.entries.get_mut(id)) else { return };
        if media.is_some_and(|media| media.is_settled())
            && let Some(letter) = entry.decide_changes(refused)
        {
            shared.post(letter);
        }
    }

    fn ended(&mut self, shared: &Shared, tag: UserTag, end: CallEnd, due: &mut Due) {
        let Some(id) = EntryId::from_tag(tag) else { return };
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.end = Some(Box::new(end));
        entry.wakers.take_into(due);
        if let Some(media) = entry.media {
            shared.post(Letter::Ended(media));
        }
        if !entry.held {
            self.forget(shared, id);
        }
        if self.stage != Stage::Running {
            due.push(self.driver.take());
        }
    }

    /// Takes the entry of a session that has ended and that nobody holds.
    fn forget(&mut self, shared: &Shared, id: EntryId) {
        if let Some(entry) = self.entries.remove(id) {
            if let Some(media) = entry.media {
                shared.post(Letter::Detach(media));
            }
            self.leave_entry(entry);
        }
        // Calls that ended before anybody asked for them leave a stale id in the queue.
        if self.incoming.len() > self.entries.len().saturating_mul(2).saturating_add(64) {
            let entries = &self.entries;
            self.incoming.retain(|id| entries.get(*id).is_some());
        }
    }

    /// Tells whoever has the call.
    fn note(&mut self, now: Instant, tag: UserTag, due: &mut Due, note: Note) -> Option<()> {
        let entry = self.entries.get_mut(EntryId::from_tag(tag)?)?;
        let lost = entry.news.push(note);
        let session = entry.session;
        entry.wakers.take_into(due);
        // One at a time is asked for.
        let refused = lost.iter().any(|note| matches!(note, Note::TransferRequested(_)));
        if let Some(session) = session.filter(|_| refused) {
            self.refuse_transfer(now, session);
        }
        Some(())
    }

    /// Nobody consents.
    pub(crate) fn refuse_transfer(&mut self, now: Instant, session: SessionId) {
        if let Err(error) = self.core.reject_transfer(now, session, 603) {
            tracing::debug!(%session, %error, "no transfer to refuse");
        }
    }

    fn change(&mut self, tag: UserTag, due: &mut Due, change: impl FnOnce(&mut Entry)) -> Option<()> {
        let entry = self.entries.get_mut(EntryId::from_tag(tag)?)?;
        change(entry);
        entry.wakers.take_into(due);
        Some(())
    }

    fn incoming(
        &mut self,
        shared: &Arc<Shared>,
        now: Instant,
        session: SessionId,
        details: Arc<InviteDetails>,
        due: &mut Due,
    ) {
        let Some(id) = self.entries.insert(Entry::incoming(session, Arc::clone(&details))) else {
            self.refuse(now, session, 503);
            return;
        };
        if let Err(error) = self.core.set_tag(session, id.tag()) {
            // The session is gone already; nothing will ever come for this entry.
            tracing::debug!(%session, %error, "incoming call vanished");
            self.entries.remove(id);
            return;
        }
        match &self.policy {
            Policy::Ask(handler) => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.held = true;
                    entry.details = None;
                }
                decide(shared, handler, Waiting { id, session, details });
            }
            Policy::Answer => {
                if let Err(error) = self.core.answer(now, session) {
                    tracing::debug!(%session, %error, "cannot answer");
                    self.refuse(now, session, 503);
                }
                self.offer(id, due);
            }
            // One that takes the place of a call of ours the coordinator answers by itself, in a moment.
            Policy::HandOut if details.replaces() => {
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.replaces = true;
                }
            }
            Policy::HandOut => self.offer(id, due),
        }
    }

    /// Lets `get_incoming_call` hand this call out.
    pub(crate) fn offer(&mut self, id: EntryId, due: &mut Due) {
        self.incoming.push_back(id);
        self.incoming_wakers.take_into(due);
    }

    /// The next incoming call that is not over, from now on held by the caller's handle.
    pub(crate) fn poll_incoming(&mut self, cx: &Context<'_>) -> Poll<Option<Waiting>> {
        while let Some(id) = self.incoming.pop_front() {
            let Some(entry) = self.entries.get_mut(id) else { continue };
            // The handle has the INVITE from here on, and drops it with the answer.
            let (Some(session), Some(details)) = (entry.session, entry.details.take()) else { continue };
            entry.held = true;
            return Poll::Ready(Some(Waiting { id, session, details }));
        }
        if !matches!(self.stage, Stage::Running | Stage::Draining) {
            return Poll::Ready(None);
        }
        self.incoming_wakers.register(cx);
        Poll::Pending
    }

    fn refuse(&mut self, now: Instant, session: SessionId, status: u16) {
        if let Err(error) = self.core.reject(now, session, status) {
            tracing::debug!(%session, %error, "cannot refuse");
        }
    }

    /// The handle of `id` is gone. If its call is over, nothing is to be sent.
    pub(crate) fn let_go_of_the_dead(&mut self, shared: &Shared, id: EntryId) -> LetGo {
        if self.entries.get(id).is_some_and(|entry| entry.end.is_none()) {
            return LetGo::Alive;
        }
        self.forget(shared, id);
        if self.loop_runs() { LetGo::Left } else { LetGo::Settle }
    }

    /// The handle of `id` is gone: what it held is hung up or refused.
    pub(crate) fn let_go(&mut self, shared: &Shared, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.held = false;
        let undecided = entry.undecided.take();
        // A panic of whoever had the call to decide about is an error of ours, not a choice.
        let undecided = if std::thread::panicking() { undecided.map(|_| 500) } else { undecided };
        match (&entry.end, entry.session, undecided) {
            (Some(_), _, _) | (None, None, _) => self.forget(shared, id),
            (None, Some(session), Some(status)) => self.refuse(now, session, status),
            (None, Some(session), None) => {
                if let Err(error) = self.core.hangup(now, session) {
                    tracing::debug!(%session, %error, "cannot hang up");
                }
            }
        }
    }

    /// Nobody decided about a deferred call in the time its handler gave it.
    pub(crate) fn time_is_up(&mut self, now: Instant, id: EntryId) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if entry.undecided.take().is_some()
            && let Some(session) = entry.session
        {
            self.refuse(now, session, 480);
        }
    }

    fn publish(&mut self, event: &Event) {
        if self.subscribers.is_empty() {
            return;
        }
        self.subscribers.retain(|subscriber| match subscriber.upgrade() {
            Some(queue) => {
                queue.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
                true
            }
            None => false,
        });
    }

    /// From now on every event goes to `queue` too, as long as somebody has it.
    pub(crate) fn subscribe(&mut self, queue: &Arc<Mutex<EventQueue>>) {
        if self.stage == Stage::Closed {
            queue.lock().unwrap_or_else(PoisonError::into_inner).close();
        } else {
            self.subscribers.push(Arc::downgrade(queue));
        }
    }
}
