//! The signalling loop: read, then timers by the clock, then sleep. Outputs are drained after every input.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::base::time::Instant;

use super::machine::Machine;
use super::runtime::{RecvBatch, Runtime, Socket, Task, Timer};
use super::shared::Shared;
use super::wakers::Due;

/// Buffers of one read. A system that joins datagrams of one sender fills up to 64 KiB.
const SLOTS: usize = 32;
const SLOT_LEN: usize = 65_536;
/// Reads before other tasks and the timers get their turn.
const READS_MAX: usize = 8;
/// ICMP reports taken in one round.
const REPORTS_MAX: usize = 32;

/// How often the system is asked what it threw away, while something comes.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

/// Runs until everything is hung up after a shutdown, then closes what is open.
pub(crate) async fn drive<R: Runtime>(
    shared: Arc<Shared>,
    machine: Arc<Machine<R>>,
    socket: Arc<R::Socket>,
    media: R::Task,
) {
    let mut batch = RecvBatch::new(SLOTS, SLOT_LEN);
    let mut sleep = Sleep::new(machine.runtime());
    let mut losses = Losses::default();
    loop {
        read(&shared, &machine, &*socket, &mut batch);
        losses.look(&shared, machine.runtime().now(), &*socket);
        shared.signalling(|side, now, due| {
            side.driver_wakes();
            if !side.blocked() && side.core.poll_timeout().is_some_and(|at| at <= now) {
                side.core.handle_timeout(now);
            }
            side.go_on(&shared, now, due);
        });
        if shared.look(|side| side.finished()) {
            break;
        }
        if let Err(error) = sleep.until_needed(&shared, &*socket).await {
            tracing::error!(%error, "the runtime serves the socket no more");
            break;
        }
    }
    media.stop().await;
    drop(socket);
    machine.close().await;
    let mut due = Due::default();
    shared.look(|side| side.close(&mut due));
    drop(due);
    shared.media(|side, _, due| side.close(due));
}

/// Feeds what has come, a bounded number of datagrams.
fn read<R: Runtime>(shared: &Arc<Shared>, machine: &Machine<R>, socket: &R::Socket, batch: &mut RecvBatch) {
    for _ in 0..READS_MAX {
        batch.clear();
        match socket.try_recv(batch) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                // The fate of an earlier datagram, told on this occasion. It says nothing about the socket.
                tracing::trace!(%error, "receive error");
                shared.look(|side| side.counters.receive_errors += 1);
                take_reports(shared, machine, socket);
                continue;
            }
        }
        for datagram in batch.iter() {
            let Some(path) = machine.path(datagram.local, datagram.remote) else { continue };
            tracing::trace!(%path, len = datagram.bytes.len(), "datagram");
            shared.feed(|side, now, _| {
                side.driver_wakes();
                side.counters.datagrams_received += 1;
                side.core.handle_datagram(now, path, datagram.bytes);
            });
        }
        shared.signalling(|_, _, _| ());
    }
    take_reports(shared, machine, socket);
}

/// Tells the coordinator which datagrams did not arrive.
fn take_reports<R: Runtime>(shared: &Arc<Shared>, machine: &Machine<R>, socket: &R::Socket) {
    for _ in 0..REPORTS_MAX {
        let Some(remote) = socket.take_icmp_error() else { return };
        let Some(path) = machine.path(None, remote) else { continue };
        tracing::debug!(%path, "undeliverable");
        shared.signalling(|side, _, _| {
            side.counters.icmp_errors += 1;
            side.note_failure(path);
        });
    }
}

/// What the system threw away, by its own count.
#[derive(Default)]
struct Losses {
    looked_at: Option<Instant>,
    last: u32,
}

impl Losses {
    /// Counts what was lost since the last look, and says what helps.
    fn look<S: Socket>(&mut self, shared: &Shared, now: Instant, socket: &S) {
        if self.looked_at.is_some_and(|at| now.saturating_since(at) < LOSSES_EVERY) {
            return;
        }
        self.looked_at = Some(now);
        let Some(count) = socket.datagrams_lost() else { return };
        let lost = count.wrapping_sub(std::mem::replace(&mut self.last, count));
        if lost > 0 {
            shared.look(|side| side.counters.datagrams_lost += u64::from(lost));
            tracing::warn!(
                lost,
                "SIP datagrams came faster than they were read, and the system threw them away. A larger receive \
                 buffer carries over a burst (sysctl net.core.rmem_max=8388608); if this goes on, the machine is too slow"
            );
        }
    }
}

/// The driver's sleep: its timer is set again only when it would ring too late.
struct Sleep<T> {
    timer: T,
    set: Option<Instant>,
}

impl<T: Timer> Sleep<T> {
    fn new<R: Runtime<Timer = T>>(runtime: &R) -> Self {
        Self { timer: runtime.timer(), set: None }
    }

    /// Ready when a datagram has come, a timer is due, the socket has room again for what waits, or a handle did
    /// something that changes the next deadline.
    async fn until_needed<S: Socket>(&mut self, shared: &Shared, socket: &S) -> io::Result<()> {
        let mut readable = pin!(socket.recv_ready());
        let mut writable = pin!(socket.send_ready());
        let mut lie_down = true;
        poll_fn(|cx| {
            let rest = shared.look(|side| side.rest(cx.waker(), std::mem::take(&mut lie_down)));
            let Some(rest) = rest else { return Poll::Ready(Ok(())) };
            // What cannot be sent holds back all that would add to it.
            let ready = if rest.blocked { writable.as_mut().poll(cx) } else { readable.as_mut().poll(cx) };
            if ready.is_ready() {
                return ready;
            }
            let Some(at) = rest.until else { return Poll::Pending };
            if self.set.is_none_or(|set| at < set) {
                self.timer.set(at);
                self.set = Some(at);
            }
            if self.timer.poll(cx).is_ready() {
                self.set = None;
                return Poll::Ready(Ok(()));
            }
            Poll::Pending
        })
        .await
    }
}

/// Where others can reach a peer that is bound to `local`.
pub(crate) fn reachable(local: SocketAddr) -> SocketAddr {
    let mut addr = local;
    if local.ip().is_unspecified() {
        addr.set_ip(match local {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    addr
}
