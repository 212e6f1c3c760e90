//! Where a request for a URI is sent, before any name is looked up (RFC 3261 section 8.1.2, RFC 3263 section 4.1).

use core::net::{IpAddr, SocketAddr};

use super::uri::{Host, Uri, is_same_word};

/// The place that a URI sends requests to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextHop<'a> {
    /// Its host.
    pub host: Host<'a>,
    /// Its port, if the URI says.
    pub port: Option<u16>,
}

/// Why no request of ours can go where a URI sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoHop {
    /// It is no SIP URI, or a broken one.
    #[error("the URI names no place that requests can be sent to")]
    Place,
    /// It asks for a transport protocol that this stack does not speak.
    #[error("transport {0} is not spoken, only udp")]
    Transport(Unspoken),
}

/// A transport protocol that this stack does not speak (yet). What asks for one is never sent over UDP instead, for nobody
/// would notice, and what was meant to be private would not be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Unspoken {
    /// TCP.
    Tcp,
    /// TLS; also what a `sips:` URI asks for (RFC 3261 section 26.2.2).
    Tls,
    /// SCTP.
    Sctp,
    /// TLS over SCTP (RFC 4168).
    TlsSctp,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
    /// A protocol with another name.
    Other,
}

impl Unspoken {
    const ALL: [Self; 6] = [Self::Tcp, Self::Tls, Self::Sctp, Self::TlsSctp, Self::Ws, Self::Wss];

    /// As it stands in a URI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Sctp => "sctp",
            Self::TlsSctp => "tls-sctp",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Other => "of another name",
        }
    }

    /// Whether it was asked for to keep the message from others.
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Tls | Self::TlsSctp | Self::Wss)
    }

    /// What the value of a `transport` parameter asks for, if it is not UDP.
    fn named(value: &[u8]) -> Option<Self> {
        if is_same_word(value, "udp") {
            return None;
        }
        Some(Self::ALL.into_iter().find(|known| is_same_word(value, known.as_str())).unwrap_or(Self::Other))
    }
}

impl core::fmt::Display for Unspoken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether this is the address of one host: what goes to a group of hosts, or to all of a network, would be multiplied, and nobody can be
/// made to send there by whom he calls or is called by.
pub(crate) const fn is_one_host(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_multicast(),
    }
}

impl<'a> NextHop<'a> {
    /// Where `uri` sends requests. This is the only place that decides so, wherever the URI comes from: the application,
    /// a Contact, a Route or Record-Route, a Refer-To, a redirection.
    ///
    /// A `transport` without a value asks for none. A `maddr` stands before the host (RFC 3261 section 19.1.1). A host that is
    /// a number is none: nobody who writes 1000 means 0.0.3.232, and whoever writes 2130706433 hides 127.0.0.1.
    pub fn of(uri: &'a [u8]) -> Result<Self, NoHop> {
        let uri = Uri::parse(uri).map_err(|_| NoHop::Place)?;
        if uri.is_sips() {
            return Err(NoHop::Transport(Unspoken::Tls));
        }
        let transports = uri.params().filter(|(name, _)| is_same_word(name, "transport"));
        let mut named = transports.filter_map(|(_, value)| value.filter(|value| !value.is_empty()));
        match (named.find_map(Unspoken::named), uri.next_hop()) {
            (Some(unspoken), _) => Err(NoHop::Transport(unspoken)),
            (None, host) if host.ip().is_some_and(|ip| !is_one_host(ip)) => Err(NoHop::Place),
            (None, host) if host.is_number() => Err(NoHop::Place),
            (None, host) => Ok(Self { host, port: uri.port }),
        }
    }

    /// Its address, without a look-up; else the name that has to be looked up.
    pub(crate) fn address(&self) -> Result<SocketAddr, &'a [u8]> {
        let ip = match self.host {
            Host::V4(ip) => IpAddr::V4(ip),
            Host::V6(ip) => IpAddr::V6(ip),
            Host::Name(name) => return Err(name),
        };
        Ok(SocketAddr::new(ip, self.port.unwrap_or(5060)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(uri: &str) -> Option<Unspoken> {
        match NextHop::of(uri.as_bytes()) {
            Ok(_) => None,
            Err(NoHop::Transport(unspoken)) => Some(unspoken),
            Err(other) => panic!("{uri}: {other}"),
        }
    }

    /// RFC 3263 section 4.1, RFC 3261 section 26.2.2 for `sips`.
    #[test]
    fn every_way_to_write_a_transport_is_read() {
        for (uri, wanted) in [
            ("sip:a@h", None),
            ("sip:a@h;transport=udp", None),
            ("sip:a@h;TRANSPORT=UDP", None),
            ("sip:a@h;transport=%75dp", None),
            ("sip:a@h;transport", None),
            ("sip:a@h;transport=", None),
            ("sip:a;transport=tcp@h", None),
            ("sip:a@h?transport=tcp", None),
            ("sips:a@h", Some(Unspoken::Tls)),
            ("SIPS:a@h;transport=udp", Some(Unspoken::Tls)),
            ("sip:a@h;transport=tls", Some(Unspoken::Tls)),
            ("sip:a@h;lr;Transport=TLS", Some(Unspoken::Tls)),
            ("sip:a@h;transport=%74%6C%73", Some(Unspoken::Tls)),
            ("sip:a@h;%74ransport=tcp", Some(Unspoken::Tcp)),
            ("sip:a@h;transport=udp;transport=tls", Some(Unspoken::Tls)),
            ("sip:a@h;transport=ws", Some(Unspoken::Ws)),
            ("sip:a@h;transport=wss", Some(Unspoken::Wss)),
            ("sip:a@h;transport=sctp", Some(Unspoken::Sctp)),
            ("sip:a@h;transport=tls-sctp", Some(Unspoken::TlsSctp)),
            ("sip:a@h;transport=udp2", Some(Unspoken::Other)),
            ("sip:a@1000.example", None),
            ("sip:a@3com", None),
            ("sip:a@0xg", None),
            ("sip:a@1000;maddr=192.0.2.1", None),
        ] {
            assert_eq!(transport(uri), wanted, "{uri}");
        }
        for uri in [
            "tel:+1",
            "",
            "sip:",
            "a@h",
            "sip:a@224.0.1.75",
            "sip:a@h;maddr=239.1.2.3",
            "sip:a@255.255.255.255",
            "sip:a@[ff02::1]",
            "sip:a@[::ffff:224.0.0.1]",
            "sip:1000",
            "sip:a@2130706433",
            "sip:a@127.1",
            "sip:a@0177.0.0.1:5070",
            "sip:a@0x7f000001",
            "sip:a@h;maddr=127.1",
        ] {
            assert_eq!(NextHop::of(uri.as_bytes()), Err(NoHop::Place), "{uri}");
        }
    }
}
