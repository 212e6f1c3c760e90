//! One heap for all timers: arm, cancel and expire in O(log n), the next deadline in O(1).

use alloc::vec::Vec;

use super::slab::{Slab, key};
use super::time::Instant;

key! {
    /// Names one armed timer.
    TimerKey, "timer"
}

/// Children of a place in the heap: four lie side by side in memory, and the way up is half as long as with two.
const ARITY: usize = 4;

struct Timer<T> {
    /// Its place in the heap.
    position: u32,
    payload: T,
}

/// What the heap is ordered by, and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: Instant,
    sequence: u64,
    key: TimerKey,
}

/// Timers ordered by (deadline, order of arming), so that expiry is the same in every run.
pub struct Timers<T> {
    timers: Slab<TimerKey, Timer<T>>,
    heap: Vec<Entry>,
    sequence: u64,
}

impl<T: Copy> Timers<T> {
    /// No timer armed; at most `capacity` at a time.
    pub const fn new(capacity: usize) -> Self {
        Self { timers: Slab::new(capacity), heap: Vec::new(), sequence: 0 }
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
        self.heap.first().map(|entry| entry.deadline)
    }

    /// Arms a timer; `None` when the capacity is used up.
    pub fn arm(&mut self, deadline: Instant, payload: T) -> Option<TimerKey> {
        let last = self.heap.len();
        let position = u32::try_from(last).ok()?;
        let key = self.timers.insert(Timer { position, payload })?;
        let entry = Entry { deadline, sequence: self.sequence, key };
        self.sequence += 1;
        self.heap.push(entry);
        self.settle(last, entry);
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
        let first = self.heap.first().filter(|entry| entry.deadline <= now)?;
        let timer = self.timers.remove(first.key)?;
        self.take_out(0);
        Some(timer.payload)
    }

    /// When the armed timer `key` expires.
    pub fn deadline(&self, key: TimerKey) -> Option<Instant> {
        let timer = self.timers.get(key)?;
        self.heap.get(timer.position as usize).map(|entry| entry.deadline)
    }

    /// What the armed timer `key` is for, and when it expires.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn get(&self, key: TimerKey) -> Option<(Instant, T)> {
        let timer = self.timers.get(key)?;
        let entry = self.heap.get(timer.position as usize).filter(|entry| entry.key == key)?;
        Some((entry.deadline, timer.payload))
    }

    /// All armed timers. Linear: for audits.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TimerKey, T)> {
        self.timers.iter().map(|(key, timer)| (key, timer.payload))
    }

    /// Whether the heap is one, and every timer knows its place.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn is_sound(&self) -> bool {
        let placed = |(place, entry): (usize, &Entry)| {
            let known = self.timers.get(entry.key).is_some_and(|timer| timer.position as usize == place);
            let parent = place.checked_sub(1).and_then(|up| self.heap.get(up / ARITY));
            known && parent.is_none_or(|parent| parent < entry)
        };
        self.timers.len() == self.heap.len() && self.heap.iter().enumerate().all(placed)
    }

    /// Fills the place that has become free with the last entry.
    fn take_out(&mut self, free: usize) {
        if let Some(last) = self.heap.pop()
            && free < self.heap.len()
        {
            self.settle(free, last);
        }
    }

    /// Puts `entry` where it belongs, when `free` is the place without an entry.
    fn settle(&mut self, mut free: usize, entry: Entry) {
        while let Some(up) = free.checked_sub(1)
            && let Some(&parent) = self.heap.get(up / ARITY)
            && entry < parent
        {
            self.set(free, parent);
            free = up / ARITY;
        }
        while let Some((at, child)) = self.first_child(free)
            && child < entry
        {
            self.set(free, child);
            free = at;
        }
        self.set(free, entry);
    }

    /// The child of the entry in this place that expires first.
    fn first_child(&self, place: usize) -> Option<(usize, Entry)> {
        let first = ARITY * place + 1;
        let children = self.heap.get(first..self.heap.len().min(first + ARITY))?;
        let (n, child) = children.iter().enumerate().min_by_key(|&(_, child)| child)?;
        Some((first + n, *child))
    }

    fn set(&mut self, place: usize, entry: Entry) {
        if let Some(slot) = self.heap.get_mut(place) {
            *slot = entry;
        }
        if let Some(timer) = self.timers.get_mut(entry.key) {
            timer.position = place as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Instant, Timers};

    #[test]
    fn an_unsound_heap_is_noticed() {
        let heap = || {
            let mut timers = Timers::new(10);
            for n in 1..7 {
                timers.arm(Instant::from_millis(n), n).unwrap();
            }
            timers
        };
        assert!(heap().is_sound());
        let mut swapped = heap();
        swapped.heap.swap(0, 4);
        assert!(!swapped.is_sound());
        let mut late = heap();
        late.heap[0].deadline = Instant::from_millis(9);
        assert!(!late.is_sound());
        let mut lost = heap();
        lost.heap.pop();
        assert!(!lost.is_sound());
    }
}
