//! What these programs need of any runtime besides a peer, made from what every runtime brings.

use std::future::{Future, poll_fn};
use std::time::Duration;

use futures_lite::future::or;
use offhook_core::peer::{Runtime, Timer};

/// Ready after `time`.
pub async fn sleep<R: Runtime>(time: Duration) {
    let Ok(runtime) = R::current() else { return };
    let mut timer = runtime.timer();
    timer.set(runtime.now() + time);
    poll_fn(|cx| timer.poll(cx)).await;
}

/// The future's outcome, or `None` after `time`.
pub async fn within<R: Runtime, T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let late = async {
        sleep::<R>(time).await;
        None
    };
    or(async { Some(future.await) }, late).await
}
