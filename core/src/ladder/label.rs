//! Messages and names in a few harmless words.

use alloc::format;
use alloc::string::String;

use crate::wire::{Frame, HeaderName, StartLine, WireLimits};

/// What a message is, for its colour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Request,
    Provisional,
    Success,
    Redirect,
    Failure,
    /// Not SIP.
    Other,
}

/// The label of a message and what it is.
pub(super) fn describe(bytes: &[u8]) -> (String, Kind) {
    let limits = WireLimits { message_octets_max: usize::MAX, ..WireLimits::default() };
    let Ok(frame) = Frame::parse(bytes, &limits) else {
        return (format!("{} octets, not SIP", bytes.len()), Kind::Other);
    };
    let body = match (frame.body().is_empty(), frame.first(HeaderName::ContentType)) {
        (true, _) => "",
        (false, Some(kind)) if kind.to_ascii_lowercase().starts_with(b"application/sdp") => " SDP",
        (false, _) => " +body",
    };
    match frame.start() {
        StartLine::Request { .. } => {
            let method = plain(&text(frame.method_text().unwrap_or(b"?")), 20);
            (format!("{method}{body}"), Kind::Request)
        }
        StartLine::Response { status: code, reason } => {
            let kind = match code {
                ..200 => Kind::Provisional,
                200..300 => Kind::Success,
                300..400 => Kind::Redirect,
                _ => Kind::Failure,
            };
            let reason = plain(&text(reason), 40);
            // Which request it answers is worth more than a phrase that everybody knows.
            let cseq = frame.first(HeaderName::CSeq).unwrap_or_default();
            let method = cseq.rsplit(|octet| octet.is_ascii_whitespace()).next().unwrap_or_default();
            let method = plain(&text(method), 20);
            let method = if method.is_empty() { method } else { format!(" ({method})") };
            let space = if reason.is_empty() { "" } else { " " };
            (format!("{code}{space}{reason}{method}{body}"), kind)
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether a character has width one and does nothing to a terminal or to the order of a line.
fn is_plain(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || c < '\u{300}' && c.is_alphabetic()
}

/// `text` with `?` for all that is not plain, at most `max` characters.
pub(super) fn plain(text: &str, max: usize) -> String {
    let mut all = text.chars().map(|c| if is_plain(c) { c } else { '?' });
    let mut short: String = all.by_ref().take(max).collect();
    if all.next().is_some() {
        short.truncate(short.char_indices().nth(max.saturating_sub(2)).map_or(0, |(at, _)| at));
        short.push_str("..");
    }
    short
}
