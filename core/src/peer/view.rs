//! Looking at a running peer: events, registry, counters.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use crate::api::{Counters, Event};
use crate::base::ids::{DialogId, SessionId};
use crate::media::MediaSessionId;
use crate::session::State;

use super::shared::Stack;
use super::wakers::Wakers;

/// Events that wait to be read; the oldest makes room.
const EVENTS_MAX: usize = 1024;

#[derive(Default)]
pub(crate) struct EventQueue {
    waiting: VecDeque<Event>,
    missed: u64,
    closed: bool,
    wakers: Wakers,
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: Event) {
        if self.waiting.len() >= EVENTS_MAX {
            self.waiting.pop_front();
            self.missed += 1;
        }
        self.waiting.push_back(event);
        self.wakers.wake();
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.wakers.wake();
    }
}

/// All events of a coordinator from the moment of subscription on.
///
/// A thousand wait for a slow reader; beyond that the oldest go and are counted. Signalling never waits for a reader.
pub struct Events {
    queue: Arc<Mutex<EventQueue>>,
}

impl Events {
    pub(crate) fn subscribe(stack: &Stack) -> Self {
        let queue = Arc::new(Mutex::new(EventQueue::default()));
        stack.shared.look(|side| side.subscribe(&queue));
        Self { queue }
    }

    /// The next event; `None` after the shutdown.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            match queue.waiting.pop_front() {
                Some(event) => Poll::Ready(Some(event)),
                None if queue.closed => Poll::Ready(None),
                None => {
                    queue.wakers.register(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// How many events were lost because they were not read in time.
    pub fn missed(&self) -> u64 {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).missed
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("missed", &self.missed()).finish_non_exhaustive()
    }
}

/// The registry of a running coordinator, readable from any thread: which session, dialog and media stream belong
/// together. Each question is answered for the moment it is asked.
#[derive(Clone)]
pub struct RegistryView {
    pub(crate) stack: Arc<Stack>,
}

impl RegistryView {
    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.stack.shared.look(|side| side.core.registry().len())
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All sessions.
    pub fn sessions(&self) -> Vec<SessionId> {
        self.stack.shared.look(|side| side.core.registry().ids())
    }

    /// The state of a session; `None` if it is over.
    pub fn state(&self, session: SessionId) -> Option<State> {
        self.stack.shared.look(|side| side.core.session_state(session))
    }

    /// The dialogs of a session.
    pub fn dialogs_of(&self, session: SessionId) -> Vec<DialogId> {
        self.stack.shared.look(|side| side.core.registry().dialogs_of(session).to_vec())
    }

    /// The media stream of a session.
    pub fn media_of(&self, session: SessionId) -> Option<MediaSessionId> {
        self.stack.shared.look(|side| side.core.registry().media_of(session))
    }

    /// The session that a dialog belongs to.
    pub fn session_of_dialog(&self, dialog: DialogId) -> Option<SessionId> {
        self.stack.shared.look(|side| side.core.registry().session_of_dialog(dialog))
    }

    /// The session that a media stream belongs to.
    pub fn session_of_media(&self, media: MediaSessionId) -> Option<SessionId> {
        self.stack.shared.look(|side| side.core.registry().session_of_media(media))
    }
}

impl std::fmt::Debug for RegistryView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryView").field("sessions", &self.len()).finish_non_exhaustive()
    }
}

/// What was counted since the start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PeerCounters {
    /// By the coordinator.
    pub core: Counters,
    /// By the runtime.
    pub network: NetworkCounters,
}

/// What the runtime counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct NetworkCounters {
    /// SIP datagrams received.
    pub datagrams_received: u64,
    /// SIP datagrams that the system threw away because they were not read in time. Looked at once a second.
    pub datagrams_lost: u64,
    /// SIP datagrams that were dropped because more came than could be dealt with: requests outside a dialog that had lain for
    /// too long already, if there was no time to turn them away.
    pub datagrams_dropped: u64,
    /// SIP datagrams sent.
    pub datagrams_sent: u64,
    /// Times that a SIP message had to wait because the system had no room.
    pub sends_delayed: u64,
    /// SIP messages that the system refused to send.
    pub sends_failed: u64,
    /// SIP messages that the network reported undeliverable.
    pub icmp_errors: u64,
    /// Times that reading from the SIP socket failed.
    pub receive_errors: u64,
    /// Times that no media port could be bound.
    pub port_shortages: u64,
    /// Pairs of media sockets bound.
    pub ports_bound: u64,
}
