//! Wakers of the tasks that wait for something.

use std::task::{Context, Waker};

/// Everybody who waits for one thing.
#[derive(Default)]
pub(crate) struct Wakers(Vec<Waker>);

/// A task that was abandoned leaves its waker behind; beyond this many all are woken, and those who still wait
/// come again.
const WAITING_MAX: usize = 64;

impl Wakers {
    /// Notes the task that is being polled.
    pub(crate) fn register(&mut self, cx: &Context<'_>) {
        if self.0.iter().any(|waker| waker.will_wake(cx.waker())) {
            return;
        }
        if self.0.len() >= WAITING_MAX {
            self.0.drain(..).for_each(Waker::wake);
        }
        self.0.push(cx.waker().clone());
    }

    /// Wakes all. Only where no other lock is held that the woken might want.
    pub(crate) fn wake(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }

    /// Moves all to `due`, to be woken when no lock is held.
    pub(crate) fn take_into(&mut self, due: &mut Due) {
        due.0.append(&mut self.0);
    }
}

/// Wakers that are due. They are woken when this value is dropped, so declare it before taking a lock.
#[derive(Default)]
pub(crate) struct Due(Vec<Waker>);

impl Due {
    /// One more.
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}
