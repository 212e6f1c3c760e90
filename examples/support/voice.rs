//! A voice made of arithmetic: glottal pulses through moving formants, syllable by syllable.
//!
//! It says nothing, but a codec, a jitter buffer and an ear meet in it what they meet in speech: pitch that
//! moves, vowels that glide, hisses, stops, pauses between words. The same voice says the same every time.

/// Samples in a second.
pub const RATE: u32 = 8000;

/// Peak of the finished signal: 7 dB below full scale.
const PEAK: f64 = 14_637.0;

/// How often the filters follow the moving formants, in samples.
const CONTROL_PERIOD: usize = 16;

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// Pitch at rest, in Hz.
    pitch: f64,
    /// How far accents lift the pitch, as a factor.
    melody: f64,
    /// Length of the vocal tract, as a factor on the formants.
    tract: f64,
    /// How fast this person speaks.
    tempo: f64,
    /// What this person says.
    seed: u64,
}

impl Voice {
    /// A high voice with much melody.
    pub const ALICE: Self =
        Self { pitch: 208.0, melody: 0.28, tract: 1.16, tempo: 1.12, seed: 0x0a11_ce0a_11ce };

    /// A low one that takes its time.
    pub const BOB: Self =
        Self { pitch: 108.0, melody: 0.18, tract: 0.97, tempo: 0.94, seed: 0x0b0b_0b0b_0b0b };

    /// Speaks for `seconds`, with a quarter of a second of silence on either side.
    pub fn speak(&self, seconds: f64) -> Vec<i16> {
        let total = (seconds * f64::from(RATE)) as usize;
        let pad = (RATE as usize / 4).min(total / 4);
        let mut speaker = Speaker::new(*self);
        let mut sound = vec![0.0; pad];
        while sound.len() < total.saturating_sub(pad) {
            speaker.word(&mut sound);
        }
        finish(&mut sound, total, pad)
    }
}

/// Cuts to length, fades the cut, brings the peak to its place.
fn finish(sound: &mut Vec<f64>, total: usize, pad: usize) -> Vec<i16> {
    let end = total.saturating_sub(pad);
    sound.truncate(end);
    let fade = (RATE as usize / 50).min(sound.len());
    for (i, sample) in sound.iter_mut().rev().take(fade).enumerate() {
        *sample *= i as f64 / fade as f64;
    }
    sound.resize(total, 0.0);
    let peak = sound.iter().fold(1e-9_f64, |peak, sample| peak.max(sample.abs()));
    sound.iter().map(|sample| (sample / peak * PEAK).round() as i16).collect()
}

/// First three formants of some vowels, in Hz.
const VOWELS: [[f64; 3]; 8] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [390.0, 1990.0, 2550.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [440.0, 1020.0, 2240.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
];

/// How a syllable begins.
#[derive(Clone, Copy)]
enum Onset {
    /// A hiss, as in "so".
    Hiss,
    /// A closure and a burst, as in "to".
    Stop,
    /// A hum, as in "no".
    Hum,
    /// Straight into the vowel.
    None,
}

/// What the mouth does right now.
#[derive(Clone, Copy)]
struct Posture {
    formants: [f64; 3],
    voicing: f64,
    noise: f64,
    pitch: f64,
}

struct Speaker {
    voice: Voice,
    dice: u64,
    now: Posture,
    /// Where we are between two glottal pulses, 0 to 1.
    phase: f64,
    damped: f64,
    tract: [Resonator; 4],
    hiss: Resonator,
    /// Samples since the last breath: the pitch falls along a phrase.
    breath: usize,
}

impl Speaker {
    fn new(voice: Voice) -> Self {
        let rest =
            Posture { formants: [500.0, 1500.0, 2500.0], voicing: 0.0, noise: 0.0, pitch: voice.pitch };
        Self {
            voice,
            dice: voice.seed,
            now: rest,
            phase: 0.0,
            damped: 0.0,
            tract: Default::default(),
            hiss: Default::default(),
            breath: 0,
        }
    }

    /// A number from 0 to 1 (xorshift64*).
    fn roll(&mut self) -> f64 {
        self.dice ^= self.dice >> 12;
        self.dice ^= self.dice << 25;
        self.dice ^= self.dice >> 27;
        (self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pick(&mut self, below: usize) -> usize {
        ((self.roll() * below as f64) as usize).min(below - 1)
    }

    /// One to three syllables and a pause.
    fn word(&mut self, out: &mut Vec<f64>) {
        let syllables = 1 + self.pick(3);
        let stressed = self.pick(syllables);
        for i in 0..syllables {
            self.syllable(i == stressed, out);
        }
        let breathes = self.roll() < 0.2;
        self.rest(if breathes { 0.24 } else { 0.07 }, out);
        if breathes {
            self.breath = 0;
        }
    }

    fn syllable(&mut self, stressed: bool, out: &mut Vec<f64>) {
        let onset = [Onset::Hiss, Onset::Stop, Onset::Stop, Onset::Hum, Onset::None][self.pick(5)];
        let vowel = VOWELS[self.pick(VOWELS.len())];
        let glide = VOWELS[self.pick(VOWELS.len())];
        let (from, to) = (vowel, [0, 1, 2].map(|i| vowel[i] * 0.7 + glide[i] * 0.3));
        let weight = if stressed { 1.0 } else { 0.6 };
        let fall = 1.0 - 0.06 * (self.breath as f64 / f64::from(RATE)).min(3.0);
        let lift = if stressed { 1.0 + self.voice.melody * (0.4 + self.roll()) } else { 1.0 };
        let pitch = self.voice.pitch * fall * lift;
        let mouth = |formants, voicing, noise| Posture { formants, voicing, noise, pitch };
        match onset {
            Onset::Hiss => self.hold(0.07, mouth(from, 0.0, 0.16), out),
            Onset::Stop => {
                self.hold(0.045, mouth(from, 0.0, 0.0), out);
                self.hold(0.012, mouth(from, 0.0, 0.3), out);
            }
            Onset::Hum => self.hold(0.06, mouth([260.0, 1100.0, 2300.0], 0.4, 0.0), out),
            Onset::None => {}
        }
        let length = 0.06 + 0.05 * self.roll() + if stressed { 0.05 } else { 0.0 };
        self.hold(length, mouth(from, weight, 0.01), out);
        self.hold(length, mouth(to, weight * 0.8, 0.01), out);
    }

    fn rest(&mut self, seconds: f64, out: &mut Vec<f64>) {
        let closed = Posture { voicing: 0.0, noise: 0.0, ..self.now };
        self.hold(seconds, closed, out);
    }

    /// Moves towards a posture and sounds on the way.
    fn hold(&mut self, seconds: f64, goal: Posture, out: &mut Vec<f64>) {
        let samples = (seconds / self.voice.tempo * f64::from(RATE)) as usize;
        for i in 0..samples {
            if i % CONTROL_PERIOD == 0 {
                self.approach(goal);
            }
            let sample = self.sample();
            out.push(sample);
        }
        self.breath += samples;
    }

    /// The muscles are slow: formants take some 25 ms, loudness 8 ms, pitch 40 ms.
    fn approach(&mut self, goal: Posture) {
        let step = CONTROL_PERIOD as f64 / f64::from(RATE);
        let part = |seconds: f64| 1.0 - (-step / seconds).exp();
        for (formant, goal) in self.now.formants.iter_mut().zip(goal.formants) {
            *formant += (goal - *formant) * part(0.025);
        }
        self.now.voicing += (goal.voicing - self.now.voicing) * part(0.008);
        self.now.noise += (goal.noise - self.now.noise) * part(0.004);
        self.now.pitch += (goal.pitch - self.now.pitch) * part(0.040);
        let [f1, f2, f3] = self.now.formants.map(|formant| formant * self.voice.tract);
        let widths = [(f1, 70.0), (f2, 110.0), (f3.min(3200.0), 200.0), (3700.0, 400.0)];
        for (resonator, (centre, width)) in self.tract.iter_mut().zip(widths) {
            resonator.tune(centre, width);
        }
        self.hiss.tune(2900.0, 900.0);
    }

    fn sample(&mut self) -> f64 {
        // No two pulses of a real larynx are equally long.
        let wobble = 1.0 + 0.01 * (self.roll() - 0.5);
        self.phase += self.now.pitch * wobble / f64::from(RATE);
        self.phase -= self.phase.floor();
        let breath = self.roll() - 0.5;
        // A pulse is rounder than the formula: the treble is damped.
        self.damped += 0.45 * (glottis(self.phase) + 0.02 * breath - self.damped);
        let mut sound = self.now.voicing * self.damped;
        for resonator in &mut self.tract {
            sound = resonator.run(sound);
        }
        sound + self.hiss.run(breath) * self.now.noise
    }
}

/// Derivative of the air flow through the glottis: open for 60 % of a period, then it snaps shut.
fn glottis(phase: f64) -> f64 {
    const OPEN: f64 = 0.6;
    if phase >= OPEN {
        return 0.0;
    }
    let x = phase / OPEN;
    2.0 * x - 3.0 * x * x
}

/// A second-order resonance with a gain of one at zero frequency.
#[derive(Clone, Copy, Default)]
struct Resonator {
    gain: f64,
    near: f64,
    far: f64,
    last: [f64; 2],
}

impl Resonator {
    fn tune(&mut self, centre: f64, width: f64) {
        use std::f64::consts::{PI, TAU};
        let period = 1.0 / f64::from(RATE);
        self.far = -(-TAU * width * period).exp();
        self.near = 2.0 * (-PI * width * period).exp() * (TAU * centre * period).cos();
        self.gain = 1.0 - self.near - self.far;
    }

    fn run(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.near * self.last[0] + self.far * self.last[1];
        self.last = [output, self.last[0]];
        output
    }
}
