//! Messages out of a stream of octets (RFC 3261 section 18.3): Content-Length says where one ends.

use alloc::vec::Vec;

use bytes::Bytes;
use thiserror::Error;

use super::{Frame, HeaderName, WireLimits};

/// Why nothing more can be read from a stream: where the next message begins is not known any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// What should be the start of a message is none.
    #[error("this is no SIP message")]
    NotSip,
    /// A message without Content-Length, or with several that differ, or one that is no number.
    #[error("the message has no Content-Length that could be followed")]
    NoLength,
    /// More octets than the limits allow.
    #[error("a message of more than {limit} octets")]
    TooLong {
        /// The limit that bites.
        limit: usize,
    },
}

/// Cuts a stream into messages, however it comes in pieces.
///
/// It keeps what was pushed and not yet taken: at most one message that is not whole, if every push is followed by
/// taking all messages. After an error it stays there; the connection is to be closed.
#[derive(Clone, Debug)]
pub struct StreamFramer {
    limits: WireLimits,
    buffer: Vec<u8>,
    /// Octets of the buffer that were taken.
    taken: usize,
    /// Octets after `taken` that hold no end of a header.
    scanned: usize,
    /// The length of the message at `taken`, once its head is there.
    length: Option<usize>,
    keep_alives: u64,
    failed: Option<StreamError>,
}

impl StreamFramer {
    /// A framer at the beginning of a stream.
    pub const fn new(limits: WireLimits) -> Self {
        Self { limits, buffer: Vec::new(), taken: 0, scanned: 0, length: None, keep_alives: 0, failed: None }
    }

    /// Takes the next octets.
    pub fn push(&mut self, octets: &[u8]) {
        if self.failed.is_none() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Line ends between messages: what peers send to keep the connection open (RFC 5626 section 3.5.1).
    pub const fn keep_alives(&self) -> u64 {
        self.keep_alives
    }

    /// The next whole message; `None` until more comes.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, StreamError> {
        match self.failed {
            Some(error) => Err(error),
            None => self.cut().inspect_err(|&error| {
                self.failed = Some(error);
                self.buffer = Vec::new();
                self.taken = 0;
            }),
        }
    }

    fn cut(&mut self) -> Result<Option<Bytes>, StreamError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                self.skip_line_ends();
                let Some(length) = self.read_head()? else { return Ok(None) };
                self.length = Some(length);
                length
            }
        };
        let Some(message) = self.rest().get(..length) else { return Ok(None) };
        let message = Bytes::copy_from_slice(message);
        self.taken += length;
        self.scanned = 0;
        self.length = None;
        Ok(Some(message))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }

    fn skip_line_ends(&mut self) {
        // Within a head nothing is skipped.
        while self.scanned == 0 && self.rest().starts_with(b"\r\n") {
            self.taken += 2;
            self.keep_alives += 1;
        }
    }

    /// The length of the message that begins here, if its head is there.
    fn read_head(&mut self) -> Result<Option<usize>, StreamError> {
        let rest = self.rest();
        // A lone CR may be half a line end.
        if matches!(rest, [] | [b'\r']) {
            return Ok(None);
        }
        let from = self.scanned.saturating_sub(3);
        let end = rest.get(from..).and_then(|new| memchr::memmem::find(new, b"\r\n\r\n"));
        let limit = self.limits.head_octets_max;
        let Some(end) = end else {
            let len = rest.len();
            self.scanned = len;
            return if len > limit { Err(StreamError::TooLong { limit }) } else { Ok(None) };
        };
        let head_len = from + end + 4;
        if head_len > limit {
            return Err(StreamError::TooLong { limit });
        }
        let head = rest.get(..head_len).unwrap_or_default();
        let body_len = content_length(head)?;
        let limit = self.limits.message_octets_max;
        let length = head_len.checked_add(body_len).filter(|&length| length <= limit);
        length.ok_or(StreamError::TooLong { limit }).map(Some)
    }
}

/// What Content-Length says; a stream cannot do without (RFC 3261 section 20.14).
fn content_length(head: &[u8]) -> Result<usize, StreamError> {
    let frame = Frame::parse(head, &WireLimits::NONE).map_err(|_| StreamError::NotSip)?;
    let mut lengths = frame.values(HeaderName::ContentLength);
    let length = lengths.next().and_then(number).ok_or(StreamError::NoLength)?;
    if lengths.all(|other| number(other) == Some(length)) { Ok(length) } else { Err(StreamError::NoLength) }
}

fn number(text: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(text).ok()?.trim();
    // `parse` would take a sign.
    if text.bytes().all(|octet| octet.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use proptest::prelude::*;

    fn message(number: usize, length_line: &str, body: &str) -> String {
        format!(
            "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK{number}\r\n{length_line}\r\n\r\n{body}"
        )
    }

    fn sound(number: usize, body: &str) -> String {
        message(number, &format!("Content-Length: {}", body.len()), body)
    }

    fn read(framer: &mut StreamFramer) -> Result<Vec<Bytes>, StreamError> {
        let mut messages = Vec::new();
        while let Some(message) = framer.next_message()? {
            messages.push(message);
        }
        Ok(messages)
    }

    fn error_of(text: &str) -> Option<StreamError> {
        let mut framer = StreamFramer::new(WireLimits::default());
        framer.push(text.as_bytes());
        let error = read(&mut framer).err();
        framer.push(b"OPTIONS");
        assert_eq!(framer.next_message().err(), error, "it stays so");
        error
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_messages(cuts in prop::collection::vec(1usize..40, 0..200), n in 1usize..8) {
            let bodies: Vec<String> = (0..n).map(|i| "v=0\r\n\r\n".repeat(i % 3)).collect();
            let messages: Vec<String> = bodies.iter().enumerate().map(|(i, body)| sound(i, body)).collect();
            let stream = messages.join("\r\n\r\n");
            let mut framer = StreamFramer::new(WireLimits::default());
            let (mut rest, mut got) = (stream.as_bytes(), Vec::new());
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                framer.push(now);
                got.extend(read(&mut framer).unwrap());
                rest = later;
            }
            framer.push(rest);
            got.extend(read(&mut framer).unwrap());
            prop_assert_eq!(got, messages);
            prop_assert_eq!(framer.keep_alives(), 2 * (n as u64 - 1));
        }
    }

    #[test]
    fn one_octet_at_a_time() {
        let mut framer = StreamFramer::new(WireLimits::default());
        let text = format!("\r\n{}{}", sound(1, "body"), sound(2, ""));
        let mut got = Vec::new();
        for octet in text.bytes() {
            framer.push(&[octet]);
            got.extend(read(&mut framer).unwrap());
        }
        assert_eq!(got, [sound(1, "body"), sound(2, "")]);
    }

    #[test]
    fn a_length_that_cannot_be_followed_ends_the_stream() {
        for line in ["Subject: none", "Content-Length: -1", "Content-Length: +4", "Content-Length: 4x", "l: "]
        {
            assert_eq!(error_of(&message(1, line, "")), Some(StreamError::NoLength), "{line}");
        }
        let twice = "Content-Length: 4\r\nl: 5";
        assert_eq!(error_of(&message(1, twice, "body")), Some(StreamError::NoLength));
        assert_eq!(error_of(&message(1, "Content-Length: 4\r\nl: 4", "body")), None);
        assert_eq!(error_of("GET / HTTP/1.1\r\n\r\n"), Some(StreamError::NotSip));
    }

    #[test]
    fn what_is_too_long_is_not_waited_for() {
        let limits = WireLimits::default();
        let (head, whole) = (limits.head_octets_max, limits.message_octets_max);
        for length in [whole, usize::MAX] {
            let text = message(1, &format!("Content-Length: {length}"), "");
            assert_eq!(error_of(&text), Some(StreamError::TooLong { limit: whole }), "{length}");
        }
        let long = message(1, &format!("Subject: {}", "x".repeat(head)), "");
        assert_eq!(error_of(&long), Some(StreamError::TooLong { limit: head }));
        assert_eq!(error_of(&"x".repeat(head + 1)), Some(StreamError::TooLong { limit: head }));
    }
}
