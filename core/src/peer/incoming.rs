//! A call that came to us and waits for a decision.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::api::EndReason;
use crate::base::ids::SessionId;
use crate::media::MediaSessionId;
use crate::session::State;
use crate::signaling::{BodyPart, CommandError, InviteDetails};

use super::audio::{Speaker, Speech};
use super::call::Call;
use super::dialing::full_uri;
use super::entry::EntryId;
use super::error::{CallEnd, PeerError};
use super::frame::AudioFrame;
use super::shared::{Leg, Shared, Stack};
use super::signalling::Waiting;

/// A call that came to us and waits for a decision. Dropped without one, it is refused with 480.
pub struct IncomingCall {
    leg: Leg,
    session: SessionId,
    details: Arc<InviteDetails>,
    from: String,
    to: String,
}

impl IncomingCall {
    /// The handle of a call that the signalling side marked as held.
    pub(crate) fn of(stack: Arc<Stack>, waiting: Waiting) -> Self {
        let Waiting { id, session, details } = waiting;
        let from = details.from_uri().into_owned();
        let to = details.to_uri().into_owned();
        Self { leg: Leg::new(stack, id), session, details, from, to }
    }

    /// Hands the call to `get_incoming_call`.
    pub(crate) fn give_back(self) -> EntryId {
        let id = self.leg.id;
        let shared = Arc::clone(self.shared());
        let details = Arc::clone(&self.details);
        shared.signalling(|side, _, due| {
            // From here on dropping this value must not refuse the call.
            if let Some(entry) = side.entries.get_mut(id) {
                entry.held = false;
                entry.details = Some(details);
                side.offer(id, due);
            }
        });
        self.leg.disarm();
        id
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.leg.shared()
    }

    /// Names the session.
    pub const fn id(&self) -> SessionId {
        self.session
    }

    /// The URI of the caller.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The name that the caller shows, if any.
    pub fn from_display(&self) -> Option<String> {
        self.details.from_display().map(Cow::into_owned)
    }

    /// The URI that was called.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// The whole INVITE: its headers, its Request-URI, where it came from.
    pub const fn details(&self) -> &Arc<InviteDetails> {
        &self.details
    }

    /// Lets the caller hear it ring. Calls ring by themselves unless a signalling handler deferred them silently.
    pub fn ring(&self) -> Result<(), PeerError> {
        let rung = self.shared().signalling(|side, now, _| match side.core.session_state(self.session) {
            Some(State::Incoming) => side.core.ring(now, self.session),
            Some(_) => Ok(()),
            None => Err(CommandError::NoSuchCall),
        });
        rung.map_err(|error| self.trouble(error))
    }

    /// Lets the caller hear something before the call is taken, and hears what it says (early media, 183): whatever goes to
    /// [`send_audio`](Self::send_audio). It is sent so that it cannot get lost where the caller's side knows how.
    ///
    /// A caller whose INVITE makes no offer and who does not know reliable provisional responses cannot be served so.
    pub fn progress_with_audio(&self) -> Result<(), PeerError> {
        let told = self.shared().signalling(|side, now, _| side.core.progress(now, self.session, true));
        told.map_err(|error| self.trouble(error))?;
        self.leg.attach();
        Ok(())
    }

    /// Holds the call from now on, or as soon as that can be: see [`Dialing::hold`](super::Dialing::hold).
    pub fn hold(&self) -> Result<(), PeerError> {
        self.leg.wish(self.session, true)
    }

    /// Takes [`hold`](Self::hold) back.
    pub fn resume(&self) -> Result<(), PeerError> {
        self.leg.wish(self.session, false)
    }

    /// Sends audio before the call is taken, like [`Call::send_audio`]; after
    /// [`progress_with_audio`](Self::progress_with_audio).
    pub async fn send_audio(&self, frame: impl Into<AudioFrame>) -> Result<(), PeerError> {
        self.leg.send_audio(self.stream()?, frame.into(), || self.trouble(CommandError::NoSuchCall)).await
    }

    /// Begins to say something that is more than one frame, before the call is taken, like [`Call::speak`].
    pub fn speak(&self) -> Result<Speech<'_>, PeerError> {
        Ok(Speech::of(Speaker::Incoming(self), self.stream()?))
    }

    /// Sends all of this audio before the call is taken, without waiting, like [`Call::try_send_audio`].
    pub fn try_send_audio(&self, frame: impl Into<AudioFrame>) -> Result<(), PeerError> {
        let over = || self.trouble(CommandError::NoSuchCall);
        self.leg.try_send_audio(self.stream()?, &frame.into(), over)
    }

    /// How much audio waits to be sent.
    pub fn queued_audio(&self) -> Duration {
        self.stream().map_or(Duration::ZERO, |media| self.leg.queued_audio(media))
    }

    /// Ready when all audio that was given to [`send_audio`](Self::send_audio) has left, or the call is over.
    pub async fn flush_audio(&self) {
        if let Ok(media) = self.stream() {
            self.leg.flush_audio(media).await;
        }
    }

    /// Throws away the audio that has not left, like [`Call::discard_audio`].
    pub fn discard_audio(&self) -> Duration {
        self.stream().map_or(Duration::ZERO, |media| self.leg.discard_audio(media))
    }

    /// The next 20 ms of what the caller says before the call is taken, like [`Call::recv_audio`]; `None` without
    /// [`progress_with_audio`](Self::progress_with_audio).
    pub async fn recv_audio(&self) -> Option<AudioFrame> {
        self.leg.recv_audio(self.stream().ok()?).await
    }

    fn stream(&self) -> Result<MediaSessionId, PeerError> {
        let media = self.leg.entry(|entry| entry.media).flatten();
        let why = "the caller hears nothing yet: let it, with progress_with_audio";
        media.ok_or_else(|| match self.leg.entry(|entry| entry.end.as_deref().cloned()).flatten() {
            Some(end) => PeerError::from_end(end, &self.from),
            None => PeerError::WrongState { why: String::from(why) },
        })
    }

    /// Whether it is answered already, by the settings or because it takes the place of a call of ours: then
    /// [`accept`](Self::accept) only gives the [`Call`].
    pub fn is_answered(&self) -> bool {
        self.leg.entry(|entry| entry.answered).unwrap_or(false)
    }

    /// Answers the call.
    pub async fn accept(self) -> Result<Call, PeerError> {
        self.accept_with(&[]).await
    }

    /// The same with header fields for the 200.
    pub async fn accept_with(self, headers: &[(&str, &str)]) -> Result<Call, PeerError> {
        let id = self.leg.id;
        // Often it is answered by the peer itself, and nothing is to be done.
        let answered = self.shared().look(|side| {
            let entry = side.entries.get(id).filter(|entry| entry.end.is_none())?;
            entry.media.filter(|_| entry.answered)
        });
        if let Some(media) = answered {
            let Self { leg, session, details, from, .. } = self;
            leg.shared().look(|side| side.leave_invite(details));
            return Ok(Call::new(leg, session, media, from));
        }
        let answered = self.shared().signalling(|side, now, _| {
            let Some(entry) = side.entries.get_mut(id) else { return Err(CommandError::NoSuchCall) };
            if entry.end.is_some() {
                return Err(CommandError::NoSuchCall);
            }
            if entry.undecided.is_none() {
                return Ok(());
            }
            side.core.answer_with(now, self.session, headers)?;
            if let Some(entry) = side.entries.get_mut(id) {
                entry.undecided = None;
            }
            Ok(())
        });
        answered.map_err(|error| self.trouble(error))?;
        Call::answered(self.leg, self.session, self.from).await
    }

    /// Adds parts to the body of the 200 that will answer the call, beside the session description (RFC 5621). What the caller
    /// sent, [`MessageDetails::parts`](crate::signaling::MessageDetails::parts) of [`details`](Self::details) tells.
    pub fn set_parts(&self, parts: &[BodyPart]) -> Result<(), PeerError> {
        let set = self.shared().signalling(|side, now, _| side.core.set_body_parts(now, self.session, parts));
        set.map_err(|error| self.trouble(error))
    }

    /// Refuses the call with a final status: 486 is busy, 603 is no.
    pub async fn reject(self, status: u16) -> Result<(), PeerError> {
        self.reject_with(status, &[]).await
    }

    /// The same with header fields for the refusal, such as `Retry-After` or `Reason`.
    pub async fn reject_with(self, status: u16, headers: &[(&str, &str)]) -> Result<(), PeerError> {
        if !(300..700).contains(&status) {
            let why = format!("{status} refuses nothing, take one of 300 to 699");
            return Err(PeerError::BadArgument { what: "status", why });
        }
        self.shared()
            .signalling(|side, now, _| side.core.reject_with(now, self.session, status, headers))
            .map_err(|error| self.trouble(error))
    }

    /// Sends the caller elsewhere (302): to `uri`, which its side may call instead, or not.
    pub async fn redirect(self, uri: &str) -> Result<(), PeerError> {
        let uri = full_uri(uri);
        self.shared()
            .signalling(|side, now, _| side.core.redirect(now, self.session, &[&uri]))
            .map_err(|error| self.trouble(error))
    }

    /// Ready when the call is over before it was answered: the caller gave up, or time ran out.
    pub async fn cancelled(&self) -> CallEnd {
        self.ended().await
    }

    pub(crate) async fn ended(&self) -> CallEnd {
        let end = self.shared().watch(self.leg.id, |entry| entry.end.as_deref().cloned()).await;
        end.unwrap_or_else(|| CallEnd::bare(EndReason::Internal))
    }

    /// Refuses the call; one that is over already stays over.
    pub(crate) fn refuse(self, status: u16) {
        self.leg.entry(|entry| {
            if entry.undecided.is_some() {
                entry.undecided = Some(status);
            }
        });
    }

    pub(super) const fn leg(&self) -> &Leg {
        &self.leg
    }

    /// What there is to say when it is over.
    pub(super) fn over(&self) -> PeerError {
        self.trouble(CommandError::NoSuchCall)
    }

    /// What a refused command means for this call.
    fn trouble(&self, error: CommandError) -> PeerError {
        match self.leg.entry(|entry| entry.end.as_deref().cloned()).flatten() {
            Some(end) => PeerError::from_end(end, &self.from),
            None => error.into(),
        }
    }
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("id", &self.session)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
