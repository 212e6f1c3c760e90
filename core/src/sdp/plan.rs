//! What the media side is told: the outcome of an offer/answer exchange.

use alloc::string::String;
use core::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;

/// An audio codec this stack can run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Codec {
    /// G.711 µ-law, static payload type 0, 8 kHz (RFC 3551).
    Pcmu,
    /// G.711 A-law, static payload type 8, 8 kHz (RFC 3551).
    Pcma,
}

impl Codec {
    /// Encoding name as in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// RTP clock rate in Hz.
    pub const fn clock_rate(self) -> u32 {
        8000
    }

    /// Rate of the samples in Hz.
    pub const fn sample_rate(self) -> u32 {
        8000
    }

    /// The static payload type (RFC 3551 section 6).
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
        }
    }
}

/// Which way audio flows, seen from here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// From us only.
    SendOnly,
    /// To us only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Whether we send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether we play what arrives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other side.
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }
}

/// All that the media side must know to run one audio stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MediaPlan {
    /// Where the peer wants RTP; `None` until its SDP is known (or if it gave an unusable address).
    pub remote_rtp: Option<SocketAddr>,
    /// Where the peer wants RTCP: the `a=rtcp` line, else the RTP port plus one, else (mux) the RTP port.
    pub remote_rtcp: Option<SocketAddr>,
    /// The IP address that the peer's signalling comes from, if known: its media may come from there too (RFC 4961).
    pub sip_peer: Option<IpAddr>,
    /// Whether RTP and RTCP share one port (RFC 5761), agreed by both.
    pub rtcp_mux: bool,
    /// Which way audio flows.
    pub direction: Direction,
    /// The codec we send with and expect.
    pub codec: Codec,
    /// Payload type that we put into packets (the number the peer gave to `codec`; RFC 3264 section 6.1).
    pub send_payload_type: u8,
    /// Payload type that we expect (the number we gave to `codec`).
    pub recv_payload_type: u8,
    /// Other payload types that may arrive, and their codecs: whoever answers with several may change between them at any
    /// moment (RFC 3264 section 7).
    pub recv_others: SmallVec<[(u8, Codec); 2]>,
    /// Payload type for sending telephone-event (RFC 4733), if agreed.
    pub send_dtmf: Option<u8>,
    /// Payload type on which telephone-event arrives, if agreed.
    pub recv_dtmf: Option<u8>,
    /// Milliseconds of audio in a packet that we send.
    pub ptime_ms: u16,
    /// The canonical name for RTCP SDES (RFC 3550 section 6.5.1), the same for the whole call.
    pub cname: String,
}
