//! How smol waits for a socket.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use offhook_common::{Interest, Io, SockRef};
use smol::Async;

/// A socket in the care of smol's reactor.
#[derive(Debug)]
pub struct SmolIo {
    io: Async<UdpSocket>,
    /// False after a read that found the end, until the reactor says otherwise. The reactor itself keeps no such note,
    /// and every wake-up would cost a read that finds nothing.
    readable: AtomicBool,
}

impl Io for SmolIo {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        Ok(Self { io: Async::new_nonblocking(socket)?, readable: AtomicBool::new(true) })
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.io)
    }

    async fn ready(&self, interest: Interest) -> io::Result<()> {
        // These remember what the reactor said while nobody asked; `readable()` and `writable()` forget it when they are
        // dropped. A report of what did not arrive makes a socket readable, too.
        if interest == Interest::Write {
            return poll_fn(|cx| self.io.poll_writable(cx)).await;
        }
        poll_fn(|cx| self.io.poll_readable(cx)).await?;
        self.readable.store(true, Ordering::Release);
        Ok(())
    }

    fn try_io<T>(&self, interest: Interest, io: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if interest != Interest::Read {
            return io();
        }
        if !self.readable.load(Ordering::Acquire) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let outcome = io();
        if matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.readable.store(false, Ordering::Release);
        }
        outcome
    }

    fn try_recv_from(&self, memory: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.try_io(Interest::Read, || self.io.get_ref().recv_from(memory))
    }
}
