//! What keeps a path open while nothing is sent along it, and what notices that nothing comes.

use core::time::Duration;

use crate::base::time::Instant;

use super::config::ShardConfig;

/// Keeps the bindings of NATs open (RFC 6263) while we send no audio.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// Packets sent when it was looked last.
    packets: u32,
    since: Instant,
}

impl KeepAlive {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { packets: 0, since: now }
    }

    /// Whether a keep-alive is due, when so many packets have been sent in all.
    pub(crate) fn take_due(&mut self, now: Instant, packets: u32, interval: Duration) -> bool {
        let due = packets == self.packets && now.saturating_since(self.since) >= interval;
        if due || packets != self.packets {
            *self = Self { packets, since: now };
        }
        due
    }
}

/// What there is to tell of a silent peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// Nothing has come for so long.
    Silent(Duration),
    /// Something comes again.
    Heard,
}

/// Notices that nothing comes from a peer that should send.
#[derive(Debug)]
pub(crate) struct Silence {
    /// Packets that had come when it was looked last.
    packets: u64,
    since: Instant,
    /// How often the present silence has been told.
    told: u32,
    /// Whether the application believes that the peer is silent.
    believed: bool,
}

impl Silence {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { packets: 0, since: now, told: 0, believed: false }
    }

    /// Begins anew: the peer was not expected to send until now. Whoever was told of a silence is still to hear of its end.
    pub(crate) const fn restart(&mut self, now: Instant) {
        self.since = now;
        self.told = 0;
    }

    /// What is new, when so many packets have come in all. A silence is told again each time it has lasted as long again.
    pub(crate) fn look(&mut self, now: Instant, packets: u64, config: &ShardConfig) -> Option<News> {
        if packets != self.packets {
            let believed = self.believed;
            *self = Self { packets, ..Self::new(now) };
            return believed.then_some(News::Heard);
        }
        let limit = if packets == 0 { config.silence_at_start } else { config.silence };
        let lasted = now.saturating_since(self.since);
        if lasted < limit?.checked_mul(self.told.saturating_add(1))? {
            return None;
        }
        self.told = self.told.saturating_add(1);
        self.believed = true;
        Some(News::Silent(lasted))
    }
}
