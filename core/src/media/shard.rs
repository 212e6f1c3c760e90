//! All media sessions of one shard.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::hash::BuildHasherDefault;
use core::net::SocketAddr;
use core::time::Duration;

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;

use crate::base::rng::Rng;
use crate::base::time::Instant;
use crate::base::timers::Timers;

use super::api::{
    Audio, FRAME_SAMPLES, MediaCommand, MediaEvent, MediaReport, MediaSessionId, NoSuchMedia, Which,
};
use super::config::ShardConfig;
use super::frames::Frames;
use super::leftover::Kept;
use super::outbox::{MediaTransmit, Outbox, SendBatch};
use super::proof::Sources;
use super::rtp::header::is_rtcp;
use super::stream::{Events, Shared, Stream};

/// Those who rest are served in crowds: waking up for each would cost more than what it has to do.
const CROWD: Duration = Duration::from_millis(100);

/// The RTP of many calls: commands, datagrams, audio and time go in; datagrams, audio and events come out.
///
/// The loop of a runtime: datagrams that have come into [`handle_datagram`](Self::handle_datagram), then
/// [`handle_timeout`](Self::handle_timeout) if [`poll_timeout`](Self::poll_timeout) is past, then take what
/// [`for_each_transmit`](Self::for_each_transmit) (or [`poll_transmit`](Self::poll_transmit)),
/// [`poll_event`](Self::poll_event) and [`poll_audio`](Self::poll_audio) give. Packets before timers, so
/// that a late wake-up plays what came meanwhile. Time that goes back is taken as standing still.
pub struct MediaShard {
    config: ShardConfig,
    now: Instant,
    rng: Rng,
    frames: Frames,
    streams: Vec<Option<Box<Stream>>>,
    live: usize,
    /// Streams that sit in no bucket because their ticks would do nothing, by when they have something to do.
    resting: Timers<u32>,
    ports: HashMap<u32, u32, BuildHasherDefault<SipHasher13>>,
    /// What the last call has left on a local RTP port: no more than there are ports.
    leftovers: HashMap<u16, Kept, BuildHasherDefault<SipHasher13>>,
    outbox: Outbox,
    events: Events,
    /// What goes to unproven addresses.
    sources: Sources,
    /// Slots of streams with audio to read.
    ready: VecDeque<u32>,
    frame: [i16; FRAME_SAMPLES],
    unrouted: u64,
}

impl MediaShard {
    /// A shard without sessions. SSRCs, first sequence numbers and timestamps come from `seed`.
    pub fn new(config: ShardConfig, seed: [u8; 32], now: Instant) -> Self {
        Self {
            now,
            sources: Sources::new(&seed),
            rng: Rng::wire(seed),
            frames: Frames::new(now),
            streams: Vec::new(),
            live: 0,
            resting: Timers::new(config.streams_max),
            ports: HashMap::default(),
            leftovers: HashMap::default(),
            outbox: Outbox::new(config.transmit_max),
            events: Events { queue: VecDeque::new(), max: config.events_max },
            ready: VecDeque::new(),
            frame: [0; FRAME_SAMPLES],
            unrouted: 0,
            config,
        }
    }

    /// Number of sessions.
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no session.
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Datagrams for a port that no session has.
    pub const fn unrouted(&self) -> u64 {
        self.unrouted
    }

    fn clamp(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// Runs `work` on a live stream with what it needs of the shard.
    fn with<R>(&mut self, slot: u32, work: impl FnOnce(&mut Stream, &mut Shared<'_>) -> R) -> Option<R> {
        let stream = self.streams.get_mut(slot as usize)?.as_deref_mut()?;
        let mut shared = Shared {
            config: &self.config,
            outbox: &mut self.outbox,
            events: &mut self.events,
            sources: &mut self.sources,
            rng: &mut self.rng,
        };
        let result = work(stream, &mut shared);
        if !stream.listed && stream.has_audio() {
            stream.listed = true;
            self.ready.push_back(slot);
        }
        Some(result)
    }

    /// The same for what may give a resting stream something to do.
    fn rouse<R>(
        &mut self,
        now: Instant,
        slot: u32,
        work: impl FnOnce(&mut Stream, &mut Shared<'_>) -> R,
    ) -> Option<R> {
        let result = self.with(slot, work)?;
        let stream = self.streams.get_mut(slot as usize)?.as_deref_mut()?;
        if let Some(timer) =
            stream.resting.filter(|_| !stream.is_idle(&self.config) || stream.deadline(&self.config) <= now)
        {
            self.resting.cancel(timer);
            stream.resting = None;
            if let Some((frames, moment)) = self.frames.pass(now, &mut stream.seat) {
                stream.pass(moment, frames);
            }
            self.frames.rejoin(now, slot, &mut stream.seat);
        }
        Some(result)
    }

    /// Lets a stream rest until it has something to do; whether it may.
    fn lay_down(&mut self, slot: u32) -> bool {
        let Some(stream) = self.streams.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
            return false;
        };
        let deadline = stream.deadline(&self.config);
        if !stream.is_idle(&self.config) || deadline <= self.now {
            return false;
        }
        let crowd = CROWD.as_nanos() as u64;
        let at = Instant::from_nanos(deadline.as_nanos().div_ceil(crowd).saturating_mul(crowd));
        stream.resting = self.resting.arm(at, slot);
        stream.resting.is_some()
    }

    /// Takes those out of a bucket that have just been served and have nothing to do at the next tick.
    fn lay_down_idle(&mut self, bucket: &mut Vec<u32>) {
        let mut position = 0;
        while let Some(&slot) = bucket.get(position) {
            if !self.lay_down(slot) {
                position += 1;
                continue;
            }
            bucket.swap_remove(position);
            if let Some(&moved) = bucket.get(position)
                && let Some(other) = self.streams.get_mut(moved as usize).and_then(Option::as_deref_mut)
            {
                other.seat.moved_to(position);
            }
        }
    }

    fn find(&self, media: MediaSessionId) -> Result<&Stream, NoSuchMedia> {
        let stream = self.streams.get(media.slot as usize).and_then(Option::as_deref);
        stream.filter(|stream| stream.media == media).ok_or(NoSuchMedia(media))
    }

    /// Carries out a command. One for a session that has ended does nothing, as it may have crossed the
    /// end; an `Open` beyond `streams_max`, or for another shard, is answered with
    /// [`MediaEvent::Closed`].
    pub fn handle_command(&mut self, now: Instant, command: MediaCommand) {
        let now = self.clamp(now);
        match command {
            MediaCommand::Open { media, port, plan, rationed } => {
                if self.find(media).is_ok() {
                    self.rouse(now, media.slot, |stream, shared| stream.update(now, plan, shared));
                    return;
                }
                let slot = media.slot as usize;
                if media.shard != self.config.shard || slot >= self.config.streams_max {
                    let report = MediaReport::default();
                    self.events.queue.push_back(MediaEvent::Closed { media, report });
                    return;
                }
                self.close(now, media.slot);
                if self.streams.len() <= slot {
                    self.streams.resize_with(slot + 1, || None);
                }
                let seat = self.frames.join(now, media.slot);
                let mut shared = Shared {
                    config: &self.config,
                    outbox: &mut self.outbox,
                    events: &mut self.events,
                    sources: &mut self.sources,
                    rng: &mut self.rng,
                };
                let leftover = self.leftovers.remove(&port.rtp).and_then(|kept| kept.at(now));
                let share = plan.sip_peer.filter(|_| rationed);
                let stream = Stream::new(media, port, (plan, share), (seat, leftover), now, &mut shared);
                if let Some(place) = self.streams.get_mut(slot) {
                    *place = Some(Box::new(stream));
                    self.live += 1;
                    self.ports.insert(port.key, media.slot);
                }
            }
            MediaCommand::Update { media, plan } => {
                if self.find(media).is_ok() {
                    self.rouse(now, media.slot, |stream, shared| stream.update(now, plan, shared));
                }
            }
            MediaCommand::Vouch { media, ip } => {
                if self.find(media).is_ok() {
                    self.rouse(now, media.slot, |stream, _| stream.vouch(ip));
                }
            }
            MediaCommand::Close { media } => {
                if self.find(media).is_ok() {
                    self.close(now, media.slot);
                }
            }
            MediaCommand::SendDtmf { media, digits } => {
                if self.find(media).is_ok() {
                    self.rouse(now, media.slot, |stream, shared| stream.press(&digits, shared));
                }
            }
        }
    }

    fn close(&mut self, now: Instant, slot: u32) {
        self.with(slot, |stream, shared| stream.send_report(now, true, shared));
        let Some(stream) = self.streams.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        self.live -= 1;
        if stream.listed {
            self.ready.retain(|&ready| ready != slot);
        }
        if let Some(timer) = stream.resting {
            self.resting.cancel(timer);
        } else if let Some(moved) = self.frames.leave(stream.seat)
            && let Some(other) = self.streams.get_mut(moved as usize).and_then(Option::as_deref_mut)
        {
            other.seat.moved_to(stream.seat.position());
        }
        if self.ports.get(&stream.port.key) == Some(&slot) {
            self.ports.remove(&stream.port.key);
        }
        if let Some(leftover) = stream.leftover() {
            self.leftovers.insert(stream.port.rtp, Kept::new(leftover, now));
        }
        let report = stream.report();
        self.events.queue.push_back(MediaEvent::Closed { media: stream.media, report });
    }

    /// Takes a datagram that came to socket `which` of pair `port_key`. Total: bad ones are counted.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        port_key: u32,
        which: Which,
        remote: SocketAddr,
        bytes: &[u8],
    ) {
        let now = self.clamp(now);
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let Some(&slot) = self.ports.get(&port_key) else {
            self.unrouted += 1;
            return;
        };
        self.rouse(now, slot, |stream, shared| {
            if which == Which::Rtcp || is_rtcp(bytes) {
                stream.handle_rtcp(now, which, remote, bytes, shared);
            } else {
                stream.handle_rtp(now, remote, bytes, shared);
            }
        });
    }

    /// The network reported (ICMP) that what socket `which` of pair `port_key` sent to `remote` did not arrive. A learned address
    /// is forgotten. Where the signalled one is meant, from the second report on another may be learned, and no audio is sent
    /// there any more until something comes from the peer or is agreed on. That nobody takes our RTCP stops no audio: many
    /// do without.
    pub fn handle_unreachable(&mut self, now: Instant, port_key: u32, which: Which, remote: SocketAddr) {
        let now = self.clamp(now);
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        if let Some(&slot) = self.ports.get(&port_key) {
            self.rouse(now, slot, |stream, _| stream.handle_unreachable(which, remote));
        }
    }

    /// Queues audio to send, mono at 8 kHz; how many of the samples fit. The rest is to be offered again
    /// when time has passed.
    pub fn handle_audio(
        &mut self,
        now: Instant,
        media: MediaSessionId,
        samples: &[i16],
    ) -> Result<usize, NoSuchMedia> {
        let now = self.clamp(now);
        self.find(media)?;
        let accepted = self.rouse(now, media.slot, |stream, shared| stream.queue_audio(now, samples, shared));
        accepted.ok_or(NoSuchMedia(media))
    }

    /// The call is up: from now on it counts how long its peer is silent (see [`MediaEvent::Silent`]).
    pub fn expect_audio(&mut self, now: Instant, media: MediaSessionId) -> Result<(), NoSuchMedia> {
        let now = self.clamp(now);
        self.find(media)?;
        self.rouse(now, media.slot, |stream, _| stream.expect_audio(now)).ok_or(NoSuchMedia(media))
    }

    /// Whether somebody wants a frame each 20 ms, even when nothing comes any more from a peer that has sent. So it is until told
    /// otherwise; silence that nobody wants need not be made up.
    pub fn listen(&mut self, now: Instant, media: MediaSessionId, yes: bool) -> Result<(), NoSuchMedia> {
        let now = self.clamp(now);
        self.find(media)?;
        self.rouse(now, media.slot, |stream, _| stream.listened = yes).ok_or(NoSuchMedia(media))
    }

    /// Throws away the audio that is queued: somebody has been interrupted. How many samples that were.
    pub fn discard_audio(&mut self, media: MediaSessionId) -> Result<usize, NoSuchMedia> {
        self.find(media)?;
        self.with(media.slot, |stream, _| stream.discard_audio()).ok_or(NoSuchMedia(media))
    }

    /// The audio comes from a live source: at most `most` of it waits, 40 ms or more, and what piles up is taken out again
    /// within a second, in pauses where there are any. `None`: no longer.
    pub fn live(&mut self, media: MediaSessionId, most: Option<Duration>) -> Result<(), NoSuchMedia> {
        self.find(media)?;
        let samples = |most: Duration| usize::try_from(most.as_millis() * 8).unwrap_or(usize::MAX);
        self.with(media.slot, |stream, _| stream.live(most.map(samples))).ok_or(NoSuchMedia(media))
    }

    /// Whether the audio that is queued leaves as silence, at its own pace.
    pub fn mute(&mut self, media: MediaSessionId, yes: bool) -> Result<(), NoSuchMedia> {
        self.find(media)?;
        self.with(media.slot, |stream, _| stream.mute(yes)).ok_or(NoSuchMedia(media))
    }

    /// How many samples [`handle_audio`](Self::handle_audio) would take now.
    pub fn audio_room(&self, media: MediaSessionId) -> Result<usize, NoSuchMedia> {
        self.find(media).map(Stream::audio_room)
    }

    /// How many samples wait to be sent.
    pub fn audio_queued(&self, media: MediaSessionId) -> Result<usize, NoSuchMedia> {
        self.find(media).map(Stream::audio_queued)
    }

    /// Serves every phase that is due: all streams of a phase at once, in order of time. Then those who rest.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clamp(now);
        while let Some((tick, mut bucket)) = self.frames.pop_due(now) {
            let moment = self.frames.moment(tick);
            for &slot in &bucket {
                self.with(slot, |stream, shared| stream.tick(now, tick, moment, shared));
            }
            self.lay_down_idle(&mut bucket);
            self.frames.put_back(tick, bucket);
        }
        while let Some(slot) = self.resting.pop_due(now) {
            self.look_around(now, slot);
        }
    }

    /// A stream that rests has something to do.
    fn look_around(&mut self, now: Instant, slot: u32) {
        let Some(stream) = self.streams.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        stream.resting = None;
        if let Some((frames, moment)) = self.frames.pass(now, &mut stream.seat) {
            stream.pass(moment, frames);
        }
        self.with(slot, |stream, shared| stream.look_around(now, shared));
        if !self.lay_down(slot)
            && let Some(stream) = self.streams.get_mut(slot as usize).and_then(Option::as_deref_mut)
        {
            self.frames.rejoin(now, slot, &mut stream.seat);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; at once while packets or events wait.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.outbox.is_empty() && self.events.queue.is_empty() {
            [self.frames.next(), self.resting.next()].into_iter().flatten().min()
        } else {
            Some(self.now)
        }
    }

    /// Moves packets to send into the caller's memory; whether there were any.
    pub fn poll_transmit(&mut self, batch: &mut SendBatch<'_>) -> bool {
        self.outbox.fill(batch)
    }

    /// Hands every packet to send to `send`, in order.
    pub fn for_each_transmit(&mut self, send: impl FnMut(MediaTransmit<'_>)) {
        self.outbox.drain(send);
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.queue.pop_front()
    }

    /// The next played frame of any session; sessions take turns.
    pub fn poll_audio(&mut self) -> Option<Audio<'_>> {
        loop {
            let slot = self.ready.pop_front()?;
            let Some(stream) = self.streams.get_mut(slot as usize).and_then(Option::as_deref_mut) else {
                continue;
            };
            // Samples may have been read by the other door meanwhile.
            if !stream.has_audio() {
                stream.listed = false;
                continue;
            }
            break self.pop_frame(slot);
        }
    }

    fn pop_frame(&mut self, slot: u32) -> Option<Audio<'_>> {
        let stream = self.streams.get_mut(slot as usize)?.as_deref_mut()?;
        let audio = stream.pop_frame(&mut self.frame);
        stream.listed = stream.has_audio();
        if stream.listed {
            self.ready.push_back(slot);
        }
        audio
    }

    /// Reads played samples of one session, as many as there are and fit into `out`; how many.
    pub fn read_audio(&mut self, media: MediaSessionId, out: &mut [i16]) -> Result<usize, NoSuchMedia> {
        self.find(media)?;
        let stream = self.streams.get_mut(media.slot as usize).and_then(Option::as_deref_mut);
        Ok(stream.map_or(0, |stream| stream.read_audio(out)))
    }

    /// How a session goes.
    pub fn report(&self, media: MediaSessionId) -> Option<MediaReport> {
        self.find(media).ok().map(Stream::report)
    }
}
