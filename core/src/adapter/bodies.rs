//! Bodies of ours that have more in them than a session description (RFC 5621).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::Switchboard;
use crate::base::ids::SessionId;
use crate::session::OwnPart;
use crate::wire::SDP_TYPE;
use crate::wire::multipart::{self, PartText};

/// The header line of our session description as a part.
const SDP_HEAD: &[u8] = b"Content-Type: application/sdp\r\n";

/// A body and its type.
pub(super) type Body = (Cow<'static, str>, Vec<u8>);

impl Switchboard {
    /// The body that a session sends: its description, or a `multipart/mixed` of that and what the application adds.
    pub(super) fn body_with_parts(&mut self, id: SessionId, description: Option<Vec<u8>>) -> Option<Body> {
        let parts = self.registry.session_mut(id).and_then(|session| session.parts.take());
        let Some(own) = parts else { return description.map(|text| (Cow::Borrowed(SDP_TYPE), text)) };
        let described = description.as_deref().map(|body| PartText { head: SDP_HEAD, body });
        let added = own.iter().map(|OwnPart { head, body }| PartText { head, body });
        let texts: Vec<PartText<'_>> = described.into_iter().chain(added).collect();
        // Random, so that it is in none of them; looked for, because that is not certain.
        let mut boundary = self.random_text();
        while !multipart::is_boundary_of(&boundary, &texts) {
            boundary = self.random_text();
        }
        let body = multipart::write(&texts, &boundary);
        // An INVITE may have to be sent again, to another place or with credentials.
        if let Some(session) = self.registry.session_mut(id) {
            session.parts = Some(own);
        }
        let kind = alloc::format!("multipart/mixed;boundary={}", String::from_utf8_lossy(&boundary));
        Some((Cow::Owned(kind), body))
    }
}
