//! The checked, zero-copy view of one message (RFC 3261 section 7).

use core::ops::Range;

use smallvec::SmallVec;

use super::header::{SplitValues, split_addresses, split_values};
use super::limits::WireLimits;
use super::method::Method;
use super::name::HeaderName;
use super::text::{find_line_break, is_token, parse_number, split_once, trim_end, trim_start};

mod facts;
mod start;
#[cfg(test)]
mod tests;

pub use facts::Facts;
pub use start::StartLine;
pub(crate) use start::{peek_method, read_status_line};

use start::{BAD_REQUEST_LINE, read_start_line};

/// Why bytes are no SIP message at all; nothing can be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Only CR LF (a keep-alive, RFC 5626) or nothing.
    #[error("keep-alive, no message")]
    KeepAlive,
    /// No start line of SIP.
    #[error("no SIP start line")]
    StartLine,
    /// Header fields stand where no position of 16 bits reaches.
    #[error("larger than the limits allow")]
    TooLarge,
}

/// What is wrong with a message that could still be read: the status and phrase a request deserves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The RFC's status code: 400, 416, 505…
    pub status: u16,
    /// What is wrong, as the reason phrase.
    pub reason: &'static str,
}

/// One header field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Which header.
    pub name: HeaderName,
    /// Its name as written.
    pub name_text: &'a [u8],
    /// Its value, trimmed, maybe with folds inside.
    pub value: &'a [u8],
}

/// Where a header field stands. The header section is at most 65 535 octets long, so 16 bits will do.
#[derive(Clone, Copy, Debug)]
struct Span {
    name: HeaderName,
    name_start: u16,
    name_end: u16,
    value_start: u16,
    value_end: u16,
}

/// A message: its start line, header fields and body as ranges of the octets it was read from.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    start: StartLine<'a>,
    fault: Option<Fault>,
    spans: SmallVec<[Span; 64]>,
    /// The names among them, a bit for each: most questions are for what is not there.
    names: u128,
    /// Whether any header value holds a line break.
    folded: bool,
    /// Whether header fields were left out, for there were too many.
    truncated: bool,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads one datagram (RFC 3261 sections 7 and 18.3).
    ///
    /// What is wrong but leaves a request that could be answered is told by [`Frame::fault`]. A response
    /// whose start line is broken, and what does not look like SIP, is a [`FrameError`].
    pub fn parse(bytes: &'a [u8], limits: &WireLimits) -> Result<Self, FrameError> {
        // RFC 3261 section 7.5: line breaks before the start line are to be ignored.
        let text = skip_line_breaks(bytes);
        if text.is_empty() {
            return Err(FrameError::KeepAlive);
        }
        let (line, rest) = cut_line(text);
        let (start, fault) = read_start_line(line).ok_or(FrameError::StartLine)?;
        let mut frame = Self {
            bytes: text,
            start,
            fault,
            spans: SmallVec::new(),
            names: 0,
            folded: false,
            truncated: false,
            body: &[],
        };
        frame.body = frame.lex_headers(rest, limits)?;
        if bytes.len() > limits.message_octets_max {
            frame.refuse_size(limits);
        } else if !frame.truncated {
            frame.frame_body();
        }
        // A line without a SIP version is only worth an answer if there is a Via to send it to.
        if fault == Some(BAD_REQUEST_LINE) && frame.first(HeaderName::Via).is_none() {
            return Err(FrameError::StartLine);
        }
        Ok(frame)
    }

    /// Reads the header fields that `rest` begins with, and returns what follows the empty line after them.
    fn lex_headers(&mut self, mut rest: &'a [u8], limits: &WireLimits) -> Result<&'a [u8], FrameError> {
        loop {
            match rest {
                [] => {
                    self.blame(Fault { status: 400, reason: "Missing Empty Line After Headers" });
                    return Ok(rest);
                }
                [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => return Ok(body),
                _ => {}
            }
            let (field, next) = self.cut_field(rest);
            if self.spans.len() >= limits.headers_max {
                self.truncated = true;
                self.blame(Fault { status: 513, reason: "Too Many Header Fields" });
            }
            self.lex_header(field, self.bytes.len() - rest.len())?;
            rest = next;
        }
    }

    /// Reads the header field that stands at octet `at` of the message.
    fn lex_header(&mut self, field: &'a [u8], at: usize) -> Result<(), FrameError> {
        let (name, value) = split_once(field, b':').unwrap_or_default();
        let name_text = trim_blanks_end(name);
        let name = HeaderName::from_text(name_text);
        if name == HeaderName::Other && !is_token(name_text) {
            // Without it what is needed is there, or it is missed (RFC 3261 section 8.2.2).
            if !self.can_be_refused() {
                return Ok(());
            }
            self.blame(Fault { status: 400, reason: "Malformed Header Line" });
            return Ok(());
        }
        // Of what is too much, an answer needs this and nothing else (section 8.2.6.2).
        if self.truncated && !is_copied(name) {
            return Ok(());
        }
        let value = trim_start(value);
        let value_start = at + field.len() - value.len();
        let value_end = value_start + trim_end(value).len();
        // The greatest of the four says whether they all fit.
        u16::try_from(value_end).map_err(|_| FrameError::TooLarge)?;
        self.names |= bit_of(name);
        self.spans.push(Span {
            name,
            name_start: at as u16,
            name_end: (at + name_text.len()) as u16,
            value_start: value_start as u16,
            value_end: value_end as u16,
        });
        Ok(())
    }

    /// Cuts off the header field that `rest` begins with: up to the first line not followed by a fold.
    fn cut_field(&mut self, rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let mut from = rest;
        loop {
            let (line, next) = cut_line(from);
            match next {
                // A CR alone: no line ends here, and nothing may hold one (RFC 3261 section 25.1).
                [b'\r', more @ ..] if line.len() + next.len() == from.len() => {
                    self.blame(Fault { status: 400, reason: "Stray Carriage Return" });
                    self.folded = true;
                    from = more;
                }
                [b' ' | b'\t', ..] => {
                    self.folded = true;
                    from = next;
                }
                _ => {
                    let len = rest.len() - from.len() + line.len();
                    return (rest.get(..len).unwrap_or_default(), next);
                }
            }
        }
    }

    /// Cuts the body to Content-Length (RFC 3261 section 18.3).
    fn frame_body(&mut self) {
        let Some(field) = self.first(HeaderName::ContentLength) else {
            return;
        };
        let more = self.spans.iter().filter(|span| span.name == HeaderName::ContentLength).count() > 1;
        let length = parse_number(field).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let reason = match length {
            _ if more => "Multiple Content-Length",
            None => "Malformed Content-Length",
            Some(length) => match self.body.get(..length) {
                Some(body) => {
                    self.body = body;
                    return;
                }
                None => "Content-Length Larger Than Message",
            },
        };
        self.blame(Fault { status: 400, reason });
    }

    /// It is larger than the limits allow: what is too large, head or body, decides the status (sections 21.4.11, 21.5.7).
    fn refuse_size(&mut self, limits: &WireLimits) {
        let head = self.bytes.len().saturating_sub(self.body.len());
        self.body = &[];
        self.blame(if head > limits.head_octets_max || head > limits.message_octets_max {
            Fault { status: 513, reason: "Message Too Large" }
        } else {
            Fault { status: 413, reason: "Request Entity Too Large" }
        });
    }

    /// The first fault found is the one told.
    fn blame(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The octets of the message, without line breaks before it, with what follows it in the datagram.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether any header value goes on in another line; if not, no value holds a CR or LF.
    pub const fn is_folded(&self) -> bool {
        self.folded
    }

    /// The first line.
    pub const fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// Whether this is a request.
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// Whether its sender can be told what is wrong with it: that of a response or an ACK cannot.
    pub(super) const fn can_be_refused(&self) -> bool {
        match self.start {
            StartLine::Request { method, .. } => !matches!(method, Method::Ack),
            StartLine::Response { .. } => false,
        }
    }

    /// The method of a request.
    pub const fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The method of a request as written.
    pub const fn method_text(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { method_text, .. } => Some(method_text),
            StartLine::Response { .. } => None,
        }
    }

    /// The Request-URI.
    pub const fn uri(&self) -> Option<&'a [u8]> {
        match self.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// The status of a response.
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { status, .. } => Some(status),
        }
    }

    /// What is wrong with the start line, the header lines or the framing. [`Frame::facts`] tells
    /// separately what is wrong with the headers that every message has.
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// All header fields in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'a>> + '_ {
        self.spans.iter().map(|span| self.header(*span))
    }

    fn header(&self, span: Span) -> Header<'a> {
        let cut = |from: u16, to: u16| self.bytes.get(usize::from(from)..usize::from(to)).unwrap_or_default();
        Header {
            name: span.name,
            name_text: cut(span.name_start, span.name_end),
            value: cut(span.value_start, span.value_end),
        }
    }

    /// Whether there is a field of that name.
    pub const fn has(&self, name: HeaderName) -> bool {
        self.names & bit_of(name) != 0
    }

    /// The fields among which those of that name are.
    fn spans_of(&self, name: HeaderName) -> core::slice::Iter<'_, Span> {
        if self.has(name) { self.spans.iter() } else { [].iter() }
    }

    /// The value of the first field of that name.
    pub fn first(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.spans_of(name).find(|span| span.name == name).map(|span| self.header(*span).value)
    }

    /// The value of each field of that name, as it is.
    pub fn fields(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers_named(name).map(|header| header.value)
    }

    /// Each field of that name.
    pub(crate) fn headers_named(&self, name: HeaderName) -> impl Iterator<Item = Header<'a>> + '_ {
        self.spans_of(name).filter(move |span| span.name == name).map(|span| self.header(*span))
    }

    /// Where in [`bytes`](Self::bytes) the value of the first field of that name stands.
    pub(crate) fn place(&self, name: HeaderName) -> Option<Range<u16>> {
        self.spans_of(name).find(|span| span.name == name).map(|span| span.value_start..span.value_end)
    }

    /// The value of the first field of that name; either form of a name finds both.
    pub fn named(&self, name: &str) -> Option<&'a [u8]> {
        match HeaderName::from_text(name.as_bytes()) {
            HeaderName::Other => self
                .headers_named(HeaderName::Other)
                .find(|header| header.name_text.eq_ignore_ascii_case(name.as_bytes()))
                .map(|header| header.value),
            known => self.first(known),
        }
    }

    /// Every value of every field of that name, split at top-level commas and trimmed.
    pub fn values(&self, name: HeaderName) -> Values<'a, '_> {
        Values { frame: self, name, spans: self.spans_of(name), field: split_values(&[]) }
    }

    /// Every address of every field of that name, which is a list of addresses.
    pub fn addresses(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.fields(name).flat_map(split_addresses)
    }

    /// The body: Content-Length octets, or all there is if that header is missing or wrong.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }
}

/// See [`Frame::values`].
#[derive(Clone, Debug)]
pub struct Values<'a, 'f> {
    frame: &'f Frame<'a>,
    name: HeaderName,
    spans: core::slice::Iter<'f, Span>,
    field: SplitValues<'a>,
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            if let Some(value) = self.field.next() {
                return Some(value);
            }
            let span = self.spans.find(|span| span.name == self.name)?;
            self.field = split_values(self.frame.header(*span).value);
        }
    }
}

/// The bit of a name among those that a frame has.
const fn bit_of(name: HeaderName) -> u128 {
    const { assert!((HeaderName::Other as u8) < 128, "there is a bit for each name, and this is the last") };
    1 << (name as u8)
}

/// The first line, and what follows its CR LF or LF: lines that end in LF alone are read, as are those of many
/// hand-made tools. A lone CR ends a line too, but what follows begins with it.
fn cut_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = find_line_break(text).unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    match rest {
        [b'\r', b'\n', next @ ..] | [b'\n', next @ ..] => (line, next),
        _ => (line, rest),
    }
}

/// Whether responses copy the header (section 8.2.6.2).
const fn is_copied(name: HeaderName) -> bool {
    use HeaderName::{CSeq, CallId, From, To, Via};
    matches!(name, Via | From | To | CallId | CSeq)
}

/// White space may stand between the name and the colon (RFC 3261 section 7.3.1), but no fold.
fn trim_blanks_end(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}

fn skip_line_breaks(mut bytes: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
