//! What happens to a call while it is up, for whoever has it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use crate::api::AnswerFault;
use crate::base::ids::SessionId;
use crate::sdp::plan::MediaPlan;
use crate::signaling::MessageDetails;

use super::call::Call;
use super::error::CallEnd;
use super::frame::Dtmf;
use super::transfer::{Request, TransferRequest};

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
    /// The other side agreed to an offer of ours and brought no answer that can be used: the media are as they were.
    OfferUnanswered(AnswerFault),
    /// The other side should send, and nothing has come for so long (`Config::silence`); told again each time it has lasted as
    /// long again, in the place of what was told and not read. Not while either side holds the call.
    Silent(Duration),
    /// After that something comes again.
    Heard,
    /// The other side pressed a key. [`Call::recv_dtmf`] gives every key too.
    Dtmf(Dtmf),
    /// The other side sent information (INFO).
    Info(Info),
    /// The other side sent a message within the call (MESSAGE), if the settings want messages.
    Message(Arc<MessageDetails>),
    /// The other side asks us to call somebody else in its place. Whoever drops the request refuses it.
    TransferRequested(TransferRequest),
    /// How a transfer that we asked for goes, as the other side reports.
    TransferProgress {
        /// What the new call came to so far; or the status by which the other side refused.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// Whether that is the end. With a 2xx our call is hung up, with any other it goes on.
        done: bool,
    },
    /// Another call takes the place of this one, which ends: it was picked up elsewhere, or transferred to us.
    Replaced {
        /// The call that takes its place; [`get_incoming_call`](super::UnifiedCoordinator::get_incoming_call) gives it.
        by: SessionId,
    },
    /// The other side is still there: the session was refreshed (RFC 4028), by us or by it.
    Refreshed {
        /// Whether we asked.
        by_us: bool,
    },
    /// The other side refuses to refresh the session, by UPDATE and by re-INVITE (RFC 4028 section 10): unless it does so
    /// itself, or takes a change of the media, the call ends when its time is up.
    RefreshRefused {
        /// Its status.
        status: u16,
        /// The reason phrase.
        phrase: String,
        /// How long the call goes on.
        left: Duration,
    },
    /// The call is over. This comes last.
    Ended(CallEnd),
}

/// What came within a call by INFO (RFC 6086).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The Info-Package, if it names one.
    pub package: Option<String>,
    /// The type of the body; empty if there is none.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// The same before anybody has asked for it.
#[derive(Debug)]
pub(crate) enum Note {
    Held(bool),
    MediaChanged(Arc<MediaPlan>),
    Silent(Option<Duration>),
    Unanswered(AnswerFault),
    TransferRequested(Request),
    TransferProgress { status: u16, phrase: String, done: bool },
    Replaced { by: SessionId },
    Refreshed { by_us: bool },
    RefreshRefused { status: u16, phrase: String, left: Duration },
    Info(Info),
    Message(Arc<MessageDetails>),
}

/// Events that wait to be read; the oldest makes room.
const WAITING_MAX: usize = 64;
/// Octets of what came within the call that wait, but for the latest: whoever sends it may have thousands of calls, and many an application
/// reads none of it.
const OCTETS_MAX: usize = 65_536;

/// What waits to be read.
#[derive(Default)]
pub(crate) struct News {
    waiting: VecDeque<Note>,
    missed: u64,
    /// Octets of all that waits.
    octets: u32,
    end_told: bool,
}

impl Note {
    /// Octets of what came from the other side.
    fn octets(&self) -> u32 {
        let octets = match self {
            Self::Info(info) => info.content_type.len().saturating_add(info.body.len()),
            Self::Message(message) => message.message().len(),
            _ => 0,
        };
        u32::try_from(octets).unwrap_or(u32::MAX)
    }
}

impl News {
    /// Gives back what had to make room.
    pub(crate) fn push(&mut self, note: Note) -> Vec<Note> {
        if let (Note::Silent(Some(_)), Some(last @ Note::Silent(Some(_)))) = (&note, self.waiting.back_mut())
        {
            // The same silence, longer: an application that never asks would be left a list of it.
            *last = note;
            return Vec::new();
        }
        if self.waiting.capacity() == 0 {
            // Most calls are told of one thing, and many an application never asks.
            self.waiting.reserve_exact(1);
        }
        let mut lost = Vec::new();
        let more = note.octets();
        let is_full = |it: &Self| {
            it.waiting.len() >= WAITING_MAX || (it.octets + more) as usize > OCTETS_MAX && more > 0
        };
        while is_full(self)
            && let Some(oldest) = self.pop()
        {
            lost.push(oldest);
        }
        self.missed += lost.len() as u64;
        self.octets += more;
        self.waiting.push_back(note);
        lost
    }

    /// The oldest.
    fn pop(&mut self) -> Option<Note> {
        let note = self.waiting.pop_front()?;
        self.octets -= note.octets();
        Some(note)
    }
}

impl Call {
    /// The next thing that happens to this call; `None` when the call is over and its end was told.
    ///
    /// There is one stream of events for each call, whoever reads it. Up to 64 events and 256 keys wait for a slow
    /// reader, with 64 KiB of INFO and MESSAGE; beyond that the oldest go, counted in [`missed_events`](Self::missed_events). Nothing waits for a reader,
    /// and none is needed.
    pub async fn next_event(&self) -> Option<CallEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<CallEvent>> {
        loop {
            let note = self.leg.entry(|entry| {
                let note = entry.news.pop();
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
                Some(end) => Some(Poll::Ready(Some((**end).clone()))),
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
            Note::Silent(Some(lasted)) => CallEvent::Silent(lasted),
            Note::Silent(None) => CallEvent::Heard,
            Note::Unanswered(fault) => CallEvent::OfferUnanswered(fault),
            Note::TransferRequested(request) => {
                let stack = self.leg.stack();
                CallEvent::TransferRequested(TransferRequest::new(stack, self.leg.id, self.id(), request))
            }
            Note::TransferProgress { status, phrase, done } => {
                CallEvent::TransferProgress { status, phrase, done }
            }
            Note::Info(info) => CallEvent::Info(info),
            Note::Message(message) => CallEvent::Message(message),
            Note::Refreshed { by_us } => CallEvent::Refreshed { by_us },
            Note::RefreshRefused { status, phrase, left } => {
                CallEvent::RefreshRefused { status, phrase, left }
            }
            Note::Replaced { by } => CallEvent::Replaced { by },
        }
    }

    /// How many events were lost because they were not read in time, keys not counted.
    pub fn missed_events(&self) -> u64 {
        self.leg.entry(|entry| entry.news.missed).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_that_lasts_takes_one_place() {
        let mut news = News::default();
        for seconds in (30..3_000).step_by(30) {
            assert!(news.push(Note::Silent(Some(Duration::from_secs(seconds)))).is_empty());
        }
        assert_eq!((news.waiting.len(), news.missed), (1, 0));
        assert!(
            matches!(news.waiting.front(), Some(Note::Silent(Some(lasted))) if lasted.as_secs() == 2_970)
        );
        let room = news.waiting.capacity();
        assert_eq!(room, 1, "nobody may ever ask");
    }

    #[test]
    fn another_silence_is_told_by_itself() {
        let mut news = News::default();
        for silent in [Some(30), Some(60), None, Some(30), Some(60)] {
            news.push(Note::Silent(silent.map(Duration::from_secs)));
        }
        let told: Vec<Option<u64>> = news
            .waiting
            .iter()
            .map(|note| if let Note::Silent(lasted) = note { lasted.map(|it| it.as_secs()) } else { Some(0) })
            .collect();
        assert_eq!(told, [Some(60), None, Some(60)]);
    }

    #[test]
    fn what_came_within_a_call_takes_so_many_octets_and_no_more() {
        let info = |octets: usize| {
            Note::Info(Info { package: None, content_type: "x/y".into(), body: vec![b'x'; octets].into() })
        };
        let kept = |news: &News| news.waiting.iter().map(|note| note.octets() as usize).sum::<usize>();
        let mut news = News::default();
        for octets in [60_000, 10, 30_000, 30_000, 200_000, 1].into_iter().cycle().take(600) {
            news.push(info(octets));
            assert!(kept(&news) <= OCTETS_MAX.max(octets + 3), "{}", kept(&news));
            assert_eq!(news.octets as usize, kept(&news));
        }
        assert_eq!(news.missed as usize + news.waiting.len(), 600, "each is there or counted");
        // What tells no octets makes none of them go before there are too many.
        let before = news.waiting.len();
        news.push(Note::Held(true));
        assert_eq!(news.waiting.len(), before + 1);
        while news.pop().is_some() {}
        assert_eq!(news.octets, 0);
    }
}
