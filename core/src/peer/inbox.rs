//! What has been read and not been dealt with yet, while more comes than can be dealt with.
//!
//! The system's own queue is first in, first out, and when it is full it throws away whatever comes, be it the BYE of a
//! call. So in an overload everything is read at once and sorted here. What belongs to something under way goes first: responses, ACK, CANCEL,
//! all requests with a To tag. New requests come after that. Within each class the sources take turns, so that one
//! that floods us waits for itself, and when all is full it is its datagrams that are dropped. Each datagram keeps the time of its arrival: how old new requests have become is what tells the
//! coordinator that it is overloaded.
//!
//! New requests that have become too old cost as little as possible. To answer them all may take more than there is, so it takes
//! a share of the time ([`Patience`]), and the rest is dropped and counted: who sends by UDP asks again.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::time::Duration;

use crate::base::index::{Digest, DigestKey, Index};
use crate::base::time::Instant;
use crate::wire::look::{Look, look};

/// How much may wait. Sixteen megabytes are a second of thirty thousand INVITEs.
const OCTETS_MAX: usize = 16 * 1024 * 1024;
const DATAGRAMS_MAX: usize = 32 * 1024;

/// Sources share so many queues of each class, by a keyed hash of their addresses.
const QUEUES: usize = 64;

/// How many datagrams that belong to something go before a new request gets its turn, so that nothing starves.
const FIRST_IN_A_ROW: u32 = 16;

/// Octets of a chunk, unless one datagram needs more.
const CHUNK: usize = 16 * 1024;
/// Chunks that are kept for later.
const SPARE_CHUNKS: usize = 64;

/// When and on what way a datagram came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    /// Not later than this it was sent to us.
    pub(crate) at: Instant,
    pub(crate) local: Option<IpAddr>,
    pub(crate) remote: SocketAddr,
}

struct Entry {
    arrival: Arrival,
    octets: Range<usize>,
    /// Of an INVITE: what its CANCEL has in common with it.
    call: Option<Digest>,
}

/// Datagrams in a row, in memory that is used again.
#[derive(Default)]
struct Chunk {
    octets: Vec<u8>,
    entries: VecDeque<Entry>,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    waiting: Waiting,
}

/// How much waits.
#[derive(Clone, Copy, Default)]
struct Waiting {
    datagrams: usize,
    octets: usize,
}

impl Queue {
    fn push(&mut self, arrival: Arrival, call: Option<Digest>, bytes: &[u8], spare: &mut Vec<Chunk>) {
        let fits = |chunk: &&mut Chunk| chunk.octets.len() + bytes.len() <= chunk.octets.capacity();
        if self.chunks.back_mut().filter(fits).is_none() {
            let mut chunk = spare.pop().unwrap_or_default();
            chunk.octets.reserve(CHUNK.max(bytes.len()));
            self.chunks.push_back(chunk);
        }
        let Some(chunk) = self.chunks.back_mut() else { return };
        let start = chunk.octets.len();
        chunk.octets.extend_from_slice(bytes);
        chunk.entries.push_back(Entry { arrival, octets: start..chunk.octets.len(), call });
        self.waiting.datagrams += 1;
        self.waiting.octets += bytes.len();
    }

    fn front(&self) -> Option<&Entry> {
        self.chunks.front()?.entries.front()
    }

    /// Whether nothing waits here. The octets of the last may be there still.
    fn is_drained(&self) -> bool {
        self.waiting.datagrams == 0
    }

    /// Takes the oldest off. Its octets stay until [`Self::tidy`].
    fn pop(&mut self) -> Option<Entry> {
        let entry = self.chunks.front_mut()?.entries.pop_front()?;
        self.waiting.datagrams -= 1;
        self.waiting.octets -= entry.octets.len();
        Some(entry)
    }

    /// Gives back a chunk that is empty.
    fn tidy(&mut self, spare: &mut Vec<Chunk>) {
        if self.chunks.front().is_some_and(|chunk| chunk.entries.is_empty())
            && let Some(mut chunk) = self.chunks.pop_front()
            && spare.len() < SPARE_CHUNKS
            && chunk.octets.capacity() <= CHUNK
        {
            chunk.octets.clear();
            spare.push(chunk);
        }
    }
}

/// Queues by source, which take turns.
struct Class {
    queues: Vec<Queue>,
    /// Those that are not empty, in the order of their turns.
    turns: VecDeque<usize>,
    len: usize,
}

impl Class {
    fn new() -> Self {
        let queues = (0..QUEUES).map(|_| Queue::default()).collect();
        Self { queues, turns: VecDeque::with_capacity(QUEUES), len: 0 }
    }

    fn waiting(&self, at: usize) -> Waiting {
        self.queues.get(at).map_or_else(Waiting::default, |queue| queue.waiting)
    }

    fn front(&self, at: usize) -> Option<&Entry> {
        self.queues.get(at)?.front()
    }

    /// Takes the oldest of queue `at`.
    fn pop(&mut self, at: usize) -> Option<Entry> {
        let entry = self.queues.get_mut(at)?.pop()?;
        self.len -= 1;
        Some(entry)
    }
}

/// What answers to those who come in vain may cost: a share of the time that goes by, and little of what was saved.
#[derive(Debug)]
struct Patience {
    /// What is left of it, in nanoseconds; below zero it is a debt.
    saved: i64,
    counted: Instant,
}

impl Patience {
    /// One part of so many.
    const SHARE: i64 = 10;
    const SAVED_MAX: i64 = 20_000_000;

    fn earn(&mut self, now: Instant) {
        let earned = nanos(now.saturating_since(self.counted)) / Self::SHARE;
        if earned > 0 {
            self.saved = self.saved.saturating_add(earned).min(Self::SAVED_MAX);
            self.counted = now;
        }
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// The next thing to deal with.
#[derive(Debug)]
pub(crate) struct Next<'a> {
    pub(crate) arrival: Arrival,
    /// How long a new request has lain; nothing is too old that belongs to something.
    pub(crate) lag: Option<Duration>,
    /// Whether it has lain too long: what it costs is to be told to [`Inbox::spent`].
    pub(crate) late: bool,
    pub(crate) bytes: &'a [u8],
}

/// What has been read and not been dealt with.
pub(crate) struct Inbox {
    digests: DigestKey,
    first: Class,
    new: Class,
    /// INVITEs that wait, by what their CANCEL has in common with them, and how many of each.
    calls: Index<u32>,
    octets: usize,
    first_in_a_row: u32,
    patience: Patience,
    spare: Vec<Chunk>,
    /// Where the octets last handed out are: first class or not, and which queue.
    lent: Option<(bool, usize)>,
    dropped: u64,
    /// When what comes now was read.
    read_at: Instant,
}

impl Inbox {
    pub(crate) fn new(digests: DigestKey, now: Instant) -> Self {
        Self {
            digests,
            first: Class::new(),
            new: Class::new(),
            calls: Index::new(),
            octets: 0,
            first_in_a_row: 0,
            patience: Patience { saved: Patience::SAVED_MAX, counted: now },
            spare: Vec::new(),
            lent: None,
            dropped: 0,
            read_at: now,
        }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.len + self.new.len == 0
    }

    /// How many were dropped since this was asked last.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// What is pushed from now on was read at that time.
    pub(crate) const fn reads(&mut self, now: Instant) {
        self.read_at = now;
    }

    /// Takes a datagram in. A source of which nothing waits is not what the loop was busy with: its wait begins now. If there is no room, the source of which most waits makes it.
    pub(crate) fn push(&mut self, arrival: Arrival, bytes: &[u8]) {
        self.give_back();
        let address = arrival.remote.ip();
        // Whoever has one IPv6 address has all of its network, and one turn.
        let source = self.digests.network(address, self.digests.source(address));
        let at = usize::try_from(source.bits() % QUEUES as u64).unwrap_or(0);
        let call = |call_id: &[u8]| self.digests.digest(&[&source.bits().to_ne_bytes(), call_id]);
        let (first, invite) = match look(bytes) {
            Look::Within => (true, None),
            Look::New => (false, None),
            Look::Invite(call_id) => (false, Some(call(call_id))),
            // Never before the INVITE that it is for.
            Look::Cancel(call_id) => (self.calls.get(call(call_id)).is_none(), None),
        };
        let by_octets = |waiting: Waiting| waiting.octets;
        let by_number = |waiting: Waiting| waiting.datagrams;
        while self.octets + bytes.len() > OCTETS_MAX {
            if !self.drop_one(by_octets) {
                self.dropped += 1;
                return;
            }
        }
        if self.first.len + self.new.len >= DATAGRAMS_MAX {
            self.drop_one(by_number);
        }
        if let Some(invite) = invite {
            self.calls.insert(invite, self.calls.get(invite).unwrap_or(0) + 1);
        }
        self.octets += bytes.len();
        let class = if first { &mut self.first } else { &mut self.new };
        let Some(queue) = class.queues.get_mut(at) else { return };
        let mut arrival = arrival;
        if queue.front().is_none() {
            class.turns.push_back(at);
            arrival.at = arrival.at.max(self.read_at);
        }
        queue.push(arrival, invite, bytes, &mut self.spare);
        class.len += 1;
    }

    /// Whoever has most makes room: with his oldest new request, or with the oldest of what pretends to belong to something if
    /// nothing else of his waits. False if nothing waits.
    fn drop_one(&mut self, much: impl Fn(Waiting) -> usize) -> bool {
        let (first, new) = (&self.first, &self.new);
        let all = |at: &usize| much(first.waiting(*at)) + much(new.waiting(*at));
        let Some(at) = first.turns.iter().chain(&new.turns).copied().max_by_key(all) else { return false };
        let is_first = new.waiting(at).datagrams == 0;
        self.drop_oldest(is_first, at);
        true
    }

    fn drop_oldest(&mut self, first: bool, at: usize) {
        let class = if first { &mut self.first } else { &mut self.new };
        let entry = class.pop(at);
        if let Some(queue) = class.queues.get_mut(at) {
            queue.tidy(&mut self.spare);
            if queue.is_drained() {
                class.turns.retain(|turn| *turn != at);
            }
        }
        if let Some(entry) = entry {
            self.forget(&entry);
            self.dropped += 1;
        }
    }

    fn forget(&mut self, entry: &Entry) {
        self.octets -= entry.octets.len();
        let Some(call) = entry.call else { return };
        match self.calls.get(call) {
            Some(more @ 2..) => self.calls.insert(call, more - 1),
            _ => self.calls.remove(call),
        }
    }

    /// Takes back the octets that were lent.
    fn give_back(&mut self) {
        let Some((first, at)) = self.lent.take() else { return };
        let class = if first { &mut self.first } else { &mut self.new };
        if let Some(queue) = class.queues.get_mut(at) {
            queue.tidy(&mut self.spare);
        }
        if self.is_empty() {
            self.spare.truncate(1);
        }
    }

    /// What is to be dealt with next. New requests that have lain for more than `allowed` come as long as there is time for
    /// them; the others are dropped.
    pub(crate) fn next(&mut self, now: Instant, allowed: Duration) -> Option<Next<'_>> {
        self.give_back();
        self.patience.earn(now);
        if self.first.len > 0 && (self.new.len == 0 || self.first_in_a_row < FIRST_IN_A_ROW) {
            self.first_in_a_row += 1;
            return self.take(true, *self.first.turns.front()?, None, false);
        }
        self.first_in_a_row = 0;
        // Who has waited too long takes nobody's turn.
        while let Some((at, oldest)) = self.oldest(allowed) {
            let lag = now.saturating_since(oldest);
            if lag <= allowed {
                break;
            }
            if self.patience.saved > 0 {
                return self.take(false, at, Some(lag), true);
            }
            self.drop_oldest(false, at);
        }
        let Some(&at) = self.new.turns.front() else {
            return self.take(true, *self.first.turns.front()?, None, false);
        };
        let lag = now.saturating_since(self.new.front(at)?.arrival.at);
        self.take(false, at, Some(lag), false)
    }

    /// Where the oldest of all new requests is, if any can be too old.
    fn oldest(&self, allowed: Duration) -> Option<(usize, Instant)> {
        if allowed == Duration::MAX {
            return None;
        }
        let fronts = self.new.turns.iter().filter_map(|at| Some((*at, self.new.front(*at)?.arrival.at)));
        fronts.min_by_key(|(_, oldest)| *oldest)
    }

    /// Takes the oldest of a queue. What is late takes nobody's turn.
    fn take(&mut self, first: bool, at: usize, lag: Option<Duration>, late: bool) -> Option<Next<'_>> {
        let class = if first { &mut self.first } else { &mut self.new };
        let entry = class.pop(at)?;
        if class.queues.get(at).is_some_and(Queue::is_drained) {
            class.turns.retain(|turn| *turn != at);
        } else if !late {
            class.turns.rotate_left(1);
        }
        self.forget(&entry);
        self.lent = Some((first, at));
        let class = if first { &self.first } else { &self.new };
        let bytes = class.queues.get(at)?.chunks.front()?.octets.get(entry.octets)?;
        Some(Next { arrival: entry.arrival, lag, late, bytes })
    }

    /// What was late has cost so much.
    pub(crate) fn spent(&mut self, cost: Duration) {
        self.patience.saved = self.patience.saved.saturating_sub(nanos(cost));
    }
}

#[cfg(test)]
mod tests;
