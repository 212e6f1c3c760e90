//! Where messages begin and end on TCP and TLS, which carry octets and no messages.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use memchr::memchr;

use super::frame::{Frame, FrameError};
use super::limits::WireLimits;
use super::name::HeaderName;
use super::text::parse_number;

#[cfg(test)]
mod tests;

/// Why nobody can tell any more where the next message begins: the connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// What came is no SIP.
    #[error("no SIP start line")]
    NotSip,
    /// The header section is larger than a message may be.
    #[error("a header section without end")]
    HeadTooLarge,
    /// There is no Content-Length, which a stream cannot do without (RFC 3261 section 18.3).
    #[error("no Content-Length")]
    NoLength,
    /// Content-Length is no number.
    #[error("malformed Content-Length")]
    BadLength,
    /// Content-Length is there more than once, with different numbers.
    #[error("different values of Content-Length")]
    LengthConflict,
    /// Head and body together are larger than a message may be.
    #[error("a message larger than the limits allow")]
    TooLarge,
}

/// What came between messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeepAlives {
    /// CR LF, each. To whoever opened the connection and sent a ping, one of them is the pong.
    pub line_breaks: u64,
    /// CR LF CR LF: the pings of RFC 5626 section 3.5.1. Whoever accepted the connection sends CR LF back for each.
    pub pings: u64,
}

/// What is read next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Line breaks before a message.
    Gap(Gap),
    /// A header section: what of its end has been seen.
    Head(Seen),
    /// A message of which all is known but so many octets.
    Body(usize),
    /// Nothing any more.
    Broken(StreamError),
}

/// What the last octets between messages were.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Gap {
    after_cr: bool,
    /// Whether the last whole line break could be the first half of a ping.
    half_ping: bool,
}

impl Gap {
    const NEW: Self = Self { after_cr: false, half_ping: false };
}

/// The header section ends with an empty line. As in [`Frame`], LF ends a line, with or without a CR before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Seen {
    /// A part of a line.
    Text,
    /// The end of a line.
    End,
    /// The end of a line, and a CR.
    EndCr,
}

/// Cuts a stream of octets into messages (RFC 3261 section 18.3).
///
/// It keeps no more than one message that is not complete yet, looks at each octet once, and gives the same messages
/// however the octets are divided. A message that can be told from the next is handed on even when something is wrong
/// with it, or its header section is larger than [`WireLimits::head_octets_max`]: who reads it can answer it.
///
/// ```
/// use offhook_core::wire::{StreamFramer, WireLimits};
///
/// let mut framer = StreamFramer::new(WireLimits::default());
/// let mut messages = Vec::new();
/// for read in ["\r\n\r\nSIP/2.0 200 OK\r\nContent-Le", "ngth: 2\r\n\r\nhiSIP/2.0 "] {
///     let mut input = read.as_bytes();
///     while let Some(message) = framer.next(&mut input)? {
///         messages.push(message);
///     }
/// }
/// assert_eq!(messages, ["SIP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"]);
/// assert_eq!(framer.keep_alives().pings, 1);
/// # Ok::<(), offhook_core::wire::StreamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StreamFramer {
    octets_max: usize,
    part: Part,
    message: Vec<u8>,
    keep_alives: KeepAlives,
}

impl StreamFramer {
    /// A framer for a connection from which nothing has been read.
    pub const fn new(limits: WireLimits) -> Self {
        Self {
            octets_max: limits.message_octets_max,
            part: Part::Gap(Gap::NEW),
            message: Vec::new(),
            keep_alives: KeepAlives { line_breaks: 0, pings: 0 },
        }
    }

    /// Reads on in `input`, at most to the end of the next message, and leaves in it what follows. `None` means that
    /// all of `input` has been read and the rest of the message has yet to come.
    ///
    /// After an error there is nothing but that error.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, StreamError> {
        loop {
            let next = match self.part {
                Part::Gap(gap) => self.skip_gap(gap, input),
                Part::Head(seen) => self.read_head(seen, input).unwrap_or_else(Part::Broken),
                Part::Body(0) => {
                    self.part = Part::Gap(Gap::NEW);
                    return Ok(Some(mem::take(&mut self.message).into()));
                }
                Part::Body(missing) => {
                    let (now, rest) = input.split_at(missing.min(input.len()));
                    self.message.extend_from_slice(now);
                    *input = rest;
                    Part::Body(missing - now.len())
                }
                Part::Broken(error) => return Err(error),
            };
            self.part = next;
            let done = matches!(next, Part::Body(0) | Part::Broken(_));
            if input.is_empty() && !done {
                return Ok(None);
            }
        }
    }

    /// The keep-alives so far.
    pub const fn keep_alives(&self) -> KeepAlives {
        self.keep_alives
    }

    /// Whether a message has begun and is not complete: what is lost if the connection ends now.
    pub const fn is_within_message(&self) -> bool {
        matches!(self.part, Part::Head(_) | Part::Body(_))
    }

    fn skip_gap(&mut self, mut gap: Gap, input: &mut &[u8]) -> Part {
        while let [first, rest @ ..] = *input {
            gap = match (first, gap) {
                (b'\r', Gap { after_cr: false, half_ping }) => Gap { after_cr: true, half_ping },
                (b'\n', Gap { after_cr: true, half_ping }) => {
                    self.keep_alives.line_breaks += 1;
                    self.keep_alives.pings += u64::from(half_ping);
                    Gap { after_cr: false, half_ping: !half_ping }
                }
                // No keep-alive, and nothing else either.
                (b'\r' | b'\n', _) => Gap { after_cr: *first == b'\r', half_ping: false },
                _ => return Part::Head(Seen::Text),
            };
            *input = rest;
        }
        Part::Gap(gap)
    }

    fn read_head(&mut self, mut seen: Seen, input: &mut &[u8]) -> Result<Part, StreamError> {
        let (mut read, mut ended) = (0, false);
        while let Some(rest) = input.get(read..)
            && let [first, ..] = rest
            && !ended
        {
            (read, seen) = match (seen, first) {
                (Seen::Text, _) => match memchr(b'\n', rest) {
                    Some(at) => (read + at + 1, Seen::End),
                    None => (input.len(), Seen::Text),
                },
                (_, b'\n') => {
                    ended = true;
                    (read + 1, Seen::End)
                }
                (Seen::End, b'\r') => (read + 1, Seen::EndCr),
                _ => (read + 1, Seen::Text),
            };
        }
        let (head, rest) = input.split_at(read);
        *input = rest;
        if head.len() > self.octets_max - self.message.len() {
            return Err(StreamError::HeadTooLarge);
        }
        self.message.extend_from_slice(head);
        if !ended {
            return Ok(Part::Head(seen));
        }
        let length = body_length(&self.message)?;
        if length > self.octets_max - self.message.len() {
            return Err(StreamError::TooLarge);
        }
        self.message.reserve_exact(length);
        Ok(Part::Body(length))
    }
}

/// What the Content-Length of a header section says, which is read as the message will be.
fn body_length(head: &[u8]) -> Result<usize, StreamError> {
    let frame = Frame::parse(head, &WireLimits::NONE).map_err(|error| match error {
        FrameError::TooLarge => StreamError::HeadTooLarge,
        FrameError::KeepAlive | FrameError::StartLine => StreamError::NotSip,
    })?;
    let mut length = None;
    for field in frame.headers().filter(|header| header.name == HeaderName::ContentLength) {
        let number = parse_number(field.value).ok_or(StreamError::BadLength)?;
        if length.replace(number).is_some_and(|other| other != number) {
            return Err(StreamError::LengthConflict);
        }
    }
    usize::try_from(length.ok_or(StreamError::NoLength)?).map_err(|_| StreamError::TooLarge)
}
