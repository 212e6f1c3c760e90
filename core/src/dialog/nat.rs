//! Contacts that cannot be reached: a peer behind a NAT that knows only the address of its own network, or names one of the other IP version.

use core::net::{IpAddr, SocketAddr};

use super::Dialog;
use super::target::{Way, contact_uri};
use crate::api::{PeerContacts, PeerSource};
use crate::wire::frame::Frame;
use crate::wire::path::Path;
use crate::wire::{NextHop, NoHop, Unspoken};

/// Whether the peer is known to be at some address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// We asked it ourselves, or it has been heard from there.
    Here,
    /// It has been heard, but from another address: there may be proxies in between, or it says that it is who it is not.
    Elsewhere,
    /// It has not been heard since it made the dialog: it may be forged as a whole.
    Nowhere,
}

impl Dialog {
    /// Whether requests go to where the peer's messages come from, whatever its Contact says. Not where the peer has put
    /// proxies in between: these know their own addresses.
    pub(crate) fn goes_to_source(&self, contacts: PeerContacts) -> bool {
        let wanted = match contacts {
            PeerContacts::AsGiven => false,
            PeerContacts::Private => self.is_hidden(),
            PeerContacts::Source => true,
        };
        wanted && self.routes.is_empty() && self.way.check(contacts).is_ok()
    }

    /// The name of the next hop stands for the far end of this path. Where requests go: there, or to where the peer's messages come
    /// from, by the same rule.
    pub(crate) fn found_at(&mut self, path: Path, contacts: PeerContacts) -> Path {
        let hidden = contacts == PeerContacts::Private && self.routes.is_empty();
        let way = if hidden && self.hides(path.remote.ip()) { self.path } else { path };
        self.path.remote = way.remote;
        self.hop_known = true;
        way
    }

    /// Whether the target that this request brings, if it brings one, can be reached like the one that it replaces.
    pub(crate) fn check_move(&self, frame: &Frame<'_>, contacts: PeerContacts) -> Result<(), Unspoken> {
        match contact_uri(frame).filter(|_| self.routes.is_empty()).map(|uri| Way::of(uri).check(contacts)) {
            Some(Err(NoHop::Transport(transport))) => Err(transport),
            _ => Ok(()),
        }
    }

    /// The transport protocol that keeps us from sending requests in this dialog, if one does.
    pub(crate) fn unspoken(&self, contacts: PeerContacts) -> Option<Unspoken> {
        let way = if self.routes.is_empty() {
            self.way.check(contacts)
        } else {
            NextHop::of(self.next_hop()).map(|_| ())
        };
        match way {
            Err(NoHop::Transport(transport)) => Some(transport),
            _ => None,
        }
    }

    /// Whether a message of the peer may come from there.
    pub(crate) fn may_come_from(&self, source: SocketAddr, policy: PeerSource) -> bool {
        let named = || NextHop::of(self.next_hop()).ok()?.address().ok();
        let next = if self.hop_known { Some(self.path.remote) } else { named() };
        let mut known = core::iter::once(self.first).chain(next);
        let same_address = |known: SocketAddr| known.ip().to_canonical() == source.ip().to_canonical();
        match policy {
            PeerSource::Any => true,
            PeerSource::SameAddress => known.any(same_address),
            PeerSource::SameFlow => known.any(|known| same_address(known) && known.port() == source.port()),
        }
    }

    /// The peer's messages come along this path.
    pub(crate) fn heard_from(&mut self, path: Path, contacts: PeerContacts) {
        self.answered_from(path.remote.ip());
        if self.goes_to_source(contacts) {
            self.path = path;
        }
    }

    /// A response to a request of ours has come from there.
    pub(crate) const fn answered_from(&mut self, ip: IpAddr) {
        self.heard = Some(ip.to_canonical());
    }

    /// Where the peer was when the dialog began.
    pub(crate) const fn began_at(&self) -> IpAddr {
        self.first.ip()
    }

    /// Whether the dialog began there, or something has come from there since.
    pub(crate) fn was_at(&self, ip: IpAddr) -> bool {
        [Some(self.first.ip()), self.heard]
            .into_iter()
            .flatten()
            .any(|it| it.to_canonical() == ip.to_canonical())
    }

    /// What shows that the peer can be found at this address, and wants anything from us.
    pub(crate) fn proof_of(&self, ip: IpAddr) -> Proof {
        match self.heard {
            _ if !self.theirs => Proof::Here,
            Some(heard) if heard == ip.to_canonical() => Proof::Here,
            Some(_) => Proof::Elsewhere,
            None => Proof::Nowhere,
        }
    }

    /// Whether the Contact sends us (by its `maddr`, if it has one) to an address of a private network while the peer speaks
    /// to us from outside of any, or to one of another IP version than that which we speak to it.
    fn is_hidden(&self) -> bool {
        matches!(self.way, Way::Address(contact) if self.hides(contact))
    }

    /// Whether nothing that is sent to this address would come to who speaks to us.
    fn hides(&self, contact: IpAddr) -> bool {
        let (contact, source) = (contact.to_canonical(), self.path.remote.ip().to_canonical());
        is_private(contact) && !is_private(source) || contact.is_ipv4() != source.is_ipv4()
    }
}

/// Addresses that mean nothing outside their own network: RFC 1918, RFC 6598, RFC 4193, loopback, link-local.
const fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            ip.is_private() || shared || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            if let Some(ip) = ip.to_ipv4_mapped() {
                return is_private(IpAddr::V4(ip));
            }
            ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn private_addresses_are_known() {
        for ip in [
            "10.0.0.1",
            "172.31.1.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "fd00::1",
            "fe80::1",
            "::1",
            "::",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["192.0.2.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "8.8.8.8", "2001:db8::1"] {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
