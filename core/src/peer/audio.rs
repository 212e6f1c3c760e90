//! Audio of a call at any stage: before the answer and after.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::media::MediaSessionId;

use super::call::Call;
use super::entry::EntryId;
use super::error::PeerError;
use super::frame::AudioFrame;
use super::incoming::IncomingCall;
use super::media::Unsent;
use super::shared::{Leg, Letter, Shared};

fn check_rate(frame: &AudioFrame) -> Result<(), PeerError> {
    if frame.rate == AudioFrame::RATE {
        return Ok(());
    }
    Err(PeerError::UnsupportedRate { rate: frame.rate, supported: AudioFrame::RATE })
}

fn unsent_error(unsent: &Unsent, over: impl FnOnce() -> PeerError) -> PeerError {
    match unsent {
        Unsent::Over => over(),
        Unsent::Interrupted => PeerError::Interrupted,
        Unsent::Full => PeerError::Full { why: String::from("there is no room for so much audio now") },
    }
}

fn time_of(samples: usize) -> Duration {
    Duration::from_secs(samples as u64) / AudioFrame::RATE
}

impl Leg {
    /// Sends audio; why it was not.
    pub(crate) async fn send_audio(
        &self,
        media: MediaSessionId,
        frame: AudioFrame,
        over: impl FnOnce() -> PeerError,
    ) -> Result<(), PeerError> {
        self.send_audio_since(media, frame, &mut None, over).await
    }

    /// The same, unless audio was thrown away since `began`.
    async fn send_audio_since(
        &self,
        media: MediaSessionId,
        frame: AudioFrame,
        began: &mut Option<u64>,
        over: impl FnOnce() -> PeerError,
    ) -> Result<(), PeerError> {
        check_rate(&frame)?;
        let mut rest = frame.samples.as_slice();
        let sent = poll_fn(|cx| {
            self.shared().media(|side, now, _| side.poll_send(cx, now, media, &mut rest, began))
        });
        sent.await.map_err(|unsent| unsent_error(&unsent, over))
    }

    pub(crate) fn try_send_audio(
        &self,
        media: MediaSessionId,
        frame: &AudioFrame,
        over: impl FnOnce() -> PeerError,
    ) -> Result<(), PeerError> {
        check_rate(frame)?;
        let sent = self.shared().media(|side, now, _| side.try_send(now, media, &frame.samples));
        sent.map_err(|unsent| unsent_error(&unsent, over))
    }

    pub(crate) fn queued_audio(&self, media: MediaSessionId) -> Duration {
        time_of(self.shared().media(|side, _, _| side.queued(media)))
    }

    pub(crate) fn live(&self, media: MediaSessionId, most: Duration) {
        let most = Some(most).filter(|most| !most.is_zero());
        self.shared().media(|side, _, _| side.live(media, most));
    }

    pub(crate) fn discard_received(&self, media: MediaSessionId) -> Duration {
        time_of(self.shared().media(|side, _, due| side.discard_received(media, due)))
    }

    pub(crate) async fn flush_audio(&self, media: MediaSessionId) {
        poll_fn(|cx| self.shared().media(|side, _, _| side.poll_flushed(cx, media))).await;
    }

    pub(crate) fn discard_audio(&self, media: MediaSessionId) -> Duration {
        time_of(self.shared().media(|side, _, due| side.discard(media, due)))
    }

    pub(crate) async fn recv_audio(&self, media: MediaSessionId) -> Option<AudioFrame> {
        poll_fn(|cx| self.shared().media(|side, now, _| side.poll_recv(cx, now, media))).await
    }

    /// The stream of a session that is not answered, from now on kept for its handle.
    pub(crate) fn attach(&self) -> Option<MediaSessionId> {
        let shared = self.shared();
        shared.signalling(|side, _, _| {
            let entry = side.entries.get_mut(self.id)?;
            if entry.media.is_none() && entry.end.is_none() {
                entry.media = side.core.registry().media_of(entry.session?);
                shared.post(Letter::Attach(entry.media?));
            }
            entry.media
        })
    }
}

/// Something that is said in one go, of as many frames as it takes; see [`Call::speak`](super::Call::speak).
#[derive(Debug)]
pub struct Speech<'a> {
    speaker: Speaker<'a>,
    media: MediaSessionId,
    /// How often audio had been thrown away when it began.
    began: Option<u64>,
}

/// Who says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker<'a> {
    Call(&'a Call),
    Incoming(&'a IncomingCall),
}

impl<'a> Speech<'a> {
    pub(crate) fn of(speaker: Speaker<'a>, media: MediaSessionId) -> Self {
        let began = speaker.leg().shared().media(|side, _, _| side.discards(media));
        Self { speaker, media, began }
    }

    /// Sends the next of it, like [`Call::send_audio`](super::Call::send_audio).
    ///
    /// # Errors
    ///
    /// [`PeerError::Interrupted`] from the first [`discard_audio`](super::Call::discard_audio) after it began on, whether this
    /// waited then or the next frame was still being made. The others as for `send_audio`.
    pub async fn send_audio(&mut self, frame: impl Into<AudioFrame>) -> Result<(), PeerError> {
        let Self { speaker, media, began } = self;
        speaker.leg().send_audio_since(*media, frame.into(), began, || speaker.over()).await
    }
}

impl<'a> Speaker<'a> {
    const fn leg(self) -> &'a Leg {
        match self {
            Self::Call(call) => &call.leg,
            Self::Incoming(incoming) => incoming.leg(),
        }
    }

    fn over(self) -> PeerError {
        match self {
            Self::Call(call) => call.over(),
            Self::Incoming(incoming) => incoming.over(),
        }
    }
}

/// What can be heard of an outgoing call before its answer; see [`Dialing::early_audio`](super::Dialing::early_audio).
pub struct EarlyAudio {
    shared: Arc<Shared>,
    id: EntryId,
    media: MediaSessionId,
}

impl EarlyAudio {
    pub(crate) fn of(leg: &Leg) -> Option<Self> {
        Some(Self { shared: Arc::clone(leg.shared()), id: leg.id, media: leg.attach()? })
    }

    /// The next 20 ms; `None` when the call is decided. What is left then, and all that comes later, is given by
    /// [`Call::recv_audio`](super::Call::recv_audio).
    pub async fn recv(&self) -> Option<AudioFrame> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<AudioFrame>> {
        let under_way = self.shared.look(|side| {
            let entry = side.entries.get_mut(self.id).filter(|entry| !entry.answered && entry.end.is_none());
            entry.map(|entry| entry.wakers.register(cx)).is_some()
        });
        if !under_way {
            return Poll::Ready(None);
        }
        self.shared.media(|side, now, _| side.poll_recv(cx, now, self.media))
    }
}

impl std::fmt::Debug for EarlyAudio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyAudio").finish_non_exhaustive()
    }
}
