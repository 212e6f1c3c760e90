//! A world: hosts on a network, tasks, and a clock that jumps to whatever comes next.

mod executor;
mod runtime;

#[cfg(test)]
mod tests;

pub use runtime::{SimHost, SimPeer, SimSocket, SimTask, SimTimer};

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::base::rng::Rng;
use crate::base::time::Instant;

use super::net::{Fates, NatId, Network};
use executor::{Executor, locked};

/// Polls without time passing after which the tasks are taken to chase each other.
const POLLS_MAX: u32 = 1_000_000;
/// Datagrams that wait in one socket; what comes on top is lost, as in a real one.
const QUEUE_MAX: usize = 4_096;

/// Why a world stopped before its future was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Everybody waits for somebody else, and no timer runs.
    #[error("at {} ms all {tasks} tasks wait and nothing will ever wake them", at.as_millis())]
    Stuck {
        /// When.
        at: Instant,
        /// How many background tasks there are.
        tasks: usize,
    },
    /// The future was not done in time.
    #[error("not done after {} s of virtual time", limit.as_secs())]
    Overdue {
        /// What was allowed.
        limit: Duration,
    },
    /// Tasks wake each other without end, and no time passes.
    #[error("at {} ms tasks wake each other and no time passes", at.as_millis())]
    Restless {
        /// When.
        at: Instant,
    },
    /// The future runs a world that is running it.
    #[error("a world cannot be run by what runs in it")]
    Nested,
}

/// One datagram as it was sent, whatever became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// The sender's own address.
    pub from: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// The datagram.
    pub payload: Bytes,
}

#[derive(Default)]
struct Mailbox {
    letters: VecDeque<(SocketAddr, SocketAddr, Bytes)>,
    /// Destinations that took nothing.
    reports: VecDeque<SocketAddr>,
    wants_reports: bool,
    wakers: Vec<Waker>,
}

impl Mailbox {
    fn wake(&mut self) {
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
    }
}

/// All that changes in a world but its tasks.
struct State {
    now: Instant,
    network: Network,
    rng: Rng,
    mailboxes: BTreeMap<SocketAddr, Mailbox>,
    timers: BTreeMap<(Instant, u64), Waker>,
    timer_count: u64,
    names: BTreeMap<String, Vec<IpAddr>>,
    log: VecDeque<Sent>,
    log_max: usize,
    limit: Duration,
    running: bool,
}

/// What hosts, sockets, timers and tasks share.
struct Shared {
    state: Mutex<State>,
    executor: Executor,
}

impl Shared {
    fn send(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let mut state = locked(&self.state);
        let (now, payload) = (state.now, Bytes::copy_from_slice(bytes));
        if state.log_max > 0 {
            if state.log.len() >= state.log_max {
                state.log.pop_front();
            }
            state.log.push_back(Sent { at: now, from, to, payload: payload.clone() });
        }
        state.network.send(now, from, to, payload);
    }

    /// Jumps to the next moment at which anything happens and lets it happen.
    fn pass_time(&self, limit: Instant) -> Result<(), WorldError> {
        let mut state = locked(&self.state);
        let timer = state.timers.keys().next().map(|&(at, _)| at);
        let next = [timer, state.network.next()].into_iter().flatten().min();
        let Some(next) = next else {
            return Err(WorldError::Stuck { at: state.now, tasks: self.executor.len() });
        };
        if next > limit {
            return Err(WorldError::Overdue { limit: state.limit });
        }
        state.now = state.now.max(next);
        let now = state.now;
        while let Some(delivery) = state.network.poll(now) {
            state.deliver(delivery.from, delivery.to, delivery.payload);
        }
        while let Some(timer) = state.timers.first_entry().filter(|timer| timer.key().0 <= now) {
            timer.remove().wake();
        }
        Ok(())
    }
}

impl State {
    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        if let Some(mailbox) = self.mailboxes.get_mut(&to) {
            if mailbox.letters.len() < QUEUE_MAX {
                mailbox.letters.push_back((from, to, payload));
            }
            mailbox.wake();
        } else if let Some(sender) = self.mailboxes.get_mut(&from).filter(|sender| sender.wants_reports) {
            // Nobody has the port: the sender's system is told (ICMP), unless a NAT is in between.
            if sender.reports.len() < QUEUE_MAX {
                sender.reports.push_back(to);
            }
            sender.wake();
        }
    }
}

/// A simulated world. See the text of the [module](crate::sim).
pub struct World {
    shared: Arc<Shared>,
}

impl World {
    /// An empty world. Everything that happens in it follows from `seed` and from what its programs do.
    pub fn new(seed: u64) -> Self {
        let mut rng = super::rng(seed);
        let network = Network::new(rng.next_u64());
        let state = State {
            now: Instant::ZERO,
            network,
            rng,
            mailboxes: BTreeMap::new(),
            timers: BTreeMap::new(),
            timer_count: 0,
            names: BTreeMap::new(),
            log: VecDeque::new(),
            log_max: 0,
            limit: Duration::from_secs(24 * 3600),
            running: false,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), executor: Executor::default() }) }
    }

    /// The host with this address; it is added to the open network if it is not there.
    pub fn host(&self, ip: impl Into<IpAddr>) -> SimHost {
        self.host_behind(ip, None)
    }

    /// The host with this address; it is added behind that NAT if it is not there.
    pub fn host_behind(&self, ip: impl Into<IpAddr>, nat: impl Into<Option<NatId>>) -> SimHost {
        let ip = ip.into();
        let mut state = locked(&self.shared.state);
        if !state.network.has_host(ip) {
            state.network.add_host(ip, nat.into());
        }
        drop(state);
        SimHost::new(Arc::clone(&self.shared), ip)
    }

    /// Changes the network: links, NATs, partitions.
    pub fn network<T>(&self, change: impl FnOnce(&mut Network) -> T) -> T {
        change(&mut locked(&self.shared.state).network)
    }

    /// Gives a name to addresses.
    pub fn name(&self, name: &str, ips: &[IpAddr]) {
        locked(&self.shared.state).names.insert(String::from(name), ips.to_vec());
    }

    /// Keeps the last `max` datagrams that are sent from now on.
    pub fn log(&self, max: usize) {
        locked(&self.shared.state).log_max = max;
    }

    /// The datagrams that were kept, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.shared.state).log.iter().cloned().collect()
    }

    /// What became of datagrams so far.
    pub fn fates(&self) -> Fates {
        locked(&self.shared.state).network.fates()
    }

    /// How much virtual time one [`run`](Self::run) may take; a day if nothing is said.
    pub fn limit(&self, limit: Duration) {
        locked(&self.shared.state).limit = limit;
    }

    /// Virtual time since the world began.
    pub fn now(&self) -> Instant {
        locked(&self.shared.state).now
    }

    /// Ready when that much virtual time has passed.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static {
        runtime::sleep(Arc::clone(&self.shared), time)
    }

    /// Runs `future` and every task of the world until the future is done. Tasks that are still there go on with the
    /// next run.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> Result<T, WorldError> {
        let limit = {
            let mut state = locked(&self.shared.state);
            if std::mem::replace(&mut state.running, true) {
                return Err(WorldError::Nested);
            }
            state.now + state.limit
        };
        let outcome = self.run_until(limit, future);
        locked(&self.shared.state).running = false;
        outcome
    }

    fn run_until<T>(&self, limit: Instant, future: impl Future<Output = T>) -> Result<T, WorldError> {
        let executor = &self.shared.executor;
        let mut future = pin!(future);
        let waker = executor.main_waker();
        let mut polls = 0;
        loop {
            while let Some(task) = executor.next() {
                polls += 1;
                if polls > POLLS_MAX {
                    return Err(WorldError::Restless { at: self.now() });
                }
                if task != 0 {
                    executor.poll(task);
                } else if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Ok(value);
                }
            }
            polls = 0;
            self.shared.pass_time(limit)?;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Tasks hold the world; they go first, or nothing ever would.
        self.shared.executor.clear();
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Frees the socket's address.
fn unbind(shared: &Shared, socket: &SimSocket) {
    locked(&shared.state).mailboxes.remove(&socket.bound());
}
