//! Key presses as telephone-event (RFC 4733).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use thiserror::Error;

use crate::base::time::Instant;

/// Most keys in one [`DtmfDigits`].
pub const DIGITS_MAX: usize = 32;

/// Keys by event code (RFC 4733 table 3).
const KEYS: [u8; 16] = *b"0123456789*#ABCD";

fn key(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|&key| char::from(key))
}

/// A short row of keys, valid by construction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DtmfDigits {
    events: [u8; DIGITS_MAX],
    len: u8,
}

/// Why a text is no row of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DtmfError {
    /// There is no key in it.
    #[error("no key given")]
    Empty,
    /// It has more keys than [`DIGITS_MAX`].
    #[error("more than {DIGITS_MAX} keys")]
    TooLong,
    /// A character is no key.
    #[error("{found:?} at position {at} is none of 0-9, *, #, A-D")]
    NoSuchKey {
        /// The character.
        found: char,
        /// Its position, from zero, in characters.
        at: usize,
    },
}

impl DtmfDigits {
    /// Reads keys `0`–`9`, `*`, `#` and `A`–`D` in either case.
    pub fn new(text: &str) -> Result<Self, DtmfError> {
        let mut digits = Self { events: [0; DIGITS_MAX], len: 0 };
        for (at, found) in text.chars().enumerate() {
            let upper = found.to_ascii_uppercase();
            let event = KEYS.iter().position(|&key| char::from(key) == upper);
            let event = event.ok_or(DtmfError::NoSuchKey { found, at })?;
            let place = digits.events.get_mut(at).ok_or(DtmfError::TooLong)?;
            *place = event as u8;
            digits.len += 1;
        }
        if digits.len == 0 { Err(DtmfError::Empty) } else { Ok(digits) }
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = char> {
        self.events().iter().filter_map(|&event| key(event))
    }

    pub(crate) fn events(&self) -> &[u8] {
        self.events.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl FromStr for DtmfDigits {
    type Err = DtmfError;
    fn from_str(text: &str) -> Result<Self, DtmfError> {
        Self::new(text)
    }
}

impl fmt::Display for DtmfDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|key| fmt::Write::write_char(f, key))
    }
}

impl fmt::Debug for DtmfDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The payload (RFC 4733 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventPayload {
    pub(crate) event: u8,
    pub(crate) end: bool,
    /// In timestamp units, since the timestamp of the packet.
    pub(crate) duration: u16,
}

impl EventPayload {
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        // Several events may share a packet (section 2.5.1.5); for keys nobody does that.
        let (&[event, flags, d0, d1], _) = payload.split_first_chunk::<4>()?;
        Some(Self { event, end: flags & 0x80 != 0, duration: u16::from_be_bytes([d0, d1]) })
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        /// −10 dBm0.
        const VOLUME: u8 = 10;
        out.extend_from_slice(&[self.event, u8::from(self.end) << 7 | VOLUME]);
        out.extend_from_slice(&self.duration.to_be_bytes());
    }
}

/// Most keys that wait to be sent.
const PENDING_MAX: usize = 2 * DIGITS_MAX;
/// Marks the last key of a command.
const LAST: u8 = 0x80;
/// The longest duration that a packet can tell of.
const SEGMENT: u32 = u16::MAX as u32;
/// How often the end of an event is sent (RFC 4733 section 2.5.1.4).
const END_PACKETS: u8 = 3;

#[derive(Clone, Copy, Debug)]
enum Press {
    None,
    Tone { event: u8, timestamp: u32, packets: u32 },
    End { event: u8, timestamp: u32, duration: u16, sent: u8, gap: u32 },
    Gap { left: u32, last: bool },
}

/// What takes the place of an audio packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EventPacket {
    pub(crate) payload: EventPayload,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
}

/// Sends keys, one packet of the audio's own grid at a time.
#[derive(Debug)]
pub(crate) struct DtmfSender {
    pending: VecDeque<u8>,
    press: Press,
    tone: Duration,
    gap: Duration,
}

impl DtmfSender {
    pub(crate) fn new(tone: Duration, gap: Duration) -> Self {
        Self { pending: VecDeque::new(), press: Press::None, tone, gap }
    }

    /// Takes keys to send; false when too many wait already.
    pub(crate) fn press(&mut self, digits: &DtmfDigits) -> bool {
        let events = digits.events();
        if self.pending.len() + events.len() > PENDING_MAX {
            return false;
        }
        self.pending.extend(events.iter().copied());
        if let Some(last) = self.pending.back_mut() {
            *last |= LAST;
        }
        true
    }

    /// Forgets all keys, as the peer does not take them any more; how many rows were not complete.
    pub(crate) fn clear(&mut self) -> u32 {
        let waiting = self.pending.iter().filter(|&&event| event & LAST != 0).count();
        let current = match self.press {
            Press::None => false,
            Press::Tone { event, .. } | Press::End { event, .. } => event & LAST != 0,
            Press::Gap { last, .. } => last,
        };
        self.pending.clear();
        self.press = Press::None;
        waiting as u32 + u32::from(current)
    }

    /// Whether no key is being pressed, or waits to be.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.press, Press::None) && self.pending.is_empty()
    }

    /// The packet that goes instead of the audio at `timestamp`, `samples` long; and whether a command has
    /// just been completed.
    pub(crate) fn next(&mut self, timestamp: u32, samples: u32) -> (Option<EventPacket>, bool) {
        let mut done = false;
        if let Press::Gap { left, last } = self.press {
            if left > 0 {
                self.press = Press::Gap { left: left - 1, last };
                return (None, false);
            }
            done = last;
            self.press = Press::None;
        }
        if let Press::None = self.press {
            let Some(event) = self.pending.pop_front() else {
                return (None, done);
            };
            self.press = Press::Tone { event, timestamp, packets: 0 };
        }
        (self.step(timestamp, samples), done)
    }

    /// The next packet of the press that is going on.
    fn step(&mut self, now: u32, samples: u32) -> Option<EventPacket> {
        let packets = |time: Duration| (time.as_millis() as u32 * 8).div_ceil(samples.max(1)).max(1);
        let (event, timestamp, end, duration, marker) = match self.press {
            Press::None | Press::Gap { .. } => return None,
            Press::Tone { event, timestamp, packets: sent } => {
                let mut timestamp = timestamp;
                let mut duration = now.wrapping_sub(timestamp).saturating_add(samples);
                let end = sent + 1 >= packets(self.tone);
                let full = duration > SEGMENT;
                // Another segment: its timestamp tells where it begins (RFC 4733 section 2.5.1.3).
                let next = if full { timestamp.wrapping_add(SEGMENT) } else { timestamp };
                if full && end {
                    timestamp = next;
                    duration -= SEGMENT;
                }
                let duration = u16::try_from(duration).unwrap_or(u16::MAX);
                self.press = if end {
                    let gap = packets(self.gap);
                    Press::End { event, timestamp, duration, sent: 1, gap }
                } else {
                    Press::Tone { event, timestamp: next, packets: sent + 1 }
                };
                (event, timestamp, end, duration, sent == 0)
            }
            Press::End { event, timestamp, duration, sent, gap } => {
                let gap = gap.saturating_sub(1);
                self.press = if sent + 1 >= END_PACKETS {
                    Press::Gap { left: gap, last: event & LAST != 0 }
                } else {
                    Press::End { event, timestamp, duration, sent: sent + 1, gap }
                };
                (event, timestamp, true, duration, false)
            }
        };
        let payload = EventPayload { event: event & !LAST, end, duration };
        Some(EventPacket { payload, timestamp, marker })
    }
}

/// A press that nothing was heard of for this long has ended: its end packets were lost.
const END_LOST: Duration = Duration::from_millis(250);
/// For how long after its end a packet with another timestamp can still be of the press, if that lies within it.
const REPEATED: Duration = Duration::from_millis(500);
/// No packet of a press comes later than this after the others: its timestamp is that of another press then.
const LATE_MAX: Duration = Duration::from_secs(2);
/// Two presses of a key have at least this between them, in samples: 20 ms. What begins sooner after a press is part of it,
/// or repeats its end.
const PAUSE_MIN: u32 = 160;
/// The samples of [`END_LOST`] and of one packet, of 60 ms at most: as much of the end of a segment can be lost.
const SEGMENT_LOST: u32 = 2_480;
/// Presses remembered so that late repeats of them are not taken for new ones.
const RECENT: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Held {
    event: u8,
    timestamp: u32,
    duration: u16,
    /// Length of the segments before this one (RFC 4733 section 2.5.1.3).
    before: u32,
    heard: Instant,
    /// Whether another source has taken over since.
    taken_over: bool,
}

impl Held {
    /// Whether both have the same name: some senders give the same timestamp to presses of several keys.
    fn is(&self, other: &Self) -> bool {
        (self.event, self.timestamp) == (other.event, other.timestamp)
    }

    /// Whether another source goes on with the press: it may have timestamps of its own, but the key is pressed for longer.
    fn goes_on_in(&self, other: &Self) -> bool {
        self.taken_over && self.event == other.event && other.duration > self.duration
    }

    /// Whether both are the same key at the same time: some senders move the timestamp with each packet of a press, or with
    /// each repeat of its end, where RFC 4733 section 2.3 wants that of its beginning in all of them. They may be `apart`.
    fn overlaps(&self, other: &Self, apart: u32) -> bool {
        let step = other.timestamp.wrapping_sub(self.timestamp) as i32;
        let within = if step < 0 { other.duration } else { self.duration };
        self.event == other.event && step.unsigned_abs() <= u32::from(within) + apart
    }

    /// Takes in what another packet says of the same press.
    fn merge(&mut self, other: &Self) {
        let back = (other.timestamp.wrapping_sub(self.timestamp) as i32) < 0;
        self.timestamp = if back { other.timestamp } else { self.timestamp };
        self.duration = self.duration.max(other.duration);
        self.heard = other.heard;
    }
}

/// A key press of the peer, complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pressed {
    pub(crate) digit: char,
    pub(crate) duration_ms: u32,
}

/// Puts the peer's packets together to key presses. What tells presses apart is the RTP timestamp, so that
/// lost starts, lost ends, repeats and reordering neither add a press nor hide one.
#[derive(Debug)]
pub(crate) struct DtmfReceiver {
    held: Option<Held>,
    /// The last [`RECENT`] that are over. Most calls have none, and no room for any.
    recent: Vec<Held>,
    next_recent: usize,
}

impl DtmfReceiver {
    pub(crate) const fn new() -> Self {
        Self { held: None, recent: Vec::new(), next_recent: 0 }
    }

    /// Takes one packet; what it completes. A press that a new one cuts off comes first.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        timestamp: u32,
        payload: EventPayload,
    ) -> [Option<Pressed>; 2] {
        let EventPayload { event, end, duration } = payload;
        let fresh = Held { event, timestamp, duration, before: 0, heard: now, taken_over: false };
        let is_held = self.held.is_some_and(|held| held.is(&fresh));
        if key(event).is_none() || (!is_held && self.is_repeated(&fresh, end)) {
            return [None, None];
        }
        let mut cut_off = None;
        let held = match self.held.take() {
            None => fresh,
            Some(held) if held.is(&fresh) => {
                Held { duration: held.duration.max(duration), heard: now, ..held }
            }
            Some(held) if held.goes_on_in(&fresh) => Held { before: held.before, ..fresh },
            Some(held) if held.event == event && continues(&held, timestamp) => {
                // A segment that is over is known by its timestamp alone: the next one begins where it ends.
                self.remember(Held { duration: 0, ..held });
                let before = held.before.saturating_add(timestamp.wrapping_sub(held.timestamp));
                Held { before, ..fresh }
            }
            Some(mut held) if held.overlaps(&fresh, PAUSE_MIN) => {
                held.merge(&fresh);
                held
            }
            Some(held) if (timestamp.wrapping_sub(held.timestamp) as i32) < 0 => {
                // An older press of which nothing had come. Only its end tells that it is whole.
                self.held = Some(held);
                let late = if end { self.finish(fresh) } else { None };
                return [late, None];
            }
            Some(held) => {
                cut_off = self.finish(held);
                fresh
            }
        };
        if end {
            return [cut_off, self.finish(held)];
        }
        self.held = Some(held);
        [cut_off, None]
    }

    /// Whether time completes nothing.
    pub(crate) const fn is_idle(&self) -> bool {
        self.held.is_none()
    }

    /// Whether a packet is of a press that is over. Its timestamp says so, or that it lies within one of the same key
    /// which ended a moment ago; that one lasts as long as its repeats then. Only what repeats the end can lie behind it.
    fn is_repeated(&mut self, fresh: &Held, end: bool) -> bool {
        let apart = if end { PAUSE_MIN } else { 0 };
        let mut recent = self.recent.iter_mut();
        let Some(over) = recent.find(|over| {
            let since = fresh.heard.saturating_since(over.heard);
            since < LATE_MAX && over.is(fresh) || since < REPEATED && over.overlaps(fresh, apart)
        }) else {
            return false;
        };
        let reach = fresh.timestamp.wrapping_sub(over.timestamp).saturating_add(u32::from(fresh.duration));
        // A timestamp before that of the press reaches back to the other end of the clock.
        let reach = u16::try_from(reach).unwrap_or(over.duration);
        over.duration = over.duration.max(reach);
        over.heard = fresh.heard;
        true
    }

    /// What time completes.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Pressed> {
        let held = self.held.take_if(|held| now.saturating_since(held.heard) >= END_LOST)?;
        self.finish(held)
    }

    /// Another source speaks, or the same counts anew: whoever is in between may have changed while a key was pressed.
    pub(crate) const fn take_over(&mut self) {
        if let Some(held) = &mut self.held {
            held.taken_over = true;
        }
    }

    fn remember(&mut self, held: Held) {
        match self.recent.get_mut(self.next_recent) {
            Some(place) => *place = held,
            None => self.recent.push(held),
        }
        self.next_recent = (self.next_recent + 1) % RECENT;
    }

    fn finish(&mut self, held: Held) -> Option<Pressed> {
        self.remember(held);
        let samples = held.before.saturating_add(u32::from(held.duration));
        Some(Pressed { digit: key(held.event)?, duration_ms: samples / 8 })
    }
}

/// Whether a packet with this timestamp is the next segment of a long press: it starts where the longest
/// possible segment ends (RFC 4733 section 2.5.1.3), give or take one packet.
fn continues(held: &Held, timestamp: u32) -> bool {
    let step = timestamp.wrapping_sub(held.timestamp);
    let full = u32::from(u16::MAX);
    step + 480 >= full && step <= full + 480 && u32::from(held.duration) + SEGMENT_LOST >= full
}
