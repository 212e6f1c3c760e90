//! Transfer: ours, and what the other side asks for.

use std::borrow::Cow;
use std::sync::Arc;

use crate::api::{EndReason, TransferRequest as Asked};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator as Core;
use crate::signaling::CommandError;

use super::call::Call;
use super::dialing::Dialing;
use super::entry::{Entry, EntryId};
use super::error::{CallEnd, PeerError, Refused};
use super::shared::Stack;
use super::signalling::Signalling;

/// A transfer that we asked for: how often, and what came of it.
#[derive(Default)]
pub(crate) struct Transfers {
    asked: u64,
    /// Requests of the other side. One at a time is decided about: the last.
    requests: u64,
    /// The outcome of the last one that is over: its number, and by what it failed.
    over: Option<(u64, Option<Box<Refused>>)>,
}

impl Transfers {
    /// The other side has a request.
    pub(crate) const fn requested(&mut self, asked: Arc<Asked>) -> Request {
        self.requests += 1;
        Request { number: self.requests, asked }
    }

    /// The transfer under way is over.
    pub(crate) fn done(&mut self, outcome: Refused) {
        let failed = !(200..300).contains(&outcome.status);
        self.over = Some((self.asked, failed.then(|| Box::new(outcome))));
    }
}

/// A request of the other side.
#[derive(Debug)]
pub(crate) struct Request {
    number: u64,
    asked: Arc<Asked>,
}

/// The other side of a call asks us to call somebody else in its place. Nothing is done without consent: dropped
/// undecided, the request is refused with 603, and so it is after a minute.
#[must_use = "dropped undecided, it is refused"]
pub struct TransferRequest {
    stack: Arc<Stack>,
    /// The call that it came in, and which of its requests this is.
    id: EntryId,
    session: SessionId,
    number: u64,
    asked: Arc<Asked>,
    decided: bool,
}

impl TransferRequest {
    pub(crate) fn new(stack: Arc<Stack>, id: EntryId, session: SessionId, request: Request) -> Self {
        let Request { number, asked } = request;
        Self { stack, id, session, number, asked, decided: false }
    }

    /// Whether it is the one to be decided about: an older one was refused, as nobody decided in time.
    fn stands(&self, side: &mut Signalling) -> bool {
        side.entries.get_mut(self.id).is_none_or(|entry| entry.transfers.requests == self.number)
    }

    /// Whom it wants us to call.
    pub fn target(&self) -> Cow<'_, str> {
        self.asked.target()
    }

    /// Who asks, as the other side says; nobody has verified it.
    pub fn referred_by(&self) -> Option<Cow<'_, str>> {
        self.asked.referred_by()
    }

    /// Whether our new call takes the place of one that the asker has with the target (an attended transfer).
    pub fn is_attended(&self) -> bool {
        self.asked.replaces().is_some()
    }

    /// Does what is asked: the new call is on its way when this returns, and the asker is told how it goes. Await the
    /// value for the new [`Call`].
    ///
    /// The old call goes on until the asker hangs it up, which it does when the new one is answered. If it is over
    /// already, that is no hindrance.
    pub fn accept(self) -> Result<Dialing, PeerError> {
        self.accept_by(Core::accept_transfer)
    }

    /// Header fields that the other side would like in the new call, such as `User-to-User` or `X-Account` (RFC 3261 section
    /// 19.1.5). None is sent by itself.
    pub fn wishes(&self) -> &[(String, String)] {
        self.asked.wishes()
    }

    /// The same as [`accept`](Self::accept) with header fields for the new call: those of the [`wishes`](Self::wishes) that
    /// are consented to, and others.
    ///
    /// # Errors
    ///
    /// [`PeerError::BadArgument`] for a field that the stack writes itself, or that would not stay in its line.
    pub fn accept_with(self, headers: &[(&str, &str)]) -> Result<Dialing, PeerError> {
        self.accept_by(|core, now, session| core.accept_transfer_with(now, session, headers))
    }

    fn accept_by(
        mut self,
        accept: impl FnOnce(&mut Core, Instant, SessionId) -> Result<SessionId, CommandError>,
    ) -> Result<Dialing, PeerError> {
        self.decided = true;
        let stack = Arc::clone(&self.stack);
        let (id, session) = stack.shared.signalling(|side, now, _| {
            let overdue = "the request was refused, as nobody decided about it in time";
            let overdue = || PeerError::WrongState { why: String::from(overdue) };
            if !self.stands(side) {
                return Err(overdue());
            }
            let full = || PeerError::Full { why: String::from("too many calls at a time") };
            let id = side.entries.insert(Entry::outgoing()).ok_or_else(full)?;
            let begun = accept(&mut side.core, now, self.session).and_then(|new| {
                side.core.set_tag(new, id.tag())?;
                Ok(new)
            });
            match (begun, side.entries.get_mut(id)) {
                (Ok(new), Some(entry)) => {
                    entry.session = Some(new);
                    Ok((id, new))
                }
                (begun, _) => {
                    side.entries.remove(id);
                    Err(match begun {
                        Err(CommandError::NoSuchCall | CommandError::WrongState { .. }) => overdue(),
                        Err(error) => error.into(),
                        Ok(_) => full(),
                    })
                }
            }
        })?;
        let mut dialing = Dialing::new(stack, &self.target());
        dialing.goes_on(id, session);
        Ok(dialing)
    }

    /// Refuses. The call goes on.
    pub fn reject(mut self) {
        self.refuse();
    }

    fn refuse(&mut self) {
        if !std::mem::replace(&mut self.decided, true) {
            self.stack.shared.signalling(|side, now, _| {
                if self.stands(side) {
                    side.refuse_transfer(now, self.session);
                }
            });
        }
    }
}

impl Drop for TransferRequest {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl std::fmt::Debug for TransferRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransferRequest").field("target", &self.target()).finish_non_exhaustive()
    }
}

impl Call {
    /// Lets the other side call `target` in our place. Ready when the outcome is known: the two are connected, and our call
    /// is being hung up; or an error that says why not, and our call goes on.
    ///
    /// How it goes until then is told by [`next_event`](Self::next_event). Dropping the future does not undo it.
    pub async fn transfer(&self, target: &str) -> Result<(), PeerError> {
        let target = super::dialing::called_uri(target);
        self.refer(|core, now| core.transfer(now, self.id(), &target)).await
    }

    /// Connects the other sides of two calls with each other, like [`transfer`](Self::transfer); both calls end when it is
    /// done. Hold them before, so that nobody is heard who should not be.
    pub async fn transfer_to(&self, other: &Self) -> Result<(), PeerError> {
        if !Arc::ptr_eq(self.leg.shared(), other.leg.shared()) {
            let why = String::from("it is a call of another peer, which knows nothing of this one");
            return Err(PeerError::BadArgument { what: "other call", why });
        }
        self.refer(|core, now| core.transfer_to(now, self.id(), other.id())).await
    }

    async fn refer(
        &self,
        ask: impl FnOnce(&mut Core, Instant) -> Result<(), CommandError>,
    ) -> Result<(), PeerError> {
        let (shared, id) = (self.leg.shared(), self.leg.id);
        let asked = shared.signalling(|side, now, _| {
            ask(&mut side.core, now)?;
            let Some(entry) = side.entries.get_mut(id) else { return Err(CommandError::NoSuchCall) };
            entry.transfers.asked += 1;
            Ok(entry.transfers.asked)
        });
        let number = asked.map_err(|error| self.end().map_or_else(|| error.into(), PeerError::Ended))?;
        let outcome = shared.watch(id, |entry| match (&entry.transfers.over, &entry.end) {
            (Some((over, failed)), _) if *over >= number => Some(
                failed.as_deref().cloned().map_or(Ok(()), |failed| Err(failed.into_error("the transfer"))),
            ),
            (_, Some(end)) if end.reason == EndReason::Transferred => Some(Ok(())),
            (_, Some(end)) => Some(Err(PeerError::Ended((**end).clone()))),
            (_, None) => None,
        });
        outcome.await.unwrap_or_else(|| Err(PeerError::Ended(CallEnd::bare(EndReason::Internal))))
    }
}
