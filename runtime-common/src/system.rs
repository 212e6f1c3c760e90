//! What std does not offer of a UDP socket.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;

/// Lets the system cut datagrams that are longer than the path takes. QUIC forbids that, SIP needs it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn allow_fragments(socket: &SockRef<'_>, local: SocketAddr) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    let outcome = if local.is_ipv4() {
        set_ip_mtu_discover(&**socket, Ipv4PathMtuDiscovery::DONT)
    } else {
        set_ipv6_mtu_discover(&**socket, Ipv6PathMtuDiscovery::DONT)
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "long messages will not be fragmented");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn allow_fragments(_socket: &SockRef<'_>, _local: SocketAddr) {}

/// The destination of a datagram that did not arrive: the system keeps it with each report (`MSG_ERRQUEUE`).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn take_report(socket: &SockRef<'_>) -> io::Result<SocketAddr> {
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};
    let mut start_of_datagram = [0; 64];
    let mut parts = [io::IoSliceMut::new(&mut start_of_datagram)];
    let flags = RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT;
    let report = recvmsg(&**socket, &mut parts, &mut RecvAncillaryBuffer::default(), flags)?;
    let destination = report.address.ok_or(io::ErrorKind::InvalidData)?;
    SocketAddr::try_from(destination).map_err(io::Error::from)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn take_report(_socket: &SockRef<'_>) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::WouldBlock.into())
}
