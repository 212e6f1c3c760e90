//! What a trace leaves out.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// What is masked before it is written. A masked value keeps its length, and a replay masks what it compares in the
/// same way, so a redacted trace replays as well as any.
///
/// Audio is never in a trace: it is no input of a coordinator. The seed always is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Redaction {
    /// The values of Authorization, Proxy-Authorization, Authentication-Info and Proxy-Authentication-Info; in session
    /// descriptions `a=crypto` and `a=ice-pwd`.
    pub credentials: bool,
    /// The keys that are pressed, here and by the peer: they may be the PIN of a mailbox.
    pub digits: bool,
}

/// What begins a line whose rest is secret. Headers in any case; lines of a session description have only one.
const SECRET: [&[u8]; 6] = [
    b"authorization",
    b"proxy-authorization",
    b"authentication-info",
    b"proxy-authentication-info",
    b"a=crypto:",
    b"a=ice-pwd:",
];

impl Redaction {
    /// Everything that can be masked is.
    pub const ALL: Self = Self { credentials: true, digits: true };

    /// A SIP message, or whatever came in the place of one.
    pub(super) fn message<'a>(self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut masked = self.without_credentials(bytes);
        if self.digits
            && let Some(keys) = pressed_keys(bytes)
            && let Some(keys) = masked.to_mut().get_mut(keys)
        {
            // A number of two digits stays one, for it is read as a key.
            let event = keys.len() == 2;
            keys.fill(b'0');
            if let ([first, ..], true) = (keys, event) {
                *first = b'1';
            }
        }
        masked
    }

    fn without_credentials(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        if !self.credentials {
            return Cow::Borrowed(bytes);
        }
        let mut masked = Cow::Borrowed(bytes);
        let (mut at, mut secret, mut after_cr) = (0, false, false);
        for line in bytes.split_inclusive(|&octet| matches!(octet, b'\n' | b'\r')) {
            // A line that begins with white space goes on with the one before (RFC 3261 section 7.3.1). A CR without
            // LF may end a line for one reader and not for another: what follows is masked in either case.
            let folded = line.first().is_some_and(|octet| matches!(octet, b' ' | b'\t'));
            let goes_on = folded || after_cr;
            let start = if secret && goes_on { Some(0) } else { secret_start(line) };
            if line != b"\n" {
                secret = start.is_some();
            }
            after_cr = line.ends_with(b"\r");
            if let Some(start) = start {
                for octet in masked.to_mut().iter_mut().skip(at + start).take(line.len() - start) {
                    if !octet.is_ascii_whitespace() {
                        *octet = b'x';
                    }
                }
            }
            at += line.len();
        }
        masked
    }

    /// The value of a header field.
    pub(super) fn header<'a>(self, name: &str, value: &'a str) -> Cow<'a, str> {
        let secret = SECRET.iter().any(|secret| name.as_bytes().eq_ignore_ascii_case(secret));
        if !(self.credentials && secret) {
            return Cow::Borrowed(value);
        }
        // As many octets as before, white space as it was: what is sent of it is masked to the same.
        let masked: Vec<u8> =
            value.bytes().map(|octet| if octet.is_ascii_whitespace() { octet } else { b'x' }).collect();
        Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
    }

    /// What a password came to.
    pub(super) fn proof(self, response: &[u8]) -> Cow<'_, [u8]> {
        if self.credentials { Cow::Owned(alloc::vec![b'x'; response.len()]) } else { Cow::Borrowed(response) }
    }

    /// Pressed keys. What is no key stays, so that it is refused again.
    pub(super) fn digits(self, digits: &str) -> Cow<'_, str> {
        if !self.digits {
            return Cow::Borrowed(digits);
        }
        let is_key = |c: char| matches!(c, '0'..='9' | '*' | '#' | 'a'..='d' | 'A'..='D');
        Cow::Owned(digits.chars().map(|c| if is_key(c) { '0' } else { c }).collect())
    }
}

/// Where the body of an INFO names the key that was pressed.
fn pressed_keys(message: &[u8]) -> Option<Range<usize>> {
    const TYPE: &[u8] = b"application/dtmf";
    let head = message.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = message.split_at_checked(head + 4)?;
    let at = head.windows(TYPE.len()).position(|window| window.eq_ignore_ascii_case(TYPE))?;
    let relay = head.get(at + TYPE.len()) == Some(&b'-');
    let mut start = head.len();
    for line in body.split_inclusive(|&octet| matches!(octet, b'\r' | b'\n')) {
        let name = line.trim_ascii_start().get(..6).is_some_and(|name| name.eq_ignore_ascii_case(b"signal"));
        let value = match (relay, line.iter().position(|&octet| octet == b'=')) {
            (false, _) if !line.trim_ascii().is_empty() => Some(0),
            (true, Some(mark)) if name => Some(mark + 1),
            _ => None,
        };
        if let Some(value) = value.and_then(|value| Some((value, line.get(value..)?))) {
            let (before, value) = value;
            let blank = value.len() - value.trim_ascii_start().len();
            let start = start + before + blank;
            return Some(start..start + value.trim_ascii().len());
        }
        start += line.len();
    }
    None
}

/// Where the secret part of a line begins.
fn secret_start(line: &[u8]) -> Option<usize> {
    SECRET.iter().find_map(|secret| {
        let (name, rest) = line.split_at_checked(secret.len())?;
        if !name.eq_ignore_ascii_case(secret) {
            return None;
        }
        if secret.ends_with(b":") {
            return Some(secret.len());
        }
        // White space may stand before the colon.
        let colon = rest.iter().position(|octet| !matches!(octet, b' ' | b'\t'))?;
        (rest.get(colon) == Some(&b':')).then_some(secret.len() + colon + 1)
    })
}
