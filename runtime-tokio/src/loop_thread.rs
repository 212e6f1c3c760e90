//! A thread of its own for the loop of a peer.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Holds a thread that runs what is spawned on its [`handle`](Self::handle). When the last clone is dropped the thread
/// drops what still runs there, and ends.
#[derive(Clone, Debug)]
pub(crate) struct LoopThread {
    handle: Handle,
    /// Closed when the last clone is gone; nothing is ever sent.
    _held: Arc<oneshot::Sender<()>>,
}

impl LoopThread {
    pub(crate) fn start() -> io::Result<Self> {
        let (held, released) = oneshot::channel();
        let (started, start) = sync_channel(1);
        thread::Builder::new().name(String::from("offhook")).spawn(move || {
            let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            if started.send(Ok(runtime.handle().clone())).is_ok() {
                drop(runtime.block_on(released));
            }
            // A name that is being looked up may take half a minute, and nobody wants it any more.
            runtime.shutdown_background();
        })?;
        let handle = start.recv().map_err(io::Error::other)??;
        Ok(Self { handle, _held: Arc::new(held) })
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ends_with_its_last_holder() {
        let first = LoopThread::start().expect("a thread");
        let second = first.clone();
        let name = first.handle().spawn(async { thread::current().name().map(String::from) });
        let waiter = Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(waiter.block_on(name).expect("it ran").as_deref(), Some("offhook"));
        drop(first);
        let held = Arc::new(());
        let forever = second.handle().spawn({
            let held = Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        });
        drop(second);
        assert!(waiter.block_on(forever).expect_err("it never ends by itself").is_cancelled());
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
