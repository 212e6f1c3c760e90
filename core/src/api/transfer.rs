//! What a peer asks for with REFER.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::{HeaderName, Replaces};

/// What the other side of a call wants us to do: call somebody else in its place (RFC 3515).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransferRequest {
    pub(crate) target: Bytes,
    pub(crate) replaces: Option<Bytes>,
    /// Whether whoever is called must know Replaces.
    pub(crate) require: bool,
    pub(crate) referred_by: Option<Bytes>,
    pub(crate) wishes: Vec<(String, String)>,
}

impl TransferRequest {
    /// Who is to be called: a `sip:` URI.
    pub fn target(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.target)
    }

    /// The call of the target that ours is to take the place of: then the transfer is attended (RFC 3891).
    pub fn replaces(&self) -> Option<Replaces<'_>> {
        self.replaces.as_deref().and_then(Replaces::parse)
    }

    /// Who asks, as the peer says (RFC 3892). Not verified.
    pub fn referred_by(&self) -> Option<Cow<'_, str>> {
        self.referred_by.as_deref().map(String::from_utf8_lossy)
    }

    /// Header fields that the peer would like in the new INVITE (RFC 3261 section 19.1.5), such as `User-to-User`, `Subject` or
    /// `X-Account`; nothing that says who calls or where to. None is sent by itself: pass those that you consent to to
    /// [`accept_transfer_with`](crate::coordinator::UnifiedCoordinator::accept_transfer_with). At most 16, of 4096 octets
    /// together.
    pub fn wishes(&self) -> &[(String, String)] {
        &self.wishes
    }

    /// The headers that the new INVITE carries.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
        let mut headers = Vec::new();
        headers.extend(self.replaces.as_ref().map(|value| (HeaderName::Replaces.as_str(), text(value))));
        headers.extend(self.referred_by.as_ref().map(|value| (HeaderName::ReferredBy.as_str(), text(value))));
        headers
    }

    /// The same as lines.
    pub(crate) fn lines(&self) -> Bytes {
        let mut lines = Vec::new();
        let mut line = |name: HeaderName, value: &[u8]| {
            for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
                lines.extend_from_slice(part);
            }
        };
        if let Some(replaces) = &self.replaces {
            line(HeaderName::Replaces, replaces);
            if self.require {
                line(HeaderName::Require, b"replaces");
            }
        }
        if let Some(referred_by) = &self.referred_by {
            line(HeaderName::ReferredBy, referred_by);
        }
        Bytes::from(lines)
    }
}
