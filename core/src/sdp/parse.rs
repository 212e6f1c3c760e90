//! A tolerant reader of session descriptions (RFC 8866) that copies nothing.
//!
//! It understands what audio over RTP needs and passes over the rest. Lines may come in any order within their
//! level, may end in LF alone, and all but `v=` may be missing; of a line that may be there once, the first that can be
//! used counts. What it refuses is text that is no session description, in offers a line that is none, and anything beyond the limits below. An `m=` line
//! that cannot be read spoils its own stream only: the answer has a line for it that declines it.

use core::net::IpAddr;

use smallvec::SmallVec;

use super::codecs::{PAYLOAD_TYPE_MAX, RtpMap};
use super::plan::Direction;
use crate::wire::text::split_once;

/// Octets of a session description.
pub const OCTETS_MAX: usize = 65_535;
/// Lines of a session description.
pub const LINES_MAX: u32 = 2048;
/// Media descriptions (`m=` lines) of a session description.
pub const MEDIA_MAX: usize = 32;
/// Formats of one `m=` line.
pub const FORMATS_MAX: usize = 64;

/// Why a text cannot be read as a session description, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line} of the session description: {fault}")]
pub struct SdpError {
    /// The line at fault, counted from 1.
    pub line: u32,
    /// What is wrong with it.
    pub fault: SdpFault,
}

/// What is wrong with a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdpFault {
    /// The text does not begin with `v=0`.
    #[error("a session description begins with v=0")]
    Version,
    /// The line is not a letter, an equals sign and a value.
    #[error("not of the form letter=value")]
    Form,
    /// The `m=` line is not media, port, transport and formats.
    #[error("an m= line needs a media, a port of at most 65535, a transport and a format")]
    Media,
    /// More than [`OCTETS_MAX`] octets.
    #[error("the text is longer than {OCTETS_MAX} octets")]
    TooLong,
    /// More than [`LINES_MAX`] lines.
    #[error("more than {LINES_MAX} lines")]
    TooManyLines,
    /// More than [`MEDIA_MAX`] `m=` lines.
    #[error("more than {MEDIA_MAX} m= lines")]
    TooManyMedia,
    /// More than [`FORMATS_MAX`] formats in an `m=` line.
    #[error("more than {FORMATS_MAX} formats")]
    TooManyFormats,
}

impl SdpFault {
    /// This fault in this line.
    const fn at(self, line: u32) -> SdpError {
        SdpError { line, fault: self }
    }

    /// Whether the text is well formed as far as it was read, but more than we take.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::TooLong | Self::TooManyLines | Self::TooManyMedia | Self::TooManyFormats)
    }
}

/// A session description as a view of its text.
#[derive(Clone, Debug, Default)]
pub struct SessionDescription<'a> {
    /// The value of the `o=` line, unread.
    pub origin: Option<&'a [u8]>,
    /// The `c=` line of the session, which holds for each media without its own.
    pub connection: Option<Connection<'a>>,
    /// Another such line with an address of the other IP version.
    pub other_connection: Option<Connection<'a>>,
    /// The `t=` line if it can be read.
    pub timing: Option<Timing>,
    /// The direction that holds for each media without its own, as the sender of the text sees it.
    pub direction: Option<Direction>,
    /// The media, in order.
    pub media: SmallVec<[MediaDescription<'a>; 2]>,
}

/// The `t=` line (RFC 8866 section 5.9). Zeros, the default, say that the session is not bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// When the session starts; zero for always.
    pub start: u64,
    /// When the session stops; zero for never.
    pub stop: u64,
}

/// One `m=` line and the lines below it.
#[derive(Clone, Debug)]
pub struct MediaDescription<'a> {
    /// Number of the `m=` line in the text, counted from 1.
    pub line: u32,
    /// The media: `audio`, `video` or another word.
    pub media: &'a [u8],
    /// The port; 0 means that the stream is declined or disabled.
    pub port: u16,
    /// The transport, such as `RTP/AVP`.
    pub transport: &'a [u8],
    /// The formats with the blanks between them.
    pub formats_text: &'a [u8],
    /// The `c=` line of this media.
    pub connection: Option<Connection<'a>>,
    /// Another such line with an address of the other IP version.
    pub other_connection: Option<Connection<'a>>,
    /// What is wrong with the `m=` line, if anything is: then the stream cannot be used, and the words that cannot be repeated
    /// in an answer are replaced.
    pub fault: Option<SdpFault>,
    /// The direction of this media, as the sender of the text sees it.
    pub direction: Option<Direction>,
    /// The `a=ptime` line in milliseconds, if it is a number.
    pub ptime_ms: Option<u32>,
    /// The `a=maxptime` line in milliseconds, if it is a number.
    pub maxptime_ms: Option<u32>,
    /// The `a=rtcp` line.
    pub rtcp: Option<RtcpAttribute<'a>>,
    /// Whether there is an `a=rtcp-mux` line.
    pub rtcp_mux: bool,
    /// The `a=rtpmap` lines. Of several for a payload type, the first that names what we can run counts, since some name
    /// telephone-event at the clock of each codec they have (RFC 4733 section 2.1).
    pub rtpmaps: SmallVec<[RtpMap<'a>; 8]>,
}

/// The value of a `c=` line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection<'a> {
    /// Number of the line in the text, counted from 1.
    pub line: u32,
    /// The address as written, without the parts for multicast.
    pub text: &'a [u8],
    /// The address if it is a number; a domain name or nonsense is `None`. An IPv4 address that is written as an
    /// IPv6 one is given as the former.
    pub address: Option<IpAddr>,
}

/// The value of an `a=rtcp` line (RFC 3605).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RtcpAttribute<'a> {
    /// The port for RTCP, never 0.
    pub port: u16,
    /// The address for RTCP if it is not that of RTP.
    pub connection: Option<Connection<'a>>,
}

impl<'a> SessionDescription<'a> {
    /// Reads a text.
    pub fn parse(text: &'a [u8]) -> Result<Self, SdpError> {
        Self::read(text, true)
    }

    /// Reads the text of an answer. It cannot be refused, so a line that is none is passed over, unless it may have been an `m=` line: the
    /// audio would be sought in the wrong place.
    pub fn parse_answer(text: &'a [u8]) -> Result<Self, SdpError> {
        Self::read(text, false)
    }

    fn read(text: &'a [u8], can_be_refused: bool) -> Result<Self, SdpError> {
        if text.len() > OCTETS_MAX {
            return Err(SdpFault::TooLong.at(1));
        }
        let mut session = Self::default();
        let mut begun = false;
        for (line, text) in (1..).zip(Lines(Some(text))) {
            let text = trim_end(text.strip_suffix(b"\r").unwrap_or(text));
            if line > LINES_MAX {
                return Err(SdpFault::TooManyLines.at(line));
            }
            match *text {
                [] => {}
                [b'v', b'=', ref version @ ..] if !begun && trim(version) == b"0" => begun = true,
                _ if !begun => return Err(SdpFault::Version.at(line)),
                [letter, b'=', ref value @ ..] if letter.is_ascii_alphabetic() => {
                    session.read_line(line, letter, value)?;
                }
                // What belongs to a stream that is thrown away is thrown away with it.
                [first, ..]
                    if first != b'm'
                        && (!can_be_refused
                            || session.media.last().is_some_and(|media| !media.is_usable())) => {}
                _ => return Err(SdpFault::Form.at(line)),
            }
        }
        if begun { Ok(session) } else { Err(SdpFault::Version.at(1)) }
    }

    /// The connection that holds for this media: its own, else that of the session.
    pub fn connection_of(&self, media: &MediaDescription<'a>) -> Option<Connection<'a>> {
        media.connection.or(self.connection)
    }

    /// Another connection of the same level as [`connection_of`](Self::connection_of), of the other IP version.
    pub fn other_connection_of(&self, media: &MediaDescription<'a>) -> Option<Connection<'a>> {
        if media.connection.is_some() { media.other_connection } else { self.other_connection }
    }

    /// The direction that holds for this media, as the sender of the text sees it. Both ways unless something is
    /// said (RFC 8866 section 6.7).
    pub fn direction_of(&self, media: &MediaDescription<'a>) -> Direction {
        media.direction.or(self.direction).unwrap_or_default()
    }

    /// Reads a line below `v=`, which belongs to the last media if there is one.
    fn read_line(&mut self, line: u32, letter: u8, value: &'a [u8]) -> Result<(), SdpError> {
        match (letter, self.media.last_mut()) {
            (b'm', _) => self.add_media(line, value)?,
            (b'c', Some(media)) => {
                keep_connection(&mut media.connection, &mut media.other_connection, line, value);
            }
            (b'a', Some(media)) => media.read_attribute(line, value),
            (b'c', None) => keep_connection(&mut self.connection, &mut self.other_connection, line, value),
            (b'a', None) => keep_first(&mut self.direction, direction(value)),
            (b'o', None) => keep_first(&mut self.origin, Some(value)),
            (b't', None) => keep_first(&mut self.timing, Timing::parse(value)),
            _ => {}
        }
        Ok(())
    }

    fn add_media(&mut self, line: u32, value: &'a [u8]) -> Result<(), SdpError> {
        if self.media.len() >= MEDIA_MAX {
            return Err(SdpFault::TooManyMedia.at(line));
        }
        self.media.push(MediaDescription::parse(line, value));
        Ok(())
    }
}

impl Timing {
    fn parse(value: &[u8]) -> Option<Self> {
        let mut words = words(value);
        Some(Self { start: number(words.next()?)?, stop: number(words.next()?)? })
    }
}

impl<'a> MediaDescription<'a> {
    /// Whether the media is audio.
    pub fn is_audio(&self) -> bool {
        self.media.eq_ignore_ascii_case(b"audio")
    }

    /// Whether the transport is plain RTP over UDP under the audio and video profile (RFC 3551).
    pub fn is_rtp_avp(&self) -> bool {
        self.transport.eq_ignore_ascii_case(b"RTP/AVP")
    }

    /// Whether this may be a stream that we use: audio, and its `m=` line can be read.
    fn is_usable(&self) -> bool {
        self.is_audio() && self.fault.is_none()
    }

    /// The formats in order of preference, at most [`FORMATS_MAX`]; none only if the `m=` line has a
    /// [`fault`](Self::fault).
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        words(self.formats_text).take(FORMATS_MAX)
    }

    /// Reads what follows `m=` (RFC 8866 section 5.14). A line at fault is kept as a stream that can only be declined.
    fn parse(line: u32, value: &'a [u8]) -> Self {
        let (media, rest) = split_word(value).unwrap_or_default();
        let (port, rest) = split_word(rest).unwrap_or_default();
        let (transport, formats_text) = split_word(rest).unwrap_or_default();
        let (port, fault) = match read_media(value, port, formats_text) {
            Ok(port) => (port, None),
            Err(fault) => (0, Some(fault)),
        };
        Self {
            line,
            media: repeatable(media).unwrap_or(b"unknown"),
            port,
            transport: repeatable(transport).unwrap_or(b"udp"),
            formats_text: repeatable(formats_text).unwrap_or_default(),
            connection: None,
            other_connection: None,
            fault,
            direction: None,
            ptime_ms: None,
            maxptime_ms: None,
            rtcp: None,
            rtcp_mux: false,
            rtpmaps: SmallVec::new(),
        }
    }

    fn read_attribute(&mut self, line: u32, attribute: &'a [u8]) {
        let (name, value) = split_once(attribute, b':').unwrap_or((attribute, b""));
        match name {
            b"rtpmap" => self.add_rtpmap(value),
            b"ptime" => keep_first(&mut self.ptime_ms, duration(value)),
            b"maxptime" => keep_first(&mut self.maxptime_ms, duration(value)),
            b"rtcp" => keep_first(&mut self.rtcp, RtcpAttribute::parse(line, value)),
            b"rtcp-mux" => self.rtcp_mux = true,
            _ => keep_first(&mut self.direction, direction(attribute)),
        }
    }

    /// Keeps one line for a payload type: the first, until one comes that gives it a use.
    fn add_rtpmap(&mut self, value: &'a [u8]) {
        let Some(map) = RtpMap::parse(value) else { return };
        let room = self.rtpmaps.len() <= usize::from(PAYLOAD_TYPE_MAX);
        match self.rtpmaps.iter_mut().find(|other| other.payload_type == map.payload_type) {
            Some(known) if !known.is_usable() && map.is_usable() => *known = map,
            Some(_) => {}
            None if room => self.rtpmaps.push(map),
            None => {}
        }
    }
}

impl<'a> Connection<'a> {
    /// Reads "nettype addrtype address" (RFC 8866 section 5.7). What cannot be read is kept as an address that is
    /// none: whether that matters depends on whether the stream is used at all.
    fn parse(line: u32, value: &'a [u8]) -> Option<Self> {
        let mut words = words(value);
        let internet = words.next().is_some_and(|nettype| nettype.eq_ignore_ascii_case(b"IN"));
        let family = words.next().unwrap_or_default();
        let text = words.next().unwrap_or_default();
        let text = text.split(|&byte| byte == b'/').next().unwrap_or_default();
        let address = core::str::from_utf8(text).ok().and_then(|text| text.parse::<IpAddr>().ok());
        // An address means nothing without its type: of an address type that is not known, or that is not that of the
        // address, nothing is guessed.
        let fits = |address: &IpAddr| match address {
            IpAddr::V4(_) => family.eq_ignore_ascii_case(b"IP4"),
            IpAddr::V6(_) => family.eq_ignore_ascii_case(b"IP6"),
        };
        let address =
            address.filter(|address| internet && fits(address)).map(|address| address.to_canonical());
        Some(Self { line, text, address })
    }
}

impl<'a> RtcpAttribute<'a> {
    /// Reads "port" or "port nettype addrtype address" (RFC 3605 section 2.1).
    fn parse(line: u32, value: &'a [u8]) -> Option<Self> {
        let (port, rest) = split_word(value)?;
        let port = number(port).filter(|&port| port != 0)?;
        let connection = if trim(rest).is_empty() { None } else { Connection::parse(line, rest) };
        Some(Self { port, connection })
    }
}

/// The lines of a text, the one after the last line break too.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.0?;
        let (line, rest) = match split_once(text, b'\n') {
            Some((line, rest)) => (line, Some(rest)),
            None => (text, None),
        };
        self.0 = rest;
        Some(line)
    }
}

/// Reads a direction attribute (RFC 8866 section 6.7).
fn direction(attribute: &[u8]) -> Option<Direction> {
    match attribute {
        b"sendrecv" => Some(Direction::SendRecv),
        b"sendonly" => Some(Direction::SendOnly),
        b"recvonly" => Some(Direction::RecvOnly),
        b"inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// The port of an `m=` line with these parts, or what is wrong with it.
fn read_media(line: &[u8], port: &[u8], formats: &[u8]) -> Result<u16, SdpFault> {
    // A declined line is repeated in our answer, so its text may hold nothing that could end a line there.
    repeatable(line).ok_or(SdpFault::Media)?;
    match words(formats).take(FORMATS_MAX + 1).count() {
        0 => return Err(SdpFault::Media),
        count if count > FORMATS_MAX => return Err(SdpFault::TooManyFormats),
        _ => {}
    }
    // "port/count" announces several port pairs for layered encodings; audio uses the first.
    let mut ports = port.splitn(2, |&byte| byte == b'/');
    let port = ports.next().and_then(number).ok_or(SdpFault::Media)?;
    if ports.next().is_some_and(|count| number::<u32>(count).is_none_or(|count| count == 0)) {
        return Err(SdpFault::Media);
    }
    Ok(port)
}

/// Text that can stand in an `m=` line of ours.
fn repeatable(text: &[u8]) -> Option<&[u8]> {
    let plain = |&byte: &u8| byte.is_ascii_graphic() || is_blank(byte);
    (!text.is_empty() && text.iter().all(plain)).then_some(text)
}

/// A time in milliseconds that is not none at all.
fn duration(value: &[u8]) -> Option<u32> {
    number(trim(value)).filter(|&ms| ms != 0)
}

/// Keeps the first `c=` line, or the first with an address if there is one, and one of the other IP version.
fn keep_connection<'a>(
    first: &mut Option<Connection<'a>>,
    other: &mut Option<Connection<'a>>,
    line: u32,
    value: &'a [u8],
) {
    let Some(new) = Connection::parse(line, value) else { return };
    let family = |connection: &Connection<'_>| connection.address.map(|address| address.is_ipv4());
    match first {
        None => *first = Some(new),
        Some(kept) if kept.address.is_none() && new.address.is_some() => *first = Some(new),
        Some(kept) if new.address.is_some() && family(kept) != family(&new) => keep_first(other, Some(new)),
        Some(_) => {}
    }
}

/// Sets what is not set yet.
fn keep_first<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// The words of a line. RFC 8866 allows one blank between them; peers write more, and tabs.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty())
}

/// The first word and what follows it.
fn split_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = trim(text);
    let end = text.iter().position(|&byte| is_blank(byte)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

/// The text without blanks at its ends.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| !is_blank(byte)).unwrap_or(text.len());
    trim_end(text.get(start..).unwrap_or_default())
}

fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last.saturating_add(1));
    text.get(..end).unwrap_or_default()
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A number of decimal digits only that fits its type: no sign, no blank.
pub(super) fn number<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for &byte in text {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit <= 9)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    T::try_from(value).ok()
}
