//! Pieces of audio and key presses.

use std::time::Duration;

/// A piece of audio: one channel of 16-bit samples.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AudioFrame {
    /// The samples.
    pub samples: Vec<i16>,
    /// Samples per second.
    pub rate: u32,
    /// When it plays: samples since the start of the stream. Only set on frames that were received.
    pub timestamp: u64,
}

impl AudioFrame {
    /// The rate that telephone calls run at.
    pub const RATE: u32 = 8000;

    /// Audio of any length.
    pub const fn new(samples: Vec<i16>, rate: u32) -> Self {
        Self { samples, rate, timestamp: 0 }
    }

    /// A sine tone of `hz` hertz, at half of full scale, `ms` milliseconds long.
    pub fn tone(hz: u32, ms: u32) -> Self {
        let step = core::f64::consts::TAU * f64::from(hz) / f64::from(Self::RATE);
        // Half of full scale stays well inside i16.
        #[allow(clippy::cast_possible_truncation, reason = "bounded by 16384")]
        let sample = |n: u32| (16_384.0 * (step * f64::from(n)).sin()) as i16;
        Self::new((0..Self::samples_in(ms)).map(sample).collect(), Self::RATE)
    }

    /// Nothing to hear, `ms` milliseconds of it.
    pub fn silence(ms: u32) -> Self {
        Self::new(vec![0; Self::samples_in(ms) as usize], Self::RATE)
    }

    const fn samples_in(ms: u32) -> u32 {
        ms.saturating_mul(Self::RATE / 1000)
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        let samples = u64::try_from(self.samples.len()).unwrap_or(u64::MAX);
        Duration::from_nanos(samples.saturating_mul(1_000_000_000) / u64::from(self.rate.max(1)))
    }
}

impl From<Vec<i16>> for AudioFrame {
    /// Samples at 8000 Hz.
    fn from(samples: Vec<i16>) -> Self {
        Self::new(samples, Self::RATE)
    }
}

impl From<&[i16]> for AudioFrame {
    /// Samples at 8000 Hz.
    fn from(samples: &[i16]) -> Self {
        Self::new(samples.to_vec(), Self::RATE)
    }
}

impl From<&Self> for AudioFrame {
    fn from(frame: &Self) -> Self {
        frame.clone()
    }
}

/// A key that the other side pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Dtmf {
    /// One of `0123456789*#ABCD`.
    pub digit: char,
    /// How long it was held.
    pub duration: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_length_and_level() {
        let tone = AudioFrame::tone(1000, 20);
        assert_eq!(tone.samples.len(), 160);
        assert_eq!(tone.samples.iter().max(), Some(&16_384));
        assert_eq!(tone.duration(), Duration::from_millis(20));
        assert_eq!(AudioFrame::silence(5).samples, [0; 40]);
    }
}
