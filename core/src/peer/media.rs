//! The media side behind its lock: the shard, and who waits for which stream.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::base::time::Instant;
use crate::media::{
    FRAME_SAMPLES, MediaCommand, MediaEvent, MediaReport, MediaSessionId, MediaShard, ShardConfig, Which,
    ntp_from_unix,
};

use super::frame::{AudioFrame, Dtmf};
use super::shared::{Letter, Shared};
use super::wakers::{Due, Wakers};

/// A pair of media sockets, for sending.
pub(crate) trait PairSend: Send + Sync {
    fn key(&self) -> u32;
    /// Sends, from `local` if the pair is bound to more than one address.
    fn send(&self, local: Option<IpAddr>, which: Which, remote: SocketAddr, bytes: &[u8]) -> io::Result<()>;
}

/// Key presses that wait to be read; the oldest makes room.
const DTMF_MAX: usize = 256;

/// Played frames of 20 ms that wait to be read: a second. The oldest makes room.
const PLAYED_MAX: usize = 50;

/// Samples of a frame that is taken as a whole or not at all: 100 ms.
const WHOLE_FRAME: usize = 800;

/// How often those who wait for room are told that there may be some.
const LOOK_AFTER: Duration = Duration::from_millis(20);

struct Played {
    samples: [i16; FRAME_SAMPLES],
    timestamp: u64,
}

/// Key presses that wait to be read.
#[derive(Default)]
struct Pressed {
    dtmf: VecDeque<Dtmf>,
    /// The same keys, for the stream of events.
    keys: VecDeque<Dtmf>,
}

/// What the handles know of one stream.
#[derive(Default)]
struct Stream {
    /// The shard serves it.
    open: bool,
    /// Nothing more will come: the stream or its session is over.
    over: bool,
    /// A handle uses it.
    attached: bool,
    played: VecDeque<Played>,
    /// Frames that nobody read in time.
    dropped: u64,
    /// The last timestamp as the shard gave it, and as we count on.
    clock: Option<(u32, u64)>,
    /// Keys that wait to be read; most calls never have any.
    pressed: Option<Box<Pressed>>,
    /// Runs of key presses that were asked for, and that were sent to the end.
    dtmf_asked: u64,
    dtmf_done: u64,
    /// The final figures, when it is closed.
    report: Option<Box<MediaReport>>,
    /// Whether anybody has asked for audio yet.
    listened: bool,
    /// Whether what is sent comes from a live source, and how much of it may wait.
    live: Option<Duration>,
    /// How often audio to send was thrown away.
    discards: u64,
    readers: Wakers,
    writers: Wakers,
    others: Wakers,
}

impl Stream {
    fn push_audio(&mut self, samples: &[i16; FRAME_SAMPLES], timestamp: u32) {
        let (last, count) = self.clock.unwrap_or((timestamp, 0));
        let count = count + u64::from(timestamp.wrapping_sub(last));
        self.clock = Some((timestamp, count));
        if self.played.len() >= PLAYED_MAX {
            self.played.pop_front();
            self.dropped += 1;
        }
        self.played.push_back(Played { samples: *samples, timestamp: count });
    }

    fn push_dtmf(&mut self, dtmf: Dtmf) {
        let Pressed { dtmf: read, keys } = &mut **self.pressed.get_or_insert_default();
        for queue in [read, keys] {
            if queue.len() >= DTMF_MAX {
                queue.pop_front();
            }
            queue.push_back(dtmf);
        }
    }

    fn close(&mut self, report: MediaReport) {
        self.open = false;
        self.over = true;
        self.report = Some(Box::new(report));
    }

    fn wake(&mut self, due: &mut Due) {
        self.readers.take_into(due);
        self.writers.take_into(due);
        self.others.take_into(due);
    }
}

/// The stream is over.
#[derive(Debug)]
pub(crate) struct Over;

/// Why audio was not taken.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The stream is over.
    Over,
    /// What waited was thrown away meanwhile.
    Interrupted,
    /// There is no room now.
    Full,
}

struct PairState {
    sockets: Arc<dyn PairSend>,
    /// The address that the peer knows.
    local: Option<IpAddr>,
}

pub(crate) struct Media {
    shard: MediaShard,
    /// Each by itself: the nodes of the map are half empty.
    streams: BTreeMap<MediaSessionId, Box<Stream>>,
    /// Sockets by the key of their pair.
    pairs: Vec<Option<PairState>>,
    /// Streams with a sender that waits for room, looked after every [`LOOK_AFTER`].
    full: Vec<MediaSessionId>,
    looked_after: Instant,
    closed: bool,
    driver: Option<Waker>,
    armed: Option<Instant>,
}

impl Media {
    /// `unix_time` is the time of day at `now`.
    pub(crate) fn new(config: ShardConfig, seed: [u8; 32], now: Instant, unix_time: Duration) -> Self {
        let unix_at_zero = unix_time.saturating_sub(now.saturating_since(Instant::ZERO));
        let config = ShardConfig { ntp_at_zero: ntp_from_unix(unix_at_zero), ..config };
        Self {
            shard: MediaShard::new(config, seed, now),
            streams: BTreeMap::new(),
            pairs: Vec::new(),
            full: Vec::new(),
            looked_after: now,
            closed: false,
            driver: None,
            armed: None,
        }
    }

    /// Reads what the signalling side has posted, in order.
    pub(crate) fn read_letters(&mut self, shared: &Shared, now: Instant, due: &mut Due) {
        while let Some(letter) = shared.next_letter() {
            match letter {
                Letter::Port(pair) => {
                    let place = pair.key() as usize;
                    if self.pairs.len() <= place {
                        self.pairs.resize_with(place + 1, || None);
                    }
                    if let Some(slot) = self.pairs.get_mut(place) {
                        *slot = Some(PairState { sockets: pair, local: None });
                    }
                }
                Letter::PortClosed(key) => {
                    if let Some(slot) = self.pairs.get_mut(key as usize) {
                        *slot = None;
                    }
                }
                Letter::SendFrom { key, local } => {
                    if let Some(Some(pair)) = self.pairs.get_mut(key as usize) {
                        pair.local = local;
                    }
                }
                Letter::Command(command) => self.command(shared, now, command, due),
                Letter::Attach(media) => {
                    self.streams.entry(media).or_default().attached = true;
                    if let Err(error) = self.shard.expect_audio(now, media) {
                        tracing::debug!(%error, "answered, and over");
                    }
                }
                Letter::Mute(media, yes) => {
                    if let Err(error) = self.shard.mute(media, yes) {
                        tracing::debug!(%error, "cannot mute");
                    }
                }
                Letter::Key(media, key) => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        stream.push_dtmf(key);
                        stream.others.take_into(due);
                    }
                }
                Letter::Ended(media) => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        stream.over = true;
                        stream.wake(due);
                    }
                    self.forget(media);
                }
                Letter::Detach(media) => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        stream.attached = false;
                    }
                    self.forget(media);
                }
            }
        }
    }

    fn command(&mut self, shared: &Shared, now: Instant, command: MediaCommand, due: &mut Due) {
        let mut opened = None;
        match &command {
            MediaCommand::Open { media, .. } => {
                let stream = self.streams.entry(*media).or_default();
                stream.open = true;
                stream.writers.take_into(due);
                opened = Some((*media, stream.listened, stream.live));
            }
            MediaCommand::Close { .. } => {
                // What was played and not fetched would go with the stream.
                self.shard.handle_timeout(now);
                self.fetch_audio(due);
            }
            _ => {}
        }
        self.shard.handle_command(now, command);
        if let Some((media, listened, live)) = opened {
            let told = self.shard.listen(now, media, listened).and_then(|()| self.shard.live(media, live));
            if let Err(error) = told {
                tracing::debug!(%error, "not opened");
            }
        }
        self.fetch_events(shared, due);
    }

    /// Forgets a stream that is over and that nobody uses.
    fn forget(&mut self, media: MediaSessionId) {
        if self.streams.get(&media).is_some_and(|stream| stream.over && !stream.open && !stream.attached) {
            self.streams.remove(&media);
        }
    }

    fn fetch_audio(&mut self, due: &mut Due) {
        while let Some(audio) = self.shard.poll_audio() {
            if let Some(stream) = self.streams.get_mut(&audio.media) {
                stream.push_audio(audio.samples, audio.timestamp);
                stream.readers.take_into(due);
            }
        }
    }

    fn fetch_events(&mut self, shared: &Shared, due: &mut Due) {
        while let Some(event) = self.shard.poll_event() {
            match event {
                MediaEvent::Dtmf { media, digit, duration_ms } => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        let duration = Duration::from_millis(duration_ms.into());
                        stream.push_dtmf(Dtmf { digit, duration });
                        stream.others.take_into(due);
                    }
                    shared.report(event);
                }
                MediaEvent::DtmfSent { media } => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        stream.dtmf_done += 1;
                        stream.others.take_into(due);
                    }
                }
                MediaEvent::Closed { media, report } => {
                    if let Some(stream) = self.streams.get_mut(&media) {
                        stream.close(report);
                        stream.wake(due);
                    }
                    self.forget(media);
                    shared.report(event);
                }
                MediaEvent::PeerLeft { .. }
                | MediaEvent::Silent { .. }
                | MediaEvent::TimedOut { .. }
                | MediaEvent::Unproven { .. }
                | MediaEvent::Heard { .. } => {
                    shared.report(event);
                }
            }
        }
    }

    /// Sends what is to be sent and tells who waits for what has come.
    pub(crate) fn settle(&mut self, shared: &Shared, _now: Instant, due: &mut Due) {
        let pairs = &self.pairs;
        self.shard.for_each_transmit(|packet| {
            let Some(pair) = pairs.get(packet.port_key as usize).and_then(Option::as_ref) else { return };
            // Audio that cannot leave now is of no use later.
            if let Err(error) = pair.sockets.send(pair.local, packet.which, packet.remote, packet.bytes) {
                tracing::trace!(remote = %packet.remote, %error, "media packet not sent");
            }
        });
        self.fetch_audio(due);
        self.fetch_events(shared, due);
        let sooner = match (self.shard.poll_timeout(), self.armed) {
            (Some(next), Some(armed)) => next < armed,
            (next, None) => next.is_some(),
            (None, Some(_)) => false,
        };
        if sooner {
            due.push(self.driver.take());
        }
    }

    /// Serves the streams that are due. Answers whether there will be more.
    pub(crate) fn tick(&mut self, now: Instant, due: &mut Due) -> bool {
        self.driver = None;
        self.shard.handle_timeout(now);
        if now.saturating_since(self.looked_after) >= LOOK_AFTER {
            self.looked_after = now;
            for media in std::mem::take(&mut self.full) {
                if let Some(stream) = self.streams.get_mut(&media) {
                    stream.writers.take_into(due);
                }
            }
        }
        !self.closed
    }

    /// The driver wants to sleep, or go on sleeping; answers until when. `None` if it was woken since it lay down.
    pub(crate) fn rest(&mut self, waker: &Waker, lie_down: bool) -> Option<Option<Instant>> {
        if self.driver.is_none() && !lie_down {
            return None;
        }
        self.driver = Some(waker.clone());
        self.armed = self.shard.poll_timeout();
        Some(self.armed)
    }

    /// A datagram came to one of our sockets.
    pub(crate) fn receive(&mut self, now: Instant, key: u32, which: Which, remote: SocketAddr, bytes: &[u8]) {
        self.shard.handle_datagram(now, key, which, remote, bytes);
    }

    /// What one of our sockets sent to `remote` did not arrive.
    pub(crate) fn unreachable(&mut self, now: Instant, key: u32, which: Which, remote: SocketAddr) {
        self.shard.handle_unreachable(now, key, which, remote);
    }

    /// Takes as much of `rest` as there is room for; ready when all of it is taken. `began` is when it was asked for first,
    /// counted in the times that audio was thrown away.
    pub(crate) fn poll_send(
        &mut self,
        cx: &Context<'_>,
        now: Instant,
        media: MediaSessionId,
        rest: &mut &[i16],
        began: &mut Option<u64>,
    ) -> Poll<Result<(), Unsent>> {
        let closed = self.closed;
        let Some(stream) = self.streams.get_mut(&media).filter(|stream| !stream.over && !closed) else {
            return Poll::Ready(Err(Unsent::Over));
        };
        if *began.get_or_insert(stream.discards) != stream.discards {
            return Poll::Ready(Err(Unsent::Interrupted));
        }
        if stream.open {
            let room = self.shard.audio_room(media).unwrap_or(0);
            if room >= rest.len().min(WHOLE_FRAME) {
                let taken = self.shard.handle_audio(now, media, rest).unwrap_or(0);
                *rest = rest.get(taken..).unwrap_or_default();
            }
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.full.push(media);
        }
        stream.writers.register(cx);
        Poll::Pending
    }

    /// Takes all of `samples` now, or nothing.
    pub(crate) fn try_send(
        &mut self,
        now: Instant,
        media: MediaSessionId,
        samples: &[i16],
    ) -> Result<(), Unsent> {
        let closed = self.closed;
        let Some(stream) = self.streams.get(&media).filter(|stream| !stream.over && !closed) else {
            return Err(Unsent::Over);
        };
        let room = self.shard.audio_room(media).ok().filter(|_| stream.open).unwrap_or(0);
        if room < samples.len() && stream.live.is_none() {
            return Err(Unsent::Full);
        }
        self.shard.handle_audio(now, media, samples).map(|_| ()).map_err(|_| Unsent::Full)
    }

    /// How many samples wait to be sent.
    pub(crate) fn queued(&self, media: MediaSessionId) -> usize {
        self.shard.audio_queued(media).unwrap_or(0)
    }

    /// Throws away the audio that waits to be sent; how many samples that were. Whoever waits to send is interrupted.
    pub(crate) fn discard(&mut self, media: MediaSessionId, due: &mut Due) -> usize {
        if let Some(stream) = self.streams.get_mut(&media) {
            stream.discards += 1;
            stream.writers.take_into(due);
        }
        self.shard.discard_audio(media).unwrap_or(0)
    }

    /// How often audio was thrown away; `None` if there is no such stream.
    pub(crate) fn discards(&self, media: MediaSessionId) -> Option<u64> {
        self.streams.get(&media).map(|stream| stream.discards)
    }

    /// From now on the audio comes from a live source, of which at most so much waits; `None`: no longer.
    pub(crate) fn live(&mut self, media: MediaSessionId, most: Option<Duration>) {
        let Some(stream) = self.streams.get_mut(&media) else { return };
        stream.live = most;
        if let Err(error) = self.shard.live(media, most) {
            tracing::debug!(%error, "not open yet, or over");
        }
    }

    /// Throws away the audio that has come and was not read; how many samples that were.
    pub(crate) fn discard_received(&mut self, media: MediaSessionId, due: &mut Due) -> usize {
        self.fetch_audio(due);
        let Some(stream) = self.streams.get_mut(&media) else { return 0 };
        stream.played.drain(..).count() * FRAME_SAMPLES
    }

    /// Ready when no audio waits to be sent.
    pub(crate) fn poll_flushed(&mut self, cx: &Context<'_>, media: MediaSessionId) -> Poll<()> {
        let closed = self.closed;
        let Some(stream) = self.streams.get_mut(&media).filter(|stream| !stream.over && !closed) else {
            return Poll::Ready(());
        };
        if !stream.open || self.shard.audio_queued(media).unwrap_or(0) == 0 {
            return Poll::Ready(());
        }
        self.full.push(media);
        stream.writers.register(cx);
        Poll::Pending
    }

    /// The next frame that was played.
    pub(crate) fn poll_recv(
        &mut self,
        cx: &Context<'_>,
        now: Instant,
        media: MediaSessionId,
    ) -> Poll<Option<AudioFrame>> {
        let closed = self.closed;
        let Some(stream) = self.streams.get_mut(&media) else { return Poll::Ready(None) };
        if !std::mem::replace(&mut stream.listened, true)
            && let Err(error) = self.shard.listen(now, media, true)
        {
            tracing::debug!(%error, "not open yet, or over");
        }
        if let Some(played) = stream.played.pop_front() {
            let frame = AudioFrame {
                samples: played.samples.to_vec(),
                rate: AudioFrame::RATE,
                timestamp: played.timestamp,
            };
            return Poll::Ready(Some(frame));
        }
        if stream.over || closed {
            return Poll::Ready(None);
        }
        stream.readers.register(cx);
        Poll::Pending
    }

    /// The next key that the other side pressed.
    pub(crate) fn poll_dtmf(&mut self, cx: &Context<'_>, media: MediaSessionId) -> Poll<Option<Dtmf>> {
        let closed = self.closed;
        let Some(stream) = self.streams.get_mut(&media) else { return Poll::Ready(None) };
        if let Some(dtmf) = stream.pressed.as_mut().and_then(|pressed| pressed.dtmf.pop_front()) {
            return Poll::Ready(Some(dtmf));
        }
        if stream.over || closed {
            return Poll::Ready(None);
        }
        stream.others.register(cx);
        Poll::Pending
    }

    /// The next key for the stream of events, if there is one.
    pub(crate) fn next_key(&mut self, cx: &Context<'_>, media: MediaSessionId) -> Option<Dtmf> {
        let stream = self.streams.get_mut(&media)?;
        let key = stream.pressed.as_mut().and_then(|pressed| pressed.keys.pop_front());
        if key.is_none() {
            stream.others.register(cx);
        }
        key
    }

    /// Takes a number for a run of key presses that is about to be asked for.
    pub(crate) fn dtmf_asked(&mut self, media: MediaSessionId) -> u64 {
        self.streams.get_mut(&media).map_or(0, |stream| {
            stream.dtmf_asked += 1;
            stream.dtmf_asked
        })
    }

    /// The run that a number was taken for was refused.
    pub(crate) fn dtmf_refused(&mut self, media: MediaSessionId) {
        if let Some(stream) = self.streams.get_mut(&media) {
            stream.dtmf_asked = stream.dtmf_asked.saturating_sub(1);
        }
    }

    /// Ready when the run with this number was sent to its end.
    pub(crate) fn poll_dtmf_sent(
        &mut self,
        cx: &Context<'_>,
        media: MediaSessionId,
        number: u64,
    ) -> Poll<Result<(), Over>> {
        let closed = self.closed;
        let Some(stream) = self.streams.get_mut(&media) else { return Poll::Ready(Err(Over)) };
        if stream.dtmf_done >= number {
            return Poll::Ready(Ok(()));
        }
        if stream.over || closed {
            return Poll::Ready(Err(Over));
        }
        stream.others.register(cx);
        Poll::Pending
    }

    /// Figures so far, or the final ones.
    pub(crate) fn report(&self, media: MediaSessionId) -> MediaReport {
        let Some(stream) = self.streams.get(&media) else { return MediaReport::default() };
        let last = || stream.report.as_deref().copied().unwrap_or_default();
        let mut report = self.shard.report(media).unwrap_or_else(last);
        report.dropped_audio_frames += stream.dropped;
        report
    }

    /// The sockets are gone.
    pub(crate) fn close(&mut self, due: &mut Due) {
        self.closed = true;
        self.pairs.clear();
        for stream in self.streams.values_mut() {
            stream.over = true;
            stream.wake(due);
        }
    }
}
