//! Clock, timers, tasks and names from smol.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use offhook_common::{Sender, UdpSocket};
use offhook_core::base::time::Instant;
use offhook_core::peer::{Runtime, Task, Timer};
use smol::future::FutureExt as _;

use crate::socket::SmolIo;

/// Smol as a runtime of [`offhook_core::peer`]. Tasks run where those of [`smol::spawn`] run, so a peer can be started
/// from anywhere: under `smol::block_on`, under an executor of your own, in a program of async-std.
#[derive(Clone, Debug)]
pub struct Smol {
    epoch: StdInstant,
    sender: Sender,
}

impl Runtime for Smol {
    type Socket = UdpSocket<SmolIo>;
    type Timer = SmolTimer;
    type Task = SmolTask;

    fn current() -> io::Result<Self> {
        Ok(Self { epoch: StdInstant::now(), sender: Sender::new()? })
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
        UdpSocket::signalling(addr, &self.sender)
    }

    fn bind_media(&self, addr: SocketAddr) -> io::Result<Self::Socket> {
        UdpSocket::media(addr, &self.sender)
    }

    fn descriptors_free(&self) -> Option<usize> {
        offhook_common::descriptors_free()
    }

    fn route(&self, remote: SocketAddr) -> io::Result<IpAddr> {
        offhook_common::route(remote)
    }

    async fn lookup(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        smol::net::resolve((host, port)).await
    }

    fn timer(&self) -> SmolTimer {
        SmolTimer { epoch: self.epoch, timer: smol::Timer::never() }
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> SmolTask {
        // A panic would come out of whatever waits for the task; it ends the task and nothing else.
        SmolTask(Some(smol::spawn(async {
            if AssertUnwindSafe(future).catch_unwind().await.is_err() {
                tracing::error!("a task of the peer panicked");
            }
        })))
    }
}

/// A timer of smol's reactor.
#[derive(Debug)]
pub struct SmolTimer {
    epoch: StdInstant,
    timer: smol::Timer,
}

impl Timer for SmolTimer {
    fn set(&mut self, at: Instant) {
        self.timer.set_at(self.epoch + Duration::from_nanos(at.as_nanos()));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}

/// A task of smol's.
#[derive(Debug)]
pub struct SmolTask(Option<smol::Task<()>>);

impl Task for SmolTask {
    async fn stop(mut self) {
        if let Some(task) = self.0.take() {
            task.cancel().await;
        }
    }
}

impl Drop for SmolTask {
    fn drop(&mut self) {
        // Smol's own handle would cancel the task.
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}
