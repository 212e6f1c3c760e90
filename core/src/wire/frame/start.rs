//! The first line of a message.

use super::super::method::Method;
use super::super::text::{is_lws, is_token, parse_u32, split_once, split_token, trim};
use super::super::uri::is_uri_text;
use super::{Fault, skip_line_breaks};

/// First line of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The method.
        method: Method,
        /// Its text, for `Extension`.
        method_text: &'a [u8],
        /// The Request-URI.
        uri: &'a [u8],
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// The phrase, maybe empty.
        reason: &'a [u8],
    },
}

pub(super) const BAD_REQUEST_LINE: Fault = Fault { status: 400, reason: "Malformed Request-Line" };

/// Reads either kind of start line; `None` if it is none that anybody could answer.
pub(super) fn read_start_line(line: &[u8]) -> Option<(StartLine<'_>, Option<Fault>)> {
    match line.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case(b"SIP/") => {
            read_status_line(line).map(|(status, reason)| (StartLine::Response { status, reason }, None))
        }
        _ => read_request_line(line),
    }
}

/// The method of what looks like a request, before anything else of it is read.
pub(crate) fn peek_method(bytes: &[u8]) -> Option<Method> {
    match split_token(skip_line_breaks(bytes)) {
        (method, [b' ' | b'\t', ..]) if !method.is_empty() => Some(Method::from_text(method)),
        _ => None,
    }
}

/// `SIP/2.0 SP 3DIGIT SP Reason-Phrase` (RFC 3261 section 7.2). The last blank is often left out with an empty phrase.
pub(crate) fn read_status_line(line: &[u8]) -> Option<(u16, &[u8])> {
    let [b'2', b'.', b'0', b' ', digits @ ..] = line.get(4..)? else {
        return None;
    };
    let (digits, reason) = digits.split_at_checked(3)?;
    let status = parse_u32(digits).and_then(|status| u16::try_from(status).ok())?;
    let reason = match reason {
        [] => reason,
        [b' ', phrase @ ..] => phrase,
        _ => return None,
    };
    if (100..700).contains(&status) { Some((status, reason)) } else { None }
}

/// `Method SP Request-URI SP SIP-Version`, with exactly one blank each (RFC 3261 section 7.1).
fn read_request_line(line: &[u8]) -> Option<(StartLine<'_>, Option<Fault>)> {
    let (method_text, rest) = split_token(line);
    let rest = match rest {
        [b' ' | b'\t', rest @ ..] if !method_text.is_empty() => rest,
        _ => return None,
    };
    let method = Method::from_text(method_text);
    // Nearly every line keeps to the grammar.
    if let Some(uri) = rest.strip_suffix(b" SIP/2.0").filter(|uri| is_request_uri(uri)) {
        return Some((StartLine::Request { method, method_text, uri }, None));
    }
    // The version is the last word, so that blanks inside a broken URI do not hide it.
    let trimmed = trim(rest);
    let blank = trimmed.iter().rposition(|&octet| is_lws(octet));
    let (uri, version) = match blank.and_then(|at| trimmed.split_at_checked(at)) {
        Some((uri, version)) => (uri, trim(version)),
        None => (trimmed, &[][..]),
    };
    let fault = match version_of(version) {
        Version::Sip2 if trimmed.len() == rest.len() && is_request_uri(uri) => None,
        Version::Sip2 | Version::None => Some(BAD_REQUEST_LINE),
        Version::OtherSip => Some(Fault { status: 505, reason: "Version Not Supported" }),
        Version::Foreign => return None,
    };
    let uri = if matches!(version_of(version), Version::None) { trimmed } else { trim(uri) };
    Some((StartLine::Request { method, method_text, uri }, fault))
}

fn is_request_uri(uri: &[u8]) -> bool {
    !uri.is_empty() && is_uri_text(uri)
}

enum Version {
    Sip2,
    OtherSip,
    /// Another protocol's: `HTTP/1.1`.
    Foreign,
    None,
}

fn version_of(word: &[u8]) -> Version {
    let Some((protocol, number)) =
        word.iter().position(|&octet| octet == b'/').and_then(|at| word.split_at_checked(at))
    else {
        return Version::None;
    };
    if !protocol.eq_ignore_ascii_case(b"SIP") {
        let foreign = is_token(protocol) && number.get(1).is_some_and(u8::is_ascii_digit);
        return if foreign { Version::Foreign } else { Version::None };
    }
    let number = number.get(1..).unwrap_or_default();
    let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    match split_once(number, b'.') {
        Some((b"2", b"0")) => Version::Sip2,
        Some((major, minor)) if digits(major) && digits(minor) => Version::OtherSip,
        _ => Version::None,
    }
}
