//! A little reading of its own: what the checker wants to know of a message, from the header lines as they stand.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::wire::{Frame, HeaderName, StartLine, WireLimits, split_values};

/// What starts a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Start {
    Request { method: String, uri: String },
    Response { status: u16 },
}

/// One message, taken apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) start: Start,
    /// The first line, to be shown.
    pub(super) line: String,
    /// All of it, to be compared.
    pub(super) bytes: Vec<u8>,
    pub(super) vias: Vec<String>,
    pub(super) branch: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) from_tag: Option<String>,
    pub(super) to_tag: Option<String>,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// The method that CSeq names.
    pub(super) method: String,
    pub(super) contacts: usize,
    pub(super) record_routes: Vec<String>,
    pub(super) routes: Vec<String>,
    pub(super) max_forwards: Option<String>,
    pub(super) content_length: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: String,
}

impl Message {
    /// Reads a datagram; what is missing is said in words.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let frame = Frame::parse(bytes, &WireLimits::NONE).map_err(|error| error.to_string())?;
        let start = match frame.start() {
            StartLine::Request { method_text, uri, .. } => {
                Start::Request { method: text(method_text), uri: text(uri) }
            }
            StartLine::Response { status, .. } => Start::Response { status },
        };
        let all = |name| -> Vec<String> {
            let fields = frame.headers().filter(move |header| header.name == name);
            fields.flat_map(|header| split_values(header.value)).map(text).collect()
        };
        let one = |name| -> Result<String, String> {
            let mut fields = frame.headers().filter(|header| header.name == name);
            match (fields.next(), fields.next()) {
                (Some(header), None) => Ok(text(header.value)),
                (None, _) => Err(alloc::format!("no {name:?}")),
                (Some(_), Some(_)) => Err(alloc::format!("two {name:?}")),
            }
        };
        let vias = all(HeaderName::Via);
        let top = vias.first().ok_or("no Via")?;
        let branch = param(top, "branch").ok_or("no branch")?;
        let (from, to) = (one(HeaderName::From)?, one(HeaderName::To)?);
        let cseq = one(HeaderName::CSeq)?;
        let (number, method) = cseq.split_once(' ').ok_or("no method in CSeq")?;
        let body_at = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no empty line")?;
        Ok(Self {
            start,
            line: text(bytes.split(|&octet| octet == b'\r').next().unwrap_or_default()),
            bytes: bytes.to_vec(),
            branch,
            from_tag: tag(&from),
            to_tag: tag(&to),
            from,
            to,
            call_id: one(HeaderName::CallId)?,
            cseq: number.parse().map_err(|_| "CSeq is no number")?,
            method: method.trim().to_owned(),
            contacts: all(HeaderName::Contact).len(),
            record_routes: all(HeaderName::RecordRoute),
            routes: all(HeaderName::Route),
            max_forwards: one(HeaderName::MaxForwards).ok(),
            content_length: one(HeaderName::ContentLength).ok(),
            content_type: one(HeaderName::ContentType).ok(),
            body: text(bytes.get(body_at + 4..).unwrap_or_default()),
            vias,
        })
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status } => Some(status),
        }
    }

    pub(super) fn uri(&self) -> &str {
        match &self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => "",
        }
    }

    /// Whether it carries a session description.
    pub(super) fn has_sdp(&self) -> bool {
        !self.body.is_empty() && self.content_type.as_deref() == Some("application/sdp")
    }

    /// The Via values without what a server adds to the topmost one (RFC 3261 section 18.2.1, RFC 3581).
    pub(super) fn bare_vias(&self) -> Vec<String> {
        let bare = |via: &String| -> String {
            let kept = via.split(';').filter(|part| {
                let name = part.split('=').next().unwrap_or_default().trim();
                !name.eq_ignore_ascii_case("received") && !name.eq_ignore_ascii_case("rport")
            });
            kept.collect::<Vec<_>>().join(";")
        };
        self.vias.iter().map(bare).collect()
    }

    /// Session id and version of the o= line.
    pub(super) fn origin(&self) -> Option<(&str, u64)> {
        let line = self.body.lines().find_map(|line| line.strip_prefix("o="))?;
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?.parse().ok()?))
    }

    /// The lines of the head after the first. One that is no text has been damaged on its way, and came back.
    pub(super) fn head(&self) -> impl Iterator<Item = &str> {
        let lines = self.bytes.split(|&octet| octet == b'\n').skip(1);
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        lines.take_while(|line| !line.is_empty()).filter_map(|line| core::str::from_utf8(line).ok())
    }

    /// Number of media lines.
    pub(super) fn media_lines(&self) -> usize {
        self.body.lines().filter(|line| line.starts_with("m=")).count()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The value of a parameter behind the last `>` of a header value, or anywhere if it has none.
fn param(value: &str, name: &str) -> Option<String> {
    let params = value.rsplit('>').next().unwrap_or_default();
    params.split(';').skip(usize::from(!params.starts_with(';'))).find_map(|part| {
        let (found, value) = part.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

fn tag(value: &str) -> Option<String> {
    param(value, "tag")
}
