//! Phase buckets: every stream belongs to one millisecond of the 20 ms frame and is served with all others
//! of that phase. No stream has a timer, and none is looked at before it is due.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::time::Instant;

/// Phases in a frame.
pub(crate) const PHASES: u64 = 20;
/// Time between two phases.
const PHASE_NANOS: u64 = 1_000_000;
/// A stall longer than this many phases is jumped over instead of being worked off.
const BACKLOG_MAX: u64 = 25 * PHASES;

/// Where a stream sits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    phase: usize,
    position: usize,
    /// Number of the phase tick at which the stream is due next.
    pub(crate) due: u64,
}

/// The buckets and the clock that goes round them.
pub(crate) struct Frames {
    epoch: Instant,
    /// First phase tick not yet served.
    cursor: u64,
    buckets: [Vec<u32>; PHASES as usize],
    occupied: u32,
}

impl Frames {
    pub(crate) fn new(now: Instant) -> Self {
        Self { epoch: now, cursor: 0, buckets: core::array::from_fn(|_| Vec::new()), occupied: 0 }
    }

    /// Moment of phase tick number `tick`.
    pub(crate) fn moment(&self, tick: u64) -> Instant {
        self.epoch + Duration::from_nanos(tick.saturating_mul(PHASE_NANOS))
    }

    fn tick_at(&self, now: Instant) -> u64 {
        now.as_nanos().saturating_sub(self.epoch.as_nanos()) / PHASE_NANOS
    }

    /// Puts a stream into the emptiest phase.
    pub(crate) fn join(&mut self, now: Instant, slot: u32) -> Seat {
        let first = self.cursor.max(self.tick_at(now) + 1);
        if self.occupied == 0 {
            // Nobody was served meanwhile, so nobody is late.
            self.cursor = first;
        }
        let mut phase = 0;
        let mut least = usize::MAX;
        for (candidate, bucket) in self.buckets.iter().enumerate() {
            if bucket.len() < least {
                least = bucket.len();
                phase = candidate;
            }
        }
        let wait = (phase as u64 + PHASES - first % PHASES) % PHASES;
        let position = least;
        if let Some(bucket) = self.buckets.get_mut(phase) {
            bucket.push(slot);
        }
        self.occupied |= 1 << phase;
        Seat { phase, position, due: first + wait }
    }

    /// Takes a stream out; the slot of the stream that moved to its position, if any.
    pub(crate) fn leave(&mut self, seat: Seat) -> Option<u32> {
        let bucket = self.buckets.get_mut(seat.phase)?;
        if seat.position < bucket.len() {
            bucket.swap_remove(seat.position);
        }
        if bucket.is_empty() {
            self.occupied &= !(1 << seat.phase);
        }
        bucket.get(seat.position).copied()
    }

    /// Counts what has passed of a stream that sits in no bucket: how many frames, and the moment of the last of them.
    pub(crate) fn pass(&self, now: Instant, seat: &mut Seat) -> Option<(u32, Instant)> {
        let late = self.tick_at(now).checked_sub(seat.due)?;
        let frames = late / PHASES + 1;
        let last = seat.due + (frames - 1) * PHASES;
        seat.due += frames * PHASES;
        Some((u32::try_from(frames).unwrap_or(u32::MAX), self.moment(last)))
    }

    /// Puts a stream that sits in no bucket, and of which nothing has passed uncounted, back into that of its phase.
    pub(crate) fn rejoin(&mut self, now: Instant, slot: u32, seat: &mut Seat) {
        if self.occupied == 0 {
            self.cursor = self.cursor.max(self.tick_at(now) + 1);
        }
        if let Some(bucket) = self.buckets.get_mut(seat.phase) {
            seat.position = bucket.len();
            bucket.push(slot);
        }
        self.occupied |= 1 << seat.phase;
    }

    /// The first phase tick from `cursor` on that has streams.
    fn next_tick(&self) -> Option<u64> {
        if self.occupied == 0 {
            return None;
        }
        let phase = (self.cursor % PHASES) as u32;
        // Phases of this round from the cursor on, else those of the next round.
        let ahead = self.occupied >> phase;
        let wait = if ahead != 0 {
            ahead.trailing_zeros()
        } else {
            PHASES as u32 - phase + self.occupied.trailing_zeros()
        };
        Some(self.cursor + u64::from(wait))
    }

    /// When the next bucket is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next_tick().map(|tick| self.moment(tick))
    }

    /// Takes out the next bucket that is due, to be given back with [`Frames::put_back`].
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(u64, Vec<u32>)> {
        let current = self.tick_at(now);
        self.cursor = self.cursor.max(current.saturating_sub(BACKLOG_MAX));
        match self.next_tick() {
            Some(tick) if tick <= current => {
                self.cursor = tick + 1;
                let bucket = self.buckets.get_mut((tick % PHASES) as usize)?;
                Some((tick, core::mem::take(bucket)))
            }
            Some(_) | None => {
                self.cursor = self.cursor.max(current + 1);
                None
            }
        }
    }

    /// Gives back a bucket, from which streams may have been taken.
    pub(crate) fn put_back(&mut self, tick: u64, bucket: Vec<u32>) {
        if bucket.is_empty() {
            self.occupied &= !(1 << (tick % PHASES));
        }
        if let Some(place) = self.buckets.get_mut((tick % PHASES) as usize) {
            *place = bucket;
        }
    }
}

impl Seat {
    /// Notes that the stream that had this place in the bucket has gone.
    pub(crate) const fn moved_to(&mut self, position: usize) {
        self.position = position;
    }

    pub(crate) const fn position(&self) -> usize {
        self.position
    }
}
