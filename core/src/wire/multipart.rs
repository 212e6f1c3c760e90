//! Bodies of several parts (RFC 2046 section 5.1, RFC 5621), read in place.
//!
//! [`description`] finds the session description of a message wherever it stands, [`check`] says whether a request's body
//! is one that somebody here takes, and [`leaves`] lists what it is made of. `write` makes such a body.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use memchr::memmem;

use super::SDP_TYPE;
use super::frame::Frame;
use super::header::quoted_end;
use super::limits::WireLimits;
use super::name::HeaderName;
use super::text::{split_once, trim, trim_end, unfold};

/// Octets that a boundary may have (RFC 2046 section 5.1.1).
const BOUNDARY_MAX: usize = 70;

/// What we read of bodies, as it stands in Accept beside what the application takes (RFC 5621 section 4.2).
pub(crate) const ACCEPTED: &str =
    "application/sdp, multipart/mixed, multipart/alternative, multipart/related";

/// A body, or one part of a body, with what its headers say of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entity<'a> {
    /// The value of Content-Type.
    pub content_type: Option<&'a [u8]>,
    /// The value of Content-Disposition.
    pub disposition: Option<&'a [u8]>,
    /// The value of Content-Encoding.
    pub encoding: Option<&'a [u8]>,
    /// The value of Content-Transfer-Encoding.
    pub transfer_encoding: Option<&'a [u8]>,
    /// The value of Content-ID.
    pub id: Option<&'a [u8]>,
    /// The header lines of a part as they came; none of the body of a message.
    pub head: &'a [u8],
    /// The octets, as they are encoded.
    pub body: &'a [u8],
}

/// Why a body is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFault {
    /// It cannot be taken apart.
    Malformed,
    /// It has more parts, or is nested deeper, than the limits allow.
    TooMany,
    /// It, or a part that must be handled, is of a type or for a purpose that nobody here knows.
    Unknown,
    /// It, or a part that must be handled, is compressed or otherwise encoded.
    Encoded,
}

impl<'a> Entity<'a> {
    /// The body of a message.
    pub fn of(frame: &Frame<'a>) -> Self {
        Self {
            content_type: frame.first(HeaderName::ContentType),
            disposition: frame.first(HeaderName::ContentDisposition),
            encoding: frame.first(HeaderName::ContentEncoding),
            transfer_encoding: frame.named("Content-Transfer-Encoding"),
            id: frame.named("Content-ID"),
            head: &[],
            body: frame.body(),
        }
    }

    /// One part: header lines, an empty line, and the octets (RFC 2046 section 5.1). A part may have no headers.
    fn read_part(text: &'a [u8]) -> Self {
        let mut part = Self { content_type: None, ..Self::default() };
        let mut rest = text;
        loop {
            let (line, next) = cut_field(rest);
            rest = next;
            if trim(line).is_empty() {
                break;
            }
            let Some((name, value)) = split_once(line, b':') else { continue };
            let (name, value) = (trim_end(name), trim(value));
            let slot = match HeaderName::from_text(name) {
                HeaderName::ContentType => &mut part.content_type,
                HeaderName::ContentEncoding => &mut part.encoding,
                _ if name.eq_ignore_ascii_case(b"Content-Disposition") => &mut part.disposition,
                _ if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") => &mut part.transfer_encoding,
                _ if name.eq_ignore_ascii_case(b"Content-ID") => &mut part.id,
                _ => continue,
            };
            slot.get_or_insert(value);
        }
        part.head = text.get(..text.len().saturating_sub(rest.len())).unwrap_or_default();
        part.body = rest;
        part
    }

    /// The header fields of a part, name and value, folds written as a space.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], Cow<'a, [u8]>)> + use<'a> {
        let mut rest = self.head;
        core::iter::from_fn(move || {
            while !rest.is_empty() {
                let (line, next) = cut_field(rest);
                rest = next;
                if let Some((name, value)) = split_once(line, b':') {
                    return Some((trim(name), unfold(trim(value))));
                }
            }
            None
        })
    }

    /// Whether nobody needs to know what it is (RFC 3261 section 20.11): the default is that somebody must.
    pub fn is_optional(&self) -> bool {
        let handling = self.disposition.and_then(|value| parameter(value, "handling"));
        handling.is_some_and(|handling| handling.eq_ignore_ascii_case(b"optional"))
    }

    /// The subtype, if it has several parts.
    fn multipart(&self) -> Option<&'a [u8]> {
        let kind = kind_of(self.content_type?);
        let (main, sub) = split_once(kind, b'/')?;
        trim(main).eq_ignore_ascii_case(b"multipart").then(|| trim(sub))
    }

    /// Whether it is a session description for the session itself. RFC 3261 section 20.11 takes that for granted where no
    /// disposition says otherwise; some say `render`.
    fn is_description(&self) -> bool {
        let purpose = self.disposition.map(kind_of);
        let for_session = purpose.is_none_or(|purpose| {
            [&b"session"[..], b"render"].iter().any(|known| purpose.eq_ignore_ascii_case(known))
        });
        for_session && self.content_type.is_some_and(|kind| is_type(kind, SDP_TYPE))
    }

    fn is_encoded(&self) -> bool {
        let plain = [&b"identity"[..], b"binary", b"8bit", b"7bit"];
        let encodings = [self.encoding, self.transfer_encoding];
        encodings.into_iter().flatten().any(|it| !plain.iter().any(|plain| it.eq_ignore_ascii_case(plain)))
    }

    /// Its parts. What stands before the first boundary and after the last is nothing; a body that ends without its last
    /// boundary ends its last part.
    fn parts(&self) -> Result<Parts<'a>, BodyFault> {
        let boundary = self.content_type.and_then(|kind| parameter(kind, "boundary"));
        let boundary = boundary.filter(|it| !it.is_empty() && it.len() <= BOUNDARY_MAX);
        let mut parts = Parts { boundary: boundary.ok_or(BodyFault::Malformed)?, rest: Some(self.body) };
        parts.cut().ok_or(BodyFault::Malformed)?;
        Ok(parts)
    }
}

/// The parts of a body.
struct Parts<'a> {
    boundary: Cow<'a, [u8]>,
    /// What follows the last boundary that was found; `None` behind the one that ends the body.
    rest: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    /// Cuts at the next boundary: what is before it, without the line break that belongs to the boundary. `None` if there
    /// is none.
    fn cut(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let mut from = 0;
        while let Some(at) = memmem::find(text.get(from..)?, b"--").map(|at| from + at) {
            from = at + 1;
            let before = text.get(..at)?;
            let behind = text.get(at + 2..)?.strip_prefix(&self.boundary[..]);
            let (Some(behind), true) = (behind, before.is_empty() || before.ends_with(b"\n")) else {
                continue;
            };
            let (last, behind) = match behind.strip_prefix(b"--") {
                Some(behind) => (true, behind),
                None => (false, behind),
            };
            let (line, next) = cut_line(behind);
            // Blanks may follow (RFC 2046 section 5.1.1). What goes on is another, longer boundary.
            if !last && !line.iter().all(|octet| matches!(octet, b' ' | b'\t')) {
                continue;
            }
            self.rest = if last { None } else { Some(next) };
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            return Some(before.strip_suffix(b"\r").unwrap_or(before));
        }
        None
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Entity<'a>;

    fn next(&mut self) -> Option<Entity<'a>> {
        let text = self.rest?;
        let part = match self.cut() {
            Some(part) => part,
            None => {
                self.rest = None;
                text
            }
        };
        Some(Entity::read_part(part))
    }
}

/// How a body is looked through, and what is left of its limits.
struct Walk<'w> {
    /// Whether a part that must be handled and cannot be is a fault. Of a response and an ACK it is none: they cannot be
    /// refused.
    strict: bool,
    taken: &'w dyn Fn(&[u8]) -> bool,
    parts_left: usize,
    depth_max: usize,
}

impl<'w> Walk<'w> {
    fn new(strict: bool, taken: &'w dyn Fn(&[u8]) -> bool, limits: &WireLimits) -> Self {
        Self { strict, taken, parts_left: limits.body_parts_max, depth_max: limits.body_depth_max }
    }

    /// The session description in a body. What may be left aside is left aside if anything is wrong with it.
    fn find<'a>(&mut self, entity: &Entity<'a>, depth: usize) -> Result<Option<&'a [u8]>, BodyFault> {
        match self.find_within(entity, depth) {
            Err(BodyFault::TooMany) => Err(BodyFault::TooMany),
            Err(_) if entity.is_optional() || !self.strict => Ok(None),
            found => found,
        }
    }

    fn find_within<'a>(&mut self, entity: &Entity<'a>, depth: usize) -> Result<Option<&'a [u8]>, BodyFault> {
        let Some(subtype) = entity.multipart() else {
            return match entity.content_type {
                _ if entity.is_description() && entity.is_encoded() => Err(BodyFault::Encoded),
                _ if entity.is_description() => Ok(Some(entity.body)),
                // Without a type a part is plain text (RFC 2046 section 5.1).
                kind if (self.taken)(kind.unwrap_or(b"text/plain")) => Ok(None),
                _ => Err(BodyFault::Unknown),
            };
        };
        if depth >= self.depth_max {
            return Err(BodyFault::TooMany);
        }
        if entity.is_encoded() {
            return Err(BodyFault::Encoded);
        }
        let alternative = subtype.eq_ignore_ascii_case(b"alternative");
        let related = subtype.eq_ignore_ascii_case(b"related");
        let root = entity.content_type.filter(|_| related).and_then(|kind| parameter(kind, "start"));
        let (mut found, mut fault, mut any) = (None, None, false);
        for (place, part) in entity.parts()?.enumerate() {
            self.parts_left = self.parts_left.checked_sub(1).ok_or(BodyFault::TooMany)?;
            let is_root = root.as_ref().map_or(place == 0, |root| part.id.is_some_and(|id| id == &root[..]));
            match self.find(&part, depth + 1) {
                Err(BodyFault::TooMany) => return Err(BodyFault::TooMany),
                // Of alternatives one will do. What goes with the root of related parts is the root's affair.
                Err(_) if related && !is_root => {}
                Err(BodyFault::Unknown) if alternative => fault = fault.or(Some(BodyFault::Unknown)),
                Err(other) => fault = fault.or(Some(other)),
                Ok(description) => {
                    any = true;
                    // The last alternative is the best (RFC 2046 section 5.1.4); of mixed parts the first counts.
                    found = if alternative { description.or(found) } else { found.or(description) };
                }
            }
        }
        match fault {
            Some(fault) if !alternative || !any => Err(fault),
            _ => Ok(found),
        }
    }
}

/// The body of a message that says nothing more of it than that it is a session description, as nearly all do.
fn only_description<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    if frame.has(HeaderName::ContentEncoding) || frame.has(HeaderName::ContentDisposition) {
        return None;
    }
    let mut types = frame.fields(HeaderName::ContentType);
    let (kind, more) = (types.next()?, types.next());
    let is_content = |name: &[u8]| name.get(..8).is_some_and(|it| it.eq_ignore_ascii_case(b"content-"));
    let plain = more.is_none()
        && kind.eq_ignore_ascii_case(SDP_TYPE.as_bytes())
        && !frame.headers_named(HeaderName::Other).any(|header| is_content(header.name_text));
    plain.then_some(frame.body())
}

/// The session description of a message, wherever in its body it stands; empty if there is none. A body without a type is
/// taken for one.
pub fn description<'a>(frame: &Frame<'a>, limits: &WireLimits) -> &'a [u8] {
    if frame.body().is_empty() {
        return &[];
    }
    if let Some(description) = only_description(frame) {
        return description;
    }
    match frame.first(HeaderName::ContentType) {
        None => frame.body(),
        Some(_) => {
            Walk::new(false, &|_| true, limits).find(&Entity::of(frame), 0).ok().flatten().unwrap_or_default()
        }
    }
}

/// Whether the body of a request is taken: each part that must be handled is a session description or of a type that
/// `taken` knows.
pub fn check(frame: &Frame<'_>, taken: &dyn Fn(&[u8]) -> bool, limits: &WireLimits) -> Result<(), BodyFault> {
    if frame.body().is_empty() || only_description(frame).is_some() {
        return Ok(());
    }
    let body = Entity::of(frame);
    if body.encoding.is_some() && body.is_encoded() && !body.is_optional() {
        return Err(BodyFault::Encoded);
    }
    Walk::new(true, taken, limits).find(&body, 0).map(|_| ())
}

/// What a body is made of, parts of parts taken apart, in order. A body of one part is itself; what cannot be taken apart,
/// or exceeds the limits, is left as it is.
pub fn leaves<'a>(entity: Entity<'a>, limits: &WireLimits) -> Vec<Entity<'a>> {
    let mut found = Vec::new();
    if !entity.body.is_empty() || entity.content_type.is_some() {
        add_leaves(entity, 0, limits, &mut found);
    }
    found
}

fn add_leaves<'a>(entity: Entity<'a>, depth: usize, limits: &WireLimits, found: &mut Vec<Entity<'a>>) {
    let parts = match entity.multipart() {
        Some(_) if depth < limits.body_depth_max => entity.parts().ok(),
        _ => None,
    };
    match parts {
        None => found.push(entity),
        Some(parts) => {
            for part in parts {
                if found.len() >= limits.body_parts_max {
                    return;
                }
                add_leaves(part, depth + 1, limits, found);
            }
        }
    }
}

/// A part of a body of ours: its header lines, each ending with CR LF, and its octets.
pub(crate) struct PartText<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
}

/// A `multipart/mixed` body of these parts. The boundary stands in none of them: the caller has looked, see
/// [`is_boundary_of`].
pub(crate) fn write(parts: &[PartText<'_>], boundary: &[u8]) -> Vec<u8> {
    let octets: usize =
        parts.iter().map(|part| part.head.len() + part.body.len() + boundary.len() + 10).sum();
    let mut body = Vec::with_capacity(octets + boundary.len() + 8);
    for part in parts {
        for text in [b"--", boundary, b"\r\n", part.head, b"\r\n", part.body, b"\r\n"] {
            body.extend_from_slice(text);
        }
    }
    for text in [b"--", boundary, b"--\r\n"] {
        body.extend_from_slice(text);
    }
    body
}

/// Whether this boundary parts these parts and nothing else.
pub(crate) fn is_boundary_of(boundary: &[u8], parts: &[PartText<'_>]) -> bool {
    let mut texts = parts.iter().flat_map(|part| [part.head, part.body]);
    texts.all(|text| memmem::find(text, boundary).is_none())
}

/// Whether a value of Content-Type or Accept names this type, in any case and with any white space, whatever its
/// parameters.
pub fn is_type(value: &[u8], kind: &str) -> bool {
    if value == kind.as_bytes() {
        return true;
    }
    // Some write a comment behind it, as in mail.
    let own = |octet: &&u8| !matches!(octet, b';' | b'(');
    let text = value.iter().take_while(own).filter(|octet| !octet.is_ascii_whitespace());
    text.map(u8::to_ascii_lowercase).eq(kind.bytes().map(|octet| octet.to_ascii_lowercase()))
}

/// A value without its parameters.
fn kind_of(value: &[u8]) -> &[u8] {
    trim(value.split(|&octet| matches!(octet, b';' | b'(')).next().unwrap_or_default())
}

/// The value of a parameter, unquoted. One without quotes goes on to the next semicolon: boundaries hold all sorts of
/// octets, and not everybody quotes those that must be.
fn parameter<'a>(value: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let mut rest = value.get(value.iter().position(|&octet| octet == b';')?.checked_add(1)?..)?;
    loop {
        let end = rest.iter().position(|&octet| matches!(octet, b';' | b'=')).unwrap_or(rest.len());
        let (found, behind) = rest.split_at_checked(end)?;
        let Some(behind) = behind.strip_prefix(b"=") else {
            rest = behind.strip_prefix(b";")?;
            continue;
        };
        let behind = super::text::trim_start(behind);
        let end = match behind.first() {
            Some(b'"') => quoted_end(behind)?,
            _ => behind.iter().position(|&octet| octet == b';').unwrap_or(behind.len()),
        };
        let (value, next) = behind.split_at_checked(end)?;
        if trim(found).eq_ignore_ascii_case(name.as_bytes()) {
            return Some(unquoted(trim(value)));
        }
        rest = next.get(next.iter().position(|&octet| octet == b';')?.checked_add(1)?..)?;
    }
}

fn unquoted(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(text) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return Cow::Borrowed(value);
    };
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut octets = text.iter();
    let plain = core::iter::from_fn(|| match octets.next() {
        Some(b'\\') => octets.next(),
        other => other,
    });
    Cow::Owned(plain.copied().collect())
}

/// The first line, and what follows its line break.
fn cut_line(text: &[u8]) -> (&[u8], &[u8]) {
    match split_once(text, b'\n') {
        Some((line, rest)) => (line.strip_suffix(b"\r").unwrap_or(line), rest),
        None => (text, &[]),
    }
}

/// The first header field with its folds, and what follows.
fn cut_field(text: &[u8]) -> (&[u8], &[u8]) {
    let (line, mut rest) = cut_line(text);
    let mut end = line.len();
    while !line.is_empty() && matches!(rest.first(), Some(b' ' | b'\t')) {
        let (fold, next) = cut_line(rest);
        end = text.len() - rest.len() + fold.len();
        rest = next;
    }
    (text.get(..end).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests;
