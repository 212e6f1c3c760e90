//! What is known of a call that asks to come in.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::frame::{Frame, StartLine};
use crate::wire::limits::WireLimits;
use crate::wire::path::Path;
use crate::wire::uri::Uri;
use crate::wire::{HeaderName, NameAddr};

/// An INVITE as its handler sees it. Every header is there; text that is no UTF-8 is shown with replacement
/// characters, the bytes are in [`message`](Self::message).
#[derive(Clone, PartialEq, Eq)]
pub struct InviteDetails {
    message: Bytes,
    source: Path,
    has_offer: bool,
}

impl InviteDetails {
    /// Keeps a copy of the INVITE.
    pub(crate) fn new(frame: &Frame<'_>, source: Path) -> Self {
        Self { message: Bytes::copy_from_slice(frame.bytes()), source, has_offer: !frame.body().is_empty() }
    }

    /// The whole INVITE as it came.
    pub fn message(&self) -> &Bytes {
        &self.message
    }

    /// Where it came from and which of our addresses it came to.
    pub fn source(&self) -> Path {
        self.source
    }

    /// Whether it brings a session description; without one our answer will carry the offer.
    pub fn has_offer(&self) -> bool {
        self.has_offer
    }

    /// The Request-URI: who is called, as the last hop put it.
    pub fn request_uri(&self) -> Cow<'_, str> {
        match self.frame().map(|frame| frame.start()) {
            Some(StartLine::Request { uri, .. }) => String::from_utf8_lossy(uri),
            _ => Cow::Borrowed(""),
        }
    }

    /// User part of the Request-URI, as written.
    pub fn called_user(&self) -> Option<Cow<'_, str>> {
        match self.frame()?.start() {
            StartLine::Request { uri, .. } => Uri::parse(uri).ok()?.user.map(String::from_utf8_lossy),
            StartLine::Response { .. } => None,
        }
    }

    /// URI of the caller, as the caller says. Not verified.
    pub fn from_uri(&self) -> Cow<'_, str> {
        self.address(HeaderName::From).map_or(Cow::Borrowed(""), |addr| String::from_utf8_lossy(addr.uri))
    }

    /// Name of the caller, as the caller says. Not verified.
    pub fn from_display(&self) -> Option<Cow<'_, str>> {
        let display = self.address(HeaderName::From)?.display?;
        match display.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            Some(quoted) => Some(Cow::Owned(String::from_utf8_lossy(&unquote(quoted)).into_owned())),
            None => Some(String::from_utf8_lossy(display)),
        }
    }

    /// URI of the called party, as the caller wrote it.
    pub fn to_uri(&self) -> Cow<'_, str> {
        self.address(HeaderName::To).map_or(Cow::Borrowed(""), |addr| String::from_utf8_lossy(addr.uri))
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Cow<'_, str> {
        self.first(HeaderName::CallId).map_or(Cow::Borrowed(""), String::from_utf8_lossy)
    }

    /// The first header of this name (any case, long or compact form).
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.frame()?.named(name).map(String::from_utf8_lossy)
    }

    /// The first header of a kind as the type that the rsip crate has for it, if rsip reads it as we do.
    #[cfg(feature = "rsip")]
    pub fn typed<H: crate::wire::rsip::BridgedHeader>(
        &self,
    ) -> Option<Result<H, crate::wire::rsip::BridgeError>> {
        crate::wire::rsip::RsipHeaders::typed(&self.frame()?)
    }

    /// The session description or whatever body came.
    pub fn body(&self) -> &[u8] {
        self.frame().map_or(&[], |frame| frame.body())
    }

    pub(crate) fn frame(&self) -> Option<Frame<'_>> {
        // The message was within the coordinator's limits when it came.
        let limits = WireLimits::NONE;
        Frame::parse(&self.message, &limits).ok()
    }

    fn first(&self, name: HeaderName) -> Option<&[u8]> {
        self.frame()?.first(name)
    }

    fn address(&self, name: HeaderName) -> Option<NameAddr<'_>> {
        NameAddr::parse(self.first(name)?)
    }
}

/// A quoted-string without its quoted-pairs (RFC 3261 section 25.1).
fn unquote(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut octets = text.iter();
    while let Some(&octet) = octets.next() {
        let octet = if octet == b'\\' { octets.next().copied() } else { Some(octet) };
        plain.extend(octet);
    }
    plain
}

impl core::fmt::Debug for InviteDetails {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("InviteDetails")
            .field("request_uri", &self.request_uri())
            .field("from", &self.from_uri())
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_shown_as_it_is_meant() {
        let details = |from: &str| {
            let text = format!(
                "INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: {from}\r\nTo: <sip:a@h>\r\n\
                 Call-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
            );
            let address = "192.0.2.1:5060".parse().expect("an address");
            let limits = WireLimits::default();
            let frame = Frame::parse(text.as_bytes(), &limits).expect("an INVITE");
            InviteDetails::new(&frame, Path::udp(address, address)).from_display().map(Cow::into_owned)
        };
        assert_eq!(details(r#""J \"R\" \\ Hacker" <sip:j@h>;tag=1"#).as_deref(), Some(r#"J "R" \ Hacker"#));
        assert_eq!(details("Bob <sip:j@h>;tag=1").as_deref(), Some("Bob"));
        assert_eq!(details("<sip:j@h>;tag=1"), None);
    }
}
