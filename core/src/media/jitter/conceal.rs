//! What is played where nothing came: the last frame again, back and forth so that the seams are smooth,
//! fading to silence within 100 ms.

use alloc::boxed::Box;

use crate::media::api::FRAME_SAMPLES;

/// Frames until silence.
const FADE_FRAMES: i32 = 5;

/// The last good frame and how much of it is left.
#[derive(Debug)]
pub(crate) struct Conceal {
    /// There is none before the first, and a call of which nobody hears anything never has one.
    last: Option<Box<[i16; FRAME_SAMPLES]>>,
    run: i32,
}

impl Conceal {
    pub(crate) const fn new() -> Self {
        Self { last: None, run: FADE_FRAMES }
    }

    /// Keeps a frame that was played from what came.
    pub(crate) fn keep(&mut self, frame: &[i16; FRAME_SAMPLES]) {
        match &mut self.last {
            Some(last) => **last = *frame,
            None => self.last = Some(Box::new(*frame)),
        }
        self.run = 0;
    }

    /// Whether only silence is left.
    pub(crate) const fn is_silent(&self) -> bool {
        self.run >= FADE_FRAMES
    }

    /// The next frame to play if nothing comes.
    pub(crate) fn next(&mut self) -> [i16; FRAME_SAMPLES] {
        let mut frame = [0; FRAME_SAMPLES];
        let Some(last) = self.last.as_ref().filter(|_| !self.is_silent()) else { return frame };
        let total = FADE_FRAMES * FRAME_SAMPLES as i32;
        let mut left = total - self.run * FRAME_SAMPLES as i32;
        let mut fade = |sample: i16| {
            left -= 1;
            (i32::from(sample) * left / total) as i16
        };
        if self.run % 2 == 0 {
            frame.iter_mut().zip(last.iter().rev()).for_each(|(out, &sample)| *out = fade(sample));
        } else {
            frame.iter_mut().zip(last.iter()).for_each(|(out, &sample)| *out = fade(sample));
        }
        self.run += 1;
        frame
    }
}
