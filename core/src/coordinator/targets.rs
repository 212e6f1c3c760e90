//! Whom the application means: URIs, and what people write instead of them.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;

use super::UnifiedCoordinator;
use super::commands::{bad, check_target};
use crate::adapter::Switchboard;
use crate::signaling::CommandError;
use crate::wire::check_text;
use crate::wire::tel::{Tel, dialled};
use crate::wire::uri::{Host, Uri};

impl Switchboard {
    /// The domain that we belong to: that of our address-of-record, else that of our first registration.
    pub(crate) fn domain(&self) -> Option<String> {
        let place = |uri: &[u8]| {
            let uri = Uri::parse(uri).ok()?;
            Some(match uri.port {
                Some(port) => alloc::format!("{}:{port}", uri.host),
                None => uri.host.to_string(),
            })
        };
        if let Some(address) = &self.config.address_of_record {
            return place(address.as_bytes());
        }
        let first = self.registry.registration_ids().into_iter().next()?;
        place(self.registry.registration(first)?.aor())
    }
}

impl UnifiedCoordinator {
    /// The URI that `target` means, checked: a number (`1000`, `+49 30 123-45`, `tel:+1-201-555-0123`) or a bare name is one of
    /// our own domain.
    pub(super) fn target_of(&self, target: &str) -> Result<Bytes, CommandError> {
        match self.complete(target)? {
            Some(whole) => check_target(&whole),
            None => check_target(target),
        }
    }

    /// The whole URI for what needs our domain; `None` for what is whole already, or is nothing at all.
    pub(super) fn complete(&self, target: &str) -> Result<Option<String>, CommandError> {
        check_text(target).map_err(|error| bad("target", error))?;
        let domain = || {
            let no_domain = || CommandError::NoDomain { target: target.into() };
            self.board.domain().ok_or_else(no_domain)
        };
        let text = |uri: Vec<u8>| String::from_utf8(uri).ok();
        if Uri::scheme_of(target.as_bytes()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"tel")) {
            let close = target.replace(' ', "");
            let tel = Tel::parse(close.as_bytes());
            let tel = tel.ok_or_else(|| bad("target", "no telephone number, such as tel:+1-201-555-0123"))?;
            return Ok(text(tel.to_sip(&domain()?)));
        }
        let target = target.trim();
        if Host::parse(target.as_bytes()).is_some_and(|host| host.ip().is_some()) {
            return Ok(None);
        }
        if let Some(user) = dialled(target).and_then(text) {
            return Ok(Some(alloc::format!("sip:{user}@{}", domain()?)));
        }
        // A name without a dot is a user; with one it would be a host, and a URI has its scheme.
        let named = !target.is_empty() && !target.contains(['.', ':', '@', '[', ' ']);
        if named { Ok(Some(alloc::format!("sip:{target}@{}", domain()?))) } else { Ok(None) }
    }
}
