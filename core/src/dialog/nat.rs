//! Contacts that cannot be reached: a peer behind a NAT that knows only the address of its own network.

use core::net::IpAddr;

use super::Dialog;
use crate::api::PeerContacts;
use crate::wire::path::Path;
use crate::wire::uri::{Host, Uri};

impl Dialog {
    /// Whether requests go to where the peer's messages come from, whatever its Contact says. Not where the peer has put
    /// proxies in between: these know their own addresses.
    pub(crate) fn goes_to_source(&self, contacts: PeerContacts) -> bool {
        let wanted = match contacts {
            PeerContacts::AsGiven => false,
            PeerContacts::Private => self.is_hidden(),
            PeerContacts::Source => true,
        };
        wanted && self.routes.is_empty()
    }

    /// The peer's messages come along this path.
    pub(crate) fn heard_from(&mut self, path: Path, contacts: PeerContacts) {
        if self.goes_to_source(contacts) {
            self.path = path;
        }
    }

    /// Whether the Contact is an address of a private network while the peer speaks to us from outside of any.
    fn is_hidden(&self) -> bool {
        let contact = match Uri::parse(&self.target).map(|uri| uri.host) {
            Ok(Host::V4(ip)) => IpAddr::V4(ip),
            Ok(Host::V6(ip)) => IpAddr::V6(ip),
            _ => return false,
        };
        is_private(contact) && !is_private(self.path.remote.ip())
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
