//! The sending half of a stream: one sequence space, one SSRC, one packet per grid step.

use alloc::collections::VecDeque;
use core::net::SocketAddr;
use core::time::Duration;

use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::media::api::{FRAME_SAMPLES, MediaReport, Which};
use crate::media::codec::dtmf::{DtmfDigits, DtmfSender, EventPacket};
use crate::media::codec::encode;
use crate::media::config::{SendSilence, ShardConfig};
use crate::media::outbox::Outbox;
use crate::sdp::plan::MediaPlan;

use super::header::RtpHeader;
use super::live::Live;

/// Time of one tick.
const FRAME: Duration = Duration::from_millis(20);

/// Where packets go and what they look like.
pub(crate) struct Route<'a> {
    pub(crate) port_key: u32,
    pub(crate) remote: SocketAddr,
    pub(crate) plan: &'a MediaPlan,
}

/// Samples and packets on their way out.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) ssrc: u32,
    sequence: u16,
    /// Of the next packet.
    timestamp: u32,
    /// Whether speech begins with the next packet (RFC 3551 section 4.1).
    marker: bool,
    /// What leaves while nothing is queued.
    send_silence: SendSilence,
    /// Whether audio was ever queued, or a key pressed.
    spoken: bool,
    /// Whether what is queued leaves as silence.
    pub(crate) muted: bool,
    queue: VecDeque<i16>,
    queue_max: usize,
    /// Whether what piles up is taken out again.
    live: Option<Live>,
    /// Samples of time that have passed and make no whole packet yet.
    credit: u32,
    /// Packets whose moment has come.
    due: u32,
    /// Whether the last packet was audio: then a short queue is waited for.
    speaking: bool,
    held_since: Instant,
    hold: Duration,
    catch_up_max: u32,
    last_tick: Instant,
    pub(crate) dtmf: DtmfSender,
    /// Packets sent, for sender reports.
    pub(crate) packets: u32,
    /// Payload octets sent, for sender reports.
    pub(crate) octets: u32,
}

impl Sender {
    pub(crate) fn new(config: &ShardConfig, now: Instant, rng: &mut Rng) -> Self {
        let queue_max = (config.send_queue.as_millis() as usize * 8).max(2 * FRAME_SAMPLES);
        Self {
            ssrc: rng.next_u32(),
            sequence: rng.next_u32() as u16,
            timestamp: rng.next_u32(),
            marker: true,
            send_silence: config.send_silence,
            spoken: false,
            muted: false,
            queue: VecDeque::new(),
            queue_max,
            live: None,
            credit: 0,
            due: 0,
            speaking: false,
            held_since: now,
            hold: config.send_hold,
            catch_up_max: config.catch_up_max.max(1),
            last_tick: now,
            dtmf: DtmfSender::new(config.dtmf_tone, config.dtmf_gap),
            packets: 0,
            octets: 0,
        }
    }

    /// Goes on under another SSRC, whose packets are counted anew (RFC 3550 section 6.4.1).
    pub(crate) fn change_ssrc(&mut self, rng: &mut Rng) {
        // One step from the old one at least.
        self.ssrc = self.ssrc.wrapping_add(1 + rng.next_u32() % (u32::MAX - 1));
        (self.packets, self.octets) = (0, 0);
    }

    /// From now on the source is live, and at most so many samples of it wait; `None`: no longer.
    pub(crate) fn live(&mut self, most: Option<usize>, stats: &mut MediaReport) {
        self.live = most.map(|most| Live::new(most.clamp(2 * FRAME_SAMPLES, self.queue_max)));
        self.make_room(0, stats);
    }

    /// Lets the oldest audio of a live source make room for so many samples.
    fn make_room(&mut self, samples: usize, stats: &mut MediaReport) {
        if let Some(live) = &self.live {
            let over = (self.queue.len() + samples).saturating_sub(live.most).min(self.queue.len());
            self.queue.drain(..over);
            stats.cut_audio_frames += over.div_ceil(FRAME_SAMPLES) as u64;
        }
    }

    /// Queues what fits; how many samples did. A live source is never held up.
    pub(crate) fn queue(&mut self, samples: &[i16], stats: &mut MediaReport) -> usize {
        if self.queue.capacity() == 0 {
            self.queue.reserve_exact(self.queue_max);
        }
        if let Some(live) = &self.live {
            let newest = samples.get(samples.len().saturating_sub(live.most)..).unwrap_or(samples);
            stats.cut_audio_frames += (samples.len() - newest.len()).div_ceil(FRAME_SAMPLES) as u64;
            self.spoken |= !newest.is_empty();
            self.make_room(newest.len(), stats);
            self.queue.extend(newest);
            return samples.len();
        }
        let taken = samples.get(..self.room()).unwrap_or(samples);
        self.spoken |= !taken.is_empty();
        self.queue.extend(taken);
        taken.len()
    }

    /// Throws away what is queued; how many samples that were. Silence follows at once.
    pub(crate) fn discard(&mut self) -> usize {
        let thrown = self.queue.len();
        self.queue.clear();
        self.speaking = false;
        thrown
    }

    /// How many samples fit into the queue.
    pub(crate) fn room(&self) -> usize {
        if self.live.is_some() {
            return self.queue_max;
        }
        self.queue_max.saturating_sub(self.queue.len())
    }

    /// How many samples are in the queue.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether silence leaves while nothing is queued.
    pub(crate) const fn fills(&self) -> bool {
        match self.send_silence {
            SendSilence::Always => true,
            SendSilence::OnceSpoken => self.spoken,
            SendSilence::Never => false,
        }
    }

    /// Whether a tick would send nothing and throw nothing away. `routed`: whether there is somebody to send to.
    pub(crate) fn is_idle(&self, routed: bool) -> bool {
        let silent = !self.fills() && !self.speaking && self.due == 0 && self.dtmf.is_idle();
        self.queue.is_empty() && (silent || !routed)
    }

    /// Lets frames of time pass in which there was nothing to do.
    pub(crate) const fn pass(&mut self, tick: Instant, frames: u32) {
        self.timestamp = self.timestamp.wrapping_add(frames.wrapping_mul(FRAME_SAMPLES as u32));
        self.marker = true;
        self.last_tick = tick;
    }

    /// The media clock now, for sender reports (RFC 3550 section 6.4.1).
    pub(crate) fn timestamp_at(&self, now: Instant, samples: u32) -> u32 {
        let since = (now.saturating_since(self.last_tick).as_nanos() / 125_000) as u32;
        let ahead = self.due.wrapping_mul(samples).wrapping_add(self.credit).wrapping_add(since);
        self.timestamp.wrapping_add(ahead).wrapping_sub(FRAME_SAMPLES as u32)
    }

    /// Lets frames of time pass without sending: on hold, or no address to send to.
    pub(crate) fn skip(&mut self, tick: Instant, frames: u32, stats: &mut MediaReport) {
        let samples = frames.wrapping_mul(FRAME_SAMPLES as u32);
        self.timestamp = self.timestamp.wrapping_add(samples);
        self.marker = true;
        self.speaking = false;
        self.last_tick = tick;
        let gone = self.queue.len().min(samples as usize);
        self.queue.drain(..gone);
        stats.muted_audio_frames += gone.div_ceil(FRAME_SAMPLES) as u64;
    }

    /// One tick of 20 ms, `missed` others having been jumped over; how many rows of keys are complete.
    pub(crate) fn tick(
        &mut self,
        (now, tick): (Instant, Instant),
        missed: u32,
        route: &Route<'_>,
        outbox: &mut Outbox,
        stats: &mut MediaReport,
    ) -> u32 {
        let samples = packet_samples(route.plan);
        let frames = missed.saturating_add(1);
        self.credit = self.credit.saturating_add(frames.saturating_mul(FRAME_SAMPLES as u32));
        let ripe = self.credit / samples;
        self.credit %= samples;
        // A tick that is served late because the machine was busy waits from now on, not from its own time.
        let at = if now.saturating_since(tick) < FRAME { tick } else { now };
        if ripe > 0 && self.due == 0 {
            self.held_since = at;
        }
        self.due = self.due.saturating_add(ripe);
        self.last_tick = tick;
        // What nobody can use any more is not sent, but its time has passed.
        let late = now.saturating_since(tick) >= FRAME * self.catch_up_max;
        let kept = if late { 0 } else { self.catch_up_max };
        if self.due > kept {
            let skipped = self.due - kept;
            self.timestamp = self.timestamp.wrapping_add(skipped.wrapping_mul(samples));
            self.due = kept;
            self.marker = true;
        }
        self.pump(Some(at), route, outbox, stats)
    }

    /// Sends what is due and ready; how many rows of keys are complete. Only a tick, which gives its time,
    /// may find that it has waited long enough for audio.
    pub(crate) fn pump(
        &mut self,
        tick: Option<Instant>,
        route: &Route<'_>,
        outbox: &mut Outbox,
        stats: &mut MediaReport,
    ) -> u32 {
        let samples = packet_samples(route.plan);
        let mut rows_done = 0;
        while self.due > 0 {
            if let Some(payload_type) = route.plan.send_dtmf {
                let (packet, done) = self.dtmf.next(self.timestamp, samples);
                rows_done += u32::from(done);
                if let Some(packet) = packet {
                    self.send_event(packet, payload_type, route, outbox, stats);
                    self.step(samples);
                    continue;
                }
            }
            let ready = self.queue.len() >= samples as usize;
            if !ready && self.speaking {
                if tick.is_none_or(|at| at.saturating_since(self.held_since) < self.hold) {
                    break;
                }
                self.speaking = false;
            }
            if self.queue.is_empty() && !self.fills() {
                self.marker = true;
            } else {
                // Without a whole packet of audio, what there is goes out with silence behind it.
                self.send_audio(samples as usize, route, outbox, stats);
                self.speaking |= ready;
            }
            self.step(samples);
        }
        rows_done
    }

    const fn step(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
        self.due -= 1;
    }

    fn header(&mut self, payload_type: u8, timestamp: u32, marker: bool) -> RtpHeader {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        RtpHeader { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    fn count(&mut self, sent: bool, octets: usize, stats: &mut MediaReport) {
        if sent {
            self.packets = self.packets.wrapping_add(1);
            self.octets = self.octets.wrapping_add(octets as u32);
            stats.sent_packets += 1;
            stats.sent_octets += octets as u64;
        } else {
            stats.send_overflow += 1;
        }
    }

    fn send_audio(
        &mut self,
        samples: usize,
        route: &Route<'_>,
        outbox: &mut Outbox,
        stats: &mut MediaReport,
    ) {
        let marker = core::mem::take(&mut self.marker);
        let header = self.header(route.plan.send_payload_type, self.timestamp, marker);
        let audio = self.queue.len().min(samples);
        let (queue, muted) = (&mut self.queue, self.muted);
        if muted {
            stats.muted_audio_frames += audio.div_ceil(FRAME_SAMPLES) as u64;
        }
        let sent = outbox.push(route.port_key, Which::Rtp, route.remote, |out| {
            header.write(out);
            let heard = if muted { 0 } else { audio };
            let padded = queue.iter().copied().take(heard).chain(core::iter::repeat(0)).take(samples);
            encode(route.plan.codec, padded, out);
        });
        self.queue.drain(..audio);
        if let Some(live) = &mut self.live {
            stats.cut_audio_frames += live.look(&mut self.queue, (samples / FRAME_SAMPLES).max(1) as u32);
        }
        self.count(sent, samples, stats);
    }

    fn send_event(
        &mut self,
        packet: EventPacket,
        payload_type: u8,
        route: &Route<'_>,
        outbox: &mut Outbox,
        stats: &mut MediaReport,
    ) {
        let marker = core::mem::take(&mut self.marker) || packet.marker;
        let header = self.header(payload_type, packet.timestamp, marker);
        let sent = outbox.push(route.port_key, Which::Rtp, route.remote, |out| {
            header.write(out);
            packet.payload.write(out);
        });
        self.count(sent, 4, stats);
    }

    /// Sends a packet without payload, so that the path stays open and the other side sees where we are.
    pub(crate) fn beat(&mut self, route: &Route<'_>, outbox: &mut Outbox, stats: &mut MediaReport) {
        let header = self.header(route.plan.send_payload_type, self.timestamp, false);
        let sent = outbox.push(route.port_key, Which::Rtp, route.remote, |out| header.write(out));
        self.count(sent, 0, stats);
    }

    /// Takes keys to send; false when too many wait.
    pub(crate) fn press(&mut self, digits: &DtmfDigits) -> bool {
        self.spoken = true;
        self.dtmf.press(digits)
    }

    /// The packet grid has changed: what is due of the old one is forgotten.
    pub(crate) const fn regrid(&mut self, samples_before: u32) {
        let ahead = self.due.wrapping_mul(samples_before).wrapping_add(self.credit);
        self.timestamp = self.timestamp.wrapping_add(ahead);
        self.due = 0;
        self.credit = 0;
    }
}

/// Samples in each packet that we send.
pub(crate) fn packet_samples(plan: &MediaPlan) -> u32 {
    u32::from(plan.ptime_ms.clamp(10, 60)) * 8
}
