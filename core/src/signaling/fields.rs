//! Header fields that tell who calls, by which way and why, as typed values.
//!
//! They are read leniently: what cannot be read is left out, for none of it decides about a call.

use alloc::string::String;
use alloc::vec::Vec;

use crate::wire::text::{parse_number, split_token, trim};
use crate::wire::uri::unescape;
use crate::wire::{NameAddr, Params, split_values};

/// Values of one header that are read; a message that has more is not worth the memory.
pub(super) const VALUES_MAX: usize = 32;

/// Why a request was sent, or a call ended (RFC 3326).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Reason {
    /// `SIP`, `Q.850` or another name space of causes.
    pub protocol: String,
    /// The cause: a SIP status, a Q.850 cause.
    pub cause: Option<u16>,
    /// The cause in words.
    pub text: Option<String>,
}

/// A party as a header names it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The name shown to people.
    pub display: Option<String>,
    /// The URI, of any scheme.
    pub uri: String,
}

/// One diversion of a call, the latest first (RFC 5806).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Diversion {
    /// Who diverted the call.
    pub who: Identity,
    /// Why: `user-busy`, `no-answer`, `unconditional`…
    pub reason: Option<String>,
    /// How many diversions this entry stands for.
    pub counter: Option<u32>,
    /// Whether it is to be kept from the called party: `full`, `name`, `uri` or `off`.
    pub privacy: Option<String>,
}

/// One step of the way of a request (RFC 7044).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Who was asked for.
    pub target: Identity,
    /// The place of the step, such as `1.2`.
    pub index: String,
    /// Why the request went on from here.
    pub reasons: Vec<Reason>,
}

/// What a caller wants to be hidden (RFC 3323, RFC 3325, RFC 7044).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Privacy {
    /// Headers that tell of the caller.
    pub header: bool,
    /// What the session description tells.
    pub session: bool,
    /// What the user's own agent wrote.
    pub user: bool,
    /// The asserted identity.
    pub id: bool,
    /// The way of the request.
    pub history: bool,
    /// Nothing, expressly.
    pub none: bool,
    /// Rather no call than a call without privacy.
    pub critical: bool,
}

/// Somewhere else to ask (RFC 3261 section 20.10).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ContactEntry {
    /// The URI.
    pub uri: String,
    /// How much it is preferred, from 0 to 1000; 1000 if it does not say.
    pub q: u16,
}

impl Reason {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let (protocol, params) = split_token(trim(value));
        if protocol.is_empty() || !Params::is_well_formed(params) {
            return None;
        }
        let cause = Params::find(params, "cause").flatten().and_then(parse_number);
        let cause = cause.and_then(|cause| u16::try_from(cause).ok());
        Some(Self { protocol: text(protocol), cause, text: param(params, "text") })
    }
}

impl Identity {
    pub(super) fn of(addr: &NameAddr<'_>) -> Self {
        Self { display: addr.display.map(plain), uri: text(addr.uri) }
    }

    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        NameAddr::parse(value).map(|addr| Self::of(&addr))
    }
}

impl Diversion {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let addr = NameAddr::parse(value)?;
        let counter = Params::find(addr.params, "counter").flatten().and_then(parse_number);
        Some(Self {
            who: Identity::of(&addr),
            reason: param(addr.params, "reason"),
            counter: counter.and_then(|counter| u32::try_from(counter).ok()),
            privacy: param(addr.params, "privacy"),
        })
    }
}

impl HistoryEntry {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let addr = NameAddr::parse(value)?;
        let (uri, headers) = match addr.uri.iter().position(|&octet| octet == b'?') {
            Some(at) => addr.uri.split_at_checked(at)?,
            None => (addr.uri, &[][..]),
        };
        let fields = headers.split(|&octet| matches!(octet, b'?' | b'&'));
        let reason = fields.filter_map(|field| {
            let (name, value) = field.split_at_checked(b"Reason=".len())?;
            name.eq_ignore_ascii_case(b"Reason=").then(|| unescape(value))
        });
        let reasons = reason.flat_map(|value| {
            split_values(&value).filter_map(Reason::parse).take(VALUES_MAX).collect::<Vec<_>>()
        });
        Some(Self {
            target: Identity { display: addr.display.map(plain), uri: text(uri) },
            index: param(addr.params, "index").unwrap_or_default(),
            reasons: reasons.take(VALUES_MAX).collect(),
        })
    }
}

impl Privacy {
    /// Adds what one value says. The grammar wants semicolons; commas are met as well.
    pub(super) fn add(&mut self, value: &[u8]) {
        for word in value.split(|&octet| matches!(octet, b';' | b',')) {
            let word = trim(word).to_ascii_lowercase();
            match word.as_slice() {
                b"header" => self.header = true,
                b"session" => self.session = true,
                b"user" => self.user = true,
                b"id" => self.id = true,
                b"history" => self.history = true,
                b"none" => self.none = true,
                b"critical" => self.critical = true,
                _ => {}
            }
        }
    }

    /// Whether the caller's identity must not be shown to the called party.
    pub const fn hides_caller(self) -> bool {
        !self.none && (self.id || self.header || self.user)
    }
}

impl ContactEntry {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let addr = NameAddr::parse(value)?;
        Some(Self { uri: text(addr.uri), q: addr.q() })
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn param(params: &[u8], name: &str) -> Option<String> {
    Params::find(params, name).flatten().map(plain)
}

/// A token, or a quoted-string without its quotes and quoted-pairs (RFC 3261 section 25.1).
pub(super) fn plain(value: &[u8]) -> String {
    match value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(quoted) => text(&unquote(quoted)),
        None => text(value),
    }
}

fn unquote(quoted: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(quoted.len());
    let mut octets = quoted.iter();
    while let Some(&octet) = octets.next() {
        let octet = if octet == b'\\' { octets.next().copied() } else { Some(octet) };
        plain.extend(octet);
    }
    plain
}
