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

use crate::socket::TokioIo;

/// Tokio as a runtime of [`offhook_core::peer`]. It is found by itself: whoever starts a peer must run on tokio, with
/// its I/O and its timers enabled.
#[derive(Clone, Debug)]
pub struct Tokio {
    handle: Handle,
    epoch: TokioInstant,
    sender: Sender,
}

impl Runtime for Tokio {
    type Socket = UdpSocket<TokioIo>;
    type Timer = TokioTimer;
    type Task = TokioTask;

    fn current() -> io::Result<Self> {
        let handle = Handle::try_current().map_err(io::Error::other)?;
        Ok(Self { handle, epoch: TokioInstant::now(), sender: Sender::new()? })
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

    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr> {
        offhook_common::route(remote)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer { runtime: self.clone(), sleep: None }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> TokioTask {
        TokioTask(self.handle.spawn(future))
    }
}

/// A timer on tokio's wheel.
#[derive(Debug)]
pub struct TokioTimer {
    runtime: Tokio,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer for TokioTimer {
    fn set(&mut self, at: Instant) {
        let at = self.runtime.epoch + Duration::from_nanos(at.as_nanos());
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => {
                let _runtime = self.runtime.handle.enter();
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
