//! Peers come and go, with calls up: no task, no timer, no socket, no port and no memory stays behind.
//!
//! `OFFHOOK_CYCLES` says how often (1 000 in CI). All is one test: it counts what belongs to the whole program.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_lite::future::{yield_now, zip};
use offhook_core::base::time::Instant;
use offhook_core::peer::{RecvBatch, Runtime, SimplePeer, Socket, Timer};

static TASKS: AtomicIsize = AtomicIsize::new(0);
static SOCKETS: AtomicIsize = AtomicIsize::new(0);
static TIMERS: AtomicIsize = AtomicIsize::new(0);

/// Counts as long as it lives.
struct Alive(&'static AtomicIsize);

impl Alive {
    fn new(counter: &'static AtomicIsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A runtime that counts what it gives out.
struct Counted<R>(R);
struct CountedSocket<S> {
    socket: S,
    _alive: Alive,
}
struct CountedTimer<T> {
    timer: T,
    _alive: Alive,
}

impl<R: Runtime> Runtime for Counted<R> {
    type Socket = CountedSocket<R::Socket>;
    type Timer = CountedTimer<R::Timer>;
    type Task = R::Task;

    fn current() -> io::Result<Self> {
        R::current().map(Self)
    }

    fn for_peer(self) -> io::Result<Self> {
        self.0.for_peer().map(Self)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn entropy(&self) -> io::Result<[u8; 32]> {
        self.0.entropy()
    }

    fn unix_time(&self) -> Duration {
        self.0.unix_time()
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Self::Socket> {
        Ok(CountedSocket { socket: self.0.bind(addr)?, _alive: Alive::new(&SOCKETS) })
    }

    fn bind_media(&self, addr: SocketAddr) -> io::Result<Self::Socket> {
        Ok(CountedSocket { socket: self.0.bind_media(addr)?, _alive: Alive::new(&SOCKETS) })
    }

    fn descriptors_free(&self) -> Option<usize> {
        self.0.descriptors_free()
    }

    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr> {
        self.0.route(remote)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.0.lookup(host, port).await
    }

    fn timer(&self) -> Self::Timer {
        CountedTimer { timer: self.0.timer(), _alive: Alive::new(&TIMERS) }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> R::Task {
        let alive = Alive::new(&TASKS);
        self.0.spawn(async {
            let _alive = alive;
            future.await;
        })
    }
}

impl<S: Socket> Socket for CountedSocket<S> {
    fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr()
    }

    fn try_recv(&self, batch: &mut RecvBatch) -> io::Result<()> {
        self.socket.try_recv(batch)
    }

    async fn recv_ready(&self) -> io::Result<()> {
        self.socket.recv_ready().await
    }

    fn try_send(&self, local: Option<IpAddr>, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.try_send(local, remote, bytes)
    }

    async fn send_ready(&self) -> io::Result<()> {
        self.socket.send_ready().await
    }

    fn take_icmp_error(&self) -> Option<SocketAddr> {
        self.socket.take_icmp_error()
    }

    fn datagrams_lost(&self) -> Option<u32> {
        self.socket.datagrams_lost()
    }
}

impl<T: Timer> Timer for CountedTimer<T> {
    fn set(&mut self, at: Instant) {
        self.timer.set(at);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll(cx)
    }
}

/// Threads of this program.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// Resident memory, in KiB.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn alive() -> [isize; 3] {
    [&TASKS, &TIMERS, &SOCKETS].map(|counter| counter.load(Ordering::SeqCst))
}

/// Two peers, two calls up, and the end: by shutdown, or by dropping all. Then both ports are free.
async fn cycle<R: Runtime>(number: usize) {
    let here = "127.0.0.1:0".parse().unwrap();
    let alice = SimplePeer::<R>::builder("alice").bind(here).start().await.unwrap();
    let bob = SimplePeer::<R>::builder("bob").bind(here).auto_answer(true).start().await.unwrap();
    let ports = [alice.local_addr(), bob.local_addr()];
    let target = bob.uri();
    let first = alice.call(&target).await.unwrap();
    let second = alice.call(&target).await.unwrap();
    let fetched = bob.get_incoming_call().await.unwrap().accept().await.unwrap();
    let [tasks, timers, sockets] = alive();
    assert!(tasks >= 8 && timers >= 4 && sockets >= 10, "nothing is counted: {:?}", alive());
    if number.is_multiple_of(2) {
        zip(alice.shutdown(), bob.shutdown()).await;
        assert!(fetched.end().is_some());
    }
    drop((alice, bob, first, second, fetched));
    // The last task ends right after it has told so.
    let begun = std::time::Instant::now();
    while alive() != [0, 0, 0] {
        assert!(begun.elapsed() < Duration::from_secs(20), "tasks, timers, sockets stay: {:?}", alive());
        yield_now().await;
    }
    for addr in ports {
        UdpSocket::bind(addr).expect("the port is free");
    }
}

/// Runs cycles; the most memory that was seen after one, in KiB. The read buffers of a peer are 2 MiB, and the allocator
/// gives them back when it likes: single looks at the memory jump up and down by some of them.
async fn cycles<R: Runtime>(count: usize) -> usize {
    let mut peak = 0;
    for number in 0..count {
        cycle::<Counted<R>>(number).await;
        peak = peak.max(memory());
    }
    peak
}

/// Ready when no peer has a thread any more: one that a peer had ends right after it, and closes files of its own.
async fn settled() {
    let of_a_peer = |task: std::io::Result<std::fs::DirEntry>| {
        let name = task.and_then(|task| std::fs::read_to_string(task.path().join("comm")));
        name.is_ok_and(|name| name.trim_end() == "offhook")
    };
    let begun = std::time::Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if !std::fs::read_dir("/proc/self/task").is_ok_and(|mut tasks| tasks.any(of_a_peer)) {
            return;
        }
        yield_now().await;
    }
}

async fn come_and_go<R: Runtime>(name: &str, count: usize) {
    // Threads, thread-locals, the allocator's reserves.
    let memory_before = cycles::<R>(20 + count / 10).await;
    settled().await;
    let threads_before = threads();
    let files_before = files();
    let memory_after = cycles::<R>(count).await;
    settled().await;
    let files_after = files();
    println!(
        "{name}: {count} cycles, 2 calls up in each; open files {files_before} -> {files_after}, \
         peak memory {memory_before} -> {memory_after} KiB, tasks, timers, sockets {:?}",
        alive()
    );
    assert_eq!(files_after, files_before);
    assert_eq!(threads(), threads_before);
    assert!(memory_after < memory_before + 6144, "{memory_before} -> {memory_after} KiB");
}

#[test]
fn nothing_stays_behind() {
    let cycles = std::env::var("OFFHOOK_CYCLES").map_or(30, |text| text.parse().unwrap());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(come_and_go::<offhook_tokio::Tokio>("tokio", cycles));
    smol::block_on(come_and_go::<offhook_smol::Smol>("smol", cycles));
}
