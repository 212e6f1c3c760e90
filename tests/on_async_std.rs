//! What holds on every runtime, in a program of async-std: its tasks and ours, on one reactor.

#[path = "runtime/mod.rs"]
mod suite;

mod rt {
    use std::future::Future;

    pub use offhook_smol::*;

    pub type R = Smol;

    /// Runs a test.
    pub fn run<T>(test: impl Future<Output = T>) -> T {
        async_std::task::block_on(test)
    }

    /// Async-std knows only its own threads.
    pub fn run_alone<T>(test: impl Future<Output = T>) -> T {
        run(test)
    }

    /// The runtime's own spawn, as its users call it.
    pub fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> async_std::task::JoinHandle<T> {
        async_std::task::spawn(future)
    }
}
