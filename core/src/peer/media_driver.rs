//! The media loops: one clock for all streams, and a reader for each pair of sockets.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::media::Which;

use super::machine::Pair;
use super::runtime::{RecvBatch, Runtime, Socket, Timer};
use super::shared::Shared;

/// Datagrams read at a time from one socket: 320 ms of audio.
const SLOTS: usize = 16;
/// No RTP packet that we agreed on is longer.
const SLOT_LEN: usize = 2048;

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
pub(crate) async fn read_pair<R: Runtime>(shared: Arc<Shared>, pair: Arc<Pair<R::Socket>>) {
    let mut batch = RecvBatch::new(SLOTS, SLOT_LEN);
    while wait_for_either(&pair).await.is_ok() {
        for (which, socket) in [(Which::Rtp, &pair.rtp), (Which::Rtcp, &pair.rtcp)] {
            batch.clear();
            if let Err(error) = socket.try_recv(&mut batch) {
                tracing::trace!(%error, key = pair.key, "nothing to read");
                continue;
            }
            shared.media(|side, now, _| {
                for datagram in batch.iter() {
                    side.receive(now, pair.key, which, datagram.remote, datagram.bytes);
                }
            });
        }
    }
}

/// Ready when either socket has something; an error when the runtime serves sockets no more.
async fn wait_for_either<S: Socket>(pair: &Pair<S>) -> io::Result<()> {
    let mut rtp = pin!(pair.rtp.recv_ready());
    let mut rtcp = pin!(pair.rtcp.recv_ready());
    poll_fn(|cx| match rtp.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(outcome),
        Poll::Pending => rtcp.as_mut().poll(cx),
    })
    .await
}
