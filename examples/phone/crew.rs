//! Tasks that run beside each other, and what becomes of each.

use std::sync::Arc;

use offhook_core::peer::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::Phone;

/// Calls that are under way, each in a task of its own.
pub struct Crew<R> {
    phone: Arc<Phone<R>>,
    results: UnboundedReceiver<bool>,
    sender: UnboundedSender<bool>,
    running: usize,
}

/// Tells the outcome of a task when it is over, a panic included.
struct Outcome {
    good: bool,
    sender: UnboundedSender<bool>,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        // Nobody listens any more when the program ends.
        self.sender.send(self.good).ok();
    }
}

impl<R: Runtime> Crew<R> {
    pub fn new(phone: &Arc<Phone<R>>) -> Self {
        let (sender, results) = unbounded_channel();
        Self { phone: Arc::clone(phone), results, sender, running: 0 }
    }

    pub fn len(&self) -> usize {
        self.running
    }

    /// Runs one more call; it tells whether it did what was asked.
    pub fn spawn(&mut self, call: impl Future<Output = bool> + Send + 'static) {
        let outcome = Outcome { good: false, sender: self.sender.clone() };
        self.running += 1;
        drop(self.phone.runtime.spawn(async move {
            // As a whole: its end is what is told.
            let mut outcome = outcome;
            outcome.good = call.await;
        }));
    }

    /// How the next one ended; `None` when none is under way.
    pub async fn next(&mut self) -> Option<bool> {
        if self.running == 0 {
            return None;
        }
        let outcome = self.results.recv().await;
        self.running -= 1;
        outcome
    }
}
