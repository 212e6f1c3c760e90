//! Pairs of media ports: which lie idle, which carry a stream.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::base::time::Instant;
use crate::media::{MediaPort, MediaSessionId};

/// How long a pair rests after a stream before the next one gets it, so that late packets of the old call do not
/// reach the new one.
const QUARANTINE: Duration = Duration::from_millis(500);

/// With this many pairs at rest, or with an eighth of all that can be bound, the oldest is used again early, and what is more
/// than [`SPARE`] times as many is closed: nobody who was called often shall hold sockets for ever.
const RESTING_MAX: usize = 128;

/// Calls begin and end in bursts. Were pairs closed as soon as they are used again early, a busy server would bind and close two
/// sockets for nearly every call.
const SPARE: usize = 2;

/// A pair that nobody has used for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Which pairs lie idle, which carry a stream, and how many there may be.
pub(crate) struct PortPool {
    /// Pairs at rest, the one that has rested longest first.
    idle: VecDeque<(MediaPort, Instant)>,
    /// Every bound pair by its key.
    pairs: BTreeMap<u32, MediaPort>,
    in_use: BTreeMap<MediaSessionId, u32>,
    /// Pairs whose reader runs.
    read: BTreeSet<u32>,
    /// Pairs in the range of ports.
    range: usize,
    /// Descriptors that are left to the rest of the program.
    kept: usize,
    /// How many pairs may be bound at a time.
    max: usize,
    /// With so many bound it is time to look again how many more there may be.
    count_at: usize,
}

impl Default for PortPool {
    fn default() -> Self {
        Self::new(usize::MAX, 0)
    }
}

impl PortPool {
    /// A pool of a range with so many pairs of ports, which leaves so many descriptors to the rest of the program.
    pub(crate) fn new(range: usize, kept: usize) -> Self {
        Self {
            idle: VecDeque::new(),
            pairs: BTreeMap::new(),
            in_use: BTreeMap::new(),
            read: BTreeSet::new(),
            range,
            kept,
            max: range,
            count_at: usize::MAX,
        }
    }

    /// Takes note of how many descriptors are free now, if that is known: how many pairs there may be then.
    pub(crate) fn count(&mut self, descriptors: Option<usize>) -> usize {
        let bound = self.pairs.len();
        let more = match descriptors {
            // A program with few must live, too.
            Some(free) => (free - self.kept.min(free / 4)) / 2,
            None => usize::MAX,
        };
        self.max = self.range.min(bound.saturating_add(more));
        self.count_at = bound.saturating_add((self.max.saturating_sub(bound) / 8).max(16));
        self.max
    }

    /// No more pairs can be bound than there are, whatever was counted.
    pub(crate) fn is_all(&mut self) -> usize {
        self.max = self.pairs.len();
        self.max
    }

    /// Whether one more pair may be bound.
    pub(crate) fn has_room(&self) -> bool {
        self.pairs.len() < self.max
    }

    /// Whether so many were bound since the last count that it is time for another.
    pub(crate) fn count_is_old(&self) -> bool {
        self.pairs.len() >= self.count_at
    }

    /// A new pair of sockets is bound.
    pub(crate) fn add(&mut self, port: MediaPort) {
        self.pairs.insert(port.key, port);
    }

    /// A stream opens on the pair `key`. Answers whether this is the first ever, so that a reader must be started.
    pub(crate) fn opened(&mut self, media: MediaSessionId, key: u32) -> bool {
        self.in_use.insert(media, key);
        self.read.insert(key)
    }

    /// The stream is over, its pair goes to rest.
    pub(crate) fn closed(&mut self, media: MediaSessionId, now: Instant) {
        let port = self.in_use.remove(&media).and_then(|key| self.pairs.get(&key));
        if let Some(port) = port {
            self.idle.push_back((*port, now));
        }
    }

    /// A pair that has rested long enough.
    pub(crate) fn take_idle(&mut self, now: Instant) -> Option<MediaPort> {
        let (_, since) = self.idle.front()?;
        if self.idle.len() >= self.resting_max() || now.saturating_since(*since) >= QUARANTINE {
            return self.take_oldest();
        }
        None
    }

    /// The pair that has rested longest, however long that is.
    pub(crate) fn take_oldest(&mut self) -> Option<MediaPort> {
        self.idle.pop_front().map(|(port, _)| port)
    }

    /// A pair that is not worth keeping: there are more, or nobody has used it for long. It is to be closed.
    pub(crate) fn take_needless(&mut self, now: Instant) -> Option<MediaPort> {
        let spare = (SPARE * self.resting_max()).max(self.in_use.len());
        let needless = self.idle.len() > spare || self.next_due().is_some_and(|at| at <= now);
        let port = if needless { self.take_oldest()? } else { return None };
        self.pairs.remove(&port.key);
        self.read.remove(&port.key);
        Some(port)
    }

    /// When a pair will have lain idle for too long.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.idle.front().map(|(_, since)| *since + IDLE_MAX)
    }

    fn resting_max(&self) -> usize {
        RESTING_MAX.min(self.max / 8).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn port(key: u32) -> MediaPort {
        MediaPort { key, rtp: 4000 + 2 * key as u16, rtcp: 4001 + 2 * key as u16 }
    }

    const fn media(slot: u32) -> MediaSessionId {
        MediaSessionId { shard: 0, generation: 1, slot }
    }

    fn after(pool: &mut PortPool, key: u32, now: Instant) {
        pool.add(port(key));
        assert!(pool.opened(media(key), key), "its reader is to be started");
        pool.closed(media(key), now);
    }

    #[test]
    fn a_pair_rests_before_the_next_call_gets_it() {
        let (mut pool, start) = (PortPool::default(), Instant::from_millis(1_000));
        assert_eq!(pool.take_idle(start), None);
        after(&mut pool, 1, start);
        after(&mut pool, 2, start + Duration::from_millis(100));
        assert_eq!(
            pool.take_idle(start + Duration::from_millis(499)),
            None,
            "packets of the old call may still come"
        );
        let now = start + QUARANTINE;
        assert_eq!(pool.take_idle(now), Some(port(1)));
        assert_eq!(pool.take_idle(now), None, "the second came later");
        assert_eq!(pool.take_oldest(), Some(port(2)), "unless nothing else is left");
        assert!(!pool.opened(media(9), 1), "it has its reader");
        pool.closed(media(77), now);
        assert_eq!(pool.take_oldest(), None, "a stream that never was gives no pair back");
    }

    #[test]
    fn a_busy_server_does_not_bind_sockets_for_ever() {
        let (mut pool, start) = (PortPool::default(), Instant::from_millis(1_000));
        for key in 0..RESTING_MAX as u32 {
            assert_eq!(pool.take_idle(start), None, "{key}");
            after(&mut pool, key, start);
        }
        assert_eq!(pool.take_needless(start), None, "as many may rest");
        assert_eq!(pool.take_idle(start), Some(port(0)));
        assert_eq!(pool.take_idle(start), None);
    }

    #[test]
    fn bursts_of_calls_bind_nothing_anew() {
        const BURST: u32 = 100;
        let (mut pool, mut now) = (PortPool::default(), Instant::from_millis(1_000));
        let (mut bound, mut closed) = (0, 0);
        for burst in 0..100 {
            let before = bound;
            let pairs: Vec<u32> = (0..BURST)
                .map(|_| {
                    let idle = pool.take_idle(now).map(|port| port.key);
                    idle.unwrap_or_else(|| {
                        pool.add(port(bound));
                        bound += 1;
                        bound - 1
                    })
                })
                .collect();
            for &key in &pairs {
                pool.opened(media(key), key);
            }
            now = now + Duration::from_millis(1);
            for key in pairs {
                pool.closed(media(key), now);
                closed += usize::from(pool.take_needless(now).is_some());
            }
            assert!(bound == before || burst < 5, "burst {burst} binds {} more", bound - before);
        }
        assert_eq!(closed, 0, "of {bound}");
    }

    #[test]
    fn what_nobody_uses_is_closed() {
        let (mut pool, start) = (PortPool::default(), Instant::from_millis(1_000));
        for key in 0..(SPARE * RESTING_MAX) as u32 + 3 {
            after(&mut pool, key, start);
        }
        let closed: Vec<MediaPort> = std::iter::from_fn(|| pool.take_needless(start)).collect();
        assert_eq!(closed, [port(0), port(1), port(2)], "more than may rest");
        assert_eq!(pool.next_due(), Some(start + IDLE_MAX));
        let closed = std::iter::from_fn(|| pool.take_needless(start + IDLE_MAX)).count();
        assert_eq!((closed, pool.next_due(), pool.pairs.len()), (SPARE * RESTING_MAX, None, 0));
        // A key that comes again needs a reader again.
        after(&mut pool, 0, start);
    }

    #[test]
    fn there_are_as_many_pairs_as_descriptors_and_ports() {
        let mut pool = PortPool::new(1_000, 64);
        assert_eq!(pool.count(None), 1_000, "where the system does not tell, the range counts");
        assert_eq!(pool.count(Some(1_000)), 468, "two sockets each, and 64 for others");
        assert_eq!(pool.count(Some(100)), 37, "but no more than a quarter for others");
        assert_eq!(pool.count(Some(0)), 0);
        assert!(!pool.has_room());
        pool.count(Some(1_000));
        assert!(pool.has_room() && !pool.count_is_old());
        for key in 0..58 {
            pool.add(port(key));
        }
        assert!(pool.count_is_old(), "an eighth is bound");
        assert_eq!(pool.count(Some(2_000)), 1_000);
        assert_eq!((pool.is_all(), pool.has_room()), (58, false));
    }
}
