//! Network address translators, of the kinds that RFC 4787 tells apart.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::base::time::Instant;

/// On what a mapping or a filter depends (RFC 4787 sections 4.1 and 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// On the inside endpoint alone.
    EndpointIndependent,
    /// On the outside address too.
    AddressDependent,
    /// On the outside address and port too.
    AddressAndPortDependent,
}

/// How a NAT behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NatKind {
    /// When two destinations see the same outside port.
    pub mapping: Reach,
    /// Who may answer through a mapping.
    pub filtering: Reach,
    /// Whether the outside port is that of the inside, if it is free.
    pub preserve_port: bool,
    /// Whether hosts inside reach each other by their outside addresses (section 6).
    pub hairpin: bool,
    /// How long a mapping lives after the last datagram that left through it (section 4.3).
    pub timeout: Duration,
    /// Mappings at a time; what would need one more is dropped.
    pub mappings_max: usize,
}

impl NatKind {
    /// A NAT of this mapping and filtering that preserves no port, allows hairpins, and forgets after two minutes.
    pub const fn new(mapping: Reach, filtering: Reach) -> Self {
        Self {
            mapping,
            filtering,
            preserve_port: false,
            hairpin: true,
            timeout: Duration::from_secs(120),
            mappings_max: 4_096,
        }
    }

    /// What was called full cone: whoever knows the outside port gets in.
    pub const FULL_CONE: Self = Self::new(Reach::EndpointIndependent, Reach::EndpointIndependent);
    /// What most routers at home do: one mapping for all, and only who was spoken to may answer.
    pub const PORT_RESTRICTED: Self = Self::new(Reach::EndpointIndependent, Reach::AddressAndPortDependent);
    /// What was called symmetric: every destination sees another port.
    pub const SYMMETRIC: Self = Self::new(Reach::AddressAndPortDependent, Reach::AddressAndPortDependent);
}

/// The part of an outside endpoint that a [`Reach`] looks at.
type Scope = Option<(IpAddr, u16)>;

fn scope(reach: Reach, outside: SocketAddr) -> Scope {
    match reach {
        Reach::EndpointIndependent => None,
        Reach::AddressDependent => Some((outside.ip(), 0)),
        Reach::AddressAndPortDependent => Some((outside.ip(), outside.port())),
    }
}

/// Partners that one mapping remembers for its filter.
const PARTNERS_MAX: usize = 1_024;

struct Mapping {
    inside: SocketAddr,
    scope: Scope,
    last_out: Instant,
    /// Whom the filter lets in.
    partners: BTreeSet<(IpAddr, u16)>,
}

pub(super) struct Nat {
    public: IpAddr,
    kind: NatKind,
    by_inside: BTreeMap<(SocketAddr, Scope), u16>,
    by_port: BTreeMap<u16, Mapping>,
    next_port: u16,
}

/// The first outside port that is given out where ports are not preserved.
const FIRST_PORT: u16 = 20_000;

impl Nat {
    pub(super) const fn new(public: IpAddr, kind: NatKind) -> Self {
        Self { public, kind, by_inside: BTreeMap::new(), by_port: BTreeMap::new(), next_port: FIRST_PORT }
    }

    pub(super) const fn public(&self) -> IpAddr {
        self.public
    }

    /// A datagram leaves: the outside port it is seen from, `None` if it is dropped.
    pub(super) fn outbound(&mut self, now: Instant, inside: SocketAddr, to: SocketAddr) -> Option<u16> {
        if to.ip() == self.public && !self.kind.hairpin {
            return None;
        }
        let key = (inside, scope(self.kind.mapping, to));
        let known = self.by_inside.get(&key).copied().filter(|port| self.is_alive(now, *port));
        let port = match known {
            Some(port) => port,
            None => self.open(now, key)?,
        };
        let mapping = self.by_port.get_mut(&port)?;
        mapping.last_out = now;
        if let Some(partner) = scope(self.kind.filtering, to)
            && mapping.partners.len() < PARTNERS_MAX
        {
            mapping.partners.insert(partner);
        }
        Some(port)
    }

    /// A datagram comes to an outside port: the host it is for, `None` if it is kept out.
    pub(super) fn inbound(&self, now: Instant, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        if !self.is_alive(now, port) {
            return None;
        }
        let mapping = self.by_port.get(&port)?;
        let welcome =
            scope(self.kind.filtering, from).is_none_or(|partner| mapping.partners.contains(&partner));
        welcome.then_some(mapping.inside)
    }

    fn is_alive(&self, now: Instant, port: u16) -> bool {
        let mapping = self.by_port.get(&port);
        mapping.is_some_and(|mapping| now.saturating_since(mapping.last_out) <= self.kind.timeout)
    }

    fn open(&mut self, now: Instant, key: (SocketAddr, Scope)) -> Option<u16> {
        if self.by_port.len() >= self.kind.mappings_max {
            self.forget_dead(now);
        }
        if self.by_port.len() >= self.kind.mappings_max {
            return None;
        }
        let port = self.free_port(now, key.0.port())?;
        self.remove(port);
        self.by_inside.insert(key, port);
        let mapping = Mapping { inside: key.0, scope: key.1, last_out: now, partners: BTreeSet::new() };
        self.by_port.insert(port, mapping);
        Some(port)
    }

    fn free_port(&mut self, now: Instant, wanted: u16) -> Option<u16> {
        if self.kind.preserve_port && !self.is_alive(now, wanted) {
            return Some(wanted);
        }
        for _ in FIRST_PORT..=u16::MAX {
            let port = self.next_port;
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.is_alive(now, port) {
                return Some(port);
            }
        }
        None
    }

    fn forget_dead(&mut self, now: Instant) {
        let dead: Vec<u16> = self.by_port.keys().copied().filter(|port| !self.is_alive(now, *port)).collect();
        for port in dead {
            self.remove(port);
        }
    }

    fn remove(&mut self, port: u16) {
        if let Some(old) = self.by_port.remove(&port)
            && self.by_inside.get(&(old.inside, old.scope)) == Some(&port)
        {
            self.by_inside.remove(&(old.inside, old.scope));
        }
    }
}
