//! What a request must be before anybody looks at what it wants (RFC 3261 section 8.2).

use alloc::vec::Vec;

use super::UnifiedCoordinator;
use super::ingress::{Asked, Refusal};
use super::replaces::check_replaces;
use crate::adapter::{Switchboard, understands};
use crate::api::Counter;
use crate::dialog::Unfit;
use crate::wire::frame::Frame;
use crate::wire::method::Method;
pub(super) use crate::wire::multipart::is_type;
use crate::wire::multipart::{self, BodyFault};
use crate::wire::uri::{Uri, UriError};
use crate::wire::{HeaderName, SDP_TYPE, Tel, Unspoken};

impl UnifiedCoordinator {
    /// Method, scheme, extensions and body, in the order of section 8.2.
    pub(super) fn check(&mut self, request: &Asked<'_>) -> Result<(), Refusal<'static>> {
        let outcome = check_request(request, &self.board);
        if outcome.is_err() {
            self.board.counters.add(Counter::Unsupported);
        }
        outcome
    }
}

fn check_request(request: &Asked<'_>, board: &Switchboard) -> Result<(), Refusal<'static>> {
    let (allow, reliable) = (&board.allow, board.config.reliable);
    let frame = request.frame;
    match request.method {
        // Section 8.2.1: of the methods.
        Method::Extension => return Err(Refusal::with(501, "Allow", allow.to_vec())),
        method if !is_allowed(method, allow) => return Err(Refusal::with(405, "Allow", allow.to_vec())),
        _ => {}
    }
    // Section 8.2.2.1: of the schemes.
    match Uri::parse(request.uri) {
        // `sips` asks for TLS on every hop (section 26.2.2), which UDP is not.
        Ok(uri) if uri.is_sips() => return Err(Refusal::plain(416)),
        Ok(_) => {}
        Err(UriError::Malformed)
            if Uri::scheme_of(request.uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sip")) =>
        {
            return Err(Refusal { reason: "Malformed Request-URI", ..Refusal::plain(400) });
        }
        // A number of ours, as a gateway may put it (RFC 3261 section 19.1.6).
        Err(UriError::Scheme) if Tel::parse(request.uri).is_some() => {}
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
        // What a PRACK acknowledges is one question, and what it carries another.
        Method::Invite | Method::Update => check_body(frame, board),
        _ => Ok(()),
    }
}

impl From<Unfit> for Refusal<'_> {
    /// A peer whose next hop asks for a transport protocol that is not spoken we could neither hang up on nor ask to change
    /// anything, and what was meant for TLS must not go in clear. As RFC 5630 section 5.1.2 does it for `sips`.
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Fault(fault) => fault.into(),
            Unfit::Unspoken(transport) => unspoken(transport),
        }
    }
}

/// The refusal of what only another transport protocol can reach.
pub(super) fn unspoken(transport: Unspoken) -> Refusal<'static> {
    let warning = alloc::format!("399 offhook \"transport {transport} is not spoken, only udp\"");
    Refusal::with(480, "Warning", warning.into_bytes())
}

/// Whether Allow names this method.
fn is_allowed(method: Method, allow: &[u8]) -> bool {
    allow.split(|&octet| octet == b',').any(|ours| ours.trim_ascii() == method.as_str().as_bytes())
}

/// Section 8.2.3, and 406 for a caller who would not understand our answer.
fn check_body(frame: &Frame<'_>, board: &Switchboard) -> Result<(), Refusal<'static>> {
    let types = &board.config.body_types;
    let taken = |kind: &[u8]| types.iter().any(|known| is_type(kind, known));
    multipart::check(frame, &taken, &board.config.limits.wire).map_err(|fault| match fault {
        BodyFault::Encoded => Refusal::with(415, "Accept-Encoding", b"identity".to_vec()),
        BodyFault::Unknown => Refusal::with(415, "Accept", board.accept.to_vec()),
        BodyFault::TooMany => Refusal::plain(413),
        BodyFault::Malformed => Refusal { reason: "Malformed Multipart Body", ..Refusal::plain(400) },
    })?;
    let mut accepts = frame.values(HeaderName::Accept).peekable();
    let takes_sdp = |value| [SDP_TYPE, "application/*", "*/*"].into_iter().any(|kind| is_type(value, kind));
    if accepts.peek().is_some() && !accepts.any(takes_sdp) {
        return Err(Refusal::plain(406));
    }
    Ok(())
}

impl UnifiedCoordinator {
    /// The session description of a message, wherever in its body it stands; empty if there is none. Whoever reads an offer
    /// or an answer reads this.
    pub(super) fn description_of<'a>(&self, frame: &Frame<'a>) -> &'a [u8] {
        multipart::description(frame, &self.board.config.limits.wire)
    }
}
