//! The registry: every session, its dialogs and its media stream, each findable by any of its names.

#[cfg(any(test, feature = "sim"))]
mod audit;
mod shares;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::api::Limits;
use crate::auth::Realms;
use crate::base::ids::{DialogId, RegistrationId, SessionId, SubscriptionId};
use crate::base::index::Digest;
use crate::base::slab::{Key, RawKey, Slab, key};
use crate::dialog::{Dialog, DialogUser};
use crate::media::MediaSessionId;
use crate::registration::Registration;
use crate::session::Session;
use crate::subscription::Subscription;
use crate::wire::token::{TOKEN_LEN, Token};

#[cfg(any(test, feature = "sim"))]
pub(crate) use shares::Share;
pub(crate) use shares::Shares;

key! {
    /// Slot of a media stream.
    MediaKey, "stream"
}

/// Maps SessionId ↔ DialogId ↔ MediaSessionId, and owns what the first two name.
///
/// An entry lives exactly as long as its session: with it all its names go at once.
pub struct SessionRegistry {
    sessions: Slab<SessionId, Session>,
    dialogs: Slab<DialogId, Dialog>,
    media: Slab<MediaKey, SessionId>,
    subscriptions: Slab<SubscriptionId, Subscription>,
    registrations: Slab<RegistrationId, Registration>,
}

impl SessionRegistry {
    pub(crate) fn new(limits: &Limits, dialogs_max: usize) -> Self {
        let &Limits { sessions_max, subscriptions_max, registrations_max, .. } = limits;
        Self {
            sessions: Slab::new(sessions_max),
            dialogs: Slab::new(dialogs_max.saturating_add(subscriptions_max)),
            media: Slab::new(sessions_max),
            subscriptions: Slab::new(subscriptions_max),
            registrations: Slab::new(registrations_max),
        }
    }

    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no session, no dialog, no media stream, no subscription and no registration.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
            && self.dialogs.is_empty()
            && self.media.is_empty()
            && self.subscriptions.is_empty()
            && self.registrations.is_empty()
    }

    /// Number of dialogs.
    pub fn dialogs_len(&self) -> usize {
        self.dialogs.len()
    }

    /// Number of media streams.
    pub fn media_len(&self) -> usize {
        self.media.len()
    }

    /// The session.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The dialog.
    pub fn dialog(&self, id: DialogId) -> Option<&Dialog> {
        self.dialogs.get(id)
    }

    /// The dialogs of a session: one, or none yet, or several while forks ring.
    pub fn dialogs_of(&self, id: SessionId) -> &[DialogId] {
        self.sessions.get(id).map_or(&[], |session| &session.dialogs)
    }

    /// The session that a dialog belongs to.
    pub fn session_of_dialog(&self, id: DialogId) -> Option<SessionId> {
        match self.dialogs.get(id)?.user {
            DialogUser::Session(session) => Some(session),
            DialogUser::Subscription(_) => None,
        }
    }

    /// The media stream of a session.
    pub fn media_of(&self, id: SessionId) -> Option<MediaSessionId> {
        self.sessions.get(id)?.media.as_ref().map(|media| media.id)
    }

    /// The session that a media stream belongs to.
    pub fn session_of_media(&self, id: MediaSessionId) -> Option<SessionId> {
        let session = *self.media.get(self.media_key(id)?)?;
        (self.media_of(session) == Some(id)).then_some(session)
    }

    /// All sessions. Linear: for diagnostics and shutdown.
    pub fn ids(&self) -> Vec<SessionId> {
        self.sessions.iter().map(|(id, _)| id).collect()
    }

    /// Finds the session whose tag we minted.
    pub(crate) fn find_tag(&self, tag: &[u8]) -> Option<SessionId> {
        let id = SessionId::from_raw(Token::key_of(tag)?);
        (self.sessions.get(id)?.local_tag.as_slice() == tag).then_some(id)
    }

    /// Finds the dialog of a request of the peer (RFC 3261 section 12.2.2): our tag names the session, the peer's
    /// tag and the Call-ID must agree.
    pub(crate) fn find_dialog(
        &self,
        local_tag: &[u8],
        remote_tag: Option<&[u8]>,
        call_id: &[u8],
    ) -> Option<DialogId> {
        let session = self.find_tag(local_tag)?;
        self.dialog_of(session, remote_tag, call_id)
    }

    /// The dialog of `session` with this peer.
    pub(crate) fn dialog_of(
        &self,
        session: SessionId,
        remote_tag: Option<&[u8]>,
        call_id: &[u8],
    ) -> Option<DialogId> {
        let matches =
            |&id: &DialogId| self.dialogs.get(id).is_some_and(|dialog| dialog.matches(call_id, remote_tag));
        self.dialogs_of(session).iter().copied().find(matches)
    }

    /// The subscription.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(id)
    }

    pub(crate) fn subscription_mut(&mut self, id: SubscriptionId) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(id)
    }

    /// Number of subscriptions.
    pub(crate) fn subscriptions_len(&self) -> usize {
        self.subscriptions.len()
    }

    /// All subscriptions. Linear: for diagnostics and shutdown.
    pub fn subscription_ids(&self) -> Vec<SubscriptionId> {
        self.subscriptions.iter().map(|(id, _)| id).collect()
    }

    /// The registration.
    pub fn registration(&self, id: RegistrationId) -> Option<&Registration> {
        self.registrations.get(id)
    }

    pub(crate) fn registration_mut(&mut self, id: RegistrationId) -> Option<&mut Registration> {
        self.registrations.get_mut(id)
    }

    /// Number of registrations.
    pub fn registrations_len(&self) -> usize {
        self.registrations.len()
    }

    /// All registrations. Linear: for diagnostics and shutdown.
    pub fn registration_ids(&self) -> Vec<RegistrationId> {
        self.registrations.iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn add_registration(&mut self, registration: Registration) -> Option<RegistrationId> {
        self.registrations.insert(registration)
    }

    pub(crate) fn remove_registration(&mut self, id: RegistrationId) -> Option<Registration> {
        self.registrations.remove(id)
    }

    /// Creates a subscription from its key; `nonce` makes its tag unguessable.
    pub(crate) fn subscribe(
        &mut self,
        nonce: u64,
        make: impl FnOnce([u8; TOKEN_LEN]) -> Subscription,
    ) -> Option<SubscriptionId> {
        self.subscriptions.insert_with(|id: SubscriptionId| make(Token { key: id.raw(), nonce }.encode()))
    }

    /// Takes a subscription and its dialog away.
    pub(crate) fn remove_subscription(&mut self, id: SubscriptionId) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(id)?;
        if let Some(dialog) = subscription.dialog {
            self.dialogs.remove(dialog);
        }
        Some(subscription)
    }

    /// Finds the subscription whose tag we minted.
    pub(crate) fn find_subscription(&self, tag: &[u8]) -> Option<SubscriptionId> {
        if self.subscriptions.is_empty() {
            return None;
        }
        let id = SubscriptionId::from_raw(Token::key_of(tag)?);
        (self.subscriptions.get(id)?.local_tag.as_slice() == tag).then_some(id)
    }

    /// Who has asked for credentials within a call or a subscription.
    pub(crate) fn realms_mut(&mut self, user: DialogUser) -> Option<&mut Option<Box<Realms>>> {
        match user {
            DialogUser::Session(id) => self.sessions.get_mut(id).map(|session| &mut session.realms),
            DialogUser::Subscription(id) => self.subscriptions.get_mut(id).map(|it| &mut it.realms),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.sessions.is_full()
    }

    pub(crate) fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    pub(crate) fn dialog_mut(&mut self, id: DialogId) -> Option<&mut Dialog> {
        self.dialogs.get_mut(id)
    }

    /// Creates a session from its key; `nonce` makes its tag unguessable.
    pub(crate) fn create(
        &mut self,
        nonce: u64,
        make: impl FnOnce([u8; TOKEN_LEN]) -> Session,
    ) -> Option<SessionId> {
        self.sessions.insert_with(|id: SessionId| make(Token { key: id.raw(), nonce }.encode()))
    }

    /// Adds a dialog to its session.
    pub(crate) fn add_dialog(&mut self, dialog: Dialog) -> Option<DialogId> {
        let user = dialog.user;
        let lives = match user {
            DialogUser::Session(id) => self.sessions.get(id).is_some(),
            DialogUser::Subscription(id) => self.subscriptions.get(id).is_some(),
        };
        let id = if lives { self.dialogs.insert(dialog)? } else { return None };
        match user {
            DialogUser::Session(session) => self.sessions.get_mut(session)?.dialogs.push(id),
            DialogUser::Subscription(subscription) => {
                self.subscriptions.get_mut(subscription)?.dialog = Some(id);
            }
        }
        Some(id)
    }

    /// Takes a dialog away from its session.
    pub(crate) fn remove_dialog(&mut self, id: DialogId) {
        if let Some(dialog) = self.dialogs.remove(id)
            && let DialogUser::Session(session) = dialog.user
            && let Some(session) = self.sessions.get_mut(session)
        {
            session.dialogs.retain(|other| *other != id);
        }
    }

    /// Mints the name of a media stream for `session`.
    pub(crate) fn mint_media(&mut self, session: SessionId) -> Option<MediaSessionId> {
        let key = self.media.insert(session)?;
        Some(media_id(key))
    }

    /// Forgets a media stream. Its session must not name it any more.
    pub(crate) fn remove_media(&mut self, id: MediaSessionId) {
        if let Some(key) = self.media_key(id) {
            self.media.remove(key);
        }
    }

    /// Takes a session and its dialogs away, its stream is closed before; what a copy of the request that made it is known by.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Digest> {
        let dialogs = &mut self.dialogs;
        let merged = self.sessions.discard(id, |session| {
            debug_assert!(session.media.is_none(), "a session leaves with its stream open");
            for &dialog in &session.dialogs {
                dialogs.discard(dialog, |_| ());
            }
            session.merged
        });
        merged.flatten()
    }

    /// The live key of the slot that `id` names.
    fn media_key(&self, id: MediaSessionId) -> Option<MediaKey> {
        let key = self.media.key_at(id.slot)?;
        (media_id(key) == id).then_some(key)
    }
}

fn media_id(key: MediaKey) -> MediaSessionId {
    let raw: RawKey = key.raw();
    MediaSessionId { shard: 0, generation: raw.generation(), slot: raw.slot() }
}
