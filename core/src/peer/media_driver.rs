//! The media loops: one clock for all streams, and a reader for each pair of sockets.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use crate::media::Which;

use super::machine::Pair;
use super::runtime::{RecvBatch, Runtime, Socket, Timer};
use super::shared::Shared;

/// Datagrams read at a time from one socket: 320 ms of audio.
const SLOTS: usize = 16;
/// No RTP packet that we agreed on is longer.
const SLOT_LEN: usize = 2048;
/// ICMP reports taken at a time from one socket.
const REPORTS_MAX: usize = 8;

/// The receive memory of all readers. A reader borrows it for one look at its sockets and keeps none while it waits, so
/// there is as much of it as there are readers at work at the same moment: one for each thread of the runtime.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<Vec<RecvBatch>>);

impl Batches {
    /// Lends a batch to `read`.
    fn lend<T>(&self, read: impl FnOnce(&mut RecvBatch) -> T) -> T {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = free().pop();
        let mut batch = batch.unwrap_or_else(|| RecvBatch::new(SLOTS, SLOT_LEN));
        let read = read(&mut batch);
        free().push(batch);
        read
    }
}

/// Serves every stream when it is due, until the task is stopped.
pub(crate) async fn drive_media<R: Runtime>(shared: Arc<Shared>, mut timer: R::Timer) {
    while shared.media(|side, now, due| side.tick(now, due)) {
        let mut lie_down = true;
        poll_fn(|cx| {
            let first = std::mem::take(&mut lie_down);
            let rest = shared.media(|side, _, _| side.rest(cx.waker(), first));
            let Some(until) = rest else { return Poll::Ready(()) };
            let Some(at) = until else { return Poll::Pending };
            if first {
                timer.set(at);
            }
            timer.poll(cx)
        })
        .await;
    }
}

/// Reads what comes to a pair of sockets, until the task is stopped. Between two calls too: what comes late for the
/// old call must not wait for the new one.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn keeps its arguments twice, and there is such a future for every call"
)]
pub(crate) fn read_pair<R: Runtime>(
    shared: Arc<Shared>,
    batches: Arc<Batches>,
    pair: Arc<Pair<R::Socket>>,
) -> impl Future<Output = ()> + Send {
    async move {
        while let Ok([rtp, rtcp]) = wait_for_either(&pair).await {
            batches.lend(|batch| {
                if rtp {
                    read_once(&shared, batch, pair.key, Which::Rtp, &pair.rtp);
                }
                if rtcp {
                    read_once(&shared, batch, pair.key, Which::Rtcp, &pair.rtcp);
                }
            });
        }
    }
}

fn read_once<S: Socket>(shared: &Arc<Shared>, batch: &mut RecvBatch, key: u32, which: Which, socket: &S) {
    batch.clear();
    match socket.try_recv(batch) {
        Ok(()) => shared.media(|side, now, _| {
            for datagram in batch.iter() {
                side.receive(now, key, which, datagram.remote, datagram.bytes);
            }
        }),
        Err(error) => tracing::trace!(%error, key, "nothing to read"),
    }
    for _ in 0..REPORTS_MAX {
        let Some(remote) = socket.take_icmp_error() else { return };
        tracing::trace!(%remote, key, ?which, "undeliverable");
        shared.media(|side, now, _| side.unreachable(now, key, which, remote));
    }
}

/// Ready when either socket has something: which of the two; an error when the runtime serves sockets no more.
async fn wait_for_either<S: Socket>(pair: &Pair<S>) -> io::Result<[bool; 2]> {
    let mut rtp = pin!(pair.rtp.recv_ready());
    let mut rtcp = pin!(pair.rtcp.recv_ready());
    poll_fn(|cx| {
        let ready = match [rtp.as_mut().poll(cx), rtcp.as_mut().poll(cx)] {
            [Poll::Pending, Poll::Pending] => return Poll::Pending,
            [Poll::Ready(Err(error)), _] | [_, Poll::Ready(Err(error))] => return Poll::Ready(Err(error)),
            ready => ready.map(|socket| socket.is_ready()),
        };
        Poll::Ready(Ok(ready))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_their_memory() {
        let batches = Batches::default();
        for _ in 0..1000 {
            batches.lend(|_| ());
        }
        let held = || batches.0.lock().expect("nobody panicked").len();
        assert_eq!(held(), 1, "one after the other they need one");
        batches.lend(|_| batches.lend(|_| ()));
        assert_eq!(held(), 2, "and two when two read at once");
    }
}
