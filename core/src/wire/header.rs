//! Readers for the headers that every message has.

use alloc::vec::Vec;

use memchr::memchr;

use super::text::{
    find_near, is_lws, is_token, is_token_octet, parse_port, split_token, token_len, trim, trim_start, unfold,
};
use super::uri::{Host, Uri, is_uri_text, split_host_port};

/// Header parameters: `;name=value`, white space and folds allowed around each mark.
///
/// Yields what it can read. [`Params::is_well_formed`] tells whether that is all.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
    broken: bool,
}

impl<'a> Params<'a> {
    /// Reads `text`, which is empty or begins with a semicolon.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: trim(text), broken: false }
    }

    /// Whether every parameter of `text` keeps to the grammar.
    pub fn is_well_formed(text: &'a [u8]) -> bool {
        let mut params = Self::new(text);
        while params.next().is_some() {}
        !params.broken
    }

    /// The first parameter called `name` in any case: `Some(None)` if it has no value.
    pub fn find(text: &'a [u8], name: &str) -> Option<Option<&'a [u8]>> {
        Self::new(text).find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    fn read(&mut self) -> Option<(&'a [u8], Option<&'a [u8]>)> {
        let rest = trim_start(self.rest.strip_prefix(b";")?);
        let (name, rest) = split_token(rest);
        if name.is_empty() {
            return None;
        }
        let rest = trim_start(rest);
        let Some(rest) = rest.strip_prefix(b"=") else {
            self.rest = rest;
            return Some((name, None));
        };
        let rest = trim_start(rest);
        let end = if rest.first() == Some(&b'"') { quoted_end(rest)? } else { plain_end(rest) };
        let (value, rest) = rest.split_at_checked(end)?;
        self.rest = trim_start(rest);
        if value.is_empty() { None } else { Some((name, Some(value))) }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() || self.broken {
            return None;
        }
        let param = self.read();
        self.broken = param.is_none();
        param
    }
}

/// Length of the quoted string that `text` begins with, both quotes included (RFC 3261 section 25.1).
pub(crate) fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, &octet) in text.iter().enumerate().skip(1) {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

/// Length of an unquoted parameter value: a token, a host (brackets, colons), or what some write instead.
pub(crate) fn plain_end(text: &[u8]) -> usize {
    // Nearly all are tokens.
    let token = token_len(text);
    let ends = |&octet: &u8| is_lws(octet) || matches!(octet, b';' | b',' | b'"' | b'<' | b'>' | b'=');
    let rest = text.get(token..).unwrap_or_default();
    token + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Splits a list of addresses (Contact, P-Asserted-Identity and their like). A comma that stands in a name without quotes
/// parts nothing: an address has been read when its `<` or its scheme has.
pub const fn split_addresses(text: &[u8]) -> SplitAddresses<'_> {
    SplitAddresses { values: split_values(text), more: true }
}

/// See [`split_addresses`].
#[derive(Clone, Debug)]
pub struct SplitAddresses<'a> {
    values: SplitValues<'a>,
    /// Whether an address may follow: what was looked through in vain is not looked through again.
    more: bool,
}

impl<'a> Iterator for SplitAddresses<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let whole = self.values.rest;
        let first = self.values.next()?;
        if !self.more || is_address(first) || first == b"*" {
            return Some(first);
        }
        // A word of a name: the address goes to the end of the first value that holds one.
        let after = self.values.clone();
        while let Some(value) = self.values.next() {
            if is_address(value) {
                let end = whole.len().checked_sub(self.values.rest.len())?;
                let text = trim(whole.get(..end)?);
                return Some(trim(text.strip_suffix(b",").unwrap_or(text)));
            }
        }
        (self.values, self.more) = (after, false);
        Some(first)
    }
}

/// Whether a value of a list holds an address, or at least the place of one.
fn is_address(value: &[u8]) -> bool {
    value.contains(&b'<') || Uri::scheme_of(value).is_some()
}

/// Splits a header value at its top-level commas: those in quoted strings and in `<>` do not count.
/// Values are trimmed, empty ones left out.
pub const fn split_values(text: &[u8]) -> SplitValues<'_> {
    SplitValues { rest: text }
}

/// See [`split_values`].
#[derive(Clone, Debug)]
pub struct SplitValues<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for SplitValues<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = value_end(self.rest);
            let value = trim(self.rest.get(..end).unwrap_or_default());
            self.rest = self.rest.get(end.saturating_add(1)..).unwrap_or_default();
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

pub(crate) fn value_end(text: &[u8]) -> usize {
    if memchr(b',', text).is_none() {
        return text.len();
    }
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, &octet) in text.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            _ if quoted => {}
            b'<' => angle = true,
            b'>' => angle = false,
            b',' if !angle => return at,
            _ => {}
        }
    }
    text.len()
}

/// One Via value (RFC 3261 section 20.42).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// The transport as written: `UDP`, `TCP`…
    pub transport_text: &'a [u8],
    /// Host of sent-by as written; an IPv6 address in its brackets.
    pub host: &'a [u8],
    /// Port of sent-by.
    pub port: Option<u16>,
    /// The branch.
    pub branch: Option<&'a [u8]>,
    /// RFC 3581: `Some(None)` if the peer asks for it, `Some(Some(port))` if filled in.
    pub rport: Option<Option<u16>>,
    /// The address the message came from, as the next hop saw it.
    pub received: Option<&'a [u8]>,
    /// The `maddr` parameter.
    pub maddr: Option<&'a [u8]>,
    /// All parameters, beginning with a semicolon unless empty.
    pub params: &'a [u8],
    /// The whole value.
    pub raw: &'a [u8],
}

impl<'a> Via<'a> {
    /// Reads one value; any version is read, as the start line says which one the message has.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let raw = trim(text);
        // Nearly all begin like this, and need not be taken apart.
        let (transport_text, rest) = match raw.strip_prefix(b"SIP/2.0/UDP") {
            Some(rest) => (raw.get(8..11)?, rest),
            None => Self::read_protocol(raw)?,
        };
        if !rest.first().is_some_and(|&octet| is_lws(octet)) {
            return None;
        }
        let end = find_near(rest, b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at_checked(end)?;
        let (host, port) = split_host_port(trim(sent_by))?;
        let host = trim(host);
        Host::parse(host)?;
        let port = match port {
            Some(port) => Some(parse_port(trim(port))?),
            None => None,
        };
        Self {
            transport_text,
            host,
            port,
            branch: None,
            rport: None,
            received: None,
            maddr: None,
            params,
            raw,
        }
        .read_params()
    }

    /// The transport, and what follows it.
    fn read_protocol(raw: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (protocol, rest) = split_token(raw);
        let rest = trim_start(trim_start(rest).strip_prefix(b"/")?);
        let (version, rest) = split_token(rest);
        let rest = trim_start(trim_start(rest).strip_prefix(b"/")?);
        let (transport_text, rest) = split_token(rest);
        if !protocol.eq_ignore_ascii_case(b"SIP") || version.is_empty() || transport_text.is_empty() {
            return None;
        }
        Some((transport_text, rest))
    }

    /// Reads the first value of a field. One that is empty is not skipped: the topmost Via is the peer's own.
    pub(crate) fn parse_first(field: &'a [u8]) -> Option<Self> {
        Self::parse(field.get(..value_end(field))?)
    }

    fn read_params(mut self) -> Option<Self> {
        let mut params = Params::new(self.params);
        for (name, value) in params.by_ref() {
            match name.len() {
                6 if name.eq_ignore_ascii_case(b"branch") => self.branch = self.branch.or(value),
                5 if name.eq_ignore_ascii_case(b"rport") => self.rport = Some(value.and_then(parse_port)),
                8 if name.eq_ignore_ascii_case(b"received") => self.received = value,
                5 if name.eq_ignore_ascii_case(b"maddr") => self.maddr = value,
                _ => {}
            }
        }
        if params.broken { None } else { Some(self) }
    }

    /// Any parameter: `Some(None)` if it has no value.
    pub fn param(&self, name: &str) -> Option<Option<&'a [u8]>> {
        Params::find(self.params, name)
    }
}

/// The value of From, To, Contact, Route and their like (RFC 3261 section 20.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included.
    pub display: Option<&'a [u8]>,
    /// The URI without `<>`.
    pub uri: &'a [u8],
    /// The header parameters, beginning with a semicolon unless empty.
    pub params: &'a [u8],
    /// The `tag` parameter, whatever its value.
    tag: Option<Option<&'a [u8]>>,
}

impl<'a> NameAddr<'a> {
    /// Reads one value. Without `<>`, parameters belong to the header, and a URI that holds a comma or a
    /// question mark is refused.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = trim(text);
        let (display, rest) = if text.first() == Some(&b'"') {
            let (display, rest) = text.split_at_checked(quoted_end(text)?)?;
            (display, trim_start(rest))
        } else {
            match angle_start(text) {
                Some(at) => {
                    let (display, rest) = text.split_at_checked(at)?;
                    (trim(display), rest)
                }
                None => return Self::parse_bare(text),
            }
        };
        if display.first() != Some(&b'"') && !display.iter().all(|&octet| is_display_octet(octet)) {
            return None;
        }
        let rest = rest.strip_prefix(b"<")?;
        let end = find_near(rest, b'>')?;
        let uri = rest.get(..end)?;
        let params = trim(rest.get(end.checked_add(1)?..)?);
        let display = if display.is_empty() { None } else { Some(display) };
        Self { display, uri, params, tag: None }.checked()
    }

    /// The display name as it must be written, if it came without the quotes that it needs: a quoted-string (RFC 3261
    /// section 25.1).
    pub(crate) fn quoted_display(&self) -> Option<Vec<u8>> {
        let display = self.display.filter(|display| display.first() != Some(&b'"'))?;
        if display.iter().all(|&octet| is_token_octet(octet) || is_lws(octet)) {
            return None;
        }
        let mut quoted = Vec::with_capacity(display.len().saturating_add(2));
        quoted.push(b'"');
        for &octet in unfold(display).iter() {
            if matches!(octet, b'"' | b'\\') {
                quoted.push(b'\\');
            }
            quoted.push(octet);
        }
        quoted.push(b'"');
        Some(quoted)
    }

    fn parse_bare(text: &'a [u8]) -> Option<Self> {
        let end = text.iter().position(|&octet| octet == b';').unwrap_or(text.len());
        let (uri, params) = text.split_at_checked(end)?;
        let uri = trim(uri);
        if uri.iter().any(|&octet| matches!(octet, b',' | b'?')) {
            return None;
        }
        Self { display: None, uri, params, tag: None }.checked()
    }

    fn checked(mut self) -> Option<Self> {
        let uri_fits = is_uri_text(self.uri) && Uri::scheme_of(self.uri).is_some();
        if !uri_fits || self.params.first().is_some_and(|&octet| octet != b';') {
            return None;
        }
        let mut params = Params::new(self.params);
        for (name, value) in params.by_ref() {
            if self.tag.is_none() && name.eq_ignore_ascii_case(b"tag") {
                self.tag = Some(value);
            }
        }
        if params.broken { None } else { Some(self) }
    }

    /// The value of a header parameter; empty if the parameter has none.
    pub fn param(&self, name: &str) -> Option<&'a [u8]> {
        Params::find(self.params, name).map(Option::unwrap_or_default)
    }

    /// The tag, if there is one that is a token.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag.flatten().filter(|tag| is_token(tag))
    }

    /// How much a Contact is preferred, in thousandths; one that does not say is preferred most (RFC 3261 section 16.6).
    pub fn q(&self) -> u16 {
        self.param("q").map_or(1_000, parse_q)
    }

    /// Whether there is a tag, be it a token or not.
    pub(crate) const fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }
}

/// A qvalue in thousandths; what is none counts least.
fn parse_q(text: &[u8]) -> u16 {
    let (whole, rest) = match text {
        [b'1', rest @ ..] => (1_000, rest),
        [b'0', rest @ ..] => (0, rest),
        rest => (0, rest),
    };
    let digits =
        rest.strip_prefix(b".").unwrap_or_default().iter().take_while(|octet| octet.is_ascii_digit());
    let thousandths = digits.zip([100_u16, 10, 1]).map(|(digit, worth)| u16::from(digit - b'0') * worth);
    (whole + thousandths.sum::<u16>()).min(1_000)
}

/// What may stand in a name without quotes. The grammar wants tokens and white space; many write names as people do, with
/// `,`, `&`, brackets or letters beyond ASCII, and what ends a name is `<` alone. RFC 4475 section 3.1.2.15 has such a name.
const fn is_display_octet(octet: u8) -> bool {
    is_lws(octet) || octet > b' ' && octet != b'<' && octet != b'>' && octet != 0x7F
}

/// Where the `<` of a name-addr without a quoted name stands; `None` if there is none, or it belongs to the parameters of
/// a bare URI.
fn angle_start(text: &[u8]) -> Option<usize> {
    let mark = |from: usize| {
        let rest = text.get(from..)?;
        Some(from + rest.iter().position(|&octet| matches!(octet, b'<' | b'"' | b';'))?)
    };
    let mut at = mark(0)?;
    // Looked for once: where a URI could begin to have parameters, if the text begins with one.
    let mut bare = None;
    loop {
        at = match text.get(at)? {
            b'<' => return Some(at),
            // A quoted word within the name: no mark counts there.
            b'"' => mark(at.checked_add(quoted_end(text.get(at..)?)?)?)?,
            // What precedes it is a URI, or a word of the name.
            _ if at
                > *bare.get_or_insert_with(|| Uri::scheme_of(text).map_or(usize::MAX, |it| it.len() + 1)) =>
            {
                return None;
            }
            _ => mark(at.checked_add(1)?)?,
        };
    }
}

#[cfg(test)]
mod tests;
