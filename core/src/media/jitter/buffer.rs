//! Decoded samples by their place in time.
//!
//! The codecs here have no memory, so that a packet is decoded when it comes and its samples go to their
//! place: reordering, odd packet lengths and overlaps need no thought.

use alloc::boxed::Box;

use crate::media::api::FRAME_SAMPLES;

/// Samples of room: half a second.
pub(crate) const CAPACITY: u64 = 4096;
const WORDS: usize = (CAPACITY / 64) as usize;

/// Samples, and which of them are there.
#[derive(Debug)]
struct Room {
    samples: [i16; CAPACITY as usize],
    present: [u64; WORDS],
}

impl Room {
    fn has(&self, at: u64) -> bool {
        self.present.get((at / 64) as usize % WORDS).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn sample(&self, at: u64) -> Option<i16> {
        self.samples.get((at % CAPACITY) as usize).copied().filter(|_| self.has(at))
    }
}

/// A window of the stream's time, from the next sample to play on.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// There is none before the first sample comes. Many a call ends before that, or is held for hours without one.
    room: Option<Box<Room>>,
    cursor: u64,
    end: u64,
}

/// Calls `each` with every word of the presence map that samples `from..to` touch, and their bits in it.
fn words(from: u64, to: u64, mut each: impl FnMut(usize, u64)) {
    let mut at = from;
    while at < to {
        let bit = at % 64;
        let run = (64 - bit).min(to - at);
        let mask = (u64::MAX >> (64 - run)) << bit;
        each((at / 64) as usize % WORDS, mask);
        at += run;
    }
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { room: None, cursor: 0, end: 0 }
    }

    /// Next sample to play.
    pub(crate) const fn cursor(&self) -> u64 {
        self.cursor
    }

    /// One past the newest sample, never before the cursor.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// Samples from the cursor to the newest, gaps included.
    pub(crate) const fn level(&self) -> u64 {
        self.end - self.cursor
    }

    /// Forgets everything; the next sample to play is at `cursor`.
    pub(crate) fn restart(&mut self, cursor: u64) {
        if let Some(room) = &mut self.room {
            room.present = [0; WORDS];
        }
        self.cursor = cursor;
        self.end = cursor;
    }

    /// Forgets what is before `cursor`.
    pub(crate) fn advance(&mut self, cursor: u64) {
        if cursor.saturating_sub(self.cursor) >= CAPACITY {
            self.restart(cursor);
            return;
        }
        if let Some(room) = &mut self.room {
            words(self.cursor, cursor, |word, mask| {
                if let Some(word) = room.present.get_mut(word) {
                    *word &= !mask;
                }
            });
        }
        self.cursor = self.cursor.max(cursor);
        self.end = self.end.max(self.cursor);
    }

    /// Puts samples at their place. What lies before the cursor or beyond the room is left out.
    pub(crate) fn write(&mut self, at: u64, samples: impl ExactSizeIterator<Item = i16>) {
        let from = at.max(self.cursor);
        let to = (at + samples.len() as u64).min(self.cursor + CAPACITY);
        if from >= to {
            return;
        }
        let room = self
            .room
            .get_or_insert_with(|| Box::new(Room { samples: [0; CAPACITY as usize], present: [0; WORDS] }));
        for (place, sample) in (at..to).zip(samples).skip((from - at) as usize) {
            if let Some(slot) = room.samples.get_mut((place % CAPACITY) as usize) {
                *slot = sample;
            }
        }
        words(from, to, |word, mask| {
            if let Some(word) = room.present.get_mut(word) {
                *word |= mask;
            }
        });
        self.end = self.end.max(to);
    }

    fn has(&self, at: u64) -> bool {
        self.room.as_ref().is_some_and(|room| room.has(at))
    }

    /// Puts silence where nothing is, from `from` to `to`.
    pub(crate) fn fill_silence(&mut self, from: u64, to: u64) {
        let from = from.max(self.cursor);
        let to = to.min(self.cursor + CAPACITY);
        for at in from..to.max(from) {
            if !self.has(at) {
                self.write(at, core::iter::once(0));
            }
        }
    }

    /// Whether none of the next `count` samples is missing.
    pub(crate) fn is_whole(&self, count: u64) -> bool {
        let Some(room) = &self.room else { return count == 0 };
        let mut whole = true;
        words(self.cursor, self.cursor + count, |word, mask| {
            whole &= room.present.get(word).is_some_and(|word| word & mask == mask);
        });
        whole
    }

    /// Starts at an older sample, as long as nothing was played.
    pub(crate) fn rewind(&mut self, cursor: u64) {
        if cursor < self.cursor && self.end - cursor <= CAPACITY {
            self.cursor = cursor;
        }
    }

    /// Takes the next frame out; where samples are missing those in `frame` stay.
    pub(crate) fn take(&mut self, frame: &mut [i16; FRAME_SAMPLES]) {
        if let Some(room) = &self.room {
            for (at, out) in (self.cursor..).zip(frame.iter_mut()) {
                *out = room.sample(at).unwrap_or(*out);
            }
        }
        self.advance(self.cursor + FRAME_SAMPLES as u64);
    }

    /// Loudest of the next `count` samples that are there.
    pub(crate) fn peak(&self, count: u64) -> u16 {
        let Some(room) = &self.room else { return 0 };
        let ahead = self.cursor..self.cursor + count.min(CAPACITY);
        ahead.filter_map(|at| room.sample(at)).map(i16::unsigned_abs).max().unwrap_or(0)
    }
}
