//! The network between the telephones: it takes its time, and does what it is told to.

use alloc::collections::BTreeMap;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;

use bytes::Bytes;

use super::{Action, PARTIES};
use crate::base::time::Instant;
use crate::ladder::Fate;

/// How long a datagram takes.
pub(super) const LATENCY: Duration = Duration::from_millis(10);
/// How much later the copy of a doubled one comes.
const COPY_LATER: Duration = Duration::from_millis(15);
/// The most that a datagram may be late.
const DELAY_MAX: Duration = Duration::from_secs(4);
/// How old a repeat of an INVITE may become on its way. The callee forgets an answered INVITE after 64·T1 (RFC 6026
/// section 7.1, Timer L); the last repeat leaves just before, and one that is late too would be taken for a new call.
const INVITE_AGE_MAX: Duration = Duration::from_secs(32);

pub(super) const fn address(party: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1 + party as u8)), 5060)
}

/// Who lives at an address.
pub(super) fn party_at(at: SocketAddr) -> Option<usize> {
    (0..PARTIES).find(|&party| address(party) == at)
}

/// A datagram under way.
pub(super) struct Letter {
    pub(super) to: usize,
    pub(super) from: usize,
    pub(super) payload: Bytes,
}

/// What the network has done.
#[derive(Clone, Copy, Default)]
pub(super) struct Harm {
    /// Datagrams lost by [`Action::LoseNext`].
    pub(super) lost: usize,
    /// Whether anybody was ever cut off.
    pub(super) cut: bool,
    /// Whether anything was lost, late or doubled.
    pub(super) any: bool,
    /// Whether anybody was ever said to be unreachable.
    pub(super) reported: bool,
}

#[derive(Default)]
pub(super) struct Network {
    flying: BTreeMap<(Instant, u64), Letter>,
    /// When each INVITE was sent first.
    invites: BTreeMap<Bytes, Instant>,
    sequence: u64,
    cut: [bool; PARTIES],
    /// Who is said to be unreachable.
    reported: [bool; PARTIES],
    lose: usize,
    double: usize,
    delay: Duration,
    pub(super) harm: Harm,
}

impl Network {
    /// What an action means to the network, if anything.
    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::LoseNext => self.lose += 1,
            Action::DoubleNext => self.double += 1,
            Action::DelayNext(ms) => self.delay = Duration::from_millis(ms.into()).min(DELAY_MAX),
            Action::Cut(party) => {
                if let Some(cut) = self.cut.get_mut(usize::from(party) % PARTIES) {
                    *cut = true;
                    self.harm.cut = true;
                }
            }
            Action::Report(party) => {
                if let Some(reported) = self.reported.get_mut(usize::from(party) % PARTIES) {
                    *reported = true;
                    self.harm.reported = true;
                }
            }
            Action::Heal => (self.cut, self.reported) = ([false; PARTIES], [false; PARTIES]),
            _ => {}
        }
    }

    /// From now on all goes well.
    pub(super) const fn heal(&mut self) {
        (self.cut, self.reported) = ([false; PARTIES], [false; PARTIES]);
        (self.lose, self.double, self.delay) = (0, 0, Duration::ZERO);
    }

    /// Whether who sends to this party is told that nobody listens there.
    pub(super) fn reports(&self, party: usize) -> bool {
        self.reported.get(party) == Some(&true)
    }

    /// When the next datagram arrives.
    pub(super) fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|&(at, _)| at)
    }

    /// The next datagram that has arrived by `now`.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Letter> {
        let entry = self.flying.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    pub(super) fn send(&mut self, now: Instant, from: usize, to: usize, payload: &Bytes) -> Fate {
        let is_cut = |party: usize| self.cut.get(party) == Some(&true);
        let cut = is_cut(to) || is_cut(from);
        if cut || self.lose > 0 {
            if !cut {
                self.lose -= 1;
                self.harm.lost += 1;
            }
            self.harm.any = true;
            return Fate::Lost;
        }
        let last = now + LATENCY + core::mem::take(&mut self.delay);
        let doubled = self.double > 0;
        self.harm.any |= doubled || last > now + LATENCY;
        if !doubled {
            self.fly(now, last, Letter { to, from, payload: payload.clone() });
            return Fate::Arrived;
        }
        self.double -= 1;
        for at in [now + LATENCY, last + COPY_LATER] {
            self.fly(now, at, Letter { to, from, payload: payload.clone() });
        }
        Fate::Doubled
    }

    fn fly(&mut self, now: Instant, at: Instant, letter: Letter) {
        if letter.payload.starts_with(b"INVITE ") {
            let first = *self.invites.entry(letter.payload.clone()).or_insert(now);
            if at.saturating_since(first) > INVITE_AGE_MAX {
                return;
            }
        }
        self.sequence += 1;
        self.flying.insert((at, self.sequence), letter);
    }
}
