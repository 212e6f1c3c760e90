//! What holds on every runtime, on smol.

#[path = "runtime/mod.rs"]
mod suite;

mod rt {
    use std::future::Future;

    pub use offhook_smol::*;

    pub type R = Smol;

    /// Runs a test.
    pub fn run<T>(test: impl Future<Output = T>) -> T {
        smol::block_on(test)
    }

    /// Runs a test under an executor of its own, apart from the one that smol keeps for all.
    pub fn run_alone<T>(test: impl Future<Output = T>) -> T {
        smol::block_on(smol::LocalExecutor::new().run(test))
    }

    /// The runtime's own spawn, as its users call it.
    pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> smol::Task<T> {
        smol::spawn(future)
    }

    #[test]
    fn a_peer_needs_nobody_to_start_smol() {
        let start = std::pin::pin!(SimplePeer::new("alice", 0));
        let outcome = start.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(matches!(outcome, std::task::Poll::Ready(Ok(_))), "{outcome:?}");
    }
}
