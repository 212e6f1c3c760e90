//! What the handles know of one session.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::api::AuthFailure;
use crate::base::ids::{SessionId, UserTag};
use crate::base::slab::{Key, RawKey};
use crate::media::MediaSessionId;
use crate::sdp::plan::MediaPlan;
use crate::signaling::InviteDetails;

use super::dialing::Progress;
use super::error::CallEnd;
use super::holding::Changes;
use super::keys::Keys;
use super::news::News;
use super::transfer::Transfers;
use super::wakers::Wakers;

/// Names what the handles know of one session; the session's tag carries it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntryId(RawKey);

impl Key for EntryId {
    fn from_raw(raw: RawKey) -> Self {
        Self(raw)
    }

    fn raw(self) -> RawKey {
        self.0
    }
}

impl EntryId {
    pub(crate) fn tag(self) -> UserTag {
        let raw = self.raw();
        UserTag(u64::from(raw.slot()) << 32 | u64::from(raw.generation()))
    }

    pub(crate) fn from_tag(tag: UserTag) -> Option<Self> {
        let slot = u32::try_from(tag.0 >> 32).ok()?;
        let generation = u32::try_from(tag.0 & u64::from(u32::MAX)).ok()?;
        RawKey::from_parts(slot, generation).map(Self::from_raw)
    }
}

/// Provisional responses that wait to be read; more than these are of no use to anybody.
const PROGRESS_MAX: usize = 16;

/// What the handles know of one session. Lives until the session has ended and its handle is dropped. What most calls never
/// have is kept by itself: there are many calls that are only held.
pub(crate) struct Entry {
    pub(crate) session: Option<SessionId>,
    /// The INVITE of a call that came to us and waits to be handed out.
    pub(crate) details: Option<Arc<InviteDetails>>,
    /// Whether a handle exists. Nobody looks at the entry otherwise.
    pub(crate) held: bool,
    /// With what an incoming call is refused if its handle is dropped before anybody decides; `None` once decided.
    pub(crate) undecided: Option<u16>,
    /// The stream, if the media side keeps it for the handle.
    pub(crate) media: Option<MediaSessionId>,
    pub(crate) answered: bool,
    /// Whether it takes the place of another call: then it is handed out when it is answered.
    pub(crate) replaces: bool,
    pub(crate) plan: Option<Arc<MediaPlan>>,
    pub(crate) end: Option<Box<CallEnd>>,
    /// Why the last challenge was not answered, or in vain.
    pub(crate) auth: Option<Box<AuthFailure>>,
    pub(crate) progress: VecDeque<Progress>,
    pub(crate) changes: Changes,
    pub(crate) transfers: Transfers,
    pub(crate) keys: Keys,
    pub(crate) news: News,
    pub(crate) wakers: Wakers,
}

impl Entry {
    pub(crate) fn outgoing() -> Self {
        Self {
            session: None,
            details: None,
            held: true,
            undecided: None,
            media: None,
            answered: false,
            replaces: false,
            plan: None,
            end: None,
            auth: None,
            progress: VecDeque::new(),
            changes: Changes::default(),
            transfers: Transfers::default(),
            keys: Keys::default(),
            news: News::default(),
            wakers: Wakers::default(),
        }
    }

    pub(crate) fn incoming(session: SessionId, details: Arc<InviteDetails>) -> Self {
        Self {
            session: Some(session),
            details: Some(details),
            held: false,
            undecided: Some(480),
            ..Self::outgoing()
        }
    }

    pub(crate) fn push_progress(&mut self, progress: Progress) {
        if self.progress.len() < PROGRESS_MAX {
            self.progress.push_back(progress);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::slab::Slab;

    #[test]
    fn an_entry_of_a_call_that_is_only_held_is_small() {
        let size = size_of::<Entry>();
        assert!(size <= 288, "{size}");
    }

    #[test]
    fn a_tag_leads_back_to_its_entry() {
        let mut slab: Slab<EntryId, ()> = Slab::new(4);
        let first = slab.insert(()).expect("there is room");
        slab.remove(first);
        let again = slab.insert(()).expect("there is room");
        for id in [first, again] {
            assert_eq!(EntryId::from_tag(id.tag()), Some(id));
        }
        assert_ne!(first.tag(), again.tag());
        assert_eq!(EntryId::from_tag(UserTag(0)), None);
    }
}
