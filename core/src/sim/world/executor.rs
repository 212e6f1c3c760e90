//! Tasks that run one at a time, in the order in which they are woken.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Nothing here is left half done by a panic.
pub(super) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names a task; 0 is the future that the world runs for.
pub(super) type TaskId = u64;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks that are to be polled, each once.
#[derive(Default)]
struct Ready(Mutex<VecDeque<TaskId>>);

/// Wakes one task.
struct Bell {
    task: TaskId,
    ready: Arc<Ready>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut ready = locked(&self.ready.0);
        // A handful of tasks are awake at a time.
        if !ready.contains(&self.task) {
            ready.push_back(self.task);
        }
    }
}

/// A task: `None` while it runs.
struct Slot {
    job: Option<Job>,
    waker: Waker,
}

#[derive(Default)]
struct Tasks {
    slots: BTreeMap<TaskId, Slot>,
    last: TaskId,
}

/// The tasks of a world. It knows nothing of time: when all sleep it says so.
#[derive(Default)]
pub(super) struct Executor {
    ready: Arc<Ready>,
    tasks: Mutex<Tasks>,
}

impl Executor {
    fn waker(&self, task: TaskId) -> Waker {
        Waker::from(Arc::new(Bell { task, ready: Arc::clone(&self.ready) }))
    }

    /// Adds a task. It runs when its turn comes.
    pub(super) fn spawn(&self, job: Job) -> TaskId {
        let mut tasks = locked(&self.tasks);
        tasks.last += 1;
        let task = tasks.last;
        let waker = self.waker(task);
        tasks.slots.insert(task, Slot { job: Some(job), waker: waker.clone() });
        drop(tasks);
        waker.wake();
        task
    }

    /// Ends a task where it waits. One that ends itself goes when it next waits.
    pub(super) fn stop(&self, task: TaskId) {
        let slot = locked(&self.tasks).slots.remove(&task);
        // What the future holds may call the executor as it goes.
        drop(slot);
    }

    /// Number of tasks that have not ended.
    pub(super) fn len(&self) -> usize {
        locked(&self.tasks).slots.len()
    }

    /// Ends all tasks.
    pub(super) fn clear(&self) {
        let slots = std::mem::take(&mut locked(&self.tasks).slots);
        drop(slots);
    }

    /// The waker of the future that the world runs for; it is due at once.
    pub(super) fn main_waker(&self) -> Waker {
        let waker = self.waker(0);
        waker.wake_by_ref();
        waker
    }

    /// The next task to poll.
    pub(super) fn next(&self) -> Option<TaskId> {
        locked(&self.ready.0).pop_front()
    }

    /// Polls a task until it waits or ends.
    pub(super) fn poll(&self, task: TaskId) {
        let taken = locked(&self.tasks)
            .slots
            .get_mut(&task)
            .and_then(|slot| Some((slot.job.take()?, slot.waker.clone())));
        let Some((mut job, waker)) = taken else { return };
        let outcome = job.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = locked(&self.tasks);
        match (outcome, tasks.slots.get_mut(&task)) {
            (Poll::Pending, Some(slot)) => slot.job = Some(job),
            _ => {
                let slot = tasks.slots.remove(&task);
                drop(tasks);
                drop((job, slot));
            }
        }
    }
}
