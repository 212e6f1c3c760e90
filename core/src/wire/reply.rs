//! What a response takes from its request.

use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;
use memchr::memchr;

use super::build::Writer;
use super::frame::{Facts, Frame};
use super::header::{NameAddr, Params, Via, value_end};
use super::name::HeaderName;
use super::path::Path;
use super::text::{Sink as _, trim, trim_start, unfold_into};
use super::uri::Host;

/// RFC 3261 section 19.1.2.
const SIP_PORT: u16 = 5060;

/// Room for what is filled into the topmost Via.
const VIA_ROOM: usize = 64;

/// Everything a response copies from its request (RFC 3261 section 8.2.6): every Via, the topmost with
/// `received` and `rport` filled in (section 18.2.1, RFC 3581), From, Call-ID, CSeq and To, and, apart,
/// Record-Route. Folded values are written unfolded.
#[derive(Clone, Debug)]
pub struct ReplyHead {
    text: Vec<u8>,
    /// Up to here `text` goes into every response; it ends within the To line, where a tag belongs.
    to_end: usize,
    has_to_tag: bool,
}

impl ReplyHead {
    /// Copies from `frame`. Without `facts`, what there is, to answer a malformed request.
    pub fn new(frame: &Frame<'_>, facts: Option<&Facts<'_>>, path: &Path) -> Self {
        let copied = Copied::find(frame);
        let mut out = Vec::with_capacity(copied.len.saturating_add(VIA_ROOM));
        let mut top = true;
        for header in frame.headers().filter(|header| header.name == HeaderName::Via) {
            out.put(b"Via: ");
            if top {
                write_top_via(frame, facts, header.value, path, &mut out);
                top = false;
            } else {
                copy(frame, header.value, &mut out);
            }
            out.put(b"\r\n");
        }
        for (name, value) in [("From: ", copied.from), ("Call-ID: ", copied.call_id), ("CSeq: ", copied.cseq)]
        {
            if let Some(value) = value {
                out.put(name.as_bytes());
                copy(frame, value, &mut out);
                out.put(b"\r\n");
            }
        }
        if let Some(to) = copied.to {
            out.put(b"To: ");
            copy(frame, to, &mut out);
        }
        let to_end = out.len();
        let has_to_tag = match (facts, copied.to) {
            (Some(facts), _) => facts.to_tag.is_some(),
            (None, Some(to)) => seems_tagged(to),
            // Without a To there is no line to put a tag on.
            (None, None) => true,
        };
        if copied.to.is_some() {
            out.put(b"\r\n");
        }
        if copied.routed {
            for header in frame.headers().filter(|header| header.name == HeaderName::RecordRoute) {
                out.put(b"Record-Route: ");
                copy(frame, header.value, &mut out);
                out.put(b"\r\n");
            }
        }
        Self { text: out, to_end, has_to_tag }
    }

    /// Writes a response. `to_tag` is used only if the request had none; `record_route` is for responses
    /// that make a dialog (RFC 3261 section 12.1.1); `body` is its type and its octets.
    pub fn respond(
        &self,
        status: u16,
        reason: &str,
        to_tag: Option<&[u8]>,
        record_route: bool,
        extra: &[(&str, &[u8])],
        body: Option<(&str, &[u8])>,
    ) -> Bytes {
        let to_tag = to_tag.filter(|_| !self.has_to_tag);
        let extra_len: usize = extra.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let body_len = body.map_or(0, |(kind, body)| kind.len() + "Content-Type: \r\n".len() + body.len());
        // As good as exact, for a response is kept as long as its transaction.
        let capacity = "SIP/2.0 200 \r\n".len()
            + reason.len()
            + self.text.len()
            + to_tag.map_or(0, |tag| tag.len() + ";tag=".len())
            + extra_len
            + "Content-Length: 65535\r\n\r\n".len()
            + body_len;
        let mut writer = Writer::response_with_capacity(status, reason, capacity);
        let (head, rest) = self.text.split_at_checked(self.to_end).unwrap_or((&self.text, &[]));
        writer.raw(head);
        if let Some(tag) = to_tag {
            writer.raw(b";tag=");
            writer.raw(tag);
        }
        // What follows the To, if there is one, is its line break; then comes Record-Route.
        let routes = match rest.strip_prefix(b"\r\n") {
            Some(routes) => {
                writer.raw(b"\r\n");
                routes
            }
            None => rest,
        };
        if record_route {
            writer.raw(routes);
        }
        for (name, value) in extra {
            writer.header(name, value);
        }
        match body {
            Some((content_type, body)) => writer.finish_with(content_type, body),
            None => writer.finish(),
        }
    }

    /// Whether the request's To had a tag, so that none is added.
    pub const fn has_to_tag(&self) -> bool {
        self.has_to_tag
    }

    /// Octets held.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Octets that are set aside for them.
    pub(crate) fn octets(&self) -> usize {
        self.text.capacity()
    }

    /// Whether there was nothing to copy.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// See [`reply_path`].
    pub fn reply_path(via: &Via<'_>, path: &Path) -> Path {
        reply_path(via, path)
    }

    /// The path of a response to `frame`, whose topmost Via may be broken: then back to the source.
    pub fn reply_path_of(frame: &Frame<'_>, path: &Path) -> Path {
        let via = frame.first(HeaderName::Via).and_then(Via::parse_first);
        via.map_or(*path, |via| reply_path(&via, path))
    }
}

/// Where a response goes (RFC 3261 section 18.2.2, RFC 3581 section 4): with `rport` to the source, else to
/// the source address at the port of sent-by.
///
/// `maddr` is ignored: it would let anyone have responses sent to whom he likes.
pub fn reply_path(via: &Via<'_>, path: &Path) -> Path {
    if via.rport.is_some() {
        return *path;
    }
    let mut remote = path.remote;
    remote.set_port(via.port.unwrap_or(SIP_PORT));
    Path { remote, ..*path }
}

/// The values that a response copies, the first of each name.
#[derive(Default)]
struct Copied<'a> {
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
    /// Whether there is a Record-Route.
    routed: bool,
    /// Octets of all of them as header fields.
    len: usize,
}

impl<'a> Copied<'a> {
    fn find(frame: &Frame<'a>) -> Self {
        /// What stands around a value: a name that is written out, colon, blank and line break.
        const AROUND: usize = "Record-Route: \r\n".len();
        let mut copied = Self::default();
        for header in frame.headers() {
            match header.name {
                HeaderName::From => copied.from = copied.from.or(Some(header.value)),
                HeaderName::To => copied.to = copied.to.or(Some(header.value)),
                HeaderName::CallId => copied.call_id = copied.call_id.or(Some(header.value)),
                HeaderName::CSeq => copied.cseq = copied.cseq.or(Some(header.value)),
                HeaderName::RecordRoute => copied.routed = true,
                HeaderName::Via => {}
                _ => continue,
            }
            copied.len += header.value.len() + AROUND;
        }
        copied
    }
}

/// Copies a value of `frame` as one line.
fn copy(frame: &Frame<'_>, value: &[u8], out: &mut Vec<u8>) {
    if frame.is_folded() {
        unfold_into(value, out);
    } else {
        out.put(value);
    }
}

/// The branch of a Via that has nothing beside it but an empty `rport`, as nearly all have.
fn only_branch<'a>(via: &Via<'a>) -> Option<&'a [u8]> {
    let branch = via.params.strip_suffix(b";rport")?;
    let alone = memchr(b';', branch.get(1..)?).is_none();
    (via.branch.is_some() && alone).then_some(branch)
}

/// Writes a Via field whose first value is the topmost Via.
fn write_top_via(frame: &Frame<'_>, facts: Option<&Facts<'_>>, value: &[u8], path: &Path, out: &mut Vec<u8>) {
    let (first, more) = value.split_at_checked(value_end(value)).unwrap_or((value, &[]));
    let Some(via) = facts.map(|facts| facts.via).or_else(|| Via::parse(first)) else {
        copy(frame, value, out);
        return;
    };
    let sent = via.raw.get(..via.raw.len().saturating_sub(via.params.len())).unwrap_or_default();
    copy(frame, trim(sent), out);
    let branch = only_branch(&via);
    copy(frame, branch.unwrap_or_default(), out);
    for (name, value) in Params::new(if branch.is_some() { &[] } else { via.params }) {
        // What the peer wrote of these two is not for it to say.
        if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.put(b";");
        out.put(name);
        if let Some(value) = value {
            out.put(b"=");
            copy(frame, value, out);
        }
    }
    let source = canonical(path.remote.ip());
    let sent_by = || Host::parse(via.host).and_then(|host| host.ip()).map(canonical);
    if via.rport.is_some() || sent_by() != Some(source) {
        out.put(b";received=");
        out.put_ip(source);
    }
    if via.rport.is_some() {
        out.put(b";rport=");
        out.put_number(u64::from(path.remote.port()));
    }
    if !more.is_empty() {
        copy(frame, more, out);
    }
}

const fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Whether a To that may be broken looks as if it had a tag: a second one would be worse than none.
fn seems_tagged(to: &[u8]) -> bool {
    if let Some(to) = NameAddr::parse(to) {
        return Params::find(to.params, "tag").is_some();
    }
    to.split(|&octet| octet == b';').skip(1).any(|param| {
        let param = trim_start(param);
        let named = param.get(..3).is_some_and(|name| name.eq_ignore_ascii_case(b"tag"));
        named && trim_start(param.get(3..).unwrap_or_default()).first() == Some(&b'=')
    })
}

#[cfg(test)]
mod tests;
