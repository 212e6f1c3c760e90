//! How tokio waits for a socket.

use std::io;
use std::net::SocketAddr;

use offhook_common::{Interest, Io, SockRef};
use tokio::io::Interest as Wish;

/// A socket in tokio's care.
#[derive(Debug)]
pub struct TokioIo(tokio::net::UdpSocket);

impl Io for TokioIo {
    fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        tokio::net::UdpSocket::from_std(socket).map(Self)
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }

    async fn ready(&self, interest: Interest) -> io::Result<()> {
        let wish = match interest {
            Interest::Read => Wish::READABLE,
            Interest::Report => Wish::READABLE | Wish::ERROR,
            Interest::Write => Wish::WRITABLE,
        };
        self.0.ready(wish).await.map(drop)
    }

    fn try_io<T>(&self, interest: Interest, io: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let wish = match interest {
            Interest::Read => Wish::READABLE,
            Interest::Report => Wish::ERROR,
            Interest::Write => Wish::WRITABLE,
        };
        self.0.try_io(wish, io)
    }

    fn try_recv_from(&self, memory: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_recv_from(memory)
    }
}
