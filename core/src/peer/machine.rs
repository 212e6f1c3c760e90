//! A started peer on one runtime: its sockets and its tasks.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use crate::api::{NameFailure, QueryId, ResolveTarget};
use crate::base::time::Instant;
use crate::media::{MediaPort, Which};
use crate::wire::path::{Path, Transmit};

use super::media::PairSend;
use super::media_driver::{Batches, read_pair};
use super::runtime::{Runtime, Socket, Task, Timer};
use super::shared::{Host, Shared};

/// The port of a SIP URI that names none (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

/// How many ports of the range are tried before a call has to do without.
const BIND_TRIES: u32 = 256;

/// A pair of media sockets.
pub(crate) struct Pair<S> {
    pub(crate) key: u32,
    /// Whether it is bound to more than one address.
    many: bool,
    pub(crate) rtp: S,
    pub(crate) rtcp: S,
}

impl<S: Socket> PairSend for Pair<S> {
    fn key(&self) -> u32 {
        self.key
    }

    fn send(&self, local: Option<IpAddr>, which: Which, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let socket = match which {
            Which::Rtp => &self.rtp,
            Which::Rtcp => &self.rtcp,
        };
        let from = local.filter(|_| self.many);
        match socket.try_send(from, remote, bytes) {
            // This may be the report of an earlier datagram's fate, told in place of sending this one.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => socket.try_send(from, remote, bytes),
            sent => sent,
        }
    }
}

struct Sockets<R: Runtime> {
    /// By key.
    pairs: Vec<Option<Arc<Pair<R::Socket>>>>,
    /// Keys of pairs that are closed, and whose readers are gone.
    unused: Vec<u32>,
    readers: BTreeMap<u32, R::Task>,
}

/// What a started peer has on its runtime.
pub(crate) struct Machine<R: Runtime> {
    runtime: R,
    /// For signalling; `None` after the shutdown.
    socket: Mutex<Option<Arc<R::Socket>>>,
    local: SocketAddr,
    rtp_ports: RangeInclusive<u16>,
    next_port: AtomicU16,
    sockets: Mutex<Sockets<R>>,
    batches: Arc<Batches>,
    shared: OnceLock<Weak<Shared>>,
}

/// The shared part holds the machine as its host.
pub(crate) struct HostOf<R: Runtime>(pub(crate) Arc<Machine<R>>);

impl<R: Runtime> Machine<R> {
    pub(crate) fn new(
        runtime: R,
        socket: &Arc<R::Socket>,
        rtp_ports: RangeInclusive<u16>,
        first_port: u16,
    ) -> Arc<Self> {
        let local = socket.local_addr();
        Arc::new(Self {
            runtime,
            socket: Mutex::new(Some(Arc::clone(socket))),
            local,
            rtp_ports,
            next_port: AtomicU16::new(first_port),
            sockets: Mutex::new(Sockets { pairs: Vec::new(), unused: Vec::new(), readers: BTreeMap::new() }),
            batches: Arc::default(),
            shared: OnceLock::new(),
        })
    }

    /// Ties the machine to what it serves. Before this no reader starts and no name is looked up.
    pub(crate) fn serve(&self, shared: &Arc<Shared>) {
        self.shared.get_or_init(|| Arc::downgrade(shared));
    }

    pub(crate) const fn runtime(&self) -> &R {
        &self.runtime
    }

    /// The path of a datagram that came to this socket.
    pub(crate) fn path(&self, came_to: Option<IpAddr>, remote: SocketAddr) -> Option<Path> {
        if !self.local.ip().is_unspecified() {
            return Some(Path::udp(self.local, remote));
        }
        let ip = match came_to {
            Some(ip) if !ip.is_unspecified() => ip,
            _ => self.runtime.route(remote).ok()?,
        };
        Some(Path::udp(SocketAddr::new(ip, self.local.port()), remote))
    }

    fn path_to(&self, remote: SocketAddr) -> Result<Path, NameFailure> {
        if remote.is_ipv4() != self.local.is_ipv4() {
            let (have, want) = if self.local.is_ipv4() { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
            let why = format!("{} is an {want} address, but this peer is bound to {have}", remote.ip());
            return Err(NameFailure(why));
        }
        if !self.local.ip().is_unspecified() {
            return Ok(Path::udp(self.local, remote));
        }
        match self.runtime.route(remote) {
            Ok(ip) => Ok(Path::udp(SocketAddr::new(ip, self.local.port()), remote)),
            Err(error) => Err(NameFailure(format!("there is no way to {}: {error}", remote.ip()))),
        }
    }

    /// The first address of a name that this peer can reach.
    async fn lookup(&self, host: String, port: u16) -> Result<Path, NameFailure> {
        let found = self.runtime.lookup(host, port).await.map_err(|error| NameFailure(error.to_string()))?;
        let mut trouble = NameFailure(String::from("the name has no address"));
        for remote in found {
            match self.path_to(remote) {
                Ok(path) => return Ok(path),
                Err(failure) => trouble = failure,
            }
        }
        Err(trouble)
    }

    /// Binds an even port of the range and the odd one after it.
    fn bind_from_range(&self, ip: IpAddr) -> io::Result<(R::Socket, R::Socket)> {
        let (low, high) = (self.rtp_ports.start().next_multiple_of(2), *self.rtp_ports.end());
        let mut trouble = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..BIND_TRIES {
            let next = |port: u16| match port.checked_add(2) {
                Some(next) if next < high => next,
                _ => low,
            };
            let port = self.next_port.load(Ordering::Relaxed);
            self.next_port.store(next(port), Ordering::Relaxed);
            if port < low || port >= high {
                continue;
            }
            let rtp = self.runtime.bind_media(SocketAddr::new(ip, port));
            let pair = rtp.and_then(|rtp| Ok((rtp, self.runtime.bind_media(SocketAddr::new(ip, port | 1))?)));
            match pair {
                Ok(pair) => return Ok(pair),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => trouble = error,
                // Another port would meet the same trouble: no more sockets, no such address.
                Err(error) => return Err(error),
            }
        }
        Err(trouble)
    }

    /// Lets the system choose. An even port with its odd neighbour is what old peers expect; any two will do, the
    /// session description names both.
    fn bind_anywhere(&self, ip: IpAddr) -> io::Result<(R::Socket, R::Socket)> {
        let any = SocketAddr::new(ip, 0);
        for _ in 0..8 {
            let rtp = self.runtime.bind_media(any)?;
            let port = rtp.local_addr().port();
            if port % 2 == 0
                && let Ok(rtcp) = self.runtime.bind_media(SocketAddr::new(ip, port | 1))
            {
                return Ok((rtp, rtcp));
            }
        }
        Ok((self.runtime.bind_media(any)?, self.runtime.bind_media(any)?))
    }

    /// Stops the readers and lets the sockets go.
    pub(crate) async fn close(&self) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let readers = {
            let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.pairs.clear();
            std::mem::take(&mut sockets.readers)
        };
        for reader in readers.into_values() {
            reader.stop().await;
        }
    }
}

impl<R: Runtime> Host for HostOf<R> {
    fn now(&self) -> Instant {
        self.0.runtime.now()
    }

    fn spawn_for_application(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(self.0.runtime.spawn_for_application(future));
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut timer = self.0.runtime.timer();
        timer.set(at);
        Box::pin(std::future::poll_fn(move |cx| timer.poll(cx)))
    }

    fn send(&self, transmit: &Transmit) -> io::Result<()> {
        let Path { local, remote, .. } = transmit.path;
        let from = self.0.local.ip().is_unspecified().then_some(local.ip());
        let socket = self.0.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(socket) = socket.as_ref() else { return Err(io::ErrorKind::NotConnected.into()) };
        match socket.try_send(from, remote, &transmit.payload) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                // This may be the report of an earlier datagram's fate, told in place of sending this one.
                tracing::trace!(%remote, %error, "send error");
                socket.try_send(from, remote, &transmit.payload)
            }
            sent => sent,
        }
    }

    fn resolve(&self, shared: &Arc<Shared>, query: QueryId, target: ResolveTarget) {
        let (machine, shared) = (Arc::clone(&self.0), Arc::downgrade(shared));
        drop(self.0.runtime.spawn(async move {
            let result = machine.lookup(target.host, target.port.unwrap_or(SIP_PORT)).await;
            if let Some(shared) = shared.upgrade() {
                shared.signalling(|side, now, _| side.core.handle_names(now, query, result));
            }
        }));
    }

    fn resolve_now(&self, target: &ResolveTarget) -> Option<Result<Path, NameFailure>> {
        let ip = target.host.parse::<IpAddr>().ok()?;
        Some(self.0.path_to(SocketAddr::new(ip, target.port.unwrap_or(SIP_PORT))))
    }

    fn bind_pair(&self) -> io::Result<(MediaPort, Arc<dyn PairSend>)> {
        let machine = &self.0;
        let ip = machine.local.ip();
        let (rtp, rtcp) = if *machine.rtp_ports.end() == 0 {
            machine.bind_anywhere(ip)?
        } else {
            machine.bind_from_range(ip)?
        };
        let mut sockets = machine.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = sockets.unused.pop();
        let key = unused.map_or_else(|| u32::try_from(sockets.pairs.len()), Ok).map_err(io::Error::other)?;
        let port = MediaPort { key, rtp: rtp.local_addr().port(), rtcp: rtcp.local_addr().port() };
        let pair = Arc::new(Pair { key, many: ip.is_unspecified(), rtp, rtcp });
        let slot = Some(Arc::clone(&pair));
        match sockets.pairs.get_mut(key as usize) {
            Some(place) => *place = slot,
            None => sockets.pairs.push(slot),
        }
        Ok((port, pair))
    }

    fn start_reader(&self, key: u32) {
        let machine = &self.0;
        let Some(shared) = machine.shared.get().and_then(Weak::upgrade) else { return };
        let mut sockets = machine.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pair) = sockets.pairs.get(key as usize).and_then(Option::clone) else { return };
        let reader = machine.runtime.spawn(read_pair::<R>(shared, Arc::clone(&machine.batches), pair));
        sockets.readers.insert(key, reader);
    }

    fn unbind(&self, key: u32) {
        let machine = Arc::clone(&self.0);
        let mut sockets = machine.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = sockets.pairs.get_mut(key as usize) {
            *place = None;
        }
        let Some(reader) = sockets.readers.remove(&key) else { return sockets.unused.push(key) };
        drop(sockets);
        drop(self.0.runtime.spawn(async move {
            // Only then nothing more is handed in under this key.
            reader.stop().await;
            machine.sockets.lock().unwrap_or_else(PoisonError::into_inner).unused.push(key);
        }));
    }

    fn descriptors_free(&self) -> Option<usize> {
        self.0.runtime.descriptors_free()
    }
}
