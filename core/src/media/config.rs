//! Limits and times of a shard.

use core::time::Duration;

use super::source::SourceLearning;

/// What leaves while the application gives no audio. Where the other side wants nothing, nothing leaves in any case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SendSilence {
    /// Silence, from the first moment on: 50 packets a second.
    Always,
    /// Silence, once it has sent audio or pressed a key: whoever speaks now and then has no gaps between.
    #[default]
    OnceSpoken,
    /// Nothing: pauses are not sent.
    Never,
}

/// What one shard may use and how it paces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShardConfig {
    /// Which shard this is: the `shard` of the ids it serves.
    pub shard: u16,
    /// Most streams at a time; also one more than the highest slot of an id.
    pub streams_max: usize,
    /// NTP time (RFC 3550 section 4: 32.32 bits, from 1900) of [`Instant::ZERO`](crate::base::time::Instant),
    /// for sender reports. See [`ntp_from_unix`].
    pub ntp_at_zero: u64,
    /// Audio that the application may have queued ahead of the pacing clock, per stream.
    pub send_queue: Duration,
    /// How long, while audio flows, a packet may wait for the rest of its samples before silence fills it.
    pub send_hold: Duration,
    /// Most packets a stream sends at once to catch up after a late timer; older ones are skipped.
    pub catch_up_max: u32,
    /// Played frames of 20 ms that wait for the application, per stream; the oldest makes room.
    pub playout_queue: usize,
    /// Delay of the jitter buffer at the start.
    pub delay_start: Duration,
    /// Least delay it adapts to.
    pub delay_min: Duration,
    /// Most delay it adapts to.
    pub delay_max: Duration,
    /// How late a frame may be delivered, when its packet is late, before a concealed one takes its place.
    pub playout_hold: Duration,
    /// From which addresses, besides the one that the peer has signalled, its packets may come.
    pub source_learning: SourceLearning,
    /// A source is alive until it has been silent for this long: no other is learned before. In RTCP it is alive for twice
    /// `rtcp_interval`.
    pub source_silence: Duration,
    /// A learned source of which nothing came for this long, neither RTP nor RTCP, is spoken to no more if the signalled
    /// address can be reached: we speak to that again. Not while the peer is on hold, or holds us, without audio.
    pub source_forgotten: Duration,
    /// What leaves while the application gives no audio.
    pub send_silence: SendSilence,
    /// How often something keeps the path open while no audio is sent (RFC 6263), and for the first time as soon as it is known
    /// where to: an RTP packet without payload, from which the other side may learn where we are; where it wants none
    /// (receiving only, or on hold) an empty datagram, unless the reports come from the same port. `None`: never.
    pub keep_alive: Option<Duration>,
    /// After how long [`MediaEvent::Silent`](super::MediaEvent::Silent) tells that nothing has come at all from a peer
    /// that should send. `None`: never.
    pub silence_at_start: Option<Duration>,
    /// The same when something had come before.
    pub silence: Option<Duration>,
    /// After how long [`MediaEvent::TimedOut`](super::MediaEvent::TimedOut) tells that neither RTP nor RTCP has come from a peer that
    /// should send: the signalling hangs up. `None`: never. RTCP comes every few seconds even from who is muted or sends
    /// no pauses.
    pub media_timeout: Option<Duration>,
    /// How much audio goes to an address that has not proven that it wants any: it has sent neither RTP nor RTCP, and the signalling
    /// has heard nothing from there that takes our tag. For the whole session; a report counts as 20 ms. `None`: any amount.
    pub unproven: Option<Duration>,
    /// Most packets a second to all the unproven addresses that one source of signalling (an IPv4 address, or a network
    /// of 64 bits) has named.
    pub unproven_rate: u32,
    /// Mean time between RTCP reports (RFC 3550 section 6.2).
    pub rtcp_interval: Duration,
    /// Length of a key press that we send.
    pub dtmf_tone: Duration,
    /// Least pause between two key presses that we send.
    pub dtmf_gap: Duration,
    /// Packets that wait to be sent; more are dropped and counted.
    pub transmit_max: usize,
    /// Events that wait to be read; key presses beyond that are dropped and counted.
    pub events_max: usize,
}

/// Two minutes: four times as long as what is told as silence, and more than twenty reports long.
pub(crate) const MEDIA_TIMEOUT: Duration = Duration::from_secs(120);

impl Default for ShardConfig {
    fn default() -> Self {
        Self {
            shard: 0,
            streams_max: 1024,
            ntp_at_zero: 0,
            send_queue: Duration::from_millis(200),
            send_hold: Duration::from_millis(20),
            catch_up_max: 6,
            playout_queue: 25,
            delay_start: Duration::from_millis(40),
            delay_min: Duration::from_millis(20),
            delay_max: Duration::from_millis(200),
            playout_hold: Duration::from_millis(60),
            source_learning: SourceLearning::default(),
            source_silence: Duration::from_secs(2),
            source_forgotten: Duration::from_secs(15),
            send_silence: SendSilence::default(),
            keep_alive: Some(Duration::from_secs(15)),
            silence_at_start: Some(Duration::from_secs(30)),
            silence: Some(Duration::from_secs(30)),
            media_timeout: Some(MEDIA_TIMEOUT),
            unproven: Some(Duration::from_secs(5)),
            unproven_rate: 100,
            rtcp_interval: Duration::from_secs(5),
            dtmf_tone: Duration::from_millis(100),
            dtmf_gap: Duration::from_millis(60),
            transmit_max: 8192,
            events_max: 4096,
        }
    }
}

/// The NTP timestamp of a time since 1970, as [`ShardConfig::ntp_at_zero`] wants it.
pub fn ntp_from_unix(since_1970: Duration) -> u64 {
    /// Seconds from 1900 to 1970.
    const EPOCHS_APART: u64 = 2_208_988_800;
    let seconds = since_1970.as_secs().wrapping_add(EPOCHS_APART) << 32;
    seconds | ((u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000)
}
