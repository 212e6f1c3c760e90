//! The shared part on a host of paper: what it does when the system has no room for a message.

mod overload;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::api::{CoordinatorConfig, EndReason, InviteParams, NameFailure, QueryId, ResolveTarget};
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::media::{MediaPort, Which};
use crate::session::State;
use crate::wire::path::{Path, Transmit};

use super::config::Policy;
use super::entry::Entry;
use super::error::CallEnd;
use super::media::{Media, PairSend};
use super::ports::PortPool;
use super::shared::{Host, Shared};
use super::signalling::Signalling;
use super::spent::LetGo;

/// What the paper knows.
#[derive(Default)]
struct Paper {
    full: AtomicBool,
    dead: AtomicBool,
    millis: AtomicU64,
    pairs: AtomicU32,
    closed: Mutex<Vec<u32>>,
    descriptors: AtomicU32,
    sent: Mutex<VecDeque<Transmit>>,
}

struct PaperHost(Arc<Paper>);
struct PaperPair(u32);

impl PairSend for PaperPair {
    fn key(&self) -> u32 {
        self.0
    }

    fn send(&self, _: Option<std::net::IpAddr>, _: Which, _: SocketAddr, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl Host for PaperHost {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.millis.load(Ordering::Relaxed))
    }

    fn spawn_for_application(&self, _future: Pin<Box<dyn Future<Output = ()> + Send>>) {}

    fn sleep_until(&self, _at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }

    fn send(&self, transmit: &Transmit) -> io::Result<()> {
        if self.0.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.0.dead.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        self.0.sent.lock().unwrap().push_back(transmit.clone());
        Ok(())
    }

    fn resolve_now(&self, target: &ResolveTarget) -> Option<Result<Path, NameFailure>> {
        let remote = SocketAddr::new(target.host.parse().ok()?, target.port.unwrap_or(5060));
        Some(Ok(Path::udp(SocketAddr::from(([192, 0, 2, 1], 5060)), remote)))
    }

    fn resolve(&self, _shared: &Arc<Shared>, _query: QueryId, _target: ResolveTarget) {}

    fn bind_pair(&self) -> io::Result<(MediaPort, Arc<dyn PairSend>)> {
        let key = self.0.pairs.fetch_add(1, Ordering::Relaxed);
        let rtp = u16::try_from(40_000 + 2 * key).unwrap();
        Ok((MediaPort { key, rtp, rtcp: rtp + 1 }, Arc::new(PaperPair(key))))
    }

    fn start_reader(&self, _key: u32) {}

    fn unbind(&self, key: u32) {
        self.0.closed.lock().unwrap().push(key);
    }

    fn descriptors_free(&self) -> Option<usize> {
        let closed = self.0.closed.lock().unwrap().len();
        let bound = self.0.pairs.load(Ordering::Relaxed) as usize - closed;
        let limit = self.0.descriptors.load(Ordering::Relaxed) as usize;
        if limit == 0 { None } else { Some(limit.saturating_sub(2 * bound)) }
    }
}

struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bench() -> (Arc<Paper>, Arc<Shared>) {
    let paper = Arc::new(Paper::default());
    let core = UnifiedCoordinator::new(CoordinatorConfig::default(), [7; 32], Instant::ZERO);
    let signalling = Signalling::new(core, 100, PortPool::default(), Policy::HandOut);
    let media = Media::new(crate::media::ShardConfig::default(), [8; 32], Instant::ZERO, Duration::ZERO);
    let shared = Shared::new(Box::new(PaperHost(Arc::clone(&paper))), signalling, media);
    shared.signalling(|_, _, _| ());
    (paper, shared)
}

fn call(shared: &Arc<Shared>, target: &str) {
    shared.signalling(|side, now, _| side.core.invite(now, InviteParams::new(target))).unwrap();
}

fn targets(paper: &Paper) -> Vec<u16> {
    paper.sent.lock().unwrap().drain(..).map(|transmit| transmit.path.remote.port()).collect()
}

#[test]
fn a_full_socket_delays_messages_and_loses_none() {
    let (paper, shared) = bench();
    call(&shared, "sip:bob@192.0.2.7:1");
    assert_eq!(targets(&paper), [1]);

    let bell = Arc::new(Bell(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&bell));
    assert!(shared.look(|side| side.rest(&waker, true)).is_some_and(|rest| !rest.blocked));
    paper.full.store(true, Ordering::Relaxed);
    for target in ["sip:bob@192.0.2.7:2", "sip:bob@192.0.2.7:3", "sip:bob@192.0.2.7:4"] {
        call(&shared, target);
    }
    assert!(paper.sent.lock().unwrap().is_empty());
    assert!(bell.0.load(Ordering::Relaxed), "the driver must wait for room now");
    assert!(shared.look(|side| side.rest(&waker, true)).is_some_and(|rest| rest.blocked));

    paper.full.store(false, Ordering::Relaxed);
    shared.signalling(|_, _, _| ());
    assert_eq!(targets(&paper), [2, 3, 4], "in order, each once");
    assert!(shared.look(|side| side.rest(&waker, true)).is_some_and(|rest| !rest.blocked));
    assert!(shared.look(|side| side.counters.sends_delayed) > 0);
}

#[test]
fn a_network_that_refuses_ends_the_call_it_was_for() {
    let (paper, shared) = bench();
    paper.dead.store(true, Ordering::Relaxed);
    call(&shared, "sip:bob@192.0.2.7:1");
    paper.dead.store(false, Ordering::Relaxed);
    call(&shared, "sip:bob@192.0.2.8:2");
    paper.millis.store(1, Ordering::Relaxed);
    shared.signalling(|side, now, _| side.core.handle_timeout(now));
    assert_eq!(targets(&paper), [2]);
    let states = shared.look(|side| {
        let ids = side.core.registry().ids();
        ids.into_iter().filter_map(|id| side.core.session_state(id)).collect::<Vec<_>>()
    });
    assert_eq!(
        states,
        [State::Terminated, State::Calling],
        "the one is kept for a 2xx that may come all the same"
    );
    assert_eq!(shared.look(|side| side.counters.sends_failed), 1);
}

#[test]
fn the_driver_is_woken_for_a_closer_deadline_only() {
    let (paper, shared) = bench();
    call(&shared, "sip:bob@192.0.2.7:1");
    let bell = Arc::new(Bell(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&bell));
    let rest = shared.look(|side| side.rest(&waker, true)).unwrap();
    assert_eq!(rest.until, Some(Instant::from_millis(500)), "Timer A");
    paper.millis.store(100, Ordering::Relaxed);
    call(&shared, "sip:bob@192.0.2.7:2");
    assert!(!bell.0.load(Ordering::Relaxed), "its Timer A is later");
    assert!(shared.look(|side| side.rest(&waker, false)).is_some());

    let (_, fresh) = bench();
    let rest = fresh.look(|side| side.rest(&waker, true)).unwrap();
    assert_eq!(rest.until, None);
    call(&fresh, "sip:bob@192.0.2.7:1");
    assert!(bell.0.load(Ordering::Relaxed));
    assert!(fresh.look(|side| side.rest(&waker, false)).is_none(), "it was woken, so it looks again");
}

#[test]
fn what_is_over_is_left_to_the_loop_while_it_runs() {
    let (_, shared) = bench();
    let over = |side: &mut Signalling| {
        let mut entry = Entry::outgoing();
        entry.end = Some(Box::new(CallEnd::bare(EndReason::RemoteHangup)));
        side.entries.insert(entry).unwrap()
    };
    let waker = Waker::noop();
    let dropped = |side: &mut Signalling| {
        let id = over(side);
        let outcome = side.let_go_of_the_dead(&shared, id);
        assert!(side.entries.get(id).is_none());
        outcome
    };
    assert!(matches!(shared.look(dropped), LetGo::Left));
    assert!(shared.look(|side| side.rest(waker, true)).is_none(), "there is something to free");
    shared.signalling(|side, now, due| side.go_on(&shared, now, due));
    assert!(shared.look(|side| side.rest(waker, true)).is_some(), "it sleeps");
    assert!(matches!(shared.look(dropped), LetGo::Settle));
    assert!(shared.look(|side| side.rest(waker, false)).is_some(), "nobody woke it");
    let alive = shared.look(|side| side.entries.insert(Entry::outgoing()).unwrap());
    assert!(matches!(shared.look(|side| side.let_go_of_the_dead(&shared, alive)), LetGo::Alive));
}

#[test]
fn sockets_that_nobody_uses_are_closed() {
    let (paper, shared) = bench();
    paper.dead.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        call(&shared, "sip:bob@192.0.2.7:1");
    }
    paper.millis.store(1, Ordering::Relaxed);
    shared.signalling(|side, now, _| side.core.handle_timeout(now));
    assert_eq!(paper.pairs.load(Ordering::Relaxed), 7, "three rest, four are ready");
    let waker = Waker::noop();
    let rest = shared.look(|side| side.rest(waker, true)).unwrap();
    assert!(rest.until.is_some_and(|at| at <= Instant::from_millis(30_001)), "{:?}", rest.until);
    paper.millis.store(30_000, Ordering::Relaxed);
    shared.signalling(|side, now, due| side.go_on(&shared, now, due));
    assert!(paper.closed.lock().unwrap().is_empty());
    paper.millis.store(30_001, Ordering::Relaxed);
    shared.signalling(|side, now, due| side.go_on(&shared, now, due));
    assert_eq!(paper.closed.lock().unwrap().len(), 3);
}

#[test]
fn calls_leave_descriptors_to_the_program() {
    let (paper, shared) = bench();
    paper.descriptors.store(100, Ordering::Relaxed);
    shared.signalling(|side, _, _| side.count_ports(&shared));
    let mut calls = 0;
    let try_call =
        || shared.signalling(|side, now, _| side.core.invite(now, InviteParams::new("sip:bob@192.0.2.7")));
    while try_call().is_ok() {
        calls += 1;
    }
    // The default pool keeps none for others: what is free is counted, and counted again as it grows less.
    assert_eq!((calls, paper.pairs.load(Ordering::Relaxed)), (50, 50));
    // Others have taken some meanwhile; a second later they are back.
    paper.descriptors.store(104, Ordering::Relaxed);
    shared.signalling(|side, _, _| side.count_ports(&shared));
    assert!(try_call().is_ok() && try_call().is_ok() && try_call().is_err());
}
