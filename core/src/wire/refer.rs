//! Readers and writers of what moves a call: Refer-To, Replaces, and the fragments that report how it went.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::frame::read_status_line;
use super::header::{NameAddr, Params};
use super::text::{Sink as _, check_text, check_token, find_line_break, is_token, split_once, trim};
use super::uri::{Uri, is_same_word, unescape};

/// Media type of a fragment of a message (RFC 3420).
pub const SIPFRAG_TYPE: &str = "message/sipfrag";

/// How we label a fragment that we send (RFC 3515 section 2.4.5).
pub(crate) const SIPFRAG_TYPE_SENT: &str = "message/sipfrag;version=2.0";

/// Header fields that a URI may wish for, ...
const WISHES_MAX: usize = 16;
/// ... and the octets of all their names and values.
const WISHES_OCTETS_MAX: usize = 4_096;

/// What anybody may ask us to say, besides names that begin with `X-`: no identity, no address, no history.
const HARMLESS: [&str; 8] = [
    "Accept-Contact",
    "Accept-Language",
    "Alert-Info",
    "Call-Info",
    "Priority",
    "Reject-Contact",
    "Subject",
    "User-to-User",
];

/// Whether anybody may ask us to say what has this name.
pub(crate) fn is_harmless(name: &str) -> bool {
    let private = name.len() > 2 && name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("X-"));
    private || HARMLESS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whom a REFER points to (RFC 3515 section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReferTo<'a> {
    /// The URI without its headers.
    pub uri: &'a [u8],
    /// The headers after `?`, as written.
    headers: &'a [u8],
}

impl<'a> ReferTo<'a> {
    /// Reads the one value. A URI of any scheme is read; only those of SIP have headers.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        Self::of(NameAddr::parse(text)?.uri)
    }

    /// Reads a URI that somebody else names, be it in Refer-To or in the Contact of a redirection.
    pub fn of(uri: &'a [u8]) -> Option<Self> {
        let headers = match Uri::parse(uri) {
            Ok(parsed) => parsed.headers,
            Err(super::UriError::Scheme) => None,
            Err(super::UriError::Malformed) => return None,
        };
        match headers {
            None => Some(Self { uri, headers: &[] }),
            // What follows the headers is nothing, what precedes them is `?`.
            Some(headers) => {
                let end = uri.len().checked_sub(headers.len())?.checked_sub(1)?;
                Some(Self { uri: uri.get(..end)?, headers })
            }
        }
    }

    /// The method of the request that is asked for, if the URI says (RFC 3261 section 19.1.1).
    pub fn method(&self) -> Option<&'a [u8]> {
        Uri::parse(self.uri).ok()?.param("method").map(Option::unwrap_or_default)
    }

    /// Whether it is somebody to call: nothing is said of a method, or INVITE.
    pub(crate) fn is_to_be_called(&self) -> bool {
        self.method().is_none_or(|method| is_same_word(method, "INVITE"))
    }

    /// What a request of ours has as its target: the URI without `method`, which belongs to no Request-URI (RFC 3261
    /// section 19.1.1).
    pub fn target(&self) -> Cow<'a, [u8]> {
        let Ok(parsed) = Uri::parse(self.uri) else { return Cow::Borrowed(self.uri) };
        let is_method = |name: &[u8]| unescape(name).eq_ignore_ascii_case(b"method");
        if !parsed.params().any(|(name, _)| is_method(name)) {
            return Cow::Borrowed(self.uri);
        }
        // The user may hold a semicolon, too.
        let end = self.uri.len().saturating_sub(parsed.params.len() + 1);
        let mut text = self.uri.get(..end).unwrap_or_default().to_vec();
        for param in parsed.params.split(|&octet| octet == b';').filter(|param| !param.is_empty()) {
            if !is_method(split_once(param, b'=').map_or(param, |(name, _)| name)) {
                text.push(b';');
                text.extend_from_slice(param);
            }
        }
        Cow::Owned(text)
    }

    /// Header fields that the URI wishes for and that do no harm (RFC 3261 section 19.1.5): what they say is for people, or for the
    /// application at the other end. All that could change where a request goes, who seems to send it, or what the stack
    /// makes of it is left out, and so is what would not stay in its line. At most 16, of 4096 octets together.
    pub fn wishes(&self) -> Vec<(String, String)> {
        let mut wishes = Vec::new();
        let mut left = WISHES_OCTETS_MAX;
        for (name, value) in self.headers() {
            let (Ok(name), Ok(value)) = (core::str::from_utf8(&name), core::str::from_utf8(&value)) else {
                continue;
            };
            let sound = is_harmless(name) && check_token(name).is_ok() && check_text(value).is_ok();
            let octets = name.len().saturating_add(value.len());
            if sound && octets <= left && wishes.len() < WISHES_MAX {
                left -= octets;
                wishes.push((name.into(), value.into()));
            }
        }
        wishes
    }

    /// The headers of the URI, unescaped.
    pub fn headers(&self) -> impl Iterator<Item = (Cow<'a, [u8]>, Cow<'a, [u8]>)> + use<'a> {
        self.headers.split(|&octet| octet == b'&').filter(|header| !header.is_empty()).map(|header| {
            let (name, value) = split_once(header, b'=').unwrap_or((header, &[]));
            (unescape(name), unescape(value))
        })
    }
}

/// The call that an INVITE takes the place of, as its receiver knows it (RFC 3891 section 6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replaces<'a> {
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// Tag of the receiver of the INVITE.
    pub to_tag: &'a [u8],
    /// Tag of the receiver's peer. `0` also means none.
    pub from_tag: &'a [u8],
    /// Whether only a call that is not answered yet may be replaced.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads the one value: each tag exactly once.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = trim(text);
        let (call_id, params) = text.split_at_checked(text.iter().position(|&octet| octet == b';')?)?;
        let call_id = trim(call_id);
        let foreign = |&octet: &u8| octet <= b' ' || octet == 0x7F || matches!(octet, b',' | b'=' | b'&');
        if call_id.is_empty() || call_id.iter().any(foreign) || !Params::is_well_formed(params) {
            return None;
        }
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for (name, value) in Params::new(params) {
            let slot = match () {
                () if name.eq_ignore_ascii_case(b"to-tag") => &mut to_tag,
                () if name.eq_ignore_ascii_case(b"from-tag") => &mut from_tag,
                () => {
                    early_only |= name.eq_ignore_ascii_case(b"early-only");
                    continue;
                }
            };
            if slot.replace(value.filter(|tag| is_token(tag))?).is_some() {
                return None;
            }
        }
        Some(Self { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// The value as text.
    pub fn to_value(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.call_id.len() + self.to_tag.len() + self.from_tag.len() + 32);
        for part in [self.call_id, b";to-tag=", self.to_tag, b";from-tag=", self.from_tag] {
            out.put(part);
        }
        if self.early_only {
            out.put(b";early-only");
        }
        out
    }
}

/// Writes `value` so that it can stand as the value of a header of a URI (RFC 3261 section 19.1.5, `hvalue`). More is
/// escaped than must be: nothing that anybody might take for a mark.
pub(crate) fn escape_into(value: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in value {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.' | b'!' | b'~' | b'*') {
            out.push(octet);
        } else {
            out.extend([b'%', DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
        }
    }
}

/// The status and phrase that a fragment begins with, which must be a status line (RFC 3515 section 2.4.5).
pub fn fragment_status(body: &[u8]) -> Option<(u16, &[u8])> {
    read_status_line(body.get(..find_line_break(body).unwrap_or(body.len()))?)
}

#[cfg(test)]
mod tests;
