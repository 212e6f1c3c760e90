//! Where a message came from and where it goes.

use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;

/// The transport protocol of a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams, unreliable: the transaction layer retransmits.
    Udp,
}

impl Transport {
    /// As written in a Via header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
        }
    }

    /// Whether the transport itself repeats what is lost (RFC 3261 section 17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
        }
    }
}

/// A pair of addresses and the transport between them, seen from here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Path {
    /// The transport.
    pub transport: Transport,
    /// Our address. Never unspecified: the runtime fills in the address the datagram came to.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

impl Path {
    /// A UDP path.
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { transport: Transport::Udp, local, remote }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.transport.as_str(), self.local, self.remote)
    }
}

/// One message to send. Cloning it, as a retransmission does, costs a reference count.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// From where to where.
    pub path: Path,
    /// The whole message.
    pub payload: Bytes,
}
