//! Audio of a call at any stage: before the answer and after.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::media::MediaSessionId;

use super::entry::EntryId;
use super::error::PeerError;
use super::frame::AudioFrame;
use super::media::Over;
use super::shared::{Leg, Letter, Shared};

impl Leg {
    /// Sends audio; an error if the stream is over.
    pub(crate) async fn send_audio(
        &self,
        media: MediaSessionId,
        frame: AudioFrame,
    ) -> Result<Result<(), Over>, PeerError> {
        if frame.rate != AudioFrame::RATE {
            return Err(PeerError::UnsupportedRate { rate: frame.rate, supported: AudioFrame::RATE });
        }
        let mut rest = frame.samples.as_slice();
        let sent =
            poll_fn(|cx| self.shared().media(|side, now, _| side.poll_send(cx, now, media, &mut rest)));
        Ok(sent.await)
    }

    pub(crate) async fn flush_audio(&self, media: MediaSessionId) {
        poll_fn(|cx| self.shared().media(|side, _, _| side.poll_flushed(cx, media))).await;
    }

    pub(crate) fn discard_audio(&self, media: MediaSessionId) -> Duration {
        let samples = self.shared().media(|side, _, _| side.discard(media));
        Duration::from_secs(samples as u64) / AudioFrame::RATE
    }

    pub(crate) async fn recv_audio(&self, media: MediaSessionId) -> Option<AudioFrame> {
        poll_fn(|cx| self.shared().media(|side, _, _| side.poll_recv(cx, media))).await
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
        self.shared.media(|side, _, _| side.poll_recv(cx, self.media))
    }
}

impl std::fmt::Debug for EarlyAudio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EarlyAudio").finish_non_exhaustive()
    }
}
