//! The clock side of the jitter buffer: when to start, what to play each tick, how much delay to keep.
//!
//! Every tick owes the listener one frame. A frame whose packet is late may be delivered late (`hold`)
//! before a concealed one takes its place; a packet that comes after an outage starts the buffer anew at
//! its own place, so that nothing that comes after a stall is ever taken for late.

use core::time::Duration;

use crate::base::time::Instant;
use crate::media::api::{FRAME_SAMPLES, MediaReport};
use crate::media::config::ShardConfig;

use super::buffer::{Buffer, CAPACITY};
use super::conceal::Conceal;

const FRAME: u64 = FRAME_SAMPLES as u64;
/// Packets after which the delay is thought over: three seconds at 20 ms.
const WINDOW: u32 = 150;
/// The delay is lowered only if all packets of a window came this much too early: less is not worth a cut.
const SURPLUS: i64 = 480;
/// Most frames owed: what a stall of the machine asks for beyond that is not asked for again.
const OWED_MAX: u32 = 5;
/// A debt that is never quite paid is dropped after this time.
const FORGIVEN: Duration = Duration::from_millis(200);
/// Packets of a window that come too late before the delay grows.
const LATE_MIN: u32 = 2;
/// Windows without a late packet after which the wanted delay is lowered by a frame: 15 s.
const LOWERED_AFTER: u32 = 5;
/// Louder frames are neither cut nor stretched.
const QUIET: u16 = 200;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing has come yet.
    Idle,
    /// Packets gather until this moment.
    Gathering(Instant),
    /// Frames leave at every tick.
    Playing,
    /// Nothing comes any more.
    Outage,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    packets: u32,
    behind: u32,
    /// Packets that came too late to be played.
    late: u32,
    /// Least time that a packet was early, in samples.
    least: Option<i64>,
}

/// A frame to hand over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) samples: [i16; FRAME_SAMPLES],
    pub(crate) timestamp: u32,
    pub(crate) concealed: bool,
}

/// One stream's way from packets to frames.
#[derive(Debug)]
pub(crate) struct Playout {
    buffer: Buffer,
    conceal: Conceal,
    state: State,
    /// Whether a frame was ever played: from then on every tick has one.
    started: bool,
    /// Timestamp of the next frame to hand over.
    clock: u32,
    /// Frames that ticks have asked for and no packet has filled yet.
    owed: u32,
    /// When something was last paid, or the debt began.
    waiting_since: Instant,
    /// When the debt began.
    owed_since: Instant,
    /// Delay in samples, and its bounds.
    target: u64,
    target_min: u64,
    target_max: u64,
    hold: Duration,
    /// RTP timestamp and place of the newest packet: places of others follow from it.
    reference: (u32, u64),
    window: Window,
    quiet_windows: u32,
    cut: bool,
    stretch: bool,
    /// Frames by which the delay is to grow, at the next places where one is missing.
    grow: u32,
    /// End of the key press that is heard, if any.
    event_end: Option<(u32, u64)>,
}

fn samples(time: Duration) -> u64 {
    time.as_millis() as u64 * 8
}

fn time(samples: u64) -> Duration {
    Duration::from_micros(samples * 125)
}

impl Playout {
    pub(crate) fn new(config: &ShardConfig, now: Instant) -> Self {
        let target_max = samples(config.delay_max).clamp(FRAME, CAPACITY / 2);
        let target_min = samples(config.delay_min).clamp(FRAME, target_max);
        Self {
            buffer: Buffer::new(),
            conceal: Conceal::new(),
            state: State::Idle,
            started: false,
            clock: 0,
            owed: 0,
            waiting_since: now,
            owed_since: now,
            target: samples(config.delay_start).clamp(target_min, target_max),
            target_min,
            target_max,
            hold: config.playout_hold,
            reference: (0, 0),
            window: Window::default(),
            quiet_windows: 0,
            cut: false,
            stretch: false,
            grow: 0,
            event_end: None,
        }
    }

    /// How much waits to be played.
    pub(crate) fn delay(&self) -> Duration {
        time(self.buffer.level())
    }

    /// Forgets what is buffered; the next packet starts anew.
    pub(crate) fn reset(&mut self) {
        self.state = State::Idle;
        self.started = false;
        self.owed = 0;
        self.window = Window::default();
        self.event_end = None;
        self.conceal = Conceal::new();
    }

    /// Another source speaks now, with timestamps of its own: it goes on where the last one ended.
    pub(crate) fn splice(&mut self, timestamp: u32) {
        self.reference = (timestamp, self.buffer.end());
        self.event_end = None;
        self.window = Window::default();
    }

    fn place(&self, timestamp: u32) -> u64 {
        let (reference, place) = self.reference;
        let step = timestamp.wrapping_sub(reference) as i32;
        place.saturating_add_signed(i64::from(step))
    }

    fn restart(&mut self, now: Instant, timestamp: u32) -> u64 {
        // Places start far from zero, so that older packets have one too.
        let place = (1 << 40) + u64::from(timestamp);
        self.reference = (timestamp, place);
        self.buffer.restart(place);
        self.state = State::Gathering(now + time(self.target));
        self.owed = 0;
        self.window = Window::default();
        self.cut = false;
        self.stretch = false;
        self.grow = 0;
        place
    }

    /// Where a packet of `len` samples belongs, everything around it set right; `None` if it is too late.
    fn admit(
        &mut self,
        now: Instant,
        timestamp: u32,
        len: u64,
        newest: bool,
        stats: &mut MediaReport,
    ) -> Option<u64> {
        if matches!(self.state, State::Idle | State::Outage) {
            if self.state == State::Outage && self.place(timestamp) < self.buffer.cursor() {
                // It is not the speaker who paused: the way has become longer.
                self.target = (self.target + FRAME).min(self.target_max);
            }
            return Some(self.restart(now, timestamp));
        }
        let mut place = self.place(timestamp);
        if newest {
            let contiguous = place == self.buffer.end();
            let ahead = place as i64 - self.buffer.cursor() as i64;
            if (ahead + len as i64 > CAPACITY as i64 && !contiguous) || ahead < -(CAPACITY as i64) {
                self.splice(timestamp);
                place = self.place(timestamp);
            }
            self.reference = (timestamp, place);
            self.weigh(place);
        }
        if let State::Gathering(_) = self.state
            && place < self.buffer.cursor()
            && self.buffer.cursor() - place <= self.target
        {
            // The first packets came in the wrong order: start at the older one.
            self.buffer.rewind(place);
        }
        if place + len <= self.buffer.cursor() {
            stats.late += 1;
            self.too_late();
            return None;
        }
        if place + len > self.buffer.cursor() + CAPACITY {
            let keep = place + len - self.target;
            stats.skipped_frames += (keep - self.buffer.cursor()).div_ceil(FRAME);
            self.buffer.advance(keep);
        }
        Some(place)
    }

    /// Puts the audio of one packet to its place. `newest`: its sequence number is the highest so far.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        timestamp: u32,
        audio: impl ExactSizeIterator<Item = i16>,
        newest: bool,
        stats: &mut MediaReport,
    ) {
        if let Some(place) = self.admit(now, timestamp, audio.len() as u64, newest, stats) {
            self.buffer.write(place, audio);
        }
    }

    /// A key press takes the place of audio: its time is silence, so that nothing is concealed.
    pub(crate) fn insert_event(
        &mut self,
        now: Instant,
        timestamp: u32,
        duration: u16,
        stats: &mut MediaReport,
    ) {
        let (from, to) = match self.event_end {
            // The end is repeated, each time in the place of one more packet.
            Some((start, end)) if start == timestamp => {
                (end, (end + FRAME).max(self.place(timestamp) + u64::from(duration)))
            }
            Some(_) | None => {
                let len = u64::from(duration).clamp(1, FRAME);
                let Some(place) = self.admit(now, timestamp, len, true, stats) else {
                    return;
                };
                (place, place + u64::from(duration))
            }
        };
        let to = to.min(self.buffer.cursor() + self.target_max);
        self.event_end = Some((timestamp, to));
        self.buffer.fill_silence(from, to);
    }

    /// Watches how early packets come.
    fn weigh(&mut self, place: u64) {
        if self.state != State::Playing {
            return;
        }
        let early = place as i64 - (self.buffer.cursor() + u64::from(self.owed) * FRAME) as i64;
        let window = &mut self.window;
        window.least = Some(window.least.map_or(early, |least| least.min(early)));
        window.packets += 1;
        window.behind += u32::from(early < 0);
        if window.packets < WINDOW {
            return;
        }
        let Window { packets, behind, least, .. } = core::mem::take(&mut self.window);
        if behind > 0 {
            self.quiet_windows = 0;
            if behind > packets / 20 {
                self.target = (self.target + FRAME).min(self.target_max);
            }
        } else {
            self.quiet_windows += 1;
            if self.quiet_windows.is_multiple_of(LOWERED_AFTER) {
                self.target = self.target.saturating_sub(FRAME).max(self.target_min);
            }
        }
        self.stretch = behind > packets / 2;
        self.cut = least.is_some_and(|least| least > self.target as i64 + SURPLUS);
    }

    /// A packet was not waited for long enough. Once is an accident; from the second of a window on the delay grows by a
    /// frame for each, until they come in time.
    fn too_late(&mut self) {
        self.window.late += 1;
        if self.window.late >= LATE_MIN {
            self.grow = self.grow.max(1);
            self.target = (self.target + FRAME).min(self.target_max);
        }
    }

    /// One tick of the clock. `tick` is its own time, `now` when it is served.
    pub(crate) fn tick(
        &mut self,
        (now, tick): (Instant, Instant),
        stats: &mut MediaReport,
        emit: impl FnMut(Frame),
    ) {
        if let State::Gathering(until) = self.state
            && tick >= until
        {
            self.state = State::Playing;
            self.started = true;
        }
        if !self.started {
            return self.skip(1);
        }
        let on_time = now.saturating_since(tick) < time(FRAME);
        // A tick that is served late because the machine was busy waits from now on, not from its own time.
        let at = if on_time { tick } else { now };
        if self.owed == 0 {
            self.owed_since = at;
            self.waiting_since = at;
        }
        self.owed = (self.owed + 1).min(OWED_MAX);
        if on_time && self.state == State::Playing {
            self.trim(stats);
        }
        self.pump(at, true, stats, emit);
        if at.saturating_since(self.owed_since) >= FORGIVEN {
            // Packets keep coming, but each after its tick: the delay grows by what is owed.
            self.owed = 0;
        }
    }

    /// Lets frames of time pass in which nothing is played. Before the first frame no time is counted.
    pub(crate) const fn skip(&mut self, frames: u32) {
        if self.clock != 0 {
            self.clock = self.clock.wrapping_add(frames.wrapping_mul(FRAME_SAMPLES as u32));
        }
    }

    /// Whether a tick would do nothing but count, or make up silence for somebody who does not listen.
    pub(crate) fn is_idle(&self, listened: bool) -> bool {
        match self.state {
            State::Idle => true,
            State::Outage => !listened && self.owed == 0 && self.conceal.is_silent(),
            State::Gathering(_) | State::Playing => false,
        }
    }

    /// Cuts a delay that has grown beyond all use, at once.
    fn trim(&mut self, stats: &mut MediaReport) {
        let owed = u64::from(self.owed) * FRAME;
        let level = self.buffer.level().saturating_sub(owed);
        if level > self.target_max + 2 * FRAME {
            let excess = (level - self.target - FRAME) / FRAME;
            stats.skipped_frames += excess;
            self.buffer.advance(self.buffer.cursor() + excess * FRAME);
        }
    }

    /// Delivers the frames that are owed and there. Only a tick may find that it has waited long enough.
    pub(crate) fn pump(
        &mut self,
        now: Instant,
        is_tick: bool,
        stats: &mut MediaReport,
        mut emit: impl FnMut(Frame),
    ) {
        while self.owed > 0 {
            match self.state {
                State::Idle => self.owed = 0,
                State::Gathering(_) | State::Outage => {
                    self.owed -= 1;
                    emit(self.made_up(stats));
                }
                State::Playing => {
                    if self.buffer.level() < FRAME {
                        let waited = now.saturating_since(self.waiting_since);
                        if !is_tick || waited < self.hold {
                            break;
                        }
                        if self.buffer.level() == 0 {
                            self.state = State::Outage;
                            continue;
                        }
                    }
                    self.owed -= 1;
                    self.waiting_since = now;
                    emit(self.play(stats));
                }
            }
        }
    }

    fn play(&mut self, stats: &mut MediaReport) -> Frame {
        let quiet = (self.cut || self.stretch) && self.buffer.peak(2 * FRAME) < QUIET;
        if quiet && self.stretch {
            self.stretch = false;
            stats.inserted_frames += 1;
            return self.stamp([0; FRAME_SAMPLES], true);
        }
        if quiet && self.buffer.level() > 2 * FRAME {
            self.cut = false;
            stats.skipped_frames += 1;
            self.buffer.advance(self.buffer.cursor() + FRAME);
        }
        if self.buffer.is_whole(FRAME) {
            let mut samples = [0; FRAME_SAMPLES];
            self.buffer.take(&mut samples);
            self.conceal.keep(&samples);
            return self.stamp(samples, false);
        }
        stats.concealed_frames += u64::from(!self.conceal.is_silent());
        let mut samples = self.conceal.next();
        if self.grow > 0 && self.buffer.level() + FRAME <= self.target_max {
            // It is waited for once more: what is made up is put in, and takes no place of anything.
            self.grow -= 1;
            stats.inserted_frames += 1;
            return self.stamp(samples, true);
        }
        self.buffer.take(&mut samples);
        self.stamp(samples, true)
    }

    const fn stamp(&mut self, samples: [i16; FRAME_SAMPLES], concealed: bool) -> Frame {
        let timestamp = self.clock;
        self.clock = timestamp.wrapping_add(FRAME_SAMPLES as u32);
        Frame { samples, timestamp, concealed }
    }

    fn made_up(&mut self, stats: &mut MediaReport) -> Frame {
        stats.concealed_frames += u64::from(!self.conceal.is_silent());
        if self.state == State::Outage {
            self.buffer.advance(self.buffer.cursor() + FRAME);
        }
        let samples = self.conceal.next();
        self.stamp(samples, true)
    }
}
