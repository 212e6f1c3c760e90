//! Was it heard? Compares what one side said with what the other side heard.

use std::fmt;
use std::ops::Range;

/// 20 ms at 8 kHz.
const FRAME: usize = 160;
/// Frames that are aligned together: 240 ms.
const BLOCK: usize = 12;
/// How far one block may lie from the one before: 80 ms.
const SLIP_MAX: isize = 640;
/// How late the audio may come altogether: 2 s; how much of its start may be missing: 0.5 s.
const LAGS: Range<isize> = -4000..16_000;

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// Where the source begins in what was heard.
    pub delay_ms: f64,
    /// Part of the source's sounding frames that lies inside what was heard.
    pub coverage: f64,
    /// Mean over sounding frames of signal to error, each held between -10 and 35 dB.
    pub segmental_snr_db: f64,
    /// Runs of frames that arrived 20 dB or more too quiet.
    pub dropouts: usize,
    /// How often the delay moved on the way.
    pub slips: usize,
}

impl Verdict {
    /// Whether the whole source was heard as well as G.711 allows.
    pub fn is_good(&self) -> bool {
        self.coverage >= 0.98 && self.segmental_snr_db >= 30.0 && self.dropouts == 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delay_ms, coverage, segmental_snr_db, dropouts, slips, .. } = self;
        let percent = coverage * 100.0;
        write!(f, "{percent:.1} % heard, {segmental_snr_db:.1} dB segmental SNR, {dropouts} dropouts, ")?;
        write!(f, "{slips} slips, from {delay_ms:.0} ms on: {}", if self.is_good() { "good" } else { "BAD" })
    }
}

/// Finds `said` in `heard` and judges it.
pub fn compare(said: &[i16], heard: &[i16]) -> Verdict {
    let frames = said.len() / FRAME;
    let energies: Vec<f64> = said.chunks_exact(FRAME).map(energy).collect();
    let loudest = energies.iter().fold(0.0_f64, |a, &b| a.max(b));
    let sounding = |frame: usize| energies[frame] > loudest * 10f64.powf(-3.5);
    let (lag, _) = align(said, loudest_block(&energies), heard, LAGS);
    let inside = |frame: usize| {
        let start = (frame * FRAME) as isize + lag;
        start >= 0 && start + FRAME as isize <= heard.len() as isize
    };

    let (mut local, mut slips, mut dropouts, mut in_dropout) = (lag, 0, 0, false);
    let (mut total, mut covered, mut snr_sum) = (0usize, 0usize, 0.0);
    for block in (0..frames).step_by(BLOCK).map(|first| first..(first + BLOCK).min(frames)) {
        let moved = follow(said, &block, heard, local);
        slips += usize::from((moved - local).abs() >= 16);
        local = moved;
        for frame in block.filter(|&frame| sounding(frame)) {
            total += 1;
            if !inside(frame) {
                continue;
            }
            covered += 1;
            let source = &said[frame * FRAME..(frame + 1) * FRAME];
            let echo = cut(heard, (frame * FRAME) as isize + local, FRAME);
            snr_sum += snr_db(source, &echo);
            let quiet = energy(&echo) < energy(source) / 100.0;
            dropouts += usize::from(quiet && !in_dropout);
            in_dropout = quiet;
        }
    }
    Verdict {
        delay_ms: lag as f64 / 8.0,
        coverage: covered as f64 / total.max(1) as f64,
        segmental_snr_db: if covered == 0 { -10.0 } else { snr_sum / covered as f64 },
        dropouts,
        slips,
    }
}

/// Half a second of the source around its loudest part: enough to find it again.
fn loudest_block(energies: &[f64]) -> Range<usize> {
    const LENGTH: usize = 25;
    let length = LENGTH.min(energies.len());
    let sum = |first: usize| energies[first..first + length].iter().sum::<f64>();
    let first = (0..=energies.len() - length).max_by(|&a, &b| sum(a).total_cmp(&sum(b))).unwrap_or(0);
    first..first + length
}

/// The lag of a block, given the lag of the block before. It moves only for a clearly better place.
fn follow(said: &[i16], block: &Range<usize>, heard: &[i16], before: isize) -> isize {
    let (_, stay) = align(said, block.clone(), heard, before..before + 1);
    if stay > 0.9 {
        return before;
    }
    let (best, likeness) = align(said, block.clone(), heard, before - SLIP_MAX..before + SLIP_MAX + 1);
    if likeness > 0.6 && likeness > stay + 0.05 { best } else { before }
}

/// The lag at which these frames of `said` are most like `heard`, and how like (normalised correlation).
fn align(said: &[i16], frames: Range<usize>, heard: &[i16], lags: Range<isize>) -> (isize, f64) {
    let at = frames.start * FRAME;
    let source: Vec<f32> = said[at..frames.end * FRAME].iter().map(|&s| f32::from(s)).collect();
    let window: Vec<f32> = {
        let length = source.len() + lags.len();
        cut(heard, at as isize + lags.start, length).iter().map(|&s| f32::from(s)).collect()
    };
    let power = |x: &[f32]| x.iter().map(|&s| f64::from(s * s)).sum::<f64>();
    let source_power = power(&source);
    let mut echo_power = power(&window[..source.len()]);
    let mut best = (lags.start, 0.0);
    for (offset, lag) in lags.enumerate() {
        let product: f32 = source.iter().zip(&window[offset..]).map(|(a, b)| a * b).sum();
        let likeness = f64::from(product) / (source_power * echo_power).sqrt().max(1.0);
        if likeness > best.1 {
            best = (lag, likeness);
        }
        let (leaves, enters) = (window[offset], window[offset + source.len()]);
        echo_power = (echo_power + f64::from(enters * enters) - f64::from(leaves * leaves)).max(0.0);
    }
    best
}

/// `length` samples from `start` on, silence where there are none.
fn cut(heard: &[i16], start: isize, length: usize) -> Vec<i16> {
    (start..start + length as isize)
        .map(|i| usize::try_from(i).ok().and_then(|i| heard.get(i)).copied().unwrap_or(0))
        .collect()
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum()
}

fn snr_db(source: &[i16], echo: &[i16]) -> f64 {
    let error: f64 = source.iter().zip(echo).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    (10.0 * (energy(source).max(1.0) / error.max(1.0)).log10()).clamp(-10.0, 35.0)
}
