//! Octets of header text: tokens, white space, numbers, folds and base32.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use memchr::memchr2;

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let marks = b"-.!%*_+`'~";
    let mut n = 0;
    while n < marks.len() {
        table[marks[n] as usize] = true;
        n += 1;
    }
    let mut octet = 0;
    while octet < 128 {
        if (octet as u8).is_ascii_alphanumeric() {
            table[octet] = true;
        }
        octet += 1;
    }
    table
};

/// Whether `octet` may stand in a token (RFC 3261 section 25.1).
pub const fn is_token_octet(octet: u8) -> bool {
    TOKEN[octet as usize]
}

/// Whether `text` is a token.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && token_len(text) == text.len()
}

/// Linear white space, the line breaks of folds included.
pub const fn is_lws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space and folds at either end.
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without white space and folds at its start.
pub fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text {
        if !is_lws(*first) {
            break;
        }
        text = rest;
    }
    text
}

/// `text` without white space and folds at its end.
pub fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text {
        if !is_lws(*last) {
            break;
        }
        text = rest;
    }
    text
}

/// Length of the token that `text` begins with, maybe zero.
pub(crate) fn token_len(text: &[u8]) -> usize {
    let legal = |octets: &&[u8; 4]| octets.iter().fold(true, |all, &octet| all & is_token_octet(octet));
    let whole = 4 * text.as_chunks::<4>().0.iter().take_while(legal).count();
    let rest = text.get(whole..).unwrap_or_default();
    whole + rest.iter().take_while(|&&octet| is_token_octet(octet)).count()
}

/// The token at the start of `text` (maybe empty) and what follows it.
pub fn split_token(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at_checked(token_len(text)).unwrap_or((text, &[]))
}

/// `text` before and after the first `mark`.
pub fn split_once(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = find_near(text, mark)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

/// A decimal number of ASCII digits only. Leading zeros are allowed; what exceeds 64 bits is `None`.
pub fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, &octet| {
        let digit = octet.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The most that counts of a time which somebody else names: a year. RFC 3261 section 20 lets such a time be 136 years, and what is
/// wrong by then is asked about never again.
pub const SECONDS_MAX: u32 = 365 * 24 * 60 * 60;

/// A number of seconds (`delta-seconds` of RFC 3261 section 25.1), [`SECONDS_MAX`] if it is more, with however many digits.
pub fn parse_seconds(text: &[u8]) -> Option<u32> {
    let whole = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    whole.then(|| parse_u32(text).unwrap_or(SECONDS_MAX).min(SECONDS_MAX))
}

/// The number of seconds that a text of a response begins with, be it in quotes: a comment, a fraction or parameters may follow it,
/// such as in `Retry-After: 120 (busy);duration=60` (RFC 3261 section 20.33).
pub fn parse_leading_seconds(text: &[u8]) -> Option<u32> {
    let text = trim(text);
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    parse_seconds(text.get(..end)?)
}

/// Like [`parse_number`], for 32 bits.
pub fn parse_u32(text: &[u8]) -> Option<u32> {
    parse_number(text).and_then(|number| u32::try_from(number).ok())
}

/// A port number. Zero is none.
pub fn parse_port(text: &[u8]) -> Option<u16> {
    parse_number(text).and_then(|number| u16::try_from(number).ok()).filter(|&port| port != 0)
}

/// Position of the first CR or LF.
pub(crate) fn find_line_break(text: &[u8]) -> Option<usize> {
    memchr2(b'\r', b'\n', text)
}

/// Flags the octets of `word` that are `mark` by their highest bit. Borrows only spread upwards: the lowest flag is
/// right, and no flag means that there is none.
const fn flags(word: u64, mark: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let difference = word ^ (LOW * mark as u64);
    difference.wrapping_sub(LOW) & !difference & HIGH
}

/// Position of the first octet that is flagged, looked for by words, for text that is short. Zero must not be flagged.
fn find_flagged(text: &[u8], flags: impl Fn(u64) -> u64) -> Option<usize> {
    let find = |word: u64| match flags(word) {
        0 => None,
        flags => Some((flags.trailing_zeros() / 8) as usize),
    };
    for (n, word) in text.as_chunks::<8>().0.iter().enumerate() {
        if let Some(at) = find(u64::from_le_bytes(*word)) {
            return Some(8 * n + at);
        }
    }
    // What is left overlaps what was seen already, or is short and filled up with zeros.
    match text.last_chunk::<8>() {
        Some(last) => find(u64::from_le_bytes(*last)).map(|at| text.len() - 8 + at),
        None => find(text.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet))),
    }
}

/// Position of the first `mark`, which is not zero and is near.
pub(crate) fn find_near(text: &[u8], mark: u8) -> Option<usize> {
    find_flagged(text, |word| flags(word, mark))
}

/// Appends `value` with every fold (line break and the white space around it) written as one space.
///
/// No CR or LF ever gets through, whoever wrote the value.
pub(crate) fn unfold_into(value: &[u8], out: &mut impl Sink) {
    let mut rest = value;
    while let Some(at) = find_flagged(rest, |word| flags(word, b'\r') | flags(word, b'\n')) {
        out.put(trim_end(rest.get(..at).unwrap_or_default()));
        rest = trim_start(rest.get(at..).unwrap_or_default());
        out.put(b" ");
    }
    out.put(rest);
}

/// `value` with every fold written as one space.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if find_line_break(value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut text = Vec::with_capacity(value.len());
    unfold_into(value, &mut text);
    Cow::Owned(text)
}

/// Where text is appended.
pub(crate) trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);

    /// Appends the digits of `number`.
    fn put_number(&mut self, number: u64) {
        self.put(Decimal::new(number).as_bytes());
    }

    /// Appends an address.
    fn put_ip(&mut self, address: IpAddr)
    where
        Self: Sized,
    {
        match address {
            IpAddr::V4(address) => self.put(DottedQuad::new(address).as_bytes()),
            // Nothing that takes octets refuses some.
            IpAddr::V6(address) => write!(Text(self), "{address}").unwrap_or_default(),
        }
    }

    /// Appends an address and a port, an IPv6 address in brackets.
    fn put_address(&mut self, address: SocketAddr)
    where
        Self: Sized,
    {
        match address {
            SocketAddr::V4(_) => self.put_ip(address.ip()),
            SocketAddr::V6(_) => {
                self.put(b"[");
                self.put_ip(address.ip());
                self.put(b"]");
            }
        }
        self.put(b":");
        self.put_number(u64::from(address.port()));
    }
}

impl<const N: usize> Sink for smallvec::SmallVec<[u8; N]> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Formats into a sink.
struct Text<'s, S>(&'s mut S);

impl<S: Sink> fmt::Write for Text<'_, S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put(text.as_bytes());
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Decimal digits of a number, without a heap.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// The digits of `number`.
    pub fn new(mut number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        for (n, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
            start = n;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    /// The digits as text.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// An IPv4 address as text, without a heap.
struct DottedQuad {
    text: [u8; 15],
    len: usize,
}

impl DottedQuad {
    fn new(address: Ipv4Addr) -> Self {
        let mut quad = Self { text: [0; 15], len: 0 };
        for (place, octet) in address.octets().into_iter().enumerate() {
            if place > 0 {
                quad.push(b'.');
            }
            if octet >= 100 {
                quad.push(b'0' + octet / 100);
            }
            if octet >= 10 {
                quad.push(b'0' + octet / 10 % 10);
            }
            quad.push(b'0' + octet % 10);
        }
        quad
    }

    fn push(&mut self, octet: u8) {
        if let Some(place) = self.text.get_mut(self.len) {
            *place = octet;
            self.len += 1;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }
}

const BASE32: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// 64 bits as 13 token characters.
pub fn base32(value: u64) -> [u8; 13] {
    let mut text = [0; 13];
    let mut left = value;
    for octet in text.iter_mut().rev() {
        *octet = BASE32[(left & 31) as usize];
        left >>= 5;
    }
    text
}

/// 32 bits as 7 token characters.
pub fn base32_u32(value: u32) -> [u8; 7] {
    let mut text = [0; 7];
    let mut left = value;
    for octet in text.iter_mut().rev() {
        *octet = BASE32[(left & 31) as usize];
        left >>= 5;
    }
    text
}

/// What [`base32`] wrote. Tokens compare without case, so letters of either case are read.
pub fn parse_base32(text: &[u8]) -> Option<u64> {
    if text.len() != 13 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, &octet| {
        let digit = base32_digit(octet)?;
        if value >> 59 == 0 { Some(value << 5 | digit) } else { None }
    })
}

/// What [`base32_u32`] wrote.
pub fn parse_base32_u32(text: &[u8]) -> Option<u32> {
    if text.len() != 7 {
        return None;
    }
    let value = text.iter().try_fold(0_u64, |value, &octet| Some(value << 5 | base32_digit(octet)?))?;
    u32::try_from(value).ok()
}

const fn base32_digit(octet: u8) -> Option<u64> {
    match octet.to_ascii_lowercase() {
        digit @ b'0'..=b'9' => Some((digit - b'0') as u64),
        letter @ b'a'..=b'v' => Some((letter - b'a') as u64 + 10),
        _ => None,
    }
}

/// An octet that text for a header must not hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} at octet {at}", name_of(*.octet))]
pub struct BadText {
    /// The octet: CR, LF or NUL; in names, anything that is no token octet.
    pub octet: u8,
    /// Where it stands.
    pub at: usize,
}

const fn name_of(octet: u8) -> &'static str {
    match octet {
        b'\r' => "carriage return",
        b'\n' => "line feed",
        0 => "NUL",
        _ => "octet that is no token character",
    }
}

/// Refuses text from the application that would end its line and begin a header of its own.
pub fn check_text(text: &str) -> Result<(), BadText> {
    let bad = |octet: u8| matches!(octet, b'\r' | b'\n' | 0);
    match text.bytes().enumerate().find(|&(_, octet)| bad(octet)) {
        Some((at, octet)) => Err(BadText { octet, at }),
        None => Ok(()),
    }
}

/// Refuses a header name, method or other token from the application that is not one.
pub fn check_token(text: &str) -> Result<(), BadText> {
    if text.is_empty() {
        return Err(BadText { octet: b' ', at: 0 });
    }
    match text.bytes().enumerate().find(|&(_, octet)| !is_token_octet(octet)) {
        Some((at, octet)) => Err(BadText { octet, at }),
        None => Ok(()),
    }
}

/// Text that [`check_text`] has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderText<'a>(&'a str);

impl<'a> HeaderText<'a> {
    /// Checks `text`.
    pub fn new(text: &'a str) -> Result<Self, BadText> {
        check_text(text).map(|()| Self(text))
    }

    /// The text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Its octets.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests;
