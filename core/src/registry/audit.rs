//! What must hold of the registry between two inputs.

use alloc::format;

use super::{SessionRegistry, media_id};
use crate::base::ids::{DialogId, RegistrationId, SessionId, SubscriptionId};
use crate::base::slab::Key as _;
use crate::base::violation::{Violation, ensure};
use crate::dialog::{Dialog, DialogUser};
use crate::registration::Registration;
use crate::session::Session;
use crate::subscription::{Phase, Subscription};
use crate::transaction::TransactionId;
use crate::wire::token::Token;

const MODULE: &str = "registry";

impl SessionRegistry {
    /// Every session with its key.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter()
    }

    /// Every dialog with its key.
    pub(crate) fn dialogs(&self) -> impl Iterator<Item = (DialogId, &Dialog)> {
        self.dialogs.iter()
    }

    /// Every registration with its key.
    pub(crate) fn registrations(&self) -> impl Iterator<Item = (RegistrationId, &Registration)> {
        self.registrations.iter()
    }

    /// Every subscription with its key.
    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = (SubscriptionId, &Subscription)> {
        self.subscriptions.iter()
    }

    /// SUBSCRIBEs that wait for a decision of the application.
    pub(crate) fn asked(&self) -> impl Iterator<Item = TransactionId> {
        self.subscriptions().filter(|(_, it)| it.phase == Phase::Asked).filter_map(|(_, it)| it.request)
    }

    /// SessionId ↔ DialogId ↔ MediaSessionId, both ways and nobody left over.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        for (id, session) in self.sessions() {
            let named = Token::decode(&session.local_tag).map(|token| SessionId::from_raw(token.key));
            ensure(named == Some(id), MODULE, "a session's tag names it", || format!("{id}: {named:?}"))?;
            for (n, &dialog) in session.dialogs.iter().enumerate() {
                let owner = self.session_of_dialog(dialog);
                let rule = "a session's dialogs exist and are its own";
                ensure(owner == Some(id), MODULE, rule, || format!("{id}: {dialog} is of {owner:?}"))?;
                let twice = session.dialogs.iter().skip(n + 1).any(|&other| other == dialog);
                ensure(!twice, MODULE, "a session lists a dialog once", || format!("{id}: {dialog}"))?;
            }
            if let Some(kept) = session.dialog {
                let listed = session.dialogs.contains(&kept);
                ensure(listed, MODULE, "the dialog of a call is one of its dialogs", || {
                    format!("{id}: {kept}")
                })?;
            }
            if let Some(media) = &session.media {
                let owner = self.session_of_media(media.id);
                let rule = "a session's media stream exists and is its own";
                ensure(owner == Some(id), MODULE, rule, || format!("{id}: {} is of {owner:?}", media.id))?;
            }
        }
        for (id, dialog) in self.dialogs() {
            let listed = match dialog.user {
                DialogUser::Session(session) => self.dialogs_of(session).contains(&id),
                DialogUser::Subscription(it) => {
                    self.subscription(it).is_some_and(|subscription| subscription.dialog == Some(id))
                }
            };
            ensure(listed, MODULE, "a dialog has a session or a subscription", || {
                format!("{id} of {:?}", dialog.user)
            })?;
        }
        for (key, &session) in self.media.iter() {
            let named = self.media_of(session) == Some(media_id(key));
            ensure(named, MODULE, "a media stream has a session", || format!("{key} of {session}"))?;
        }
        Ok(())
    }
}
