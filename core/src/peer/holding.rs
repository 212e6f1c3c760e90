//! Hold, resume and other changes of the media of a call that is up.

use crate::api::{EndReason, Modification};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::sdp::plan::Direction;
use crate::session::Session;
use crate::signaling::CommandError;

use super::call::Call;
use super::entry::{Entry, EntryId};
use super::error::{CallEnd, PeerError, Refused};
use super::shared::{Leg, Letter, Shared};
use super::signalling::Signalling;

/// What was asked of the other side about the media of a call, and what came of it.
#[derive(Default)]
pub(crate) struct Changes {
    /// Wishes so far, ...
    asked: u64,
    /// ... and how many of them are decided.
    decided: u64,
    /// The refusal of the last ones that were decided.
    refused: Option<Box<Refused>>,
    /// Whether we hold the call, and whether the other side does.
    pub(crate) local: bool,
    pub(crate) remote: bool,
    /// Whether what we say is kept from the other side.
    muted: bool,
}

impl Changes {
    /// Everything that we asked for is decided: agreed to, or refused.
    fn decide(&mut self, refused: Option<Refused>) {
        if self.decided < self.asked {
            self.decided = self.asked;
            self.refused = refused.map(Box::new);
        }
    }

    /// The outcome of wish number `wish`, once it is known.
    fn outcome(&self, wish: u64) -> Option<Result<(), Refused>> {
        (self.decided >= wish).then(|| self.refused.as_deref().cloned().map_or(Ok(()), Err))
    }
}

impl Entry {
    /// Brings the muting of the stream up to date; what the media side is to be told.
    fn mute(&mut self, yes: bool) -> Option<Letter> {
        let changed = std::mem::replace(&mut self.changes.muted, yes) != yes;
        self.media.filter(|_| changed).map(|media| Letter::Mute(media, yes))
    }

    /// Everything that we asked for is decided; what the media side is to be told.
    pub(crate) fn decide_changes(&mut self, refused: Option<Refused>) -> Option<Letter> {
        self.changes.decide(refused);
        if self.changes.local { None } else { self.mute(false) }
    }
}

impl Call {
    /// Holds the call: from now on the other side hears silence, and is asked to send nothing. Ready when it has agreed,
    /// or refused: then all is as before.
    ///
    /// [`send_audio`](Self::send_audio) goes on taking audio at its own pace, and drops it;
    /// [`recv_audio`](Self::recv_audio) waits, as nothing comes. Both go on by themselves after
    /// [`resume`](Self::resume). To play something to whoever is held, ask for
    /// `modify(Modification::direction(Direction::SendOnly))` instead.
    ///
    /// It may be called at any time, together with everything else: the last wish wins, and those before it are ready
    /// with it. Dropping the future does not undo it.
    pub async fn hold(&self) -> Result<(), PeerError> {
        self.change(Some(true), Modification::direction(Direction::SendOnly)).await
    }

    /// Takes the other side back, like [`hold`](Self::hold).
    pub async fn resume(&self) -> Result<(), PeerError> {
        self.change(Some(false), Modification::direction(Direction::SendRecv)).await
    }

    /// Changes which way audio flows, or the codecs. Ready when the other side has agreed, or refused.
    pub async fn modify(&self, change: Modification) -> Result<(), PeerError> {
        self.change(None, change).await
    }

    /// Whether we hold the call, and the other side knows.
    pub fn is_held(&self) -> bool {
        self.leg.entry(|entry| entry.changes.local).unwrap_or(false)
    }

    /// Whether the other side holds us.
    pub fn is_held_by_peer(&self) -> bool {
        self.leg.entry(|entry| entry.changes.remote).unwrap_or(false)
    }

    async fn change(&self, hold: Option<bool>, change: Modification) -> Result<(), PeerError> {
        let (shared, id) = (self.leg.shared(), self.leg.id);
        let asked = shared.signalling(|side, now, _| side.change_media(shared, now, self.id(), hold, change));
        let wish = match asked {
            Ok(Some(wish)) => wish,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.end().map_or(error, PeerError::Ended)),
        };
        let outcome = shared.watch(id, |entry| {
            let decided = entry
                .changes
                .outcome(wish)
                .map(|outcome| outcome.map_err(|refused| refused.into_error("the change of the media")));
            decided.or_else(|| entry.end.as_deref().cloned().map(|end| Err(PeerError::Ended(end))))
        });
        outcome.await.unwrap_or_else(|| Err(PeerError::Ended(CallEnd::bare(EndReason::Internal))))
    }
}

impl Leg {
    /// Wishes for the call to be on hold, or not to be, at any moment of it; nobody waits for the outcome.
    pub(crate) fn wish(&self, session: SessionId, hold: bool) -> Result<(), PeerError> {
        let shared = self.shared();
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let change = Modification::direction(direction);
        let asked =
            shared.signalling(|side, now, _| side.change_media(shared, now, session, Some(hold), change));
        asked.map(drop)
    }
}

impl Signalling {
    /// Asks for a change, unless `hold` says all that is wanted and is so already; the number of the wish.
    pub(crate) fn change_media(
        &mut self,
        shared: &Shared,
        now: Instant,
        session: SessionId,
        hold: Option<bool>,
        change: Modification,
    ) -> Result<Option<u64>, PeerError> {
        let known = self.core.registry().session(session);
        // The other side may have agreed before this is told, which is when the call is confirmed.
        let agreed = known.and_then(|known| known.media.as_ref()).filter(|media| media.is_settled());
        let is_so = hold.filter(|&hold| agreed.is_some_and(|media| media.holds_now().local == hold));
        let tag = known.map(Session::tag);
        let entry = tag.and_then(EntryId::from_tag).and_then(|id| self.entries.get_mut(id));
        let Some(entry) = entry else { return Err(CommandError::NoSuchCall.into()) };
        if let Some(end) = &entry.end {
            return Err(PeerError::Ended((**end).clone()));
        }
        let changes = &mut entry.changes;
        changes.local = is_so.unwrap_or(changes.local);
        let is_new = is_so.is_none() && (changes.asked != changes.decided || hold != Some(changes.local));
        if is_new {
            match hold {
                Some(true) => self.core.hold(now, session),
                Some(false) => self.core.resume(now, session),
                None => self.core.modify(now, session, change),
            }?;
            entry.changes.asked += 1;
        }
        if hold == Some(true)
            && let Some(letter) = entry.mute(true)
        {
            shared.post(letter);
        }
        Ok(is_new.then_some(entry.changes.asked))
    }
}
