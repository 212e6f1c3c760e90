//! The signalling loop: read, deal with it, then timers by the clock, then sleep. Outputs are drained after every input.

use std::future::{Future as _, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::base::index::DigestKey;
use crate::base::time::Instant;

use super::inbox::{Arrival, Inbox};
use super::machine::Machine;
use super::runtime::{RecvBatch, Runtime, Socket, Task, Timer};
use super::shared::Shared;
use super::signalling::Signalling;
use super::wakers::Due;

/// Buffers of one read. A system that joins datagrams of one sender fills up to 64 KiB.
const SLOTS: usize = 32;
const SLOT_LEN: usize = 65_536;
/// Reads in one round: what is taken out of the system's queue is not thrown away by it.
const READS_MAX: usize = 64;
/// Datagrams dealt with, and the time for it, before the socket is looked at again, and other tasks and the timers get their
/// turn.
const DEALT_MAX: usize = 256;
const DEAL_FOR: Duration = Duration::from_millis(4);
/// Datagrams dealt with before what came of them is sent.
const SENT_AFTER: usize = 32;
/// ICMP reports taken in one round.
const REPORTS_MAX: usize = 32;
/// How exactly, and how often, the coordinator is told how old what it gets is.
const LAG_STEP: Duration = Duration::from_millis(10);

/// How often the system is asked what it threw away, while something comes.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

/// Runs until everything is hung up after a shutdown, then closes what is open.
pub(crate) async fn drive<R: Runtime>(
    shared: Arc<Shared>,
    machine: Arc<Machine<R>>,
    socket: Arc<R::Socket>,
    digests: DigestKey,
    media: R::Task,
) {
    let mut reader = Reader::new(&shared, &machine, &*socket, digests);
    let mut sleep = Sleep::new(machine.runtime());
    let mut losses = Losses::default();
    loop {
        reader.round();
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
        if !reader.inbox.is_empty() && !shared.look(|side| side.blocked()) {
            let_others_run().await;
            continue;
        }
        if let Err(error) = sleep.until_needed(&shared, &*socket).await {
            tracing::error!(%error, "the runtime serves the socket no more");
            break;
        }
        reader.wakes();
    }
    drop(reader);
    media.stop().await;
    drop(socket);
    machine.close().await;
    let mut due = Due::default();
    shared.look(|side| side.close(&mut due));
    drop(due);
    shared.media(|side, _, due| side.close(due));
}

/// Gives way to every task that is ready.
async fn let_others_run() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Reads, and hands over what was read.
struct Reader<'a, R: Runtime> {
    shared: &'a Arc<Shared>,
    machine: &'a Machine<R>,
    socket: &'a R::Socket,
    batch: RecvBatch,
    inbox: Inbox,
    /// When there was nothing to read. What is read now has come after that, and this is all that is known.
    empty_at: Instant,
    lag: Lag,
}

impl<'a, R: Runtime> Reader<'a, R> {
    fn new(
        shared: &'a Arc<Shared>,
        machine: &'a Machine<R>,
        socket: &'a R::Socket,
        digests: DigestKey,
    ) -> Self {
        let (batch, now) = (RecvBatch::new(SLOTS, SLOT_LEN), machine.runtime().now());
        let inbox = Inbox::new(digests, now);
        Self { shared, machine, socket, batch, inbox, empty_at: now, lag: Lag::default() }
    }

    /// Whoever waits for a socket is woken at once when something comes.
    fn wakes(&mut self) {
        self.empty_at = self.machine.runtime().now();
    }

    /// Takes what the socket has, and deals with a bounded number of datagrams. Whoever has to hear of it is woken once, at
    /// the end.
    fn round(&mut self) {
        let mut due = Due::default();
        self.read(&mut due);
        self.deal(&mut due);
        take_reports(self.shared, self.machine, self.socket);
    }

    /// Empties the socket. What is soon dealt with is so at once, and all else goes to the inbox.
    fn read(&mut self, due: &mut Due) {
        let behind = !self.inbox.is_empty();
        for _ in 0..READS_MAX {
            self.batch.clear();
            let now = self.machine.runtime().now();
            let read = if behind {
                self.socket.try_recv_now(&mut self.batch)
            } else {
                self.socket.try_recv(&mut self.batch)
            };
            match read {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.empty_at = now;
                    break;
                }
                Err(error) => {
                    // The fate of an earlier datagram, told on this occasion. It says nothing about the socket.
                    tracing::trace!(%error, "receive error");
                    self.shared.look(|side| side.counters.receive_errors += 1);
                    take_reports(self.shared, self.machine, self.socket);
                    continue;
                }
            }
            if self.inbox.is_empty() && !self.batch.is_full() && !self.shared.look(|side| side.blocked()) {
                self.deal_at_once(due);
                self.empty_at = now;
                break;
            }
            self.inbox.reads(now);
            for datagram in self.batch.iter() {
                let arrival = Arrival { at: self.empty_at, local: datagram.local, remote: datagram.remote };
                self.inbox.push(arrival, datagram.bytes);
            }
            if !self.batch.is_full() {
                self.empty_at = now;
                break;
            }
        }
    }

    /// Hands over what was read in one go, and there was no more.
    fn deal_at_once(&mut self, due: &mut Due) {
        let Self { shared, machine, batch, lag, .. } = self;
        let mut hold = shared.hold();
        for (dealt, datagram) in batch.iter().enumerate() {
            if dealt % SENT_AFTER == SENT_AFTER - 1 {
                hold.flush(due);
                hold = shared.hold();
            }
            let Some(path) = machine.path(datagram.local, datagram.remote) else { continue };
            tracing::trace!(%path, len = datagram.bytes.len(), "datagram");
            hold.feed(due, |side, now| {
                side.driver_wakes();
                lag.tell(side, now, Duration::ZERO);
                side.counters.datagrams_received += 1;
                side.core.handle_datagram(now, path, datagram.bytes);
            });
        }
        hold.flush(due);
        shared.settle(due);
    }

    /// Hands over what waits, by its rank.
    fn deal(&mut self, due: &mut Due) {
        let Self { shared, machine, inbox, lag, .. } = self;
        if inbox.is_empty() {
            return;
        }
        let clock = || machine.runtime().now();
        let turn = clock();
        let mut hold = shared.hold();
        let (mut allowed, mut blocked) = hold.look(|side| (lag_allowed(side), side.blocked()));
        for dealt in 1..=DEALT_MAX {
            let began = clock();
            let over = blocked || began.saturating_since(turn) > DEAL_FOR;
            let next = if over { None } else { inbox.next(began, allowed) };
            let Some(next) = next else { break };
            let late = next.late;
            if let Some(path) = machine.path(next.arrival.local, next.arrival.remote) {
                tracing::trace!(%path, len = next.bytes.len(), lag = ?next.lag, "datagram");
                (allowed, blocked) = hold.feed(due, |side, now| {
                    side.driver_wakes();
                    if let Some(age) = next.lag {
                        lag.tell(side, now, age);
                    }
                    side.counters.datagrams_received += 1;
                    side.core.handle_datagram(now, path, next.bytes);
                    (lag_allowed(side), side.blocked())
                });
            }
            // What answers to those who come in vain cost is counted, their sending with it.
            if late || dealt % SENT_AFTER == 0 {
                hold.flush(due);
                hold = shared.hold();
            }
            if late {
                inbox.spent(clock().saturating_since(began));
            }
        }
        let dropped = inbox.take_dropped();
        hold.look(|side| {
            side.counters.datagrams_received += dropped;
            side.counters.datagrams_dropped += dropped;
        });
        hold.flush(due);
        shared.settle(due);
    }
}

/// How old new requests may be. Without an overload none is too old.
fn lag_allowed(side: &Signalling) -> Duration {
    if side.core.is_overloaded() { side.core.lag_allowed() } else { Duration::MAX }
}

/// What the coordinator knows of how old what it gets is.
#[derive(Default)]
struct Lag {
    told: Duration,
    told_at: Option<Instant>,
}

impl Lag {
    /// Tells it, if that is news.
    fn tell(&mut self, side: &mut Signalling, now: Instant, lag: Duration) {
        let steps = lag.as_nanos() / LAG_STEP.as_nanos();
        let lag = LAG_STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX));
        let again = !lag.is_zero() && self.told_at.is_none_or(|at| now.saturating_since(at) >= LAG_STEP);
        if lag != self.told || again {
            (self.told, self.told_at) = (lag, Some(now));
            side.core.handle_lag(now, lag);
        }
    }
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
