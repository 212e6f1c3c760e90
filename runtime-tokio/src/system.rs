//! What neither std nor tokio offers of a UDP socket.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::UdpSocket;

/// Sends one datagram, without asking tokio whether there is room.
pub(crate) fn send_to(io: &UdpSocket, bytes: &[u8], remote: SocketAddr) -> io::Result<()> {
    SockRef::from(io).send_to(bytes, &remote.into()).map(drop)
}

/// Lets the system cut datagrams that are longer than the path takes. QUIC forbids that, SIP needs it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn allow_fragments(io: &UdpSocket) {
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };
    let ipv4 = io.local_addr().is_ok_and(|addr| addr.is_ipv4());
    let outcome = if ipv4 {
        set_ip_mtu_discover(io, Ipv4PathMtuDiscovery::DONT)
    } else {
        set_ipv6_mtu_discover(io, Ipv6PathMtuDiscovery::DONT)
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "long messages will not be fragmented");
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn allow_fragments(_io: &UdpSocket) {}

/// The destination of a datagram that did not arrive: the system keeps it with each report (`MSG_ERRQUEUE`).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn take_report(io: &UdpSocket) -> io::Result<SocketAddr> {
    use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};
    let mut start_of_datagram = [0; 64];
    let mut parts = [io::IoSliceMut::new(&mut start_of_datagram)];
    let flags = RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT;
    let report = recvmsg(io, &mut parts, &mut RecvAncillaryBuffer::default(), flags)?;
    let destination = report.address.ok_or(io::ErrorKind::InvalidData)?;
    SocketAddr::try_from(destination).map_err(io::Error::from)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn take_report(_io: &UdpSocket) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::WouldBlock.into())
}
