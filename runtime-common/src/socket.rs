//! UDP sockets: batched receive, the address a datagram came to, and reports of what did not arrive.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use offhook_core::peer::{RecvBatch, Socket};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::SockRef;

use crate::system::{self, Losses};

/// Buffers that one system call can fill.
const BATCH: usize = 32;

/// What a runtime knows about a socket: whether it is ready, and how to wait until it is.
pub trait Io: Send + Sync + Sized + 'static {
    /// Takes a non-blocking socket into the runtime's care.
    fn new(socket: StdSocket) -> io::Result<Self>;
    /// The socket itself.
    fn socket(&self) -> SockRef<'_>;
    /// Ready when `interest` is worth a try. One task at a time waits for each interest.
    fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<()>> + Send;
    /// Tries `io`, or answers `WouldBlock` without a try if nothing has become ready since the last try that said so.
    fn try_io<T>(&self, interest: Interest, io: impl FnOnce() -> io::Result<T>) -> io::Result<T>;
    /// Reads one datagram, or answers as [`try_io`](Self::try_io) does.
    fn try_recv_from(&self, memory: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
}

/// What somebody wants of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Something to read.
    Read,
    /// To wait for: something to read, or a report of what did not arrive. To try: the reports alone.
    Report,
    /// Room to send.
    Write,
}

/// What is known about sending from a chosen address on this system. It belongs to no socket in particular.
#[derive(Clone, Debug)]
pub struct Sender(Arc<UdpSocketState>);

impl Sender {
    /// Asks the system.
    pub fn new() -> io::Result<Self> {
        let any = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .map(|ip| SocketAddr::new(ip, 0));
        let socket = StdSocket::bind(any.as_slice())?;
        Ok(Self(Arc::new(UdpSocketState::new((&socket).into())?)))
    }
}

/// What the signalling socket alone has.
#[derive(Debug)]
struct Extras {
    /// It receives more than plain datagrams.
    state: UdpSocketState,
    /// What did not get in, where the system tells.
    losses: Option<Losses>,
}

/// A UDP socket on a runtime.
#[derive(Debug)]
pub struct UdpSocket<I> {
    io: I,
    local: SocketAddr,
    /// By itself, for there are two sockets of media for every call, and they have nothing of it.
    extras: Option<Box<Extras>>,
    sender: Sender,
    /// Whether the system tells what did not arrive.
    reported: bool,
    /// Whether there may be reports of what did not arrive. They are worth a system call of their own only if something
    /// went wrong, or if the socket was ready and there was nothing to read.
    reports: AtomicBool,
}

impl<I: Io> UdpSocket<I> {
    /// A socket for media: plain and cheap. It tells what did not arrive.
    pub fn media(addr: SocketAddr, sender: &Sender) -> io::Result<Self> {
        let (socket, local) = bind(addr)?;
        Self::new(socket, local, None, sender)
    }

    /// A socket for signalling: it tells the address each datagram came to, what did not arrive and what did not get in,
    /// and asks the system for a receive buffer of 4 MiB.
    pub fn signalling(addr: SocketAddr, sender: &Sender) -> io::Result<Self> {
        let (socket, local) = bind(addr)?;
        let state = UdpSocketState::new((&socket).into())?;
        system::allow_fragments(&SockRef::from(&socket), local);
        system::enlarge_recv_buffer(&SockRef::from(&socket));
        let losses = Losses::new(local);
        if let Err(error) = &losses {
            tracing::debug!(%error, "the system does not tell what it throws away");
        }
        Self::new(socket, local, Some(Box::new(Extras { state, losses: losses.ok() })), sender)
    }

    fn new(
        socket: StdSocket,
        local: SocketAddr,
        extras: Option<Box<Extras>>,
        sender: &Sender,
    ) -> io::Result<Self> {
        let reported = sender.0.enable_transport_errors((&socket).into());
        if let Err(error) = &reported {
            tracing::debug!(%error, "the system does not report undeliverable datagrams");
        }
        let (reported, reports) = (reported.is_ok(), AtomicBool::new(false));
        let io = I::new(socket)?;
        Ok(Self { io, local, extras, sender: sender.clone(), reported, reports })
    }

    fn recv_many(&self, extras: &UdpSocketState, batch: &mut RecvBatch) -> io::Result<()> {
        self.recv_into(extras, batch, |io, read| io.try_io(Interest::Read, read))
    }

    /// Fills `batch` by one system call, which `attempt` makes.
    fn recv_into(
        &self,
        extras: &UdpSocketState,
        batch: &mut RecvBatch,
        attempt: impl FnOnce(&I, &mut dyn FnMut() -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut metas = [RecvMeta::default(); BATCH];
        let mut slots: [IoSliceMut<'_>; BATCH] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
        let mut count = 0;
        for (slot, memory) in slots.iter_mut().zip(batch.slots_mut()) {
            *slot = IoSliceMut::new(memory);
            count += 1;
        }
        let slots = slots.get_mut(..count).unwrap_or_default();
        let mut received = 0;
        let outcome = attempt(&self.io, &mut || {
            received = extras.recv((&*self.io.socket()).into(), slots, &mut metas)?;
            // A read that could have brought more has seen the end: what comes later will be announced anew.
            if received < count { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if received == 0 {
            self.reports.store(true, Ordering::Relaxed);
            return outcome;
        }
        for (slot, meta) in metas.iter().take(received).enumerate() {
            batch.fill(slot, meta.len, meta.stride, meta.addr, meta.dst_ip);
        }
        Ok(())
    }

    fn recv_each(&self, batch: &mut RecvBatch) -> io::Result<()> {
        let mut received = [None; BATCH];
        for (slot, memory) in batch.slots_mut().enumerate().take(BATCH) {
            match self.io.try_recv_from(memory) {
                Ok(datagram) => received[slot] = Some(datagram),
                Err(error) if slot == 0 => {
                    self.reports.store(true, Ordering::Relaxed);
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        for (slot, (len, remote)) in received.into_iter().flatten().enumerate() {
            batch.fill(slot, len, len, remote, None);
        }
        Ok(())
    }
}

fn bind(addr: SocketAddr) -> io::Result<(StdSocket, SocketAddr)> {
    let socket = StdSocket::bind(addr)?;
    socket.set_nonblocking(true)?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

impl<I: Io> Socket for UdpSocket<I> {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()> {
        match &self.extras {
            Some(extras) => self.recv_many(&extras.state, batch),
            None => self.recv_each(batch),
        }
    }

    fn try_recv_now(&self, batch: &mut RecvBatch) -> io::Result<()> {
        let Some(extras) = &self.extras else { return self.try_recv(batch) };
        self.recv_into(&extras.state, batch, |_, read| read())
    }

    fn recv_ready(&self) -> impl Future<Output = io::Result<()>> + Send {
        // A report of what did not arrive shows as an error, not as something to read.
        let interest = if self.reported { Interest::Report } else { Interest::Read };
        // Not a future around a future: the reader of every held call keeps two of these.
        self.io.ready(interest)
    }

    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        // The system is asked whatever the runtime remembers: a new socket is writable before the runtime knows.
        let socket = self.io.socket();
        let sent = if local.is_some() {
            let transmit = Transmit {
                destination: remote,
                ecn: None,
                contents: bytes,
                segment_size: None,
                src_ip: local,
            };
            self.sender.0.try_send((&*socket).into(), &transmit)
        } else {
            socket.send_to(bytes, &remote.into()).map(drop)
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // So that `send_ready` waits for room.
                self.io.try_io(Interest::Write, || Err(error))
            }
            Err(error) => {
                self.reports.store(true, Ordering::Relaxed);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn send_ready(&self) -> io::Result<()> {
        self.io.ready(Interest::Write).await
    }

    fn take_icmp_error(&self) -> Option<SocketAddr> {
        if !self.reported || !self.reports.load(Ordering::Relaxed) {
            return None;
        }
        let report = self.io.try_io(Interest::Report, || system::take_report(&self.io.socket()));
        if report.is_err() {
            self.reports.store(false, Ordering::Relaxed);
        }
        report.ok()
    }

    fn datagrams_lost(&self) -> Option<u32> {
        self.extras.as_ref()?.losses.as_ref()?.count().ok()
    }
}
