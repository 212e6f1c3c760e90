//! One media session: what is sent, what is heard, and the reports about both.

mod rtcp;
mod sending;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::base::timers::TimerKey;
use crate::sdp::plan::{Codec, Direction, MediaPlan};

use super::alive::{KeepAlive, News, Sign, Silence};
use super::api::{Audio, FRAME_SAMPLES, MediaEvent, MediaPort, MediaReport, MediaSessionId};
use super::codec::decoder;
use super::codec::dtmf::{DtmfReceiver, EventPayload, Pressed};
use super::config::ShardConfig;
use super::flow::Flow;
use super::frames::{PHASES, Seat};
use super::jitter::played::Played;
use super::jitter::playout::{Frame, Playout};
use super::leftover::Leftover;
use super::listener::{Clock, Listener, Verdict};
use super::outbox::Outbox;
use super::proof::{Proof, Sources};
use super::rtcp::schedule::Schedule;
use super::rtp::header::RtpHeader;
use super::rtp::send::{Sender, packet_samples};
use super::rtp::sequence::Order;

/// Octets of audio in a packet that we take: 200 ms.
const PAYLOAD_MAX: usize = 1600;
/// How long packets with the numbers of the plan before are taken: some are under way when it changes (RFC 3264
/// section 8.3.2).
const RETIRED: Duration = Duration::from_secs(1);

/// Events on their way to the caller.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) queue: VecDeque<MediaEvent>,
    pub(crate) max: usize,
}

impl Events {
    /// Queues an event that may be lost when nobody reads; whether it was queued.
    pub(crate) fn offer(&mut self, event: MediaEvent) -> bool {
        let room = self.queue.len() < self.max;
        if room {
            self.queue.push_back(event);
        }
        room
    }
}

/// What a stream needs of its shard.
pub(crate) struct Shared<'a> {
    pub(crate) config: &'a ShardConfig,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) events: &'a mut Events,
    pub(crate) sources: &'a mut Sources,
    pub(crate) rng: &'a mut Rng,
}

/// What a payload type stands for.
enum Payload {
    Audio(Codec),
    Key,
}

impl Payload {
    fn of(plan: &MediaPlan, payload_type: u8) -> Option<Self> {
        if payload_type == plan.recv_payload_type {
            return Some(Self::Audio(plan.codec));
        }
        if Some(payload_type) == plan.recv_dtmf {
            return Some(Self::Key);
        }
        plan.recv_others
            .iter()
            .find(|(number, _)| *number == payload_type)
            .map(|&(_, codec)| Self::Audio(codec))
    }
}

fn ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// The state of one session.
pub(crate) struct Stream {
    pub(crate) media: MediaSessionId,
    pub(crate) port: MediaPort,
    pub(crate) seat: Seat,
    /// While it sits in no bucket: what wakes it.
    pub(crate) resting: Option<TimerKey>,
    /// Whether somebody wants a frame each 20 ms even when nothing comes.
    pub(crate) listened: bool,
    /// Whether the shard's list of streams with audio to read holds this one.
    pub(crate) listed: bool,
    plan: Arc<MediaPlan>,
    /// The plan before, and until when its payload types are taken.
    retired: Option<(Arc<MediaPlan>, Instant)>,
    listener: Listener,
    rtcp_flow: Flow,
    sender: Sender,
    playout: Playout,
    dtmf: DtmfReceiver,
    schedule: Schedule,
    /// Packets sent up to each of the last two reports.
    reported_packets: [u32; 2],
    /// Whether a report has been sent at all.
    reported: bool,
    /// Whom the peer's RTCP comes from.
    rtcp_ssrc: Option<u32>,
    /// The SSRC that we gave up because the peer uses it too.
    given_up_ssrc: Option<u32>,
    left: bool,
    keep_alive: KeepAlive,
    silence: Silence,
    sign: Sign,
    proof: Proof,
    played: Played,
    stats: MediaReport,
}

impl Stream {
    pub(crate) fn new(
        media: MediaSessionId,
        port: MediaPort,
        (plan, share): (Arc<MediaPlan>, Option<IpAddr>),
        (seat, leftover): (Seat, Option<Leftover>),
        now: Instant,
        shared: &mut Shared<'_>,
    ) -> Self {
        let config = shared.config;
        Self {
            media,
            port,
            seat,
            resting: None,
            listened: true,
            listed: false,
            retired: None,
            listener: Listener::new(config, now, &plan, leftover),
            rtcp_flow: Flow::rtcp(config, now, &plan),
            sender: Sender::new(config, now, shared.rng),
            playout: Playout::new(config, now),
            dtmf: DtmfReceiver::new(),
            schedule: Schedule::new(config.rtcp_interval, now, shared.rng),
            reported_packets: [0; 2],
            reported: false,
            rtcp_ssrc: None,
            given_up_ssrc: None,
            left: false,
            keep_alive: KeepAlive::new(now),
            silence: Silence::new(now),
            sign: Sign::new(now),
            proof: Proof::new(share),
            played: Played::new(config.playout_queue),
            stats: MediaReport::default(),
            plan,
        }
    }

    /// A new plan.
    pub(crate) fn update(&mut self, now: Instant, plan: Arc<MediaPlan>, shared: &mut Shared<'_>) {
        if self.listener.update(now, &plan) {
            self.keep_alive.restart(now);
        }
        self.rtcp_flow.update(now, &plan, plan.remote_rtcp);
        self.proof.agreed_anew();
        if packet_samples(&plan) != packet_samples(&self.plan) {
            self.sender.regrid(packet_samples(&self.plan));
        }
        if self.plan.direction.receives() != plan.direction.receives() {
            self.playout.reset();
        }
        if (plan.codec, plan.recv_payload_type, plan.recv_dtmf, &plan.recv_others)
            != (self.plan.codec, self.plan.recv_payload_type, self.plan.recv_dtmf, &self.plan.recv_others)
        {
            self.retired = Some((self.plan.clone(), now + RETIRED));
        }
        if (plan.direction, plan.remote_rtp) != (self.plan.direction, self.plan.remote_rtp) {
            self.expect_audio(now);
        }
        self.plan = plan;
        if self.plan.send_dtmf.is_none() {
            let rows = self.sender.dtmf.clear();
            self.stats.dtmf_refused += u64::from(rows);
            self.tell_sent(rows, shared);
        }
    }

    /// Throws away the audio that is queued; how many samples that were.
    pub(crate) fn discard_audio(&mut self) -> usize {
        self.sender.discard()
    }

    /// Whether the source is live, and how many samples of it may wait.
    pub(crate) fn live(&mut self, most: Option<usize>) {
        self.sender.live(most, &mut self.stats);
    }

    /// From now on sends silence in the place of what is queued, or what is queued again.
    pub(crate) const fn mute(&mut self, yes: bool) {
        self.sender.muted = yes;
    }

    /// How many samples there is room for.
    pub(crate) fn audio_room(&self) -> usize {
        self.sender.room()
    }

    /// How many samples wait to be sent.
    pub(crate) fn audio_queued(&self) -> usize {
        self.sender.queued()
    }

    fn tell_pressed(&mut self, pressed: Option<Pressed>, shared: &mut Shared<'_>) {
        if let Some(Pressed { digit, duration_ms }) = pressed {
            let event = MediaEvent::Dtmf { media: self.media, digit, duration_ms };
            self.stats.dtmf_unreported += u64::from(!shared.events.offer(event));
        }
    }

    /// One frame of 20 ms: `number` of the phase tick, and its moment.
    pub(crate) fn tick(&mut self, now: Instant, number: u64, moment: Instant, shared: &mut Shared<'_>) {
        if number < self.seat.due {
            return;
        }
        let missed = u32::try_from((number - self.seat.due) / PHASES).unwrap_or(u32::MAX);
        self.seat.due = number + PHASES;
        let sent = self.send(now, shared, |sender, route, outbox, stats| {
            sender.tick((now, moment), missed, route, outbox, stats)
        });
        if let Some(rows) = sent {
            self.tell_sent(rows, shared);
        } else {
            self.sender.skip(moment, missed.saturating_add(1), &mut self.stats);
            let withheld = self.plan.direction.sends() && self.listener.flow.remote().is_some();
            self.stats.withheld_frames += u64::from(withheld);
        }
        if self.plan.direction.receives() && !self.playout.is_idle(self.listened) {
            let played = &mut self.played;
            self.playout.tick((now, moment), &mut self.stats, |frame| played.push(frame));
        } else {
            self.playout.skip(1);
        }
        let pressed = self.dtmf.handle_timeout(now);
        self.tell_pressed(pressed, shared);
        self.look_around(now, shared);
    }

    /// Does what does not hang on the frame of 20 ms.
    pub(crate) fn look_around(&mut self, now: Instant, shared: &mut Shared<'_>) {
        self.listener.flow.handle_timeout(now);
        self.rtcp_flow.handle_timeout(now);
        if self.schedule.take_due(now, shared.rng) {
            self.send_report(now, false, shared);
        }
        self.keep_alive(now, shared);
        self.look_for_silence(now, shared);
        self.ask_about_address(now, shared);
    }

    /// Whether ticks would do nothing: all that is left to do is to [look around](Self::look_around).
    pub(crate) fn is_idle(&self, config: &ShardConfig) -> bool {
        let plays = self.plan.direction.receives();
        let remote = self.listener.flow.remote().filter(|_| self.plan.direction.sends());
        let routed = remote.is_some_and(|remote| !self.proof.is_closed(remote.ip(), config));
        self.sender.is_idle(routed) && (!plays || self.playout.is_idle(self.listened)) && self.dtmf.is_idle()
    }

    /// Lets frames of time pass in which it was idle; the last of them was at `tick`.
    pub(crate) const fn pass(&mut self, tick: Instant, frames: u32) {
        self.sender.pass(tick, frames);
        self.playout.skip(frames);
    }

    /// When it has to look around next.
    pub(crate) fn deadline(&self, config: &ShardConfig) -> Instant {
        let keep_alive = self.beat(config).map(|_| self.keep_alive.deadline());
        let silence = [self.silence.deadline(config), self.sign.deadline(config)];
        let silence = silence.into_iter().flatten().filter(|_| Self::expects(&self.plan));
        let sources = [self.listener.flow.deadline(), self.rtcp_flow.deadline()].into_iter().flatten();
        keep_alive.into_iter().chain(silence).chain(sources).fold(self.schedule.deadline(), Instant::min)
    }

    /// Whether the peer has agreed to send, and knows where to. One that holds us may play music, or nothing at all.
    fn expects(plan: &MediaPlan) -> bool {
        plan.direction == Direction::SendRecv && plan.remote_rtp.is_some()
    }

    /// The call is up: silence counts from now on.
    pub(crate) const fn expect_audio(&mut self, now: Instant) {
        self.silence.restart(now);
        self.sign = Sign::new(now);
    }

    fn look_for_silence(&mut self, now: Instant, shared: &mut Shared<'_>) {
        if !Self::expects(&self.plan) {
            return;
        }
        let silence = self.silence.look(now, shared.config);
        self.tell_silence(silence, shared);
        let end = self.sign.look(now, shared.config);
        self.tell_silence(end, shared);
    }

    fn tell_silence(&self, news: Option<News>, shared: &mut Shared<'_>) {
        let media = self.media;
        let event = match news {
            Some(News::Silent(lasted)) => MediaEvent::Silent { media, for_ms: ms(lasted) },
            Some(News::TimedOut(lasted)) => MediaEvent::TimedOut { media, for_ms: ms(lasted) },
            Some(News::Heard) => MediaEvent::Heard { media },
            None => return,
        };
        shared.events.offer(event);
    }

    /// An RTP packet.
    pub(crate) fn handle_rtp(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        bytes: &[u8],
        shared: &mut Shared<'_>,
    ) {
        if bytes.is_empty() {
            // It keeps the path open, and has done so.
            return;
        }
        let Some((header, payload)) = RtpHeader::parse(bytes) else {
            self.stats.malformed += 1;
            return;
        };
        if payload.len() > PAYLOAD_MAX {
            self.stats.malformed += 1;
            return;
        }
        let from = (now, remote);
        let expected = || Payload::of(&self.plan, header.payload_type).is_some();
        match self.listener.admit(now, remote, &header, payload, expected) {
            Verdict::Stranger => self.stats.rejected_source += 1,
            Verdict::Unproven => self.stats.unproven_source += 1,
            Verdict::Unexpected => self.stats.unexpected_payload += 1,
            Verdict::GoesOn(order) => self.take(from, &header, payload, order, shared),
            Verdict::Begins(clock, before) => {
                let mut packets = before.iter().flat_map(|stash| stash.iter()).chain([(&header, payload)]);
                let Some((first, payload)) = packets.next() else { return };
                self.begin(first, clock);
                self.take(from, first, payload, Order::Newest, shared);
                for (header, payload) in packets {
                    let order = self.listener.count(header);
                    self.take(from, header, payload, order, shared);
                }
            }
        }
    }

    /// What a payload type means now, or meant until a moment ago.
    fn meaning(&self, now: Instant, payload_type: u8) -> Option<Payload> {
        let retired = self.retired.as_ref().filter(|(_, until)| now < *until).map(|(plan, _)| plan);
        [Some(&self.plan), retired].into_iter().flatten().find_map(|plan| Payload::of(plan, payload_type))
    }

    /// Listens to another stream from now on, or to one that counts anew.
    fn begin(&mut self, first: &RtpHeader, clock: Clock) {
        match clock {
            Clock::GoesOn => return,
            Clock::First => {}
            Clock::Anew => self.playout.splice(first.timestamp),
        }
        self.left = false;
        self.dtmf.take_over();
    }

    /// Takes a packet of the peer.
    fn take(
        &mut self,
        (now, remote): (Instant, SocketAddr),
        header: &RtpHeader,
        payload: &[u8],
        order: Order,
        shared: &mut Shared<'_>,
    ) {
        self.compare_ssrc(now, header.ssrc, shared);
        self.stats.received_packets += 1;
        self.sign = Sign::new(now);
        self.proof.heard(remote.ip());
        let news = self.silence.heard(now);
        self.tell_silence(news, shared);
        self.stats.received_octets += payload.len() as u64;
        match order {
            Order::Duplicate => {
                self.stats.duplicate += 1;
                return;
            }
            Order::Reordered => self.stats.reordered += 1,
            Order::Newest | Order::Jump | Order::Restart => {}
        }
        let newest = order == Order::Newest;
        let plays = self.plan.direction.receives();
        match self.meaning(now, header.payload_type) {
            Some(Payload::Audio(codec)) => {
                if payload.is_empty() {
                    return;
                }
                if let Some(reception) = &mut self.listener.reception {
                    reception.observe_arrival(now, header.timestamp);
                }
                if plays {
                    let audio = payload.iter().copied().map(decoder(codec));
                    self.playout.insert(now, header.timestamp, audio, newest, &mut self.stats);
                }
            }
            Some(Payload::Key) => {
                let Some(event) = EventPayload::parse(payload) else {
                    self.stats.malformed += 1;
                    return;
                };
                for pressed in self.dtmf.receive(now, header.timestamp, event) {
                    self.tell_pressed(pressed, shared);
                }
                if plays && newest {
                    self.playout.insert_event(now, header.timestamp, event.duration, &mut self.stats);
                }
            }
            None => {
                self.stats.unexpected_payload += 1;
                return;
            }
        }
        if plays {
            let played = &mut self.played;
            self.playout.pump(now, false, &mut self.stats, |frame| played.push(frame));
        }
    }

    /// How it goes.
    pub(crate) fn report(&self) -> MediaReport {
        let mut report = self.stats;
        report.lost = self.listener.lost();
        if let Some(reception) = &self.listener.reception {
            report.jitter = reception.jitter_time();
        }
        report.playout_delay = self.playout.delay();
        report.dropped_audio_frames = self.played.dropped();
        report.remote = self.listener.flow.remote();
        report
    }

    /// What the next call may still hear of this one on our port.
    pub(crate) fn leftover(&self) -> Option<Leftover> {
        self.listener.leftover()
    }

    /// Whether a frame waits to be read.
    pub(crate) fn has_audio(&self) -> bool {
        !self.played.is_empty()
    }

    /// Takes the oldest frame, whole, into `frame`.
    pub(crate) fn pop_frame<'a>(&mut self, frame: &'a mut [i16; FRAME_SAMPLES]) -> Option<Audio<'a>> {
        let played = self.played.pop()?;
        *frame = played.samples;
        let Frame { timestamp, concealed, .. } = played;
        Some(Audio { media: self.media, samples: frame, timestamp, concealed })
    }

    /// Reads samples, as many as there are and fit.
    pub(crate) fn read_audio(&mut self, out: &mut [i16]) -> usize {
        self.played.read(out)
    }
}
