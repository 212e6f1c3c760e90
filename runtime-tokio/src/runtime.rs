//! Clock, timers, tasks and names from tokio.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use offhook_common::{Sender, UdpSocket};
use offhook_core::base::time::Instant;
use offhook_core::peer::{Runtime, Task, Timer};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, Sleep};

use crate::loop_thread::LoopThread;
use crate::socket::TokioIo;

/// Tokio as a runtime of [`offhook_core::peer`]. It is found by itself: whoever starts a peer must run on tokio, with
/// its I/O and its timers enabled.
///
/// On a runtime with several worker threads, that of `#[tokio::main]`, the loop of a peer, its sockets and its timers have a thread
/// of their own: what belongs together would be carried from worker to worker there, at a third of the throughput. The
/// application's own futures, its handler among them, run where they always do. The thread ends with the peer.
#[derive(Clone, Debug)]
pub struct Tokio {
    /// Where the peer runs.
    handle: Handle,
    /// Where the application runs.
    application: Handle,
    /// Keeps the thread running that `handle` is on, if it has one of its own.
    _thread: Option<LoopThread>,
    epoch: TokioInstant,
    sender: Sender,
}

impl Runtime for Tokio {
    type Socket = UdpSocket<TokioIo>;
    type Timer = TokioTimer;
    type Task = TokioTask;

    fn current() -> io::Result<Self> {
        let handle = Handle::try_current().map_err(io::Error::other)?;
        let application = handle.clone();
        Ok(Self { handle, application, _thread: None, epoch: TokioInstant::now(), sender: Sender::new()? })
    }

    fn for_peer(self) -> io::Result<Self> {
        if self.application.metrics().num_workers() < 2 {
            return Ok(self);
        }
        let thread = LoopThread::start()?;
        Ok(Self { handle: thread.handle().clone(), _thread: Some(thread), ..self })
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    fn entropy(&self) -> io::Result<[u8; 32]> {
        offhook_common::entropy()
    }

    fn unix_time(&self) -> Duration {
        offhook_common::unix_time()
    }

    fn bind(&self, addr: SocketAddr) -> io::Result<Self::Socket> {
        let _runtime = self.handle.enter();
        UdpSocket::signalling(addr, &self.sender)
    }

    fn bind_media(&self, addr: SocketAddr) -> io::Result<Self::Socket> {
        let _runtime = self.handle.enter();
        UdpSocket::media(addr, &self.sender)
    }

    fn descriptors_free(&self) -> Option<usize> {
        offhook_common::descriptors_free()
    }

    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr> {
        offhook_common::route(remote)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer { handle: self.handle.clone(), epoch: self.epoch, sleep: None }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> TokioTask {
        TokioTask(self.handle.spawn(future))
    }

    fn spawn_for_application(&self, future: impl Future<Output = ()> + Send + 'static) -> TokioTask {
        TokioTask(self.application.spawn(future))
    }
}

/// A timer on tokio's wheel.
#[derive(Debug)]
pub struct TokioTimer {
    handle: Handle,
    epoch: TokioInstant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer for TokioTimer {
    fn set(&mut self, at: Instant) {
        let at = self.epoch + Duration::from_nanos(at.as_nanos());
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => {
                let _runtime = self.handle.enter();
                self.sleep = Some(Box::pin(tokio::time::sleep_until(at)));
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// A task of tokio's.
#[derive(Debug)]
pub struct TokioTask(JoinHandle<()>);

impl Task for TokioTask {
    async fn stop(self) {
        self.0.abort();
        if let Err(error) = self.0.await
            && error.is_panic()
        {
            tracing::error!(%error, "a task of the peer panicked");
        }
    }
}
