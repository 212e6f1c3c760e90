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

/// How many more files and sockets this program may open.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn descriptors_free() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let used = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some(limit.saturating_sub(used))
}

/// How many more files and sockets this program may open; the system does not tell.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn descriptors_free() -> Option<usize> {
    None
}

/// Raises this program's limit of open files and sockets as far as the system lets it. A server with many calls wants that: each
/// takes two. Before the peer starts, for it counts then. It is not done by itself, since programs that use `select(2)` must not
/// have descriptors above 1023.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn raise_descriptor_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(io::Error::from)
}

/// Raises this program's limit of open files and sockets; nothing is known of it here.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn raise_descriptor_limit() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How much a socket for signalling should hold while nobody reads: seconds of a busy trunk.
const RECV_BUFFER: usize = 4 * 1024 * 1024;

/// Asks for room for what comes while nobody reads.
pub(crate) fn enlarge_recv_buffer(socket: &SockRef<'_>) {
    let outcome = socket.set_recv_buffer_size(RECV_BUFFER).and_then(|()| socket.recv_buffer_size());
    match outcome {
        Ok(size) if size >= RECV_BUFFER => {}
        Ok(size) => insist_on_recv_buffer(socket, size),
        Err(error) => tracing::debug!(%error, "the receive buffer stays as it is"),
    }
}

/// Who may administer the network may have more than the system's limit.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn insist_on_recv_buffer(socket: &SockRef<'_>, size: usize) {
    if let Err(error) = rustix::net::sockopt::set_socket_recv_buffer_size_force(&**socket, RECV_BUFFER) {
        tracing::info!(
            size, wanted = RECV_BUFFER, %error,
            "a small receive buffer for signalling: net.core.rmem_max is lower than what is asked for"
        );
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn insist_on_recv_buffer(_socket: &SockRef<'_>, size: usize) {
    tracing::info!(size, wanted = RECV_BUFFER, "a small receive buffer for signalling");
}

/// Asks the system how many datagrams to one of our sockets it has thrown away.
///
/// The count could come with every datagram (`SO_RXQ_OVFL`), but costs each of them, and quinn-udp does not hand it on;
/// `/proc/net/udp` lists every socket of the machine. The socket diagnostics (`sock_diag(7)`) look one up.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Debug)]
pub(crate) struct Losses {
    netlink: rustix::fd::OwnedFd,
    question: [u8; Self::QUESTION],
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Losses {
    /// A netlink header and an `inet_diag_req_v2`.
    const QUESTION: usize = 16 + 56;
    /// Where the attributes begin: after a netlink header and an `inet_diag_msg`.
    const ATTRIBUTES: usize = 16 + 72;
    /// `SOCK_DIAG_BY_FAMILY`
    const BY_FAMILY: u16 = 20;
    /// `INET_DIAG_SKMEMINFO`
    const MEMORY: u16 = 7;
    /// `SK_MEMINFO_DROPS`, the place among the numbers of that attribute.
    const DROPS: usize = 8;

    pub(crate) fn new(local: SocketAddr) -> io::Result<Self> {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let protocol = Some(netlink::SOCK_DIAG);
        let netlink = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        Ok(Self { netlink, question: Self::question(local) })
    }

    fn question(local: SocketAddr) -> [u8; Self::QUESTION] {
        let mut question = [0; Self::QUESTION];
        let mut put = |at: usize, octets: &[u8]| {
            if let Some(place) = question.get_mut(at..at + octets.len()) {
                place.copy_from_slice(octets);
            }
        };
        put(0, &72_u32.to_ne_bytes()); // length
        put(4, &Self::BY_FAMILY.to_ne_bytes());
        put(6, &1_u16.to_ne_bytes()); // NLM_F_REQUEST
        put(16, &[if local.is_ipv4() { 2 } else { 10 }]); // AF_INET, AF_INET6
        put(17, &[17]); // IPPROTO_UDP
        put(18, &[1 << (Self::MEMORY - 1)]); // what we want to know
        put(20, &u32::MAX.to_ne_bytes()); // in any state
        // For UDP the kernel takes the socket's own end as the destination: as if for a datagram that comes.
        put(26, &local.port().to_be_bytes());
        match local.ip() {
            std::net::IpAddr::V4(ip) => put(44, &ip.octets()),
            std::net::IpAddr::V6(ip) => put(44, &ip.octets()),
        }
        put(64, &[0xff; 8]); // INET_DIAG_NOCOOKIE
        question
    }

    /// How many so far; the count wraps.
    pub(crate) fn count(&self) -> io::Result<u32> {
        use rustix::net::{RecvFlags, SendFlags, recv, send};
        send(&self.netlink, &self.question, SendFlags::empty())?;
        let mut memory = [0_u8; 1024];
        let (answer, _) = recv(&self.netlink, &mut memory[..], RecvFlags::DONTWAIT)?;
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        if half(memory.get(4..6)) != Some(Self::BY_FAMILY) {
            return Err(missing());
        }
        let mut rest = memory.get(Self::ATTRIBUTES..answer).ok_or_else(missing)?;
        loop {
            let length = usize::from(half(rest.get(0..2)).ok_or_else(missing)?);
            let value = rest.get(4..length).ok_or_else(missing)?;
            if half(rest.get(2..4)) == Some(Self::MEMORY) {
                let drops = value.get(4 * Self::DROPS..).and_then(<[u8]>::first_chunk).ok_or_else(missing)?;
                return Ok(u32::from_ne_bytes(*drops));
            }
            rest = rest.get(length.next_multiple_of(4)..).ok_or_else(missing)?;
        }
    }
}

/// A number of two octets in the machine's order.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn half(octets: Option<&[u8]>) -> Option<u16> {
    octets?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Debug)]
pub(crate) struct Losses;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Losses {
    pub(crate) fn new(_local: SocketAddr) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn count(&self) -> io::Result<u32> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let less = current.map(|current| current - 1);
        setrlimit(Resource::Nofile, Rlimit { current: less, maximum }).expect("less is always allowed");
        raise_descriptor_limit().expect("the hard limit is");
        assert_eq!(getrlimit(Resource::Nofile), Rlimit { current: maximum, maximum });
    }

    #[test]
    fn what_the_system_throws_away_is_counted() {
        for any in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let Ok(socket) = std::net::UdpSocket::bind(any) else { continue };
            let local = socket.local_addr().expect("it is bound");
            let losses = Losses::new(local).expect("netlink");
            SockRef::from(&socket).set_recv_buffer_size(4096).expect("a small buffer");
            assert_eq!(losses.count().expect("an answer"), 0, "{any}");
            let sender = std::net::UdpSocket::bind((local.ip(), 0)).expect("a sender");
            for _ in 0..100 {
                sender.send_to(&[b'x'; 1000], local).expect("loopback takes it");
            }
            socket.set_nonblocking(true).expect("a setting");
            let mut memory = [0; 2000];
            let arrived = std::iter::from_fn(|| socket.recv(&mut memory).ok()).count();
            let lost = usize::try_from(losses.count().expect("an answer")).expect("a small number");
            assert!(lost > 0, "{any}");
            assert_eq!(arrived + lost, 100, "{any}");
        }
    }
}
