//! What holds on every runtime, on tokio.

#[path = "runtime/mod.rs"]
mod suite;

mod rt {
    use std::future::Future;

    pub use offhook_tokio::*;
    use tokio::runtime::Builder;

    pub type R = Tokio;

    /// Runs a test.
    pub fn run<T>(test: impl Future<Output = T>) -> T {
        Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
    }

    /// Runs a test on as few threads as the runtime can.
    pub fn run_alone<T>(test: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// The runtime's own spawn, as its users call it.
    pub fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let task = tokio::spawn(future);
        async { task.await.unwrap() }
    }

    #[test]
    fn a_peer_needs_tokio() {
        let start = std::pin::pin!(SimplePeer::new("alice", 0));
        let outcome = start.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        let std::task::Poll::Ready(Err(error)) = outcome else { panic!("it must fail at once") };
        assert!(matches!(error, PeerError::Runtime(_)), "{error}");
    }
}
