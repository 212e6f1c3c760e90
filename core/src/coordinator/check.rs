//! What a request must be before anybody looks at what it wants (RFC 3261 section 8.2).

use alloc::vec::Vec;

use super::UnifiedCoordinator;
use super::ingress::{Refusal, Request};
use super::replaces::check_replaces;
use crate::adapter::understands;
use crate::api::{Counter, Reliable};
use crate::wire::frame::Frame;
use crate::wire::method::Method;
use crate::wire::uri::{Uri, UriError};
use crate::wire::{HeaderName, SDP_TYPE};

impl UnifiedCoordinator {
    /// Method, scheme, extensions and body, in the order of section 8.2.
    pub(super) fn check(&mut self, request: &Request<'_>) -> Result<(), Refusal<'static>> {
        let outcome = check_request(request, &self.board.allow, self.board.config.reliable);
        if outcome.is_err() {
            self.board.counters.add(Counter::Unsupported);
        }
        outcome
    }
}

fn check_request(request: &Request<'_>, allow: &[u8], reliable: Reliable) -> Result<(), Refusal<'static>> {
    let frame = request.frame;
    match request.method {
        Method::Extension => return Err(Refusal::with(501, "Allow", allow.to_vec())),
        method if !is_allowed(method, allow) => return Err(Refusal::with(405, "Allow", allow.to_vec())),
        _ => {}
    }
    match Uri::parse(request.uri) {
        // `sips` asks for TLS on every hop (section 26.2.2), which UDP is not.
        Ok(uri) if uri.is_sips() => return Err(Refusal::plain(416)),
        Ok(_) => {}
        Err(UriError::Malformed)
            if Uri::scheme_of(request.uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sip")) =>
        {
            return Err(Refusal { reason: "Malformed Request-URI", ..Refusal::plain(400) });
        }
        Err(_) => return Err(Refusal::plain(416)),
    }
    // Section 8.2.2.3: what is required and not understood is named.
    let missing: Vec<&[u8]> =
        frame.values(HeaderName::Require).filter(|extension| !understands(reliable, extension)).collect();
    if !missing.is_empty() {
        return Err(Refusal::with(420, "Unsupported", missing.join(&b", "[..])));
    }
    check_replaces(request)?;
    match request.method {
        Method::Invite | Method::Update | Method::Prack => check_body(frame),
        _ => Ok(()),
    }
}

/// Whether Allow names this method.
fn is_allowed(method: Method, allow: &[u8]) -> bool {
    allow.split(|&octet| octet == b',').any(|ours| ours.trim_ascii() == method.as_str().as_bytes())
}

/// Section 8.2.3, and 406 for a caller who would not understand our answer.
pub(super) fn check_body(frame: &Frame<'_>) -> Result<(), Refusal<'static>> {
    if !frame.body().is_empty() {
        if let Some(encoding) = frame.first(HeaderName::ContentEncoding)
            && !encoding.eq_ignore_ascii_case(b"identity")
        {
            return Err(Refusal::with(415, "Accept-Encoding", b"identity".to_vec()));
        }
        if !frame.first(HeaderName::ContentType).is_some_and(|value| is_type(value, SDP_TYPE)) {
            return Err(Refusal::with(415, "Accept", SDP_TYPE.as_bytes().to_vec()));
        }
    }
    let mut accepts = frame.values(HeaderName::Accept).peekable();
    let takes_sdp = |value| [SDP_TYPE, "application/*", "*/*"].into_iter().any(|kind| is_type(value, kind));
    if accepts.peek().is_some() && !accepts.any(takes_sdp) {
        return Err(Refusal::plain(406));
    }
    Ok(())
}

/// Whether a value of Content-Type or Accept names this type, in any case and with any white space, whatever its
/// parameters.
pub(super) fn is_type(value: &[u8], kind: &str) -> bool {
    if value == kind.as_bytes() {
        return true;
    }
    let text = value.iter().take_while(|&&octet| octet != b';').filter(|octet| !octet.is_ascii_whitespace());
    text.map(u8::to_ascii_lowercase).eq(kind.bytes())
}
