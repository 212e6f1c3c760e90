//! Writing session descriptions, always by the same template.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::answer::AnswerError;
use super::codecs::{CodecList, TELEPHONE_EVENT_PAYLOAD_TYPE};
use super::parse::{MediaDescription, SessionDescription, Timing};
use super::plan::{Codec, Direction};
use crate::wire::text::Sink as _;

/// Room for a usual description without growing.
const ROOM: usize = 320;

/// Milliseconds of audio in a packet where nobody says otherwise (RFC 3551 section 4.2).
const PTIME_DEFAULT_MS: u16 = 20;
/// The packet durations in milliseconds that this stack makes.
pub(super) const PTIME_MS: core::ops::RangeInclusive<u16> = 10..=60;

/// In the place of the port of RTP in a description that is to name one later, and of RTCP. They are no pair, so that both
/// are written; no other line of ours begins as those two do.
pub(crate) const NO_RTP_PORT: u16 = 65_534;
/// See [`NO_RTP_PORT`].
pub(crate) const NO_RTCP_PORT: u16 = 65_532;

/// Writes the ports into a description that was made without.
pub(crate) fn name_ports(text: &mut Vec<u8>, rtp: u16, rtcp: u16) {
    let mut line = smallvec::SmallVec::<[u8; 24]>::new();
    line.put(b"m=audio ");
    line.put_number(rtp.into());
    line.put(b" ");
    let at = replace_line(text, 0, b"m=audio 65534 ", &line);
    line.clear();
    // What can be guessed is not said (RFC 3605 section 2.1).
    if Some(rtcp) != rtp.checked_add(1) {
        line.put(b"a=rtcp:");
        line.put_number(rtcp.into());
        line.put(b"\r\n");
    }
    replace_line(text, at, b"a=rtcp:65532\r\n", &line);
}

/// Puts `new`, which is no longer than `old`, in the place of the first line after `from` that begins with `old`; where that
/// is.
fn replace_line(text: &mut Vec<u8>, from: usize, old: &[u8], new: &[u8]) -> usize {
    let begins = |&at: &usize| text.get(at..).is_some_and(|rest| rest.starts_with(old));
    let lines = memchr::memchr_iter(b'\n', text.get(from..).unwrap_or_default());
    let found = lines.map(|end| from + end + 1).find(begins);
    if let Some(at) = found {
        text.splice(at..at + old.len(), new.iter().copied());
    }
    found.unwrap_or(from)
}

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
        if PTIME_MS.contains(&self.ptime_ms) { self.ptime_ms } else { PTIME_DEFAULT_MS }
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

/// Writes what we can do, for whoever asks without wanting a session (RFC 3264 section 9): no port is open.
pub fn capabilities(local: &LocalMedia) -> Vec<u8> {
    let local = LocalMedia { rtp_port: 0, rtcp_port: 1, ..local.clone() };
    offer(&local)
}

/// Writes an offer that changes a running session (RFC 3264 section 8).
///
/// It must have a line for each media of `previous`, the description we sent last in this dialog. Audio stays in the
/// place of the stream that runs, all else is written as declined. [`accept_answer_to`](super::accept_answer_to) reads
/// the answer.
pub fn offer_again(local: &LocalMedia, previous: &[u8]) -> Result<Vec<u8>, AnswerError> {
    let previous = SessionDescription::parse(previous)?;
    // Without a stream that runs, audio takes the first place: a declined line may be used anew (RFC 3264 section 8.1).
    let place = running_audio(&previous).unwrap_or(0);
    let mut text = Text::begin(local, Timing::default());
    if previous.media.is_empty() {
        text.offered_audio(local);
    }
    for (index, media) in previous.media.iter().enumerate() {
        if index == place { text.offered_audio(local) } else { text.declined(media) }
    }
    Ok(text.finish())
}

/// The place of the audio stream that is in use in a description of ours.
pub(super) fn running_audio(ours: &SessionDescription<'_>) -> Option<usize> {
    ours.media.iter().position(|media| media.is_audio() && media.is_rtp_avp() && media.port != 0)
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
pub(super) struct Text(Vec<u8>);

impl Text {
    /// The lines of the session (RFC 8866 section 5).
    pub(super) fn begin(local: &LocalMedia, timing: Timing) -> Self {
        let mut text = Self(Vec::with_capacity(ROOM));
        let family = if local.address.is_ipv6() { "IP6 " } else { "IP4 " };
        text.put("v=0\r\no=- ").number(local.session_id).put(" ").number(local.version);
        text.put(" IN ").put(family).address(local.address);
        text.put("\r\ns=-\r\nc=IN ").put(family).address(local.address);
        text.put("\r\nt=").number(timing.start).put(" ").number(timing.stop).put("\r\n");
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
        self.put("m=audio ").number(local.rtp_port).put(" RTP/AVP");
        for payload_type in codecs.iter().map(|&(_, payload_type)| payload_type).chain(lines.dtmf) {
            self.put(" ").number(payload_type);
        }
        self.put("\r\n");
        for (codec, payload_type) in codecs {
            self.put("a=rtpmap:").number(payload_type).put(" ").put(codec.name());
            self.put("/").number(codec.clock_rate()).put("\r\n");
        }
        if let Some(payload_type) = lines.dtmf {
            self.put("a=rtpmap:").number(payload_type).put(" telephone-event/8000\r\n");
            self.put("a=fmtp:").number(payload_type).put(" 0-15\r\n");
        }
        self.put("a=ptime:").number(local.ptime_wanted_ms()).put("\r\n");
        self.put("a=").put(direction_name(lines.direction)).put("\r\n");
        if lines.rtcp_port && Some(local.rtcp_port) != local.rtp_port.checked_add(1) {
            self.put("a=rtcp:").number(local.rtcp_port).put("\r\n");
        }
        if lines.rtcp_mux {
            self.put("a=rtcp-mux\r\n");
        }
    }

    /// A stream that is declined: its own line with port 0 (RFC 3264 section 6).
    pub(super) fn declined(&mut self, media: &MediaDescription<'_>) {
        // The parser has checked that the words are ASCII and hold no line break.
        self.put("m=").0.put(media.media);
        self.put(" 0 ").0.put(media.transport);
        for format in media.formats() {
            self.put(" ").0.put(format);
        }
        // A line needs a format (RFC 8866 section 5.14), also where the peer's had none.
        if media.formats().next().is_none() {
            self.put(" 0");
        }
        self.put("\r\n");
    }

    /// The octets.
    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn put(&mut self, text: &str) -> &mut Self {
        self.0.put(text.as_bytes());
        self
    }

    fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.0.put_number(number.into());
        self
    }

    fn address(&mut self, address: IpAddr) -> &mut Self {
        self.0.put_ip(address);
        self
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
