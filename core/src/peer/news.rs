//! What happens to a call while it is up, for whoever has it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::sdp::plan::MediaPlan;

use super::call::Call;
use super::error::CallEnd;
use super::frame::Dtmf;

/// Something that happened to a call; see [`Call::next_event`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CallEvent {
    /// The other side holds us: it listens no more. What is sent is dropped, at its own pace, until it resumes.
    Held,
    /// The other side took us back.
    Resumed,
    /// A later offer and answer changed the media: this holds from now on.
    MediaChanged(Arc<MediaPlan>),
    /// The other side pressed a key. [`Call::recv_dtmf`] gives every key too.
    Dtmf(Dtmf),
    /// The call is over. This comes last.
    Ended(CallEnd),
}

/// The same before anybody has asked for it.
#[derive(Debug)]
pub(crate) enum Note {
    Held(bool),
    MediaChanged(Arc<MediaPlan>),
}

/// Events that wait to be read; the oldest makes room.
const WAITING_MAX: usize = 64;

/// What waits to be read.
#[derive(Default)]
pub(crate) struct News {
    waiting: VecDeque<Note>,
    missed: u64,
    end_told: bool,
}

impl News {
    /// Gives back what had to make room.
    pub(crate) fn push(&mut self, note: Note) -> Option<Note> {
        let oldest = if self.waiting.len() < WAITING_MAX { None } else { self.waiting.pop_front() };
        self.missed += u64::from(oldest.is_some());
        self.waiting.push_back(note);
        oldest
    }
}

impl Call {
    /// The next thing that happens to this call; `None` when the call is over and its end was told.
    ///
    /// There is one stream of events for each call, whoever reads it. Up to 64 events and 256 keys wait for a slow
    /// reader; beyond that the oldest go, counted in [`missed_events`](Self::missed_events). Nothing waits for a reader,
    /// and none is needed.
    pub async fn next_event(&self) -> Option<CallEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<CallEvent>> {
        loop {
            let note = self.leg.entry(|entry| {
                let note = entry.news.waiting.pop_front();
                if note.is_none() {
                    entry.wakers.register(cx);
                }
                note
            });
            if let Some(note) = note.flatten() {
                return Poll::Ready(Some(self.event_of(note)));
            }
            if let Some(key) = self.leg.shared().media(|side, _, _| side.next_key(cx, self.media)) {
                return Poll::Ready(Some(CallEvent::Dtmf(key)));
            }
            // The end is told last. The keys were looked through before it was looked for, so look again.
            let end = self.leg.entry(|entry| match &entry.end {
                _ if !entry.news.waiting.is_empty() => None,
                None => Some(Poll::Pending),
                Some(_) if entry.news.end_told => Some(Poll::Ready(None)),
                Some(end) => Some(Poll::Ready(Some(end.clone()))),
            });
            match end {
                Some(None) => {}
                None | Some(Some(Poll::Ready(None))) => return Poll::Ready(None),
                Some(Some(Poll::Pending)) => return Poll::Pending,
                Some(Some(Poll::Ready(Some(end)))) => {
                    self.leg.entry(|entry| entry.news.end_told = true);
                    return Poll::Ready(Some(CallEvent::Ended(end)));
                }
            }
        }
    }

    fn event_of(&self, note: Note) -> CallEvent {
        match note {
            Note::Held(true) => CallEvent::Held,
            Note::Held(false) => CallEvent::Resumed,
            Note::MediaChanged(plan) => CallEvent::MediaChanged(plan),
        }
    }

    /// How many events were lost because they were not read in time, keys not counted.
    pub fn missed_events(&self) -> u64 {
        self.leg.entry(|entry| entry.news.missed).unwrap_or(0)
    }
}
