//! What handles and tasks share: two machines, each behind its lock, and the letters between them.
//!
//! The two locks are never held together. What one side has for the other is posted as a letter, in order, and
//! whoever takes a side's lock next reads that side's letters first. The lock around the letters is a leaf: it is
//! held for a push or a swap only.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Poll;

use crate::api::{NameFailure, QueryId, ResolveTarget};
use crate::base::time::Instant;
use crate::media::{MediaCommand, MediaEvent, MediaPort, MediaSessionId};
use crate::wire::path::{Path, Transmit};

use super::entry::{Entry, EntryId};
use super::frame::Dtmf;
use super::media::{Media, PairSend};
use super::signalling::{SHUTDOWN_WITHIN, Signalling, Stage};
use super::spent::LetGo;
use super::wakers::Due;

/// The runtime, as the shared part sees it.
pub(crate) trait Host: Send + Sync {
    fn now(&self) -> Instant;
    /// Runs a future of the application in the background.
    fn spawn_for_application(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>);
    /// Ready at that moment.
    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>>;
    /// Sends a SIP message, or says why not.
    fn send(&self, transmit: &Transmit) -> io::Result<()>;
    /// The path to a host that is an IP address; `None` for a name.
    fn resolve_now(&self, target: &ResolveTarget) -> Option<Result<Path, NameFailure>>;
    /// Looks up a name and tells the coordinator, later.
    fn resolve(&self, shared: &Arc<Shared>, query: QueryId, target: ResolveTarget);
    /// Binds two more sockets for media.
    fn bind_pair(&self) -> io::Result<(MediaPort, Arc<dyn PairSend>)>;
    /// From now on reads what comes to this pair.
    fn start_reader(&self, key: u32);
    /// Closes this pair. Its key may come again for another.
    fn unbind(&self, key: u32);
    /// How many more files and sockets the program may open, if that is known.
    fn descriptors_free(&self) -> Option<usize>;
}

/// What the signalling side has to tell the media side.
pub(crate) enum Letter {
    /// A new pair of sockets.
    Port(Arc<dyn PairSend>),
    /// A pair that is closed.
    PortClosed(u32),
    /// The address that a pair sends from, as the peer was told.
    SendFrom { key: u32, local: Option<IpAddr> },
    /// The coordinator's own words.
    Command(MediaCommand),
    /// A handle will use this stream.
    Attach(MediaSessionId),
    /// Whether what is sent on this stream is to be silence.
    Mute(MediaSessionId, bool),
    /// The other side pressed a key, which came by way of the signalling.
    Key(MediaSessionId, Dtmf),
    /// The session is over; there may be audio left to read.
    Ended(MediaSessionId),
    /// No handle uses this stream any more.
    Detach(MediaSessionId),
}

#[derive(Default)]
struct Letters {
    to_media: VecDeque<Letter>,
    to_signalling: VecDeque<MediaEvent>,
}

/// What handles and tasks share.
pub(crate) struct Shared {
    pub(crate) host: Box<dyn Host>,
    signalling: Mutex<Signalling>,
    media: Mutex<Media>,
    letters: Mutex<Letters>,
    stack: OnceLock<Weak<Stack>>,
}

/// A panic while a lock was held ended one call; the others go on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(host: Box<dyn Host>, signalling: Signalling, media: Media) -> Arc<Self> {
        Arc::new(Self {
            host,
            signalling: Mutex::new(signalling),
            media: Mutex::new(media),
            letters: Mutex::default(),
            stack: OnceLock::new(),
        })
    }

    /// What handles made by a task hold; `None` when the last handle is gone.
    pub(crate) fn stack(&self) -> Option<Arc<Stack>> {
        self.stack.get()?.upgrade()
    }

    /// Posts a letter to the media side.
    pub(crate) fn post(&self, letter: Letter) {
        locked(&self.letters).to_media.push_back(letter);
    }

    /// Posts what the media side has to tell the coordinator.
    pub(crate) fn report(&self, event: MediaEvent) {
        locked(&self.letters).to_signalling.push_back(event);
    }

    /// Takes the oldest letter to the media side.
    pub(crate) fn next_letter(&self) -> Option<Letter> {
        locked(&self.letters).to_media.pop_front()
    }

    /// Reads without changing anything.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Signalling) -> T) -> T {
        look(&mut locked(&self.signalling))
    }

    /// One input or command, and everything that follows from it.
    pub(crate) fn signalling<T>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Signalling, Instant, &mut Due) -> T,
    ) -> T {
        let mut due = Due::default();
        let out = self.signalling_only(&mut due, act);
        self.settle(&mut due);
        out
    }

    /// Many inputs in a row, by whoever has the signalling side for so long: a task that wants something of it waits once, and not
    /// at every input. What is to be sent waits for [`Hold::flush`], and who is to be woken until `due` is dropped. Peers that
    /// get their answers together, and tasks that have several things to hear of, wake up once.
    pub(crate) fn hold(self: &Arc<Self>) -> Hold<'_> {
        Hold { side: locked(&self.signalling), shared: self }
    }

    fn signalling_only<T>(
        self: &Arc<Self>,
        due: &mut Due,
        act: impl FnOnce(&mut Signalling, Instant, &mut Due) -> T,
    ) -> T {
        let mut hold = self.hold();
        let out = hold.act(due, act);
        hold.flush(due);
        out
    }

    /// One input or command to the media side, and everything that follows from it.
    pub(crate) fn media<T>(self: &Arc<Self>, act: impl FnOnce(&mut Media, Instant, &mut Due) -> T) -> T {
        let mut due = Due::default();
        let out = self.media_only(&mut due, act);
        self.settle(&mut due);
        out
    }

    fn media_only<T>(
        self: &Arc<Self>,
        due: &mut Due,
        act: impl FnOnce(&mut Media, Instant, &mut Due) -> T,
    ) -> T {
        let mut side = locked(&self.media);
        let now = self.host.now();
        side.read_letters(self, now, due);
        let out = act(&mut side, now, due);
        side.settle(self, now, due);
        drop(side);
        out
    }

    /// Delivers letters until none is left.
    pub(crate) fn settle(self: &Arc<Self>, due: &mut Due) {
        loop {
            let (to_media, to_signalling) = {
                let letters = locked(&self.letters);
                (!letters.to_media.is_empty(), !letters.to_signalling.is_empty())
            };
            if to_media {
                self.media_only(due, |_, _, _| ());
            } else if to_signalling {
                self.signalling_only(due, |_, _, _| ());
            } else {
                return;
            }
        }
    }

    /// Waits until `look` finds something in the entry of `id`; `None` if the entry is gone.
    pub(crate) async fn watch<T>(
        &self,
        id: EntryId,
        mut look: impl FnMut(&mut Entry) -> Option<T>,
    ) -> Option<T> {
        std::future::poll_fn(|cx| {
            let mut side = locked(&self.signalling);
            let Some(entry) = side.entries.get_mut(id) else { return Poll::Ready(None) };
            let found = look(entry);
            if found.is_some() {
                return Poll::Ready(found);
            }
            entry.wakers.register(cx);
            Poll::Pending
        })
        .await
    }

    /// Waits until every call is over and every socket closed.
    pub(crate) async fn closed(&self) {
        std::future::poll_fn(|cx| {
            let mut side = locked(&self.signalling);
            if side.stage == Stage::Closed {
                return Poll::Ready(());
            }
            side.stage_wakers.register(cx);
            Poll::Pending
        })
        .await;
    }
}

/// The signalling side, held for some inputs.
pub(crate) struct Hold<'a> {
    side: MutexGuard<'a, Signalling>,
    shared: &'a Arc<Shared>,
}

impl Hold<'_> {
    /// One input, and everything that follows from it but the sending.
    pub(crate) fn feed<T>(&mut self, due: &mut Due, act: impl FnOnce(&mut Signalling, Instant) -> T) -> T {
        self.act(due, |side, now, _| act(side, now))
    }

    /// Looks without an input.
    pub(crate) fn look<T>(&mut self, look: impl FnOnce(&mut Signalling) -> T) -> T {
        look(&mut self.side)
    }

    fn act<T>(&mut self, due: &mut Due, act: impl FnOnce(&mut Signalling, Instant, &mut Due) -> T) -> T {
        let now = self.shared.host.now();
        loop {
            // Taken apart from the lock around the letters: the coordinator may answer with letters of its own.
            let event = locked(&self.shared.letters).to_signalling.pop_front();
            let Some(event) = event else { break };
            self.side.core.handle_media(now, event);
            self.side.drain(self.shared, now, due);
        }
        let out = act(&mut self.side, now, due);
        self.side.drain(self.shared, now, due);
        out
    }

    /// Sends what is to be sent.
    pub(crate) fn flush(mut self, due: &mut Due) {
        let now = self.shared.host.now();
        self.side.flush(self.shared, now, due);
        self.side.poke_driver(due);
    }
}

/// What every handle holds. When the last one goes, everything is hung up and closed in the background.
pub(crate) struct Stack {
    pub(crate) shared: Arc<Shared>,
}

impl Stack {
    pub(crate) fn new(shared: Arc<Shared>) -> Arc<Self> {
        let stack = Arc::new(Self { shared });
        stack.shared.stack.get_or_init(|| Arc::downgrade(&stack));
        stack
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.shared.signalling(|side, now, due| side.stop(now, SHUTDOWN_WITHIN, due));
    }
}

/// A handle's hold on one session. Dropping it hangs up, cancels or refuses, whichever fits.
pub(crate) struct Leg {
    pub(crate) id: EntryId,
    stack: Arc<Stack>,
    armed: bool,
}

impl Leg {
    pub(crate) const fn new(stack: Arc<Stack>, id: EntryId) -> Self {
        Self { id, stack, armed: true }
    }

    /// Lets the hold go without hanging up.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
    }

    pub(crate) fn stack(&self) -> Arc<Stack> {
        Arc::clone(&self.stack)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.stack.shared
    }

    /// Reads the entry. It lives as long as this value.
    pub(crate) fn entry<T>(&self, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.shared().look(|side| side.entries.get_mut(self.id).map(look))
    }
}

impl Drop for Leg {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let id = self.id;
        let shared = Arc::clone(self.shared());
        match shared.look(|side| side.let_go_of_the_dead(&shared, id)) {
            LetGo::Left => {}
            LetGo::Settle => shared.settle(&mut Due::default()),
            LetGo::Alive => shared.signalling(|side, now, _| side.let_go(&shared, now, id)),
        }
    }
}
