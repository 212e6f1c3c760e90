//! What every runtime of Offhook does alike, written once: UDP sockets, randomness, routes, the time of day.
//!
//! A runtime adds how it waits for a socket ([`Io`]), its timers and its tasks. `offhook-tokio` and `offhook-smol` are
//! made of this; a program needs one of those, and meets this crate only to write a third.

#[cfg(feature = "trace")]
mod recording;
mod socket;
mod system;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::time::{Duration, SystemTime};

#[cfg(feature = "trace")]
pub use recording::{create_private, record_to_file};
pub use socket::{Interest, Io, Sender, UdpSocket};
pub use socket2::SockRef;
pub use system::{descriptors_free, raise_descriptor_limit};

/// 32 bytes that nobody can guess.
pub fn entropy() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

/// The time of day, since 1970.
pub fn unix_time() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// The address of ours from which the system would send to `remote`.
pub fn route(remote: SocketAddr) -> io::Result<IpAddr> {
    let any = match remote {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // Connecting a datagram socket sends nothing; it only asks the routing table.
    let probe = StdSocket::bind((any, 0))?;
    probe.connect(remote)?;
    Ok(probe.local_addr()?.ip())
}
