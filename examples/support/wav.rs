//! WAV files in and out: files are I/O, so they live with the programs and not in the library.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use offhook_core::peer::prelude::AudioFrame;

/// What went wrong, with the file's name in it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The rate of a call's audio.
pub const RATE: u32 = 8000;

/// Reads any PCM or float WAV as 8 kHz mono.
pub fn read(path: &Path) -> Result<Vec<i16>, Failure> {
    let named = |error: hound::Error| format!("cannot read {}: {error}", path.display());
    let mut reader = hound::WavReader::open(path).map_err(named)?;
    let spec = reader.spec();
    let interleaved: Vec<f64> = match spec.sample_format {
        hound::SampleFormat::Float => {
            reader.samples::<f32>().map(|s| s.map(f64::from)).collect::<Result<_, _>>()
        }
        hound::SampleFormat::Int => {
            let full_scale = f64::from(1u32 << (spec.bits_per_sample - 1));
            reader.samples::<i32>().map(|s| s.map(|s| f64::from(s) / full_scale)).collect::<Result<_, _>>()
        }
    }
    .map_err(named)?;
    let channels = usize::from(spec.channels.max(1));
    let mono =
        interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f64>() / channels as f64).collect();
    let at_rate = resample(mono, spec.sample_rate);
    Ok(at_rate.into_iter().map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).collect())
}

/// Writes 8 kHz mono, 16 bit.
pub fn write(path: &Path, samples: &[i16]) -> Result<(), Failure> {
    let mut recorder = Recorder::create(path)?;
    recorder.append(samples)?;
    recorder.finish()
}

/// Windowed-sinc interpolation; when the rate goes down, the window also keeps out what would alias.
fn resample(input: Vec<f64>, from: u32) -> Vec<f64> {
    const REACH: f64 = 24.0;
    if from == RATE || input.is_empty() {
        return input;
    }
    let step = f64::from(from) / f64::from(RATE);
    let cutoff = (1.0 / step).min(1.0) * 0.97;
    let reach = REACH / cutoff;
    let at = |centre: f64| {
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(input.len() - 1);
        (first..=last).map(|i| input[i] * sinc(centre - i as f64, cutoff, reach)).sum()
    };
    let count = (input.len() as f64 / step) as usize;
    (0..count).map(|i| at(i as f64 * step)).collect()
}

fn sinc(distance: f64, cutoff: f64, reach: f64) -> f64 {
    use std::f64::consts::PI;
    if distance.abs() < 1e-9 {
        return cutoff;
    }
    let hann = 0.5 + 0.5 * (PI * distance / reach).cos();
    (PI * distance * cutoff).sin() / (PI * distance) * hann
}

/// A WAV file that grows while a call lasts.
pub struct Recorder {
    path: PathBuf,
    writer: hound::WavWriter<BufWriter<File>>,
    /// Stream time of the file's first sample.
    start: Option<u64>,
    length: u64,
}

impl Recorder {
    /// Creates the file, or empties it. It holds what people said: only its owner may read it.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let named = |error: hound::Error| format!("cannot write {}: {error}", path.display());
        let file = offhook_common::create_private(path).map_err(|error| named(error.into()))?;
        let writer = hound::WavWriter::new(BufWriter::new(file), spec).map_err(named)?;
        Ok(Self { path: path.to_path_buf(), writer, start: None, length: 0 })
    }

    /// Puts a frame where its timestamp says: what was lost on the way becomes silence, not a cut.
    pub fn frame(&mut self, frame: &AudioFrame) -> Result<(), Failure> {
        const GAP_MAX: u64 = 60 * RATE as u64;
        let start = *self.start.get_or_insert(frame.timestamp);
        let gap = frame.timestamp.saturating_sub(start).saturating_sub(self.length).min(GAP_MAX);
        if gap > 0 {
            self.append(&vec![0; gap as usize])?;
        }
        self.append(&frame.samples)
    }

    fn append(&mut self, samples: &[i16]) -> Result<(), Failure> {
        let seconds = self.length / u64::from(RATE);
        for &sample in samples {
            self.writer.write_sample(sample)?;
        }
        self.length += samples.len() as u64;
        // Once a second the header learns the length, so that a killed program leaves a sound file.
        if self.length / u64::from(RATE) != seconds {
            self.writer.flush()?;
        }
        Ok(())
    }

    /// Completes the header.
    pub fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        self.writer.finalize().map_err(|error| format!("cannot finish {}: {error}", path.display()).into())
    }
}
