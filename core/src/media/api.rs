//! What goes into a shard and what comes out.

use alloc::sync::Arc;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use thiserror::Error;

use crate::sdp::plan::MediaPlan;

use super::codec::dtmf::DtmfDigits;

/// Samples in a played frame: 20 ms at 8 kHz.
pub const FRAME_SAMPLES: usize = 160;

/// Names one media session, and says which shard serves it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaSessionId {
    /// Which shard.
    pub shard: u16,
    /// Which use of the slot.
    pub generation: u32,
    /// Which slot of the shard's table, dense from zero.
    pub slot: u32,
}

impl fmt::Display for MediaSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "media{}.{}@{}", self.slot, self.generation, self.shard)
    }
}

impl fmt::Debug for MediaSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A bound pair of sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MediaPort {
    /// The runtime's handle of the pair.
    pub key: u32,
    /// Local UDP port for RTP.
    pub rtp: u16,
    /// Local UDP port for RTCP.
    pub rtcp: u16,
}

/// Which socket of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Which {
    /// The RTP socket, which carries RTCP too when the two are multiplexed (RFC 5761).
    Rtp,
    /// The RTCP socket.
    Rtcp,
}

/// What the signalling side wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MediaCommand {
    /// Starts a session.
    Open {
        /// The session.
        media: MediaSessionId,
        /// Its sockets.
        port: MediaPort,
        /// What was agreed.
        plan: Arc<MediaPlan>,
        /// Whether the SIP peer has only a share of what may be sent to addresses that nothing proves
        /// ([`ShardConfig::unproven_rate`](super::ShardConfig::unproven_rate)).
        rationed: bool,
    },
    /// The signalling vouches for an address: something has come from there that nobody could say who had not seen our tag. Answers
    /// [`MediaEvent::Unproven`].
    Vouch {
        /// The session.
        media: MediaSessionId,
        /// The address.
        ip: IpAddr,
    },
    /// Goes on with a new plan: hold, resume, another address or codec.
    Update {
        /// The session.
        media: MediaSessionId,
        /// What was agreed now.
        plan: Arc<MediaPlan>,
    },
    /// Ends a session; [`MediaEvent::Closed`] answers.
    Close {
        /// The session.
        media: MediaSessionId,
    },
    /// Presses keys (RFC 4733), after those which are still being sent.
    SendDtmf {
        /// The session.
        media: MediaSessionId,
        /// The keys.
        digits: DtmfDigits,
    },
}

/// What the signalling side or the application is told.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one comes once per session, and a box would cost more"
)]
pub enum MediaEvent {
    /// The peer pressed a key and let it go.
    Dtmf {
        /// The session.
        media: MediaSessionId,
        /// The key: `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// All keys of one [`MediaCommand::SendDtmf`] are sent, or were refused (see
    /// [`MediaReport::dtmf_refused`]).
    DtmfSent {
        /// The session.
        media: MediaSessionId,
    },
    /// The peer's RTCP said BYE.
    PeerLeft {
        /// The session.
        media: MediaSessionId,
    },
    /// Nothing has come for this long from a peer that should send: neither audio nor keys, whatever its RTCP says. Told
    /// again each time it has lasted as long again. Not while the call is on hold.
    Silent {
        /// The session.
        media: MediaSessionId,
        /// How long nothing has come.
        for_ms: u32,
    },
    /// Nothing at all has come for [`ShardConfig::media_timeout`](super::ShardConfig::media_timeout) from a peer that should send,
    /// neither RTP nor RTCP. Told again each time it has lasted as long again.
    TimedOut {
        /// The session.
        media: MediaSessionId,
        /// How long nothing has come.
        for_ms: u32,
    },
    /// Audio goes to an address that has not sent anything itself; unless the signalling vouches for it
    /// ([`MediaCommand::Vouch`]), it soon gets no more. Asked again every other second while that is so.
    Unproven {
        /// The session.
        media: MediaSessionId,
        /// The address.
        ip: IpAddr,
    },
    /// Something comes again after [`Silent`](Self::Silent).
    Heard {
        /// The session.
        media: MediaSessionId,
    },
    /// The session is over, or could not be opened; its port is free once the packets that wait are sent.
    Closed {
        /// The session.
        media: MediaSessionId,
        /// How it went.
        report: MediaReport,
    },
}

/// How a media session goes, or went.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
#[non_exhaustive]
pub struct MediaReport {
    /// RTP packets sent.
    pub sent_packets: u64,
    /// Payload octets sent.
    pub sent_octets: u64,
    /// RTP packets taken from the peer, duplicates included.
    pub received_packets: u64,
    /// Payload octets of those.
    pub received_octets: u64,
    /// Packets of the peer that never came.
    pub lost: u64,
    /// Packets that came after their place was played.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Packets that came after a younger one.
    pub reordered: u64,
    /// Frames played that had to be made up, silence not counted.
    pub concealed_frames: u64,
    /// Frames cut out to lower the delay or because the buffer was full.
    pub skipped_frames: u64,
    /// Frames put in to raise the delay: silence in pauses, and such as are made up where a packet was late.
    pub inserted_frames: u64,
    /// How much audio waits in the jitter buffer now: what it adds to the delay.
    pub playout_delay: Duration,
    /// Interarrival jitter (RFC 3550 appendix A.8).
    pub jitter: Duration,
    /// Played frames that the application did not read in time.
    pub dropped_audio_frames: u64,
    /// Frames of the application discarded because the call is on hold.
    pub muted_audio_frames: u64,
    /// Frames of a live source that were taken out so that it stays live.
    pub cut_audio_frames: u64,
    /// Packets dropped for where they came from: see [`source_page`](super::source_page).
    pub rejected_source: u64,
    /// Packets from where the peer may be heard once enough of them have proven it, which did not yet.
    pub unproven_source: u64,
    /// Packets and reports under our own SSRC: the peer chose the same one, or sends ours back.
    pub own_ssrc: u64,
    /// Packets with a payload type that was not agreed.
    pub unexpected_payload: u64,
    /// Datagrams that were neither RTP nor RTCP.
    pub malformed: u64,
    /// Frames in which nothing was sent because the address is unproven, or nobody listens there.
    pub withheld_frames: u64,
    /// Packets not sent because the queue was full.
    pub send_overflow: u64,
    /// `SendDtmf` commands refused: not agreed with the peer, or too many at a time.
    pub dtmf_refused: u64,
    /// Key presses of the peer not reported because nobody reads the events.
    pub dtmf_unreported: u64,
    /// Share of our packets that the peer missed lately, 0 to 1.
    pub remote_loss_fraction: f32,
    /// Packets of ours that the peer missed altogether.
    pub remote_lost: i32,
    /// Jitter that the peer sees.
    pub remote_jitter: Duration,
    /// Round trip by RTCP, once known.
    pub round_trip: Option<Duration>,
    /// Where packets are sent now.
    pub remote: Option<SocketAddr>,
}

/// One played frame of 20 ms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audio<'a> {
    /// The session.
    pub media: MediaSessionId,
    /// Mono, 8 kHz.
    pub samples: &'a [i16; FRAME_SAMPLES],
    /// Position of the first sample on the stream's own 8 kHz clock.
    pub timestamp: u32,
    /// Whether part of it was made up.
    pub concealed: bool,
}

/// The id is of no session that runs here: it has ended, or never was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("no media session {0}")]
pub struct NoSuchMedia(pub MediaSessionId);
