//! UDP sockets: batched receive, the address a datagram came to, and reports of what did not arrive.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use offhook_core::peer::{RecvBatch, Socket};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;

use crate::system;

/// Buffers that one system call can fill.
const BATCH: usize = 32;

/// A UDP socket on tokio.
#[derive(Debug)]
pub struct UdpSocket {
    io: tokio::net::UdpSocket,
    local: SocketAddr,
    /// Only the signalling socket receives more than plain datagrams.
    extras: Option<UdpSocketState>,
    sender: Arc<UdpSocketState>,
}

/// What is known about sending from a chosen address on this system. It belongs to no socket in particular.
pub(crate) fn sender() -> io::Result<UdpSocketState> {
    let any =
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].map(|ip| SocketAddr::new(ip, 0));
    let socket = std::net::UdpSocket::bind(any.as_slice())?;
    UdpSocketState::new((&socket).into())
}

impl UdpSocket {
    pub(crate) fn media(addr: SocketAddr, sender: &Arc<UdpSocketState>) -> io::Result<Self> {
        let (io, local) = Self::bind(addr)?;
        Ok(Self { io, local, extras: None, sender: Arc::clone(sender) })
    }

    pub(crate) fn signalling(addr: SocketAddr, sender: &Arc<UdpSocketState>) -> io::Result<Self> {
        let (io, local) = Self::bind(addr)?;
        let extras = UdpSocketState::new((&io).into())?;
        if let Err(error) = extras.enable_transport_errors((&io).into()) {
            tracing::debug!(%error, "the system does not report undeliverable datagrams");
        }
        system::allow_fragments(&io);
        Ok(Self { io, local, extras: Some(extras), sender: Arc::clone(sender) })
    }

    fn bind(addr: SocketAddr) -> io::Result<(tokio::net::UdpSocket, SocketAddr)> {
        let socket = std::net::UdpSocket::bind(addr)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        Ok((tokio::net::UdpSocket::from_std(socket)?, local))
    }

    fn recv_many(&self, extras: &UdpSocketState, batch: &mut RecvBatch) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slots: [IoSliceMut<'_>; BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let mut count = 0;
        for (slot, memory) in slots.iter_mut().zip(batch.slots_mut()) {
            *slot = IoSliceMut::new(memory);
            count += 1;
        }
        let slots = slots.get_mut(..count).unwrap_or_default();
        let mut received = 0;
        let outcome = self.io.try_io(Interest::READABLE, || {
            received = extras.recv((&self.io).into(), slots, &mut metas)?;
            // A read that could have brought more has seen the end: what comes later will be announced anew.
            if received < count { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if received == 0 {
            return outcome;
        }
        for (slot, meta) in metas.iter().take(received).enumerate() {
            batch.fill(slot, meta.len, meta.stride, meta.addr, meta.dst_ip);
        }
        Ok(())
    }
}

impl Socket for UdpSocket {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()> {
        if let Some(extras) = &self.extras {
            return self.recv_many(extras, batch);
        }
        let mut received = [None; BATCH];
        for (slot, memory) in batch.slots_mut().enumerate().take(BATCH) {
            match self.io.try_recv_from(memory) {
                Ok(datagram) => received[slot] = Some(datagram),
                Err(error) if slot == 0 => return Err(error),
                Err(_) => break,
            }
        }
        for (slot, (len, remote)) in received.into_iter().flatten().enumerate() {
            batch.fill(slot, len, len, remote, None);
        }
        Ok(())
    }

    async fn recv_ready(&self) -> io::Result<()> {
        let interest = if self.extras.is_some() {
            // A report of what did not arrive shows as an error, not as something to read.
            Interest::READABLE | Interest::ERROR
        } else {
            Interest::READABLE
        };
        self.io.ready(interest).await.map(drop)
    }

    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        // The system is asked whatever tokio remembers: a new socket is writable before tokio knows.
        let sent = if local.is_some() {
            let transmit = Transmit {
                destination: remote,
                ecn: None,
                contents: bytes,
                segment_size: None,
                src_ip: local,
            };
            self.sender.try_send((&self.io).into(), &transmit)
        } else {
            system::send_to(&self.io, bytes, remote)
        };
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::WouldBlock
        {
            // So that `send_ready` waits for room.
            return self.io.try_io(Interest::WRITABLE, || Err(io::ErrorKind::WouldBlock.into()));
        }
        sent
    }

    async fn send_ready(&self) -> io::Result<()> {
        self.io.writable().await
    }

    fn take_icmp_error(&self) -> Option<SocketAddr> {
        self.extras.as_ref()?;
        self.io.try_io(Interest::ERROR, || system::take_report(&self.io)).ok()
    }
}
