//! The world as a [`Runtime`]: sockets, timers, tasks, names and randomness of one simulated host.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::base::time::Instant;
use crate::peer::{Config, PeerBuilder, RecvBatch, Runtime, SimplePeer, Socket, Task, Timer};

use super::executor::{TaskId, locked};
use super::{Mailbox, Shared, unbind};

/// What the clock of a world shows when it begins, in seconds since 1970.
const BEGINNING: Duration = Duration::from_secs(1_800_000_000);

/// Ports that are given out to those who ask for any.
const FIRST_PORT: u16 = 49_152;

/// A telephone in a world.
pub type SimPeer = SimplePeer<SimHost>;

/// One host of a world, and the runtime of all that runs on it.
#[derive(Clone)]
pub struct SimHost {
    shared: Arc<Shared>,
    ip: IpAddr,
}

impl SimHost {
    pub(super) const fn new(shared: Arc<Shared>, ip: IpAddr) -> Self {
        Self { shared, ip }
    }

    /// Its address.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// A telephone on this host, reachable at port 5060.
    pub fn peer(&self, user: &str) -> PeerBuilder<Self> {
        SimPeer::builder(user).bind(SocketAddr::new(self.ip, 5060)).on(self.clone())
    }

    /// Settings of a coordinator on this host, reachable at port 5060; start it with
    /// [`UnifiedCoordinator::start_on`](crate::peer::UnifiedCoordinator::start_on).
    pub fn config(&self, user: &str) -> Config {
        Config::new(user, SocketAddr::new(self.ip, 5060))
    }

    /// Ready when that much virtual time has passed.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static {
        sleep(Arc::clone(&self.shared), time)
    }

    fn open(&self, addr: SocketAddr, wants_reports: bool) -> io::Result<SimSocket> {
        if addr.is_ipv4() != self.ip.is_ipv4() || !(addr.ip().is_unspecified() || addr.ip() == self.ip) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let mut state = locked(&self.shared.state);
        let taken = |port: u16| state.mailboxes.contains_key(&SocketAddr::new(self.ip, port));
        let port = match addr.port() {
            0 => (FIRST_PORT..=u16::MAX).find(|&port| !taken(port)),
            port => Some(port).filter(|&port| !taken(port)),
        };
        let port = port.ok_or(io::ErrorKind::AddrInUse)?;
        let mailbox = Mailbox { wants_reports, ..Mailbox::default() };
        state.mailboxes.insert(SocketAddr::new(self.ip, port), mailbox);
        drop(state);
        let local = SocketAddr::new(addr.ip(), port);
        Ok(SimSocket { shared: Arc::clone(&self.shared), ip: self.ip, local })
    }
}

impl std::fmt::Debug for SimHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimHost").field("ip", &self.ip).finish_non_exhaustive()
    }
}

impl Runtime for SimHost {
    type Socket = SimSocket;
    type Timer = SimTimer;
    type Task = SimTask;

    fn current() -> io::Result<Self> {
        Err(io::Error::other(
            "a simulated peer is started on a host of its world: `world.host(ip).peer(user)`",
        ))
    }

    fn now(&self) -> Instant {
        locked(&self.shared.state).now
    }

    fn entropy(&self) -> io::Result<[u8; 32]> {
        Ok(locked(&self.shared.state).rng.next_seed())
    }

    fn unix_time(&self) -> Duration {
        BEGINNING + self.now().saturating_since(Instant::ZERO)
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<SimSocket> {
        self.open(addr, true)
    }

    fn bind_media(&self, addr: SocketAddr) -> io::Result<SimSocket> {
        self.open(addr, false)
    }

    fn route(&self, _remote: SocketAddr) -> io::Result<IpAddr> {
        Ok(self.ip)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let known = locked(&self.shared.state).names.get(&host).cloned();
        let ips = known.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))?;
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn timer(&self) -> SimTimer {
        SimTimer { shared: Arc::clone(&self.shared), at: None, key: None }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> SimTask {
        let task = self.shared.executor.spawn(Box::pin(future));
        SimTask { shared: Arc::clone(&self.shared), task }
    }
}

/// A UDP socket of a simulated host.
pub struct SimSocket {
    shared: Arc<Shared>,
    ip: IpAddr,
    local: SocketAddr,
}

impl SimSocket {
    /// Where its mail comes.
    pub(super) const fn bound(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.local.port())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Mailbox) -> T) -> Option<T> {
        locked(&self.shared.state).mailboxes.get_mut(&self.bound()).map(look)
    }
}

impl Socket for SimSocket {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()> {
        let slots = batch.slots_mut().count();
        let letters: Option<VecDeque<_>> = self.with(|mailbox| {
            let count = mailbox.letters.len().min(slots);
            mailbox.letters.drain(..count).collect()
        });
        let letters = letters.filter(|letters| !letters.is_empty()).ok_or(io::ErrorKind::WouldBlock)?;
        for ((_, _, payload), slot) in letters.iter().zip(batch.slots_mut()) {
            // What does not fit is cut off, as a real socket would.
            let len = payload.len().min(slot.len());
            if let (Some(slot), Some(payload)) = (slot.get_mut(..len), payload.get(..len)) {
                slot.copy_from_slice(payload);
            }
        }
        for (slot, (from, to, payload)) in letters.iter().enumerate() {
            batch.fill(slot, payload.len(), payload.len(), *from, Some(to.ip()));
        }
        Ok(())
    }

    async fn recv_ready(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            let ready = self.with(|mailbox| {
                if !mailbox.letters.is_empty() || !mailbox.reports.is_empty() {
                    return true;
                }
                if !mailbox.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    mailbox.wakers.push(cx.waker().clone());
                }
                false
            });
            match ready {
                Some(false) => Poll::Pending,
                Some(true) => Poll::Ready(Ok(())),
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        })
        .await
    }

    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let from = SocketAddr::new(local.unwrap_or(self.ip), self.local.port());
        self.shared.send(from, remote, bytes);
        Ok(())
    }

    async fn send_ready(&self) -> io::Result<()> {
        Ok(())
    }

    fn take_icmp_error(&self) -> Option<SocketAddr> {
        self.with(|mailbox| mailbox.reports.pop_front()).flatten()
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        unbind(&self.shared, self);
    }
}

impl std::fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimSocket").field("local", &self.local).finish_non_exhaustive()
    }
}

/// A timer of virtual time.
pub struct SimTimer {
    shared: Arc<Shared>,
    at: Option<Instant>,
    /// Its place among the world's timers, while a waker waits there.
    key: Option<(Instant, u64)>,
}

impl SimTimer {
    fn unset(&mut self) -> Option<Waker> {
        let key = self.key.take()?;
        locked(&self.shared.state).timers.remove(&key)
    }
}

impl Timer for SimTimer {
    fn set(&mut self, at: Instant) {
        // Who waits already waits for the new moment.
        let waiting = self.unset();
        self.at = Some(at);
        if let Some(waker) = waiting {
            self.enlist(at, waker);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        if at <= locked(&self.shared.state).now {
            return Poll::Ready(());
        }
        drop(self.unset());
        self.enlist(at, cx.waker().clone());
        Poll::Pending
    }
}

impl SimTimer {
    fn enlist(&mut self, at: Instant, waker: Waker) {
        let mut state = locked(&self.shared.state);
        state.timer_count += 1;
        let key = (at, state.timer_count);
        state.timers.insert(key, waker);
        self.key = Some(key);
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        drop(self.unset());
    }
}

impl std::fmt::Debug for SimTimer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimTimer").field("at", &self.at).finish_non_exhaustive()
    }
}

/// A task of a world.
pub struct SimTask {
    shared: Arc<Shared>,
    task: TaskId,
}

impl Task for SimTask {
    async fn stop(self) {
        self.shared.executor.stop(self.task);
    }
}

impl std::fmt::Debug for SimTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SimTask").field(&self.task).finish()
    }
}

pub(super) async fn sleep(shared: Arc<Shared>, time: Duration) {
    let at = locked(&shared.state).now + time;
    let mut timer = SimTimer { shared, at: Some(at), key: None };
    std::future::poll_fn(|cx| timer.poll(cx)).await;
}
