//! Borrowed SIP URIs (RFC 3261 section 19.1).

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::text::{parse_port, split_once, trim_start};

/// Why text is no SIP URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// A URI of another scheme; [`Uri::scheme_of`] reads which.
    #[error("URI scheme other than sip and sips")]
    Scheme,
    /// No URI, or a broken one.
    #[error("malformed URI")]
    Malformed,
}

/// The host of a URI or of a Via.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Host<'a> {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
    /// A domain name.
    Name(&'a [u8]),
}

impl<'a> Host<'a> {
    /// Reads a host: an IPv4 address, an IPv6 address in brackets, or a name of letters, digits, `-`, `.`
    /// and (outside the grammar, but met) `_`.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        if let [b'[', address @ .., b']'] = text {
            return Ipv6Addr::parse_ascii_text(address).map(Host::V6);
        }
        if let Some(address) = parse_v4(text) {
            return Some(Host::V4(address));
        }
        let named = |&octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
        if !text.is_empty() && text.iter().all(named) { Some(Host::Name(text)) } else { None }
    }

    /// Whether it is a name that resolvers take for an address: 1000 is 0.0.3.232 to them, and 0177.1 is 127.0.0.1. It is neither by
    /// RFC 3261 section 25.1: an address has four numbers, and the last label of a name begins with a letter.
    pub fn is_number(&self) -> bool {
        let Host::Name(name) = *self else { return false };
        name.split(|&octet| octet == b'.').all(|label| match label {
            [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
            _ => !label.is_empty() && label.iter().all(u8::is_ascii_digit),
        })
    }

    /// The address, unless the host is a name.
    pub const fn ip(&self) -> Option<IpAddr> {
        match *self {
            Host::V4(address) => Some(IpAddr::V4(address)),
            Host::V6(address) => Some(IpAddr::V6(address)),
            Host::Name(_) => None,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::V4(address) => address.fmt(f),
            Host::V6(address) => write!(f, "[{address}]"),
            Host::Name(name) => core::str::from_utf8(name).unwrap_or_default().fmt(f),
        }
    }
}

trait ParseAscii: Sized {
    fn parse_ascii_text(text: &[u8]) -> Option<Self>;
}

impl ParseAscii for Ipv6Addr {
    fn parse_ascii_text(text: &[u8]) -> Option<Self> {
        core::str::from_utf8(text).ok()?.parse().ok()
    }
}

/// Four numbers without leading zeros, which some read as octal.
fn parse_v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut dots, mut part) = (0_u32, 0, None);
    for &octet in text {
        match (octet, part) {
            (b'0'..=b'9', None) => part = Some(u32::from(octet - b'0')),
            (b'0'..=b'9', Some(value @ 1..=25)) => part = Some(10 * value + u32::from(octet - b'0')),
            (b'.', Some(value @ 0..=255)) if dots < 3 => {
                (address, dots, part) = (address << 8 | value, dots + 1, None);
            }
            _ => return None,
        }
    }
    match part {
        Some(value @ 0..=255) if dots == 3 => Some(Ipv4Addr::from(address << 8 | value)),
        _ => None,
    }
}

/// Splits `host[:port]`, the host in brackets if it holds colons. A port that is no port is `None`.
pub(crate) fn split_host_port(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if text.first() == Some(&b'[') {
        let end = text.iter().position(|&octet| octet == b']')?.checked_add(1)?;
        let (host, rest) = text.split_at_checked(end)?;
        return match trim_start(rest) {
            [] => Some((host, None)),
            [b':', port @ ..] => Some((host, Some(port))),
            _ => None,
        };
    }
    match split_once(text, b':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

/// A `sip:` or `sips:` URI, nothing unescaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// `sip` or `sips` as written.
    pub scheme: &'a [u8],
    /// The user part, which may hold `;` and `?`.
    pub user: Option<&'a [u8]>,
    /// What follows the user after a colon.
    pub password: Option<&'a [u8]>,
    /// The host.
    pub host: Host<'a>,
    /// The port, if written.
    pub port: Option<u16>,
    /// The uri-parameters, without the first semicolon.
    pub params: &'a [u8],
    /// The headers after `?`.
    pub headers: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Reads a whole URI.
    pub fn parse(text: &'a [u8]) -> Result<Self, UriError> {
        let scheme = Self::scheme_of(text).ok_or(UriError::Malformed)?;
        if !scheme.eq_ignore_ascii_case(b"sip") && !scheme.eq_ignore_ascii_case(b"sips") {
            return Err(UriError::Scheme);
        }
        Self::parse_rest(scheme, text).ok_or(UriError::Malformed)
    }

    /// The scheme of any absolute URI.
    pub fn scheme_of(text: &[u8]) -> Option<&[u8]> {
        let (scheme, rest) = split_once(text, b':')?;
        let (first, more) = scheme.split_first()?;
        let legal = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
        if !first.is_ascii_alphabetic() || !more.iter().all(legal) || rest.is_empty() {
            return None;
        }
        Some(scheme)
    }

    fn parse_rest(scheme: &'a [u8], text: &'a [u8]) -> Option<Self> {
        if !is_uri_text(text) {
            return None;
        }
        let (_, rest) = split_once(text, b':')?;
        let (userinfo, rest) = match split_once(rest, b'@') {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, rest),
        };
        let (user, password) = match userinfo {
            Some(userinfo) => match split_once(userinfo, b':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(userinfo), None),
            },
            None => (None, None),
        };
        if user.is_some_and(<[u8]>::is_empty) {
            return None;
        }
        let (rest, headers) = match split_once(rest, b'?') {
            Some((rest, headers)) => (rest, Some(headers)),
            None => (rest, None),
        };
        let (hostport, params) = split_once(rest, b';').unwrap_or((rest, &[]));
        let (host, port) = split_host_port(hostport)?;
        let port = match port {
            Some(port) => Some(parse_port(port)?),
            None => None,
        };
        Some(Self { scheme, user, password, host: Host::parse(host)?, port, params, headers })
    }

    /// The host that a request for it goes to: the one that `maddr` names if it does, else its own (RFC 3261 section
    /// 19.1.1). What the request says of it stays as written. A `maddr` that is no host counts for nothing.
    pub fn next_hop(&self) -> Host<'a> {
        let instead = || self.param("maddr").flatten().and_then(Host::parse);
        // Most have no parameters at all.
        if self.params.is_empty() { self.host } else { instead().unwrap_or(self.host) }
    }

    /// The address and port that a request for it goes to, if its host need not be looked up.
    pub fn address(&self) -> Option<core::net::SocketAddr> {
        Some(core::net::SocketAddr::new(self.next_hop().ip()?, self.port.unwrap_or(5060)))
    }

    /// Whether the scheme is `sip`.
    pub const fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"sip")
    }

    /// Whether the scheme is `sips`.
    pub const fn is_sips(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"sips")
    }

    /// A uri-parameter: `None` if absent, `Some(None)` if it has no value. Names compare unescaped and
    /// without case (RFC 3261 section 19.1.4); the value is as written.
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        self.params().find(|(found, _)| same_unescaped(found, name.as_bytes())).map(|(_, value)| value)
    }

    /// All uri-parameters as written.
    pub fn params(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        self.params.split(|&octet| octet == b';').filter(|param| !param.is_empty()).map(|param| {
            match split_once(param, b'=') {
                Some((name, value)) => (name, Some(value)),
                None => (param, None),
            }
        })
    }

    /// Whether both name the same user at the same place: the user as written, the host in any case, 5060 where no port
    /// stands. Parameters do not count.
    pub(crate) fn is_same_place(&self, other: &Uri<'_>) -> bool {
        let same_host = match (self.host, other.host) {
            (Host::Name(left), Host::Name(right)) => left.eq_ignore_ascii_case(right),
            (left, right) => left == right,
        };
        same_host && self.user == other.user && self.port.unwrap_or(5060) == other.port.unwrap_or(5060)
    }

    /// The value of the `transport` parameter.
    pub fn transport(&self) -> Option<&'a [u8]> {
        self.param("transport").flatten()
    }
}

/// Octets that may stand in a URI: nothing that ends one in a header, no white space, no control.
pub(crate) fn is_uri_text(text: &[u8]) -> bool {
    let legal = |octet: u8| octet > b' ' && octet != 0x7F && octet != b'<' && octet != b'>' && octet != b'"';
    // Without an early end, so that several octets are looked at together.
    text.iter().fold(true, |all, &octet| all & legal(octet))
}

/// `text` with each `%HH` made its octet, once. A percent sign that escapes nothing stays.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    plain.extend(Unescape(text));
    Cow::Owned(plain)
}

/// Whether `text`, once unescaped, is `word` in any case (RFC 3261 section 19.1.4).
pub(crate) fn is_same_word(text: &[u8], word: &str) -> bool {
    same_unescaped(text, word.as_bytes())
}

fn same_unescaped(text: &[u8], plain: &[u8]) -> bool {
    Unescape(text).map(|octet| octet.to_ascii_lowercase()).eq(plain.iter().map(u8::to_ascii_lowercase))
}

struct Unescape<'a>(&'a [u8]);

impl Iterator for Unescape<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.0 = rest;
            return Some(high << 4 | low);
        }
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

const fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
