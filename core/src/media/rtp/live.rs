//! Keeps a live source live: what piles up in the queue of audio to send is taken out again.
//!
//! A source that paused for a moment, on a machine that was busy, say, catches up with several frames at once. Whoever
//! paces it by a clock never gives less than the queue loses from then on, so that without this the delay would
//! stay for the rest of the call.

use alloc::collections::VecDeque;

use crate::media::api::FRAME_SAMPLES;

/// Frames of time over which the queue is watched: 200 ms. What happens within is the source's own rhythm.
const WINDOW: u32 = 10;
/// For how many frames of time a pause is waited for, and in how many more all the rest is to be gone. With two windows before
/// them they are less than a second.
const WITHIN: u32 = 12;
/// Louder frames are no pause.
const QUIET: u64 = 200;
/// Samples over which the two ends of a cut pass into each other: 4 ms.
const FADE: usize = 32;

/// Watches one queue.
#[derive(Debug)]
pub(crate) struct Live {
    /// Most samples that may wait; older ones make room.
    pub(crate) most: usize,
    /// Time that has passed of the present window, and the least that was left over after a packet of it.
    watched: u32,
    least: usize,
    /// Frames still to be taken out.
    surplus: u32,
    /// For how long a pause is waited for to take the next one out of, and how long that is each time.
    patience: u32,
    stride: u32,
}

impl Live {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, watched: 0, least: usize::MAX, surplus: 0, patience: 0, stride: 0 }
    }

    /// Looks at what is left after a packet of so many frames; how many frames were taken out.
    pub(crate) fn look(&mut self, queue: &mut VecDeque<i16>, frames: u32) -> u64 {
        self.least = self.least.min(queue.len());
        self.watched += frames;
        if self.watched >= WINDOW {
            if self.surplus == 0 {
                self.surplus = (self.least / FRAME_SAMPLES) as u32;
                self.stride = WITHIN / self.surplus.max(1);
                self.patience = WITHIN;
            }
            (self.watched, self.least) = (0, usize::MAX);
        }
        let mut cut = 0;
        while self.surplus > 0 {
            let Some((at, energy)) = quietest(queue) else {
                // The source has paused again: nothing is left that could be too much.
                self.surplus = 0;
                break;
            };
            let pause = energy < QUIET * QUIET * FRAME_SAMPLES as u64;
            if !pause {
                self.patience = self.patience.saturating_sub(frames);
                if self.patience > 0 {
                    break;
                }
                self.patience = self.stride;
            }
            take_out(queue, at);
            self.surplus -= 1;
            cut += 1;
            if !pause {
                break;
            }
        }
        if cut > 0 {
            (self.watched, self.least) = (0, usize::MAX);
        }
        cut
    }
}

/// The frame with the least energy, and its energy.
fn quietest(queue: &VecDeque<i16>) -> Option<(usize, u64)> {
    let frames = queue.len() / FRAME_SAMPLES;
    let energy = |frame: usize| {
        let square = |&sample: &i16| u64::from(sample.unsigned_abs()).pow(2);
        queue.iter().skip(frame * FRAME_SAMPLES).take(FRAME_SAMPLES).map(square).sum::<u64>()
    };
    (0..frames).map(|frame| (frame * FRAME_SAMPLES, energy(frame))).min_by_key(|&(_, energy)| energy)
}

/// Takes out the frame that begins at `at`; what follows begins as the frame did.
fn take_out(queue: &mut VecDeque<i16>, at: usize) {
    for n in 0..FADE {
        let (Some(&from), Some(&to)) = (queue.get(at + n), queue.get(at + FRAME_SAMPLES + n)) else { break };
        let (n_there, n_gone) = (n as i32 + 1, (FADE - n) as i32);
        let mixed = (i32::from(from) * n_gone + i32::from(to) * n_there) / (FADE as i32 + 1);
        if let Some(sample) = queue.get_mut(at + FRAME_SAMPLES + n) {
            *sample = mixed as i16;
        }
    }
    queue.drain(at..at + FRAME_SAMPLES);
}
