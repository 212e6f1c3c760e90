//! Played frames that wait for the application: a bounded queue in which the oldest makes room.

use alloc::collections::VecDeque;

use super::playout::Frame;

/// The queue.
#[derive(Debug)]
pub(crate) struct Played {
    frames: VecDeque<Frame>,
    max: usize,
    /// Samples of the first frame that have been read.
    read: usize,
    dropped: u64,
}

impl Played {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { frames: VecDeque::new(), max, read: 0, dropped: 0 }
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        if self.frames.capacity() == 0 {
            self.frames.reserve_exact(self.max);
        }
        if self.frames.len() >= self.max {
            self.pop();
            self.dropped += 1;
        }
        self.frames.push_back(frame);
    }

    /// Takes the oldest frame.
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        self.read = 0;
        self.frames.pop_front()
    }

    /// Reads samples, as many as there are and fit; how many.
    pub(crate) fn read(&mut self, out: &mut [i16]) -> usize {
        let mut count = 0;
        while let Some(frame) = self.frames.front() {
            let rest = frame.samples.get(self.read..).unwrap_or(&[]);
            let room = out.get_mut(count..).unwrap_or(&mut []);
            let moved = rest.len().min(room.len());
            room.iter_mut().zip(rest).for_each(|(out, &sample)| *out = sample);
            count += moved;
            if moved < rest.len() {
                self.read += moved;
                break;
            }
            self.pop();
        }
        count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames that were not read in time.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}
