//! The simulated network: hosts, links with faults, NATs and partitions.
//!
//! Nothing here knows SIP. A [`Network`] takes datagrams with the time and gives them back when they arrive, if they
//! do; the same seed and the same calls give the same arrivals.

mod link;
mod nat;

#[cfg(test)]
mod tests;

pub use link::{Chance, Link};
pub use nat::{NatKind, Reach};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::base::rng::Rng;
use crate::base::time::Instant;

use nat::Nat;

/// Names one NAT of a network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NatId(usize);

/// One datagram that arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The receiver, by its own address.
    pub to: SocketAddr,
    /// The sender, as the receiver sees it: behind a NAT that is the NAT.
    pub from: SocketAddr,
    /// The datagram.
    pub payload: Bytes,
    /// Whether it is not what was sent.
    pub damaged: bool,
}

/// What became of datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Fates {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Datagrams that arrived, copies included.
    pub delivered: u64,
    /// Lost on a link.
    pub lost: u64,
    /// Sent into a partition.
    pub cut: u64,
    /// Larger than the link takes.
    pub too_big: u64,
    /// Copies that a link made.
    pub duplicated: u64,
    /// Held up so that others may overtake them.
    pub held_up: u64,
    /// Arrived, or would have, with an octet changed.
    pub corrupted: u64,
    /// Kept out by a NAT.
    pub filtered: u64,
    /// For an address where nobody is.
    pub nobody: u64,
}

impl Fates {
    /// Adds those of another network.
    pub const fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.cut += other.cut;
        self.too_big += other.too_big;
        self.duplicated += other.duplicated;
        self.held_up += other.held_up;
        self.corrupted += other.corrupted;
        self.filtered += other.filtered;
        self.nobody += other.nobody;
    }
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    payload: Bytes,
    damaged: bool,
}

/// Hosts and what lies between them.
///
/// Every host has one address that no other has, behind NATs too.
pub struct Network {
    rng: Rng,
    hosts: BTreeMap<IpAddr, Option<NatId>>,
    nats: Vec<Nat>,
    default_link: Link,
    links: BTreeMap<(IpAddr, IpAddr), Link>,
    /// Directions in which nothing gets through.
    cuts: BTreeSet<(IpAddr, IpAddr)>,
    flying: BTreeMap<(Instant, u64), Flight>,
    sequence: u64,
    fates: Fates,
}

impl Network {
    /// An empty network. `seed` decides about every fault.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: super::rng(seed),
            hosts: BTreeMap::new(),
            nats: Vec::new(),
            default_link: Link::default(),
            links: BTreeMap::new(),
            cuts: BTreeSet::new(),
            flying: BTreeMap::new(),
            sequence: 0,
            fates: Fates::default(),
        }
    }

    /// Adds a host, on the open network or behind a NAT.
    pub fn add_host(&mut self, ip: IpAddr, behind: Option<NatId>) {
        self.hosts.insert(ip, behind.filter(|nat| nat.0 < self.nats.len()));
    }

    /// Adds a NAT with its one public address.
    pub fn add_nat(&mut self, public: IpAddr, kind: NatKind) -> NatId {
        self.nats.push(Nat::new(public, kind));
        NatId(self.nats.len() - 1)
    }

    /// Whether a host has this address.
    pub fn has_host(&self, ip: IpAddr) -> bool {
        self.hosts.contains_key(&ip)
    }

    /// The host has another address from now on; nobody is at the old one.
    pub fn move_host(&mut self, from: IpAddr, to: IpAddr) {
        if let Some(behind) = self.hosts.remove(&from) {
            self.hosts.insert(to, behind);
        }
    }

    /// What happens to datagrams from now on where no link of its own is set.
    pub const fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    /// What happens to datagrams from one address to another, in this direction.
    pub fn set_link(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        self.links.insert((from, to), link);
    }

    /// Nothing gets from `a` to `b` any more; with `both` nothing gets back either.
    pub fn partition(&mut self, a: IpAddr, b: IpAddr, both: bool) {
        self.cuts.insert((a, b));
        if both {
            self.cuts.insert((b, a));
        }
    }

    /// Ends every partition.
    pub fn heal(&mut self) {
        self.cuts.clear();
    }

    /// What became of datagrams so far.
    pub const fn fates(&self) -> Fates {
        self.fates
    }

    /// Number of datagrams under way.
    pub fn flying(&self) -> usize {
        self.flying.len()
    }

    /// Takes a datagram of the host at `from`.
    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        self.fates.sent += 1;
        let Some(&behind) = self.hosts.get(&from.ip()) else {
            self.fates.nobody += 1;
            return;
        };
        // Hosts behind one NAT see each other without it.
        let neighbours = self.hosts.get(&to.ip()).is_some_and(|&other| other == behind);
        let mut seen_as = from;
        if let Some(NatId(nat)) = behind
            && !neighbours
            && let Some(nat) = self.nats.get_mut(nat)
        {
            match nat.outbound(now, from, to) {
                Some(port) => seen_as = SocketAddr::new(nat.public(), port),
                None => {
                    self.fates.filtered += 1;
                    return;
                }
            }
        }
        if self.cuts.contains(&(from.ip(), to.ip())) {
            self.fates.cut += 1;
            return;
        }
        let link = *self.links.get(&(from.ip(), to.ip())).unwrap_or(&self.default_link);
        if payload.len() > link.mtu {
            self.fates.too_big += 1;
            return;
        }
        if link.loss.happens(&mut self.rng) {
            self.fates.lost += 1;
            return;
        }
        let twice = link.duplicate.happens(&mut self.rng);
        if twice {
            self.fates.duplicated += 1;
            self.fly(now, link, Flight { from: seen_as, to, payload: payload.clone(), damaged: false });
        }
        self.fly(now, link, Flight { from: seen_as, to, payload, damaged: false });
    }

    fn fly(&mut self, now: Instant, link: Link, mut flight: Flight) {
        let mut delay = link.latency + link::some_of(link.jitter, &mut self.rng);
        if link.reorder.happens(&mut self.rng) {
            self.fates.held_up += 1;
            delay += link::some_of(link.reorder_by, &mut self.rng);
        }
        if link.corrupt.happens(&mut self.rng) && !flight.payload.is_empty() {
            self.fates.corrupted += 1;
            flight.payload = link::corrupted(&flight.payload, &mut self.rng);
            flight.damaged = true;
        }
        self.sequence += 1;
        self.flying.insert((now + delay, self.sequence), flight);
    }

    /// When the next datagram arrives.
    pub fn next(&self) -> Option<Instant> {
        self.flying.keys().next().map(|&(at, _)| at)
    }

    /// The next datagram that has arrived by `now`.
    pub fn poll(&mut self, now: Instant) -> Option<Delivery> {
        loop {
            let first = self.flying.first_entry().filter(|first| first.key().0 <= now)?;
            let ((at, _), Flight { from, mut to, payload, damaged }) = first.remove_entry();
            if let Some(nat) = self.nats.iter_mut().find(|nat| nat.public() == to.ip()) {
                let Some(inside) = nat.inbound(at, to.port(), from) else {
                    self.fates.filtered += 1;
                    continue;
                };
                to = inside;
            } else if self.is_private(to.ip(), from.ip()) {
                self.fates.nobody += 1;
                continue;
            }
            if !self.hosts.contains_key(&to.ip()) {
                self.fates.nobody += 1;
                continue;
            }
            self.fates.delivered += 1;
            return Some(Delivery { to, from, payload, damaged });
        }
    }

    /// Whether `ip` is behind a NAT that `from` is not behind.
    fn is_private(&self, ip: IpAddr, from: IpAddr) -> bool {
        let behind = self.hosts.get(&ip).copied().flatten();
        behind.is_some() && self.hosts.get(&from).copied().flatten() != behind
    }
}
