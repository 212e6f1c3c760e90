//! What keeps a path open while nothing is sent along it, and what notices that nothing comes.

use core::time::Duration;

use crate::base::time::Instant;

use super::config::ShardConfig;

/// Keeps the bindings of NATs open (RFC 6263) while we send no audio.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// Packets sent when it was looked last.
    packets: u32,
    next: Instant,
}

impl KeepAlive {
    /// The first is due at once: nobody has seen a packet of ours yet.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { packets: 0, next: now }
    }

    /// Packets go to another place from now on.
    pub(crate) const fn restart(&mut self, now: Instant) {
        self.next = now;
    }

    /// When one is due, if nothing is sent until then.
    pub(crate) const fn deadline(&self) -> Instant {
        self.next
    }

    /// The packet that keeps the path open is one of those that are counted.
    pub(crate) const fn sent(&mut self, packets: u32) {
        self.packets = packets;
    }

    /// Whether a keep-alive is due, when so many packets have been sent in all.
    pub(crate) fn take_due(&mut self, now: Instant, packets: u32, interval: Duration) -> bool {
        let due = packets == self.packets && now >= self.next;
        if due || packets != self.packets {
            *self = Self { packets, next: now + interval };
        }
        due
    }
}

/// What there is to tell of a silent peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// Nothing has come for so long.
    Silent(Duration),
    /// Not even a report has come for so long.
    TimedOut(Duration),
    /// Something comes again.
    Heard,
}

/// Notices that nothing comes from a peer that should send.
#[derive(Debug)]
pub(crate) struct Silence {
    /// Whether anything has ever come.
    heard: bool,
    since: Instant,
    /// How often the present silence has been told.
    told: u32,
    /// Whether the application believes that the peer is silent.
    believed: bool,
}

impl Silence {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { heard: false, since: now, told: 0, believed: false }
    }

    /// Begins anew: the peer was not expected to send until now. Whoever was told of a silence is still to hear of its end.
    pub(crate) const fn restart(&mut self, now: Instant) {
        self.since = now;
        self.told = 0;
    }

    /// Something has come; whether that ends a silence that was told.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<News> {
        let believed = self.believed;
        *self = Self { heard: true, ..Self::new(now) };
        believed.then_some(News::Heard)
    }

    /// When the present silence is told next.
    pub(crate) fn deadline(&self, config: &ShardConfig) -> Option<Instant> {
        let limit = if self.heard { config.silence } else { config.silence_at_start };
        Some(self.since + limit?.checked_mul(self.told.saturating_add(1))?)
    }

    /// What is new. A silence is told again each time it has lasted as long again.
    pub(crate) fn look(&mut self, now: Instant, config: &ShardConfig) -> Option<News> {
        if now < self.deadline(config)? {
            return None;
        }
        self.told = self.told.saturating_add(1);
        self.believed = true;
        Some(News::Silent(now.saturating_since(self.since)))
    }
}

/// Notices that nothing at all comes, not even a report.
#[derive(Debug)]
pub(crate) struct Sign {
    last: Instant,
    told: u32,
}

impl Sign {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { last: now, told: 0 }
    }

    /// When it is told next that nothing comes.
    pub(crate) fn deadline(&self, config: &ShardConfig) -> Option<Instant> {
        Some(self.last + config.media_timeout?.checked_mul(self.told.saturating_add(1))?)
    }

    /// Whether there is something to tell. It is told again each time it has lasted as long again.
    pub(crate) fn look(&mut self, now: Instant, config: &ShardConfig) -> Option<News> {
        if now < self.deadline(config)? {
            return None;
        }
        self.told = self.told.saturating_add(1);
        Some(News::TimedOut(now.saturating_since(self.last)))
    }
}
