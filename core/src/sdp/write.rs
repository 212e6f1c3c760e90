//! Writing session descriptions, always by the same template.

use alloc::{string::String, vec::Vec};
use core::{
    fmt::{self, Write},
    net::IpAddr,
};

use super::answer::AnswerError;
use super::codecs::{CodecList, TELEPHONE_EVENT_PAYLOAD_TYPE};
use super::parse::{MediaDescription, SessionDescription, Timing};
use super::plan::{Codec, Direction};

/// Milliseconds of audio in a packet where nobody says otherwise (RFC 3551 section 4.2).
const PTIME_DEFAULT_MS: u16 = 20;
/// The packet durations in milliseconds that this stack makes.
pub(super) const PTIME_MS: core::ops::RangeInclusive<u16> = 10..=60;

/// What we bring to a session: our side of offer and answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalMedia {
    /// The address at which we receive RTP and RTCP, as the peer must see it.
    pub address: IpAddr,
    /// The port at which we receive RTP.
    pub rtp_port: u16,
    /// The port at which we receive RTCP. If it is that of RTP, our offers ask for multiplexing (RFC 5761).
    pub rtcp_port: u16,
    /// The codecs we run, most wanted first.
    pub codecs: CodecList,
    /// Whether we send and receive telephone events (RFC 4733).
    pub dtmf: bool,
    /// Milliseconds of audio that we want in a packet; outside of 10 to 60 it counts as 20.
    pub ptime_ms: u16,
    /// Which way audio may flow, seen from here.
    pub direction: Direction,
    /// The id of the session in the `o=` line, the same for the whole dialog.
    pub session_id: u64,
    /// The version in the `o=` line. Whoever sends a changed description counts it up by one (RFC 3264 section 8).
    pub version: u64,
    /// The canonical name for RTCP, handed on to the plan.
    pub cname: String,
}

impl LocalMedia {
    /// The packet duration that we ask for.
    pub(super) fn ptime_wanted_ms(&self) -> u16 {
        if PTIME_MS.contains(&self.ptime_ms) {
            self.ptime_ms
        } else {
            PTIME_DEFAULT_MS
        }
    }

    /// Whether RTP and RTCP share a port here, which our offers then propose.
    pub(super) const fn offers_mux(&self) -> bool {
        self.rtp_port == self.rtcp_port
    }
}

/// Writes an offer with all our codecs (RFC 3264 section 5.1), also for a 2xx to an INVITE that had none.
pub fn offer(local: &LocalMedia) -> Vec<u8> {
    let mut text = Text::begin(local, Timing::default());
    text.offered_audio(local);
    text.finish()
}

/// Writes an offer that changes a running session (RFC 3264 section 8).
///
/// It must have a line for each media of `previous`, the description we sent last in this dialog. Audio stays in the
/// place of the stream that runs, all else is written as declined. [`accept_answer_to`](super::accept_answer_to) reads
/// the answer.
pub fn offer_again(local: &LocalMedia, previous: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let previous = SessionDescription::parse(previous)?;
    // Without a stream that runs, audio takes the first place: a declined line may be used anew (section 8.1).
    let place = running_audio(&previous).unwrap_or(0);
    let mut text = Text::begin(local, Timing::default());
    if previous.media.is_empty() {
        text.offered_audio(local);
    }
    for (index, media) in previous.media.iter().enumerate() {
        if index == place {
            text.offered_audio(local)
        } else {
            text.declined(media)
        }
    }
    Ok(text.finish())
}

/// The place of the audio stream that is in use in a description of ours.
pub(super) fn running_audio(ours: &SessionDescription<'_>) -> Option<usize> {
    ours.media
        .iter()
        .position(|media| media.is_audio() && media.is_rtp_avp() && media.port != 0)
}

/// What the `m=` line and the lines below it say of an audio stream that we use.
pub(super) struct AudioLines<'a> {
    /// The codecs with their payload types.
    pub(super) codecs: &'a mut dyn Iterator<Item = (Codec, u8)>,
    /// The payload type of telephone-event.
    pub(super) dtmf: Option<u8>,
    pub(super) direction: Direction,
    pub(super) rtcp_mux: bool,
    /// Whether to name the port of RTCP if it cannot be guessed. With multiplexing agreed there is none to name.
    pub(super) rtcp_port: bool,
}

/// A session description in the making.
pub(super) struct Text(String);

impl Text {
    /// The lines of the session (RFC 8866 section 5).
    pub(super) fn begin(local: &LocalMedia, timing: Timing) -> Self {
        let mut text = Self(String::with_capacity(512));
        let family = if local.address.is_ipv6() { "IP6" } else { "IP4" };
        let (address, Timing { start, stop }) = (local.address, timing);
        text.line(format_args!("v=0"));
        text.line(format_args!(
            "o=- {} {} IN {family} {address}",
            local.session_id, local.version
        ));
        text.line(format_args!("s=-"));
        text.line(format_args!("c=IN {family} {address}"));
        text.line(format_args!("t={start} {stop}"));
        text
    }

    fn offered_audio(&mut self, local: &LocalMedia) {
        let lines = AudioLines {
            codecs: &mut local.codecs.numbered(),
            dtmf: local.dtmf.then_some(TELEPHONE_EVENT_PAYLOAD_TYPE),
            direction: local.direction,
            rtcp_mux: local.offers_mux(),
            rtcp_port: true,
        };
        self.audio(local, lines);
    }

    /// The lines of an audio stream in use.
    pub(super) fn audio(&mut self, local: &LocalMedia, lines: AudioLines<'_>) {
        let codecs: smallvec::SmallVec<[(Codec, u8); 4]> = lines.codecs.collect();
        self.part(format_args!("m=audio {} RTP/AVP", local.rtp_port));
        for payload_type in codecs
            .iter()
            .map(|&(_, payload_type)| payload_type)
            .chain(lines.dtmf)
        {
            self.part(format_args!(" {payload_type}"));
        }
        self.line(format_args!(""));
        for (codec, payload_type) in codecs {
            self.line(format_args!(
                "a=rtpmap:{payload_type} {}/{}",
                codec.name(),
                codec.clock_rate()
            ));
        }
        if let Some(payload_type) = lines.dtmf {
            self.line(format_args!("a=rtpmap:{payload_type} telephone-event/8000"));
            self.line(format_args!("a=fmtp:{payload_type} 0-15"));
        }
        self.line(format_args!("a=ptime:{}", local.ptime_wanted_ms()));
        self.line(format_args!("a={}", direction_name(lines.direction)));
        if lines.rtcp_port && Some(local.rtcp_port) != local.rtp_port.checked_add(1) {
            self.line(format_args!("a=rtcp:{}", local.rtcp_port));
        }
        if lines.rtcp_mux {
            self.line(format_args!("a=rtcp-mux"));
        }
    }

    /// A stream that is declined: its own line with port 0 (RFC 3264 section 6).
    pub(super) fn declined(&mut self, media: &MediaDescription<'_>) {
        self.part(format_args!(
            "m={} 0 {}",
            Ascii(media.media),
            Ascii(media.transport)
        ));
        for format in media.formats() {
            self.part(format_args!(" {}", Ascii(format)));
        }
        self.line(format_args!(""));
    }

    /// The octets.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        self.part(line);
        self.0.push_str("\r\n");
    }

    fn part(&mut self, part: fmt::Arguments<'_>) {
        let written = self.0.write_fmt(part);
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    }
}

/// Prints text that the parser has checked to be ASCII.
struct Ascii<'a>(&'a [u8]);

impl fmt::Display for Ascii<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| f.write_char(char::from(byte)))
    }
}

const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}
