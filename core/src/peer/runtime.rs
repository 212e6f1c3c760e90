//! What a runtime must bring: sockets, a timer, tasks, a clock, randomness and names. Nothing of SIP.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::base::time::Instant;

/// One runtime: tokio, smol or another.
///
/// A value stands for a started runtime; the driver keeps it for the life of a peer. `SimplePeer<R>` and all other handles
/// work on any type that implements this.
///
/// # How to write a third one
///
/// Implement four traits, twenty short functions: this one, [`Timer`], [`Task`] and [`Socket`]. The crate
/// `offhook-common` has a socket that needs only to be told how your runtime waits (its trait `Io`, five functions), and
/// the parts that are the same everywhere: randomness, the time of day, routes. `offhook-smol` is the shorter example, all
/// of it. Then give your users the names: `pub use offhook_core::peer::prelude::*;` and three type aliases.
///
/// The loop is written once, here: read a bounded number of datagrams, serve what is due by the clock, send what came of
/// it, sleep. It relies on this:
///
/// - **The clock never goes back**, and timers ring by the same clock; never early, and media wants them within a few
///   milliseconds.
/// - **No wake-up is lost.** After `WouldBlock`, [`Socket::recv_ready`] becomes ready for whatever comes later, and for
///   what came while nobody waited; its future is dropped and made anew all the time. Ready for nothing is harmless,
///   unless it goes on for ever.
/// - **One task waits for each socket**, and any thread may send.
/// - **`WouldBlock` from [`Socket::try_send`] loses nothing**: the message is kept, and all others wait behind it until
///   [`Socket::send_ready`]. Media that cannot leave is dropped.
/// - **An error of a try is news of some datagram**, not the end of the socket: the loop counts it, asks for
///   [`Socket::take_icmp_error`] and goes on. An error of `recv_ready` or `send_ready` means that the runtime itself is
///   gone, and ends the loop.
/// - **A task runs until its end** when its handle is dropped, and is gone, with all that it holds, when
///   [`Task::stop`] has returned: ports are free again then. A task that panics takes no other with it.
///
/// `tests/runtime` holds all of that as tests, some eighty, for any runtime: `tests/on_smol.rs` is what it takes to run
/// them.
///
/// # Without async
///
/// Who wants no async at all leaves this trait alone and drives the two machines,
/// [`coordinator::UnifiedCoordinator`](crate::coordinator::UnifiedCoordinator) and
/// [`media::MediaShard`](crate::media::MediaShard), as `examples/std_runtime.rs` does with blocking threads in 150 lines:
///
/// 1. Carry out every output, in order, before the next input: send, hand over the media ports that are asked for, pass
///    commands to the shard and its events back, answer names.
/// 2. Call `handle_timeout` whenever `poll_timeout` is due. Late is harmless and early does nothing.
/// 3. Sleep until the earliest deadline of the two, or until a datagram comes. All inputs carry the same clock.
pub trait Runtime: Send + Sync + Sized + 'static {
    /// A bound UDP socket.
    type Socket: Socket;
    /// A timer that can be set again and again.
    type Timer: Timer;
    /// A running task.
    type Task: Task;

    /// Takes hold of the runtime that the caller runs on.
    fn current() -> io::Result<Self>;
    /// What one peer runs on. It is asked for when a peer is started: a runtime that has a better place for its loop than where the
    /// caller runs answers with that. Tasks, timers and sockets come from the answer.
    fn for_peer(self) -> io::Result<Self> {
        Ok(self)
    }
    /// The clock: time since any fixed moment, never going backwards.
    fn now(&self) -> Instant;
    /// 32 bytes that nobody can guess.
    fn entropy(&self) -> io::Result<[u8; 32]>;
    /// The time of day, since 1970; for the sender reports of RTCP.
    fn unix_time(&self) -> Duration;
    /// Binds a socket for signalling: it tells the address each datagram came to, sends from the address it is told,
    /// reports ICMP errors where the system offers that, and holds some megabytes while nobody reads.
    fn bind(&self, addr: SocketAddr) -> io::Result<Self::Socket>;
    /// Binds a socket for media: plain and cheap. It sends from the address it is told, and reports ICMP errors, too.
    fn bind_media(&self, addr: SocketAddr) -> io::Result<Self::Socket>;
    /// How many more files and sockets this program may open; `None` where the system does not tell. Asked for at the start, and
    /// now and then while calls become more: it may take as long as a look at a directory.
    fn descriptors_free(&self) -> Option<usize> {
        None
    }
    /// The address of ours from which the system would send to `remote`.
    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr>;
    /// The addresses of a name.
    fn lookup(&self, host: String, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
    /// A new timer, not set.
    fn timer(&self) -> Self::Timer;
    /// Runs a future in the background until it ends or its [`Task`] is told to stop.
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Task;
    /// The same for what the application has written: its handler. It may rely on running where the application does, where that
    /// is another place.
    fn spawn_for_application(&self, future: impl Future<Output = ()> + Send + 'static) -> Self::Task {
        self.spawn(future)
    }
}

/// A timer that can be set again and again.
pub trait Timer: Send + 'static {
    /// Sets when the timer is due, whatever was set before.
    fn set(&mut self, at: Instant);
    /// Ready when the set moment has come. A timer that was never set stays pending.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A running task. Dropping the value lets the task run on.
pub trait Task: Send + 'static {
    /// Stops the task at its next await point and waits until it is gone.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// A non-blocking UDP socket.
pub trait Socket: Send + Sync + 'static {
    /// The address it is bound to.
    fn local_addr(&self) -> SocketAddr;
    /// Receives what is there, at most as many datagrams as `batch` has room for; `WouldBlock` when nothing is.
    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()>;
    /// The same, and the system is asked even if the runtime has not noticed that there is something. Runtimes look at their sockets
    /// when their tasks rest, and a loop that has much to do does not.
    fn try_recv_now(&self, batch: &mut RecvBatch) -> io::Result<()> {
        self.try_recv(batch)
    }
    /// Ready when [`try_recv`](Self::try_recv) or [`take_icmp_error`](Self::take_icmp_error) has something to tell.
    fn recv_ready(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// Sends one datagram, from `local` if the socket is bound to more than one address; `WouldBlock` when the
    /// system has no room for it.
    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()>;
    /// Ready when [`try_send`](Self::try_send) is worth another try.
    fn send_ready(&self) -> impl Future<Output = io::Result<()>> + Send;
    /// The destination of a datagram that the network reported undeliverable, if there is a report.
    fn take_icmp_error(&self) -> Option<SocketAddr>;
    /// How many datagrams the system has thrown away since the socket was bound, because nobody read them in time; the
    /// count may wrap. `None` where the system does not tell. Asked for once a second while datagrams come.
    fn datagrams_lost(&self) -> Option<u32> {
        None
    }
}

/// Memory for datagrams, used again for every receive.
pub struct RecvBatch {
    memory: Vec<u8>,
    slot_len: usize,
    filled: Vec<Filled>,
}

#[derive(Clone, Debug)]
struct Filled {
    bytes: Range<usize>,
    stride: usize,
    remote: SocketAddr,
    local: Option<IpAddr>,
}

/// One received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Who sent it.
    pub remote: SocketAddr,
    /// Which address of ours it came to, if the system told.
    pub local: Option<IpAddr>,
    /// Its content.
    pub bytes: &'a [u8],
}

impl RecvBatch {
    /// Room for `slots` buffers of `slot_len` bytes.
    pub fn new(slots: usize, slot_len: usize) -> Self {
        let slot_len = slot_len.max(1);
        Self { memory: vec![0; slots * slot_len], slot_len, filled: Vec::with_capacity(slots) }
    }

    /// The buffers, in slot order.
    pub fn slots_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.memory.chunks_mut(self.slot_len)
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        self.filled.clear();
    }

    /// Whether every buffer was filled: there may be more where that came from.
    pub fn is_full(&self) -> bool {
        self.filled.len() * self.slot_len >= self.memory.len()
    }

    /// Notes that slot `slot` holds `len` bytes: datagrams of `stride` bytes each, the last one perhaps shorter.
    pub fn fill(
        &mut self,
        slot: usize,
        len: usize,
        stride: usize,
        remote: SocketAddr,
        local: Option<IpAddr>,
    ) {
        let start = slot.saturating_mul(self.slot_len);
        let end = (start + len.min(self.slot_len)).min(self.memory.len());
        if start <= end {
            self.filled.push(Filled { bytes: start..end, stride: stride.max(1), remote, local });
        }
    }

    /// What was received, in order.
    pub fn iter(&self) -> impl Iterator<Item = Received<'_>> {
        self.filled.iter().flat_map(|filled| {
            let bytes = self.memory.get(filled.bytes.clone()).unwrap_or_default();
            bytes.chunks(filled.stride).map(|bytes| Received {
                remote: filled.remote,
                local: filled.local,
                bytes,
            })
        })
    }
}

impl std::fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecvBatch").field("filled", &self.filled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_datagrams_come_apart() {
        let remote = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut batch = RecvBatch::new(2, 10);
        for (slot, memory) in batch.slots_mut().enumerate() {
            memory.fill(b'a' + u8::try_from(slot).unwrap_or(0));
        }
        batch.fill(0, 7, 3, remote, None);
        batch.fill(1, 2, 2, remote, None);
        let got: Vec<&[u8]> = batch.iter().map(|datagram| datagram.bytes).collect();
        assert_eq!(got, [&b"aaa"[..], b"aaa", b"a", b"bb"]);
        batch.clear();
        assert_eq!(batch.iter().count(), 0);
    }
}
