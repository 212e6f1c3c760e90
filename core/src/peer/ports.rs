//! Pairs of media ports: which lie idle, which carry a stream.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::base::time::Instant;
use crate::media::{MediaPort, MediaSessionId};

/// How long a pair rests after a stream before the next one gets it, so that late packets of the old call do not
/// reach the new one.
const QUARANTINE: Duration = Duration::from_millis(500);

/// With this many pairs at rest the oldest is used again early: a busy server shall not bind sockets for ever.
const RESTING_MAX: usize = 128;

/// Which pairs lie idle, which carry a stream. Bound sockets are kept and used again.
#[derive(Default)]
pub(crate) struct PortPool {
    /// Pairs at rest, the one that has rested longest first.
    idle: VecDeque<(MediaPort, Instant)>,
    /// Every pair by its key.
    pairs: BTreeMap<u32, MediaPort>,
    in_use: BTreeMap<MediaSessionId, u32>,
    /// Pairs whose reader runs.
    read: BTreeSet<u32>,
}

impl PortPool {
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
        if self.idle.len() >= RESTING_MAX || now.saturating_since(*since) >= QUARANTINE {
            return self.take_oldest();
        }
        None
    }

    /// The pair that has rested longest, however long that is.
    pub(crate) fn take_oldest(&mut self) -> Option<MediaPort> {
        self.idle.pop_front().map(|(port, _)| port)
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
        assert_eq!(pool.take_idle(start), Some(port(0)));
        assert_eq!(pool.take_idle(start), None);
    }
}
