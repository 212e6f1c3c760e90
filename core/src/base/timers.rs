//! One heap for all timers: arm, cancel and expire in O(log n), the next deadline in O(1).

use alloc::vec::Vec;

use super::slab::{Slab, key};
use super::time::Instant;

key! {
    /// Names one armed timer.
    TimerKey, "timer"
}

struct Timer<T> {
    deadline: Instant,
    sequence: u64,
    position: u32,
    payload: T,
}

/// Timers ordered by (deadline, order of arming), so that expiry is the same in every run.
pub struct Timers<T> {
    timers: Slab<TimerKey, Timer<T>>,
    heap: Vec<TimerKey>,
    sequence: u64,
}

impl<T: Copy> Timers<T> {
    /// No timer armed; at most `capacity` at a time.
    pub const fn new(capacity: usize) -> Self {
        Self {
            timers: Slab::new(capacity),
            heap: Vec::new(),
            sequence: 0,
        }
    }

    /// Number of armed timers.
    pub const fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no timer is armed.
    pub const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Deadline of the timer that expires next.
    pub fn next(&self) -> Option<Instant> {
        self.heap
            .first()
            .and_then(|&key| self.timers.get(key))
            .map(|timer| timer.deadline)
    }

    /// Arms a timer; `None` when the capacity is used up.
    pub fn arm(&mut self, deadline: Instant, payload: T) -> Option<TimerKey> {
        let position = u32::try_from(self.heap.len()).ok()?;
        let sequence = self.sequence;
        let key = self.timers.insert(Timer {
            deadline,
            sequence,
            position,
            payload,
        })?;
        self.sequence += 1;
        self.heap.push(key);
        self.sift_up(position as usize);
        Some(key)
    }

    /// Disarms a timer; a timer that is gone already stays gone.
    pub fn cancel(&mut self, key: TimerKey) {
        if let Some(timer) = self.timers.remove(key) {
            self.take_out(timer.position as usize);
        }
    }

    /// Takes out the next timer whose deadline is not after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let key = *self.heap.first()?;
        if self.timers.get(key)?.deadline > now {
            return None;
        }
        let timer = self.timers.remove(key)?;
        self.take_out(0);
        Some(timer.payload)
    }

    fn take_out(&mut self, position: usize) {
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.sift_up(position);
            self.sift_down(position);
        }
    }

    fn before(&self, left: usize, right: usize) -> bool {
        let rank = |position: usize| {
            let timer = self.heap.get(position).and_then(|&key| self.timers.get(key));
            timer.map(|timer| (timer.deadline, timer.sequence))
        };
        rank(left) < rank(right)
    }

    fn settle(&mut self, position: usize) {
        if let Some(timer) = self.heap.get(position).and_then(|&key| self.timers.get_mut(key)) {
            timer.position = position as u32;
        }
    }

    fn sift_up(&mut self, mut position: usize) {
        while position > 0 {
            let parent = (position - 1) / 2;
            if !self.before(position, parent) {
                break;
            }
            self.heap.swap(position, parent);
            self.settle(position);
            position = parent;
        }
        self.settle(position);
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let left = 2 * position + 1;
            if left >= self.heap.len() {
                break;
            }
            let right = left + 1;
            let child = if right < self.heap.len() && self.before(right, left) {
                right
            } else {
                left
            };
            if !self.before(child, position) {
                break;
            }
            self.heap.swap(position, child);
            self.settle(position);
            position = child;
        }
        self.settle(position);
    }
}
