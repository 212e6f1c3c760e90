//! A call that is up.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::api::EndReason;
use crate::base::ids::SessionId;
use crate::media::{MediaReport, MediaSessionId};
use crate::sdp::plan::MediaPlan;
use crate::signaling::CommandError;

use super::audio::{Speaker, Speech};
use super::error::{CallEnd, PeerError};
use super::frame::{AudioFrame, Dtmf};
use super::shared::Leg;

/// A call that is up. Dropping it hangs up; put it into an [`Arc`] to share it.
pub struct Call {
    pub(super) leg: Leg,
    session: SessionId,
    pub(super) media: MediaSessionId,
    remote_uri: String,
}

impl Leg {
    /// Ready with the media stream once the call is answered, or with why it never will be.
    pub(crate) fn poll_answered(
        &self,
        cx: &Context<'_>,
        target: &str,
    ) -> Poll<Result<MediaSessionId, PeerError>> {
        let found = self.entry(|entry| match (entry.media.as_ref().filter(|_| entry.answered), &entry.end) {
            // A call that was answered is given out even if it is over already: there may be audio to read.
            (Some(media), _) => Poll::Ready(Ok(*media)),
            (None, Some(end)) => Poll::Ready(Err(PeerError::from_end((**end).clone(), target))),
            (None, None) => {
                entry.wakers.register(cx);
                Poll::Pending
            }
        });
        found.unwrap_or_else(|| Poll::Ready(Err(PeerError::Ended(CallEnd::bare(EndReason::Internal)))))
    }
}

impl Call {
    pub(crate) const fn new(leg: Leg, session: SessionId, media: MediaSessionId, remote_uri: String) -> Self {
        Self { leg, session, media, remote_uri }
    }

    /// The call of an incoming leg, once the answer is on its way.
    pub(crate) async fn answered(leg: Leg, session: SessionId, caller: String) -> Result<Self, PeerError> {
        let media = poll_fn(|cx| leg.poll_answered(cx, &caller)).await?;
        Ok(Self::new(leg, session, media, caller))
    }

    /// Names the session.
    pub const fn id(&self) -> SessionId {
        self.session
    }

    /// Who is at the other end: whom we called, or who called us.
    pub fn remote_uri(&self) -> &str {
        &self.remote_uri
    }

    /// What the two sides agreed about media; `None` while the caller still owes its half.
    pub fn plan(&self) -> Option<Arc<MediaPlan>> {
        self.leg.entry(|entry| entry.plan.clone()).flatten()
    }

    /// Sends audio of any length, at 8000 Hz. The samples leave at their own pace, one packet every 20 ms; this waits
    /// while 200 ms of audio are queued.
    ///
    /// A frame of up to 100 ms is taken as a whole or, if this future is dropped before, not at all; a longer one is
    /// taken piece by piece.
    ///
    /// # Errors
    ///
    /// [`PeerError::Interrupted`] if [`discard_audio`](Self::discard_audio) is called while this waits: what is left of the frame
    /// is not sent. [`PeerError::Ended`] if the call is over, [`PeerError::UnsupportedRate`] for any rate but 8000.
    pub async fn send_audio(&self, frame: impl Into<AudioFrame>) -> Result<(), PeerError> {
        self.leg.send_audio(self.media, frame.into(), || self.over()).await
    }

    /// Begins to say something that is more than one frame: whoever makes audio piece by piece learns of an interruption even if it comes
    /// between two pieces. [`discard_audio`](Self::discard_audio) ends it.
    pub fn speak(&self) -> Speech<'_> {
        Speech::of(Speaker::Call(self), self.media)
    }

    /// Sends all of this audio, without waiting: for a source with a clock of its own, such as a microphone or another call.
    ///
    /// # Errors
    ///
    /// [`PeerError::Full`] if there is no room for all of it, and nothing of it is sent: more than 200 ms never fit. The others as
    /// for [`send_audio`](Self::send_audio).
    pub fn try_send_audio(&self, frame: impl Into<AudioFrame>) -> Result<(), PeerError> {
        self.leg.try_send_audio(self.media, &frame.into(), || self.over())
    }

    /// How much audio waits to be sent: what the queue adds to the delay.
    pub fn queued_audio(&self) -> Duration {
        self.leg.queued_audio(self.media)
    }

    /// From now on the audio comes from a live source: whoever sends is never held up, at most `most` waits (40 ms to
    /// 200 ms), and older audio makes room.
    ///
    /// A source that pauses for a moment and then catches up would leave what it catches up with in the queue, and so in the
    /// delay, for the rest of the call. Of a live one the queue is brought back to one frame within a second: by
    /// taking out pauses, and where there are none the quietest frames. They are counted in
    /// [`MediaReport::cut_audio_frames`]. [`Duration::ZERO`] ends it.
    pub fn live(&self, most: Duration) {
        self.leg.live(self.media, most);
    }

    /// Ready when all audio that was given to [`send_audio`](Self::send_audio) has left, or the call is over.
    pub async fn flush_audio(&self) {
        self.leg.flush_audio(self.media).await;
    }

    /// Throws away the audio that was given to [`send_audio`](Self::send_audio) and has not left: the other side talks, and
    /// we shall be silent. Returned is how much of it was never sent, less than 300 ms. A `send_audio` that still waits gives
    /// [`PeerError::Interrupted`]: so the task that speaks learns of it, whoever calls this. One that is about to call it does not:
    /// that is what [`speak`](Self::speak) is for.
    pub fn discard_audio(&self) -> Duration {
        self.leg.discard_audio(self.media)
    }

    /// Throws away what has come and was not read, up to a second: [`recv_audio`](Self::recv_audio) goes on with what comes
    /// from now on. Returned is how much that was. Whoever played a prompt without reading wants this before the answer to it.
    pub fn discard_received(&self) -> Duration {
        self.leg.discard_received(self.media)
    }

    /// The next 20 ms of what the other side says; `None` when the call is over and all is read.
    ///
    /// A second of audio is kept for a slow reader; beyond that the oldest goes, counted in
    /// [`MediaReport::dropped_audio_frames`].
    pub async fn recv_audio(&self) -> Option<AudioFrame> {
        self.leg.recv_audio(self.media).await
    }

    /// Presses keys: any of `0123456789*#ABCD`. Ready when all have been sent; if this future is dropped, those that
    /// were begun are sent all the same. While the other side holds the call, keys wait.
    ///
    /// To an other side that takes no telephone-events they go by INFO, one after the other, and this is ready when it has
    /// taken the last.
    ///
    /// # Errors
    ///
    /// [`PeerError::DtmfRefused`] names the key that was not taken by INFO, the status (RFC 6086 section 4.2.1), and what
    /// is not sent because of it. [`PeerError::BadArgument`] for what is no key, [`PeerError::Ended`] after the call.
    pub async fn send_dtmf(&self, digits: &str) -> Result<(), PeerError> {
        let shared = self.leg.shared();
        let number = shared.media(|side, _, _| side.dtmf_asked(self.media));
        let by_info = |plan: Arc<MediaPlan>| plan.send_dtmf.is_none();
        let asked = shared.signalling(|side, now, _| {
            let plan = side.core.registry().session(self.session).and_then(|it| it.plan().cloned());
            side.core.send_dtmf(now, self.session, digits)?;
            // The events of what this has led to come after it.
            Ok(plan.is_some_and(by_info).then(|| side.number_keys(self.session, digits)).flatten())
        });
        let run = match asked {
            Ok(None) => {
                let sent =
                    poll_fn(|cx| shared.media(|side, _, _| side.poll_dtmf_sent(cx, self.media, number)));
                return sent.await.map_err(|_| PeerError::Ended(self.end_or_internal()));
            }
            Ok(Some(run)) => run,
            Err(error) => {
                shared.media(|side, _, _| side.dtmf_refused(self.media));
                let error: CommandError = error;
                return Err(self.end().map_or_else(|| error.into(), PeerError::Ended));
            }
        };
        shared.media(|side, _, _| side.dtmf_refused(self.media));
        let outcome = shared.watch(self.leg.id, |entry| {
            run.outcome(entry).or_else(|| entry.end.as_deref().cloned().map(|end| Err(PeerError::Ended(end))))
        });
        outcome.await.unwrap_or_else(|| Err(PeerError::Ended(self.end_or_internal())))
    }

    /// The next key that the other side presses; `None` when the call is over.
    pub async fn recv_dtmf(&self) -> Option<Dtmf> {
        poll_fn(|cx| self.leg.shared().media(|side, _, _| side.poll_dtmf(cx, self.media))).await
    }

    /// Hangs up. Ready when the call is over for us and the BYE on its way; it is repeated in the background until the
    /// other side confirms, which `shutdown` waits for. Dropping this future does not undo it. A call that is over stays
    /// over.
    pub async fn hangup(&self) -> Result<(), PeerError> {
        let outcome = self.leg.shared().signalling(|side, now, _| side.core.hangup(now, self.session));
        self.hung_up(outcome).await
    }

    /// The same with header fields for the BYE, such as a `Reason` (RFC 3326).
    pub async fn hangup_with(&self, headers: &[(&str, &str)]) -> Result<(), PeerError> {
        let shared = self.leg.shared();
        let outcome = shared.signalling(|side, now, _| side.core.hangup_with(now, self.session, headers));
        self.hung_up(outcome).await
    }

    async fn hung_up(&self, outcome: Result<(), CommandError>) -> Result<(), PeerError> {
        if let Err(error @ CommandError::BadArgument { .. }) = outcome {
            return Err(error.into());
        }
        if let Err(error) = outcome {
            tracing::debug!(session = %self.session, %error, "nothing to hang up");
        }
        self.ended().await;
        Ok(())
    }

    /// Ready when the call is over, with the reason.
    pub async fn ended(&self) -> CallEnd {
        let end = self.leg.shared().watch(self.leg.id, |entry| entry.end.as_deref().cloned()).await;
        end.unwrap_or_else(|| CallEnd::bare(EndReason::Internal))
    }

    /// How the call ended, if it has.
    pub fn end(&self) -> Option<CallEnd> {
        self.leg.entry(|entry| entry.end.as_deref().cloned()).flatten()
    }

    pub(super) fn over(&self) -> PeerError {
        PeerError::Ended(self.end_or_internal())
    }

    fn end_or_internal(&self) -> CallEnd {
        self.end().unwrap_or_else(|| CallEnd::bare(EndReason::LocalHangup))
    }

    /// Figures of the media stream: so far, or the final ones when the call is over.
    pub fn stats(&self) -> MediaReport {
        self.leg.shared().media(|side, _, _| side.report(self.media))
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.session)
            .field("remote", &self.remote_uri)
            .finish_non_exhaustive()
    }
}
